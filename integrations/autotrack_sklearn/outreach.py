"""Whether the code of a class reaches out of its objects: then a copy of one stands in for nothing.

Known from the code of its methods: variables of an enclosing function or of its module that they assign, and containers
of an enclosing function that they could change. What they do to the world by other means is not.
"""

from __future__ import annotations

import dis
import sys
import weakref
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from autotrack_sklearn.parts import is_own

_STORES = {dis.opmap[name] for name in ("STORE_DEREF", "STORE_GLOBAL", "DELETE_DEREF", "DELETE_GLOBAL")}
_known: weakref.WeakKeyDictionary[type, str | None] = weakref.WeakKeyDictionary()


def reaches_out(kind: type) -> str | None:
    """The method of a class that changes something outside of its objects; None where none is known to."""
    if kind not in _known:
        _known[kind] = next(_methods_that_do(kind), None)
    return _known[kind]


def _methods_that_do(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        if is_own(base) or base is object or _is_installed(base):
            continue
        for name, value in vars(base).items():
            function: Any = getattr(value, "__func__", value)  # static and class methods
            function = getattr(function, "fget", function)
            function = getattr(function, "__wrapped__", function)
            if type(function) is FunctionType and (_holds_containers(function) or _stores(function.__code__)):
                yield f"{base.__qualname__}.{name}"


def _is_installed(kind: type) -> bool:
    """Whether a class is a library's: what that keeps for itself in its modules is its own business."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or ""
    return "<locals>" not in kind.__qualname__ and ("site-packages" in file or "dist-packages" in file)


def _holds_containers(function: FunctionType) -> bool:
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # nothing yet
            continue
        if isinstance(value, (list, dict, set, bytearray)):
            return True
    return False


def _stores(code: CodeType, outer: frozenset[str] = frozenset()) -> bool:
    """Whether code, or a function inside, assigns a variable that is not its own."""
    if not _STORES.isdisjoint(code.co_code[::2]):
        for step in dis.get_instructions(code):
            outside = step.opname.endswith("GLOBAL") or step.argval in code.co_freevars
            if step.opcode in _STORES and outside and step.argval not in outer:
                return True
    own = outer | {*code.co_cellvars}
    return any(_stores(const, own) for const in code.co_consts if isinstance(const, CodeType))
