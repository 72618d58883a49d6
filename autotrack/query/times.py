"""Times and durations as people write them: ``2026-11-01``, ``-2d``, ``today``, ``1h30m``."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta

DURATION_FORMS = '"90s", "2h", "1h30m", "2d", or a number of seconds'
TIME_FORMS = '"2026-11-01", "2026-11-01 14:30", "2026-11-01T14:30:00Z", "-2d", "today", "yesterday", "now"'

_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|sec|s|min|m|h|d|w)\s*", re.ASCII)
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}|\d{4}-?W\d{2}(?:-?\d)?", re.ASCII)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def seconds(text: str) -> float | None:
    """Return the seconds of a duration such as ``1h30m``; None where the text is none."""
    rest, total = text.strip(), 0.0
    if not rest:
        return None
    while rest:
        part = _PART.match(rest)
        if part is None:
            return None
        total += float(part[1]) * _UNITS[part[2]]
        rest = rest[part.end() :]
    return total


def interval(text: str, now: datetime | None = None) -> tuple[int, int] | None:
    """Return the first microsecond since 1970 of a time and the first one after it; None where the text is none.

    A day is as long as the local calendar says, any other time one microsecond. A time without zone is local time.
    """
    now = (now or datetime.now(UTC)).astimezone()
    text = text.strip()
    try:
        day = _day(text, now)
        if day is not None:
            return _midnight(day), _midnight(day + timedelta(days=1))
        at = _moment(text, now)
    except (ValueError, OverflowError, OSError):  # no such date, or outside of the years 1 to 9999
        return None
    return None if at is None else (at, at + 1)


def _day(text: str, now: datetime) -> date | None:
    if text in ("today", "yesterday"):
        return now.date() - timedelta(days=text == "yesterday")
    return date.fromisoformat(text) if _DAY.fullmatch(text) else None


def _moment(text: str, now: datetime) -> int | None:
    if text == "now":
        return _microseconds(now)
    if text.startswith("-"):
        ago = seconds(text[1:])
        return None if ago is None or not math.isfinite(ago) else _microseconds(now - timedelta(seconds=ago))
    return _microseconds(datetime.fromisoformat(text).astimezone())


def _midnight(day: date) -> int:
    return _microseconds(datetime.combine(day, time()).astimezone())


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
