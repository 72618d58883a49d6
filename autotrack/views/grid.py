"""How a table of a run is shown where room is scarce: the most wanted columns, heads in several lines, what is cut."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from autotrack.views import text
from autotrack.views.overview import Column
from autotrack.views.tables import TableView, rows_of

_HEAD = 12  # columns of the terminal into which a head is folded
_NAME = 60
_BREAK = re.compile(r"[^_/ .-]*[_/ .-]*")  # a word of a name, with what separates it from the next
_SCORES = ("rank_test_", "mean_test_", "std_test_")


class Grid(NamedTuple):
    """What is shown of a table."""

    columns: list[Column]
    heads: list[list[str]]
    """Lines of heads; each has a text for every column."""
    rows: list[list[str]]
    right: list[bool]
    counts: str
    """How much of everything this is."""


def layout(table: TableView, shown: TableView, room: int, gap: int, focus: str = "") -> Grid:
    """Return the columns that fit into `room` columns of a terminal, with `gap` of them between two.

    `shown` are the rows of `table` that are shown; columns that `focus` mentions come first.
    """
    wanted = wanted_columns(shown, focus)
    found = [_Cells(column, [text.value(column.title, _NAME)]) for column in wanted]
    if sum(cells.width + gap for cells in found) - gap > room:
        found = [_Cells(column, _folded(*head)) for column, head in found]
    chosen: list[_Cells] = []
    for cells in found:
        if not chosen or cells.width + gap <= room:
            chosen.append(cells)
            room -= cells.width + gap
    lines = max((len(cells.head) for cells in chosen), default=0)
    heads = [[cells.line(at, lines) for cells in chosen] for at in range(lines)]
    rows = [[cells.column.cell(at) for cells in chosen] for at in range(len(shown))]
    return Grid(
        [cells.column for cells in chosen], heads, rows, [cells.column.right for cells in chosen],
        counts(table, len(shown), len(chosen)),
    )  # fmt: skip


def counts(table: TableView, rows: int, columns: int) -> str:
    """Return how many rows and columns of a table are shown."""
    cut = f", {columns:,} of {text.plural(len(table.columns), 'column')}" if columns < len(table.columns) else ""
    return rows_of(table, rows) + cut


def wanted_columns(table: TableView, focus: str = "") -> list[Column]:
    """Return the columns of a table, the most wanted first: of trials rank, score and the params that differ."""
    columns = [Column("columns", name, cells) for name, cells in table.columns.items()]
    if table.kind != "trials":
        return sorted(columns, key=lambda column: not _mentioned(column.title, focus))
    first = next((name.removeprefix("mean_test_") for name in table.columns if name.startswith("mean_test_")), "")
    leading = [prefix + first for prefix in _SCORES]

    def rank(column: Column) -> tuple[bool, int]:
        name = column.title
        if name in leading:
            return False, leading.index(name)
        if name.startswith("param_"):
            several = len(table) > 1 and len({text.exact(value) for value in column.values}) == 1
            return not _mentioned(name, focus), 4 if several else 3
        return not _mentioned(name, focus), 5 if name.startswith(_SCORES) else 6

    return sorted(columns, key=rank)


class _Cells(NamedTuple):
    """A column with the lines of its head."""

    column: Column
    head: list[str]

    @property
    def width(self) -> int:
        cells = map(self.column.cell, range(len(self.column.values)))
        return max(text.cells(shown) for shown in (*self.head, *cells))

    def line(self, at: int, lines: int) -> str:
        """Return a line of the head, which ends with the last of all `lines`."""
        at -= lines - len(self.head)
        return self.head[at] if at >= 0 else ""


def _mentioned(name: str, focus: str) -> bool:
    return bool(name) and name in focus


def _folded(name: str) -> list[str]:
    """Return a name in lines of few characters, broken behind what separates its words."""
    lines = [""]
    for word in filter(None, _BREAK.findall(name)):
        if lines[-1] and text.cells(lines[-1] + word) > _HEAD:
            lines.append("")
        lines[-1] += word
    return lines


def best_first(table: TableView) -> str:
    """Return the order in which trials are most telling: by rank; nothing for any other table."""
    ranks: Sequence[str] = [name for name in table.columns if name.startswith("rank_test_")]
    return ranks[0] if table.kind == "trials" and ranks else ""
