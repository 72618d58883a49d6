"""A cross-validation, a curve, a permutation test is one run."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import inspection, metrics, model_selection
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.autolog import autolog

pytestmark = pytest.mark.usefixtures("plenty")


def named(run: Any, start: str) -> dict[str, float]:
    """Metrics whose names begin like that, without it."""
    return {key.removeprefix(start): value for key, value in run.metrics.items() if key.startswith(start)}


CALLS = {
    "cross_val_score": {},
    "cross_validate": {"return_train_score": True},
    "cross_val_predict": {},
    "learning_curve": {"train_sizes": [0.5, 1.0], "shuffle": True},
    "validation_curve": {"param_name": "n_neighbors", "param_range": [1, 3]},
    "permutation_test_score": {"n_permutations": 3},
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), ("multiprocessing", 2), ("loky", 1)])
def test_one_run_in_any_backend(on, runs, load, name, backend, n_jobs) -> None:
    X, y = load("iris")
    with joblib.parallel_backend(backend):
        getattr(model_selection, name)(KNeighborsClassifier(), X, y, cv=3, n_jobs=n_jobs, **CALLS[name])
    (run,) = runs()
    assert run.name == f"{name}(KNeighborsClassifier)"
    assert run.status == "finished"
    assert run.tags["validation"] == name
    assert run.params["n_neighbors"] == 5
    assert run.params["cv/cv"] == 3
    assert [(data.name, data.role, data.shape) for data in run.data] == [
        ("X", "train", [150, 4]),
        ("y", "train", [150]),
    ]
    assert not run.models
    assert not run.notes
    assert autotrack.active_run() is None


@pytest.mark.parametrize("name", [*CALLS, "permutation_importance"])
def test_results_and_random_numbers_are_the_same(load, name) -> None:
    X, y = load("iris")
    model = DecisionTreeClassifier(splitter="random").fit(X, y)
    before = dict(vars(model))
    options = CALLS.get(name, {})
    if "param_name" in options:
        options = {**options, "param_name": "max_depth"}
    if name in CALLS:
        options = {**options, "cv": KFold(3, shuffle=True)}

    def call() -> tuple[Any, Any]:
        np.random.seed(5)  # what is tested are draws from the global generator
        found = getattr(model_selection if name in CALLS else inspection, name)(model, X, y, **options)
        if isinstance(found, dict):
            found = [values for key, values in found.items() if not key.endswith("_time")]
        return found, np.random.get_state()[1:]

    expected, state = call()
    with autolog(only="sklearn"):
        found, after = call()
    assert vars(model) == before
    for new, old in zip((*found, *after), (*expected, *state), strict=True):
        np.testing.assert_array_equal(new, old)


def test_cross_val_score(on, runs, load) -> None:
    X, y = load("iris")
    scores = cross_val_score(LogisticRegression(max_iter=500), X, y, scoring="accuracy", cv=4)
    (run,) = runs()
    assert run.series["cv/accuracy"] == list(enumerate(scores))
    assert run.metrics["cv/mean_accuracy"] == scores.mean()
    assert run.metrics["cv/std_accuracy"] == scores.std()
    assert run.params["max_iter"] == 500
    assert run.params["cv/scoring"] == "accuracy"


@pytest.mark.parametrize("scoring", [["accuracy", "f1_macro"], {"accuracy": "accuracy", "f1_macro": "f1_macro"}])
def test_cross_validate_with_several_metrics(on, runs, load, scoring) -> None:
    X, y = load("iris")
    found = cross_validate(
        LogisticRegression(max_iter=500),
        X,
        y,
        scoring=scoring,
        return_train_score=True,
        return_estimator=True,
        return_indices=True,
        n_jobs=2,
    )
    (run,) = runs()
    names = {"test_accuracy": "accuracy", "test_f1_macro": "f1_macro"}
    names |= {key: key for key in ("train_accuracy", "train_f1_macro", "fit_time", "score_time")}
    for key, name in names.items():
        assert run.series[f"cv/{name}"] == list(enumerate(found[key]))
        assert run.metrics[f"cv/mean_{name}"] == found[key].mean()
        assert run.metrics[f"cv/std_{name}"] == found[key].std()
    assert not run.models


@pytest.mark.parametrize(("scoring", "name"), [("f1_macro", "f1_macro"), (None, "score")])
def test_one_metric_has_the_same_name_in_both_functions(on, runs, load, scoring, name) -> None:
    X, y = load("iris")
    found = cross_validate(KNeighborsClassifier(), X, y, scoring=scoring, return_train_score=True)
    cross_val_score(KNeighborsClassifier(), X, y, scoring=scoring)
    first, second = runs()
    assert first.series[f"cv/{name}"] == second.series[f"cv/{name}"] == list(enumerate(found["test_score"]))
    assert first.series[f"cv/train_{name}"] == list(enumerate(found["train_score"]))


def test_arguments_by_position_and_by_name(on, runs, load) -> None:
    X, y = load("iris")
    cross_val_score(KNeighborsClassifier(), X, y)
    cross_val_score(y=y, X=X, estimator=KNeighborsClassifier(), cv=KFold(3, shuffle=True, random_state=1))
    first, second = runs()
    assert [data.fingerprint for data in first.data] == [data.fingerprint for data in second.data]
    assert second.params["cv/cv"] == "KFold(n_splits=3, random_state=1, shuffle=True)"


def test_splits_from_a_generator_are_left_to_the_call(on, runs, load) -> None:
    X, y = load("iris")
    folds = StratifiedKFold(3)
    expected = cross_val_score(KNeighborsClassifier(), X, y, cv=folds)
    splits = iter(folds.split(X, y))
    np.testing.assert_array_equal(cross_val_score(KNeighborsClassifier(), X, y, cv=splits), expected)
    np.testing.assert_array_equal(cross_val_score(KNeighborsClassifier(), X, y, cv=list(folds.split(X, y))), expected)
    _, second, third = runs()
    assert second.params["cv/cv"] == "generator"
    assert third.params["cv/cv"] == [("int64 array of shape (100,)", "int64 array of shape (50,)")] * 3
    assert second.metrics["cv/mean_score"] == expected.mean()


def test_groups_and_params_of_fit(on, runs, load) -> None:
    X, y = load("iris")
    groups, weight = np.arange(150) % 5, np.ones(150)
    cross_val_score(SVC(), X, y, groups=groups, cv=GroupKFold(5), params={"sample_weight": weight})
    (run,) = runs()
    assert run.params["cv/groups"] == "int64 array of shape (150,)"
    assert run.params["cv/params"] == {"sample_weight": "float64 array of shape (150,)"}
    assert run.params["cv/cv"].startswith("GroupKFold(n_splits=5")


def test_nested_cross_validation(on, runs, load) -> None:
    class Careful(DecisionTreeClassifier):
        def fit(self, X: Any, y: Any) -> Careful:
            cross_val_score(DecisionTreeClassifier(max_depth=1), X, y, cv=2)
            return super().fit(X, y)

    X, y = load("iris")
    cross_validate(Careful(), X, y, cv=3)
    (run,) = runs()
    assert run.name == "cross_validate(Careful)"
    assert len(run.series["cv/score"]) == 3


def test_inside_a_run_of_the_users(on, runs, load) -> None:
    X, y = load("iris")
    with autotrack.start_run("mine") as mine:
        scores = cross_val_score(KNeighborsClassifier(), X, y)
        assert autotrack.active_run() is mine
    (run,) = runs()
    assert run.name == "mine"
    assert run.metrics["cv/mean_score"] == scores.mean()


class Fails(ClassifierMixin, BaseEstimator):
    """Cannot be fitted to all data."""

    def __init__(self, folds: int = 1) -> None:
        self.folds = folds

    def fit(self, X: Any, y: Any) -> Fails:
        self.classes_ = np.unique(y)
        if X[0, 0] < self.folds:
            raise RuntimeError("not with these")
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=int)


ROWS = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:Scoring failed")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failing_fold(on, runs, n_jobs) -> None:
    scores = cross_val_score(Fails(), *ROWS, cv=KFold(4), n_jobs=n_jobs)
    cross_val_score(Fails(), *ROWS, cv=KFold(4), n_jobs=n_jobs, error_score=0.25)
    first, second = runs()
    told = "3 fits failed out of a total of 4: RuntimeError: not with these (3 fits)"
    np.testing.assert_array_equal(first.series["cv/score"], list(enumerate(scores)))
    assert np.isnan(first.metrics["cv/mean_score"])
    assert first.metrics["cv/failed"] == 3
    assert set(first.notes["warning"]) == {"3 of 4 folds failed", told}
    assert second.notes["warning"] == [told]
    assert "cv/failed" not in second.metrics
    assert [value for _, value in second.series["cv/score"]].count(0.25) == 3


@pytest.mark.parametrize(("model", "options"), [(Fails(99), {}), (Fails(), {"error_score": "raise"})])
def test_failing_validation(on, runs, model, options) -> None:
    with pytest.raises((ValueError, RuntimeError), match="not with these"):
        cross_val_score(model, *ROWS, cv=KFold(4), **options)
    (run,) = runs()
    assert run.status == "failed"
    assert run.params["folds"] == model.folds
    assert "not with these" in run.error["message"]


class Keyed(ClassifierMixin, BaseEstimator):
    """Needs a key."""

    def __init__(self, api_key: Any = None) -> None:
        self.api_key = api_key

    def fit(self, X: Any, y: Any) -> Keyed:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=int)


class Duck:
    """No subclass of `BaseEstimator`, but it can be fitted and cloned."""

    _estimator_type = "classifier"

    def __init__(self, depth: int = 2) -> None:
        self.depth = depth

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"depth": self.depth}

    def set_params(self, **params: Any) -> Duck:
        vars(self).update(params)
        return self

    def fit(self, X: Any, y: Any) -> Duck:
        self._tree = DecisionTreeClassifier(max_depth=self.depth, random_state=0).fit(X, y)
        return self

    def predict(self, X: Any) -> Any:
        return self._tree.predict(X)[:, None]  # as catboost does for several classes

    def score(self, X: Any, y: Any) -> float:
        return float(np.mean(self.predict(X)[:, 0] == y))

    def __sklearn_tags__(self) -> Any:
        return DecisionTreeClassifier().__sklearn_tags__()


def test_estimators_of_any_class(on, runs, load) -> None:
    X, y = load("iris")
    scores = cross_val_score(Duck(depth=3), X, y, cv=3)
    predicted = cross_val_predict(Duck(), X, y, cv=3)
    first, second = runs()
    assert first.name == "cross_val_score(Duck)"
    assert first.params["depth"] == 3
    assert first.series["cv/score"] == list(enumerate(scores))
    assert second.metrics["cv/accuracy_score"] == metrics.accuracy_score(y, predicted)


# -- out-of-fold predictions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [np.array, lambda y: np.array(["a", "b", "c"])[y], pd.Series, list], ids=range(4))
def test_predicted_labels(on, runs, load, labels) -> None:
    X, y = load("iris")
    y = labels(y)
    predicted = cross_val_predict(KNeighborsClassifier(), X, y, cv=3)
    (run,) = runs()
    how = {"average": "weighted"}
    assert run.metrics["cv/predictions"] == 150
    assert run.metrics["cv/accuracy_score"] == metrics.accuracy_score(y, predicted)
    assert run.metrics["cv/precision_score"] == metrics.precision_score(y, predicted, **how)
    assert run.metrics["cv/recall_score"] == metrics.recall_score(y, predicted, **how)
    assert run.metrics["cv/f1_score"] == metrics.f1_score(y, predicted, **how)
    assert run.table("cv/confusion_matrix")["count"] == metrics.confusion_matrix(y, predicted).ravel().tolist()


@pytest.mark.parametrize("data", ["iris", "breast_cancer"])
@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_predicted_probabilities(on, runs, load, data, method) -> None:
    X, y = load(data)
    X = StandardScaler().fit_transform(X)
    predicted = cross_val_predict(LogisticRegression(), X, y, cv=3, method=method)
    (run,) = runs()
    chances = np.exp(predicted) if method == "predict_log_proba" else predicted
    if method == "decision_function":
        assert "cv/log_loss" not in run.metrics
    else:
        assert run.metrics["cv/log_loss"] == pytest.approx(metrics.log_loss(y, chances), rel=1e-12)
    if data == "breast_cancer":
        score = chances[:, 1] if chances.ndim == 2 else chances
        assert run.metrics["cv/roc_auc_score"] == metrics.roc_auc_score(y, score)
    elif method == "decision_function":
        assert "cv/roc_auc_score" not in run.metrics  # undefined: these are no probabilities
    else:
        how = {"multi_class": "ovr", "average": "weighted"}
        assert run.metrics["cv/roc_auc_score"] == pytest.approx(metrics.roc_auc_score(y, chances, **how), rel=1e-12)
    assert "cv/accuracy_score" not in run.metrics  # the likeliest class need not be what `predict` says
    assert "cv/roc_curve" in run.tables


def test_predicted_numbers(on, runs, load) -> None:
    X, y = load("diabetes")
    predicted = cross_val_predict(Ridge(), X, y.astype(int))
    both = cross_val_predict(Ridge(), X, np.column_stack((y, -y)))
    first, second = runs()
    for name in ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2_score"):
        assert first.metrics[f"cv/{name}"] == getattr(metrics, name)(y.astype(int), predicted)
        assert second.metrics[f"cv/{name}"] == getattr(metrics, name)(np.column_stack((y, -y)), both)
    assert list(first.tables) == ["cv/residuals"]
    assert not second.tables


def test_predictions_without_a_metric(on, runs, load) -> None:
    X, y = load("iris")
    cross_val_predict(KMeans(2, n_init=1), X)
    cross_val_predict(RandomForestClassifier(5), X, np.column_stack((y, y)))
    cross_val_predict(RandomForestClassifier(5), X, np.column_stack((y, y)), method="predict_proba")
    with autolog(only="sklearn", metrics=False):
        cross_val_predict(KNeighborsClassifier(), X, y)
    assert [named(run, "cv/").keys() for run in runs()] == [{"time", "predictions"}] * 4


def test_predictions_that_take_long_to_judge(runs, load, monkeypatch) -> None:
    X, y = load("iris")
    with autolog(only="sklearn"):
        monkeypatch.setattr("autotrack_sklearn.validation._PACE", 1.0)
        cross_val_predict(KNeighborsClassifier(), X, y)
    with autolog(only="sklearn", metrics="always"):
        cross_val_predict(KNeighborsClassifier(), X, y)
    with autolog(only="sklearn", metrics="always", plots="always"):
        cross_val_predict(KNeighborsClassifier(), X, y)
    with autolog(only="sklearn", metrics="always", plots=False):
        cross_val_predict(KNeighborsClassifier(), X, y)
    first, second, third, fourth = runs()
    assert "cv/accuracy_score" not in first.metrics
    assert first.notes["capture"][0].startswith("metrics of the predictions skipped: they would take about")
    assert second.notes["capture"][0].startswith("plots of the predictions skipped: they would take about")
    assert [list(run.tables) for run in runs()] == [[], [], ["cv/confusion_matrix"], []]
    assert all("cv/accuracy_score" in run.metrics for run in (second, third, fourth))
    assert not third.notes
    assert not fourth.notes


# -- curves ------------------------------------------------------------------------------------------------------------


def test_learning_curve(on, runs, load) -> None:
    X, y = load("iris")
    sizes, train, test, fit_times, score_times = learning_curve(
        KNeighborsClassifier(), X, y, shuffle=True, random_state=0, cv=3, train_sizes=[0.5, 1.0], return_times=True
    )
    (run,) = runs()
    table = run.table("learning_curve")
    assert run.tables["learning_curve"].kind == "learning_curve"
    assert list(table)[:5] == ["train_size", "mean_train_score", "std_train_score", "mean_test_score", "std_test_score"]
    assert table["train_size"] == sizes.tolist() == [50, 100]
    for name, values in (
        ("train_score", train),
        ("test_score", test),
        ("fit_time", fit_times),
        ("score_time", score_times),
    ):
        assert run.series[f"cv/{name}"] == list(zip(sizes, values.mean(axis=1), strict=True))
        assert run.series[f"cv/std_{name}"] == list(zip(sizes, values.std(axis=1), strict=True))
        assert table[f"mean_{name}"] == values.mean(axis=1).tolist()
        assert table[f"std_{name}"] == values.std(axis=1).tolist()
        assert [table[f"split{fold}_{name}"] for fold in range(3)] == values.T.tolist()
    assert run.params["cv/train_sizes"] == [0.5, 1.0]


def test_learning_curve_of_an_incremental_learner(on, runs, load) -> None:
    X, y = load("iris")
    learning_curve(SGDClassifier(), X, y, cv=3, shuffle=True, exploit_incremental_learning=True)
    (run,) = runs()
    assert len(run.series["cv/test_score"]) == 5


@pytest.mark.parametrize(
    ("name", "values", "steps"),
    [
        ("n_neighbors", [3, 1], [3, 1]),
        ("p", np.array([1, 1.5, 2.5]), [1, 1.5, 2.5]),
        ("weights", ["uniform", "distance"], [0, 1]),
        ("leaf_size", (np.int64(10), 20), [10, 20]),
        ("metric_params", [None, {}], [0, 1]),
    ],
)
def test_validation_curve(on, runs, load, name, values, steps) -> None:
    X, y = load("iris")
    train, test = validation_curve(KNeighborsClassifier(), X, y, param_name=name, param_range=values, cv=3)
    (run,) = runs()
    assert run.series["cv/train_score"] == list(zip(steps, train.mean(axis=1), strict=True))
    assert run.series["cv/test_score"] == list(zip(steps, test.mean(axis=1), strict=True))
    table = run.table("validation_curve")
    assert list(table)[:2] == [name, "mean_train_score"]
    assert table[name] == list(values)
    assert table["std_test_score"] == test.std(axis=1).tolist()
    assert [table[f"split{fold}_test_score"] for fold in range(3)] == test.T.tolist()
    assert run.params["cv/param_name"] == name


def test_permutation_test(on, runs, load) -> None:
    X, y = load("iris")
    score, permuted, pvalue = permutation_test_score(
        KNeighborsClassifier(), X, y, scoring="f1_macro", n_permutations=4, random_state=0
    )
    (run,) = runs()
    assert run.series["cv/permutation_score"] == list(enumerate(permuted))
    found = named(run, "cv/")
    del found["time"]
    assert found == {
        "permutation_score": permuted[-1],
        "score": score,
        "pvalue": pvalue,
        "mean_permutation_score": permuted.mean(),
        "std_permutation_score": permuted.std(),
    }
    assert {key: run.params[f"cv/{key}"] for key in ("scoring", "n_permutations", "random_state")} == {
        "scoring": "f1_macro",
        "n_permutations": 4,
        "random_state": 0,
    }


# -- importances ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def frame() -> tuple[Any, Any]:
    """Data with names."""
    X = pd.DataFrame(np.random.RandomState(0).rand(60, 3), columns=["age", "income", "noise"])
    return X, (X["age"] + X["income"] > 1).astype(int)


@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), ("multiprocessing", 2), ("loky", 1)])
def test_permutation_importance(runs, frame, backend, n_jobs) -> None:
    X, y = frame
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    with autolog(only="sklearn"), joblib.parallel_backend(backend):
        found = permutation_importance(model, X, y, n_repeats=3, random_state=0, n_jobs=n_jobs)
    (run,) = runs()
    assert run.name == "permutation_importance(DecisionTreeClassifier)"
    assert run.tags["validation"] == "permutation_importance"
    assert run.params["permutation/n_repeats"] == 3
    assert [data.role for data in run.data] == ["eval", "eval"]
    assert run.tables["importances"].kind == "importances"
    assert run.tables["importances"].meta == {"of": "permutation_importance"}
    assert run.table("importances") == {
        "feature": ["age", "income", "noise"],
        "importance": found.importances_mean.tolist(),
        "std": found.importances_std.tolist(),
    }
    assert "model_run" not in run.tags  # of its training nobody knows
    for i, name in enumerate(X.columns):
        assert run.series[f"importance_repeats/{name}"] == list(enumerate(found.importances[i]))
    assert not run.models
    assert not run.notes


def test_importances_for_several_metrics(runs, frame) -> None:
    X, y = frame[0].to_numpy(), frame[1]
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    with autolog(only="sklearn"):
        found = permutation_importance(model, X, y, scoring=["accuracy", "f1"], n_repeats=2)
    (run,) = runs()
    assert set(run.tables) == {"importances/accuracy", "importances/f1"}
    for metric in ("accuracy", "f1"):
        assert run.table(f"importances/{metric}")["feature"] == ["x0", "x1", "x2"]
        assert run.table(f"importances/{metric}")["importance"] == found[metric].importances_mean.tolist()
        assert run.series[f"importance_repeats/{metric}/x1"] == list(enumerate(found[metric].importances[1]))


def test_importances_know_the_run_of_their_model(runs, frame) -> None:
    with autolog(only="sklearn"):
        model = DecisionTreeClassifier(random_state=0).fit(*frame)
        permutation_importance(model, *frame, n_repeats=2)
    trained, asked = runs()
    assert asked.tags["model_run"] == trained.id


def test_importances_of_many_features(runs) -> None:
    X = np.random.RandomState(0).rand(30, 70)
    model = Ridge().fit(X, X[:, 60])
    with autolog(only="sklearn"):
        found = permutation_importance(model, X, X[:, 60], n_repeats=2, random_state=0)
    (run,) = runs()
    largest = np.argsort(-np.abs(found.importances_mean))[:50]
    assert set(named(run, "importance_repeats/")) == {f"x{i}" for i in largest}
    assert run.table("importances")["repeat1"] == found.importances[:, 1].tolist()
    assert run.notes["info"] == ["repeats of 50 of 70 features are series; the table has all"]


def test_values_of_a_param_with_secrets_are_masked(runs) -> None:
    X, y = np.random.RandomState(0).rand(30, 2), np.arange(30) % 2
    with autolog(only="sklearn"):
        validation_curve(Keyed(), X, y, param_name="api_key", param_range=["hunter2", "hunter3"], cv=2)
    (run,) = runs()
    assert "hunter" not in str(run.params) + str(run.table("validation_curve"))


def test_predictions_of_several_targets_are_counted_by_sample(runs) -> None:
    X, y = np.random.RandomState(0).rand(30, 2), np.arange(60).reshape(30, 2) // 2 % 2
    with autolog(only="sklearn"):
        cross_val_predict(DecisionTreeClassifier(), X, y, cv=2, method="predict_proba")
    (run,) = runs()
    assert run.metrics["cv/predictions"] == 30


def test_inspection_is_observed_in_any_order_of_imports_and_not_imported_for_that(tmp_path) -> None:
    """In processes of their own: here all modules have been imported."""
    first = """
        import sys
        import autotrack
        log = autotrack.autolog(only="sklearn")
        import sklearn.model_selection
        assert "sklearn.inspection" not in sys.modules
        assert "sklearn.ensemble" not in sys.modules
        from sklearn.inspection import permutation_importance
    """
    second = """
        import sys
        from sklearn.inspection import permutation_importance
        import autotrack
        log = autotrack.autolog(only="sklearn")
    """
    stopped = """
        import sys
        import autotrack
        log = autotrack.autolog(only="sklearn")
        import sklearn
        log.stop()
        assert not [one for one in sys.meta_path if type(one).__module__.startswith("autotrack")]
        log = autotrack.autolog(only="sklearn")
        from sklearn.inspection import permutation_importance
    """
    rest = """
        from sklearn.linear_model import LinearRegression
        X = [[0.0], [1.0], [2.0]]
        with autotrack.autolog(disable="sklearn"):
            model = LinearRegression().fit(X, [0.0, 1.0, 2.0])
        from sklearn.inspection import permutation_importance
        permutation_importance(model, X, [0.0, 1.0, 2.0])
        print([run.name for run in autotrack.runs()])
        log.stop()
        import sklearn.inspection._permutation_importance as module
        assert type(module.permutation_importance) is type(lambda: 0)
    """
    for start in (first, second, stopped):
        code = textwrap.dedent(start) + textwrap.dedent(rest)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split("\n")[0] == "['permutation_importance(LinearRegression)']"
        subprocess.run(["rm", "-r", str(tmp_path / "store")], check=True)
