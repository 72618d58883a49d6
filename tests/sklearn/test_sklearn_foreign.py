"""Models of the user's own code, which may do anything when they are asked: they are left as they were."""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from autotrack_sklearn import copies
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from autotrack.autolog import autolog


def test_predict_that_writes_into_its_input(on, runs, load) -> None:
    class Writer(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Writer:
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:
            X[:] = 0
            self.spoiled_ = True
            return np.zeros(len(X), dtype=int)

    X, y = load("iris")
    data = X.copy()
    model = Writer().fit(data, y)
    assert np.array_equal(data, X)
    assert list(vars(model)) == ["classes_"]
    assert runs()[0].metrics["train/accuracy_score"] == np.mean(y == 0)


class Constant(ClassifierMixin, BaseEstimator):
    """Predicts the first class, and notes it in all that it holds."""

    def fit(self, X: Any, y: Any) -> Constant:
        self.classes_ = np.unique(y)
        self.calls_: list[int] = []
        self.cache_: dict[int, int] = {}
        self.counts_ = np.zeros(1)
        self.random_ = random.Random(0)
        self.inside_ = {"generator": np.random.RandomState(0)}
        return self

    def predict(self, X: Any) -> Any:
        self.calls_.append(len(X))
        self.cache_[len(X)] = 1
        self.counts_[0] += 1
        self.random_.random()
        self.inside_["generator"].uniform()
        return np.full(len(X), self.classes_[0])


class Halver(TransformerMixin, BaseEstimator):
    """Writes into what it is given, whatever that is."""

    def fit(self, X: Any, y: Any = None) -> Halver:
        return self

    def transform(self, X: Any) -> Any:
        if hasattr(X, "iloc"):
            X["a"] = X["a"] / 2
        elif hasattr(X, "tocsr"):
            X.data *= 0.5
        elif isinstance(X, list):
            X[0][0] /= 2
        else:
            X[:] *= 0.5
        return X


def kinds_of_data(path: Path) -> dict[str, Any]:
    X = np.random.default_rng(0).normal(size=(60, 2)) + 8
    mapped = np.memmap(path, mode="w+", dtype="float64", shape=X.shape)
    mapped[:] = X
    kinds = {"array": X.copy(), "memmap": mapped, "list": X.tolist()}
    kinds |= {"csr": sparse.csr_matrix(X), "csc": sparse.csc_matrix(X), "coo": sparse.coo_matrix(X)}
    if pandas := sys.modules.get("pandas"):
        kinds["frame"] = pandas.DataFrame(X, columns=["a", "b"])
    return kinds


@pytest.mark.parametrize("kind", ["array", "memmap", "list", "csr", "csc", "coo", "frame"])
def test_steps_of_the_user_that_write_into_their_input(tmp_path: Path, kind: str) -> None:
    if kind == "frame":
        pytest.importorskip("pandas")
    y = np.arange(60) % 2
    outcomes = []
    for on in (False, True):
        data = kinds_of_data(tmp_path / f"mapped{on}")[kind]
        with autolog(only="sklearn") if on else contextlib.nullcontext():
            model = make_pipeline(Halver(), LogisticRegression()).fit(data, y)
        outcomes.append(
            (joblib.hash(np.asarray(data.todense() if sparse.issparse(data) else data)), model[-1].coef_.tolist())
        )
    assert outcomes[0] == outcomes[1]


def test_state_of_the_users_model(runs, load) -> None:
    X, y = load("iris")
    plain = joblib.hash(vars(Constant().fit(X, y)))
    with autolog(only="sklearn"):
        assert joblib.hash(vars(Constant().fit(X, y))) == plain
    assert runs()[0].metrics["train/score"] == pytest.approx(1 / 3)


def test_state_in_a_closure(on, load) -> None:
    """A function of the user's is asked as a copy, with what it refers to."""
    X, y = load("iris")
    numbers: list[int] = []

    def counting(X: Any) -> Any:
        numbers.append(len(X))
        return X

    make_pipeline(FunctionTransformer(counting), LogisticRegression(max_iter=500)).fit(X, y)
    assert numbers == [150]


def test_model_that_ends_something_is_not_copied(on, runs, load, tmp_path: Path) -> None:
    class Holder(Constant):
        def fit(self, X: Any, y: Any) -> Holder:
            self.folder_ = tmp_path / "held"
            self.folder_.mkdir()
            return super().fit(X, y)

        def __del__(self) -> None:
            self.folder_.rmdir()

    model = Holder().fit(*load("iris"))
    gc.collect()
    assert model.folder_.is_dir()
    assert "Holder.__del__" in runs()[0].notes["capture"][0]


def test_foreign_models_are_asked_only_when_alone(runs, load) -> None:
    """With other threads about the random generators could not be put back."""

    class Drawing(Constant):
        def predict(self, X: Any) -> Any:
            return self.classes_[np.random.randint(0, 2, len(X))]

    X, y = load("iris")
    stop = threading.Event()
    drawn = []
    for log in (False, True):
        other = threading.Thread(target=stop.wait)
        other.start()
        try:
            np.random.seed(0)
            with autolog(only="sklearn") if log else contextlib.nullcontext():
                Drawing().fit(X, y)
            drawn.append(np.random.uniform())
        finally:
            stop.set()
            other.join()
            stop.clear()
    assert drawn[0] == drawn[1]
    assert "random numbers" in runs()[0].notes["capture"][0]


def test_large_foreign_models_are_not_copied(on, runs, load, monkeypatch) -> None:
    monkeypatch.setattr(copies, "LARGE", 1 << 20)

    class Large(Constant):
        def fit(self, X: Any, y: Any) -> Large:
            self.table_ = np.zeros(1 << 18)
            return super().fit(X, y)

    Large().fit(*load("iris"))
    (run,) = runs()
    assert "larger than 1 MiB" in run.notes["capture"][0]
    assert "train/score" not in run.metrics


def test_data_that_fit_of_the_user_wrote_into(on, runs, load) -> None:
    """Metrics would be those of other data."""

    class Wiping(Constant):
        def fit(self, X: Any, y: Any) -> Wiping:
            super().fit(X, y)
            if hasattr(X, "iloc"):
                X.iloc[:, 0] = 0.0
            else:
                X[:] = 0
            return self

    X, y = load("iris")
    Wiping().fit(X.copy(), y)
    Wiping().fit(sparse.csr_matrix(X).toarray(order="F"), y)
    if pandas := sys.modules.get("pandas"):
        Wiping().fit(pandas.DataFrame(X), y)
    for run in runs():
        assert run.notes["capture"] == ["training metrics skipped: fit changed the data that it was given"]
        assert "train/score" not in run.metrics


def test_models_whose_code_reaches_out_are_not_asked(on, runs, load) -> None:
    X, y = load("iris")
    calls, count = [], 0

    class Counting(LogisticRegression):
        def predict(self, X: Any) -> Any:
            nonlocal count
            count += 1
            return super().predict(X)

    class Gathering(LogisticRegression):
        def predict_proba(self, X: Any) -> Any:
            calls.append(len(X))
            return super().predict_proba(X)

    class Plain(LogisticRegression):
        def predict(self, X: Any) -> Any:
            def inner() -> Any:
                nonlocal found
                found = super(Plain, self).predict(X)

            found = None
            inner()
            return found

    for kind in (Counting, Gathering, Plain):
        kind(max_iter=500).fit(X, y)
    counting, gathering, plain = runs()
    assert (calls, count) == ([], 0)
    for run in (counting, gathering):
        assert "train/accuracy_score" not in run.metrics
        assert "changes variables outside of the model" in run.notes["capture"][0]
    assert "train/accuracy_score" in plain.metrics
