"""Sort orders: fields, ``-`` for descending, separated by commas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, UnaryExpression, case, func, select

from autotrack.errors import QueryError
from autotrack.query import source
from autotrack.query.compiler import rows_of
from autotrack.query.fields import COLLECTIONS, Kind
from autotrack.query.functions import by_code_point
from autotrack.query.language import parse_field
from autotrack.query.tree import Field
from autotrack.store.schema import runs

MAX_FIELDS = 20
"""Fields of one order."""

_BARE_KEY = re.compile(r"[\w.:@-]+(?:/[\w.:@-]+)+")


def compile_order(text: str | Sequence[str] = "") -> list[UnaryExpression[Any]]:
    """Return a sort order as SQL over `schema.runs`, e.g. of ``-metrics["val/loss"].min, started``.

    Runs without a value (and with NaN) come last in both directions, runs that are equal newest first. A metric whose
    key has a slash may stand without brackets (``-train/score``). Raises `QueryError` for everything else.
    """
    found: list[UnaryExpression[Any]] = []
    fields = list(parse_order(text))
    if len(fields) > MAX_FIELDS:
        raise QueryError(f"the order has {len(fields)} fields: at most {MAX_FIELDS} are allowed")
    for field, descending in fields:
        found += [(value.desc() if descending else value.asc()).nulls_last() for value in _values(field)]
    return [*found, runs.c.uid.desc()]


def parse_order(text: str | Sequence[str]) -> Iterator[tuple[Field, bool]]:
    """Yield the fields of an order, each with whether it is descending."""
    if isinstance(text, str):
        if text.strip():
            for part in split_order(text):
                yield _parse(part)
    elif isinstance(text, Sequence) and all(isinstance(part, str) for part in text):
        for part in text:
            yield from parse_order(part)
    else:
        raise QueryError(f"an order is a text such as '-metrics.loss, started', not {type(text).__name__}")


def split_order(text: str) -> Iterator[str]:
    """Yield the parts of an order between its commas."""
    begin = depth = 0
    for token in source.tokens(text):
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if token.text == "," and depth == 0:
            yield text[begin : token.at]
            begin = token.end
    yield text[begin:]


def _parse(part: str) -> tuple[Field, bool]:
    name = part.strip()
    descending = name.startswith("-")
    name = name.removeprefix("-").strip()
    if _BARE_KEY.fullmatch(name) and name.partition(".")[0] not in COLLECTIONS:
        return Field("metrics", "last", (name,), Kind.NUMBER, name, 0), descending
    if not name:
        raise source.error(part, 0, "a field is needed here", "e.g. -metrics.loss, started")
    return parse_field(name), descending


def _values(field: Field) -> list[ColumnElement[Any]]:
    """Return what a field is sorted by: numbers before texts for a param, which may be either."""
    rows, key, value = rows_of(field)
    if rows is None:
        return [by_code_point(value) if field.kind in (Kind.TEXT, Kind.STATUS) and field.name != "id" else value]
    if field.kind is Kind.PARAM:
        number = rows.c.kind.in_(["int", "float", "bool"])
        text = rows.c.kind.in_(["str", "list", "dict", "other"])
        values: list[ColumnElement[Any]] = [case((number, rows.c.number)), by_code_point(case((text, rows.c.string)))]
    else:
        values = [by_code_point(value) if field.kind is Kind.TEXT else value]
    if len(field.keys) > 1:  # a run may have both spellings
        values = [func.max(v) for v in values]
    return [select(v).where(rows.c.run == runs.c.id, key).correlate(runs).scalar_subquery() for v in values]
