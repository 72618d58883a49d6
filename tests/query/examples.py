"""An index of few rows, on either database, and runs to put into it."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass, field
from typing import Any

import xxhash
from sqlalchemy import Connection, insert, select

from autotrack.journal.text import escape
from autotrack.journal.values import Opaque, encode_value
from autotrack.query import compile_filter, compile_order
from autotrack.store import schema


@dataclass
class Example:
    """A run as a user sees it. Times are microseconds since 1970, the duration is in seconds."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex[:26])
    name: str = "a name"
    experiment: str = ""
    parent: str | None = None
    status: str = "finished"
    started: int | None = 1_000_000
    finished: int | None = None
    duration: float | None = None
    attempt: int = 1
    host: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # (step, value)
    tags: dict[str, str | None] = field(default_factory=dict)


ORDER = {"clock": 1, "segment": 1, "offset": 1}


class Rows:
    """Runs in an index, and the ids of those that a filter finds."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._keys: dict[str, int] = {}

    def key(self, text: str) -> int:
        text = escape(text)
        if text not in self._keys:
            row = {"hash": xxhash.xxh3_128_digest(text.encode()), "text": text}
            self._keys[text] = self.connection.execute(
                insert(schema.keys).returning(schema.keys.c.id), row
            ).scalar_one()
        return self._keys[text]

    def add(self, *examples: Example) -> None:
        for example in examples:
            columns = {name: getattr(example, name) for name in ("parent", "status", "started", "finished", "attempt")}
            columns |= {name: escape(getattr(example, name)) for name in ("name", "experiment", "host")}
            duration = None if example.duration is None else round(example.duration * 1e6)
            columns |= {"uid": example.id, "duration": duration}
            run = self.connection.execute(insert(schema.runs).returning(schema.runs.c.id), columns).scalar_one()
            for key, value in example.params.items():
                self._insert(schema.params, run, key, param_row(value))
            for key, points in example.metrics.items():
                self._insert(schema.series, run, key, series_row(points))
            for key, tag in example.tags.items():
                self._insert(schema.tags, run, key, {"value": None if tag is None else escape(tag)})

    def _insert(self, table: Any, run: int, key: str, row: dict[str, Any]) -> None:
        row |= {"run": run, "key": self.key(key)}
        row |= {name: value for name, value in ORDER.items() if name in table.c and name not in row}
        self.connection.execute(insert(table), row)

    def find(self, text: str) -> set[str]:
        """Return the ids of the runs that a filter finds."""
        return set(self.connection.scalars(select(schema.runs.c.uid).where(compile_filter(text))))

    def sort(self, text: Any) -> list[str]:
        """Return the ids of all runs in an order."""
        return list(self.connection.scalars(select(schema.runs.c.uid).order_by(*compile_order(text))))

    def names(self, text: str) -> list[str]:
        """Return the names of the runs that a filter finds, sorted."""
        return sorted(self.connection.scalars(select(schema.runs.c.name).where(compile_filter(text))))


def param_row(value: Any) -> dict[str, Any]:
    """Return the columns of a param as the schema describes them."""
    exact = json.dumps(encode_value(value), ensure_ascii=False, separators=(",", ":"))
    row: dict[str, Any] = {"kind": "other", "number": None, "string": None, "value": exact, "leaf": False}
    match value:
        case None:
            row["kind"] = "null"
        case bool():
            row |= {"kind": "bool", "number": float(value)}
        case int() | float():
            row |= {"kind": type(value).__name__, "number": as_float(value) if value == value else None}
        case Opaque():
            row["string"] = escape(value)
        case str():
            row |= {"kind": "str", "string": escape(value)}
        case list():
            row |= {"kind": "list", "string": escape(json.dumps(value))}
    return row


def series_row(points: list[tuple[float, float]]) -> dict[str, Any]:
    """Return the columns of a metric as the schema describes them."""
    finite = [(value, step) for step, value in points if math.isfinite(value)]
    least = min(finite, key=lambda p: p[0], default=(None, None))
    most = max(finite, key=lambda p: p[0], default=(None, None))
    last_step, last = points[-1]
    row = {
        "count": len(points),
        "nan": sum(math.isnan(v) for _, v in points),
        "inf": sum(math.isinf(v) for _, v in points),
        "last": None if math.isnan(last) else last,
        "last_step": last_step,
        "last_time": 1,
        "min": least[0],
        "min_step": least[1],
        "max": most[0],
        "max_step": most[1],
        "total": math.fsum(v for v, _ in finite),
        "first_step": points[0][0],
    }
    # Columns that filters do not read.
    return {c.name: 0 for c in schema.series.c if not c.nullable and c.name not in ("id", "run", "key")} | row


def as_float(value: float) -> float:
    """Return a number in double precision, infinite where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
