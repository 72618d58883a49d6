"""Brings indexes up to date from the process that records: the only module that knows both sides.

A team store is told while a run goes on, by a thread: its readers are elsewhere. A local index is brought up to date
when the process ends, and only where there is much news: the next reader needs milliseconds for little, and starting
SQLAlchemy for that would cost every short script a quarter of a second.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from autotrack import config, forking
from autotrack.journal.folder import Folder
from autotrack.log import warn

if TYPE_CHECKING:
    from autotrack.store.engine import Index

_INTERVAL = 5.0  # seconds between two deliveries to a team store
_LONGEST = 60.0  # ... where it does not answer
_PATIENCE = 2  # seconds to wait for a server
_WORTHWHILE = 4 * 1024 * 1024  # bytes of new journal in a local store

_recorded: dict[str, set[str]] = {}  # ids of this process's runs by store
_couriers: dict[str, _Courier] = {}
_lock = threading.Lock()


def announce(store: str, run: str) -> None:
    """Say that this process records a run into a store (a folder or a URL)."""
    with _lock:
        _recorded.setdefault(store, set()).add(run)
        if config.is_url(store) and store not in _couriers:
            _couriers[store] = _Courier(store)


def deliver(deadline: float) -> None:
    """Deliver what is left at the end of the process, until `deadline` (`time.monotonic`)."""
    for courier in list(_couriers.values()):
        courier.end(deadline)
    for store, runs in list(_recorded.items()):
        if not config.is_url(store) and time.monotonic() < deadline:
            try:
                if _news(Folder(store), runs) >= _WORTHWHILE:
                    with _open(store) as index:
                        _ingest(index, Folder(store), deadline)
            except Exception as error:  # noqa: BLE001 - nothing is lost: the journal has it all
                warn(f"the index was not brought up to date ({error}); the next reader does it")


class _Courier:
    """The thread that tells one team store."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._folder = Folder(config.spool_folder(store))
        self._ending = threading.Event()
        self._deadline: float | None = None
        self._index: Index | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._work, name="autotrack-delivery", daemon=True)
        self._thread.start()

    def end(self, deadline: float) -> None:
        """Deliver for the last time; a server that does not answer is waited for until `deadline`, no longer."""
        self._deadline = deadline
        self._ending.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            warn(f"not delivered yet, and kept in {self._folder.root}: the team store did not answer in time")

    def _work(self) -> None:
        wait = _INTERVAL
        while not self._ending.wait(wait):
            wait = _INTERVAL if self._deliver() else min(2 * wait, _LONGEST)
        self._deliver()
        self._close()

    def _deliver(self) -> bool:
        try:
            if self._index is None:
                self._index = _open(self._store)
            _ingest(self._index, self._folder, self._deadline)
        except Exception as error:  # noqa: BLE001 - nothing is lost: the spool has it all
            self._close()
            if not self._failed:  # once is enough
                warn(f"not delivered yet, and kept in {self._folder.root}: {error}")
            self._failed = True
            return False
        self._failed = False
        return True

    def _close(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None


def _open(store: str) -> Index:
    with forking.held():
        from autotrack.store import ingest  # noqa: F401 - what is imported here is there for `_ingest`
        from autotrack.store.engine import Index

        if config.is_url(store):
            with contextlib.suppress(ImportError):  # `Index.open` says what is missing
                import psycopg  # noqa: F401

                from autotrack.store import migrations  # noqa: F401
    return Index.open(store if config.is_url(store) else Folder(store), patience=_PATIENCE)


def _ingest(index: Index, folder: Folder, deadline: float | None) -> None:
    from autotrack.store.ingest import ingest

    if folder.runs.is_dir():
        ingest(index, folder, deadline=deadline)


def _news(folder: Folder, runs: set[str]) -> int:
    """Return the size of the unsealed segments of some runs, as far as a glance tells."""
    return sum(segment.size() for run in runs for segment in folder.segments(run) if not segment.sealed)


def _after_fork_in_child() -> None:
    """The parent's threads do not exist here, and its runs are its own to deliver."""
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    _recorded.clear()
    _couriers.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
