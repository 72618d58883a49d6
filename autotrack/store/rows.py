"""Small things that several parts of the ingest need: keys by number, rows for params."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import xxhash
from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from autotrack.store.engine import Index
from autotrack.store.schema import keys, runs

T = TypeVar("T")
_PAGE = 500
_SHORT = 200  # characters of a compound value that are shown and searched


def pages(items: Collection[T], size: int = _PAGE) -> Iterator[Sequence[T]]:
    """Yield items some at a time: databases bound the number of parameters of a statement."""
    ordered = list(items)
    for at in range(0, len(ordered), size):
        yield ordered[at : at + size]


def grouped(connection: Connection, query: Any, column: Any, values: Collection[int]) -> dict[int, list[Any]]:
    """Return the rows of a query whose `column` has one of some values, by that value, in the query's order."""
    found: dict[int, list[Any]] = {}
    for some in pages(values):
        for row in connection.execute(query.where(column.in_(some))):
            found.setdefault(getattr(row, column.key), []).append(row)
    return found


class Target(NamedTuple):
    """What news of a batch of runs is applied to."""

    connection: Connection
    old: set[int]
    """Numbers of the runs that were in the index before: all others have nothing in any table yet."""
    names: Mapping[int, str]
    """Names of the runs' segments by number."""
    keys: Mapping[str, int]
    """Numbers of keys."""


class Write:
    """One event and its place in the run."""

    __slots__ = ("clock", "event", "name", "offset", "segment")

    def __init__(self, event: Any, clock: int, segment: int, name: str, offset: int) -> None:
        self.event = event
        self.clock = clock
        self.segment = segment
        self.name = name
        self.offset = offset

    def order(self) -> tuple[int, str, int]:
        """Return what tells which of two events was later."""
        return self.clock, self.name, self.offset

    def place(self) -> dict[str, int]:
        """Return the columns that say where it stands."""
        return {"clock": self.clock, "segment": self.segment, "offset": self.offset}

    def is_before(self, row: Any, names: Mapping[int, str]) -> bool:
        """Return whether what is in the index was written after this; `names` are those of segments by number."""
        return (row.clock, names.get(row.segment, ""), row.offset) > self.order()


def insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns, straight through the driver: for many small rows, twice as fast."""
    if not rows:
        return
    compiled = insert(table).compile(dialect=connection.dialect, column_keys=list(rows[0]))
    if compiled.positiontup is None:
        connection.exec_driver_sql(str(compiled), [dict(row) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), list(map(operator.itemgetter(*compiled.positiontup), rows)))


def insert_missing(index: Index, connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows unless they are there, whoever inserts them at the same time."""
    if rows:
        dialect: Any = sqlite if index.dialect == "sqlite" else postgresql
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def key_hash(text: str) -> bytes:
    """Return what finds a key: the 128-bit XXH3 of its UTF-8 bytes in journal form."""
    return xxhash.xxh3_128_digest(text.encode())


def intern_keys(index: Index, texts: Iterable[str]) -> dict[str, int]:
    """Return the numbers of keys, making those that are new in a transaction of their own, in one order everywhere."""
    known: dict[str, int] = index.memory.setdefault("keys", {})
    wanted = sorted(set(texts) - known.keys(), key=key_hash)
    for some in pages(wanted):
        hashes = [key_hash(text) for text in some]
        query = select(keys.c.hash, keys.c.id).where(keys.c.hash.in_(hashes))
        with index.writing() as connection:
            found = {row.hash: row.id for row in connection.execute(query)}
            fresh = [{"hash": h, "text": t} for h, t in zip(hashes, some, strict=True) if h not in found]
            insert_missing(index, connection, keys, fresh)
            if fresh:
                found = {row.hash: row.id for row in connection.execute(query)}
        known.update({text: found[h] for h, text in zip(hashes, some, strict=True)})
    return known


def intern_runs(index: Index, uids: Collection[str]) -> dict[str, int]:
    """Return the row numbers of runs, making those that are new."""
    found: dict[str, int] = {}
    for some in pages(sorted(uids)):
        query = select(runs.c.uid, runs.c.id).where(runs.c.uid.in_(some))
        with index.writing() as connection:
            rows = {row.uid: row.id for row in connection.execute(query)}
            fresh = [{"uid": uid} for uid in some if uid not in rows]
            insert_missing(index, connection, runs, fresh)
            if fresh:
                rows = {row.uid: row.id for row in connection.execute(query)}
        found.update(rows)
    return found


def encoded(value: Any) -> str:
    """Return journal data as JSON text."""
    return msgspec.json.encode(value).decode()


def param_columns(value: Any) -> dict[str, Any]:
    """Return the columns that describe an encoded param value."""
    number: float | None = None
    string: str | None = None
    if value is None:
        kind = "null"
    elif isinstance(value, bool):
        kind, number = "bool", float(value)
    elif isinstance(value, int):
        kind, number = "int", _clamped(value)
    elif isinstance(value, float):
        kind, number = "float", value
    elif isinstance(value, str):
        kind, string = "str", value
    else:
        kind, number, string = _compound_columns(value)
    return {"kind": kind, "number": None if number is not None and math.isnan(number) else number, "string": string}


def _compound_columns(value: Any) -> tuple[str, float | None, str | None]:
    mark = "" if isinstance(value, list) else next(iter(value), "")
    if isinstance(value, list) or mark in ("$tuple", "$set", "$frozenset"):
        return "list", None, encoded(value)[:_SHORT]
    if mark == "$float":
        return "float", float(value[mark]), None
    if mark == "$int":
        return "int", _clamped(int(value[mark], 16)), None
    if mark in ("$repr", "$bytes"):
        return "other", None, str(value.get("$repr", ""))
    return "dict", None, encoded(value)[:_SHORT]


def leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a nested param under keys such as ``optimizer/lr``."""
    if isinstance(value, dict) and not next(iter(value), "").startswith("$"):
        for name, inner in value.items():
            path = f"{key}/{name}"
            if isinstance(inner, dict) and inner and not next(iter(inner)).startswith("$"):
                yield from leaves(path, inner)
            else:
                yield path, inner


def _clamped(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
