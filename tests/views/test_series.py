from __future__ import annotations

import math

import numpy as np
import pytest

import autotrack
from autotrack.views import details
from autotrack.views.series import Series

VALUES = [1.0, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1]
STEPS = [0, 5, 5, 3, -2, 7, 2**53, 1]


def logged(store, points) -> Series:
    with autotrack.start_run() as run:
        for step, value in points:
            run.log_metric("x", value, step=step)
    return store.run(run.id).series("x")


def test_points_come_back_bit_by_bit(store) -> None:
    found = logged(store, zip(STEPS, VALUES, strict=True))
    assert found.values.dtype == np.float64
    assert found.values.tobytes() == np.array(VALUES).tobytes()
    assert found.steps.dtype == np.int64
    assert found.steps.tolist() == STEPS
    assert found.times.dtype == np.dtype("datetime64[us]")
    assert (np.diff(found.times) >= np.timedelta64(0)).all()
    assert (len(found), found.count) == (8, 8)
    assert (found.min, found.max, found.last) == (-0.0, max(x for x in VALUES if x < math.inf), 0.1)
    assert (found.summary.nan, found.summary.inf) == (1, 2)


@pytest.mark.parametrize("odd", [0.5, -0.0, 1e300])
def test_steps_that_are_not_whole(store, odd: float) -> None:
    steps = logged(store, [(0, 1.0), (odd, 2.0)]).steps
    assert steps.dtype == np.float64
    assert steps.tobytes() == np.array([0, odd]).tobytes()


def test_the_summary_reads_no_points(store, monkeypatch: pytest.MonkeyPatch) -> None:
    found = logged(store, [(i, float(i)) for i in range(10)])
    monkeypatch.setattr(details, "points", None)
    assert (len(found), found.min, found.max, found.mean, found.last) == (10, 0.0, 9.0, 4.5, 9.0)
    assert (found.summary.min_step, found.summary.max_step) == (0, 9)


def test_long_series_are_drawn_from_stretches(store, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 40_000
    with autotrack.start_run() as run:
        for i in range(count):
            run.log_metric("x", math.nan if i == 20_000 else float(i % 1000))
    found = store.run(run.id).series("x")
    reader = details.points
    monkeypatch.setattr(details, "points", None)
    shown = repr(found)
    parts = found.outline(10_000)
    assert "40,000 points" in shown
    assert "×" in shown
    assert sum(p.count for p in parts) == count
    assert len(parts) == math.ceil(count / 1024)
    assert "40 stretches of 40,000 points, 1 NaN (red)" in found._repr_html_()
    assert len(found.outline(7)) == 7
    assert sum(p.count for p in found.outline(7)) == count
    monkeypatch.setattr(details, "points", reader)
    assert len(found.values) == count
    exact = found.outline(100)
    assert len(exact) == 100
    assert sum(p.nan for p in exact) == 1
    assert (min(p.min for p in exact), max(p.max for p in exact)) == (0.0, 999.0)


@pytest.mark.parametrize(
    "values",
    [[1.0], [math.nan], [math.inf, -math.inf], [3.0, 3.0], [math.nan, 1.0, math.nan], [-1.7e308, 1.7e308], VALUES],
)
def test_any_series_can_be_drawn(values: list[float]) -> None:
    found = logged(autotrack.open_store(), enumerate(values))
    html = found._repr_html_()
    drawing = html[html.index("<svg") : html.index("</svg>")]
    for bad in ('"nan', '"inf', ",nan", ",inf", "-inf"):
        assert bad not in drawing.lower().replace("∞", "")
    assert str(len(values)) in repr(found)
    assert "\n" not in repr(found)
    assert ("NaN (red)" in html) == any(map(math.isnan, values))
    assert ("infinite (amber)" in html) == any(map(math.isinf, values))


def test_series_to_pandas(store) -> None:
    pytest.importorskip("pandas")
    found = logged(store, [(2, 1.5), (4, math.nan)]).to_pandas()
    assert found.name == "x"
    assert found.index.tolist() == [2, 4]
    assert found.index.name == "step"
    assert found.iloc[0] == 1.5
