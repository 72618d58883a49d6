"""Metrics and plots of out-of-fold predictions, all taken together: not the means of what each fold has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

from autotrack_sklearn import plots, scores

Array = Any


class Verdict(NamedTuple):
    """What can be said of predictions; nothing where no metric is defined."""

    values: dict[str, float]
    tables: Iterable[plots.Table] = ()
    """Made as they are gone through."""


def judge(estimator: Any, method: str, true: Any, predicted: Array) -> Verdict:
    """What `estimator` is worth by what its `method` has predicted in `cross_val_predict`."""
    true, predicted = _column(np.asarray(true)), _column(predicted)
    kind = _kind(estimator)
    if kind == "regressor" and method == "predict":
        return _of_numbers(true, predicted)
    if kind != "classifier" or true.ndim != 1:
        return Verdict({})
    try:
        classes = np.unique(true)
    except TypeError:  # labels that cannot be compared
        return Verdict({})
    index = scores.codes(true, classes)
    if index is None:  # NaN is among them
        return Verdict({})
    if method == "predict":
        return _of_labels(index, predicted, classes)
    return _of_chances(index, predicted, classes, method)


def _column(values: Array) -> Array:
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _kind(estimator: Any) -> Any:
    try:
        return "classifier" if is_classifier(estimator) else "regressor" if is_regressor(estimator) else None
    except AttributeError:  # an estimator without tags
        return getattr(estimator, "_estimator_type", None)


def _of_numbers(true: Array, predicted: Array) -> Verdict:
    if true.shape != predicted.shape or not (_are_finite(true) and _are_finite(predicted)):
        return Verdict({})
    names = ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2_score")
    values = {name: float(getattr(metrics, name)(true, predicted)) for name in names}
    return Verdict(values, [plots.residuals(true, predicted)] if true.ndim == 1 else ())


def _are_finite(values: Array) -> bool:
    return values.dtype.kind in "iuf" and bool(np.isfinite(values).all())


def _of_labels(index: Array, predicted: Array, classes: Array) -> Verdict:
    guess = scores.codes(predicted, classes)
    if guess is None:
        return Verdict({})
    values = scores.label_scores(index, guess, len(classes), None)
    return Verdict(values, [plots.confusion_matrix(index, guess, classes)])


def _of_chances(index: Array, predicted: Array, classes: Array, method: str) -> Verdict:
    """Not accuracy and the like: the likeliest class need not be what `predict` would say."""
    score = np.exp(predicted) if method == "predict_log_proba" else predicted
    if len(classes) < 2 or score.shape not in ((len(index),), (len(index), len(classes))) or not _are_finite(score):
        return Verdict({})
    found = {"roc_auc_score": scores.roc_auc(index, score[:, 1] if score.shape[1:] == (2,) else score, None)}
    if method != "decision_function":
        found["log_loss"] = scores.log_loss(index, score, None)
    values = {name: value for name, value in found.items() if value is not None}
    return Verdict(values, plots.curves(index, classes, score))
