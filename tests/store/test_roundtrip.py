"""What is logged comes back: any params and any points, through `Run`, journal, index and views."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autotrack
from autotrack.journal import syncing

BOUNDED = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Keys that name a secret are redacted on purpose: words of other letters than those.
KEYS = st.text(st.characters(exclude_categories=[], exclude_characters="tTeEsS"), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=30)
    | st.binary(max_size=20)
)
HASHABLE = st.integers() | st.text(max_size=5) | st.booleans() | st.none()
FROZEN = HASHABLE | st.recursive(
    st.frozensets(HASHABLE, max_size=2),
    lambda inner: st.lists(inner | HASHABLE, max_size=2).map(tuple) | st.frozensets(inner, max_size=2),
    max_leaves=4,
)
VALUES = st.recursive(
    SCALARS | st.sets(FROZEN, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.dictionaries(st.integers(-5, 5) | KEYS.map("$".__add__) | FROZEN, inner, max_size=3)
        | FROZEN
    ),
    max_leaves=12,
)
POINTS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
        st.floats() | st.integers(-(2**53), 2**53),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str | None:
    """URL of a database that all examples share; None: an index in each store."""
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else None


@contextmanager
def a_store(database: str | None) -> Iterator[Path]:
    """Give a store's folder of its own, whatever hypothesis does with fixtures."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", place)
        patched.setenv("XDG_STATE_HOME", place)
        yield Path(place) / "store"


def exact(value: Any) -> Any:
    """Return what is equal for equal values of equal types only: 1, 1.0 and True differ, -0.0 and 0.0 too."""
    if isinstance(value, dict):
        return "dict", sorted(((exact(k), exact(v)) for k, v in value.items()), key=repr)
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [exact(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, sorted(map(exact, value), key=repr)
    return type(value).__name__, repr(value)


def expected_steps(points: list[tuple[float | None, float]]) -> list[float]:
    """Return the steps that a series has: without one it is the next whole number."""
    steps: list[float] = []
    for step, _ in points:
        steps.append(float(step) if step is not None else float(math.floor(steps[-1]) + 1) if steps else 0.0)
    return steps


@BOUNDED
@given(params=st.dictionaries(KEYS, VALUES, max_size=5))
def test_params(database: str | None, params: dict[str, Any]) -> None:
    with a_store(database) as place:
        run = autotrack.start_run(store=database or place)
        run.log_params(params)
        run.finish()
        assert syncing.drain(30)
        with autotrack.open_store(database or place) as store:
            found = store.run(run.id).params
            assert {key: exact(found[key]) for key in params} == {key: exact(value) for key, value in params.items()}


@BOUNDED
@given(series=st.dictionaries(KEYS, POINTS, min_size=1, max_size=3))
def test_points(database: str | None, series: dict[str, list[tuple[float | None, float]]]) -> None:
    with a_store(database) as place:
        run = autotrack.start_run(store=database or place)
        for key, points in series.items():
            for step, value in points:
                run.log_metric(key, value, step=step)
        run.finish()
        assert syncing.drain(30)
        with autotrack.open_store(database or place) as store:
            view = store.run(run.id)
            assert set(series) <= set(view.metrics)
            for key, points in series.items():
                found = view.series(key)
                assert found.steps.tolist() == expected_steps(points)
                assert [v.hex() for v in found.values.tolist()] == [float(v).hex() for _, v in points]
                assert len(found) == len(points)
                last = float(points[-1][1])
                assert view.metrics[key] == last or (math.isnan(last) and math.isnan(view.metrics[key]))
