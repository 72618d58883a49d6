"""The numbers of plots are those of scikit-learn, bit for bit; what is left out is said."""

from __future__ import annotations

import contextlib
import re
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from autotrack_sklearn import diagram, importances, pictures, plots
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import calibration_curve
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import estimator_html_repr

from autotrack.autolog import autolog

pytestmark = pytest.mark.usefixtures("plenty")


def made(*args: Any, **kwargs: Any) -> dict[str, plots.Table]:
    """Tables by kind."""
    return {table.kind: table for table in plots.tables(*args, **kwargs)}


def lines(table: plots.Table) -> dict[Any, dict[str, Any]]:
    """The columns of a table of curves, by class."""
    labels = np.asarray(table.columns["class"])
    return {
        label: {name: column[labels == label] for name, column in table.columns.items() if name != "class"}
        for label in dict.fromkeys(labels.tolist())
    }


@pytest.fixture
def whole(monkeypatch) -> None:
    """No curve is thinned."""
    monkeypatch.setattr(plots, "_POINTS", 10**9)
    monkeypatch.setattr(plots, "_ALL_POINTS", 10**9)


def sample(count: int, classes: int, *, ties: bool, seed: int = 0) -> tuple[Any, Any]:
    """Labels, and probabilities that say something about them."""
    generator = np.random.default_rng(seed)
    true = np.concatenate((np.arange(classes), generator.integers(0, classes, count - classes)))
    chance = generator.random((count, classes)) + np.eye(classes)[true]
    chance /= chance.sum(axis=1, keepdims=True)
    if ties:
        chance = np.round(chance, 1)
        chance[:, -1] = 1 - chance[:, :-1].sum(axis=1)
        chance = np.abs(chance)
        chance /= chance.sum(axis=1, keepdims=True)
    return true, chance


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], [False, True], ["a", "b", "c"], list(range(12))])
def test_values_are_those_of_sklearn(labels: list[Any], ties: bool) -> None:
    classes = np.array(labels)
    index, chance = sample(700, len(classes), ties=ties)
    true, predicted = classes[index], classes[chance.argmax(axis=1)]
    found = made(true, classes, predicted=predicted, score=chance)
    assert list(found) == ["confusion_matrix", "roc_curve", "precision_recall_curve", "calibration_curve"]

    matrix = found["confusion_matrix"]
    want = metrics.confusion_matrix(true, predicted, labels=classes)
    assert np.array_equal(matrix.columns["count"].reshape(want.shape), want)
    assert matrix.columns["true"].tolist() == np.repeat(classes, len(classes)).tolist()
    assert matrix.columns["predicted"].tolist() == np.tile(classes, len(classes)).tolist()
    assert matrix.meta == {"classes": labels, "normalized": None}

    shown = labels[1:] if len(labels) == 2 else labels
    roc, recall = found["roc_curve"], found["precision_recall_curve"]
    assert [list(lines(one)) for one in (roc, recall, found["calibration_curve"])] == [shown] * 3
    for label in shown:
        positive, score = true == label, chance[:, labels.index(label)]
        fpr, tpr, threshold = metrics.roc_curve(positive, score)
        line = lines(roc)[label]
        assert [line[name].tolist() for name in ("fpr", "tpr", "threshold")] == [
            fpr.tolist(),
            tpr.tolist(),
            threshold.tolist(),
        ]
        assert dict(roc.meta["auc"])[label] == metrics.auc(fpr, tpr)
        precision, share, threshold = metrics.precision_recall_curve(positive, score)
        line = lines(recall)[label]
        assert [line[name].tolist() for name in ("precision", "recall", "threshold")] == [
            precision.tolist(),
            share.tolist(),
            [*threshold.tolist(), None],
        ]
        assert dict(recall.meta["average_precision"])[label] == metrics.average_precision_score(positive, score)
        observed, mean = calibration_curve(positive, score, n_bins=10)
        line = lines(found["calibration_curve"])[label]
        assert line["observed"].tolist() == observed.tolist()
        assert line["predicted"].tolist() == mean.tolist()
        assert line["count"].sum() == 700
    assert "points" not in roc.meta | recall.meta


