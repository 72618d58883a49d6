"""One `fit` is one run, with everything in it."""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.manifold import TSNE
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.autolog import autolog

CLASSIFIERS = [
    LogisticRegression(max_iter=20),
    RandomForestClassifier(10, random_state=0),
    DecisionTreeClassifier(max_depth=2, random_state=0),
    KNeighborsClassifier(),
    GaussianNB(),
    LinearSVC(random_state=0),
    RidgeClassifier(),
    SVC(),
]


def expected(model: Any, X: Any, y: Any, weight: Any = None) -> dict[str, float]:
    """The training metrics of a classifier, from scikit-learn's own functions."""
    keep: dict[str, Any] = {"sample_weight": weight}
    predicted = model.predict(X)
    found = {"train/accuracy_score": metrics.accuracy_score(y, predicted, **keep)}
    for name in ("precision_score", "recall_score", "f1_score"):
        score = getattr(metrics, name)(y, predicted, average="weighted", zero_division=0, **keep)
        found[f"train/{name}"] = score
    if hasattr(model, "predict_proba"):
        chance = model.predict_proba(X)
        found["train/log_loss"] = metrics.log_loss(y, chance, **keep)
        score = chance[:, 1] if chance.shape[1] == 2 else chance
        found["train/roc_auc_score"] = metrics.roc_auc_score(y, score, multi_class="ovr", average="weighted", **keep)
    elif len(model.classes_) == 2:
        found["train/roc_auc_score"] = metrics.roc_auc_score(y, model.decision_function(X), **keep)
    found["train/score"] = model.score(X, y, **({} if weight is None else keep))
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")  # scikit-learn 1.4 announces new defaults
@pytest.mark.filterwarnings("ignore:The y_pred values do not sum to one")
@pytest.mark.parametrize("data", ["digits", "iris", "breast_cancer"])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
def test_classifier_metrics_are_those_of_sklearn(runs, load, model, data) -> None:
    X, y = load(data)
    with autolog(only="sklearn", metrics="always"):
        model = sklearn.clone(model).fit(X, y)
    (run,) = runs()
    found = {key: value for key, value in run.metrics.items() if key.startswith("train/")}
    want = expected(model, X, y)
    assert found == pytest.approx(want, rel=1e-12)
    exact = {"train/accuracy_score", "train/precision_score", "train/recall_score", "train/f1_score"}
    assert {key: found[key] for key in exact} == {key: want[key] for key in exact}


@pytest.mark.parametrize("how", ["keyword", "position"])
def test_sample_weight_is_honored(on, runs, load, how) -> None:
    X, y = load("breast_cancer")
    weight = np.random.default_rng(0).uniform(size=len(y))
    weight[::7] = 0
    model = LogisticRegression(solver="liblinear")
    model = model.fit(X, y, weight) if how == "position" else model.fit(X, y, sample_weight=weight)
    (run,) = runs()
    found = {key: value for key, value in run.metrics.items() if key.startswith("train/")}
    assert found == pytest.approx(expected(model, X, y, weight), rel=1e-12)


def test_text_labels_and_frames(on, runs, load) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = load("wine")
    X = pandas.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    y = pandas.Series(np.array(["red", "white", "rosé"])[y], name="kind")
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    (run,) = runs()
    assert run.metrics["train/accuracy_score"] == model.score(X, y)
    summary = json.loads(run.content("fitted.json"))
    assert summary["classes"] == ["red", "rosé", "white"]
    assert summary["feature_names"] == list(X.columns)
    best = X.columns[np.argmax(model.feature_importances_)]
    assert summary["feature_importances_"]["largest"][0] == [best, max(model.feature_importances_)]
    assert [(data.name, data.role, data.shape) for data in run.data] == [
        ("X", "train", [178, 13]),
        ("y", "train", [178]),
    ]


