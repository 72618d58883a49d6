"""Our failure is one log line and a note on the run, never the user's problem.

With `AUTOTRACK_STRICT=1` (or `strict` in the configuration) it raises instead: our tests run like that.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from autotrack.errors import RunFinished
from autotrack.log import warn

if TYPE_CHECKING:
    from autotrack.run import Run

Function = TypeVar("Function", bound=Callable[..., Any])

_logged: set[tuple[object, ...]] = set()


class guarded:  # noqa: N801 - used like a function
    """Shield for what a framework calls: `with guarded("reading the history"):` or `@guarded("on_epoch_end")`.

    `what` says what we were doing, `run` whose record is incomplete then (default: the run being recorded here). A
    guarded function returns None where it failed. Ctrl-C and `SystemExit` pass.
    """

    def __init__(self, what: str, *, run: Run | None = None) -> None:
        self.what = what
        self.run = run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        report(self.what, error, self.run)
        return True

    def __call__(self, function: Function) -> Function:
        """Return `function`, shielded."""

        @functools.wraps(function)
        def shielded(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the shield
                report(self.what, error, self.run)

        return shielded  # type: ignore[return-value]


def report(what: str, error: Exception, run: Run | None = None) -> None:
    """Say once in the log that `error` happened while doing `what`, and on each run that its record is incomplete.

    Raises `error` in strict mode. Only to be called while `error` is being handled.
    """
    if strict():
        raise error
    text = " ".join(f"{what}: {type(error).__name__}: {error}".split())
    if _first((*_place(error), type(error))):
        warn(f"capture incomplete: {text} (training is not affected)", error)
    _attach(text, run)


def note(text: str, *, run: Run | None = None) -> None:
    """Say that something was not captured: "capture incomplete: `text`" on the run being recorded, and one log line."""
    if _first(("note", text)):
        warn(f"capture incomplete: {text}")
    _attach(text, run)


def strict() -> bool:
    """Whether our own errors are to be raised."""
    try:
        from autotrack import config

        return config.current().strict
    except Exception as error:  # noqa: BLE001 - a configuration that cannot be read must not harm the training either
        if _first(("config", str(error))):
            warn(f"the configuration cannot be read: {error}", error)
        return os.environ.get("AUTOTRACK_STRICT", "").strip().lower() in {"1", "true", "yes", "on"}


def _attach(text: str, run: Run | None) -> None:
    run = _current_run() if run is None else run
    if run is None or not _first((run.id, text)):
        return
    try:
        run.note(f"capture incomplete: {text}", kind="capture")
    except RunFinished:
        pass  # it ended just now: the log has it
    except Exception as error:  # noqa: BLE001 - the shield
        if _first((*_place(error), "note")):
            warn(f"the run could not be told that its record is incomplete: {error}", error)


def _current_run() -> Run | None:
    from autotrack.active import active_run
    from autotrack.autolog.calls import OPEN

    call = OPEN.get()
    while call is not None:
        if call.run is not None:
            return call.run
        call = call.parent
    return active_run()


def _first(key: tuple[object, ...]) -> bool:
    if key in _logged:
        return False
    if len(_logged) >= 10_000:  # a process that lives for months must not grow
        _logged.clear()
    _logged.add(key)
    return True


def _place(error: Exception) -> tuple[object, ...]:
    traceback = error.__traceback__
    if traceback is None:
        return (str(error),)
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
