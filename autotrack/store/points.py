"""Adds new points to chunks and summaries."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select, update

from autotrack.store.replay import Columns, resolve
from autotrack.store.rows import Target, grouped, insert_all, pages
from autotrack.store.schema import chunks, series
from autotrack.store.series import CHUNK, Encoder, Points, Summary, add_totals, decode, join, summarize, with_checksum

_Place = tuple[int, int]  # run and key of a series
_SUMMED_UP = (
    "count", "nan", "inf", "last", "last_step", "last_time", "min", "min_step", "max", "max_step", "total",
    "first_step", "clock", "segment", "offset",
)  # fmt: skip


class Part(NamedTuple):
    """New points of one segment."""

    run: int
    segment: int
    columns: dict[int, Columns]
    """By the number of their key."""
    goes_on: bool
    """The index has points of this segment already, perhaps."""


def add_points(target: Target, parts: Sequence[Part]) -> None:
    """Add points."""
    connection = target.connection
    known = _known(connection, {part.run for part in parts} & target.old)
    identities = {place: row["id"] for place, row in known.items()}
    tails = _tails(connection, [part for part in parts if part.goes_on], identities)
    encoder = Encoder()
    folded: dict[_Place, dict[str, Any]] = {}
    packed: list[tuple[_Place, list[dict[str, Any]]]] = []
    replaced: list[dict[str, int]] = []
    for run, segment, columns, _ in parts:
        for key, column in columns.items():
            place = run, key
            tail = tails.get((identities.get(place, 0), segment))
            if tail is None:
                new = whole = resolve(column.joined(), None)
                number = 0
            else:
                so_far = decode(tail.count, tail.steps, tail.times, tail.points)
                new = whole = resolve(column.joined(), float(so_far.steps[-1]))
                number = tail.number + 1
                if tail.count < CHUNK:
                    number = tail.number
                    whole = join([so_far, new])
                    replaced.append({"s": identities[place], "g": segment, "n": number})
            rows, summary = _pack(encoder, whole, segment, number)
            if summary is None or whole is not new:
                summary = summarize(new.steps, new.values)
            entry = _entry(new, summary, (column.clock, segment, column.offset))
            before = folded.get(place) or known.get(place)
            folded[place] = entry if before is None else _merged(before, entry, target.names)
            packed.append((place, rows))
    _write_series(connection, folded, identities)
    if replaced:
        c = chunks.c
        own = delete(chunks).where(c.series == bindparam("s"), c.segment == bindparam("g"), c.number == bindparam("n"))
        connection.execute(own, replaced)
    found = [{"series": identities[place], **chunk} for place, some in packed for chunk in some]
    insert_all(connection, chunks, found)


def _known(connection: Connection, runs: Collection[int]) -> dict[_Place, Mapping[str, Any]]:
    found = grouped(connection, select(series), series.c.run, runs)
    return {(run, row.key): row._mapping for run, rows in found.items() for row in rows}  # noqa: SLF001 - its public name


def _tails(connection: Connection, parts: Sequence[Part], identities: Mapping[_Place, int]) -> dict[_Place, Any]:
    """Return the last chunks of series in segments, by the numbers of series and segment."""
    c = chunks.c
    found: dict[_Place, Any] = {}
    for run, segment, columns, _ in parts:
        wanted = [identities[run, key] for key in columns if (run, key) in identities]
        for some in pages(wanted):
            last = (
                select(c.series, func.max(c.number).label("number"))
                .where(c.segment == segment, c.series.in_(some))
                .group_by(c.series)
                .subquery()
            )
            query = select(c.series, c.number, c.count, c.steps, c.times, c.points).join(
                last, (c.series == last.c.series) & (c.number == last.c.number) & (c.segment == segment)
            )
            found.update({(row.series, segment): row for row in connection.execute(query)})
    return found


def _pack(encoder: Encoder, points: Points, segment: int, number: int) -> tuple[list[dict[str, Any]], Summary | None]:
    """Return the rows of chunks, and the summary of all points where they are one chunk."""
    rows = []
    summary = None
    for at in range(0, len(points.values), CHUNK):
        part = points if len(points.values) <= CHUNK else points.since(at, at + CHUNK)
        summary = summarize(part.steps, part.values)
        steps, times = encoder.steps(part.steps), encoder.times(part.times)
        rows.append({
            "segment": segment, "number": number, "count": summary.count, "first": summary.first, "last": summary.last,
            "min": summary.min, "max": summary.max, "nan": summary.nan, "inf": summary.inf,
            "first_step": float(part.steps[0]), "last_step": float(part.steps[-1]),
            "first_time": int(part.times[0]), "last_time": int(part.times[-1]),
            "steps": steps, "times": times, "points": with_checksum(steps, times, encoder.values(part.values)),
        })  # fmt: skip
        number += 1
    return rows, summary if len(rows) == 1 else None


def _entry(new: Points, found: Summary, order: tuple[int, int, int]) -> dict[str, Any]:
    """Return the columns of a series that has these points only; `order` is that of the last line."""
    last = float(new.values[-1])
    return {
        "count": found.count, "nan": found.nan, "inf": found.inf, "total": found.total,
        "min": found.min, "min_step": found.min_step, "max": found.max, "max_step": found.max_step,
        "last": None if math.isnan(last) else last, "last_step": float(new.steps[-1]),
        "last_time": int(new.times[-1]), "first_step": float(new.steps[0]),
        "clock": order[0], "segment": order[1], "offset": order[2],
    }  # fmt: skip


def _merged(before: Mapping[str, Any], new: dict[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """Return the columns of a series of which some points were known."""
    entry = new | {
        "count": before["count"] + new["count"],
        "nan": before["nan"] + new["nan"],
        "inf": before["inf"] + new["inf"],
        "total": add_totals(before["total"], new["total"]),
        "first_step": before["first_step"],
    }
    if new["min"] is None or (before["min"] is not None and before["min"] <= new["min"]):
        entry |= {"min": before["min"], "min_step": before["min_step"]}
    if new["max"] is None or (before["max"] is not None and before["max"] >= new["max"]):
        entry |= {"max": before["max"], "max_step": before["max_step"]}
    if _order(before, names) > _order(new, names):
        entry |= {name: before[name] for name in ("last", "last_step", "last_time", "clock", "segment", "offset")}
    return entry


def _order(row: Mapping[str, Any], names: Mapping[int, str]) -> tuple[int, str, int]:
    return row["clock"], names.get(row["segment"], ""), row["offset"]


def _write_series(
    connection: Connection, folded: Mapping[_Place, dict[str, Any]], identities: dict[_Place, int]
) -> None:
    """Write the series' rows, and add the numbers of new ones."""
    fresh = [{"run": run, "key": key, **row} for (run, key), row in folded.items() if (run, key) not in identities]
    changed = [
        {"number": identities[place], **{f"new_{name}": row[name] for name in _SUMMED_UP}}
        for place, row in folded.items()
        if place in identities
    ]
    if changed:
        own = update(series).where(series.c.id == bindparam("number"))
        connection.execute(own.values({name: bindparam(f"new_{name}") for name in _SUMMED_UP}), changed)
    if fresh:
        insert_all(connection, series, fresh)
        s = series.c
        made = grouped(connection, select(s.run, s.key, s.id), s.run, {row["run"] for row in fresh})
        identities.update({(run, row.key): row.id for run, rows in made.items() for row in rows})