@pytest.mark.parametrize("weighted", [False, True])
def test_regressor_metrics(on, runs, load, weighted) -> None:
    X, y = load("diabetes")
    keep = {"sample_weight": np.random.default_rng(0).uniform(size=len(y))} if weighted else {}
    model = Ridge().fit(X, y, **keep)
    names = ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2_score")
    want = {f"train/{name}": getattr(metrics, name)(y, model.predict(X), **keep) for name in names}
    want["train/score"] = model.score(X, y, **keep)
    (run,) = runs()
    assert {key: value for key, value in run.metrics.items() if key.startswith("train/")} == want


def test_clusters_and_components(on, runs, load) -> None:
    X, _ = load("iris")
    clusters = KMeans(3, n_init=1, random_state=0).fit(X)
    components = PCA(2).fit(X)
    DBSCAN(eps=100).fit(X)
    first, second, third = runs()
    assert first.metrics["inertia_"] == clusters.inertia_
    for name in ("silhouette_score", "calinski_harabasz_score", "davies_bouldin_score"):
        assert first.metrics[f"train/{name}"] == getattr(metrics, name)(X, clusters.labels_)
    assert second.metrics["train/explained_variance_ratio"] == components.explained_variance_ratio_.sum()
    assert not [key for key in third.metrics if key.startswith("train/")]  # one cluster: none of them is defined


def test_multilabel(on, runs) -> None:
    X, y = sklearn.datasets.make_multilabel_classification(80, 6, n_classes=3, random_state=0)
    model = MultiOutputClassifier(DecisionTreeClassifier(max_depth=2, random_state=0)).fit(X, y)
    (run,) = runs()
    assert run.metrics["train/accuracy_score"] == metrics.accuracy_score(y, model.predict(X))
    assert run.metrics["train/f1_score"] == metrics.f1_score(y, model.predict(X), average="weighted")
    assert run.metrics["train/score"] == model.score(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_content_of_a_run(on, runs, load) -> None:
    X, y = load("digits")
    model = LogisticRegression(C=0.3, max_iter=7).fit(X, y)
    (run,) = runs()
    assert run.name == "LogisticRegression"
    assert run.status == "finished"
    assert run.params == model.get_params()
    assert {key: type(value) for key, value in run.params.items()} == {
        key: type(value) for key, value in model.get_params().items()
    }
    assert run.tags["estimator"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert run.tags["framework"] == "sklearn"
    assert run.tags["params.changed"] == "C, max_iter"
    assert 0 < run.metrics["fit_time"] < 60
    assert run.metrics["n_iter_"] == 7
    assert run.metrics["n_features_in_"] == 64
    last, loss = run.series["loss"][-1]
    assert (last, loss) == (7, pytest.approx(run.metrics["train/log_loss"]))
    assert any("failed to converge" in text for text in run.notes["warning"])
    assert "capture" not in run.notes
    assert [(one.name, one.format, one.safe) for one in run.models] == [("model", "skops", True)]


def test_series(on, runs, load) -> None:
    X, y = load("iris")
    network = MLPClassifier((5,), max_iter=8, early_stopping=True, n_iter_no_change=100, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X, y)
    boosting = GradientBoostingClassifier(n_estimators=6, subsample=0.5, random_state=0).fit(X, y)
    first, second = runs()
    assert first.series["loss"] == first.series["loss_curve"] == list(enumerate(network.loss_curve_))
    assert first.series["validation_scores"] == list(enumerate(network.validation_scores_))
    assert second.series["train_score"] == list(enumerate(boosting.train_score_))
    assert second.series["oob_scores"] == list(enumerate(boosting.oob_scores_))


def test_pipeline_is_one_run(on, runs, load) -> None:
    X, y = load("wine")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=2)).fit(X, y)
    (run,) = runs()
    assert run.name == "Pipeline(LogisticRegression)"
    assert run.params["logisticregression__C"] == 2
    assert run.params["logisticregression"] == "LogisticRegression"
    assert run.params["steps"] == [("standardscaler", "StandardScaler"), ("logisticregression", "LogisticRegression")]
    assert run.tags["params.changed"] == "steps, logisticregression__C"
    assert run.metrics["n_iter_"] == model[-1].n_iter_[0]
    assert run.metrics["train/score"] == model.score(X, y)


