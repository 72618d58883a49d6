"""Times and durations as people write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.query import times
from examples import Example, Rows

HOUR = 3_600_000_000
DAY = 24 * HOUR


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def microseconds(*parts: int) -> int:
    return (datetime(*parts, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)  # type: ignore[misc, arg-type]


NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(
    ("text", "begin", "length"),
    [
        ("2026-11-01", microseconds(2026, 10, 31, 23), DAY),  # local midnight, which is UTC+1 in winter
        ("20261101", microseconds(2026, 10, 31, 23), DAY),
        ("2026-07-01", microseconds(2026, 6, 30, 22), DAY),  # UTC+2 in summer
        ("2026-10-25", microseconds(2026, 10, 24, 22), 25 * HOUR),  # the day on which clocks are put back
        ("2026-03-29", microseconds(2026, 3, 28, 23), 23 * HOUR),
        ("2026-11-01 14:30", microseconds(2026, 11, 1, 13, 30), 1),
        ("2026-11-01T14:30:05.000007", microseconds(2026, 11, 1, 13, 30, 5, 7), 1),
        ("2026-11-01T14:30:00Z", microseconds(2026, 11, 1, 14, 30), 1),
        ("2026-11-01 14:30+05:30", microseconds(2026, 11, 1, 9, 0), 1),
        ("now", microseconds(2026, 11, 23, 15, 30), 1),
        ("-90s", microseconds(2026, 11, 23, 15, 28, 30), 1),
        ("-2d", microseconds(2026, 11, 21, 15, 30), 1),
        ("-1h30m", microseconds(2026, 11, 23, 14, 0), 1),
        (" today ", microseconds(2026, 11, 22, 23), DAY),
        ("yesterday", microseconds(2026, 11, 21, 23), DAY),
        ("1969-12-31T23:59:59Z", -1_000_000, 1),
    ],
)
def test_times(text: str, begin: int, length: int) -> None:
    assert times.interval(text, NOW) == (begin, begin + length)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-02-30",
        "25:00",
        "-",
        "-2",
        "2d",
        "- ",
        "0000-01-01",
        "-9999999w",
        "-" + "9" * 400 + "d",
        "9999-12-31",
        "2026-11-01T99",
        "2026-11-01 10:00+99:00",
        "٢٠٢٦-١١-٠١",
    ],
)
def test_what_is_no_time(text: str) -> None:
    # The last day of the calendar has no midnight after it.
    assert times.interval(text, NOW) is None


@given(st.one_of(st.text(), st.from_regex(r"-?[0-9:T+Z. -]{1,30}", fullmatch=True)))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = times.interval(text, NOW)
    assert found is None or found[0] < found[1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5 h", 5400),
        (".5m", 30),
        ("500ms", 0.5),
        ("2d", 172_800),
        ("1w", 604_800),
        ("10min", 600),
        ("3sec", 3),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert times.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "90", "h", "1x", "1h30", "-1h", "1h,30m", "1e3s", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    assert times.seconds(text) is None


@pytest.mark.usefixtures("_berlin")
def test_a_day_in_a_filter_is_the_whole_day_where_it_equals_and_its_beginning_elsewhere(rows: Rows) -> None:
    for name, at in {
        "before": microseconds(2026, 10, 31, 22, 59, 59, 999_999),
        "first": microseconds(2026, 10, 31, 23),
        "last": microseconds(2026, 11, 1, 22, 59, 59, 999_999),
        "after": microseconds(2026, 11, 1, 23),
    }.items():
        rows.add(Example(name=name, started=at))
    rows.add(Example(name="never", started=None))
    assert rows.names('started == "2026-11-01"') == ["first", "last"]
    assert rows.names('started != "2026-11-01"') == ["after", "before"]
    assert rows.names('not started == "2026-11-01"') == ["after", "before", "never"]
    assert rows.names('started >= "2026-11-01"') == ["after", "first", "last"]
    assert rows.names('started > "2026-11-01"') == ["after", "last"]
    assert rows.names('started < "2026-11-01"') == ["before"]
    assert rows.names('"2026-11-01" <= started < "2026-11-02"') == ["first", "last"]
    assert rows.names('started in ["2026-11-01", "2026-10-31 23:59:59.999999"]') == ["before", "first", "last"]
    assert rows.names('started not in ["2026-11-01", "2026-10-31 23:59:59.999999"]') == ["after"]
    assert rows.names('started in [None, "2026-11-01"]') == ["first", "last", "never"]
    assert rows.names('started not in [None, "2026-11-01"]') == ["after", "before"]


def test_relative_times_and_durations_in_a_filter(rows: Rows) -> None:
    now = int(time.time() * 1e6)
    rows.add(
        Example(name="new", started=now - HOUR, finished=now - HOUR // 2, duration=1800),
        Example(name="old", started=now - 50 * HOUR, finished=now - 48 * HOUR, duration=7200.5),
        Example(name="runs", started=now - 60 * HOUR, duration=None),
    )
    assert rows.names('started > "-2d"') == ["new"]
    assert rows.names('started <= "now"') == ["new", "old", "runs"]
    assert rows.names('finished < "-1h"') == ["old"]
    assert rows.names("finished is None") == ["runs"]
    assert rows.names('duration < "2h"') == ["new"]
    assert rows.names('duration > "2h"') == ["old"]
    assert rows.names("duration == 7200.5") == ["old"]
    assert rows.names('duration in ["30m", 7200.5]') == ["new", "old"]
    assert rows.names("finished > started") == ["new", "old"]
