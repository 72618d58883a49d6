"""Whether an event fits into the index: what does not is skipped and counted like any other damaged line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from autotrack.journal.events import Artifact, Event, Open, Params, Start, Table
from autotrack.journal.values import decode_value

_SMALL = 2**31  # columns of 32 bits
_LARGE = 2**53  # sums of two stay within 64 bits
_UID = 64  # characters of a run id, and of a SHA-256


def is_sound(event: Event) -> bool:
    """Return whether every number is within the bounds of its column and every value can be decoded."""
    try:
        msgspec.json.encode(event)  # refuses integers beyond 64 bits, at any depth
        if type(event) is Params:
            _decode(event.values.values())
        elif type(event) is Table:
            _decode(cell for cells in event.columns.values() for cell in cells)
            _decode([event.meta])
            if len(set(map(len, event.columns.values()))) > 1:
                return False
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError):
        return False
    return all(_fits(getattr(event, name), _LARGE) for name in event.__struct_fields__) and _is_short(event)


def _decode(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, (dict, list)):
            decode_value(value)


def _fits(value: Any, bound: int) -> bool:
    return not isinstance(value, int) or -bound < value < bound


def _is_short(event: Event) -> bool:
    if type(event) is Open:
        return all(_fits(number, _SMALL) for number in (event.format, event.attempt, event.rank))
    if type(event) is Artifact:
        return len(event.sha256) <= _UID
    if type(event) is Start:
        return len(event.parent or "") <= _UID
    return True
