"""Runs that answer a question, in order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from autotrack.views import text
from autotrack.views.overview import layout
from autotrack.views.rows import Batch, RunRow
from autotrack.views.run import RunView

if TYPE_CHECKING:
    import pandas as pd

    from autotrack.store.engine import Index
    from autotrack.views.store import Store

_BLOCK = 200  # runs whose values are read together
_SHOWN = 25  # rows of a printed table


class Runs(Sequence[RunView]):
    """Runs as they were when they were asked for: which they are and their order never change.

    Params, metrics and tags are read when they are first looked at, some hundred runs at a time.
    """

    def __init__(self, views: Sequence[RunView], total: int, focus: str = "", index: Index | None = None) -> None:
        self._views = views
        self._focus = focus
        self._index = index
        self.total = total
        """How many runs match, without the limit."""

    @classmethod
    def of(cls, store: Store, index: Index, rows: Sequence[RunRow], total: int, focus: str) -> Runs:
        """Make views of rows."""
        views: list[RunView] = []
        for at in range(0, len(rows), _BLOCK):
            block = rows[at : at + _BLOCK]
            batch = Batch(index, [row.id for row in block])
            views += [RunView(store, row, batch) for row in block]
        return cls(views, total, focus, index)

    @overload
    def __getitem__(self, key: int) -> RunView: ...
    @overload
    def __getitem__(self, key: slice) -> Runs: ...
    def __getitem__(self, key: int | slice) -> RunView | Runs:
        if isinstance(key, slice):
            return Runs(self._views[key], self.total, self._focus, self._index)
        try:
            return self._views[key]
        except IndexError:
            about = f"there are {text.plural(len(self), 'run')}" if self else "no run matches"
            raise IndexError(f"{about}: no run at position {key}") from None

    def __len__(self) -> int:
        return len(self._views)

    def __iter__(self) -> Iterator[RunView]:
        return iter(self._views)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Runs) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per run.

        Columns: ``id``, ``name``, ``experiment``, ``status``, ``started`` (UTC), ``duration``, then ``params.*``
        (types kept), ``metrics.*`` (last values) and ``tags.*``.
        """
        from autotrack.views.frame import to_frame

        return to_frame(self._index, self._views)

    def __repr__(self) -> str:
        shown = self[:_SHOWN]
        if not shown:
            return f"<Runs: none{f' of {self.total:,}' if self.total else ''}>"
        room = max(100, shutil.get_terminal_size((140, 24)).columns)
        columns, about = layout(shown, self.total, self._focus, room, 2)
        rows = [[column.cell(i) for column in columns] for i in range(len(shown))]
        lines = text.table([column.head for column in columns], rows, [column.right for column in columns])
        return "\n".join([*lines, f"({about})"])

    def _repr_html_(self) -> str:
        from autotrack.views.html import runs_table

        return runs_table(self, self._focus)
