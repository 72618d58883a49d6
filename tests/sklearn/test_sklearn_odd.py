"""Estimators with an odd attribute, method or argument: one oddity costs one thing, never the rest of the record."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from autotrack_sklearn.budget import Budget, TooLong
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autotrack.autolog import autolog


class Plain(ClassifierMixin, BaseEstimator):
    """Predicts the first class."""

    def __init__(self, given: Any = None) -> None:
        self.given = given

    def fit(self, X: Any, y: Any) -> Plain:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[0])


class NoParams(Plain):
    def get_params(self, deep: bool = True) -> Any:
        raise RuntimeError("no params")


class NoTags(Plain):
    def __sklearn_tags__(self) -> Any:
        raise RuntimeError("no tags")

    @property
    def _estimator_type(self) -> str:  # scikit-learn 1.4 and 1.5
        raise RuntimeError("no type")


class NoBest(Plain):
    @property
    def best_estimator_(self) -> Any:
        raise RuntimeError("not here")


class NoNames(Plain):
    @property
    def feature_names_in_(self) -> Any:
        raise RuntimeError("not here")


class Whole(Plain):
    def fit(self, X: Any, y: Any) -> Whole:
        self.exact_, self.odd_, self.huge_, self.long_ = 2**60, 2**60 + 1, 10**400, 10**5000
        self.double_ = np.longdouble(1) / 3
        super().fit(X, y)
        return self


class Anything(Plain):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


class Weights(Plain):
    def fit(self, X: Any, y: Any) -> Weights:
        self.coef_ = np.array([np.nan, 1.0, -np.inf])
        super().fit(X, y)
        return self


class Early(Plain):
    @property
    def max_iter(self) -> int:
        raise RuntimeError("not here")

    @property
    def n_iter_(self) -> int:
        raise RuntimeError("not here")


ODD = [NoParams, NoTags, NoBest, NoNames, Whole, Anything, Weights, Early]


@pytest.mark.parametrize("kind", ODD)
def test_one_oddity_costs_one_thing(on, runs, load, monkeypatch, kind: Any) -> None:
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    kind().fit(*load("iris"))
    (run,) = runs()
    assert run.status == "finished"
    assert run.metrics["fit_time"] > 0
    assert len(run.data) == 2
    assert len(run.models) == 1
    assert "fitted.json" in run.artifacts
    notes = run.notes.get("capture", [])
    assert ("train/score" in run.metrics) == (kind is not NoTags)
    assert len(notes) == (1 if kind in (NoParams, NoTags) else 0), notes


def test_numbers_that_no_metric_holds(on, runs, load) -> None:
    Whole().fit(*load("iris"))
    (run,) = runs()
    assert run.metrics["exact_"] == 2**60
    assert "odd_" not in run.metrics
    summary = json.loads(run.content("fitted.json"))
    assert int(summary["odd_"], 16) == 2**60 + 1
    assert int(summary["huge_"], 16) == 10**400
    assert int(summary["long_"], 16) == 10**5000


def test_summary_is_json_whatever_it_holds(on, runs, load) -> None:
    X, y = load("iris")
    Weights().fit(X, np.array(["a\ud800", "é", "c"])[y])
    (run,) = runs()
    content = run.content("fitted.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    summary = json.loads(content.decode("utf-8"), parse_constant=refuse)
    assert summary["classes"] == ["a\ud800", "c", "é"]
    assert "é" in content.decode("utf-8")
    assert summary["coef_"]["min"] == "NaN"
    assert ["x2", "-Infinity"] in summary["coef_"]["largest"]


def test_param_that_holds_itself(on, runs, load) -> None:
    cycle: dict[str, Any] = {}
    cycle["again"] = cycle
    Plain(cycle).fit(*load("iris"))
    (run,) = runs()
    assert run.params == {"given": "dict"}
    assert "train/score" in run.metrics


def test_arguments_under_names_of_their_own(on, runs, load) -> None:
    class Graphs(Plain):
        def fit(self, graphs: Any = None, y: Any = None) -> Graphs:
            super().fit(graphs, y)
            return self

    X, y = load("iris")
    Graphs().fit(y=y, graphs=X)
    Graphs().fit(y=y)
    first, second = runs()
    assert [(data.name, data.shape) for data in first.data] == [("X", [150, 4]), ("y", [150])]
    assert first.metrics["train/accuracy_score"] == pytest.approx(1 / 3)
    assert [data.name for data in second.data] == ["y"]


def test_arguments_that_cannot_be_read(on, runs, load, monkeypatch) -> None:
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")

    class Unsigned(Plain):
        def fit(self, X: Any, y: Any, *more: Any) -> Unsigned:
            super().fit(X, y)
            return self

        fit.__signature__ = "none"  # type: ignore[attr-defined]

    X, y = load("iris")
    model = Unsigned().fit(X, y, np.ones(150))
    assert len(model.classes_) == 3
    (run,) = runs()
    assert run.metrics["fit_time"] > 0
    assert len(run.models) == 1


def test_what_cannot_be_asked_is_not_missing(on, runs, load) -> None:
    """A run is not incomplete because there is nobody to predict."""
    X, y = load("iris")
    GridSearchCV(LogisticRegression(max_iter=500), {"C": [1, 2]}, cv=2, refit=False).fit(X, y)

    class Mute(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Mute:
            self.classes_ = np.unique(y)
            return self

    Mute().fit(X, y)
    for run in runs():
        assert "capture" not in run.notes
        assert "train/score" not in run.metrics


def test_last_step_of_a_pipeline_clusters_or_transforms(on, runs, load) -> None:
    from sklearn import metrics

    X, _ = load("iris")
    clusters = make_pipeline(StandardScaler(), make_pipeline(PCA(3), KMeans(3, n_init=1, random_state=0))).fit(X)
    components = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    first, second = runs()
    inner = clusters[-1]
    prepared = inner[:-1].transform(clusters[:-1].transform(X))
    for name in ("silhouette_score", "calinski_harabasz_score", "davies_bouldin_score"):
        assert first.metrics[f"train/{name}"] == getattr(metrics, name)(prepared, inner[-1].labels_)
    assert second.metrics["train/explained_variance_ratio"] == components[-1].explained_variance_ratio_.sum()


@pytest.mark.parametrize("model", [RandomForestClassifier(7), ExtraTreesClassifier(7), BaggingClassifier()])
def test_predictions_taken_from_probabilities_are_the_same(on, runs, load, model: Any) -> None:
    X, y = load("digits")
    model.set_params(random_state=0)
    if hasattr(model, "max_depth"):
        model.set_params(max_depth=4)
    model.fit(X, y)
    (run,) = runs()
    assert run.metrics["train/accuracy_score"] == model.score(X, y)
    assert run.metrics["train/score"] == model.score(X, y)


# -- the cost limit ----------------------------------------------------------------------------------------------------


class Slow(Plain):
    """Takes its time for each sample, and some before."""

    def __init__(self, each: float = 0.0, once: float = 0.0) -> None:
        self.each = each
        self.once = once

    def predict(self, X: Any) -> Any:
        time.sleep(self.once + self.each * len(X))
        return super().predict(X)

    def predict_proba(self, X: Any) -> Any:
        time.sleep(self.once + self.each * len(X))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize("count", [100, 900, 1001])
@pytest.mark.parametrize("each", [0.005, 0.1])
def test_little_is_spent_to_find_out_that_it_takes_long(on, runs, count: int, each: float) -> None:
    X, y = np.zeros((count, 2)), np.arange(count) % 2
    began = time.perf_counter()
    Slow(each).fit(X, y)
    spent = time.perf_counter() - began
    (run,) = runs()
    assert "metrics='always'" in run.notes["capture"][0]
    assert spent < 4 * 2 * each + 1.0


def test_what_takes_long_once_only_is_still_asked(on, runs) -> None:
    X, y = np.zeros((5_000, 2)), np.arange(5_000) % 2
    Slow(once=0.01).fit(X, y)
    (run,) = runs()
    assert "train/score" in run.metrics


def test_score_of_its_own_that_takes_long(on, runs) -> None:
    """What is known already is kept."""

    class Scored(Slow):
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            raise AssertionError("not to be asked")

    X, y = np.zeros((80, 2)), np.arange(80) % 2
    Scored(0.0008).fit(X, y)  # 0.13 s for both methods and 0.03 s to try; once more would be too long
    (run,) = runs()
    assert run.metrics["train/accuracy_score"] == 0.5
    assert "train/score" not in run.metrics
    assert run.notes["capture"][0].startswith("train/score skipped: they would take")


def test_trials_count() -> None:
    budget = Budget(0.0)
    time.sleep(0.26)
    with pytest.raises(TooLong):
        budget.check(0.0)
    Budget(0.0, limited=False).check(1e9)


def test_small_data_of_the_framework_is_asked_at_once(runs, load, monkeypatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Budget, "try_out", lambda self, work, data, count: asked.append(count))
    X, y = load("iris")
    with autolog(only="sklearn"):
        LogisticRegression(max_iter=500).fit(X, y)
        Plain().fit(X, y)
        LogisticRegression(max_iter=2000).fit(np.tile(X, (10, 1)), np.tile(y, 10))
    assert asked == [150, 1500]


def test_an_option_that_does_not_exist(runs, load, caplog, capsys) -> None:
    with autolog(only="sklearn", sklearn={"digram": True}):
        GaussianNB().fit(*load("iris"))
    (line,) = [text for text in (caplog.text + capsys.readouterr().err).splitlines() if "digram" in text]
    assert "diagram" in line and "heldout" in line
    assert len(runs()) == 1
