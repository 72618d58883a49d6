"""Tables of a run: columns of any values, as they were logged; trials of a search, points of a curve."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from autotrack.errors import AutotrackError
from autotrack.journal.text import unescape
from autotrack.journal.values import decode_value
from autotrack.views import text
from autotrack.views.values import Columns, Values

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = 20  # rows of a printed table
_PLAIN = frozenset({bool, int, float, type(None)})  # cells that stand for themselves in the journal
_ESCAPE = rb"\u0010"  # of texts, as it is in JSON
_decode_cells = msgspec.json.Decoder(list[Any]).decode
_count_cells = msgspec.json.Decoder(list[msgspec.Raw]).decode


class MissingMatplotlib(AutotrackError, ImportError):
    """matplotlib is not installed."""

    def __init__(self) -> None:
        super().__init__("drawing a table needs matplotlib: pip install 'autotrack-ml[plot]'")


class _Body(msgspec.Struct):
    """A table event; its cells are decoded when somebody looks at them."""

    name: str
    columns: dict[str, msgspec.Raw]
    kind: str = "table"
    more: bool = False
    meta: dict[str, Any] = {}


_decode_body = msgspec.json.Decoder(_Body).decode


class _Part(NamedTuple):
    """Rows that were logged together."""

    length: int
    columns: dict[str, msgspec.Raw]


class Tables(Values["TableView"]):
    """The tables of a run by name: ``run.tables["trials"]``."""

    noun = "table"

    def __repr__(self) -> str:
        listed = [f"{text.value(t.name, 60)} ({text.plural(len(t), 'row')})" for t in list(self.values())[:10]]
        more = f", … (10 of {len(self):,})" if len(self) > 10 else ""
        return f"<Tables {', '.join(listed)}{more}>" if listed else "<Tables: none>"


@dataclass(frozen=True, eq=False, repr=False)
class TableView:
    """A table, or some of its rows: `where`, `sort` and `head` give another view of the same table.

    Cells have the types that they were logged with. They are decoded when they are first asked for; the number of rows
    is known before.
    """

    name: str
    kind: str
    """``trials``, ``roc_curve``, …: what the columns mean and how they are drawn; ``table`` for any other."""
    meta: Mapping[str, Any]
    run: str
    """Id of the run."""
    run_name: str
    total: int
    """Rows of the whole table, however many of them this view holds."""
    _count: int
    _read: Callable[[], dict[str, list[Any]]]

    @cached_property
    def columns(self) -> Columns:
        """The cells by column, in the order of the columns."""
        return Columns(self._read())

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        names = list(self.columns)
        if not names:
            return iter(())
        return (dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True))

    def __getitem__(self, column: str) -> list[Any]:
        return self.columns[column]

    def where(self, condition: str) -> TableView:
        """Return the rows for which a filter is true: ``trials.where("mean_test_score > 0.9 and param_C < 1")``.

        Columns stand under their names, those that are no Python names as ``columns["odd name"]``; otherwise the
        language is that of `autotrack.runs`. Raises QueryError for a filter that cannot be understood.
        """
        from autotrack.query.rows import matching

        return self._some(matching(condition, self.columns, len(self)))

    def sort(self, order: str) -> TableView:
        """Return the rows in order of one or several columns: ``"-mean_test_score, param_C"``; ``-``: largest first.

        Numbers go before texts; missing values and NaN come last in both directions; equal rows stay in their order.
        """
        from autotrack.query.rows import ordered

        return self._some(ordered(order, self.columns, len(self)))

    def head(self, count: int = 10) -> TableView:
        """Return the first rows."""
        return self._some(range(min(max(count, 0), len(self))))

    def _some(self, places: Sequence[int]) -> TableView:
        return replace(self, _count=len(places), _read=partial(_chosen, self.columns, places))

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame. Numbers keep numeric types: what is missing among them is NaN."""
        from autotrack.views.frame import table_frame

        return table_frame(self.columns, len(self))

    def plot(self, *others: TableView, ax: Axes | None = None) -> Figure:
        """Draw the table with matplotlib as its kind asks for, together with `others` of the same kind.

        The Figure shows itself in notebooks; ``figure.savefig("roc.png")`` keeps it. With `ax` it is drawn there.
        """
        figure: Figure = pictures().draw([self, *others], ax)
        return figure

    def __repr__(self) -> str:
        from autotrack.views.grid import layout

        head = f"<TableView {text.value(self.name, 60)} of {text.value(self.run_name, 40)}, {text.value(self.kind, 30)}"
        if not len(self) or not self.columns:
            return f"{head}, {rows_of(self, len(self))}>"
        width = max(100, shutil.get_terminal_size((140, 24)).columns)
        found = layout(self, self.head(_SHOWN), width, 2)
        lines = text.table(found.heads[0], [*found.heads[1:], *found.rows], found.right)
        return "\n".join([f"{head}>", *lines, f"({found.counts})"])

    def _repr_html_(self) -> str:
        from autotrack.views.html import table_html

        return table_html(self)


