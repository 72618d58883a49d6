"""What views read from the index: runs by the page, and the params, metrics and tags of many runs at once.

Runs are asked for by their public ids: the numbers of rows change when an index is rebuilt.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Connection, case, func, select

from autotrack.journal.text import unescape
from autotrack.journal.values import decode_value
from autotrack.store.schema import keys, params, runs, series, tags
from autotrack.views.mending import connected, mending
from autotrack.views.series import Summary

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, UnaryExpression

    from autotrack.store.engine import Index

_PAGE = 1000  # ids in one query
_EXACT = 2**53  # whole numbers below are exact as float64
_decode = msgspec.json.Decoder().decode


class RunRow(NamedTuple):
    """One run without its values."""

    id: str
    name: str
    experiment: str
    parent: str | None
    status: str
    attempt: int
    started: datetime | None
    finished: datetime | None
    duration: timedelta | None
    error_type: str | None


_COLUMNS = (
    runs.c.uid,
    runs.c.name,
    runs.c.experiment,
    runs.c.parent,
    runs.c.status,
    runs.c.attempt,
    runs.c.started,
    runs.c.finished,
    runs.c.duration,
    runs.c.error_type,
)


def moment(microseconds: int | None) -> datetime | None:
    """Return a time of the index in the local time zone."""
    if microseconds is None:
        return None
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone()
    except (OverflowError, ValueError):  # beyond the year 9999: a clock gone wild
        return datetime.max.replace(tzinfo=UTC) if microseconds > 0 else datetime.min.replace(tzinfo=UTC)


def run_row(row: Any) -> RunRow:
    """Return a row of the index as views show it."""
    uid, name, experiment, parent, status, attempt, started, finished, duration, error = row
    return RunRow(
        uid,
        unescape(name),
        unescape(experiment),
        parent,
        status,
        attempt,
        moment(started),
        moment(finished),
        None if duration is None else timedelta(microseconds=duration),
        None if error is None else unescape(error),
    )


@mending
def page(
    index: Index,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[UnaryExpression[Any]],
    limit: int | None = None,
) -> tuple[list[RunRow], int]:
    """Return runs in order, and how many there are without the limit."""
    with connected(index) as connection:
        if limit is None:
            query: Any = select(*_COLUMNS).where(*conditions).order_by(*order)
            found = [run_row(row) for row in connection.execute(query)]
            return found, len(found)
        if limit == 0:
            return [], connection.execute(select(func.count()).select_from(runs).where(*conditions)).scalar_one()
        # One pass over the runs that match finds the page and counts them all; their columns are read afterwards.
        query = select(runs.c.id, func.count().over()).where(*conditions).order_by(*order).limit(limit)
        places: Sequence[Any] = connection.execute(query).all()
        rows: dict[int, RunRow] = {}
        for at in range(0, len(places), _PAGE):
            some = [number for number, _ in places[at : at + _PAGE]]
            for number, *columns in connection.execute(select(runs.c.id, *_COLUMNS).where(runs.c.id.in_(some))):
                rows[number] = run_row(columns)
        return [rows[number] for number, _ in places if number in rows], places[0][1] if places else 0


def row_numbers(connection: Connection, ids: Sequence[str]) -> Iterator[dict[int, str]]:
    """Yield the runs that are there, some at a time, as ids by row number."""
    for at in range(0, len(ids), _PAGE):
        query = select(runs.c.id, runs.c.uid).where(runs.c.uid.in_(ids[at : at + _PAGE]))
        yield {row.id: row.uid for row in connection.execute(query)}


def key_texts(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Return keys as users know them, by number."""
    wanted = list(numbers)
    found: dict[int, str] = {}
    for at in range(0, len(wanted), _PAGE):
        query = select(keys.c.id, keys.c.text).where(keys.c.id.in_(wanted[at : at + _PAGE]))
        found.update((number, unescape(text)) for number, text in connection.execute(query))
    return found


class ParamRow(NamedTuple):
    """One param of one run."""

    run: str
    key: str
    value: Any
    order: tuple[int, int, int]
    """Time and place of the line, then the place in it."""


class _ParamValues:
    """Decodes params; equal texts, of which there are many, once."""

    def __init__(self) -> None:
        self._texts: dict[str, Any] = {}

    def __call__(self, kind: str, number: float | None, string: str | None, text: str | None) -> Any:
        if text is None:
            return unescape(string or "") if kind == "str" else int(number or 0) if kind == "int" else number
        if kind in ("list", "dict"):  # not shared between runs: users may change what they get
            return decode_value(_decode(text))
        if text not in self._texts:
            self._texts[text] = decode_value(_decode(text))
        return self._texts[text]


