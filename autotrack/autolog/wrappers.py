"""What stands in a patched place: transparent to whoever looks at it, pickled as if it were not there.

Exactly one Python frame of ours is between the caller and the original (two of a transplanted function), and `warnings`
does not count them.
"""

# ruff: noqa: SLF001 - `_self_` is how wrapt names what belongs to a wrapper and not to what it wraps

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, SupportsIndex, TypeVar

import wrapt

from autotrack.autolog.calls import Site, begin

Function = TypeVar("Function", bound=Callable[..., Any])

UNCOUNTED = "<autolog (not counted by warnings, like importlib._bootstrap)>"


def uncounted(function: Function) -> Function:
    """`function` with a file name that `warnings.warn(..., stacklevel=n)` steps over.

    CPython leaves out of the count every frame whose `co_filename` contains both "importlib" and "_bootstrap" (its way
    to attribute warnings to the line of an `import`; `is_internal_frame` in Python/_warnings.c). So a warning inside
    the user's function points at the same line as without autolog, and the traceback shows what this frame is.
    """
    plain_function: Any = function
    plain_function.__code__ = plain_function.__code__.replace(co_filename=UNCOUNTED)
    return function


def observing(site: Site) -> Callable[..., Any]:
    """Return what makes the calls of a place, with its observer around them."""

    @uncounted
    def autolog(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = begin(site, instance, args, kwargs)
        if call is None:
            return wrapped(*args, **kwargs)
        try:
            result = call.result = wrapped(*call.args, **call.kwargs)
        except BaseException as error:
            call.end(error)
            raise
        call.end(None)
        return result

    return autolog


class BoundObserved(wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]
    """An observed function looked up on an instance or a class."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        if not isinstance(self.__wrapped__, FunctionType):
            return self.__wrapped__.__reduce_ex__(protocol)  # a bound method: (getattr, (instance, name))
        parent = self._self_parent
        return getattr, (parent._self_site.owner, parent._self_site.name)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self._self_instance is None or isinstance(self._self_instance, type):
            return self
        import copy

        return getattr(copy.deepcopy(self._self_instance, memo), self._self_parent._self_site.name)


class Observed(wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """What is put in the place of an observed function."""

    __bound_function_wrapper__ = BoundObserved

    def __init__(self, wrapped: Any, site: Site, door: Callable[..., Any] | None = None) -> None:
        super().__init__(wrapped, door or observing(site))
        self._self_site = site

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """The plain function: by reference where this very wrapper will be found under a name, else as itself.

        What is loaded then needs no autotrack: no function of ours is named in the pickle. `operator.getitem` hands
        over an object as it is. In a class that is pickled by value, it is what the class has under that name when it
        is loaded: cloudpickle sets the attributes again of a class that is still there.
        """
        site: Site = self._self_site
        if isinstance(site.owner, type):
            if _by_reference(site.owner):
                import inspect

                return inspect.getattr_static, (site.owner, site.name)
            present = operator.methodcaller("get", site.name, self.__wrapped__)
            return present, (_Later(getattr, site.owner, "__dict__"),)
        function: Any = self.__wrapped__
        if getattr(sys.modules.get(self.__module__), function.__qualname__, None) is self:
            return function.__qualname__
        return operator.getitem, ((function,), 0)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self


class Exported(Observed):
    """An observed function that users import from another module than the one that defines it.

    It says that it comes from there, as it is found there only: picklers name it by that. Where it was defined, the
    plain function stays, for all that held on to it before, such as scorers: picklers name that one by its own module.
    """

    def __getattribute__(self, name: str) -> Any:
        if name == "__module__":
            return self._self_site.owner.__name__
        return super().__getattribute__(name)


class _Later:
    """Stands in a pickle for what a call will return when it is loaded."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._call = function, args

    def __reduce__(self) -> Any:
        return self._call


_OURS = (Observed, Exported, BoundObserved)


def plain(value: Any) -> Any:
    """What `value` would be without wrappers of ours that are around it."""
    while type(value) in _OURS:
        value = value._self_parent.__wrapped__ if type(value) is BoundObserved else value.__wrapped__
    return value


def site_of(value: Any) -> Site | None:
    """Where a wrapper of ours was put; None if `value` is none."""
    site: Site | None = value._self_site if type(value) in _OURS else None
    return site


def _by_reference(owner: type) -> bool:
    """Whether every pickler names `owner`; cloudpickle takes classes of `__main__` and of some modules apart."""
    found: Any = sys.modules.get(owner.__module__)
    for part in owner.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not owner or owner.__module__ == "__main__":
        return False
    for name in ("cloudpickle.cloudpickle", "joblib.externals.cloudpickle.cloudpickle"):
        by_value = getattr(sys.modules.get(name), "_PICKLE_BY_VALUE_MODULES", ())
        if any(owner.__module__ == module or owner.__module__.startswith(f"{module}.") for module in by_value):
            return False
    return True
