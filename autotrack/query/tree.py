"""The tree of a filter: what stands between its text and SQL.

There are few kinds of nodes, a field is always on the left of a comparison with a constant, and what can never be true
has been refused: whoever uses the tree (the SQL compiler, a test's oracle, a user interface) needs no checks of its
own.
Every term is either true or false, never unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from autotrack.query.fields import Kind

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Constant = str | float | int | bool


@dataclass(frozen=True)
class Field:
    """Something that a run has.

    `home` is ``run``, ``params``, ``metrics`` or ``tags``. `keys` are the possible spellings of the key in that
    collection (``params.opt.lr`` is ``opt.lr`` or ``opt/lr``). `name` is the run's field or the metric's statistic.
    """

    home: str
    name: str
    keys: tuple[str, ...]
    kind: Kind
    text: str = field(compare=False)
    at: int = field(compare=False)


@dataclass(frozen=True)
class Compare:
    """A field compared with a constant. False where the field is missing or NaN.

    Times are compared with microseconds since 1970, durations with seconds.
    """

    field: Field
    operator: Operator
    value: Constant


@dataclass(frozen=True)
class Relate:
    """A field compared with another field. False where one of them is missing or NaN."""

    left: Field
    operator: Operator
    right: Field


@dataclass(frozen=True)
class OneOf:
    """A field equals one of several constants; negated: it is there and equals none."""

    field: Field
    values: tuple[Constant, ...]
    negated: bool = False


@dataclass(frozen=True)
class Contains:
    """A text has a part, whatever the case; negated: it is there and has not."""

    field: Field
    part: str
    negated: bool = False


@dataclass(frozen=True)
class Missing:
    """A field has no value."""

    field: Field


@dataclass(frozen=True)
class Not:
    """The term is not true."""

    term: Term


@dataclass(frozen=True)
class All:
    """Every term is true."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Any:
    """Some term is true."""

    terms: tuple[Term, ...]


def fields_of(term: Term) -> list[Field]:
    """Return the fields that a filter asks about, from left to right."""
    match term:
        case Not():
            return fields_of(term.term)
        case All() | Any():
            return [found for part in term.terms for found in fields_of(part)]
        case Relate():
            return [term.left, term.right]
        case _:
            return [term.field]


Term = Compare | Relate | OneOf | Contains | Missing | Not | All | Any