def rows_of(table: TableView, shown: int | None = None) -> str:
    """Return how many rows are shown, of how many: without a number, those of the view out of the whole table."""
    if shown is None:
        return f"{len(table):,} of {text.plural(table.total, 'row')}"
    whole = f" out of {table.total:,}" if table.total != len(table) else ""
    return f"{shown:,} of {text.plural(len(table), 'row')}{whole}"


def pictures() -> ModuleType:
    """Import what draws; an ImportError that says what to install."""
    try:
        import matplotlib.figure  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingMatplotlib from error
    from autotrack.views import pictures as module

    return module


def read_tables(bodies: Iterable[str], run: str, run_name: str) -> Tables:
    """Return the tables of a run from their events in order: a later one replaces, or adds its rows."""
    found: dict[str, list[_Body]] = {}
    for body in map(_decode_body, bodies):
        if body.more and body.name in found:
            found[body.name].append(body)
        else:
            found[body.name] = [body]
    return Tables({unescape(name): _table(parts, run, run_name) for name, parts in found.items()})


def no_table(name: str, run: str, run_name: str) -> TableView:
    """Return a table without rows."""
    return TableView(name, name, {}, run, run_name, 0, 0, dict)


def _table(bodies: Sequence[_Body], run: str, run_name: str) -> TableView:
    parts = tuple(_Part(_length(body), body.columns) for body in bodies)
    count = sum(part.length for part in parts)
    kinds = [body.kind for body in bodies if body.kind != "table"]  # rows that are added need not say it again
    meta: dict[str, Any] = {}
    for body in bodies:
        meta |= decode_value(body.meta)
    name, kind = unescape(bodies[0].name), unescape(kinds[-1] if kinds else "table")
    return TableView(name, kind, meta, run, run_name, count, count, partial(_joined, parts))


def _length(body: _Body) -> int:
    return next((len(_count_cells(cells)) for cells in body.columns.values()), 0)


def _joined(parts: Sequence[_Part]) -> dict[str, list[Any]]:
    """Return the columns of all parts; where a part does not have one, its cells are None."""
    columns: dict[str, list[Any]] = {}
    done = 0
    for part in parts:
        for name, raw in part.columns.items():
            cells = columns.setdefault(name, [])
            cells.extend([None] * (done - len(cells)))
            cells.extend(_cells(raw))
        done += part.length
    for cells in columns.values():
        cells.extend([None] * (done - len(cells)))
    return {unescape(name): cells for name, cells in columns.items()}


def _cells(raw: msgspec.Raw) -> list[Any]:
    cells = _decode_cells(raw)
    kinds = _PLAIN if _ESCAPE in bytes(raw) else _PLAIN | {str}
    if kinds.issuperset(map(type, cells)):
        return cells
    return [cell if type(cell) in kinds else decode_value(cell) for cell in cells]


def _chosen(columns: Mapping[str, list[Any]], places: Sequence[int]) -> dict[str, list[Any]]:
    return {name: [cells[at] for at in places] for name, cells in columns.items()}
