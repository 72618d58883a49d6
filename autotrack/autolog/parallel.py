"""Threads of `joblib.Parallel` see the observation and the run they work for; its processes get plain functions."""

# ruff: noqa: SLF001 - the ContextVar of the active run is carried as it is

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autotrack import active
from autotrack.autolog.calls import OPEN, Call
from autotrack.autolog.patches import Patches, mend
from autotrack.autolog.shield import guarded
from autotrack.autolog.wrappers import uncounted
from autotrack.run import Run

Task = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Carrier:
    """A task's function that runs under the caller's observation and active run, and pickles to the plain function."""

    __slots__ = ("_call", "_function", "_run")

    def __init__(self, function: Callable[..., Any], call: Call | None, run: Run | None) -> None:
        self._function = function
        self._call = call
        self._run = run

    @uncounted
    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        # Only our own variables travel: numpy's errstate or decimal's context stay as joblib leaves them.
        former_call, former_run = OPEN.get(), active._current.get()
        OPEN.set(self._call)
        active._current.set(self._run)
        try:
            return self._function(*args, **kwargs)
        finally:
            active._current.set(former_run)
            OPEN.set(former_call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __reduce__(self) -> Any:
        return operator.getitem, ((self._function,), 0)


def install(patches: Patches) -> None:
    """Patch `joblib.Parallel.__call__`; part of the kernel, but through the same door as every integration."""
    import importlib

    patches.through(importlib.import_module("joblib").Parallel, "__call__", _autolog)


@uncounted
def _autolog(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call, run = OPEN.get(), active._current.get()
    if (call is None and run is None) or len(args) != 1:
        results = wrapped(*args, **kwargs)
    else:
        results = wrapped(_carried(args[0], call, run), **kwargs)
    with guarded("observing classes of __main__ again"):
        mend()
    return results


def _carried(tasks: Iterable[Task], call: Call | None, run: Run | None) -> Iterable[Task]:
    if isinstance(tasks, (list, tuple)):  # joblib asks these for their length
        return list(_carry(tasks, call, run))
    return _carry(tasks, call, run)


@uncounted
def _carry(tasks: Iterable[Task], call: Call | None, run: Run | None) -> Iterator[Task]:
    for task in tasks:
        function, args, kwargs = task
        yield Carrier(function, call, run), args, kwargs
