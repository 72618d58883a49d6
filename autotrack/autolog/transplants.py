"""Observed functions that stay the very objects they were: their code is exchanged, nothing else.

A function made by a decorator, ``def wrapper(*args, **kwargs)`` with the decorated one as `__wrapped__`, says nothing
about itself by its code: name, module, signature and documentation are attributes. So its code can be replaced by one
that calls us, and whoever holds the function, under whatever name, in a list, in a `partial`, holds the observed one.
Picklers name it as before, and find it where they did.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeGuard

from autotrack.autolog.wrappers import UNCOUNTED

_GENERIC = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_SPECIAL = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_DOOR, _ORIGINAL = "the door", "the original"  # places in the template


def is_decorated(function: Any) -> TypeGuard[FunctionType]:
    """Whether nothing that can be asked of a function depends on its code."""
    if type(function) is not FunctionType or not hasattr(function, "__wrapped__"):
        return False
    code = function.__code__
    named = code.co_argcount + code.co_kwonlyargcount
    return not named and code.co_flags & _GENERIC == _GENERIC and not code.co_flags & _SPECIAL


def transplant(function: FunctionType, door: Callable[..., Any]) -> Callable[[], object]:
    """Have `door(original, None, args, kwargs)` make the calls of a decorated function. Returns what undoes it."""
    before = function.__code__
    original = FunctionType(
        before, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__dict__.update(vars(function))
    code = _code(before.co_freevars)
    given = {_DOOR: door, _ORIGINAL: original}
    code = code.replace(
        co_consts=tuple(given.get(const, const) if isinstance(const, str) else const for const in code.co_consts),
        co_name=before.co_name,
        co_qualname=before.co_qualname,
        co_filename=UNCOUNTED,
    )
    function.__code__ = code

    def undo() -> None:
        if function.__code__ is code:  # else somebody has put something in its place since: theirs stays
            function.__code__ = before

    return undo


def _code(free: tuple[str, ...]) -> Any:
    """Code that fits the closure of the function: it has the same free variables, and does not use them."""
    names = ", ".join(free)
    source = (
        f"def make({names}):\n"
        f"    def wrapper(*args, **kwargs):\n"
        f"        door = {_DOOR!r}\n"
        f"        original = {_ORIGINAL!r}\n"
        f"        return door(original, None, args, kwargs)\n"
        f"        {names or 'pass'}\n"
        f"    return wrapper\n"
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - the only way to make code with given free variables
    return namespace["make"](*free).__code__
