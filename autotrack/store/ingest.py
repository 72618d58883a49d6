"""Brings the index up to date with the journals: only what is new, exactly once, whoever else does so meanwhile.

Bytes are read and decoded outside of any transaction. The transaction that applies them checks that the segments are
still known up to the offsets that were read from; where another process was faster, nothing is applied.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import DatabaseError

from autotrack.errors import StoreError
from autotrack.journal import events
from autotrack.journal.folder import Folder, SegmentFile
from autotrack.log import warn
from autotrack.store.applying import apply_news
from autotrack.store.engine import Index
from autotrack.store.folding import fold_runs, is_moving, presence
from autotrack.store.replay import News, read_news
from autotrack.store.rows import grouped, intern_keys, intern_runs, leaves, pages
from autotrack.store.schema import runs, segments
from autotrack.store.series import DamagedChunk

Progress = Callable[[int, int], object]
"""Called with the number of runs done and the number of all runs that have something new."""

_BATCH_RUNS = 200
_BATCH_BYTES = 16 << 20
_READ = 64 << 20  # bytes of one segment taken at once
_RESCAN = 5.0  # seconds after which run folders are looked at even without a sign of change
_YOUNG = 2_000_000_000  # nanoseconds: a folder that changed just now may change again within its time stamp


@dataclass(slots=True)
class IngestReport:
    """What an ingest did."""

    runs: int = 0
    """Runs that had something new."""
    bytes: int = 0
    """Bytes of journal applied."""
    complete: bool = True
    """False where the deadline came first."""


@dataclass(slots=True)
class _Memory:
    """What one process remembers between two looks."""

    changed: int = 0  # mtime of the folder of runs
    scanned: float = -1e9  # when all run folders were looked at
    open: set[str] | None = None  # runs that may have something new at any time
    verified: dict[tuple[Path, int], bool] = field(default_factory=dict)  # sealed segments by place and mtime

    def sound(self, file: SegmentFile) -> bool:
        """Return whether a segment may be read: a sealed one has the content that its checksum says."""
        if not file.sealed:
            return True
        key = file.path, file.path.stat().st_mtime_ns
        if key not in self.verified:
            try:
                file.verify()
                self.verified[key] = True
            except StoreError as error:
                warn(str(error))
                self.verified[key] = False
        return self.verified[key]


@dataclass(slots=True)
class _Work:
    """One run to be looked at."""

    uid: str
    files: list[tuple[SegmentFile, int, int]]  # with the offset and the clock known
    stamp: int  # mtime of its folder, taken before the files were listed
    known: dict[str, Any]  # rows of segments by name
    rest: bool = False  # there is more to read
    ended: dict[str, str] = field(default_factory=dict)  # segments whose writer is gone or silent, with their status


def ingest(
    index: Index, folder: Folder, *, deadline: float | None = None, progress: Progress | None = None
) -> IngestReport:
    """Bring the index up to date.

    Args:
        index: The open index.
        folder: Where the journals are.
        deadline: Stop, between two transactions, at this time of `time.monotonic`.
        progress: Told about the work done.

    Raises:
        StoreError: The index cannot be written.

    """
    try:
        index.refresh()
        return _ingest(index, folder, deadline, progress)
    except DatabaseError as error:
        if not index.is_damaged(error):
            raise StoreError(
                f"the index cannot be written ({error.orig}): free space or mend the permissions"
            ) from error
    except DamagedChunk:
        if index.path is None:  # a server's index is not derived from this store alone
            raise
    index.replace()
    return _ingest(index, folder, deadline, progress)


def _ingest(index: Index, folder: Folder, deadline: float | None, progress: Progress | None) -> IngestReport:
    report = IngestReport()
    work = _look(index, folder)
    done = 0
    seen: set[str] = set()
    while done < len(work):
        if deadline is not None and time.monotonic() >= deadline:
            report.complete = False
            _memory(index).scanned = -1e9
            break
        batch: list[_Work] = []
        news: dict[str, dict[str, News]] = {}
        size = 0
        while done + len(batch) < len(work) and len(batch) < _BATCH_RUNS and size < _BATCH_BYTES:
            item = work[done + len(batch)]
            found = _read(item, _memory(index))
            item.ended = {} if item.rest else _ended(item, found)
            size += sum(found[file.name].offset - known for file, known, _ in item.files if file.name in found)
            if found:
                news[item.uid] = found
            batch.append(item)
        _apply(index, batch, news)
        report.bytes += size
        unread = [item for item in batch if item.rest]
        seen |= news.keys()
        report.runs = len(seen)
        done += len(batch) - len(unread)
        work[done : done + len(unread)] = _listed(index, folder, [item.uid for item in unread])
        if progress is not None:
            progress(done, len(work))
    return report


def _memory(index: Index) -> _Memory:
    memory: _Memory = index.memory.setdefault("ingest", _Memory())
    return memory


def _look(index: Index, folder: Folder) -> list[_Work]:
    """Find the runs that may have something new."""
    memory = _memory(index)
    now = time.monotonic()
    try:
        changed = folder.runs.stat().st_mtime_ns
    except FileNotFoundError:
        return []
    if changed == memory.changed and now - memory.scanned < _RESCAN and memory.open is not None:
        candidates = memory.open
    else:
        with index.engine.connect() as connection:
            settled = {row.uid: row.settled for row in connection.execute(select(runs.c.uid, runs.c.settled))}
        candidates = {
            uid for uid in folder.run_ids() if settled.get(uid) is None or _stamp(folder, uid) != settled[uid]
        }
        memory.changed, memory.scanned = changed, now
    memory.open = set(candidates)
    return _listed(index, folder, sorted(candidates))


def _listed(index: Index, folder: Folder, uids: Sequence[str]) -> list[_Work]:
    """Return what is known of runs, and their files."""
    known = _known(index, uids)
    work = []
    for uid in uids:
        stamp = _stamp(folder, uid)
        rows = known.get(uid, {})
        files = [
            (file, row.offset, row.clock) if (row := rows.get(file.name)) is not None else (file, 0, 0)
            for file in folder.segments(uid)
        ]
        work.append(_Work(uid, files, stamp, rows))
    return work


def _known(index: Index, uids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of the segments of runs, by name."""
    query = select(runs.c.uid, segments).join(runs, runs.c.id == segments.c.run)
    known: dict[str, dict[str, Any]] = {}
    with index.engine.connect() as connection:
        for some in pages(list(uids)):
            for row in connection.execute(query.where(runs.c.uid.in_(some))):
                known.setdefault(row.uid, {})[row.name] = row
    return known