@pytest.mark.usefixtures("whole")
def test_weights() -> None:
    true, chance = sample(300, 2, ties=True)
    weight = np.random.default_rng(1).random(300)
    weight[::5] = 0
    found = made(true, np.array([0, 1]), predicted=chance.argmax(axis=1), score=chance, weight=weight)
    want = metrics.confusion_matrix(true, chance.argmax(axis=1), sample_weight=weight)
    assert np.array_equal(found["confusion_matrix"].columns["count"].reshape(2, 2), want)
    fpr, tpr, threshold = metrics.roc_curve(true, chance[:, 1], sample_weight=weight)
    columns = found["roc_curve"].columns
    assert columns["threshold"].tolist() == threshold.tolist()
    assert columns["fpr"] == pytest.approx(fpr, rel=1e-12)
    assert columns["tpr"] == pytest.approx(tpr, rel=1e-12)
    precision, recall, _ = metrics.precision_recall_curve(true, chance[:, 1], sample_weight=weight)
    columns = found["precision_recall_curve"].columns
    assert columns["precision"] == pytest.approx(precision, rel=1e-12)
    assert columns["recall"] == pytest.approx(recall, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(300, 3000), classes=st.integers(2, 8), noise=st.floats(0, 30), seed=st.integers(0, 100))
def test_thinned_curves_stay_close(count: int, classes: int, noise: float, seed: int) -> None:
    """Every point of the whole curve is near the line through those that are kept, which are points of it."""
    generator = np.random.default_rng(seed)
    true = np.concatenate((np.arange(classes), generator.integers(0, classes, count - classes)))
    score = generator.random((count, classes)) * noise + np.eye(classes)[true]
    found = made(true, np.arange(classes), score=score if classes > 2 else score[:, 1])
    roc = found["roc_curve"]
    most = 200 if classes <= 5 else 1000 // classes
    total = 0
    for label, line in lines(roc).items():
        whole = np.array(metrics.roc_curve(true == label, score[:, label])[:2]).T
        kept = np.column_stack((line["fpr"], line["tpr"]))
        total += len(whole)
        assert len(kept) <= most
        assert kept[0].tolist() == [0, 0]
        assert kept[-1].tolist() == [1, 1]
        assert set(map(tuple, kept.tolist())) <= set(map(tuple, whole.tolist()))
        # Both are stairs upwards: the sum of the coordinates says where on the line a point belongs.
        near = np.interp(whole.sum(axis=1), kept.sum(axis=1), kept[:, 0])
        assert np.abs(near - whole[:, 0]).max() <= 2.1 / (most - 1)
    assert total == roc.meta.get("of", len(roc.columns["fpr"]))
    assert roc.meta.get("points", total) == len(roc.columns["fpr"])


def test_decisions_have_no_calibration() -> None:
    true, chance = sample(100, 3, ties=False)
    classes = np.arange(3)
    assert list(made(true, classes, score=np.log(chance))) == ["roc_curve", "precision_recall_curve"]
    assert list(made(true > 0, np.array([False, True]), score=chance[:, 0] - 0.5)) == [
        "roc_curve",
        "precision_recall_curve",
    ]
    assert "calibration_curve" in made(true > 0, np.array([False, True]), score=chance[:, 0])


