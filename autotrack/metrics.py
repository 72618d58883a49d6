"""What may be logged as a metric: one number for a key, at a step. Anything else is refused before it is written."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from autotrack.journal.text import escape
from autotrack.journal.values import encode_float, scalar

_EXACT = 2**53  # integers up to here are 64-bit floats exactly


def checked_step(step: Any) -> float | int | None:
    """Return a step as a number; TypeError unless it is None or a finite number that a 64-bit float holds exactly."""
    if step is None:
        return None
    plain = scalar(step)
    if type(plain) is int and -_EXACT <= plain <= _EXACT:
        return plain
    if type(plain) is float and plain - plain == 0:
        return plain
    raise TypeError(f"step must be a finite number (integers up to 2**53), not {_shown(step)}")


def checked_points(metrics: Any) -> dict[str, float | int | str]:
    """Return metrics as journal data; TypeError names the key whose value is not one number."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"log_metrics takes a dict of key and number, not {_shown(metrics)}")
    return {checked_key(key): _number(key, value) for key, value in metrics.items()}


def checked_key(key: Any) -> str:
    """Return a key in journal form; TypeError unless it is text."""
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {_shown(key)}")
    return escape(str(key))


def _number(key: str, value: Any) -> float | int | str:
    plain = scalar(value)
    if type(plain) is float:
        return encode_float(plain)
    if type(plain) is bool:
        return int(plain)
    if type(plain) is int:
        try:
            exact = float(plain) == plain
        except OverflowError:
            exact = False
        if exact:
            return plain
        raise TypeError(
            f"metric {key!r}: {_shown(value)} does not fit a 64-bit float exactly: "
            "log it as a param, or log float(value)"
        )
    if hasattr(value, "shape") and tuple(value.shape) != ():
        raise TypeError(
            f"metric {key!r} must be one number, not {_shown(value)} of shape {tuple(value.shape)}: "
            "log value.item(), its mean, or each element under a key of its own"
        )
    if isinstance(plain, numbers.Real):
        raise TypeError(f"metric {key!r}: {_shown(value)} may not fit a 64-bit float exactly: log float(value)")
    raise TypeError(f"metric {key!r} must be a number, not {_shown(value)}: texts belong into params or tags")


def _shown(value: Any) -> str:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            text = repr(value)
        except ValueError:  # an integer of more digits than Python prints
            text = hex(value)  # type: ignore[arg-type]
        return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"
    return type(value).__name__
