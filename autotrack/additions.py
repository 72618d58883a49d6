"""What is added to runs that have ended, such as metrics on held-out data.

A run that has ended stays as it ended: what comes later goes into a segment of its own, with the role ``edit``. The
segment is closed when nothing has been added for a few seconds; each further one of a run stays open for ten times as
long, up to some minutes: a model that is scored every now and then must not fill the store with files.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from autotrack.journal import syncing
from autotrack.journal.segment import SegmentWriter
from autotrack.run import Run

_QUIET = 2.0  # seconds without additions after which the first segment is closed
_LONGEST = 600.0  # and each other one at the latest
_MANY = 64  # segments that are kept open

_lock = threading.RLock()  # never held while somebody adds: that may take its time
_open: OrderedDict[str, _Addition] = OrderedDict()


class _Addition:
    """A run that takes values after its end, and the segment that they go into."""

    def __init__(self, run: Run, writer: SegmentWriter) -> None:
        self.run = Run(run.id, run.name, run.experiment, writer, models=run.models)
        self.writer = writer
        self.quiet = patience(run, _QUIET)
        self.used = time.monotonic()
        self.users = 0
        """How many are adding just now."""

    def close(self) -> None:
        syncing.close_soon(self.writer, lambda: not self.users)


@contextmanager
def adding(run: Run) -> Iterator[Run]:
    """`run` itself as long as it goes on; after its end a stand-in that takes the same calls.

    StoreError where the store cannot be written. Nothing is recorded where the run is another process's, or was
    deleted meanwhile.
    """
    with _lock:
        run.held += 1
    addition = None
    try:
        if run.status == "running":
            yield run
            return
        with _lock:
            addition = _addition_to(run)
            if addition is not None:
                addition.users += 1
        yield Run(run.id, run.name, run.experiment, None) if addition is None else addition.run
    finally:
        with _lock:
            run.held -= 1
            if addition is not None:
                addition.users -= 1
                addition.used = time.monotonic()


def _addition_to(run: Run) -> _Addition | None:
    """The open segment of a run, or a new one (lock held); None where nothing is to be recorded."""
    addition = _open.get(run.id)
    if addition is None:
        if run.writer is None or not run.writer.folder.run_folder(run.id).is_dir():
            return None
        writer = SegmentWriter(run.writer.folder, run.id, role="edit")
        addition = _open[run.id] = _Addition(run, writer)
        run.pauses += 1
        syncing.keep_synced(writer, lambda: _has_gone_quiet(run.id, writer))
        while len(_open) > _MANY:
            _open.popitem(last=False)[1].close()
    _open.move_to_end(run.id)
    return addition


def patience(run: Run, seconds: float) -> float:
    """For how long more is waited for: ten times as long whenever more has come after all."""
    return min(seconds * 10.0 ** min(run.pauses, 3), max(seconds, _LONGEST))


@contextmanager
def undisturbed(run: Run) -> Iterator[bool]:
    """Whether nobody adds to a run just now; nobody begins to inside."""
    with _lock:
        yield not run.held


def _has_gone_quiet(run: str, writer: SegmentWriter) -> bool:
    with _lock:
        addition = _open.get(run)
        if addition is None or addition.writer is not writer:  # on its way to be closed
            return False
        if addition.users or time.monotonic() - addition.used < addition.quiet:
            return False
        del _open[run]
        return True


def close() -> None:
    """Close all segments: the process ends."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
