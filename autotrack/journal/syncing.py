"""The background thread that makes what was written survive a crash of the machine, and closes segments.

It lives as long as some segment is open and never works in the thread that trains.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from autotrack.errors import StoreError
from autotrack.journal.segment import SegmentWriter
from autotrack.log import warn

_INTERVAL = 2.0  # seconds between two fsyncs of a segment
_GLANCE = 0.02  # seconds between two looks whether the last lines of a segment have come
_LONGEST = 60.0  # seconds that a segment is kept open for them
_LINGER = 2.0  # seconds that the thread stays when it has nothing to do: runs often follow each other closely


class _Closing(NamedTuple):
    """A segment to be closed once its last lines are in it."""

    writer: SegmentWriter
    complete: Callable[[], bool]
    since: float  # not before (monotonic seconds)
    until: float  # whether they have come or not

    def ready(self) -> bool:
        now = time.monotonic()
        return now >= self.since and (now >= self.until or self.complete())


class _Syncer:
    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._open: dict[SegmentWriter, Callable[[], bool] | None] = {}
        self._closing: list[_Closing] = []
        self._thread: threading.Thread | None = None

    def add(self, writer: SegmentWriter, until: Callable[[], bool] | None) -> None:
        with self._condition:
            self._open[writer] = until
            self._ensure_thread()

    def close(self, writer: SegmentWriter, complete: Callable[[], bool]) -> None:
        with self._condition:
            self._open.pop(writer, None)
            self._closing.append(_Closing(writer, complete, 0.0, time.monotonic() + _LONGEST))
            self._ensure_thread()
            self._condition.notify_all()

    def drain(self, timeout: float) -> bool:
        """Wait until everything that is to be closed is closed; return whether that was so in time."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(left)
        return True

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="autotrack-sync", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down: `drain` of the exit does it in this thread
                self._thread = None
                while self._closing:
                    _attempt(self._closing.pop(0).writer.close)

    def _work(self) -> None:
        synced = time.monotonic()
        while True:
            with self._condition:
                ready = next((closing for closing in self._closing if closing.ready()), None)
                if ready is None and not self._pause(synced):
                    return
                writers = list(self._open.items())
            if ready is not None:
                closed = _attempt(ready.writer.close)
                with self._condition:
                    self._closing.remove(ready)
                    if not closed:  # the store is full, say: what waits is tried again, as long as the process lives
                        self._closing.append(ready._replace(since=time.monotonic() + _INTERVAL))
                    self._condition.notify_all()
            if time.monotonic() - synced >= _INTERVAL:
                for writer, until in writers:
                    if until is not None and until():
                        self.close(writer, lambda: True)
                    else:
                        _attempt(writer.sync)
                synced = time.monotonic()

    def _pause(self, synced: float) -> bool:
        """Wait until something is to be done (lock held); False, and no thread any more, where there is nothing."""
        if self._closing:
            soon = any(closing.since <= time.monotonic() for closing in self._closing)
            self._condition.wait(_GLANCE if soon else _INTERVAL / 4)
        elif self._open:
            self._condition.wait(max(0.0, synced + _INTERVAL - time.monotonic()))
        else:
            self._condition.wait(_LINGER)
            if not self._closing and not self._open:
                self._thread = None
                return False
        return True


def _attempt(action: Callable[[], object]) -> bool:
    try:
        action()
    except (StoreError, OSError) as error:
        warn(str(error), error)
        return False
    return True


_syncer = _Syncer()


def keep_synced(writer: SegmentWriter, until: Callable[[], bool] | None = None) -> None:
    """Fsync a segment every few seconds from now on, until `until`, asked as often, says that it is to be closed."""
    _syncer.add(writer, until)


def close_soon(writer: SegmentWriter, complete: Callable[[], bool] = lambda: True) -> None:
    """Close a segment in the background once `complete` says that its last lines (the environment) are in it."""
    _syncer.close(writer, complete)


def drain(timeout: float) -> bool:
    """Wait for all segments that are being closed; return whether they were closed in time (seconds)."""
    return _syncer.drain(timeout)


def _after_fork_in_child() -> None:
    global _syncer  # noqa: PLW0603 - the parent's thread does not exist here
    _syncer = _Syncer()


os.register_at_fork(after_in_child=_after_fork_in_child)
