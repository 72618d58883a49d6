"""A search is one run, with all its trials as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import model_selection
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the two classes importable
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.autolog import autolog

pytestmark = pytest.mark.usefixtures("plenty")


@pytest.fixture
def children() -> Iterator[None]:
    """Autologging is on, and candidates become child runs."""
    with autolog(only="sklearn", sklearn={"children": True}):
        yield
    autolog().stop()


class Picky(BaseEstimator):
    """Takes any value for its param; fails in some folds, on request."""

    def __init__(self, value: Any = None, fails: int = 0) -> None:
        self.value = value
        self.fails = fails

    def fit(self, X: Any, y: Any) -> Picky:
        if X[0, 0] < self.fails:
            raise RuntimeError("this fold is not for me")
        return self

    def score(self, X: Any, y: Any) -> float:
        return float(X[0, 0])


def rows(count: int) -> tuple[Any, Any]:
    return np.arange(2.0 * count).reshape(count, 2), np.arange(count) % 2


def trials(run: Any) -> list[str]:
    """The names of the tables of trials."""
    return sorted(name for name, table in run.tables.items() if table.kind == "trials")


def assert_same(table: dict[str, list[Any]], results: dict[str, Any]) -> None:
    """A table has what `cv_results_` has, bit by bit and in its order."""
    expected = ["candidate", *(name for name in results if name != "params")]
    assert list(table) == expected
    assert table["candidate"] == list(range(len(results["params"])))
    for name in expected[1:]:
        if not name.startswith("param_"):
            np.testing.assert_array_equal(table[name], results[name], err_msg=name)
    for index, params in enumerate(results["params"]):
        found = {name.removeprefix("param_"): cells[index] for name, cells in table.items() if name[:6] == "param_"}
        assert {name: found[name] for name in params} == params
        assert all(found[name] is None for name in found.keys() - params.keys())


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_all_trials(on, runs, load, n_jobs, backend) -> None:
    X, y = load("wine")
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
    grid = [
        {"kneighborsclassifier__n_neighbors": [1, 5, 9]},
        {"kneighborsclassifier__p": [1, 1.5], "standardscaler__with_mean": [True, False]},
    ]
    search = GridSearchCV(pipeline, grid, n_jobs=n_jobs, cv=3, return_train_score=True)
    with joblib.parallel_backend(backend):
        search.fit(X, y)
    (run,) = runs()
    assert run.name == "GridSearchCV(KNeighborsClassifier)"
    assert run.status == "finished"
    assert run.tables["trials"].kind == "trials"
    assert run.tables["trials"].meta == {"search": "GridSearchCV", "best": search.best_index_}
    assert_same(run.table("trials"), search.cv_results_)
    assert run.metrics["cv/candidates"] == 7
    assert run.metrics["cv/best_score"] == run.metrics["best_score_"] == search.best_score_
    assert run.metrics["cv/best_std"] == search.cv_results_["std_test_score"][search.best_index_]
    assert {k.removeprefix("best/"): v for k, v in run.params.items() if k[:5] == "best/"} == search.best_params_
    assert run.params["estimator__kneighborsclassifier__n_neighbors"] == 5
    assert run.params["param_grid"] == grid
    assert "cv/failed" not in run.metrics
    assert "warning" not in run.notes


def test_training_metrics_of_a_search(runs, load) -> None:
    X, y = load("wine")
    with autolog(only="sklearn", metrics="always"):
        search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1]}, cv=3).fit(X, y)
    (run,) = runs()
    assert run.metrics["train/accuracy_score"] == accuracy_score(y, search.predict(X))
    assert run.models[0].type == "sklearn.model_selection._search.GridSearchCV"


def test_types_of_params_are_kept(on, runs) -> None:
    values = [1, 2.5, True, None, "a", (1, 2), (3,), [4, "b"], np.int64(7), np.float32(0.1), float("inf"), 2**70]
    GridSearchCV(Picky(), {"value": values}, cv=2).fit(*rows(8))
    GridSearchCV(Picky(), {"value": [1, 2.5]}, cv=2).fit(*rows(8))  # numpy makes floats of these
    first, second = runs()
    expected = [*values[:8], 7, float(np.float32(0.1)), float("inf"), 2**70]
    found = first.table("trials")["param_value"]
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]
    assert [type(value) for value in second.table("trials")["param_value"]] == [int, float]


def test_estimators_among_the_candidates(on, runs, load) -> None:
    X, y = load("iris")
    pipeline = Pipeline([("scale", StandardScaler()), ("model", SVC())])
    grid = [
        {"scale": [MinMaxScaler(), "passthrough"], "model": [SVC(C=10, kernel="linear"), KNeighborsClassifier()]},
        {"model": [make_pipeline(StandardScaler(with_mean=False), SVC())]},
    ]
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    (run,) = runs()
    table = run.table("trials")
    assert table["param_scale"] == ["MinMaxScaler()", "passthrough"] * 2 + [None]
    inner = "[('standardscaler', StandardScaler(with_mean=False)), ('svc', SVC())]"
    assert table["param_model"] == [
        *["SVC(C=10, kernel='linear')"] * 2,
        *["KNeighborsClassifier()"] * 2,
        f"Pipeline(steps={inner})",
    ]
    assert run.params["best/model"] == table["param_model"][search.best_index_]


def test_candidates_that_bear_no_looking_at(on, runs) -> None:
    class Closed:
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            raise OSError("closed")

    large = np.zeros((40, 40))
    GridSearchCV(Picky(), {"value": [Closed, large, np.arange(3)]}, cv=2).fit(*rows(8))
    (run,) = runs()
    first, second, third = run.table("trials")["param_value"]
    assert first.endswith("Closed")
    assert second == "float64 array of shape (40, 40)"
    assert third == [0, 1, 2]


def test_distributions_and_random_candidates(on, runs, load) -> None:
    X, y = load("iris")
    state = np.random.RandomState(3)
    space = {"C": stats.loguniform(0.1, 10), "gamma": stats.uniform(loc=0.1, scale=1), "degree": stats.randint(1, 5)}
    search = RandomizedSearchCV(SVC(), space, n_iter=5, cv=2, random_state=state).fit(X, y)
    (run,) = runs()
    assert run.params["param_distributions"] == {
        "C": "loguniform(0.1, 10)",
        "gamma": "uniform(loc=0.1, scale=1)",
        "degree": "randint(1, 5)",
    }
    assert_same(run.table("trials"), search.cv_results_)
    assert {type(value) for value in run.table("trials")["param_degree"]} == {int}
    again = RandomizedSearchCV(SVC(), space, n_iter=5, cv=2, random_state=np.random.RandomState(3))
    with autolog(disable="sklearn"):
        again.fit(X, y)
    assert again.cv_results_["params"] == search.cv_results_["params"]
    np.testing.assert_array_equal(again.cv_results_["split0_test_score"], search.cv_results_["split0_test_score"])


def chosen_last(results: dict[str, Any]) -> int:
    return len(results["params"]) - 1


def both(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    predicted = estimator.predict(X)
    return {"accuracy": accuracy_score(y, predicted), "f1": f1_score(y, predicted, average="macro")}


@pytest.mark.parametrize(
    "scoring", [["accuracy", "f1_macro"], {"accuracy": "accuracy", "f1_macro": "f1_macro"}, both], ids=str
)
@pytest.mark.parametrize("refit", [False, "accuracy", chosen_last], ids=str)
def test_several_metrics(on, runs, load, scoring, refit) -> None:
    X, y = load("iris")
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 60, 70]}, scoring=scoring, refit=refit, cv=3)
    search.fit(X, y)
    (run,) = runs()
    results = search.cv_results_
    assert_same(run.table("trials"), results)
    for name in ("accuracy", "f1" if scoring is both else "f1_macro"):
        means = results[f"mean_test_{name}"]
        assert run.metrics[f"cv/best_{name}"] == (means.max() if refit is False else means[search.best_index_])
    if refit == "accuracy":
        assert run.metrics["cv/best_score"] == search.best_score_
        assert run.metrics["cv/best_std"] == results["std_test_accuracy"][search.best_index_]
    else:
        assert not run.metrics.keys() & {"cv/best_score", "cv/best_std"}
    assert ("train/accuracy_score" in run.metrics) == (refit is not False)
    assert bool(run.models) and run.tables["trials"].meta["best"] == (None if refit is False else search.best_index_)


@pytest.mark.parametrize("refit", [False, chosen_last], ids=str)
def test_one_metric_without_a_best_estimator_or_score(on, runs, load, refit) -> None:
    X, y = load("diabetes")
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1, 100]}, refit=refit, cv=3).fit(X, y)
    (run,) = runs()
    assert run.metrics["cv/best_score"] == search.cv_results_["mean_test_score"][search.best_index_]
    assert run.params["best/alpha"] == search.best_params_["alpha"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_failed_candidates(on, runs) -> None:
    grid = {"fails": [0, 1, 100]}  # the last one fails in each fold
    GridSearchCV(Picky(), grid, cv=2, refit=False).fit(*rows(8))
    (run,) = runs()
    assert run.status == "finished"
    assert run.metrics["cv/failed"] == 2
    table = run.table("trials")
    np.testing.assert_array_equal(table["mean_test_score"][1:], [np.nan, np.nan])
    assert "2 of 3 candidates failed" in run.notes["warning"]
    assert "3 fits failed out of a total of 6: RuntimeError: this fold is not for me (3 fits)" in run.notes["warning"]


def test_failed_candidates_with_a_score_of_their_own(on, runs) -> None:
    with pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 4") as caught:
        GridSearchCV(Picky(), {"fails": [0, 1]}, cv=2, error_score=-1, refit=False).fit(*rows(8))
    (run,) = runs()
    assert run.table("trials")["split0_test_score"] == [0, 0]
    assert run.table("trials")["split1_test_score"] == [8, -1]
    assert run.notes["warning"] == ["1 fits failed out of a total of 4: RuntimeError: this fold is not for me (1 fits)"]
    assert "Traceback" in str(caught[0].message)  # what the user is shown is as it was


@pytest.mark.parametrize("error_score", [np.nan, "raise"])
def test_all_candidates_fail(on, runs, error_score) -> None:
    with pytest.raises((ValueError, RuntimeError), match="this fold is not for me"):
        GridSearchCV(Picky(), {"fails": [50, 100]}, cv=2, error_score=error_score).fit(*rows(8))
    (run,) = runs()
    assert run.status == "failed"
    assert "this fold is not for me" in run.error["message"]
    assert run.params["param_grid"] == {"fails": [50, 100]}
    assert [data.name for data in run.data] == ["X", "y"]
    assert not trials(run)


def test_a_second_search_that_fails_does_not_report_the_first(on, runs) -> None:
    search = GridSearchCV(Picky(), {"fails": [0]}, cv=2).fit(*rows(8))
    search.set_params(param_grid={"fails": [100]})
    with pytest.raises(ValueError, match="fits failed"):
        search.fit(*rows(8))
    first, second = runs()
    assert trials(first)
    assert not trials(second)
    assert "cv/best_score" not in second.metrics


@pytest.mark.parametrize(
    "make",
    [
        lambda model: HalvingGridSearchCV(model, {"max_depth": [1, 2, 3, 4, None]}, cv=2, random_state=0),
        lambda model: HalvingRandomSearchCV(model, {"max_depth": stats.randint(1, 9)}, cv=2, random_state=0),
    ],
)
def test_halving(on, runs, load, make) -> None:
    X, y = load("digits")
    search = make(DecisionTreeClassifier(random_state=0)).fit(X, y)
    (run,) = runs()
    table = run.table("trials")
    assert_same(table, search.cv_results_)
    assert len(set(table["iter"])) == search.n_iterations_ > 1
    assert len(set(table["n_resources"])) > 1
    assert run.metrics["cv/best_score"] == search.best_score_


@pytest.mark.parametrize("validate", ["cross_val_score", "cross_validate"])
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2), ("loky", None)])
def test_search_inside_a_cross_validation(on, runs, load, validate, backend, n_jobs) -> None:
    X, y = load("iris")
    with joblib.parallel_backend(backend):
        search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, cv=2)
        getattr(model_selection, validate)(search, X, y, cv=3, n_jobs=n_jobs)
    (run,) = runs()
    assert run.name == f"{validate}(GridSearchCV)"
    assert len(run.series["cv/score"]) == 3


def test_searches_inside_one_another(on, runs, load) -> None:
    X, y = load("iris")
    inner = GridSearchCV(SVC(), {"gamma": [0.1, 1, 3]}, cv=2)
    outer = GridSearchCV(Pipeline([("svm", inner)]), {"svm__estimator__C": [1, 2]}, cv=2)
    pipeline = Pipeline([("select", RFECV(LogisticRegression(max_iter=500), cv=2)), ("search", outer)]).fit(X, y)
    (run,) = runs()
    assert run.name == "Pipeline(GridSearchCV)"
    assert trials(run) == ["trials", "trials/best/svm", "trials/select"]
    winner = pipeline["search"].best_estimator_["svm"]
    assert_same(run.table("trials"), pipeline["search"].cv_results_)
    assert_same(run.table("trials/best/svm"), winner.cv_results_)
    assert run.metrics["cv/best_score"] == pipeline["search"].best_score_
    assert run.metrics["cv/best/svm/best_score"] == winner.best_score_
    assert run.params["best/svm__estimator__C"] == pipeline["search"].best_params_["svm__estimator__C"]
    assert run.params["best/best/svm/gamma"] == winner.best_params_["gamma"]


def test_searches_side_by_side(on, runs, load) -> None:
    X, y = load("iris")
    searches = [
        ("svm", GridSearchCV(SVC(), {"C": [1, 2]}, cv=2)),
        ("knn", GridSearchCV(KNeighborsClassifier(), {"p": [1, 2, 3]}, cv=2)),
    ]
    StackingClassifier(searches, LogisticRegression(max_iter=500), cv=2).fit(X, y)
    (run,) = runs()
    assert {name: len(run.table(name)["candidate"]) for name in trials(run)} == {"trials": 2, "trials/knn": 3}


def test_columns_in_a_search(on, runs) -> None:
    frame = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)[::-1], "c": 1.0})
    columns = ColumnTransformer([("scale", StandardScaler(), ["a", "b"])], remainder="passthrough")
    pipeline = Pipeline([("columns", columns), ("model", Ridge())])
    grid = {"columns__scale": [StandardScaler(), "drop"], "model__alpha": [1, 10]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(frame, frame["a"])
    (run,) = runs()
    assert run.table("trials")["param_columns__scale"] == ["StandardScaler()"] * 2 + ["drop"] * 2
    assert run.params["best/model__alpha"] == search.best_params_["model__alpha"]


def test_selection_of_features_is_a_search(on, runs, load) -> None:
    X, y = load("iris")
    selector = RFECV(LogisticRegression(max_iter=500), cv=2).fit(X, y)
    (run,) = runs()
    assert run.name == "RFECV"
    table = run.table("trials")
    assert list(table) == ["candidate", *selector.cv_results_]
    for name, values in selector.cv_results_.items():
        np.testing.assert_array_equal(table[name], values, err_msg=name)
    assert run.metrics["cv/candidates"] == 4
    best = int(np.argmax(selector.cv_results_["mean_test_score"]))
    assert run.metrics["cv/best_score"] == table["mean_test_score"][best]
    assert run.metrics["cv/best_std"] == table["std_test_score"][best]


class Foreign(BaseEstimator):
    """A search of somebody else's; what it leaves behind is up to the test."""

    def __init__(self, results: Callable[[], Any]) -> None:
        self.results = results

    def fit(self, X: Any, y: Any = None) -> Foreign:
        self.cv_results_ = self.results()
        return self


