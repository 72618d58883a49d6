"""Filters and orders over the rows of a table that is in memory: the language of runs, where columns are the fields.

The tree of a filter is walked once for all rows, one column at a time. Nothing is ever evaluated.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any as AnyType

import msgspec

from autotrack.errors import QueryError
from autotrack.journal.text import unescape
from autotrack.journal.values import Opaque, encode_value
from autotrack.query import source
from autotrack.query.fields import Kind
from autotrack.query.language import Conditions, parse_filter
from autotrack.query.operands import Wording
from autotrack.query.ordering import split_order
from autotrack.query.tree import All, Any, Compare, Constant, Contains, Field, Missing, Not, OneOf, Relate, Term

Columns = Mapping[str, Sequence[AnyType]]

_COMPARE: dict[str, Callable[[AnyType, AnyType], bool]] = {
    "==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
# Only values of one family compare; all others are unequal.
_FAMILY = {bool: "bool", int: "number", float: "number", str: "text", Opaque: "text"}.get
_LISTED = 8  # columns that an error lists


def matching(text: str, columns: Columns, count: int) -> list[int]:
    """Return the places of the rows, of `count`, for which a filter is true; `QueryError` where it is none."""
    term = parse_filter(text, lambda text: _Cells(text, columns))
    return list(compress(range(count), _mask(term, columns, count)))


def ordered(text: str, columns: Columns, count: int) -> list[int]:
    """Return the places of all rows in an order such as ``-mean_test_score, param_C``.

    Numbers go before texts, what is missing or NaN comes last in both directions, and equal rows stay as they are.
    """
    places = list(range(count))
    for name, descending in reversed(parse_row_order(text, columns)):
        places = _sorted(places, columns[name], descending=descending)
    return places


def parse_row_order(text: str, columns: Iterable[str]) -> list[tuple[str, bool]]:
    """Return the columns of an order, each with whether it is descending."""
    if not isinstance(text, str):
        raise QueryError(f"an order is a text such as '-mean_test_score, param_C', not {type(text).__name__}")
    known = list(columns)
    whole = text.strip()
    if not whole:
        return []
    if whole in known or whole.removeprefix("-").strip() in known:
        return [_ordering(whole, known)]
    return [_ordering(part, known) for part in split_order(text)]


def _ordering(part: str, known: Sequence[str]) -> tuple[str, bool]:
    name = part.strip()
    if name in known:
        return name, False
    descending = name.startswith("-")
    name = name.removeprefix("-").strip()
    if name in known:
        return name, descending
    if not name:
        raise source.error(part, 0, "a column is needed here", f"e.g. {_wording(known).key}")
    parser = _Cells(name, known)
    return parser.field(parser.tree()).keys[0], descending


class _Cells(Conditions):
    """Reads conditions on the columns of a table."""

    def __init__(self, text: str, columns: Iterable[str]) -> None:
        self._columns = list(columns)
        super().__init__(text, _wording(self._columns), frozenset(self._columns))

    def field(self, node: ast.expr) -> Field:
        parts, root = self.parts(node)
        at = self.at(root)
        text, name = self.text[at : self.end(node)], self.written(root)
        if name == "columns" and parts:
            at, name = parts[0].at, ".".join(part.key for part in parts)
        else:
            name = ".".join([name, *(part.key for part in parts)])
        if name not in self._columns:
            close = _close(name, self._columns)
            meant = "".join(f"{_spelled(column)}, or " for column in close)
            hint = f"did you mean {meant}the text {source.quote(name)}? {self.wording.known}"
            raise self.error(at, f"there is no column {name}", hint)
        # As a param, a cell may be a number, a text or a bool, which differs from row to row.
        return Field("columns", "", (name,), Kind.PARAM, text, at)


def _wording(columns: Sequence[str]) -> Wording:
    spelled = [_spelled(name) for name in columns[:_LISTED]]
    more = f" … ({_LISTED} of {len(columns):,})" if len(columns) > _LISTED else ""
    first = next((name for name in spelled if not name.startswith("columns[")), 'columns["a b"]')
    return Wording(
        known=f"known: {', '.join(spelled)}{more}" if columns else "the table has no columns",
        example=f'{first} > 0.9 and columns["odd name"] <= 1e-3',
        comparison=f"{first} > 0.9",
        membership=f'{first} in [0.1, 1], or "part" in {first}',
        key='columns["odd name"]',
        home="columns",
    )


def _spelled(name: str) -> str:
    """Return a column as it is written in a filter."""
    return name if name.isidentifier() and name not in source.WORDS else f"columns[{source.quote(name)}]"


def _close(name: str, columns: Sequence[str]) -> list[str]:
    candidates = [column for column in columns if len(column) <= 200]
    small = name.lower()
    if ends := [column for column in candidates if column.lower().endswith(f"_{small}")]:  # C: param_svc__C
        return ends[:2]
    close = difflib.get_close_matches(name, candidates, 2, 0.5) if len(name) <= 200 else []
    return close or [column for column in candidates if small and small in column.lower()][:2]


def _mask(term: Term, columns: Columns, count: int) -> list[bool]:
    """Return for each row whether a term is true."""
    match term:
        case All(terms):
            found = [_mask(inner, columns, count) for inner in terms]
            return [*map(all, zip(*found, strict=True))] if found else [True] * count
        case Any(terms):
            return [*map(any, zip(*(_mask(inner, columns, count) for inner in terms), strict=True))]
        case Not(inner):
            return [not true for true in _mask(inner, columns, count)]
        case Relate(left, sign, right):
            pairs = zip(columns[left.keys[0]], columns[right.keys[0]], strict=True)
            return [_is_there(a) and _is_there(b) and _related(a, sign, b) for a, b in pairs]
        case Compare(field, sign, value):
            return _compared(columns[field.keys[0]], sign, value)
        case OneOf(field, values, negated):
            return _one_of(columns[field.keys[0]], values, negated=negated)
        case Contains(field, part, negated):
            small = source.lower(part)
            return [_contains(cell, small, negated=negated) for cell in columns[field.keys[0]]]
        case Missing(field):
            return [cell is None for cell in columns[field.keys[0]]]


def _is_there(cell: AnyType) -> bool:
    return cell is not None and bool(cell == cell)  # noqa: PLR0124 - NaN


def _compared(cells: Sequence[AnyType], sign: str, value: Constant) -> list[bool]:
    family = _FAMILY(type(value))
    if sign == "!=":
        return [_is_there(cell) and not (_FAMILY(type(cell)) == family and cell == value) for cell in cells]
    compare = _COMPARE[sign]
    return [_FAMILY(type(cell)) == family and compare(cell, value) for cell in cells]


def _related(a: AnyType, sign: str, b: AnyType) -> bool:
    if sign == "!=":
        return not _related(a, "==", b)
    family = _FAMILY(type(a))
    alike = family is not None and family == _FAMILY(type(b)) and (family != "bool" or sign == "==")
    return alike and _COMPARE[sign](a, b)


def _one_of(cells: Sequence[AnyType], values: Iterable[Constant], *, negated: bool) -> list[bool]:
    wanted = {(_FAMILY(type(value)), value) for value in values}
    found = [(family := _FAMILY(type(cell))) is not None and (family, cell) in wanted for cell in cells]
    if negated:
        return [_is_there(cell) and not true for cell, true in zip(cells, found, strict=True)]
    return found


def _contains(cell: AnyType, part: str, *, negated: bool) -> bool:
    if cell is None or isinstance(cell, (bool, int, float, bytes)):
        return False
    return (part in source.lower(_text(cell))) != negated


def _text(cell: AnyType) -> str:
    """Return a text, or a list or such as the JSON that stands for it."""
    return cell if isinstance(cell, str) else unescape(msgspec.json.encode(encode_value(cell)).decode())


def _sorted(places: list[int], cells: Sequence[AnyType], *, descending: bool) -> list[int]:
    numbers = [at for at in places if isinstance(cells[at], (bool, int, float)) and cells[at] == cells[at]]
    other = {at: _text(cells[at]) for at in places if not isinstance(cells[at], (bool, int, float, type(None)))}
    known = {*numbers, *other}
    return [
        *sorted(numbers, key=cells.__getitem__, reverse=descending),
        *sorted(other, key=other.__getitem__, reverse=descending),
        *(at for at in places if at not in known),
    ]
