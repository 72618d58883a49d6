"""What the new bytes of one segment say, ready to be applied: columns of points, and all other events in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from autotrack.journal.decoding import decode_line, decode_lines
from autotrack.journal.events import Close, Corrupt, Event, Finish, Metrics, Open, Unknown
from autotrack.store.series import Ints, Points, join
from autotrack.store.sound import is_sound

_LATEST = 2**53
"""Microseconds, about the year 2255: sums and differences of times stay within 64 bits."""
_Line = tuple[Metrics, int, int]  # with its offset and clock
_TEXTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(slots=True)
class News:
    """The new complete lines of a segment."""

    offset: int
    """Where they end in the segment's bytes."""
    clock: int
    """Time of the last line, never less than that of a line before it."""
    events: list[tuple[Event, int, int]] = field(default_factory=list)
    """Events other than metrics, each with its clock and offset."""
    points: dict[str, Columns] = field(default_factory=dict)
    """Points by key, in order; steps that the journal leaves out are NaN (see `resolve`)."""
    unknown: list[tuple[bytes, int]] = field(default_factory=list)
    corrupt: int = 0
    opened: Open | None = None
    finish: Finish | None = None
    closed: bool = False


@dataclass(slots=True)
class Columns:
    """Points of one key in several stretches, and the clock and the offset of the line that held the last."""

    parts: list[Points]
    lines: list[Ints]  # where each point's line begins
    clock: int
    offset: int

    def joined(self) -> Points:
        """Return all stretches as one, in the order of the lines."""
        points = join(self.parts)
        if len(self.parts) == 1:
            return points
        order = np.argsort(np.concatenate(self.lines))
        return Points(points.steps[order], points.times[order], points.values[order])


def read_news(data: bytes, offset: int, clock: int) -> News:
    """Read what `data`, found at `offset` of a segment whose last known clock is `clock`, says.

    A last line without a newline is left for the next time.
    """
    data = data[: data.rfind(b"\n") + 1]
    news = News(offset + len(data), clock)
    lines = data.split(b"\n")[:-1]
    events = decode_lines(data)
    if len(events) != len(lines):  # blank lines
        events = [decode_line(line) for line in lines]
    starts = itertools.accumulate((len(line) + 1 for line in lines), initial=offset)
    groups: dict[tuple[str, ...], list[_Line]] = {}
    for event, at in zip(events, starts, strict=False):  # one start more than there are lines
        if type(event) is Unknown:
            news.unknown.append((event.raw, at))
            if event.known is None:
                continue
            known: Event = event.known
        elif type(event) is Corrupt:
            news.corrupt += 1
            continue
        else:
            known = event  # type: ignore[assignment]
        if not -_LATEST <= known.t <= _LATEST:
            news.corrupt += 1
            continue
        if type(known) is Metrics:
            news.clock = max(news.clock, known.t)
            groups.setdefault(tuple(known.v), []).append((known, at, news.clock))
        elif is_sound(known):
            news.clock = max(news.clock, known.t)
            _add_event(news, known, at)
        else:
            news.corrupt += 1
    for keys, group in groups.items():
        _add_points(news, keys, group)
    return news


def _add_event(news: News, event: Event, at: int) -> None:
    if type(event) is Open:
        news.opened = event
    elif type(event) is Finish:
        news.finish = news.finish or event  # of several the first counts
    elif type(event) is Close:
        news.closed = True
        return
    news.events.append((event, news.clock, at))


def _add_points(news: News, keys: Sequence[str], found: list[_Line]) -> None:
    """Add lines that hold the same keys, as columns that all keys share where they can."""
    if not found or not keys:
        return
    group = [event for event, _, _ in found]
    try:
        table = _table(group)
        steps = _steps(group)
    except (KeyError, OverflowError):
        sound = [line for line in found if _is_point(line[0])]
        news.corrupt += len(found) - len(sound)
        _add_points(news, keys, sound)
        return
    columns = np.ascontiguousarray(table.reshape(len(group), len(keys)).T)
    times = np.array([event.t for event in group], np.int64)
    lines = np.array([at for _, at, _ in found], np.int64)
    _, offset, clock = found[-1]
    for key, values in zip(keys, columns, strict=True):
        part = Points(steps, times, values)
        known = news.points.get(key)
        if known is None:
            news.points[key] = Columns([part], [lines], clock, offset)
        else:
            known.parts.append(part)
            known.lines.append(lines)
            known.clock, known.offset = max(known.clock, clock), max(known.offset, offset)


def _table(group: Sequence[Metrics]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values: list[float | int | str] = list(itertools.chain.from_iterable(event.v.values() for event in group))
    if str in set(map(type, values)):
        values = [_TEXTS[value] if type(value) is str else value for value in values]
    return np.array(values, np.float64)


def _steps(group: Sequence[Metrics]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([math.nan if event.s is None else float(event.s) for event in group], np.float64)


def _is_point(event: Metrics) -> bool:
    try:
        _table([event])
        _steps([event])
    except (KeyError, OverflowError):
        return False
    return True


def resolve(points: Points, previous: float | None) -> Points:
    """Give the points whose step the journal leaves out their step: one after the previous point's, rounded down."""
    missing = np.isnan(points.steps)
    if not missing.any():
        return points
    steps = points.steps.copy()
    if missing.all():
        first = 0.0 if previous is None else math.floor(previous) + 1.0
        steps[:] = first + np.arange(len(steps))
        return points._replace(steps=steps)
    last = previous
    for at, step in enumerate(steps.tolist()):
        last = step if step == step else 0.0 if last is None else math.floor(last) + 1.0  # noqa: PLR0124 - NaN
        steps[at] = last
    return points._replace(steps=steps)