@mending
def param_rows(index: Index, ids: Sequence[str]) -> list[ParamRow]:
    """Return the params of runs."""
    value = _ParamValues()
    p = params.c
    # The exact text is read only where the other columns do not say it all (SQLite drops the sign of -0.0).
    said = (
        ((p.kind == "float") & (p.number != 0))
        | ((p.kind == "int") & p.number.between(1 - _EXACT, _EXACT - 1))
        | ((p.kind == "str") & p.string.is_not(None))
    )
    string = case((p.kind == "str", p.string))
    columns = (p.run, p.key, p.kind, p.number, string, case((said, None), else_=p.value), p.clock, p.offset, p.position)
    found = []
    with connected(index) as connection:
        for names in row_numbers(connection, ids):
            query = select(*columns).where(p.run.in_(names), p.leaf.is_(False))
            rows = connection.execute(query).all()
            texts = key_texts(connection, {row[1] for row in rows})
            for run, key, kind, number, string, text, *order in rows:
                known = value(kind, number, string, text)
                found.append(ParamRow(names[run], texts[key], known, tuple(order)))
    return found


class MetricRow(NamedTuple):
    """The summary of one metric of one run."""

    run: str
    key: str
    number: int
    """The order in which metrics first came."""
    row: Any

    @property
    def last(self) -> float:
        """The last value."""
        return number(self.row[6])

    def summary(self) -> Summary:
        """Return the row as users see it."""
        _, _, _, count, nan, inf, last, last_step, last_time, low, low_step, high, high_step, total = self.row
        finite = count - nan - inf
        time = moment(last_time)
        assert time is not None  # the column is not nullable
        return Summary(
            count=count,
            last=number(last),
            last_step=last_step,
            last_time=time,
            min=low,
            min_step=low_step,
            max=high,
            max_step=high_step,
            mean=total / finite if finite else None,
            nan=nan,
            inf=inf,
        )


_SERIES = (
    series.c.run, series.c.key, series.c.id, series.c.count, series.c.nan, series.c.inf, series.c.last,
    series.c.last_step, series.c.last_time, series.c.min, series.c.min_step, series.c.max, series.c.max_step,
    series.c.total,
)  # fmt: skip


def number(value: float | None) -> float:
    """Return a number of the index, where NaN is NULL."""
    return float("nan") if value is None else value


@mending
def metric_rows(index: Index, ids: Sequence[str]) -> list[MetricRow]:
    """Return the metrics of runs."""
    found = []
    with connected(index) as connection:
        for names in row_numbers(connection, ids):
            rows = connection.execute(select(*_SERIES).where(series.c.run.in_(names))).all()
            texts = key_texts(connection, {row[1] for row in rows})
            found += [MetricRow(names[row[0]], texts[row[1]], row[2], row) for row in rows]
    return found


@mending
def tag_rows(index: Index, ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return run, key and value of tags."""
    query = select(tags.c.run, tags.c.key, tags.c.value, tags.c.clock, tags.c.offset)
    found = []
    with connected(index) as connection:
        for names in row_numbers(connection, ids):
            rows = connection.execute(query.where(tags.c.run.in_(names), tags.c.value.is_not(None))).all()
            texts = key_texts(connection, {row[1] for row in rows})
            rows = sorted(rows, key=operator.itemgetter(0, 3, 4, 1))
            found += [(names[run], texts[key], unescape(value)) for run, key, value, _, _ in rows]
    return found


class Batch:
    """The values of some neighboring runs, read together when those of one of them are first asked for."""

    def __init__(self, index: Index, ids: Sequence[str]) -> None:
        self.index = index
        self.ids = ids

    @cached_property
    def params(self) -> dict[str, list[ParamRow]]:
        """Params by run, in the order of recording."""
        found: dict[str, list[ParamRow]] = defaultdict(list)
        for row in sorted(param_rows(self.index, self.ids), key=operator.attrgetter("order")):
            found[row.run].append(row)
        return found

    @cached_property
    def metrics(self) -> dict[str, list[MetricRow]]:
        """Metrics by run, in the order of recording."""
        found: dict[str, list[MetricRow]] = defaultdict(list)
        for row in sorted(metric_rows(self.index, self.ids), key=operator.attrgetter("number")):
            found[row.run].append(row)
        return found

    @cached_property
    def tags(self) -> dict[str, dict[str, str]]:
        """Tags by run, in the order of recording."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        for run, key, value in tag_rows(self.index, self.ids):
            found[run][key] = value
        return found
