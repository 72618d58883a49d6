"""Applies the news of many runs' segments to the index, inside one transaction and with few statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from autotrack.journal import events
from autotrack.journal.events import FORMAT
from autotrack.store.params import apply_params
from autotrack.store.points import Part, add_points
from autotrack.store.replay import News
from autotrack.store.rows import Target, Write, encoded, grouped, insert_all
from autotrack.store.schema import artifacts, documents, segments, tags, unknown_events

_DOCUMENTS: dict[Any, str] = {
    events.Start: "start",
    events.Finish: "finish",
    events.Model: "model",
    events.Data: "data",
    events.Table: "table",
    events.Environment: "environment",
    events.Code: "code",
    events.Note: "note",
}
_OPENED = (
    "format", "role", "attempt", "rank", "host", "boot", "hostname", "pid", "process_started",
)  # fmt: skip
_BLANK: dict[str, Any] = {
    "offset": 0, "clock": 0, "role": "", "attempt": 1, "rank": None, "format": 0, "host": "", "boot": "",
    "hostname": "", "pid": 0, "process_started": 0, "started": None, "finished": None, "duration": None,
    "status": "running", "corrupt": 0, "closed": False,
}  # fmt: skip


def apply_news(
    connection: Connection,
    news: Mapping[int, Mapping[str, News]],
    known: Mapping[tuple[int, str], Any],
    keys: dict[str, int],
) -> None:
    """Apply what segments, by run and name, have new. `known` are the rows of all segments that these runs have."""
    numbers = _apply_segments(connection, news, known)
    names = {number: name for (_, name), number in numbers.items()}
    target = Target(connection, {run for run, _ in known}, names, keys)
    writes: dict[int, list[Write]] = {}
    parts: list[Part] = []
    unknown: list[dict[str, Any]] = []
    for run, of_run in news.items():
        of_this = writes[run] = []
        for name in sorted(of_run):
            some, number = of_run[name], numbers[run, name]
            of_this.extend(Write(event, clock, number, name, offset) for event, clock, offset in some.events)
            if some.points:
                columns = {keys[key]: column for key, column in some.points.items()}
                parts.append(Part(run, number, columns, goes_on=(run, name) in known))
            unknown += [{"run": run, "segment": number, "offset": at, "raw": raw} for raw, at in some.unknown]
        of_this.sort(key=Write.order)
    add_points(target, parts)
    _apply_params(target, writes)
    _apply_tags(target, writes)
    _apply_artifacts(target, writes)
    _apply_documents(connection, writes)
    insert_all(connection, unknown_events, unknown)


def _apply_segments(
    connection: Connection, news: Mapping[int, Mapping[str, News]], known: Mapping[tuple[int, str], Any]
) -> dict[tuple[int, str], int]:
    """Write the segments' own rows and return the numbers of all segments of these runs."""
    s = segments.c
    numbers = {place: row.id for place, row in known.items()}
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for run, of_run in news.items():
        for name in sorted(of_run):
            row = known.get((run, name))
            if row is None:
                fresh.append({"run": run, "name": name, **_segment(_BLANK, of_run[name])})
            else:
                changed.append({"number": row.id, **_segment(row._mapping, of_run[name])})  # noqa: SLF001
    if changed:
        own = update(segments).where(s.id == bindparam("number")).values({n: bindparam(f"new_{n}") for n in _BLANK})
        renamed = [{n if n == "number" else f"new_{n}": value for n, value in row.items()} for row in changed]
        connection.execute(own, renamed)
    if fresh:
        insert_all(connection, segments, fresh)
        made = grouped(connection, select(s.run, s.name, s.id), s.run, {row["run"] for row in fresh})
        numbers.update({(row.run, row.name): row.id for rows in made.values() for row in rows})
    return numbers


def _segment(before: Mapping[str, Any], news: News) -> dict[str, Any]:
    """Return a segment's columns after its news."""
    values = {name: before[name] for name in _BLANK}
    values |= {"offset": news.offset, "clock": news.clock, "corrupt": before["corrupt"] + news.corrupt}
    if (opened := news.opened) is not None:
        values |= {name: getattr(opened, name) for name in _OPENED}
        values["started"] = opened.t
    if (finish := news.finish) is not None and before["finished"] is None:  # a terminal state never changes
        values |= {"status": finish.status, "finished": finish.t, "duration": finish.duration}
    if news.closed:
        values["closed"] = True
    return values


def _apply_params(target: Target, writes: Mapping[int, list[Write]]) -> None:
    written = {
        run: found
        for run, some in writes.items()
        if (
            found := [
                (write, text, value)
                for write in some
                if type(write.event) is events.Params
                for text, value in write.event.values.items()
            ]
        )
    }
    if written:
        apply_params(target, written)


def _apply_tags(target: Target, writes: Mapping[int, list[Write]]) -> None:
    latest = {
        (run, target.keys[text]): (write, {"value": value})
        for run, some in writes.items()
        for write in some
        if type(write.event) is events.Tags
        for text, value in write.event.values.items()
    }
    _replace(target, tags, "key", latest)


def _apply_artifacts(target: Target, writes: Mapping[int, list[Write]]) -> None:
    latest = {}
    for run, some in writes.items():
        for write in some:
            if type(event := write.event) is events.Artifact:
                columns = {"kind": event.kind, "sha256": event.sha256, "size": event.size, "meta": encoded(event.meta)}
                latest[run, target.keys[event.name]] = write, columns
    _replace(target, artifacts, "name", latest)


def _replace(
    target: Target, table: Any, column: str, latest: Mapping[tuple[int, int], tuple[Write, dict[str, Any]]]
) -> None:
    """Insert rows by run and key, each instead of an earlier one of the same key; a later one stays."""
    rows = dict(latest)
    replaced = []
    known = {run for run, _ in latest} & target.old
    for run, found in grouped(target.connection, select(table), table.c.run, known).items():
        for row in found:
            place = run, getattr(row, column)
            if place not in rows:
                continue
            if rows[place][0].is_before(row, target.names):
                del rows[place]
            else:
                replaced.append({"r": run, "k": place[1]})
    if replaced:
        own = delete(table).where(table.c.run == bindparam("r"), table.c[column] == bindparam("k"))
        target.connection.execute(own, replaced)
    fresh = [{"run": run, column: key, **more, **write.place()} for (run, key), (write, more) in rows.items()]
    insert_all(target.connection, table, fresh)


def _apply_documents(connection: Connection, writes: Mapping[int, Iterable[Write]]) -> None:
    rows = []
    for run, some in writes.items():
        for write in some:
            event = write.event
            kind = _DOCUMENTS.get(type(event))
            if type(event) is events.Open and event.format > FORMAT:
                text = f"a newer autotrack (format {event.format}) wrote this run: upgrade to see all of it"
                event, kind = events.Note(t=event.t, text=text, kind="warning"), "note"
            if kind is not None:
                name = getattr(event, "name", None) or ""
                rows.append({"run": run, "event": kind, "name": name, "body": encoded(event), **write.place()})
    insert_all(connection, documents, rows)
