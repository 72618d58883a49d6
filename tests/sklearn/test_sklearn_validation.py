"""Searches and cross-validation are one run each."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search(on, runs, load, n_jobs, backend) -> None:
    import joblib

    X, y = load("wine")
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
    search = GridSearchCV(pipeline, {"kneighborsclassifier__n_neighbors": [1, 5, 9]}, n_jobs=n_jobs, cv=3)
    with joblib.parallel_backend(backend):
        search.fit(X, y)
    (run,) = runs()
    assert run.name == "GridSearchCV"
    assert run.metrics["cv/candidates"] == 3
    assert run.metrics["cv/best_score"] == run.metrics["best_score_"] == search.best_score_
    assert (
        run.params["best/kneighborsclassifier__n_neighbors"] == search.best_params_["kneighborsclassifier__n_neighbors"]
    )
    assert run.params["estimator__kneighborsclassifier__n_neighbors"] == 5
    assert run.params["param_grid"] == {"kneighborsclassifier__n_neighbors": [1, 5, 9]}
    assert run.metrics["train/accuracy_score"] == search.score(X, y)
    assert "capture" not in run.notes


def test_search_without_refit_and_with_several_metrics(on, runs, load) -> None:
    X, y = load("diabetes")
    GridSearchCV(Ridge(), {"alpha": [0.1, 1]}, refit=False, cv=3).fit(X, y)
    RandomizedSearchCV(
        Ridge(),
        {"alpha": np.linspace(0.1, 1, 50)},
        n_iter=4,
        scoring=["r2", "neg_mean_absolute_error"],
        refit="r2",
        cv=3,
    ).fit(X, y)
    first, second = runs()
    assert first.metrics["cv/candidates"] == 2
    assert "train/score" not in first.metrics
    assert second.metrics["cv/candidates"] == 4
    assert 0.1 <= second.params["best/alpha"] <= 1


def test_failed_candidates(on, runs, load) -> None:
    X, y = load("diabetes")
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        GridSearchCV(Ridge(), {"alpha": [-1, 1]}, cv=3).fit(X, y)
    (run,) = runs()
    assert run.status == "finished"
    assert run.params["best/alpha"] == 1


def test_cross_val_score(on, runs, load) -> None:
    X, y = load("iris")
    scores = cross_val_score(LogisticRegression(max_iter=500), X, y, scoring="accuracy", cv=4)
    (run,) = runs()
    assert run.name == "cross_val_score(LogisticRegression)"
    assert run.series["cv/accuracy"] == list(enumerate(scores))
    assert run.metrics["cv/mean_accuracy"] == scores.mean()
    assert run.metrics["cv/std_accuracy"] == scores.std()
    assert run.params["max_iter"] == 500
    assert run.params["cv/cv"] == 4
    assert run.tags["validation"] == "cross_val_score"


def test_cross_validate(on, runs, load) -> None:
    X, y = load("iris")
    found = cross_validate(
        LogisticRegression(max_iter=500), X, y, scoring=["accuracy", "f1_macro"], return_train_score=True, n_jobs=2
    )
    (run,) = runs()
    for key, name in (
        ("test_accuracy", "accuracy"),
        ("test_f1_macro", "f1_macro"),
        ("train_accuracy", "train_accuracy"),
    ):
        assert run.series[f"cv/{name}"] == list(enumerate(found[key]))
    assert [value for _, value in run.series["cv/fit_time"]] == found["fit_time"].tolist()


def test_curves(on, runs, load) -> None:
    X, y = load("iris")
    model = KNeighborsClassifier()
    predicted = cross_val_predict(model, X, y)
    sizes, train, test = learning_curve(model, X, y, shuffle=True, random_state=0, cv=3, train_sizes=[0.5, 1.0])
    _, tested = validation_curve(model, X, y, param_name="n_neighbors", param_range=[1, 3], cv=3)
    score, permuted, pvalue = permutation_test_score(model, X, y, n_permutations=3, random_state=0)
    first, second, third, fourth = runs()
    assert first.metrics["cv/predictions"] == len(predicted)
    assert second.series["cv/test_score"] == list(zip(sizes, test.mean(axis=1), strict=True))
    assert second.series["cv/train_score"] == list(zip(sizes, train.mean(axis=1), strict=True))
    assert third.series["cv/test_score"] == list(enumerate(tested.mean(axis=1)))
    assert third.params["cv/param_name"] == "n_neighbors"
    assert (fourth.metrics["cv/score"], fourth.metrics["cv/pvalue"]) == (score, pvalue)
    assert [value for _, value in fourth.series["cv/permutation_score"]] == permuted.tolist()


def test_failing_validation(on, runs, load) -> None:
    X, y = load("iris")
    with pytest.raises(ValueError, match="n_splits"):
        cross_val_score(KNeighborsClassifier(), X, y, cv=1000)
    (run,) = runs()
    assert run.status == "failed"
