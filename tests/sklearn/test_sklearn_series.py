"""What fitted estimators say of their iterations, stages, components and paths becomes series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from autotrack_sklearn import fitted
from sklearn.base import BaseEstimator
from sklearn.covariance import GraphicalLasso
from sklearn.decomposition import PCA, FactorAnalysis, SparsePCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNetCV,
    LarsCV,
    LassoCV,
    LassoLarsIC,
    LogisticRegressionCV,
    MultiTaskLassoCV,
)
from sklearn.mixture import GaussianMixture

CASES: list[tuple[Any, Callable[[Any], dict[str, Any]]]] = [
    (FactorAnalysis(2), lambda m: {"loglike": m.loglike_}),
    (SparsePCA(2, max_iter=5), lambda m: {"error": m.error_}),
    (PCA(3), lambda m: {"explained_variance_ratio": m.explained_variance_ratio_}),
    (LinearDiscriminantAnalysis(), lambda m: {"explained_variance_ratio": m.explained_variance_ratio_}),
    (
        AdaBoostClassifier(n_estimators=3, random_state=0),
        lambda m: {"estimator_errors": m.estimator_errors_, "estimator_weights": m.estimator_weights_},
    ),
    (
        HistGradientBoostingClassifier(max_iter=3, early_stopping=True, random_state=0),
        lambda m: {"train_score": m.train_score_, "validation_score": m.validation_score_},
    ),
    (BayesianRidge(compute_score=True), lambda m: {"scores": m.scores_}),
    (LassoCV(cv=3), lambda m: {"mse_path": m.mse_path_.mean(axis=1)}),
    (LarsCV(cv=3), lambda m: {"mse_path": m.mse_path_.mean(axis=1)}),
    (ElasticNetCV(cv=3, l1_ratio=[0.1, 0.9]), lambda m: {}),
    (LassoLarsIC(), lambda m: {"criterion": m.criterion_}),
    (GraphicalLasso(), lambda m: {"costs": [one for one, _ in m.costs_], "dual_gap": [gap for _, gap in m.costs_]}),
    (SelectKBest(k=2), lambda m: {}),
]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # AdaBoost of scikit-learn 1.4 announces another algorithm
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("model", "want"), CASES, ids=lambda one: type(one).__name__)
def test_series(load, model: Any, want: Any) -> None:
    X, y = load("iris")
    model.fit(X, y)
    found = fitted.series(model)
    assert found == {name: np.asarray(values).tolist() for name, values in want(model).items()}


def test_best_of_a_path_is_what_was_chosen(load) -> None:
    X, y = load("diabetes")
    for model, alphas in ((LassoCV(cv=3), "alphas_"), (LarsCV(cv=3), "cv_alphas_")):
        model.fit(X, y)
        path = fitted.series(model)["mse_path"]
        assert getattr(model, alphas)[int(np.argmin(path))] == model.alpha_
    several = MultiTaskLassoCV(cv=3).fit(X, np.c_[y, y])
    assert len(fitted.series(several)["mse_path"]) == len(several.alphas_)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of defaults that will change
@pytest.mark.parametrize("data", ["breast_cancer", "iris"])
def test_scores_by_strength(load, data: str) -> None:
    X, y = load(data)
    model = LogisticRegressionCV(Cs=3, cv=3, max_iter=10_000).fit(X / X.max(axis=0), y)
    want = np.asarray(model.scores_[model.classes_[-1]]).mean(axis=0).reshape(-1).tolist()
    assert fitted.series(model)["scores"] == want


def test_scores_of_each_class() -> None:
    model = BaseEstimator()
    vars(model)["scores_"] = {"a": np.array([[0.0, 1.0], [1.0, 0.0]]), "b": np.array([[0.0, 0.5], [1.0, 0.0]])}
    assert fitted.series(model) == {"scores/a": [0.5, 0.5], "scores/b": [0.5, 0.25]}


def test_bounds_of_a_mixture(load) -> None:
    X, _ = load("iris")
    model = GaussianMixture(2, random_state=0).fit(X)
    bounds = getattr(model, "lower_bounds_", None)  # since scikit-learn 1.7
    assert fitted.series(model) == ({} if bounds is None else {"lower_bounds": bounds})


@pytest.mark.parametrize(
    "values", [{"costs_": [1.0, 2.0, 3.0]}, {"mse_path_": [1.0]}, {"scores_": {1: "a"}}, {"error_": [[1], [2, 3]]}]
)
def test_odd_series(values: dict[str, Any]) -> None:
    """Attributes of those names may hold anything in a class of the user's."""
    model = BaseEstimator()
    vars(model).update(values)
    ((name, value),) = values.items()
    assert fitted.series(model) == ({name.rstrip("_"): value} if name in ("costs_", "mse_path_") else {})
