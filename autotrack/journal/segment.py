"""Segments: files of JSON lines, each written by one process only, append only.

A line is handed to the kernel in one ``write(2)`` before the log call returns, so it survives the death of the
process; a background thread makes it survive the death of the machine (``fsync``). When the store cannot be written
(full, away), the rest of a line and all later lines wait in memory, in order, and each log call says so; the next
write that works delivers them.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque

import msgspec

from autotrack.errors import RunFinished, StoreError
from autotrack.journal.events import FORMAT, Close, Event, Note, Open, Role
from autotrack.journal.folder import OPEN_SUFFIX, Folder
from autotrack.journal.ids import new_id
from autotrack.journal.liveness import writer_identity

_MAX_WAITING = 64 * 1024 * 1024  # bytes kept in memory while the store cannot be written
_MAX_KEPT = 1024 * 1024  # bytes of lines other than metrics kept in memory in case the segment is deleted
_MAX_RECENT = 100_000  # lines not yet synced, kept for the same reason

_encode = msgspec.json.Encoder().encode
_time_ns = time.time_ns


def now() -> int:
    """Return the wall clock in microseconds since 1970."""
    return _time_ns() // 1000


class SegmentWriter:
    """Appends events to one segment, from any thread; after a fork the child writes to a segment of its own."""

    def __init__(  # noqa: PLR0913 - who writes what, all in the first line
        self,
        folder: Folder,
        run: str,
        *,
        role: Role = "main",
        attempt: int = 1,
        rank: int | None = None,
        not_before: int = 0,
    ) -> None:
        """Open the segment; `not_before` is the time of the run's latest line, in microseconds since 1970.

        The first line carries at least that time, so that a clock that was set back since makes nothing old again.
        """
        self.folder = folder
        self.run = run
        self.role: Role = role
        self.attempt = attempt
        self.rank = rank
        self.name = ""
        self.dropped = 0  # events given up because too many were waiting
        self.closed = False
        self._ended = False  # its last line has been handed over
        self._not_before = not_before
        self._waiting: list[tuple[bytes, bytes]] = []  # what is left of a line, and the whole of it
        self._waiting_size = 0
        self._kept: list[bytes] = []  # what would be missed most if the segment were deleted: start, params, tags
        self._kept_size = 0
        self._recent: deque[bytes] = deque(maxlen=_MAX_RECENT)  # written since the last sync
        self._fd = -1
        self._lock = threading.RLock()  # re-entrant: a signal handler may finish the run in the middle of a write
        with self._lock:
            self._open()
        _writers.add(self)

    def write(self, event: Event) -> None:
        """Append one event; StoreError when it could not be written yet (it is kept and retried)."""
        line = _encode(event) + b"\n"
        with self._lock:
            if self._kept_size + len(line) <= _MAX_KEPT:
                self._kept.append(line)
                self._kept_size += len(line)
            self.append(line)

    def append(self, line: bytes) -> None:
        """Append one encoded line, newline included."""
        with self._lock:
            if self._fd < 0 or self._waiting:
                self._catch_up(line)
            try:
                written = os.write(self._fd, line)
            except OSError as error:
                self._wait(line)
                raise self._refusal(error) from error
            if written == len(line):
                self._recent.append(line)
            else:  # the rest comes before anything else, however long it is
                self._waiting.append((line[written:], line))
                self._waiting_size += len(line) - written
                self.flush()

    def flush(self) -> None:
        """Write what is waiting; StoreError if that still does not work."""
        with self._lock:
            try:
                if self._fd >= 0 and os.fstat(self._fd).st_nlink == 0:
                    self._prepare_anew()
                if self._fd < 0:
                    self._open()
                while self._waiting:
                    rest, whole = self._waiting[0]
                    written = os.write(self._fd, rest)
                    self._waiting_size -= written
                    if written == len(rest):
                        del self._waiting[0]
                        if whole:
                            self._recent.append(whole)
                    else:
                        self._waiting[0] = rest[written:], whole
            except OSError as error:
                raise self._refusal(error) from error

    def sync(self) -> None:
        """Make what was written survive a crash of the machine; begin a new segment if this one was deleted."""
        with self._lock:
            if self.closed:
                return
            if self._waiting or (self._fd >= 0 and os.fstat(self._fd).st_nlink == 0):
                self.flush()
            if self._fd < 0:
                return
            self._recent.clear()
            fd = os.dup(self._fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Write the last line and close the file. Closing twice is allowed.

        StoreError, and still open, where something waits that cannot be written yet.
        """
        with self._lock:
            if self.closed:
                return
            self.sync()
            if not self._ended:
                self._ended = True
                self.append(_encode(Close(t=now())) + b"\n")
            self.sync()
            self.closed = True
            _writers.discard(self)
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _catch_up(self, line: bytes) -> None:
        """Write what waits before `line`; where that does not work, `line` waits too."""
        if self.closed:
            raise RunFinished(
                f"run {self.run} has ended: log before it finishes, "
                f"or go on with autotrack.start_run(resume={self.run!r})"
            )
        try:
            self.flush()
        except StoreError as error:
            self._wait(line)
            cause = error.__cause__
            raise (self._refusal(cause) if isinstance(cause, OSError) else error) from cause

    def _prepare_anew(self) -> None:
        """Prepare for a new segment where somebody has deleted this one: what is still in memory waits once more."""
        os.close(self._fd)
        self._fd = -1
        recent = list(self._recent)
        waiting = [whole for _, whole in self._waiting if whole]
        known = {*map(id, recent), *map(id, waiting)}
        note = Note(
            t=now(), kind="capture",
            text="capture incomplete: the store was deleted while this run was recorded; values from before are gone",
        )  # fmt: skip
        lines = [*(line for line in self._kept if id(line) not in known), *recent, _encode(note) + b"\n", *waiting]
        self._recent.clear()
        self._waiting = [(line, line) for line in lines]
        self._waiting_size = sum(map(len, lines))

    def _open(self) -> None:
        self.folder.create()
        self.name = new_id(self._not_before)
        path = self.folder.run_folder(self.run) / f"{self.name}{OPEN_SUFFIX}"
        header = Open(
            t=max(now(), self._not_before),
            format=FORMAT,
            run=self.run,
            segment=self.name,
            role=self.role,
            attempt=self.attempt,
            rank=self.rank,
            **writer_identity(),
        )
        try:
            path.parent.mkdir(exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                line = _encode(header) + b"\n"
                written = os.write(fd, line)
                os.utime(self.folder.runs)  # tells readers that there is a new segment
            except BaseException:
                os.close(fd)
                path.unlink()
                raise
        except OSError as error:
            raise self.folder.error(error) from error
        if written != len(line):  # the first line must be whole before anything else is; another segment has its own
            self._waiting.insert(0, (line[written:], b""))
            self._waiting_size += len(line) - written
        self._fd = fd

    def _wait(self, line: bytes) -> None:
        if self._waiting_size + len(line) > _MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append((line, line))
        self._waiting_size += len(line)

    def _refusal(self, error: OSError) -> StoreError:
        refusal = self.folder.error(error)
        kept = "this value is kept in memory and written when the store works again"
        if self.dropped:
            kept = f"{self.dropped:,} events were given up after {_MAX_WAITING >> 20} MiB were waiting in memory"
        failure = StoreError(f"{refusal}; {kept}")
        failure.trouble = refusal.trouble
        return failure

    def _forget_parent(self) -> None:
        """Begin anew in a forked child: nothing of the parent's is written twice, no inherited lock is waited for."""
        self._lock = threading.RLock()
        self._waiting = []
        self._waiting_size = 0
        self._kept = []
        self._kept_size = 0
        self._recent.clear()
        self.role = "worker"
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


_writers: weakref.WeakSet[SegmentWriter] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer._forget_parent()  # noqa: SLF001 - same module


os.register_at_fork(after_in_child=_after_fork_in_child)
