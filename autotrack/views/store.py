"""A store, as readers see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from autotrack import config
from autotrack.blobs import BlobStore
from autotrack.errors import RunNotFound, StoreError
from autotrack.journal.text import escape
from autotrack.query import compile_filter, compile_order
from autotrack.store.engine import Index
from autotrack.store.ingest import IngestReport, ingest
from autotrack.store.schema import runs as runs_table
from autotrack.store.sealing import seal_finished, sealable
from autotrack.views.garbage import Garbage, collect
from autotrack.views.keys import check_order, unknown_fields
from autotrack.views.mending import mended
from autotrack.views.rows import page
from autotrack.views.run import RunView
from autotrack.views.runs import Runs

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from autotrack.journal.folder import Folder


class Store:
    """A place with runs. Made by `autotrack.open_store`; reading never writes into journals.

    Every question first takes in what was recorded since the last one. A store that does not exist yet is an empty one.
    """

    def __init__(self, place: str, folder: Folder) -> None:
        self._place = place
        self.folder = folder
        """Where journals and content lie (for a team store: the local spool)."""
        self.blobs = BlobStore(folder)
        """Content of artifacts, models and environments."""
        self._index: Index | None = None
        self._pid = os.getpid()

    @property
    def url(self) -> str:
        """Folder or database URL, without its password."""
        if not config.is_url(self._place):
            return self._place
        from sqlalchemy import make_url

        return make_url(self._place).render_as_string(hide_password=True)

    def reference(self) -> str:
        """Return what `open_store` finds this store by again. A password is left out (see PGPASSWORD, ~/.pgpass)."""
        if not config.is_url(self._place):
            return self._place
        from sqlalchemy import make_url

        url = make_url(self._place)
        return url._replace(password=None).render_as_string(hide_password=False)

    # Questions

    def runs(self, where: str | None = None, *, order_by: str | None = None, limit: int | None = None) -> Runs:
        """Return the runs that match a filter, newest first unless `order_by` says otherwise (``-metrics.loss``).

        Raises QueryError for a filter or an order that cannot be understood, and for an order by what no run has.
        """
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
            raise ValueError(f"limit is a number of runs or None, not {limit!r}")
        conditions = [compile_filter(where)] if where is not None else []
        order = compile_order(order_by or "")
        found = self._select(conditions, order, limit, f"{where or ''} {order_by or ''}")
        if order_by and self._index is not None:
            check_order(self._index, order_by)
        return found

    def remarks(self, where: str) -> list[str]:
        """Return a line for each param, metric or tag in a filter that no run has, such as a misspelled one."""
        index = self._opened()
        return [] if index is None else unknown_fields(index, where)

    def children(self, run: str) -> Runs:
        """Return the runs that were started inside a run (by its id), newest first."""
        return self._select([runs_table.c.parent == run], compile_order(""), None, "")

    def run(self, ref: str | RunView | Any) -> RunView:
        """Return one run by its id, by ``"latest"``, by its name, or by the beginning or end of its id.

        Runs and views of runs will do too. Raises RunNotFound where none or several answer.
        """
        if not isinstance(ref, str):
            ref = getattr(ref, "id", None)
            if not isinstance(ref, str):
                raise TypeError("a run is named by its id, its name or 'latest'")
        if ref == "latest":
            found = self.runs(limit=1)
            if not found:
                raise RunNotFound(f"there are no runs in {self.url}")
            return found[0]
        text = ref.lower()
        uid = runs_table.c.uid
        for condition in (
            [uid == text] if len(text) == 26 else [],
            [runs_table.c.name == escape(ref)],
            [uid.startswith(text, autoescape=True) | uid.endswith(text, autoescape=True)] if len(text) >= 3 else [],
        ):
            if condition and (answers := self._select(condition, compile_order(""), 4, "")):
                if len(answers) > 1:
                    raise RunNotFound(_several(ref, answers))
                return answers[0]
        near = self._select([runs_table.c.name.icontains(escape(ref), autoescape=True)], compile_order(""), 1, "")
        hint = f"did you mean {near[0].name[:60]!r}? " if near else ""
        raise RunNotFound(
            f"no run {ref[:60]!r} in {self.url}: {hint}`autotrack runs` lists what there is, 'latest' is the newest"
        )

    def find(self, uid: str) -> RunView | None:
        """Return a run by its full id; None where it is not in this store."""
        found = self._select([runs_table.c.uid == uid], compile_order(""), 1, "")
        return found[0] if found else None

    # Upkeep

    def ingest(self, *, progress: Callable[..., Any] | None = None) -> IngestReport | None:
        """Take in what was recorded since the last time; None where there is nothing to take it from."""
        index = self._opened()
        if index is None or not self.folder.runs.is_dir():
            return None
        return mended(index, lambda: ingest(index, self.folder, progress=progress))

    def rebuild(self, *, progress: Callable[..., Any] | None = None) -> IngestReport | None:
        """Throw the index away and replay the journals. StoreError for a team store, whose index nobody throws away."""
        index = self._opened()
        if index is None:
            return None
        index.replace()
        return mended(index, lambda: ingest(index, self.folder, progress=progress))

    def gc(self, *, dry_run: bool = False, progress: Callable[[int, int], object] | None = None) -> Garbage:
        """Compress the journals of ended runs, and remove content that no run refers to (artifacts of deleted runs).

        With `dry_run` only say what would be done; `progress` is told the number of journals done and of all.
        """
        sealed = 0
        index = self._opened()
        if index is not None:
            self._take_in(index)
            if dry_run:
                sealed = len(sealable(index, self.folder))
            else:
                sealed = seal_finished(index, self.folder, progress=progress)
        return collect(self.folder, sealed=sealed, dry_run=dry_run)

    def close(self) -> None:
        """Give connections back; the store opens them again when it is asked something."""
        if self._index is not None and self._pid == os.getpid():
            self._index.close()
        self._index = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.url}>"

    # Inside

    def _opened(self) -> Index | None:
        """Return the index; None where the store does not exist yet: reading makes nothing."""
        if self._pid != os.getpid():  # connections do not survive a fork
            if self._index is not None:
                self._index.engine.dispose(close=False)
            self._index, self._pid = None, os.getpid()
        if not config.is_url(self._place):
            self._check_folder()
            if not self.folder.runs.is_dir():
                self.close()
                return None
        if self._index is None:
            self._index = Index.open(self._place if config.is_url(self._place) else self.folder)
        self._index.refresh()
        return self._index

    def _check_folder(self) -> None:
        root = self.folder.root
        blocked = next((parent for parent in root.parents if parent.exists() and not parent.is_dir()), None)
        if blocked is not None:
            raise StoreError(
                f"the store {root} cannot be there, as {blocked} is a file: name another with AUTOTRACK_STORE"
            )
        if root.exists() and not root.is_dir():
            raise StoreError(f"the store {root} is a file, not a folder: name another place with AUTOTRACK_STORE")
        if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
            raise StoreError(f"the store {root} cannot be read: mend its permissions (chmod -R u+rX {root})")

    def _select(
        self, conditions: Sequence[ColumnElement[bool]], order: Sequence[Any], limit: int | None, focus: str
    ) -> Runs:
        index = self._opened()
        if index is None:
            return Runs([], 0, focus)
        self._take_in(index)
        rows, total = page(index, conditions, order, limit)
        return Runs.of(self, index, rows, total, focus)

    def _take_in(self, index: Index) -> None:
        if self.folder.runs.is_dir():
            mended(index, lambda: ingest(index, self.folder))


def _several(ref: str, found: Sequence[RunView]) -> str:
    listed = ", ".join(run.id for run in found[:3])
    more = " …" if len(found) > 3 else ""
    return f"several runs answer to {ref[:60]!r}: name one by its id ({listed}{more})"


def open_store(url: str | os.PathLike[str] | None = None) -> Store:
    """Open a store for reading: a folder, or a ``postgresql+psycopg://`` URL.

    Without an argument it is the place where this process records: `configure(store=...)`, ``AUTOTRACK_STORE``,
    ``[tool.autotrack]``, the nearest ``.autotrack``. StoreError, in one line, where that cannot be a store.
    """
    options = config.current(store=None if url is None else os.fspath(url))
    if config.is_url(options.store) and options.store.startswith(("http://", "https://")):
        raise StoreError("a server's URL cannot be read yet: open its database, or a store folder")
    return Store(options.store, options.folder())


_stores: dict[str, Store] = {}


def runs(where: str | None = None, *, order_by: str | None = None, limit: int | None = None) -> Runs:
    """Return recorded runs: those that match a filter, newest first unless `order_by` says otherwise.

    >>> autotrack.runs("metrics['train/score'] > 0.9", order_by="-metrics['train/score']")  # doctest: +SKIP

    Raises QueryError for a filter or an order that cannot be understood, StoreError where the store cannot be read.
    """
    return default_store().runs(where, order_by=order_by, limit=limit)


def default_store(url: str | None = None) -> Store:
    """Return the store where this process records, or another, its connections kept open between questions."""
    store = open_store(url)
    return _stores.setdefault(store._place, store)  # noqa: SLF001 - the same module
