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

import msgspec

from autotrack.errors import RunFinished, StoreError
from autotrack.journal.events import FORMAT, Close, Event, Open, Role
from autotrack.journal.folder import OPEN_SUFFIX, Folder
from autotrack.journal.ids import new_id
from autotrack.journal.liveness import writer_identity

_MAX_WAITING = 64 * 1024 * 1024  # bytes kept in memory while the store cannot be written

_encode = msgspec.json.Encoder().encode
_time_ns = time.time_ns


def now() -> int:
    """Return the wall clock in microseconds since 1970."""
    return _time_ns() // 1000


class SegmentWriter:
    """Appends events to one segment, from any thread; after a fork the child writes to a segment of its own."""

    def __init__(
        self, folder: Folder, run: str, *, role: Role = "main", attempt: int = 1, rank: int | None = None
    ) -> None:
        self.folder = folder
        self.run = run
        self.role: Role = role
        self.attempt = attempt
        self.rank = rank
        self.name = ""
        self.dropped = 0  # events given up because too many were waiting
        self.closed = False
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._fd = -1
        self._lock = threading.RLock()  # re-entrant: a signal handler may finish the run in the middle of a write
        with self._lock:
            self._open()
        _writers.add(self)

    def write(self, event: Event) -> None:
        """Append one event; StoreError when it could not be written yet (it is kept and retried)."""
        self.append(_encode(event) + b"\n")

    def append(self, line: bytes) -> None:
        """Append one encoded line, newline included."""
        with self._lock:
            if self._fd < 0 or self._waiting:
                self._append_slowly(line)
                return
            try:
                written = os.write(self._fd, line)
            except OSError as error:
                self._wait(line)
                raise self._refusal(error) from error
            if written != len(line):
                self._wait(line[written:])
                self.flush()

    def flush(self) -> None:
        """Write what is waiting; StoreError if that still does not work."""
        with self._lock:
            try:
                if self._fd < 0:
                    self._open()
                while self._waiting:
                    line = self._waiting[0]
                    written = os.write(self._fd, line)
                    self._waiting_size -= written
                    if written == len(line):
                        del self._waiting[0]
                    else:
                        self._waiting[0] = line[written:]
            except OSError as error:
                raise self._refusal(error) from error

    def sync(self) -> None:
        """Make what was written survive a crash of the machine; begin a new segment if this one was deleted."""
        with self._lock:
            if self._waiting:
                self.flush()
            if self._fd < 0:
                return
            fd = os.dup(self._fd)
        try:
            gone = os.fstat(fd).st_nlink == 0
            if not gone:
                os.fsync(fd)
        finally:
            os.close(fd)
        if gone:
            with self._lock:
                os.close(self._fd)
                self._fd = -1
                self._open()

    def close(self) -> None:
        """Write the last line and close the file. Closing twice is allowed."""
        with self._lock:
            if self.closed:
                return
            try:
                self.write(Close(t=now()))
                self.sync()
            finally:
                self.closed = True
                _writers.discard(self)
                if self._fd >= 0:
                    os.close(self._fd)
                    self._fd = -1

    def _append_slowly(self, line: bytes) -> None:
        if self.closed:
            raise RunFinished(
                f"run {self.run} has ended: log before it finishes, "
                f"or go on with autotrack.start_run(resume={self.run!r})"
            )
        self._wait(line)
        self.flush()

    def _open(self) -> None:
        self.folder.create()
        self.name = new_id()
        path = self.folder.run_folder(self.run) / f"{self.name}{OPEN_SUFFIX}"
        header = Open(
            t=now(),
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
            line = _encode(header) + b"\n"
            written = os.write(fd, line)
            os.utime(self.folder.runs)  # tells readers that there is a new segment
        except OSError as error:
            raise self.folder.error(error) from error
        if written != len(line):  # the first line must be whole before anything else is
            self._waiting.insert(0, line[written:])
            self._waiting_size += len(line) - written
        self._fd = fd

    def _wait(self, line: bytes) -> None:
        if self._waiting_size + len(line) > _MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(line)
        self._waiting_size += len(line)

    def _refusal(self, error: OSError) -> StoreError:
        refusal = self.folder.error(error)
        kept = "this value is kept in memory and written when the store works again"
        if self.dropped:
            kept = f"{self.dropped:,} events were given up after {_MAX_WAITING >> 20} MiB were waiting in memory"
        return StoreError(f"{refusal}; {kept}")

    def _forget_parent(self) -> None:
        """Begin anew in a forked child: nothing of the parent's is written twice, no inherited lock is waited for."""
        self._lock = threading.RLock()
        self._waiting = []
        self._waiting_size = 0
        self.role = "worker"
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


_writers: weakref.WeakSet[SegmentWriter] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer._forget_parent()  # noqa: SLF001 - same module


os.register_at_fork(after_in_child=_after_fork_in_child)
