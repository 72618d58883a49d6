"""Adds new points to chunks and summaries."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from autotrack.store.replay import Columns, resolve
from autotrack.store.schema import chunks, series
from autotrack.store.series import CHUNK, Encoder, Points, add_totals, decode, join, summarize

Order = tuple[int, str, int]


def add_points(
    connection: Connection, run: int, segment: int, names: dict[int, str], columns: dict[int, Columns]
) -> None:
    """Add the points of one segment, by key number. `names` are the names of the run's segments by number."""
    known = {row.key: row for row in connection.execute(select(series).where(series.c.run == run))}
    tails = _tails(connection, segment, [known[key].id for key in columns if key in known])
    encoder = Encoder()
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    packed: dict[int, list[dict[str, Any]]] = {}
    replaced: list[dict[str, int]] = []
    for key, column in columns.items():
        row = known.get(key)
        tail = None if row is None else tails.get(row.id)
        tail_points = None if tail is None else decode(tail.count, tail.steps, tail.times, tail.points)
        new = resolve(column.joined(), None if tail_points is None else float(tail_points.steps[-1]))
        number = 0 if tail is None else tail.number
        whole = new
        if row is not None and tail is not None and tail_points is not None:
            if tail.count < CHUNK:
                whole = join([tail_points, new])
                replaced.append({"s": row.id, "n": number})
            else:
                number += 1
        packed[key] = _pack(encoder, whole, segment, number)
        entry = _merged(row, new, names, (int(new.times[-1]), segment, column.offset))
        (fresh if row is None else changed).append({"run": run, "key": key, **entry})
    identities = {key: row.id for key, row in known.items()}
    if fresh:
        made = connection.execute(insert(series).returning(series.c.key, series.c.id), fresh)
        identities.update({row.key: row.id for row in made})
    if changed:
        _update(connection, identities, changed)
    if replaced:
        connection.execute(
            delete(chunks).where(
                chunks.c.series == bindparam("s"), chunks.c.segment == segment, chunks.c.number == bindparam("n")
            ),
            replaced,
        )
    rows = [{"series": identities[key], **chunk} for key, some in packed.items() for chunk in some]
    if rows:
        connection.execute(insert(chunks), rows)


def _tails(connection: Connection, segment: int, known: list[int]) -> dict[int, Any]:
    """Return the last chunks of series in a segment, by series."""
    if not known:
        return {}
    last = (
        select(chunks.c.series, func.max(chunks.c.number).label("number"))
        .where(chunks.c.segment == segment, chunks.c.series.in_(known))
        .group_by(chunks.c.series)
        .subquery()
    )
    c = chunks.c
    query = select(c.series, c.number, c.count, c.steps, c.times, c.points).join(
        last, (c.series == last.c.series) & (c.number == last.c.number) & (c.segment == segment)
    )
    return {row.series: row for row in connection.execute(query)}


def _pack(encoder: Encoder, points: Points, segment: int, number: int) -> list[dict[str, Any]]:
    rows = []
    for at in range(0, len(points.values), CHUNK):
        part = points.since(at, at + CHUNK)
        summary = summarize(part.steps, part.values)
        rows.append({
            "segment": segment, "number": number, "count": summary.count, "first": summary.first, "last": summary.last,
            "min": summary.min, "max": summary.max, "nan": summary.nan, "inf": summary.inf,
            "first_step": float(part.steps[0]), "last_step": float(part.steps[-1]),
            "first_time": int(part.times[0]), "last_time": int(part.times[-1]),
            "steps": encoder.steps(part.steps), "times": encoder.times(part.times),
            "points": encoder.values(part.values),
        })  # fmt: skip
        number += 1
    return rows


def _merged(row: Any, new: Points, names: dict[int, str], order: tuple[int, int, int]) -> dict[str, Any]:
    """Return a series row for its points so far (None: there are none) and new ones."""
    found = summarize(new.steps, new.values)
    last = float(new.values[-1])
    entry = {
        "count": found.count, "nan": found.nan, "inf": found.inf, "total": found.total,
        "min": found.min, "min_step": found.min_step, "max": found.max, "max_step": found.max_step,
        "last": None if math.isnan(last) else last, "last_step": float(new.steps[-1]), "last_time": int(new.times[-1]),
        "first_step": float(new.steps[0]), "clock": order[0], "segment": order[1], "offset": order[2],
    }  # fmt: skip
    if row is None:
        return entry
    entry |= {
        "count": row.count + found.count,
        "nan": row.nan + found.nan,
        "inf": row.inf + found.inf,
        "total": add_totals(row.total, found.total),
        "first_step": row.first_step,
    }
    if found.min is None or (row.min is not None and row.min <= found.min):
        entry |= {"min": row.min, "min_step": row.min_step}
    if found.max is None or (row.max is not None and row.max >= found.max):
        entry |= {"max": row.max, "max_step": row.max_step}
    if (row.clock, names.get(row.segment, ""), row.offset) > (order[0], names.get(order[1], ""), order[2]):
        later = ("last", "last_step", "last_time", "clock", "segment", "offset")
        entry |= {name: getattr(row, name) for name in later}
    return entry


def _update(connection: Connection, identities: dict[int, int], rows: list[dict[str, Any]]) -> None:
    values = [name for name in rows[0] if name not in ("run", "key")]
    statement = update(series).where(series.c.id == bindparam("b_id")).values({n: bindparam(f"b_{n}") for n in values})
    connection.execute(
        statement, [{"b_id": identities[row["key"]], **{f"b_{n}": row[n] for n in values}} for row in rows]
    )
