"""Calls that are heard of, not observed: what they were given and returned, at a price of microseconds.

For what users call often and what is no training (`predict`, a metric): no run is opened, and no generator looked at.
A listener is told after the call. It must neither draw random numbers nor run code of the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from autotrack.autolog import shield
from autotrack.autolog.calls import OPEN, Site
from autotrack.autolog.wrappers import uncounted


class Heard(NamedTuple):
    """A call that has returned."""

    site: Site
    instance: Any
    """The object whose method was called; None for a module's function."""
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    inner: list[Heard]
    """The first few calls that it made itself, of what is listened to; of a listener `within` only, else empty."""

    @property
    def name(self) -> str:
        """The name of what was called."""
        return self.site.name

    def option(self, name: str, default: Any = None) -> Any:
        """The value that `autotrack.autolog(name=...)` was given, else `default`."""
        return self.site.patches.options.get(name, default)


Listener = Callable[[Heard], None]

_FEW = 8  # calls inside of one: what they returned is kept until it returns, and a forest asks hundreds of trees


class _Inner(NamedTuple):
    """Where calls inside of one that is listened to are gathered."""

    calls: list[Heard]
    room: int


_inner: ContextVar[_Inner | None] = ContextVar("autotrack_heard", default=None)
"""Of the call that is going on; None outside."""


def ear(site: Site, listener: Listener, *, within: bool = False) -> Callable[..., Any]:
    """Return what makes the calls of a place and tells `listener` of those that are not part of another one.

    With `within`, it is told of the first few calls inside, too.
    """

    @uncounted
    def autolog(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not site.patches.live or OPEN.get() is not None:  # part of a training that is recorded
            return wrapped(*args, **kwargs)
        outer = _inner.get()
        inner = _Inner([], _FEW if within and outer is None else 0)
        token = _inner.set(inner)
        try:
            result = wrapped(*args, **kwargs)
            if outer is None:  # what the listener calls itself is part of this call
                _tell(listener, Heard(site, instance, args, kwargs, result, inner.calls))
            elif len(outer.calls) < outer.room:
                outer.calls.append(Heard(site, instance, args, kwargs, result, inner.calls))
            return result
        finally:
            _inner.reset(token)

    return autolog


def _tell(listener: Listener, heard: Heard) -> None:
    try:
        listener(heard)
    except Exception as error:  # noqa: BLE001 - the shield
        shield.report(f"after {heard.name}", error)