def ragged() -> dict[str, Any]:
    return {
        "params": [{"a": 1, "b": "x"}, {"a": 2.5}, {"c": None}],
        "mean_test_score": [0.1, 0.3, None],
        "std_test_score": (0.01, 0.02, 0.03),
        "split0_test_score": np.array([0.1, 0.3, np.nan]),
        "state": ["done", "done", "pruned"],
        "history": [0.1, 0.2],
        "best": 0.3,
        "curve": [[1, 2], [3], []],
        "masks": np.eye(3, dtype=bool),
    }


def test_searches_of_others(on, runs) -> None:
    Foreign(ragged).fit(*rows(4))
    (run,) = runs()
    table = run.table("trials")
    assert table["param_a"] == [1, 2.5, None]
    assert table["param_b"] == ["x", None, None]
    assert table["param_c"] == [None, None, None]
    assert table["state"] == ["done", "done", "pruned"]
    assert table["curve"] == [[1, 2], [3], []]
    assert table["masks"] == np.eye(3, dtype=bool).tolist()
    assert "params" not in table
    assert list(table)[:4] == ["candidate", "mean_test_score", "std_test_score", "split0_test_score"]
    (note,) = run.notes["capture"]
    assert note == "not in the table of trials, having no value for each candidate: history, best"
    assert run.metrics["cv/candidates"] == 3
    assert run.metrics["cv/best_score"] == 0.3
    assert run.metrics["cv/best_std"] == 0.02
    assert run.metrics["cv/failed"] == 1


