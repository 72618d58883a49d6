"""One observed call: what the integration sees of it, and how its observer is entered and left.

The kernel calls the framework; an integration is only a context manager around that call. Everything here runs before
or after the user's own call, never around it on the stack (see `wrappers.py`), and never lets an error of ours out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autotrack.autolog import rng, shield

if TYPE_CHECKING:
    from types import TracebackType

    from autotrack.autolog.patches import Patches
    from autotrack.run import Run

Observer = Callable[["Call"], "AbstractContextManager[object] | None"]

OPEN: ContextVar[Call | None] = ContextVar("autotrack_open_call", default=None)
"""The innermost observation of this thread or task. One stack for all frameworks: `Call.parent` leads outwards."""


class Site:
    """One patched place: whose attribute it is and who observes it."""

    __slots__ = ("name", "nested", "observer", "owner", "patches")

    def __init__(self, patches: Patches, owner: Any, name: str, observer: Observer, *, nested: bool = False) -> None:
        self.patches = patches
        self.owner = owner
        self.name = name
        self.observer = observer
        self.nested = nested


class Call:
    """A call that a user made of an observed function. Integrations may stash attributes of their own on it.

    `args` and `kwargs` are what the original is called with: an observer changes the call by assigning to them or by
    changing the dict `kwargs`. An observer that fails before its `yield` has changed nothing.
    """

    instance: Any
    """The object whose method was called; None for a module's function."""
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    """What the original returned; None before, or if it raised."""
    error: BaseException | None
    """What the original raised."""
    duration: float
    """Seconds that the user's own call took (monotonic clock), without what autotrack does around it."""
    run: Run | None
    """The run that `recording` recorded this call in."""
    opened: bool
    """Whether that run is there for this call, or for several like it, and no other's."""
    parent: Call | None
    """The observation that this one is nested in, where that one lets its children be seen."""
    done: bool
    """Whether the original has returned or raised."""
    started: float
    """When the user's own call began (`time.perf_counter`)."""
    traceback: TracebackType | None
    """Where it raised, without the frames of autotrack."""
    at_end: list[Callable[[], object]]
    """Called, shielded, when everything else has been done; an observer that fails does not prevent it."""

    def __init__(self, site: Site, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.site = site
        self.instance = instance
        self.args = args
        self.kwargs = kwargs
        self.result = None
        self.error = None
        self.duration = 0.0
        self.run = None
        self.opened = False
        self.parent = None
        self.done = False
        self.traceback: TracebackType | None = None
        self.at_end: list[Callable[[], object]] = []
        self._manager: AbstractContextManager[object] | None = None
        self.started = 0.0
        self._generators: list[rng.Generator] = []

    @property
    def owner(self) -> Any:
        """The class or module whose attribute is observed."""
        return self.site.owner

    @property
    def name(self) -> str:
        """The name of the observed attribute."""
        return self.site.name

    def option(self, name: str, default: Any = None) -> Any:
        """The value that `autotrack.autolog(name=...)` was given, else `default`."""
        return self.site.patches.options.get(name, default)

    def __repr__(self) -> str:
        return f"<Call of {getattr(self.owner, '__name__', self.owner)}.{self.name}>"

    def enter(self) -> bool:
        """Enter the observer. False if it does not want to see this call."""
        self._generators = rng.snapshot()
        args, kwargs = self.args, self.kwargs
        self.kwargs = kwargs.copy()
        try:
            manager = self.site.observer(self)
            if manager is None:
                return False
            manager.__enter__()
            self._manager = manager
            if type(self.args) is not tuple:
                self.args = tuple(self.args)
        except Exception as error:  # noqa: BLE001 - the shield
            self.args, self.kwargs = args, kwargs
            shield.report(f"before {self._title()}", error, self.run)
        finally:
            rng.restore(self._generators)
        return True

    def end(self, error: BaseException | None) -> None:
        """Leave the observer after the original has returned or raised `error`, which stays exactly as it is."""
        self.duration = time.perf_counter() - self.started
        self.done = True
        self.error = error
        self._generators = rng.snapshot(self._generators)
        before = None if error is None else (error.__context__, error.__cause__, error.__suppress_context__)
        traceback = self.traceback = None if error is None else error.__traceback__
        if traceback is not None and traceback.tb_next is not None:
            self.traceback = traceback.tb_next
        try:
            if self._manager is not None:
                self._leave(self._manager, error)
        finally:
            try:
                for finish in self.at_end:
                    self._finish(finish)
            finally:
                OPEN.set(self.parent)
                if error is not None and before is not None:
                    error.__traceback__ = traceback
                    error.__context__, error.__cause__, error.__suppress_context__ = before
                rng.restore(self._generators)
                # An exception refers to the frame that holds this call: do not close a cycle that keeps data alive.
                self.error = self.traceback = self._manager = None
                self._generators, self.at_end = [], []

    def _leave(self, manager: AbstractContextManager[object], error: BaseException | None) -> None:
        try:
            if error is None:
                manager.__exit__(None, None, None)
            else:  # a true result would mean "swallow it": not ours to decide
                manager.__exit__(type(error), error, error.__traceback__)
        except Exception as ours:  # noqa: BLE001 - the shield
            if ours is not error:
                shield.report(f"after {self._title()}", ours, self.run)
        except BaseException as other:
            if other is not error:
                raise

    def _finish(self, finish: Callable[[], object]) -> None:
        try:
            finish()
        except Exception as ours:  # noqa: BLE001 - the shield
            shield.report(f"after {self._title()}", ours, self.run)

    def _title(self) -> str:
        kind = self.owner if self.instance is None else type(self.instance)
        return f"{getattr(kind, '__name__', kind)}.{self.name}"


def begin(site: Site, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    """Open an observation; None if the call is not to be observed: undone, hidden inside another one, or not wanted."""
    if not site.patches.live:
        return None
    outer = OPEN.get()
    if outer is not None and not outer.site.nested:
        return None
    call = Call(site, instance, args, kwargs)
    call.parent = outer
    OPEN.set(call)
    try:
        wanted = call.enter()
    except BaseException as stop:  # Ctrl-C inside our code, or an error of ours in strict mode
        call.end(stop)
        raise
    if not wanted:
        OPEN.set(outer)
        return None
    call.started = time.perf_counter()
    return call
