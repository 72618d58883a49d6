"""Every estimator of scikit-learn does the same with autologging: results, attributes, random states, data, warnings."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import every
import joblib
import numpy as np
import pytest
import sklearn
from joblib.externals.loky import get_reusable_executor
from sklearn import metrics

from autotrack.autolog import autolog

METHODS = (
    "predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "score_samples", "apply",
    "kneighbors", "staged_predict", "score",
)  # fmt: skip
CLOCKS = ("refit_time_",)
"""Attributes that say how long something took; so do columns of `cv_results_`."""

METRICS = (
    metrics.accuracy_score, metrics.f1_score, metrics.confusion_matrix, metrics.classification_report,
    metrics.adjusted_rand_score, metrics.mean_squared_error, metrics.r2_score,
)  # fmt: skip
"""What is asked about predictions; where it does not fit, the error has to be the same."""

RACING = {"RFECV"} if sklearn.__version__ < "1.6" else set()
"""Estimators that old versions let all threads fit at once."""

EVERY = [*every.names(), *every.COMPOSED]
PARALLEL = [name for name in every.names() if "n_jobs" in every.accepted(name)]


def states() -> str:
    """The states of the global random number generators, of those that are loaded."""
    torch: Any = sys.modules.get("torch")
    drawn = torch.get_rng_state().numpy() if torch else None
    return digest((np.random.get_state(legacy=False), random.getstate(), drawn))


def digest(value: Any) -> str:
    """Equal for objects that are equal in all that they hold, to the last bit."""
    found: str = joblib.hash(value)
    return found


def told(function: Callable[..., Any], *args: Any) -> Any:
    """What a call gives, or the error that it raises."""
    try:
        result = function(*args)
        return digest(list(result) if isinstance(result, Iterator) else result)
    except Exception as error:
        return type(error), str(error), error.args


def attributes(model: Any) -> dict[str, str]:
    """All that the object holds, in its order."""
    found = {}
    for key, value in vars(model).items():
        timeless = value
        if key == "cv_results_":
            timeless = {name: list(column) for name, column in value.items() if not name.endswith("_time")}
        found[key] = "" if key in CLOCKS else digest(timeless)
    return found


def everything(name: str, seed: str, n_jobs: int | None) -> dict[str, Any]:
    """Train and use one estimator in all the ways that it knows; gives all that came out of it."""
    np.random.seed(3)
    random.seed(3)
    generator = np.random.RandomState(7)

    def fresh() -> Any:
        model = sklearn.clone(every.make(name))
        params = model.get_params()
        if seed != "global":  # what threads and processes draw from global generators depends on who comes first
            model.set_params(**{key: 5 for key in params if key.endswith("random_state")})
        if seed == "instance" and "random_state" in params:
            model.set_params(random_state=generator)
        if n_jobs:
            model.set_params(n_jobs=n_jobs)
            for key in params.keys() & {"algorithm", "neighbors_algorithm"}:
                model.set_params(**{key: "brute"})  # trees count their calls, and two threads do not count well
        return model

    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = fresh()
        data, unseen = every.data(name, model), [each[::-1] for each in every.data(name, model)]
        found["fit"] = model.fit(*data) is model
        found["fitted"], found["order"] = attributes(model), list(vars(model))
        for method in METHODS:
            if hasattr(model, method):
                found[method] = told(getattr(model, method), *(unseen if method == "score" else unseen[:1]))
        if hasattr(model, "predict") and len(data) > 1:
            for metric in METRICS:
                found[metric.__name__] = told(metric, unseen[1], model.predict(unseen[0]))
        found["used"] = attributes(model)
        for method in () if n_jobs else ("fit_transform", "fit_predict", "partial_fit"):
            if hasattr(model, method):
                other = fresh()
                found[method] = told(getattr(other, method), *data), attributes(other)
    seen = [(one.category, str(one.message), one.filename, one.lineno) for one in caught]
    found["warnings"] = sorted(seen, key=str) if n_jobs else seen  # of threads, in any order
    return found | {"data": digest(data), "generator": digest(generator), "states": states()}


def compare(name: str, seed: str, n_jobs: int | None = None) -> None:
    plain = everything(name, seed, n_jobs)
    with autolog(only="sklearn", metrics="always"):
        logged = everything(name, seed, n_jobs)
    assert logged == plain


@contextlib.contextmanager
def company() -> Iterator[None]:
    """Another thread is alive: then models are asked otherwise, as the random states cannot be put back."""
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        yield
    finally:
        stop.set()
        other.join()


@pytest.mark.parametrize("name", EVERY)
def test_alone(name: str) -> None:
    compare(name, "global")


@pytest.mark.parametrize("name", EVERY)
def test_beside_another_thread(name: str) -> None:
    with company():
        compare(name, "instance")


@pytest.mark.parametrize("name", [name for name in PARALLEL if name not in RACING])
def test_two_threads(name: str) -> None:
    with joblib.parallel_config("threading"):
        compare(name, "instance", n_jobs=2)


@pytest.fixture(scope="module")
def _workers() -> Iterator[None]:
    """Processes that end with this module's tests."""
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.usefixtures("_workers")
@pytest.mark.parametrize("name", PARALLEL)
def test_two_processes(name: str) -> None:
    with joblib.parallel_config("loky"):
        compare(name, "number", n_jobs=2)
