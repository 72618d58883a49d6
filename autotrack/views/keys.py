"""Which keys the runs of a store have: orders are checked against them, and the shell completes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, select

from autotrack.errors import QueryError
from autotrack.journal.text import escape, unescape
from autotrack.query.language import parse_filter
from autotrack.query.ordering import parse_order
from autotrack.query.tree import Field, fields_of
from autotrack.store.engine import Index
from autotrack.store.rows import key_hash
from autotrack.store.schema import documents, keys, params, runs, series, tags
from autotrack.views.mending import connected, mending
from autotrack.views.values import unknown_key

_TABLES = {
    "params": select(params.c.run).where(params.c.key == keys.c.id),
    "metrics": select(series.c.run).where(series.c.key == keys.c.id),
    "tags": select(tags.c.run).where(tags.c.key == keys.c.id, tags.c.value.is_not(None)),
}
_MANY = 2000  # keys that are looked through for one that comes close


def _query(home: str) -> Select[str]:
    return select(keys.c.text).where(_TABLES[home].exists())


@mending
def recorded_keys(index: Index, home: str, limit: int = _MANY) -> list[str]:
    """Return keys of ``params``, ``metrics`` or ``tags``, in the order in which they first came."""
    with connected(index) as connection:
        found = connection.execute(_query(home).order_by(keys.c.id).limit(limit)).scalars()
        return [unescape(text) for text in found]


@mending
def recorded_tables(index: Index, limit: int = _MANY) -> list[str]:
    """Return names of tables, those of the newest runs first."""
    d = documents.c
    query = select(d.name).where(d.event == "table").group_by(d.name).order_by(func.max(d.run).desc(), func.min(d.id))
    with connected(index) as connection:
        return [unescape(name) for name in connection.execute(query.limit(limit)).scalars()]


@mending
def _is_recorded(index: Index, home: str, spellings: Iterable[str]) -> bool:
    hashes = [key_hash(escape(key)) for key in spellings]
    with connected(index) as connection:
        return connection.execute(_query(home).where(keys.c.hash.in_(hashes)).limit(1)).first() is not None


@mending
def _is_empty(index: Index) -> bool:
    with connected(index) as connection:
        return connection.execute(select(runs.c.id).limit(1)).first() is None


def check_order(index: Index, order: Any) -> None:
    """Raise QueryError for an order by a key that no run has: it would say nothing, and silently so."""
    for field, _ in parse_order(order):
        if trouble := _trouble(index, field):
            raise QueryError(trouble)


def unknown_fields(index: Index, where: str) -> list[str]:
    """Return what is to say of params, metrics and tags in a filter that no run has, as when nothing matches."""
    troubles = (_trouble(index, field) for field in fields_of(parse_filter(where)))
    return list(dict.fromkeys(trouble for trouble in troubles if trouble))


def _trouble(index: Index, field: Field) -> str:
    if field.home == "run" or _is_recorded(index, field.home, field.keys) or _is_empty(index):
        return ""
    elsewhere = [home for home in _TABLES if home != field.home and _is_recorded(index, home, field.keys)]
    noun = field.home.removesuffix("s")
    if elsewhere:
        return f"no {noun} {field.keys[0]!r} was recorded: did you mean {elsewhere[0]}[{field.keys[0]!r}]?"
    return unknown_key(noun, field.keys[0], recorded_keys(index, field.home), "no run")
