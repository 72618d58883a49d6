"""The runs' own rows, worked out of their segments and documents."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from autotrack.journal import events
from autotrack.journal.liveness import is_alive
from autotrack.store.replay import News
from autotrack.store.rows import grouped
from autotrack.store.schema import documents, runs, segments

_SILENT = 600 * 1_000_000  # microseconds after which a writer on another host counts as lost
_ERROR = ("type", "message", "traceback")


def fold_runs(connection: Connection, ended: Mapping[int, Mapping[str, str]]) -> None:
    """Work the rows of runs out anew.

    `ended` are, by run, new states of segments by name. A segment that has finished but whose writer is gone is closed.
    """
    _end_segments(connection, ended)
    s, d = segments.c, documents.c
    rows = grouped(connection, select(segments).order_by(s.attempt, s.name), s.run, ended)
    told = select(d.run, d.event, d.body, d.segment).join(segments, s.id == d.segment)
    told = told.where(d.event.in_(["start", "finish"])).order_by(d.clock, s.name, d.offset)
    found = grouped(connection, told, d.run, ended)
    folded = {run: _folded(some, found.get(run, [])) for run, some in rows.items()}
    if folded:
        columns = next(iter(folded.values()))
        own = update(runs).where(runs.c.id == bindparam("number"))
        own = own.values({name: bindparam(f"new_{name}") for name in columns})
        new = [{f"new_{n}": value for n, value in row.items()} | {"number": run} for run, row in folded.items()]
        connection.execute(own, new)


def _end_segments(connection: Connection, ended: Mapping[int, Mapping[str, str]]) -> None:
    s = segments.c
    states = [{"r": run, "n": name, "new": state} for run, some in ended.items() for name, state in some.items()]
    if not states:
        return
    own = update(segments).where(s.run == bindparam("r"), s.name == bindparam("n"), s.closed.is_(False))
    connection.execute(own.where(s.finished.is_(None)).values(status=bindparam("new")), states)
    killed = [{"r": row["r"], "n": row["n"]} for row in states if row["new"] == "killed"]
    if killed:
        connection.execute(own.where(s.finished.is_not(None)).values(closed=True), killed)


def _folded(rows: list[Any], found: list[Any]) -> dict[str, Any]:
    """Return a run's columns, from its segments by attempt and name, and its documents in order."""
    mains = [row for row in rows if row.role == "main"] or rows
    latest = mains[-1]
    values: dict[str, Any] = {"name": "", "experiment": "", "parent": None, "started": None}
    error: dict[str, Any] | None = None
    for _, event, body, segment in found:
        data = msgspec.json.decode(body)
        if event == "start":
            values["started"] = data["t"] if values["started"] is None else values["started"]
            values |= {name: data[name] for name in ("name", "experiment", "parent") if data.get(name)}
        elif segment == latest.id and error is None:  # of several finish lines the first counts
            error = data.get("error") or {}
    if values["started"] is None:
        values["started"] = min((row.started for row in mains if row.started is not None), default=None)
    values |= {f"error_{name}": (error or {}).get(name) for name in _ERROR}
    status = latest.status
    ends = {row.id: row.finished or (row.clock if row is not latest or status == "killed" else None) for row in mains}
    finished = ends[latest.id] if status not in ("running", "lost") else None
    durations = [row.duration or (end - row.started if (end := ends[row.id]) and row.started else 0) for row in mains]
    duration = sum(durations) if finished is not None or len(mains) > 1 else None
    return {
        "attempt": latest.attempt, "host": latest.hostname, "status": status, "finished": finished,
        "duration": duration, **values,
    }  # fmt: skip


def is_moving(rows: Iterable[Any]) -> bool:
    """Return whether a run, given as the rows of its segments, may still change by itself."""
    rows = list(rows)
    mains = [row for row in rows if row.role == "main"] or rows
    latest = max(mains, key=lambda row: (row.attempt, row.name))
    return latest.status in ("running", "lost") or not all(row.closed or row.status == "killed" for row in rows)


def presence(row: Any, news: News | None, path: Path) -> str:
    """Return whether the writer of a segment is ``running``, ``killed``, or ``lost`` from sight.

    Its first line may be known from the index (`row`), be new, or be missing; then a long silence is its end.
    """
    opened = None if news is None else news.opened
    clock = news.clock if news is not None else 0 if row is None else row.clock
    if opened is None and row is not None and row.format:
        opened = events.Open(
            t=0, format=row.format, run="", segment="", role=row.role, host=row.host, boot=row.boot, pid=row.pid,
            process_started=row.process_started,
        )  # fmt: skip
    if opened is None:
        try:
            clock = path.stat().st_mtime_ns // 1000
        except FileNotFoundError:
            return "running"
        return "killed" if time.time_ns() // 1000 - clock > _SILENT else "running"
    alive = is_alive(opened)
    if alive is None:
        return "lost" if time.time_ns() // 1000 - clock > _SILENT else "running"
    return "running" if alive else "killed"