def test_failed_fit_is_a_failed_run(on, runs, load) -> None:
    X, y = load("iris")
    with pytest.raises(ValueError, match="C"):
        LogisticRegression(C=-1).fit(X, y)
    (run,) = runs()
    assert run.status == "failed"
    assert run.params["C"] == -1
    assert "InvalidParameterError" in run.error["type"]
    assert "_validate_params" in run.error["traceback"]
    assert "autotrack" not in run.error["traceback"]
    assert not run.models


def test_inside_an_active_run(on, runs, load) -> None:
    X, y = load("iris")
    with autotrack.start_run(name="mine") as mine:
        StandardScaler().fit(X)
        LogisticRegression(max_iter=500).fit(X, y)
        assert mine.status == "running"
        mine.log_metric("after", 1)
    (run,) = runs()
    assert run.name == "mine"
    assert run.metrics["after"] == 1
    assert run.metrics["train/score"] > 0.9
    assert "StandardScaler fitted to data of shape (150, 4)" in run.notes["info"]


def test_preparation_alone_is_no_run(on, runs, load) -> None:
    X, y = load("iris")
    StandardScaler().fit_transform(X)
    SelectFromModel(LogisticRegression(max_iter=500)).fit(X, y)
    assert not runs()
    with autolog(only="sklearn", preprocessing=True):
        StandardScaler().fit_transform(X)
    (run,) = runs()
    assert run.name == "StandardScaler"


def test_regressor_among_the_preparations(on, runs, load) -> None:
    X, y = load("diabetes")
    TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp).fit(X, y)
    (run,) = runs()
    assert run.name == "TransformedTargetRegressor"
    assert run.params["func"] == "<ufunc 'log'>"


def test_training_without_fit(on, runs, load) -> None:
    X, _ = load("iris")
    TSNE(n_iter_without_progress=50, init="random", perplexity=5, random_state=0).fit_transform(X[:30])
    PCA(2).fit_transform(X)
    KMeans(3, n_init=1).fit_predict(X)
    assert [run.name for run in runs()] == ["TSNE", "PCA", "KMeans"]


def test_estimator_of_the_user(on, runs, load) -> None:
    class Majority(ClassifierMixin, BaseEstimator):
        def __init__(self, power: float = 1.0) -> None:
            self.power = power

        def fit(self, X: Any, y: Any) -> Majority:
            self.classes_, counts = np.unique(y, return_counts=True)
            self.label_ = self.classes_[np.argmax(counts)]
            return self

        def predict(self, X: Any) -> Any:
            return np.full(len(X), self.label_)

    X, y = load("wine")
    model = Majority(power=2.0).fit(X, y)
    (run,) = runs()
    assert run.params == {"power": 2.0}
    assert run.metrics["train/accuracy_score"] == model.score(X, y)
    assert [one.format for one in run.models] == ["cloudpickle"]


class Slow(ClassifierMixin, BaseEstimator):
    """Fits at once, predicts a millisecond per sample."""

    asked = 0

    def fit(self, X: Any, y: Any) -> Slow:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        type(self).asked += len(X)
        time.sleep(1e-3 * len(X))
        return np.full(len(X), self.classes_[0])


def test_expensive_metrics_are_skipped_and_said_so(runs, load, monkeypatch) -> None:
    X, y = load("digits")
    monkeypatch.setattr(Slow, "asked", 0)
    with autolog(only="sklearn"):
        Slow().fit(X, y)
    assert Slow.asked < 500
    with autolog(only="sklearn", metrics="always"):
        Slow().fit(X, y)
    with autolog(only="sklearn", metrics=False):
        Slow().fit(X, y)
    first, second, third = runs()
    assert not [key for key in first.metrics if key.startswith("train/")]
    assert "metrics='always'" in first.notes["capture"][0]
    assert second.metrics["train/accuracy_score"] == np.mean(y == 0)
    assert not [key for key in third.metrics if key.startswith("train/")]
    assert "capture" not in third.notes


