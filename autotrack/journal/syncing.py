"""The background thread that makes what was written survive a crash of the machine, and closes segments.

It lives as long as some segment is open and never works in the thread that trains.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from autotrack.errors import StoreError
from autotrack.journal.segment import SegmentWriter
from autotrack.log import warn

_INTERVAL = 2.0  # seconds between two fsyncs of a segment


class _Syncer:
    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._open: set[SegmentWriter] = set()
        self._closing: list[tuple[SegmentWriter, Callable[[], object] | None]] = []
        self._thread: threading.Thread | None = None

    def add(self, writer: SegmentWriter) -> None:
        with self._condition:
            self._open.add(writer)
            self._ensure_thread()

    def close(self, writer: SegmentWriter, first: Callable[[], object] | None) -> None:
        with self._condition:
            self._open.discard(writer)
            self._closing.append((writer, first))
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
                self._finish_in_this_thread()

    def _finish_in_this_thread(self) -> None:
        while self._closing:
            self._close_one(*self._closing.pop(0))

    def _work(self) -> None:
        synced = time.monotonic()
        while True:
            with self._condition:
                if not self._closing:
                    if not self._open:
                        self._thread = None
                        return
                    self._condition.wait(max(0.0, synced + _INTERVAL - time.monotonic()))
                closing = self._closing[0] if self._closing else None
                writers = list(self._open)
            if closing is not None:
                self._close_one(*closing)
                with self._condition:
                    self._closing.remove(closing)
                    self._condition.notify_all()
            if time.monotonic() - synced >= _INTERVAL:
                for writer in writers:
                    _attempt(writer.sync)
                synced = time.monotonic()

    def _close_one(self, writer: SegmentWriter, first: Callable[[], object] | None) -> None:
        if first is not None:
            _attempt(first)
        _attempt(writer.close)


def _attempt(action: Callable[[], object]) -> None:
    try:
        action()
    except (StoreError, OSError) as error:
        warn(str(error))


_syncer = _Syncer()


def keep_synced(writer: SegmentWriter) -> None:
    """Fsync a segment every few seconds from now on."""
    _syncer.add(writer)


def close_soon(writer: SegmentWriter, first: Callable[[], object] | None = None) -> None:
    """Close a segment in the background, after a last piece of work there (such as waiting for the environment)."""
    _syncer.close(writer, first)


def drain(timeout: float) -> bool:
    """Wait for all segments that are being closed; return whether they were closed in time (seconds)."""
    return _syncer.drain(timeout)


def _after_fork_in_child() -> None:
    global _syncer  # noqa: PLW0603 - the parent's thread does not exist here
    _syncer = _Syncer()


os.register_at_fork(after_in_child=_after_fork_in_child)
