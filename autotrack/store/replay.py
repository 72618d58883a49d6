"""What the new bytes of one segment say, ready to be applied: columns of points, and all other events in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from autotrack.journal.events import Close, Corrupt, Event, Finish, Metrics, Open, Unknown
from autotrack.journal.segment import decode_line, decode_lines
from autotrack.store.series import Points, join


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
    """Points of one key in several stretches, and the offset of the line that held the last."""

    parts: list[Points]
    offset: int

    def joined(self) -> Points:
        """Return all stretches as one."""
        return join(self.parts)


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
    group: list[Metrics] = []
    keys: tuple[str, ...] = ()
    at = offset
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
        news.clock = max(news.clock, known.t)
        if type(known) is Metrics:
            names = tuple(known.v)
            if names != keys:
                _add_points(news, keys, group, at)
                group, keys = [], names
            group.append(known)
            continue
        _add_event(news, known, at)
    _add_points(news, keys, group, at + 1)
    return news


def _add_event(news: News, event: Event, at: int) -> None:
    if type(event) is Open:
        news.opened = event
    elif type(event) is Finish:
        news.finish = event
    elif type(event) is Close:
        news.closed = True
        return
    news.events.append((event, news.clock, at))


def _add_points(news: News, keys: Sequence[str], group: list[Metrics], end: int) -> None:
    """Add lines that hold the same keys, as columns that all keys share where they can."""
    if not group or not keys:
        return
    count = len(group)
    table = _numbers(itertools.chain.from_iterable(event.v.values() for event in group), count * len(keys))
    columns = np.ascontiguousarray(table.reshape(count, len(keys)).T)
    steps = np.array([math.nan if event.s is None else event.s for event in group], np.float64)
    times = np.array([event.t for event in group], np.int64)
    for key, values in zip(keys, columns, strict=True):
        part = Points(steps, times, values)
        known = news.points.get(key)
        if known is None:
            news.points[key] = Columns([part], end - 1)
        else:
            known.parts.append(part)
            known.offset = end - 1


def _numbers(values: Iterable[float | int | str], count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    # Not finite numbers are text that float() understands: NaN, Infinity, -Infinity.
    return np.fromiter(map(float, values), np.float64, count)


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