def test_estimator_whose_predict_fails(on, runs, load) -> None:
    class Broken(Slow):
        def predict(self, X: Any) -> Any:
            raise RuntimeError("no predictions today")

    Broken().fit(*load("iris"))
    (run,) = runs()
    assert run.status == "finished"
    assert run.notes["capture"] == ["training metrics skipped: RuntimeError: no predictions today"]


def test_metadata_that_predict_would_need(on, runs, load) -> None:
    X, y = load("iris")
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression(max_iter=500).set_fit_request(sample_weight=True)
        make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model).fit(
            X, y, sample_weight=np.ones(150)
        )
    (run,) = runs()
    assert "metadata" in run.notes["capture"][0]
    assert "train/score" not in run.metrics


def test_wrong_params(on, runs, load) -> None:
    """What scikit-learn only finds out in `fit` must not fail before it."""
    X, y = load("iris")
    with pytest.raises((TypeError, AttributeError)):  # which one depends on the release
        Pipeline([("pca", PCA), ("model", Ridge())]).fit(X, y)
    (run,) = runs()
    assert run.status == "failed"
    assert "steps" in run.params


def test_unusual_input(on, runs) -> None:
    """Lists, text, generators, sparse matrices, column vectors, a single class."""
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB

    texts, labels = ["one two", "two three", "four five", "five six"], [0, 0, 1, 1]
    make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, labels)
    make_pipeline(TfidfVectorizer(), MultinomialNB()).fit((text for text in texts), labels)
    LogisticRegression().fit(sparse.random(40, 5, density=0.5, random_state=0, format="csr"), [0, 1] * 20)
    LinearRegression().fit([[1.0], [2.0], [3.0]], [[1.0], [2.0], [3.5]])
    RandomForestClassifier(2).fit([[0.0], [1.0]], ["a", "a"])
    first, second, third, fourth, fifth = runs()
    assert first.metrics["train/accuracy_score"] == 1
    assert "train/accuracy_score" not in second.metrics  # used up
    assert "train/accuracy_score" in third.metrics
    assert fourth.metrics["train/r2_score"] > 0.9
    assert fifth.metrics["train/accuracy_score"] == 1
    assert "train/roc_auc_score" not in fifth.metrics


def test_params_of_all_kinds(on, runs, load) -> None:
    X, y = load("iris")
    model = SGDClassifier(
        random_state=np.random.RandomState(0), class_weight={0: 1.0, 1: 2.0, 2: np.float64(3)}, alpha=np.float32(0.25)
    )
    model.fit(X, y)
    RandomForestRegressor(3, max_features=None).fit(X, y)
    first, second = runs()
    assert first.params["random_state"] == "RandomState"
    assert first.params["class_weight"] == {0: 1.0, 1: 2.0, 2: 3.0}
    assert first.params["alpha"] == 0.25
    assert second.params["max_features"] is None
    assert second.tags["params.changed"] == "max_features, n_estimators"


def test_runs_of_pipelines_are_named_after_what_learns(on, runs, load) -> None:
    X, y = load("wine")
    make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), KMeans(2, n_init=1))).fit(X)
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert [run.name for run in runs()] == ["Pipeline(KMeans)", "Pipeline(LogisticRegression)"]


def test_the_only_class_is_not_a_metric(on, runs) -> None:
    DecisionTreeClassifier().fit(np.zeros((4, 2)), np.zeros(4))
    (run,) = runs()
    assert run.metrics["n_classes_"] == 1
    assert "classes_" not in run.metrics
