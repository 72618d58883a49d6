"""scikit-learn's own checks of estimators pass for a user's classes while autologging is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.metrics import euclidean_distances
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

if sklearn.__version__ >= "1.6":
    from sklearn.utils.validation import validate_data
else:

    def validate_data(estimator: Any, X: Any, y: Any = "no_validation", **more: Any) -> Any:
        return estimator._validate_data(X, y, **more)


class Nearest(ClassifierMixin, BaseEstimator):
    """The class of the nearest mean."""

    def __init__(self, shrink: float = 0.0) -> None:
        self.shrink = shrink

    def fit(self, X: Any, y: Any) -> Nearest:
        X, y = validate_data(self, X, y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        means = np.array([X[y == one].mean(axis=0) for one in self.classes_])
        self.means_ = means * (1 - self.shrink)
        return self

    def predict(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.classes_[euclidean_distances(X, self.means_).argmin(axis=1)]


class Line(RegressorMixin, BaseEstimator):
    """Least squares, for a start that can be repeated."""

    def __init__(self, ridge: float = 1e-3) -> None:
        self.ridge = ridge

    def fit(self, X: Any, y: Any) -> Line:
        return self._learn(X, y, anew=True)

    def partial_fit(self, X: Any, y: Any) -> Line:
        return self._learn(X, y, anew=not hasattr(self, "coef_"))

    def _learn(self, X: Any, y: Any, *, anew: bool) -> Line:
        X, y = validate_data(self, X, y, y_numeric=True, reset=anew)
        self.mean_, self.middle_ = X.mean(axis=0), y.mean()
        centered = X - self.mean_
        ridge = self.ridge * np.eye(X.shape[1])
        self.coef_ = np.linalg.solve(centered.T @ centered + ridge, centered.T @ (y - self.middle_))
        return self

    def predict(self, X: Any) -> Any:
        check_is_fitted(self)
        return (validate_data(self, X, reset=False) - self.mean_) @ self.coef_ + self.middle_


class Divider(TransformerMixin, BaseEstimator):
    """Divides by the greatest value of each column."""

    def fit(self, X: Any, y: Any = None) -> Divider:
        self.scale_ = np.maximum(np.abs(validate_data(self, X)).max(axis=0), 1e-9)
        return self

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, reset=False) / self.scale_


CHECKS = parametrize_with_checks([Nearest(), Line(), Divider()])


@pytest.mark.usefixtures("on")
@pytest.mark.filterwarnings("ignore")  # the checks provoke many
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # a generator in old versions
def test_checks_pass(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_checks_are_recorded(on, runs) -> None:
    """They were observed, and not just passed by."""
    Nearest().fit([[0.0], [1.0]], [0, 1])
    Line().fit([[0.0], [1.0]], [0, 1])
    Divider().fit([[0.0], [1.0]])
    assert [run.name for run in runs()] == ["Nearest", "Line", "Divider"]
