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
    """Calls that were heard of inside of it, in the order in which they returned."""

    @property
    def name(self) -> str:
        """The name of what was called."""
        return self.site.name

    def option(self, name: str, default: Any = None) -> Any:
        """The value that `autotrack.autolog(name=...)` was given, else `default`."""
        return self.site.patches.options.get(name, default)


Listener = Callable[[Heard], None]

_inner: ContextVar[list[Heard] | None] = ContextVar("autotrack_heard", default=None)
"""Where calls inside of one that is listened to are gathered; None outside."""


def ear(site: Site, listener: Listener) -> Callable[..., Any]:
    """Return what makes the calls of a place and tells `listener` of those that are not part of another one."""

    @uncounted
    def autolog(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not site.patches.live or OPEN.get() is not None:  # part of a training that is recorded
            return wrapped(*args, **kwargs)
        outer = _inner.get()
        inner: list[Heard] = []
        token = _inner.set(inner)
        try:
            result = wrapped(*args, **kwargs)
            heard = Heard(site, instance, args, kwargs, result, inner)
            if outer is not None:
                outer.append(heard)
            else:
                _tell(listener, heard)  # what it calls itself is part of this call
            return result
        finally:
            _inner.reset(token)

    return autolog


def _tell(listener: Listener, heard: Heard) -> None:
    try:
        listener(heard)
    except Exception as error:  # noqa: BLE001 - the shield
        shield.report(f"after {heard.name}", error)
