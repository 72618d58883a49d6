"""Applies the news of one run's segments to the index, inside one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from autotrack.journal import events
from autotrack.journal.events import FORMAT
from autotrack.journal.liveness import is_alive
from autotrack.store.points import add_points
from autotrack.store.replay import News
from autotrack.store.rows import encoded, key_hash, leaves, pages, param_columns
from autotrack.store.schema import (
    artifacts,
    documents,
    param_history,
    params,
    runs,
    segments,
    tags,
    unknown_events,
)
from autotrack.store.schema import keys as key_table

_SILENT = 600 * 1_000_000  # microseconds after which a writer on another host counts as lost
_DOCUMENTS: dict[Any, str] = {
    events.Start: "start",
    events.Finish: "finish",
    events.Model: "model",
    events.Data: "data",
    events.Environment: "environment",
    events.Code: "code",
    events.Note: "note",
}


def apply_news(connection: Connection, run: int, news: dict[str, News], keys: dict[str, int]) -> None:
    """Apply what segments, by name, have new."""
    known = {row.name: row for row in connection.execute(select(segments).where(segments.c.run == run))}
    fresh = [{"run": run, "name": name} for name in sorted(news) if name not in known]
    if fresh:
        connection.execute(insert(segments), fresh)
        known = {row.name: row for row in connection.execute(select(segments).where(segments.c.run == run))}
    names = {row.id: name for name, row in known.items()}
    rows: list[_Write] = []
    for name in sorted(news):
        some = news[name]
        number = known[name].id
        _apply_segment(connection, known[name], some)
        rows.extend(_Write(event, clock, number, name, offset) for event, clock, offset in some.events)
        if some.points:
            add_points(connection, run, number, names, {keys[key]: column for key, column in some.points.items()})
        if some.unknown:
            connection.execute(
                insert(unknown_events),
                [{"run": run, "segment": number, "offset": offset, "raw": raw} for raw, offset in some.unknown],
            )
    rows.sort(key=_Write.order)
    _apply_params(connection, run, names, rows, keys)
    _apply_tags(connection, run, names, rows, keys)
    _apply_artifacts(connection, run, names, rows, keys)
    _apply_documents(connection, run, rows)


class _Write:
    """One event and its place in the run."""

    __slots__ = ("clock", "event", "name", "offset", "segment")

    def __init__(self, event: Any, clock: int, segment: int, name: str, offset: int) -> None:
        self.event = event
        self.clock = clock
        self.segment = segment
        self.name = name
        self.offset = offset

    def order(self) -> tuple[int, str, int]:
        return self.clock, self.name, self.offset

    def place(self) -> dict[str, int]:
        return {"clock": self.clock, "segment": self.segment, "offset": self.offset}


def _apply_segment(connection: Connection, row: Any, news: News) -> None:
    values: dict[str, Any] = {"offset": news.offset, "clock": news.clock, "corrupt": row.corrupt + news.corrupt}
    if (opened := news.opened) is not None:
        values |= {
            "format": opened.format, "role": opened.role, "attempt": opened.attempt, "rank": opened.rank,
            "host": opened.host, "boot": opened.boot, "hostname": opened.hostname, "pid": opened.pid,
            "process_started": opened.process_started, "started": opened.t,
        }  # fmt: skip
    if (finish := news.finish) is not None and row.finished is None:  # a terminal state never changes
        values |= {"status": finish.status, "finished": finish.t, "duration": finish.duration}
    if news.closed:
        values["closed"] = True
    connection.execute(update(segments).where(segments.c.id == row.id).values(values))


def _later(row: Any, names: dict[int, str], write: _Write) -> bool:
    """Return whether what is in the index was written after `write`."""
    return (row.clock, names.get(row.segment, ""), row.offset) > write.order()


def _apply_params(
    connection: Connection, run: int, names: dict[int, str], writes: list[_Write], keys: dict[str, int]
) -> None:
    written = [
        (write, text, value)
        for write in writes
        if type(write.event) is events.Params
        for text, value in write.event.values.items()
    ]
    if not written:
        return
    p = params.c
    own = select(p.key, p.value, p.clock, p.segment, p.offset).where(p.run == run, p.leaf.is_(False))
    known = {row.key: row for row in connection.execute(own)}
    latest: dict[str, tuple[_Write, Any]] = {}
    history: list[dict[str, Any]] = []
    for write, text, value in written:
        key = keys[text]
        before, row = latest.get(text), known.get(key)
        if before is not None:
            history.append({"run": run, "key": key, "value": encoded(before[1]), **before[0].place()})
        elif row is not None and _later(row, names, write):
            history.append({"run": run, "key": key, "value": encoded(value), **write.place()})
            continue
        elif row is not None:
            place = {"clock": row.clock, "segment": row.segment, "offset": row.offset}
            history.append({"run": run, "key": key, "value": row.value, **place})
        latest[text] = write, value
    if known:
        _delete_params(connection, run, [(text, known[keys[text]]) for text in latest if keys[text] in known])
    taken = {row.key for row in connection.execute(select(p.key).where(p.run == run))} if known else set()
    rows = _param_rows(run, latest, keys)
    rows = {key: row for key, row in rows.items() if key not in taken or not row["leaf"]}
    if taken & rows.keys():  # leaves of other params, which a param of its own replaces
        connection.execute(delete(params).where(p.run == run, p.key.in_(taken & rows.keys())))
    if rows:
        connection.execute(insert(params), list(rows.values()))
    if history:
        connection.execute(insert(param_history), history)


def _param_rows(run: int, latest: dict[str, tuple[_Write, Any]], keys: dict[str, int]) -> dict[int, dict[str, Any]]:
    """Return the rows of params and of their leaves; a param of its own goes before a leaf of the same name."""
    rows: dict[int, dict[str, Any]] = {}
    for text, (write, value) in latest.items():
        for path, leaf in leaves(text, value):
            described = {**param_columns(leaf), "value": None, "leaf": True}
            rows[keys[path]] = {"run": run, "key": keys[path], **described, **write.place()}
    for text, (write, value) in latest.items():
        described = {**param_columns(value), "value": encoded(value), "leaf": False}
        rows[keys[text]] = {"run": run, "key": keys[text], **described, **write.place()}
    return rows


def _delete_params(connection: Connection, run: int, rows: list[tuple[str, Any]]) -> None:
    """Delete params, given as text and row, and the leaves that were written with them."""
    p = params.c
    connection.execute(delete(params).where(p.run == run, p.key.in_([row.key for _, row in rows])))
    for text, row in rows:
        place = (p.clock == row.clock) & (p.segment == row.segment) & (p.offset == row.offset)
        for some in pages([key_hash(path) for path, _ in leaves(text, msgspec.json.decode(row.value))]):
            own = select(key_table.c.id).where(key_table.c.hash.in_(some))
            connection.execute(delete(params).where(p.run == run, p.leaf.is_(True), place, p.key.in_(own)))


def _apply_tags(
    connection: Connection, run: int, names: dict[int, str], writes: list[_Write], keys: dict[str, int]
) -> None:
    latest = {
        keys[text]: (write, value)
        for write in writes
        if type(write.event) is events.Tags
        for text, value in write.event.values.items()
    }
    rows = [{"run": run, "key": key, "value": value, **write.place()} for key, (write, value) in latest.items()]
    _replace(connection, tags, tags.c.key, run, names, rows, {key: write for key, (write, _) in latest.items()})


def _apply_artifacts(
    connection: Connection, run: int, names: dict[int, str], writes: list[_Write], keys: dict[str, int]
) -> None:
    latest = {keys[write.event.name]: write for write in writes if type(write.event) is events.Artifact}
    rows = [
        {
            "run": run, "name": key, "kind": write.event.kind, "sha256": write.event.sha256, "size": write.event.size,
            "meta": encoded(write.event.meta), **write.place(),
        }
        for key, write in latest.items()
    ]  # fmt: skip
    _replace(connection, artifacts, artifacts.c.name, run, names, rows, latest)


def _replace(  # noqa: PLR0913, PLR0917 - one place for what tags and artifacts share
    connection: Connection,
    table: Any,
    column: Any,
    run: int,
    names: dict[int, str],
    rows: list[dict[str, Any]],
    latest: dict[int, _Write],
) -> None:
    """Insert rows, each instead of an earlier one of the same key; a later one stays."""
    if not rows:
        return
    found = connection.execute(select(table).where(table.c.run == run, column.in_(latest))).all()
    later = {getattr(row, column.name) for row in found if _later(row, names, latest[getattr(row, column.name)])}
    rows = [row for row in rows if row[column.name] not in later]
    if rows:
        if found:
            replaced = [row[column.name] for row in rows]
            connection.execute(delete(table).where(table.c.run == run, column.in_(replaced)))
        connection.execute(insert(table), rows)


def _apply_documents(connection: Connection, run: int, writes: list[_Write]) -> None:
    rows = []
    for write in writes:
        event = write.event
        kind = _DOCUMENTS.get(type(event))
        if type(event) is events.Open and event.format > FORMAT:
            text = f"a newer autotrack (format {event.format}) wrote this run: upgrade to see all of it"
            event, kind = events.Note(t=event.t, text=text, kind="warning"), "note"
        if kind is not None:
            name = getattr(event, "name", None) or ""
            rows.append({"run": run, "event": kind, "name": name, "body": encoded(event), **write.place()})
    if rows:
        connection.execute(insert(documents), rows)


def is_moving(rows: Iterable[Any]) -> bool:
    """Return whether a run, given as the rows of its segments, may still change by itself."""
    rows = list(rows)
    mains = [row for row in rows if row.role == "main"] or rows
    latest = max(mains, key=lambda row: (row.attempt, row.name))
    return latest.status in ("running", "lost") or not all(row.closed or row.status == "killed" for row in rows)


def fold_run(connection: Connection, run: int, ended: dict[str, str]) -> None:
    """Work the run's own row out of its segments and documents.

    `ended` are new states of segments, by name. A segment that has finished but whose writer is gone is closed.
    """
    s, d = segments.c, documents.c
    for name, status in ended.items():
        own = update(segments).where(s.run == run, s.name == name, s.closed.is_(False))
        connection.execute(own.where(s.finished.is_(None)).values(status=status))
        if status == "killed":
            connection.execute(own.where(s.finished.is_not(None)).values(closed=True))
    rows = connection.execute(select(segments).where(s.run == run).order_by(s.attempt, s.name)).all()
    mains = [row for row in rows if row.role == "main"] or rows
    if not mains:
        return
    found = connection.execute(
        select(d.event, d.body, d.segment)
        .join(segments, s.id == d.segment)
        .where(d.run == run, d.event.in_(["start", "finish"]))
        .order_by(d.clock, s.name, d.offset)
    ).all()
    latest = mains[-1]
    values: dict[str, Any] = {"attempt": latest.attempt, "host": latest.hostname}
    error: dict[str, Any] | None = None
    for event, body, segment in found:
        data = msgspec.json.decode(body)
        if event == "start":
            values.setdefault("started", data["t"])
            values |= {name: data[name] for name in ("name", "experiment", "parent") if data.get(name)}
        elif segment == latest.id and error is None:  # of several finish lines the first counts
            error = data.get("error") or {}
    values.setdefault("started", min((row.started for row in mains if row.started is not None), default=None))
    for name in ("type", "message", "traceback"):
        values[f"error_{name}"] = (error or {}).get(name)
    status = latest.status
    values["status"] = status
    ends = {row.id: row.finished or (row.clock if row is not latest or status == "killed" else None) for row in mains}
    values["finished"] = ends[latest.id] if status not in ("running", "lost") else None
    durations = [row.duration or (end - row.started if (end := ends[row.id]) and row.started else 0) for row in mains]
    values["duration"] = sum(durations) if values["finished"] is not None or len(mains) > 1 else None
    connection.execute(update(runs).where(runs.c.id == run).values(values))


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