def _stamp(folder: Folder, uid: str) -> int:
    try:
        return os.stat(folder.run_folder(uid)).st_mtime_ns
    except FileNotFoundError:
        return 0


def _read(item: _Work, memory: _Memory) -> dict[str, News]:
    """Read what is new in a run's segments, of each about `_READ` bytes at most; nothing of a damaged sealed one."""
    found: dict[str, News] = {}
    for file, offset, clock in item.files:
        try:
            if file.size() <= offset or not memory.sound(file):
                continue
            data = _lines(file, offset)
        except FileNotFoundError:  # sealed at this moment: the next look finds it
            continue
        news = read_news(data, offset, clock)
        if news.offset > offset:
            found[file.name] = news
            item.rest = item.rest or len(data) >= _READ
    return found


def _lines(file: SegmentFile, offset: int) -> bytes:
    """Read on from `offset`, at least one line where there is a whole one, however long."""
    limit = _READ
    while True:
        data = file.read(offset, limit)
        if len(data) < limit or b"\n" in data:
            return data
        limit *= 4


def _ended(item: _Work, found: dict[str, News]) -> dict[str, str]:
    """Return the new status of segments whose writer was found gone or silent, and that were read to their end."""
    ended: dict[str, str] = {}
    for file, offset, _ in item.files:
        news, row = found.get(file.name), item.known.get(file.name)
        if news is None and (row is None or row.status == "killed" or (row.closed and row.finished is not None)):
            continue
        status = presence(row, news, file.path)
        finished = (row is not None and row.finished is not None) or (news is not None and news.finish is not None)
        if status == ("running" if row is None else row.status) or (finished and status != "killed"):
            continue
        try:
            rest = file.read(offset if news is None else news.offset, None)
        except FileNotFoundError:  # sealed: the next look finds it
            continue
        if b"\n" not in rest:  # else it wrote after it was read and before it ended
            ended[file.name] = status
    return ended


def _apply(index: Index, batch: list[_Work], news: dict[str, dict[str, News]]) -> None:
    _settle(index, [item for item in batch if item.uid not in news and not item.ended])
    batch = [item for item in batch if item.uid in news or item.ended]
    if not batch:
        return
    intern_runs(index, list(news))
    keys = intern_keys(index, _keys(news)) if news else {}
    with index.writing() as connection:
        numbers = {row.uid: row.id for row in _locked(connection, [item.uid for item in batch])}
        found = grouped(connection, select(segments), segments.c.run, list(numbers.values()))
        known = {(run, row.name): row for run, rows in found.items() for row in rows}
        fresh = [item for item in batch if _is_first(item, numbers[item.uid], known)]
        mine = {numbers[item.uid]: news[item.uid] for item in fresh if item.uid in news}
        apply_news(connection, mine, {place: row for place, row in known.items() if place[0] in mine}, keys)
        fold_runs(connection, {numbers[item.uid]: item.ended for item in fresh})


def _is_first(item: _Work, number: int, known: dict[tuple[int, str], Any]) -> bool:
    """Return whether no other process has applied what was read of a run."""
    return all(
        offset == (0 if (row := known.get((number, file.name))) is None else row.offset)
        for file, offset, _ in item.files
    )


def _settle(index: Index, quiet: list[_Work]) -> None:
    """Note which runs need not be looked at again unless their folder changes."""
    now = time.time_ns()
    settled = [
        item for item in quiet if item.known and now - item.stamp > _YOUNG and not is_moving(item.known.values())
    ]
    if not settled:
        return
    own = update(runs).where(runs.c.id == bindparam("number")).values(settled=bindparam("stamp"))
    with index.writing() as connection:
        connection.execute(
            own, [{"number": next(iter(item.known.values())).run, "stamp": item.stamp} for item in settled]
        )
    if (open_runs := _memory(index).open) is not None:
        open_runs.difference_update(item.uid for item in settled)


def _locked(connection: Connection, uids: list[str]) -> list[Any]:
    """Return the rows of runs; on PostgreSQL no other process changes them until the transaction ends."""
    query = select(runs.c.uid, runs.c.id).where(runs.c.uid.in_(uids)).order_by(runs.c.id).with_for_update()
    return list(connection.execute(query))


def _keys(news: dict[str, dict[str, News]]) -> set[str]:
    found: set[str] = set()
    for of_run in news.values():
        for of_segment in of_run.values():
            found.update(of_segment.points)
            for event, _, _ in of_segment.events:
                if type(event) is events.Params:
                    for key, value in event.values.items():
                        found.add(key)
                        found.update(path for path, _ in leaves(key, value))
                elif type(event) is events.Tags:
                    found.update(event.values)
                elif type(event) is events.Artifact:
                    found.add(event.name)
    return found
