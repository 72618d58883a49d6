"""What data is called: the name of the variable that holds it where a user's code hands it over."""

from __future__ import annotations

import inspect
import sys
from types import FrameType
from typing import Any

import numpy as np

_DOOR = "<autolog "  # how the file of the kernel's own frame begins: the caller is behind it
_DEPTH = 10  # frames that are looked at
_GENERAL = frozenset(
    {"X", "x", "y", "a", "b", "arr", "array", "arg", "data", "df", "features", "input", "inputs", "target", "value",
     "values", "y_true", "y_pred", "y_score", "labels"}
)  # fmt: skip
"""Names of parameters, which say nothing: the caller of the function may have a better one."""


def name_of(value: Any) -> str | None:
    """The name of a variable that is `value` in the frames that lead to the observed call, innermost first.

    Of an array that is a view of a variable's: that one's name with the part (``X_test[:50]``). None where there is no
    such variable, as for ``X / 16``.
    """
    frames = _frames()
    found = _search(value, frames)
    if found is None and isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        found = _search(value.base, frames)
        if found is not None and len(value) != len(value.base):
            found += f"[{_part(value, value.base)}]"
    return found


def _search(value: Any, frames: list[FrameType]) -> str | None:
    general = None
    for frame in frames:
        for name in _names_in(frame, value):
            if name not in _GENERAL:
                return name
            general = general or name
    return general


def _names_in(frame: FrameType, value: Any) -> list[str]:
    namespace = frame.f_locals
    found = [name for name, item in namespace.items() if item is value and name[:1] != "_"]
    # Up to Python 3.12 a function's frame keeps this dict, and with it what the function may delete. When nobody else
    # has asked for it (this variable, the frame, and the argument of getrefcount refer to it), it can be emptied.
    if type(namespace) is dict and frame.f_code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(namespace) <= 3:
        namespace.clear()
    return found


def _frames() -> list[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the documented way to the caller
    while frame is not None and not frame.f_code.co_filename.startswith(_DOOR):
        frame = frame.f_back
    found: list[FrameType] = []
    while frame is not None and len(found) < _DEPTH:
        if not frame.f_code.co_filename.startswith(_DOOR):
            found.append(frame)
            if frame.f_code.co_name == "<module>":
                break
        frame = frame.f_back
    return found


def _part(value: Any, base: Any) -> str:
    if base.strides[0] == 0 or value.strides[0] % base.strides[0]:
        return "…"
    start = (value.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // base.strides[0]
    step = value.strides[0] // base.strides[0]
    stop = start + step * len(value)
    if step <= 0:
        return "…"
    return f"{start or ''}:{'' if stop >= len(base) else stop}{'' if step == 1 else f':{step}'}"
