"""Observed functions that stay the very objects they were: their code is exchanged, nothing else.

A function made by a decorator, ``def wrapper(*args, **kwargs)`` with the decorated one as `__wrapped__`, says nothing
about itself by its code: name, module, signature and documentation are attributes. So its code can be replaced by one
that calls us, and whoever holds the function, under whatever name, in a list, in a `partial`, holds the observed one.
Picklers name it as before, and find it where they did.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, TypeGuard

from autotrack.autolog.wrappers import UNCOUNTED, Observed

_GENERIC = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_SPECIAL = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_OBSERVED = "what is observed"  # its place in the template


def is_decorated(function: Any) -> TypeGuard[FunctionType]:
    """Whether nothing that can be asked of a function depends on its code."""
    if type(function) is not FunctionType or not hasattr(function, "__wrapped__"):
        return False
    code = function.__code__
    named = code.co_argcount + code.co_kwonlyargcount
    return not named and code.co_flags & _GENERIC == _GENERIC and not code.co_flags & _SPECIAL


def transplant(function: FunctionType, observed: Callable[[FunctionType], Observed]) -> Callable[[], object]:
    """Have `observed(original)` make the calls of a decorated function. Returns what undoes it.

    Picklers that take a function apart (cloudpickle, of a module that is registered by value) take that for the plain
    function, as everywhere: what is loaded then needs no autotrack.
    """
    before = function.__code__
    original = FunctionType(
        before, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__dict__.update(vars(function))
    template = _template(len(before.co_freevars))
    code = template.replace(
        co_consts=tuple(observed(original) if const == _OBSERVED else const for const in template.co_consts),
        co_freevars=before.co_freevars,
        co_name=before.co_name,
        co_qualname=before.co_qualname,
        co_filename=UNCOUNTED,
    )
    function.__code__ = code

    def undo() -> None:
        if function.__code__ is code:  # else somebody has put something in its place since: theirs stays
            function.__code__ = before

    return undo


def _template(free: int) -> CodeType:
    """Code that fits the closure of a function: it has as many free variables, and does not use them."""
    names = ", ".join(f"_{number}" for number in range(free))
    source = (
        f"def make({names}):\n"
        f"    def wrapper(*args, **kwargs):\n"
        f"        observed = {_OBSERVED!r}\n"
        f"        return observed(*args, **kwargs)\n"
        f"        {names or 'pass'}\n"
        f"    return wrapper\n"
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102 - the only way to make code with so many free variables
    code: CodeType = namespace["make"](*range(free)).__code__
    return code
