"""How a process ends: whatever ends it, what was begun is brought to an end first.

The end of the script, an exception and Ctrl-C come through `atexit` (in children of `multiprocessing` through its own
finalizers). SIGTERM is looked out for while something is open, and only where nobody else handles it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

WindUp = Callable[[str | None, BaseException | None], object]
"""Ends what is open: with a state (None: as it may be) and the error that ended the process, if one did."""

_PATIENCE = 3.0  # seconds that the main thread waits for the one that ends the process
_LINGER = 2.0  # seconds that this one stays when there is nothing to look out for: runs often follow each other closely

_wind_up: WindUp | None = None
_watch: _Watch | None = None


def arrange(wind_up: WindUp) -> None:
    """Have `wind_up` called when this process ends, and on SIGTERM until `release`."""
    global _wind_up, _watch  # noqa: PLW0603 - state of the process
    if _wind_up is None:
        _wind_up = wind_up
        if _is_child_of_multiprocessing():  # it leaves by os._exit, which knows no atexit
            from multiprocessing.util import Finalize

            Finalize(None, _at_exit_of_child, exitpriority=100)
        else:
            import atexit

            atexit.register(_at_exit)
    if threading.current_thread() is not threading.main_thread() or os.getpid() == 1:
        return  # only the main thread may arrange signals; the first process of a container does not die of SIGTERM
    # Only where nobody else handles it; when the process is about to die of it anyway.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and (_watch is None or not _watch.begin()):
        _watch = _Watch()
        _watch.begin()


def release() -> None:
    """Leave SIGTERM alone again: nothing is open."""
    if _watch is not None and threading.current_thread() is threading.main_thread():
        _watch.end()


class _Watch:
    """Looks out for SIGTERM.

    Python runs a handler between two steps of the main thread, which may be inside a fit for minutes. The interpreter's
    wake-up file hears of the signal at once, and a thread that reads it ends the process meanwhile. Where an event loop
    uses that file itself, the handler remains.
    """

    def __init__(self) -> None:
        self.active = False
        self._lock = threading.Lock()
        self._once = threading.Lock()
        self._dead = threading.Event()
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        threading.Thread(target=self._work, name="autotrack-signals", daemon=True).start()

    def begin(self) -> bool:
        """Begin, or say that this one is through and another is needed."""
        with self._lock:
            if self._writing < 0:
                return False
            self.active = True
        signal.signal(signal.SIGTERM, self._handle)
        former = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        if former not in (-1, self._writing):
            self._give_back(former)
        return True

    def end(self) -> None:
        """Put everything back as it was."""
        if not self.active:
            return
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        former = signal.set_wakeup_fd(-1)
        if former not in (-1, self._writing):
            self._give_back(former)
        self.active = False
        with contextlib.suppress(BlockingIOError):
            os.write(self._writing, b"\0")  # the thread sees that it has nothing to do

    def forget(self) -> None:
        """In a forked child: the thread does not exist here, and the files are the parent's too."""
        if self.active:
            signal.set_wakeup_fd(-1)
            if signal.getsignal(signal.SIGTERM) == self._handle:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._writing >= 0:
            os.close(self._reading)
            os.close(self._writing)

    def _give_back(self, file: int) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed meanwhile
            signal.set_wakeup_fd(file)

    def _work(self) -> None:
        while True:
            found, _, _ = select.select([self._reading], [], [], None if self.active else _LINGER)
            if found:
                # Every signal that Python handles is heard of here; SIGTERM may have become somebody else's meanwhile.
                if signal.SIGTERM in os.read(self._reading, 64) and self._is_ours():
                    self._die()
                continue
            with self._lock:
                if not self.active:
                    os.close(self._reading)
                    os.close(self._writing)
                    self._reading = self._writing = -1
                    return

    def _is_ours(self) -> bool:
        return signal.getsignal(signal.SIGTERM) == self._handle

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self._once.locked():
            self._die()
        # The thread is at it: nothing of the user's is to run on with runs that have ended. It may need what the main
        # thread holds, though.
        self._dead.wait(_PATIENCE)

    def _die(self) -> None:
        if not self._once.acquire(blocking=False):
            return
        try:
            if _wind_up is not None:
                _wind_up("killed", None)
        finally:
            import ctypes

            # As `signal.signal`, which works in the main thread only; SIG_DFL is 0.
            ctypes.CDLL(None).signal(int(signal.SIGTERM), ctypes.c_void_p(0))
            os.kill(os.getpid(), signal.SIGTERM)


def _is_child_of_multiprocessing() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _at_exit_of_child() -> None:
    assert _wind_up is not None
    error = sys.exc_info()[1]  # what ended the child, if anything did: its finalizers run while that is on its way
    if isinstance(error, SystemExit) and error.code in (None, 0):
        error = None
    _wind_up("interrupted" if isinstance(error, KeyboardInterrupt) else None, error)


def _at_exit() -> None:
    assert _wind_up is not None
    error: Any = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)  # what ended the script
    _wind_up("interrupted" if isinstance(error, KeyboardInterrupt) else None, error)
    if isinstance(error, KeyboardInterrupt):
        # CPython then dies of SIGINT, as shells expect, unless code was compiled and run meanwhile (importing a
        # dataclass is enough). Running this sets the interpreter's mark again (run_eval_code_obj in pythonrun.c).
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102


# A child has the parent's handler and wake-up file until it forgets them: a SIGTERM for it must not end its parent. So
# that signal waits while a process forks, as long as we look out for it.
_masks = threading.local()


def _before_fork() -> None:
    _masks.former = None
    if _watch is not None and _watch.active:
        _masks.former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _after_fork_in_parent() -> None:
    if _masks.former is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _masks.former)


def _after_fork_in_child() -> None:
    """What the parent arranged ends the parent; the child arranges its own end when it has something open."""
    global _wind_up, _watch  # noqa: PLW0603 - state of the process
    if _watch is not None:
        _watch.forget()
    if _wind_up is not None:
        import atexit

        atexit.unregister(_at_exit)
    _wind_up = _watch = None
    if _masks.former is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _masks.former)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
