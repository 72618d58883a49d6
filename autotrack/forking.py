"""A fork waits while a thread of ours imports.

A child that is forked in the middle of another thread's import never gets that module: the thread that holds its lock
does not exist there. So what our threads import, they import inside `held`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 5.0  # seconds; an import that waits for the forking thread must not stop it for ever
_lock = threading.RLock()
_waited = threading.local()


@contextmanager
def held() -> Iterator[None]:
    """Let no fork happen inside the block."""
    with _lock:
        yield


def _before() -> None:
    _waited.locked = _lock.acquire(timeout=_PATIENCE)


def _after_in_parent() -> None:
    if _waited.locked:
        _lock.release()


def _after_in_child() -> None:
    global _lock  # noqa: PLW0603 - a thread that does not exist here may hold it
    _lock = threading.RLock()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