def test_many_classes() -> None:
    """Curves of the most frequent ones, cells that are not zero; both said."""
    generator = np.random.default_rng(0)
    true = np.sort(generator.geometric(0.05, 2000))
    classes = np.unique(true)
    chance = generator.random((2000, len(classes)))
    chance /= chance.sum(axis=1, keepdims=True)
    predicted = generator.permutation(true)
    found = made(true, classes, predicted=predicted, score=chance)
    assert len(classes) > 50
    labels, counts = np.unique(true, return_counts=True)
    shown = list(lines(found["roc_curve"]))
    assert len(shown) == 20
    assert min(counts[np.isin(labels, shown)]) >= max(counts[~np.isin(labels, shown)])
    for kind in ("roc_curve", "precision_recall_curve", "calibration_curve"):
        assert found[kind].meta["classes_shown"] == 20
        assert found[kind].meta["classes_of"] == len(classes)
    matrix = found["confusion_matrix"].columns
    want = metrics.confusion_matrix(true, predicted, labels=classes)
    assert (matrix["count"] > 0).all()
    place = np.searchsorted(classes, matrix["true"]), np.searchsorted(classes, matrix["predicted"])
    assert np.array_equal(want[place], matrix["count"])
    assert matrix["count"].sum() == 2000


def test_class_that_does_not_occur() -> None:
    true, chance = sample(90, 3, ties=False)
    found = made(np.where(true == 2, 1, true), np.arange(3), score=chance)
    assert list(lines(found["roc_curve"])) == [0, 1]
    assert list(lines(found["calibration_curve"])) == [0, 1, 2]
    assert list(made(np.zeros(90, dtype=int), np.arange(3), score=chance)) == ["calibration_curve"]


def test_labels_that_the_model_does_not_know() -> None:
    found = made(np.array(["a", "x", "b"]), np.array(["a", "b"]), predicted=["a", "a", "b"], score=[0.1, 0.2, 0.7])
    assert list(found) == ["confusion_matrix"]
    assert found["confusion_matrix"].meta["classes"] == ["a", "b", "x"]
    assert made([1, 2], None, predicted=[2, 2])["confusion_matrix"].columns["count"].tolist() == [0, 1, 0, 1]
    assert made([1, 2], None, predicted=["1", "2"]) == {}
    assert made(np.array([1, None], dtype=object), None, predicted=[1, 2]) == {}


def test_residuals() -> None:
    generator = np.random.default_rng(0)
    true, predicted = generator.random(5000), generator.random(5000)
    few, many = made(true[:900], predicted=predicted[:900])["residuals"], made(true, predicted=predicted)["residuals"]
    assert few.columns["predicted"].tolist() == predicted[:900].tolist()
    assert few.columns["residual"].tolist() == (true[:900] - predicted[:900]).tolist()
    assert few.meta == {"shown": 900, "of": 900}
    assert many.meta == {"shown": 1000, "of": 5000}
    rows = np.searchsorted(np.arange(5000), np.linspace(0, 4999, 1000).astype(int))
    assert many.columns["residual"].tolist() == (true - predicted)[rows].tolist()


def test_whole_numbers_may_be_predicted_by_a_regression() -> None:
    assert made([1, 2, 4], predicted=[1.5, 2.0, 3.0])["residuals"].columns["residual"].tolist() == [-0.5, 0.0, 1.0]
    assert list(made([1, 2, 4], predicted=[1, 2, 2])) == ["confusion_matrix"]


def test_what_gives_no_plot() -> None:
    """Several targets, nothing, shapes that do not fit, numbers that are none."""
    true, chance = sample(20, 2, ties=False)
    classes = np.arange(2)
    assert made(np.zeros((5, 2)), predicted=np.zeros((5, 2))) == {}
    assert made([], classes, predicted=[]) == {}
    assert made(true, classes, predicted=true[:-1], score=chance) == {}
    for score in (chance[:-1], chance[:, :1], np.full_like(chance, np.nan), np.c_[chance, chance], chance.astype(str)):
        assert made(true, classes, score=score) == {}
    assert made([0.5, 1.5], predicted=["a", "b"]) == {}


# -- what a fit records ------------------------------------------------------------------------------------------------