@pytest.mark.parametrize(
    "results",
    [
        lambda: pd.DataFrame({"mean_test_score": [0.1, 0.2], "param_a": ["x", "y"]}),
        lambda: {"mean_test_score": np.array([0.1, 0.2]), "param_a": np.ma.array(["x", "y"], dtype=object)},
        lambda: {"mean_test_score": [0.1, 0.2], "param_a": ["x", "y"], "params": ["first", "second"]},
    ],
    ids=["frame", "arrays", "names"],
)
def test_results_in_other_forms(on, runs, results) -> None:
    Foreign(results).fit(*rows(4))
    (run,) = runs()
    assert run.table("trials")["param_a"] == ["x", "y"]
    assert run.metrics["cv/best_score"] == 0.2


@pytest.mark.parametrize("results", [dict, lambda: {"a": 1}, lambda: np.zeros((3, 3)), lambda: None])
def test_what_is_no_search(on, runs, results) -> None:
    Foreign(results).fit(*rows(4))
    (run,) = runs()
    assert run.status == "finished"
    assert not trials(run)


def test_there_is_no_cap(on, runs) -> None:
    def results() -> dict[str, Any]:
        return {
            "params": [{"a": i, "b": str(i)} for i in range(10_000)],
            "mean_test_score": np.arange(10_000.0),
            "std_test_score": np.zeros(10_000),
        }

    Foreign(results).fit(*rows(4))
    (run,) = runs()
    table = run.table("trials")
    assert table["param_a"] == list(range(10_000))
    assert table["mean_test_score"] == list(range(10_000))
    assert "capture" not in run.notes


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
def test_candidates_as_child_runs(children, runs) -> None:
    search = GridSearchCV(Picky(), {"value": [1, None], "fails": [0, 1]}, cv=2).fit(*rows(8))
    assert autotrack.active_run() is None
    run, *others = runs()
    assert run.parent is None
    assert run.status == "finished"
    assert [child.name for child in others] == [f"candidate {i}" for i in range(4)]
    assert {child.parent for child in others} == {run.id}
    assert [child.status for child in others] == ["finished", "finished", "failed", "failed"]
    results = search.cv_results_
    for index, child in enumerate(others):
        assert child.params == results["params"][index]
        assert child.tags["search"] == "GridSearchCV"
        for name in ("mean_test_score", "std_test_score", "rank_test_score", "mean_fit_time"):
            np.testing.assert_array_equal(child.metrics[name], results[name][index])
        folds = [results[f"split{fold}_test_score"][index] for fold in range(2)]
        np.testing.assert_array_equal(child.series["test_score"], list(enumerate(folds)))
        assert not child.models


