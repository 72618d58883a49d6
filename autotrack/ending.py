"""How a process ends: whatever ends it, what was begun is brought to an end first.

The end of the script, an exception and Ctrl-C come through `atexit` (in children of `multiprocessing` through its own
finalizers). SIGTERM is looked out for while something is open, and only where nobody else handles it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

WindUp = Callable[[str | None, BaseException | None], object]
"""Ends what is open: with a state (None: as it may be) and the error that ended the process, if one did."""

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
    in_main_thread = threading.current_thread() is threading.main_thread()
    # Only where nobody else handles it; when the process is about to die of it anyway.
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _watch = _watch or _Watch()
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
        self._once = threading.Lock()
        self._files = self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        threading.Thread(target=self._work, name="autotrack-signals", daemon=True).start()

    def begin(self) -> None:
        signal.signal(signal.SIGTERM, self._handle)
        former = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        if former != -1:
            self._give_back(former)

    def end(self) -> None:
        """Put everything back as it was."""
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        former = signal.set_wakeup_fd(-1)
        if former not in (-1, self._writing):
            self._give_back(former)

    def forget(self) -> None:
        """In a forked child: the thread does not exist here, and the files are the parent's too."""
        self.end()
        for file in self._files:
            os.close(file)

    def _give_back(self, file: int) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed meanwhile
            signal.set_wakeup_fd(file)

    def _work(self) -> None:
        while numbers := os.read(self._reading, 64):
            if signal.SIGTERM in numbers:
                self._die()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._die()

    def _die(self) -> None:
        if not self._once.acquire(blocking=False):
            return  # the other one is at it
        if _wind_up is not None:
            _wind_up("killed", None)
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


def _after_fork_in_child() -> None:
    """What the parent arranged ends the parent; the child arranges its own end when it has something open."""
    global _wind_up, _watch  # noqa: PLW0603 - state of the process
    if _watch is not None:
        _watch.forget()
    if _wind_up is not None:
        import atexit

        atexit.unregister(_at_exit)
    _wind_up = _watch = None


os.register_at_fork(after_in_child=_after_fork_in_child)
