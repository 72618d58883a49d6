"""What is added to runs that have ended, such as metrics on held-out data.

A run that has ended stays as it ended: what comes later goes into a segment of its own, with the role ``edit``. The
segment is closed when nothing has been added for a few seconds.
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

_QUIET = 2.0  # seconds without additions after which a segment is closed
_MANY = 16  # segments that are kept open

_lock = threading.RLock()
_open: OrderedDict[str, _Addition] = OrderedDict()


class _Addition:
    """A run that takes values after its end, and the segment that they go into."""

    def __init__(self, run: Run, writer: SegmentWriter) -> None:
        self.run = Run(run.id, run.name, run.experiment, writer, models=run.models)
        self.writer = writer
        self.used = time.monotonic()


@contextmanager
def adding(run: Run) -> Iterator[Run]:
    """`run` itself as long as it goes on; after its end a stand-in that takes the same calls.

    StoreError where the store cannot be written. Nothing is recorded where the run is another process's, or was
    deleted meanwhile.
    """
    if run.status == "running" or run.writer is None:
        yield run if run.status == "running" else Run(run.id, run.name, run.experiment, None)
        return
    with _lock:
        addition = _open.get(run.id)
        if addition is None:
            folder = run.writer.folder
            if not folder.run_folder(run.id).is_dir():
                yield Run(run.id, run.name, run.experiment, None)
                return
            writer = SegmentWriter(folder, run.id, role="edit")
            addition = _open[run.id] = _Addition(run, writer)
            syncing.keep_synced(writer, lambda: _has_gone_quiet(run.id, writer))
            while len(_open) > _MANY:
                syncing.close_soon(_open.popitem(last=False)[1].writer)
        _open.move_to_end(run.id)
        try:
            yield addition.run
        finally:
            addition.used = time.monotonic()


def _has_gone_quiet(run: str, writer: SegmentWriter) -> bool:
    with _lock:
        addition = _open.get(run)
        if addition is None or addition.writer is not writer:  # on its way to be closed
            return False
        if time.monotonic() - addition.used < _QUIET:
            return False
        del _open[run]
        return True


def close() -> None:
    """Close all segments: the process ends."""
    with _lock:
        while _open:
            syncing.close_soon(_open.popitem()[1].writer)


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.RLock()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
