"""Metrics of classifiers and regressors."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline

from autotrack_sklearn import scores
from autotrack_sklearn.budget import TooLong
from autotrack_sklearn.curves import is_pool
from autotrack_sklearn.jobs import Answers, Job, last


def classifier(job: Job) -> None:
    """Metrics from predicted labels, and from probabilities or decisions."""
    estimator, weight = job.estimator, _weights(job.data.weight)
    true = _column(job.data.y)
    classes = getattr(estimator, "classes_", None)
    if true is None or true.ndim != 1 or not isinstance(classes, np.ndarray) or classes.ndim != 1:
        _several_labels(job, weight)
        return
    chances = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    score = None
    if _takes_likeliest(estimator):
        (score,) = job.ask(estimator.predict_proba)
        predicted = classes.take(np.argmax(score, axis=1), axis=0)
    elif hasattr(estimator, chances):
        predicted, score = job.ask(estimator.predict, getattr(estimator, chances))
    else:
        (predicted,) = job.ask(estimator.predict)
    index, guess = scores.codes(true, classes), scores.codes(_column(predicted), classes)
    if index is None or guess is None:
        _own_score(job, ClassifierMixin)
        return
    job.found(**scores.label_scores(index, guess, len(classes), weight))
    job.outcome.answers = Answers(index, guess, classes, score if isinstance(score, np.ndarray) else None, weight)
    if isinstance(score, np.ndarray) and len(classes) > 1 and np.isfinite(score).all():
        if chances == "predict_proba" and score.shape == (len(true), len(classes)):
            job.found(log_loss=scores.log_loss(index, score, weight))
            job.found(roc_auc_score=scores.roc_auc(index, score[:, 1] if len(classes) == 2 else score, weight))
        elif score.shape == (len(true),):
            job.found(roc_auc_score=scores.roc_auc(index, score, weight))
    _own_score(job, ClassifierMixin, job.outcome.values["accuracy_score"])
    _score_stages(job, lambda part: float(np.average(part == true, weights=weight)))


def regressor(job: Job) -> None:
    """Metrics from predicted numbers."""
    (predicted,) = job.ask(job.estimator.predict)
    true, predicted, weight = _column(job.data.y), _column(predicted), _weights(job.data.weight)
    keep: dict[str, Any] = {"sample_weight": weight}
    job.found(
        mean_squared_error=float(metrics.mean_squared_error(true, predicted, **keep)),
        root_mean_squared_error=float(metrics.root_mean_squared_error(true, predicted, **keep)),
        mean_absolute_error=float(metrics.mean_absolute_error(true, predicted, **keep)),
        r2_score=float(metrics.r2_score(true, predicted, **keep)),
    )
    if true.ndim == 1 and np.shape(predicted) == true.shape:
        job.outcome.answers = Answers(true, predicted, weight=weight)
    _own_score(job, RegressorMixin, job.outcome.values["r2_score"])
    _score_stages(job, lambda part: float(metrics.r2_score(true, part, **keep)))


def _takes_likeliest(estimator: Any) -> bool:
    """Whether `predict` is nothing but the likeliest class of `predict_proba`, so that one call is enough."""
    ensemble = sys.modules.get("sklearn.ensemble")
    if ensemble is None:
        return False
    predict, chances = _defined(type(estimator), "predict"), _defined(type(estimator), "predict_proba")
    return any(
        predict is _defined(base, "predict") and chances is _defined(base, "predict_proba")
        for base in (ensemble.RandomForestClassifier, ensemble.BaggingClassifier)
    )


def _several_labels(job: Job, weight: Any) -> None:
    """Multilabel targets; scikit-learn has no metrics for several multi-class targets."""
    true = np.asarray(job.data.y)
    if true.ndim == 2 and np.isin(true, (0, 1)).all():
        (predicted,) = job.ask(job.estimator.predict)
        average: dict[str, Any] = {"average": "weighted", "zero_division": 0, "sample_weight": weight}
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(true, predicted, **average)
        accuracy = metrics.accuracy_score(true, predicted, sample_weight=weight)
        job.found(accuracy_score=float(accuracy), precision_score=float(precision))
        job.found(recall_score=float(recall), f1_score=float(f1))
    elif hasattr(job.estimator, "score"):
        job.ask(job.estimator.predict)  # to know how long `score` will take
    _own_score(job, ClassifierMixin)


def _own_score(job: Job, mixin: type, known: float | None = None) -> None:
    """`estimator.score`; `known` where that is the metric that has been computed already."""
    if not hasattr(job.estimator, "score") or _has_no_one_score(last(job.estimator)):
        return
    if known is not None and _scores_by(job.estimator, mixin):
        job.found(score=known)
        return
    job.seek("score")
    job.budget.check(job.asked)
    keep = {"sample_weight": job.data.weight} if job.data.weight is not None and _takes_weight(job.estimator) else {}
    true = None if is_pool(job.data.X) else job.data.y
    value = job.estimator.score(job.data.X, true, **keep)
    job.found(score=float(value) if isinstance(value, (int, float, np.number)) else None)


def _score_stages(job: Job, score: Callable[[Any], float]) -> None:
    """`score` of what a boosted ensemble predicts after each of its stages."""
    learner = last(job.estimator)
    if not job.own or not hasattr(learner, "staged_predict"):
        return
    job.seek("staged_score")
    data, learner = job.prepared()
    try:
        if _asks_again_and_again(learner):
            job.budget.check(job.asked * len(learner.estimators_) / 2)
        job.budget.try_out(lambda part: [None for _ in learner.staged_predict(part)], data, job.count)
        job.outcome.stages["staged_score"] = [score(part) for part in learner.staged_predict(data)]
    except TooLong as reason:
        job.outcome.remarks.append(f"train/staged_score skipped: {reason}")


def _asks_again_and_again(learner: Any) -> bool:
    """Whether each stage asks all those before it, so that one trial would take too long already."""
    return type(learner).__name__ == "AdaBoostRegressor"


def _has_no_one_score(estimator: Any) -> bool:
    """Whether this is a search by several metrics whose `refit` is a function: its `score` raises KeyError."""
    return callable(getattr(estimator, "refit", None)) and getattr(estimator, "multimetric_", False) is True


def _scores_by(estimator: Any, mixin: Any) -> bool:
    """Whether `score` is that of `mixin`, for a pipeline: that of its last step."""
    while (score := _defined(type(estimator), "score")) is vars(Pipeline)["score"]:
        estimator = estimator.steps[-1][1]
    return score is _defined(mixin, "score")


def _defined(kind: type, name: str) -> Any:
    """What the class says, also of methods that are there under a condition only."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def _takes_weight(estimator: Any) -> bool:
    return "sample_weight" in inspect.signature(estimator.score).parameters


def _column(y: Any) -> Any:
    if y is None:
        return None
    array = np.asarray(y)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _weights(weight: Any) -> Any:
    return None if weight is None else np.asarray(weight, dtype=np.float64)
