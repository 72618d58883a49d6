"""Work that must not hold up training: one value, collected in a daemon thread.

The thread exists only while somebody waits for the value. A forked child starts anew: it neither waits for a thread
that it does not have nor tells the parent's listeners.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")
_Listener = tuple[Callable[[T], None], Callable[[Exception], None] | None]

_all: weakref.WeakSet[Background] = weakref.WeakSet()  # type: ignore[type-arg]


class Background(Generic[T]):
    """Collects a value off the calling thread and shares it among all who ask.

    Args:
        collect: Returns the value; runs in a daemon thread. It should not raise.
        fresh: For how many seconds a value answers later requests too (default: for the life of the process).
        name: Name of the thread.
        delay: Seconds before collecting begins, so that it does not compete with what the caller does next for the
            interpreter. `wait` cuts it short.

    """

    def __init__(
        self,
        collect: Callable[[], T],
        *,
        fresh: float = float("inf"),
        name: str = "autotrack-capture",
        delay: float = 0.0,
    ) -> None:
        self._collect = collect
        self._fresh = fresh
        self._delay = delay
        self._name = name
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._waiting: list[_Listener[T]] = []
        self._value: tuple[T] | None = None
        self._taken = 0.0  # when the collecting of the value began (monotonic seconds)

    def request(self, done: Callable[[T], None], failed: Callable[[Exception], None] | None = None) -> None:
        """Call `done(value)` once there is a value whose collecting began after this call, or that is still fresh.

        `done` runs in the background thread, or at once in the calling thread where a fresh value is there. It should
        guard itself: what it raises goes to `threading.excepthook`. `failed` is told where collecting raised.
        """
        with self._lock:
            value = self._current()
            if value is None:
                self._waiting.append((done, failed))
                if self._idle.is_set():
                    self._idle.clear()
                    try:
                        threading.Thread(target=self._work, name=self._name, daemon=True).start()
                    except RuntimeError:  # no more threads, or the interpreter is shutting down
                        self._waiting.pop()
                        self._idle.set()
                        raise
        if value is not None:
            done(value[0])

    def hurry(self) -> None:
        """Do not wait any longer before collecting what has been asked for."""
        if not self._idle.is_set():  # else the next request would not be put off
            self._hurry.set()

    def wait(self, timeout: float) -> bool:
        """Wait until all requests are answered, at most `timeout` seconds; False where some are not."""
        self.hurry()
        return self._idle.wait(timeout)

    def _current(self) -> tuple[T] | None:
        """Return the value where it is there and fresh (lock held)."""
        if self._value is not None and time.monotonic() - self._taken > self._fresh:
            self._value = None
        return self._value

    def _work(self) -> None:
        self._hurry.wait(self._delay)
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    self._hurry.clear()
                    self._idle.set()
                    return
                value = self._current()
            if value is None:
                value = self._take(waiting)
            if value is not None:
                for done, _ in waiting:
                    _guarded(done, value[0])

    def _take(self, waiting: list[_Listener[T]]) -> tuple[T] | None:
        """Collect the value; where that fails, tell those who wait and return None."""
        began = time.monotonic()
        try:
            value = (self._collect(),)
        except Exception as error:  # noqa: BLE001 - handed to those who asked
            for _, failed in waiting:
                if failed is not None:
                    _guarded(failed, error)
            return None
        with self._lock:
            self._value, self._taken = value, began
        return value


def _guarded(callback: Callable[[A], None], value: A) -> None:
    """Call one listener; what it raises is reported as this thread's and keeps no other from being called."""
    try:
        callback(value)
    except Exception as error:  # noqa: BLE001
        arguments = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(arguments))


def _after_fork_in_child() -> None:
    for background in list(_all):
        background._reset()  # noqa: SLF001 - locks may be held by threads that the child does not have


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
