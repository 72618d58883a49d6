"""What views read from the index for a single run, when it is asked for."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from autotrack.blobs import BlobStore
from autotrack.errors import StoreError
from autotrack.journal.text import unescape
from autotrack.journal.values import decode_value
from autotrack.store.schema import artifacts, chunks, documents, keys, param_history, params, runs, segments
from autotrack.store.series import Points, decode_all, summarize
from autotrack.views.mending import DamagedIndex, connected, mending
from autotrack.views.parts import ArtifactView, Attempt, Correction, DatasetView, Details, ModelView, Note, RunError
from autotrack.views.rows import key_texts, moment
from autotrack.views.series import Stretch
from autotrack.views.tables import Tables, read_tables

if TYPE_CHECKING:
    from autotrack.store.engine import Index

_decode = msgspec.json.Decoder().decode


def _time(microseconds: int) -> datetime:
    found = moment(microseconds)
    assert found is not None  # only None gives None
    return found


def _number(run: str) -> Any:
    return select(runs.c.id).where(runs.c.uid == run).scalar_subquery()


def _bodies(index: Index, run: str, event: str) -> Sequence[Any]:
    query = (
        select(documents.c.body, documents.c.clock)
        .join(segments, segments.c.id == documents.c.segment)
        .where(documents.c.run == _number(run), documents.c.event == event)
        .order_by(documents.c.clock, segments.c.name, documents.c.offset)
    )
    with connected(index) as connection:
        return connection.execute(query).all()


def _documents(index: Index, run: str, event: str) -> list[tuple[dict[str, Any], datetime]]:
    return [(_decode(body), _time(clock)) for body, clock in _bodies(index, run, event)]


@mending
def models(index: Index, blobs: BlobStore, run: str) -> tuple[ModelView, ...]:
    """Return the models of a run, oldest first."""
    return tuple(
        ModelView(
            name=unescape(body.get("name", "")),
            format=body.get("format", ""),
            safe=body.get("safe") is True,
            flavor=body.get("flavor", ""),
            type=unescape(body.get("type", "")),
            sha256=body.get("sha256"),
            path=None if body.get("path") is None else unescape(body["path"]),
            size=body.get("size", 0),
            step=body.get("step"),
            time=time,
            meta=decode_value(body.get("meta", {})),
            run=run,
            _blobs=blobs,
        )
        for body, time in _documents(index, run, "model")
    )


@mending
def datasets(index: Index, run: str) -> tuple[DatasetView, ...]:
    """Return the data sets of a run, oldest first."""
    return tuple(
        DatasetView(
            name=unescape(body.get("name", "")),
            role=unescape(body.get("role", "")),
            kind=unescape(body.get("kind", "")),
            shape=tuple(body.get("shape", ())),
            fingerprint=body.get("fingerprint", ""),
            time=time,
            meta=decode_value(body.get("meta", {})),
        )
        for body, time in _documents(index, run, "data")
    )


@mending
def notes(index: Index, run: str) -> tuple[Note, ...]:
    """Return the notes of a run, oldest first."""
    found = _documents(index, run, "note")
    return tuple(Note(unescape(body.get("text", "")), body.get("kind", "info"), time) for body, time in found)


@mending
def tables(index: Index, run: str, run_name: str) -> Tables:
    """Return the tables of a run, in the order in which they first came."""
    return read_tables((body for body, _ in _bodies(index, run, "table")), run, run_name)


@mending
def environment(index: Index, blobs: BlobStore, run: str) -> Details:
    """Return the environment of the latest attempt; its summary where the whole is not on this machine."""
    found = _documents(index, run, "environment")
    if not found:
        return Details()
    body = found[-1][0]
    try:
        with blobs.open(body["sha256"]) as file:
            return Details(decode_value(_decode(file.read())))
    except (StoreError, OSError, ValueError):  # not copied along, or damaged: `complete` says so
        summary = Details(decode_value(body.get("summary", {})))
        summary.complete = False
        return summary


@mending
def code(index: Index, run: str) -> Details:
    """Return what the latest attempt ran."""
    found = _documents(index, run, "code")
    return Details(decode_value(found[-1][0].get("values", {}))) if found else Details()


@mending
def error(index: Index, run: str) -> RunError | None:
    """Return why a run failed."""
    query = select(runs.c.error_type, runs.c.error_message, runs.c.error_traceback).where(runs.c.uid == run)
    with connected(index) as connection:
        row = connection.execute(query).one_or_none()
    if row is None or row[0] is None:
        return None
    return RunError(*(unescape(text or "") for text in row))


@mending
def artifact_views(index: Index, blobs: BlobStore, run: str) -> list[ArtifactView]:
    """Return the artifacts of a run in the order of recording."""
    a = artifacts.c
    query = select(a.name, a.sha256, a.size, a.kind, a.meta).where(a.run == _number(run))
    with connected(index) as connection:
        rows = connection.execute(query.order_by(a.clock, a.segment, a.offset)).all()
        texts = key_texts(connection, {row[0] for row in rows})
    return [
        ArtifactView(texts[name], sha256, size, unescape(kind), decode_value(_decode(meta)), blobs)
        for name, sha256, size, kind, meta in rows
    ]


@mending
def attempts(index: Index, run: str) -> tuple[Attempt, ...]:
    """Return the attempts of a run, first to latest."""
    s = segments.c
    query = (
        select(s.attempt, s.started, s.finished, s.duration, s.status, s.hostname, s.pid)
        .where(s.run == _number(run), s.role == "main")
        .order_by(s.attempt, s.name)
    )
    with connected(index) as connection:
        rows = connection.execute(query).all()
    return tuple(
        Attempt(
            number,
            moment(started),
            moment(finished),
            None if duration is None else timedelta(microseconds=duration),
            status,
            unescape(host),
            pid,
        )
        for number, started, finished, duration, status, host, pid in rows
    )


@mending
def history(index: Index, run: str, key_hash: bytes) -> list[Correction]:
    """Return every value that a param had, oldest first; the last is the one that holds."""
    key = select(keys.c.id).where(keys.c.hash == key_hash).scalar_subquery()
    found: list[Any] = []
    with connected(index) as connection:
        for table in (param_history, params):  # what was superseded, what holds
            t = table.c
            query = (
                select(t.clock, segments.c.name, t.offset, t.value)
                .join(segments, segments.c.id == t.segment)
                .where(t.run == _number(run), t.key == key, t.value.is_not(None))
            )
            found += connection.execute(query)
    found.sort(key=operator.itemgetter(0, 1, 2))
    return [Correction(_time(clock), decode_value(_decode(value))) for clock, _, _, value in found]


def _chunks(index: Index, run: str, key_hash: bytes, *columns: Any) -> Sequence[Any]:
    from autotrack.store.schema import series

    key = select(keys.c.id).where(keys.c.hash == key_hash).scalar_subquery()
    one = select(series.c.id).where(series.c.run == _number(run), series.c.key == key).scalar_subquery()
    query = (
        select(*columns)
        .join(segments, segments.c.id == chunks.c.segment)
        .where(chunks.c.series == one)
        .order_by(segments.c.name, chunks.c.number)
    )
    with connected(index) as connection:
        return connection.execute(query).all()


@mending
def points(index: Index, run: str, key_hash: bytes) -> Points:
    """Return all points of a metric: segment after segment (these sort by time), each in the order of logging."""
    c = chunks.c
    told = (c.first_step, c.last_step, c.first_time, c.last_time, c.first, c.last, c.min, c.max, c.nan, c.inf)
    rows = _chunks(index, run, key_hash, c.count, c.steps, c.times, c.points, *told)
    found = decode_all([tuple(row[:4]) for row in rows])
    stop = 0
    for row in rows:
        start, stop = stop, stop + row.count
        if _told(found.since(start, stop)) != row[4:]:
            raise DamagedIndex(f"the index {index.path or 'on the server'} is damaged: run `autotrack rebuild`")
    return found


def _told(part: Points) -> tuple[Any, ...]:
    """Return what the row of a chunk says of its points: damage inside of packed numbers shows nowhere else."""
    s = summarize(part.steps, part.values)
    ends = part.steps[0], part.steps[-1], part.times[0], part.times[-1]
    return *ends, s.first, s.last, s.min, s.max, s.nan, s.inf


@mending
def outline(index: Index, run: str, key_hash: bytes) -> list[Stretch]:
    """Return a metric in stretches of up to 1,024 points, without reading points."""
    c = chunks.c
    columns = (c.count, c.first_step, c.last_step, c.first, c.last, c.min, c.max, c.nan, c.inf)
    return [Stretch(*row) for row in _chunks(index, run, key_hash, *columns)]