def test_child_runs_inside_a_run_of_the_users(children, runs, load) -> None:
    X, y = load("iris")
    with autotrack.start_run("mine", experiment="trees") as mine:
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit(X, y)
        assert autotrack.active_run() is mine
        assert mine.status == "running"
        autotrack.log_metric("after", 1)
    run, *others = runs()
    assert run.name == "mine"
    assert run.metrics["after"] == 1
    assert [child.parent for child in others] == [mine.id] * 2
    assert len(run.table("trials")["candidate"]) == 2


def test_child_runs_of_others(children, runs) -> None:
    Foreign(ragged).fit(*rows(4))
    Foreign(lambda: {"mean_test_score": [0.1, 0.2], "param_a": [1, None], "param_b": ["x", "y"]}).fit(*rows(4))
    found = [run for run in runs() if run.parent is not None]
    assert [run.params for run in found[:3]] == ragged()["params"]
    assert [run.params for run in found[3:]] == [{"a": 1, "b": "x"}, {"b": "y"}]
    assert [run.status for run in found] == ["finished", "finished", "failed", "finished", "finished"]


def test_no_child_runs_unless_asked_for(on, runs, load) -> None:
    X, y = load("iris")
    GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit(X, y)
    assert len(runs()) == 1


def test_search_by_several_metrics_with_a_function_that_chooses_has_no_score(on, runs, load) -> None:
    X, y = load("iris")
    scoring = ["accuracy", "f1_macro"]
    GridSearchCV(SVC(), {"C": [1, 2]}, scoring=scoring, refit=lambda results: 1, cv=2).fit(X, y)
    (run,) = runs()
    assert "train/f1_score" in run.metrics
    assert "train/score" not in run.metrics
    assert "capture" not in run.notes


