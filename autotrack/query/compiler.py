"""From a filter to SQL over `autotrack.store.schema`, for SQLite and PostgreSQL alike.

Every condition is true or false, never NULL, so that ``not`` is plain negation. Constants are always bound parameters.
Keys are found by the hash of their text, once per query.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any as AnyType

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)

from autotrack.journal.text import escape
from autotrack.journal.values import encode_value
from autotrack.query.fields import Kind
from autotrack.query.functions import by_code_point, contains
from autotrack.query.language import parse_filter
from autotrack.query.tree import All, Any, Compare, Constant, Contains, Field, Missing, Not, OneOf, Relate, Term
from autotrack.store.rows import key_hash
from autotrack.store.schema import keys, params, runs, series, tags

Condition = ColumnElement[bool]
Value = ColumnElement[AnyType]

_TABLES = {"params": params, "metrics": series, "tags": tags}
_COMPARE: dict[str, Callable[[AnyType, AnyType], AnyType]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_COLUMNS = {"id": "uid"} | {"step_of_min": "min_step", "step_of_max": "max_step"}
_NUMBERS = ("int", "float")
_TEXTS = ("str", "other")  # an object of another class is the text of its repr
_EXACT = 2**53  # integers below are exact as floating point numbers


def compile_filter(text: str) -> Condition:
    """Return a filter as a condition on `schema.runs`.

    Raises `QueryError` where the text is not a filter. The empty text is true for every run.
    """
    return condition(parse_filter(text))


def condition(term: Term) -> Condition:
    """Return the SQL of a term."""
    match term:
        case All(terms):
            return and_(true(), *map(condition, terms))
        case Any(terms):
            return or_(false(), *map(condition, terms))
        case Not(inner):
            return not_(condition(inner))
        case Relate(left, sign, right):
            sides = _Source(left), _Source(right)
            return _where(sides, _pair(*sides, sign))
        case Compare(field, sign, value):
            side = _Source(field)
            return _where([side], side.compare(sign, value))
        case OneOf(field, values, negated):
            side = _Source(field)
            found = side.one_of(values)
            return _where([side], and_(side.present, not_(found)) if negated else found)
        case Contains(field, part, negated):
            side = _Source(field)
            found = contains(side.text, escape(part))
            return _where([side], and_(side.searchable, not_(found) if negated else found))
        case Missing(field):
            side = _Source(field)
            return not_(_where([side], side.given))


def hash_key(text: str) -> bytes:
    """Return the hash by which `schema.keys` knows a key (any text, not yet in journal form)."""
    return key_hash(escape(text))


def rows_of(field: Field) -> tuple[FromClause | None, Condition, Value]:
    """Return where a field is: rows of its table (None: `schema.runs`), the condition on their key, the value."""
    side = _Source(field)
    return side.rows, side.key, side.value


class _Source:
    """One field as SQL: the rows of its table (none for a run's own columns) and its values in them."""

    def __init__(self, field: Field) -> None:
        self.kind = field.kind
        self.always = field.home == "metrics" and field.name == "last"  # given wherever there is a row
        self.default = field.home == "run" and field.kind is Kind.TEXT  # empty where nothing was given
        self.rows: FromClause | None = None
        self.key: Condition = true()
        self.type: Value = null()  # of a param, as is
        self.exact: Value = null()
        self.value: Value
        self.text: Value
        if field.home == "run":
            self.value = self.text = runs.c[_COLUMNS.get(field.name, field.name)]
            if field.kind is Kind.DURATION:
                self.value = self.value / literal(1e6, Double)
            return
        self.rows = rows = _TABLES[field.home].alias()
        first, *others = map(hash_key, field.keys)
        found = select(keys.c.id)
        if others:
            self.key = rows.c.key.in_(found.where(keys.c.hash.in_([first, *others])))
        else:
            self.key = rows.c.key == found.where(keys.c.hash == first).scalar_subquery()
        if field.home == "params":
            self.type, self.value, self.text, self.exact = rows.c.kind, rows.c.number, rows.c.string, rows.c.value
        elif field.home == "tags":
            self.value = self.text = rows.c.value
        else:
            self.value = self.text = (
                _mean(rows) if field.name == "mean" else rows.c[_COLUMNS.get(field.name, field.name)]
            )

    @property
    def given(self) -> Condition:
        """The field has a value (NaN is one)."""
        if self.kind is Kind.PARAM:
            return self.type != "null"
        if self.always:
            return true()
        if self.default:
            return and_(self.value.is_not(None), self.value != "")
        return self.value.is_not(None)

    @property
    def present(self) -> Condition:
        """The field has a value that compares (NaN does not)."""
        if self.kind is Kind.PARAM:
            return and_(self.type != "null", or_(self.type != "float", self.value.is_not(None)))
        return self.value.is_not(None)

    @property
    def searchable(self) -> Condition:
        """The field has a text, or a list or such that is shown as one."""
        if self.kind is Kind.PARAM:
            return self.type.in_(["str", "other", "list", "dict"])
        return self.value.is_not(None)

    def compare(self, sign: str, value: Constant) -> Condition:
        """Return the comparison of one row with a constant."""
        if sign == "==":
            return self.one_of([value])
        if sign == "!=":
            return and_(self.present, not_(self.one_of([value])))
        compare = _COMPARE[sign]
        if isinstance(value, str):
            found = compare(by_code_point(self.text), literal(escape(value), Text))
            return and_(self.present, self._is(_TEXTS), found)
        if self.kind is Kind.TIME:
            return and_(self.present, compare(self.value, literal(value, BigInteger)))
        return and_(self.value.is_not(None), self._is(_NUMBERS), compare(self.value, _number(value)))

    def one_of(self, values: tuple[Constant, ...] | list[Constant]) -> Condition:
        """Return whether one row equals one of several constants: never NULL where `present`."""
        texts = [escape(v) for v in values if isinstance(v, str)]
        bools = [float(v) for v in values if isinstance(v, bool)]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        found: list[Condition] = []
        if texts:
            found.append(
                and_(self.text.is_not(None), self._is(_TEXTS), self.text.in_([literal(v, Text) for v in texts]))
            )
        if bools:
            found.append(and_(self._is(("bool",)), self.value.in_([literal(v, Double) for v in bools])))
        if numbers and self.kind is Kind.TIME:
            found.append(and_(self.present, self.value.in_([literal(v, BigInteger) for v in numbers])))
        elif numbers:
            inexact = [v for v in numbers if self.kind is Kind.PARAM and abs(v) >= _EXACT]
            plain = [_number(v) for v in numbers if v not in inexact]
            alike = or_(self.value.in_(plain), *map(self._huge, inexact))
            found.append(and_(self.value.is_not(None), self._is(_NUMBERS), alike))
        return or_(false(), *found)

    def _huge(self, value: float) -> Condition:
        """Return whether a param equals a number too large for the index to tell integers apart."""
        exact = _float(value) == value
        same_float = and_(self.type == "float", self.value == _number(value)) if exact else false()
        if math.isinf(_float(value)) and isinstance(value, float):
            return same_float
        text = literal(msgspec.json.encode(encode_value(int(value))).decode(), Text)
        same_integer = and_(self.type == "int", func.coalesce(self.exact, "") == text)
        # A leaf of a nested value, whose exact text is not kept.
        leaf = and_(self.exact.is_(None), self.value == _number(value))
        return or_(same_float, same_integer, leaf)

    def _is(self, kinds: tuple[str, ...]) -> Condition:
        return self.type.in_(kinds) if self.kind is Kind.PARAM else true()

    def views(self) -> dict[str, tuple[Condition, Value]]:
        """Return the ways in which the field compares with another one: when, and what."""
        match self.kind:
            case Kind.PARAM:
                return {
                    "number": (self._is(_NUMBERS), self.value),
                    "text": (self._is(_TEXTS), self.text),
                    "bool": (self._is(("bool",)), self.value),
                }
            case Kind.NUMBER | Kind.DURATION:
                return {"number": (true(), self.value)}
            case Kind.TIME:
                return {"time": (true(), self.value)}
            case Kind.TEXT | Kind.STATUS:
                return {"text": (true(), self.text)}


def _pair(left: _Source, right: _Source, sign: str) -> Condition:
    if sign == "!=":
        return and_(left.present, right.present, not_(_pair(left, right, "==")))
    compare = _COMPARE[sign]
    ours, theirs = left.views(), right.views()
    found: list[Condition] = []
    for view in ours.keys() & theirs.keys() - ({"bool"} if sign != "==" else set()):
        (when, a), (then, b) = ours[view], theirs[view]
        if view == "text" and sign != "==":
            a, b = by_code_point(a), by_code_point(b)
        found.append(and_(when, then, compare(a, b)))
    return and_(left.present, right.present, or_(*found))


def _where(sides: list[_Source] | tuple[_Source, ...], found: Condition) -> Condition:
    """Return whether the run has rows that fulfil a condition."""
    stored = [(side.rows, side.key) for side in sides if side.rows is not None]
    if not stored:
        return found
    rows: Select[AnyType] = select(literal(1)).where(
        *(a.c.run == runs.c.id for a, _ in stored), *(key for _, key in stored), found
    )
    # `IS TRUE` keeps PostgreSQL from making a join of every comparison: planning dozens of joins takes it minutes.
    return exists(rows.correlate(runs)).is_(true())


def _mean(rows: FromClause) -> Value:
    finite = rows.c.count - rows.c.nan - rows.c.inf
    # PostgreSQL refuses a quotient that underflows; a sum as small as this is as good as its mean.
    tiny = func.abs(rows.c.total) < literal(1e-280, Double)
    return case((finite == 0, null()), (tiny, rows.c.total), else_=rows.c.total / cast(finite, Double))


def _number(value: float) -> Value:
    return literal(_float(value), Double)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