def test_plots_of_a_classifier(on, runs, load) -> None:
    X, y = load("wine")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    (run,) = runs()
    matrix = run.table("train/confusion_matrix")
    assert np.array_equal(np.reshape(matrix["count"], (3, 3)), metrics.confusion_matrix(y, model.predict(X)))
    assert run.tables["train/roc_curve"].kind == "roc_curve"
    areas = dict(run.tables["train/roc_curve"].meta["auc"])
    assert areas == {k: metrics.roc_auc_score(y == k, model.predict_proba(X)[:, k]) for k in range(3)}
    assert {name for name in run.tables if name.startswith("train/")} == {
        "train/confusion_matrix",
        "train/roc_curve",
        "train/precision_recall_curve",
        "train/calibration_curve",
    }


def test_plots_of_a_regressor(on, runs, load) -> None:
    X, y = load("diabetes")
    model = Ridge().fit(X, y)
    Ridge().fit(X, np.arange(len(y)))  # whole numbers are no classes
    first, second = runs()
    assert first.table("train/residuals") == {
        "predicted": model.predict(X).tolist(),
        "residual": (y - model.predict(X)).tolist(),
    }
    assert set(second.tables) == {"train/residuals", "importances"}


@pytest.mark.parametrize("options", [{}, {"plots": False}, {"metrics": False}])
def test_plots_ask_the_model_nothing(runs, load, monkeypatch, options: dict[str, Any]) -> None:
    asked = []
    for name in ("predict", "predict_proba", "decision_function"):
        method = getattr(GaussianNB, name, None)
        if method is not None:

            def counted(self: Any, X: Any, method: Any = method, name: str = name) -> Any:
                asked.append(name)
                return method(self, X)

            monkeypatch.setattr(GaussianNB, name, counted)
    with autolog(only="sklearn", **options):
        GaussianNB().fit(*load("iris"))
    (run,) = runs()
    assert asked == ([] if "metrics" in options else ["predict", "predict_proba"])
    assert ("train/roc_curve" in run.tables) == (not options)


def test_importances_have_the_names_of_features(on, runs, load) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = load("breast_cancer")
    frame = pandas.DataFrame(X[:, :3], columns=["one", "two", "three"]).assign(kind=np.where(X[:, 3] > 500, "a", "b"))
    seen = LogisticRegression(max_iter=5000).fit(frame[["one", "two", "three"]], y)
    prepared = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), ["two", "one"]), ("kinds", OneHotEncoder(), ["kind"])]),
        RandomForestClassifier(20, random_state=0),
    ).fit(frame, y)
    bare = make_pipeline(StandardScaler(), SelectKBest(k=2), LogisticRegression()).fit(X, y)
    search = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1, 2]}, cv=2)
    search.fit(frame[["one", "two", "three"]], y)
    first, second, third, fourth = runs()
    assert first.table("importances") == {"feature": ["one", "two", "three"], "importance": seen.coef_[0].tolist()}
    assert first.tables["importances"].meta == {"of": "coef_"}
    forest = prepared[-1]
    assert second.table("importances") == {
        "feature": ["numbers__two", "numbers__one", "kinds__kind_a", "kinds__kind_b"],
        "importance": forest.feature_importances_.tolist(),
        "std": np.std([tree.feature_importances_ for tree in forest.estimators_], axis=0).tolist(),
    }
    assert second.tables["importances"].meta == {"of": "feature_importances_"}
    assert third.table("importances")["feature"] == [f"x{i}" for i in np.flatnonzero(bare[1].get_support())]
    assert fourth.table("importances")["feature"] == ["one", "two", "three"]
    assert fourth.table("importances")["importance"] == search.best_estimator_[-1].coef_.tolist()