def test_splits_of_a_generator_cannot_be_kept_with_the_model(on, runs, load) -> None:
    X, y = load("iris")
    GridSearchCV(SVC(), {"C": [1, 2]}, cv=model_selection.KFold(3, shuffle=True).split(X)).fit(X, y)
    (run,) = runs()
    assert run.tables["trials"].kind == "trials"
    assert not run.models
    assert (
        run.notes["capture"][-1] == "model not kept: it cannot be pickled: TypeError: cannot pickle 'generator' object"
    )
    assert "error" not in run.notes


class Keyed(BaseEstimator):
    """Needs a key."""

    def __init__(self, api_key: Any = None) -> None:
        self.api_key = api_key

    def fit(self, X: Any, y: Any) -> Keyed:
        return self

    def score(self, X: Any, y: Any) -> float:
        return 0.5


def test_estimators_among_candidates_show_their_params_but_secrets(on, runs, load) -> None:
    X, y = load("iris")
    grid = {"svm": [SVC(C=2), SVC(C=3), Keyed("hunter2")]}
    GridSearchCV(Pipeline([("svm", SVC())]), grid, cv=2, scoring=lambda *_: 1.0).fit(X, y)
    (run,) = runs()
    shown = run.params["param_grid"]["svm"]
    assert shown[:2] == ["SVC(C=2)", "SVC(C=3)"]
    assert shown[2].startswith("Keyed(api_key='***")
    assert run.table("trials")["param_svm"] == shown
