"""What takes long, compared with the training, is left out or made simpler; the run says so and names the option."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autotrack_sklearn import budget, pictures
from autotrack_sklearn.budget import LIMITS, Limit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import AdaBoostRegressor, GradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

import autotrack
from autotrack.autolog import autolog

DOCS = Path(__file__).parents[2] / "docs" / "sklearn.md"


def test_limits() -> None:
    limit = Limit(0.1, 0.25)
    assert limit.seconds(1.0) == 0.25
    assert limit.seconds(10.0) == 1.0


def test_limits_are_those_of_the_documentation() -> None:
    rows = re.findall(
        r"^\| .*\| `(\w+)=\"always\"` \| (.+?) \| (.+?) s \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {option: (share, float(floor)) for option, share, floor in rows} == {
        option: (f"{limit.share:.0%}".replace("%", " %") if limit.share else "–", limit.floor)
        for option, limit in LIMITS.items()
    }


@pytest.mark.parametrize("wanted", [True, "always"])
def test_plots(runs, load, monkeypatch, wanted: Any) -> None:
    monkeypatch.setattr(pictures, "_EACH", 1.0)
    with autolog(only="sklearn", plots=wanted):
        LogisticRegression(max_iter=500).fit(*load("iris"))
        Ridge().fit(*load("diabetes"))
    for run, seconds in zip(runs(), ("4.5e+02", "4.4e+02"), strict=True):
        assert "train/score" in run.metrics
        assert "importances" in run.tables
        drawn = [name for name in run.tables if name.startswith("train/")]
        if wanted == "always":
            assert drawn
            assert "capture" not in run.notes
        else:
            assert not drawn
            (text,) = run.notes["capture"]
            assert text.startswith(f"plots of the training data skipped: they would take about {seconds} s")
            assert text.endswith("autotrack.autolog(plots='always') takes the time")


def test_models_that_take_long_in_skops_are_pickled(runs, monkeypatch) -> None:
    """They are kept in any case."""
    texts, labels = [f"word{i} other{i}" for i in range(600)], [0, 1] * 300
    monkeypatch.setitem(LIMITS, "models", Limit(0.0, 0.01))
    model = make_pipeline(CountVectorizer(), MultinomialNB())
    with autolog(only="sklearn"):
        model.fit(texts, labels)
        MultinomialNB().fit([[1, 2], [3, 1]], [0, 1])
        with autotrack.start_run() as run:
            run.log_model(model)
    with autolog(only="sklearn", models="always"):
        model.fit(texts, labels)
    first, second, third, fourth = runs()
    assert [run.models[0].format for run in (first, second, third, fourth)] == [
        "cloudpickle",
        "skops",
        "skops",
        "skops",
    ]
    assert [run.models[0].sha256 is not None for run in (first, second, third, fourth)] == [True] * 4
    (text,) = first.notes["capture"]
    assert "load_model(run, trust=True)" in text
    assert text.endswith("autotrack.autolog(models='always') takes the time")
    assert not any("capture" in run.notes for run in (second, third, fourth))
    loaded = autotrack.load_model(first.id, trust=True)
    assert np.array_equal(loaded.predict(texts), model.predict(texts))


def test_the_time_of_fit_counts(monkeypatch) -> None:
    monkeypatch.setitem(LIMITS, "models", Limit(0.25, 0.5))
    with budget.saving(2.0) as saved:
        assert not budget.may_be_saved(0.51)
        assert "0.51 s after a fit of 2 s (limit: 0.5 s)" in str(saved.remark)
    with budget.saving(10.0) as saved:
        assert budget.may_be_saved(2.4)
        assert saved.remark is None
    with budget.saving(0.0, limited=False):
        assert budget.may_be_saved(1e9)
    assert budget.may_be_saved(1e9)


@pytest.mark.parametrize("wanted", [True, "always"])
def test_fingerprints(runs, load, monkeypatch, wanted: Any) -> None:
    monkeypatch.setitem(LIMITS, "data", Limit(0.0, 1e-5))  # as of 20 kB
    X, y = load("breast_cancer")
    with autolog(only="sklearn", data=wanted):
        LogisticRegression(solver="liblinear").fit(X, y)
    (run,) = runs()
    kinds = [data.fingerprint.partition(":")[0] for data in run.data]
    if wanted == "always":
        assert kinds == ["xxh3", "xxh3"]
        assert "capture" not in run.notes
    else:
        assert kinds == ["xxh3-sampled", "xxh3"]
        (text,) = run.notes["capture"]
        assert text.startswith("the fingerprint of X is of a sample")
        assert "data='always'" in text


class Staged(ClassifierMixin, BaseEstimator):
    """Boosting of the user's."""

    def fit(self, X: Any, y: Any) -> Staged:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[0])

    def staged_predict(self, X: Any) -> Any:
        raise AssertionError("not to be asked")


class Slow(GradientBoostingClassifier):
    """As slow as a large one."""

    def staged_predict(self, X: Any) -> Any:
        for part in super().staged_predict(X):
            time.sleep(0.05)
            yield part


Slow.__module__ = "sklearn.ensemble._slow"  # for this test it is the framework's own


def test_stages(on, runs, load, monkeypatch) -> None:
    asked = []
    predict = DecisionTreeRegressor.predict
    monkeypatch.setattr(DecisionTreeRegressor, "predict", lambda *args: (asked.append(args[0]), predict(*args))[1])
    X, y = load("iris")
    Staged().fit(X, y)
    AdaBoostRegressor(n_estimators=300, learning_rate=0.01, random_state=0).fit(*load("diabetes"))
    assert len(asked) < 1000  # fit and predict ask each of 300 trees once, all stages 45,000 times
    Slow(n_estimators=20).fit(X, y)
    first, second, third = runs()
    assert "train/score" in first.metrics
    assert "capture" not in first.notes
    for run in (second, third):
        assert "train/score" in run.metrics
        assert "train/staged_score" not in run.series
        (text,) = run.notes["capture"]
        assert text.startswith("train/staged_score skipped: they would take about")