def test_importances_over_classes_and_of_many_features(on, runs, load) -> None:
    X, y = load("wine")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    wide = np.random.default_rng(0).standard_normal((40, 3000))
    ridge = Ridge().fit(wide, wide[:, 0])
    first, second = runs()
    assert first.table("importances")["importance"] == np.abs(model[-1].coef_).mean(axis=0).tolist()
    assert first.tables["importances"].meta == {"of": "coef_", "mean_magnitude_over": 3}
    table = second.table("importances")
    assert second.tables["importances"].meta == {"of": "coef_", "shown": 1000, "features": 3000}
    kept = [int(name[1:]) for name in table["feature"]]
    assert kept == sorted(kept)
    assert table["importance"] == ridge.coef_[kept].tolist()
    assert min(map(abs, table["importance"])) >= np.sort(np.abs(ridge.coef_))[-1000]


def test_transformers_of_the_user_are_not_asked_for_names(on, runs, load) -> None:
    asked = []

    class Same(TransformerMixin, BaseEstimator):
        def fit(self, X: Any, y: Any = None) -> Same:
            self.n_features_in_ = X.shape[1]
            return self

        def transform(self, X: Any) -> Any:
            return X

        def get_feature_names_out(self, input_features: Any = None) -> Any:
            asked.append(input_features)
            return np.array(["a", "b", "c", "d"])

    X, y = load("iris")
    make_pipeline(Same(), LogisticRegression(max_iter=500)).fit(X, y)
    (run,) = runs()
    assert run.table("importances")["feature"] == ["x0", "x1", "x2", "x3"]
    assert not asked


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ({"coef_": np.ones(3)}, 3),
        ({"coef_": np.ones(3), "n_features_in_": 4}, None),
        ({"coef_": np.ones(3), "n_features_in_": np.ones(2)}, 3),
        ({"coef_": np.ones((2, 2, 3))}, None),
        ({"coef_": np.array(["a"])}, None),
        ({"coef_": [1.0, 2.0]}, None),
        ({"coef_": np.array([np.nan, 1.0])}, 2),
        ({"coef_": np.ones(3), "feature_importances_": np.ones(2), "feature_names_in_": np.array(["a", "b"])}, 2),
    ],
)
def test_importances_of_any_class(attributes: dict[str, Any], shown: int | None) -> None:
    model = BaseEstimator()
    vars(model).update(attributes)
    table = importances.table(importances.weights(model), model, model)
    assert (None if table is None else len(table.columns["importance"])) == shown
    if table is not None and "feature_names_in_" in attributes:
        assert table.columns["feature"] == ["a", "b"]


@pytest.mark.filterwarnings("ignore:The SAMME.R algorithm")  # of scikit-learn 1.4
@pytest.mark.parametrize("kind", [GradientBoostingClassifier, AdaBoostClassifier, HistGradientBoostingClassifier])
def test_score_after_each_stage(runs, load, kind: Any) -> None:
    X, y = load("iris")
    y = np.array(["a", "b", "c"])[y]
    model = kind(random_state=0, **({"max_iter": 5} if kind is HistGradientBoostingClassifier else {"n_estimators": 5}))
    with autolog(only="sklearn", metrics="always"):
        model.fit(X, y)
    (run,) = runs()
    want = [metrics.accuracy_score(y, predicted) for predicted in model.staged_predict(X)]
    assert run.series["train/staged_score"] == list(enumerate(want, start=1))


def test_score_of_a_regressor_after_each_stage(runs, load) -> None:
    X, y = load("diabetes")
    model = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=4))
    with autolog(only="sklearn", metrics="always"):
        model.fit(X, y)
    (run,) = runs()
    want = [metrics.r2_score(y, part) for part in model[-1].staged_predict(model[:-1].transform(X))]
    assert run.series["train/staged_score"] == list(enumerate(want, start=1))


# -- diagrams ----------------------------------------------------------------------------------------------------------


def without_ids(page: str) -> str:
    return re.sub(r"(sk-container-id|sk-estimator-id)-\d+", r"\1", page)


@pytest.mark.filterwarnings("ignore:The SAMME.R algorithm")  # of scikit-learn 1.4
def test_diagram_of_estimators_that_hold_others(on, runs, load) -> None:
    X, y = load("iris")
    models = [
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2),
        AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=2),
        AdaBoostClassifier(n_estimators=2),
        LogisticRegression(max_iter=500),
    ]
    for model in models:
        model.fit(X, y)
    found = [run.artifacts.get("estimator.html") for run in runs()]
    assert [one is not None for one in found] == [True, True, True, False, False]
    assert found[0].kind == "html"
    page = runs()[0].content("estimator.html").decode()
    assert without_ids(page) == without_ids(estimator_html_repr(clone(models[0])))
    assert models[0].predict(X).shape == (150,)  # it is still fitted


def test_equal_diagrams_are_drawn_once_and_others_within_limits(on, runs, load, monkeypatch) -> None:
    X, y = load("iris")
    monkeypatch.setattr(diagram, "_pages", OrderedDict())
    monkeypatch.setattr(diagram, "_seconds", weakref.WeakKeyDictionary())
    drawn: list[Any] = []
    page = diagram.estimator_html_repr
    monkeypatch.setattr(diagram, "estimator_html_repr", lambda one: drawn.append(one) or page(one))
    monkeypatch.setattr(diagram, "_counted_from_zero", contextlib.nullcontext)
    for C in (1, 1, 2):
        monkeypatch.setattr(pictures, "_DIAGRAM", 0.0)
        make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(X, y)
    monkeypatch.setattr(pictures, "_DIAGRAM", 1e9)
    make_pipeline(StandardScaler(), LogisticRegression(C=3)).fit(X, y)
    first, same, skipped, last = runs()
    assert len(drawn) == 2
    assert first.content("estimator.html") == same.content("estimator.html") != last.content("estimator.html")
    assert "estimator.html" not in skipped.artifacts
    assert "sklearn={'diagram': True}" in skipped.notes["capture"][0]


def test_option_diagram(runs, load) -> None:
    X, y = load("iris")
    model = make_pipeline(StandardScaler(), LogisticRegression())
    for wanted in (True, False):
        with autolog(only="sklearn", sklearn={"diagram": wanted}):
            model.fit(X, y)
            LogisticRegression(max_iter=500).fit(X, y)
    assert ["estimator.html" in run.artifacts for run in runs()] == [True, True, False, False]


def test_diagrams_are_counted_apart_from_those_of_the_user(runs, load) -> None:
    """Equal ones are one blob, and the ids in the user's notebook go on as they would have."""
    X, y = load("iris")
    model = make_pipeline(StandardScaler(), LogisticRegression())

    def pages() -> list[int]:
        found = [int(n) for n in re.findall(r"sk-(?:container|estimator)-id-(\d+)", estimator_html_repr(model))]
        return [min(found), max(found)]

    before = pages()
    without = np.subtract(pages(), before)
    with autolog(only="sklearn"):
        model.fit(X, y)
        between = pages()
        model.fit(X, y)
    assert np.subtract(between, before).tolist() == (2 * without).tolist()
    assert np.subtract(pages(), before).tolist() == (3 * without).tolist()
    first, second = runs()
    assert first.artifacts["estimator.html"].sha256 == second.artifacts["estimator.html"].sha256


def test_diagram_shows_no_secret(on, runs, load) -> None:
    class Client(TransformerMixin, BaseEstimator):
        def __init__(self, api_key: str = "") -> None:
            self.api_key = api_key

        def fit(self, X: Any, y: Any = None) -> Client:
            return self

        def transform(self, X: Any) -> Any:
            return X

    X, y = load("iris")
    make_pipeline(Client("hunter2hunter2"), LogisticRegression(max_iter=500)).fit(X, y)
    (run,) = runs()
    assert "estimator.html" not in run.artifacts
    assert any("diagram skipped" in text for text in run.notes["capture"])
    assert all(b"hunter2" not in run.content(name) for name in run.artifacts)
