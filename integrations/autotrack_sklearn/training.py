"""Metrics on the data that an estimator was fitted to, unless they would take long."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics
from sklearn.base import ClassifierMixin, ClusterMixin, RegressorMixin, is_classifier, is_regressor
from sklearn.pipeline import Pipeline

from autotrack.autolog.integration import alone
from autotrack_sklearn import copies, scores
from autotrack_sklearn.budget import Budget, TooLong, first, timed
from autotrack_sklearn.parts import survey
from autotrack_sklearn.quiet import asking, twin

_SMALL = (1_000, 100_000)
"""Samples, and numbers in them, that are asked for without a trial where the model is all scikit-learn's own code and
holds no function: its slowest estimators need a tenth of a second for them."""

_IN_PLACE = frozenset({"copy", "copy_X", "copy_x", "overwrite_x", "overwrite_X"})


class Outcome(NamedTuple):
    """Metrics without the prefix ``train/``, and why some are missing."""

    values: dict[str, float]
    remarks: list[str]


class Data(NamedTuple):
    """What `fit` was given."""

    X: Any = None
    y: Any = None
    weight: Any = None
    routed: bool = False
    """Whether there was more, which scikit-learn hands on to the estimators inside (metadata routing)."""
    sums: tuple[str | None, str | None] | None = None
    """Checksums of X and y before a `fit` of code that is not scikit-learn's."""
    params: Mapping[Any, Any] = {}
    """The estimator's, as `get_params` gave them."""


class _Skipped(Exception):
    """Why the model was not asked."""


def sums_of(estimator: Any, data: Data) -> tuple[str | None, str | None] | None:
    """Checksums that tell when `fit` writes into its data; None where all is scikit-learn's, which says so."""
    return None if survey(estimator).stranger is None else (copies.checksum(data.X), copies.checksum(data.y))


def evaluate(estimator: Any, data: Data, fit_time: float, *, limited: bool = True) -> Outcome:
    """The metrics of `estimator` on `data`. Never raises for what the estimator's own methods raise."""
    outcome = Outcome({}, [])
    reason = None
    with asking():
        try:
            _evaluate(estimator, data, Budget(fit_time, limited=limited), outcome.values)
        except (TooLong, _Skipped, copies.CannotCopy) as obstacle:
            reason = str(obstacle)
        except Exception as error:  # noqa: BLE001 - the estimator's own methods may do anything
            reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        what = "some training metrics" if outcome.values else "training metrics"
        outcome.remarks.append(" ".join(f"{what} skipped: {reason}".split())[:500])
    return outcome


def _evaluate(estimator: Any, data: Data, budget: Budget, values: dict[str, float]) -> None:
    count = _length(data.X)
    kind = _kind(estimator) if count else None
    if kind is None:
        return
    if data.routed:
        raise _Skipped("they need the metadata that was given to fit")
    if spoiled := _spoiled(data.params):
        raise _Skipped(spoiled)
    stranger, functions = survey(estimator)
    if stranger is None:
        safe = data._replace(X=copies.read_only(data.X), y=copies.read_only(data.y))
        job = _Job(twin(estimator), safe, count, budget, values)
        job.quick = not functions and count <= _SMALL[0] and 0 < np.size(data.X) <= _SMALL[1]
    else:
        job = _Job(*_stand_ins(stranger, estimator, data, budget), count, budget, values)
    kind(job)


def _stand_ins(stranger: str, estimator: Any, data: Data, budget: Budget) -> tuple[Any, Data]:
    """Copies to ask where code of other people's would run, which may write to whatever it gets hold of."""
    if not alone():
        raise _Skipped(f"{stranger} might draw random numbers, which cannot be put back while other threads are alive")
    if data.sums is not None and data.sums != (copies.checksum(data.X), copies.checksum(data.y)):
        raise _Skipped("fit changed the data that it was given")
    limit = copies.LARGE if budget.limit < float("inf") else float("inf")
    try:
        model, given = copies.separate(estimator, (data.X, data.y, data.weight), limit=limit)
    except copies.CannotCopy as reason:
        raise _Skipped(f"only a copy of a model with {stranger} could be asked without harm, but {reason}") from None
    return twin(model), Data(*given)


class _Job:
    """A fitted estimator to ask, its data, and the metrics found."""

    def __init__(self, estimator: Any, data: Data, count: int, budget: Budget, values: dict[str, float]) -> None:
        self.estimator = estimator
        self.data = data
        self.count = count
        self.budget = budget
        self.values = values
        self.quick = False
        self.asked = 0.0
        """Seconds that the last question took."""

    def ask(self, *methods: Callable[[Any], Any]) -> list[Any]:
        """Call methods with all of X, unless trials with parts of it say that this would take too long."""
        if not self.quick:
            self.budget.try_out(lambda part: [method(part) for method in methods], self.data.X, self.count)
        answers: list[Any] = []
        self.asked = timed(lambda data: answers.extend(method(data) for method in methods), self.data.X)
        return answers

    def found(self, **values: float | None) -> None:
        """Keep those that are defined."""
        self.values.update({name: value for name, value in values.items() if value is not None})


def _kind(estimator: Any) -> Callable[[_Job], None] | None:
    """Whom to ask for what; None where there is nobody to ask, e.g. after a search with ``refit=False``."""
    if is_classifier(estimator):
        return _classifier if hasattr(estimator, "predict") else None
    if is_regressor(estimator):
        return _regressor if hasattr(estimator, "predict") else None
    learner = _last(estimator)
    if isinstance(learner, ClusterMixin) or hasattr(learner, "fit_predict"):
        return _clusterer if isinstance(vars(learner).get("labels_"), np.ndarray) else None
    return _transformer if hasattr(learner, "explained_variance_ratio_") else None


def _last(estimator: Any) -> Any:
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def _classifier(job: _Job) -> None:
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
    index, guess = scores.codes(true, classes), scores.codes(np.asarray(predicted), classes)
    if index is None or guess is None:
        _own_score(job, ClassifierMixin)
        return
    job.found(**scores.label_scores(index, guess, len(classes), weight))
    if isinstance(score, np.ndarray) and len(classes) > 1 and np.isfinite(score).all():
        if chances == "predict_proba" and score.shape == (len(true), len(classes)):
            job.found(log_loss=scores.log_loss(index, score, weight))
            job.found(roc_auc_score=scores.roc_auc(index, score[:, 1] if len(classes) == 2 else score, weight))
        elif score.shape == (len(true),):
            job.found(roc_auc_score=scores.roc_auc(index, score, weight))
    _own_score(job, ClassifierMixin, job.values["accuracy_score"])


def _takes_likeliest(estimator: Any) -> bool:
    """Whether `predict` is nothing but the likeliest class of `predict_proba`, so that one call is enough."""
    ensemble = sys.modules.get("sklearn.ensemble")
    if ensemble is None:
        return False
    predict, chances = getattr(type(estimator), "predict", None), getattr(type(estimator), "predict_proba", None)
    return any(
        predict is base.predict and chances is base.predict_proba
        for base in (ensemble.RandomForestClassifier, ensemble.BaggingClassifier)
    )


def _several_labels(job: _Job, weight: Any) -> None:
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


def _regressor(job: _Job) -> None:
    (predicted,) = job.ask(job.estimator.predict)
    true, weight = np.asarray(job.data.y), _weights(job.data.weight)
    if true.ndim == 2 and true.shape[1] == 1:
        true = true[:, 0]
    keep: dict[str, Any] = {"sample_weight": weight}
    job.found(
        mean_squared_error=float(metrics.mean_squared_error(true, predicted, **keep)),
        root_mean_squared_error=float(metrics.root_mean_squared_error(true, predicted, **keep)),
        mean_absolute_error=float(metrics.mean_absolute_error(true, predicted, **keep)),
        r2_score=float(metrics.r2_score(true, predicted, **keep)),
    )
    _own_score(job, RegressorMixin, job.values["r2_score"])


def _clusterer(job: _Job) -> None:
    data, learner = _prepared(job)
    labels = learner.labels_
    if not 2 <= len(np.unique(labels)) < job.count == len(labels) or not hasattr(data, "shape") or len(data.shape) != 2:
        return
    if not hasattr(data, "tocsr"):
        job.budget.check(5e-9 * data.shape[0] * data.shape[1] * 8)  # both read all data several times: 5 ns a byte
        job.found(calinski_harabasz_score=float(metrics.calinski_harabasz_score(data, labels)))
        job.found(davies_bouldin_score=float(metrics.davies_bouldin_score(data, labels)))
    if getattr(learner, "metric", None) != "precomputed":
        size = 50
        seconds = timed(metrics.pairwise_distances, first(data, size))
        if job.count > 500:
            job.budget.check(100 * seconds)
            size = 500
            seconds = timed(metrics.pairwise_distances, first(data, size))
        if job.count > size:  # distances of all pairs, and about as long again to sum them up
            job.budget.check(2 * seconds * (job.count / size) ** 2)
        job.found(silhouette_score=float(metrics.silhouette_score(data, labels)))


def _transformer(job: _Job) -> None:
    job.found(explained_variance_ratio=float(np.sum(_last(job.estimator).explained_variance_ratio_)))


def _prepared(job: _Job) -> tuple[Any, Any]:
    """X as the last step of a pipeline saw it, and that step."""
    data, estimator = job.data.X, job.estimator
    while isinstance(estimator, Pipeline):
        if len(estimator.steps) > 1:
            ask = _Job(estimator, job.data._replace(X=data), job.count, job.budget, job.values).ask
            (data,) = ask(estimator[:-1].transform)
        estimator = estimator.steps[-1][1]
    return data, estimator


def _own_score(job: _Job, mixin: type, known: float | None = None) -> None:
    """`estimator.score`; `known` where that is the metric that has been computed already."""
    if not hasattr(job.estimator, "score"):
        return
    if known is not None and _scores_by(job.estimator, mixin):
        job.found(score=known)
        return
    job.budget.check(job.asked)
    keep = {"sample_weight": job.data.weight} if job.data.weight is not None and _takes_weight(job.estimator) else {}
    value = job.estimator.score(job.data.X, job.data.y, **keep)
    job.found(score=float(value) if isinstance(value, (int, float, np.number)) else None)


def _scores_by(estimator: Any, mixin: Any) -> bool:
    """Whether `score` is that of `mixin`, for a pipeline: that of its last step."""
    while (score := _defined(estimator, "score")) is vars(Pipeline)["score"]:
        estimator = estimator.steps[-1][1]
    return score is mixin.score


def _defined(estimator: Any, name: str) -> Any:
    """What the class says, also of methods that are there under a condition only."""
    return next((vars(base)[name] for base in type(estimator).__mro__ if name in vars(base)), None)


def _takes_weight(estimator: Any) -> bool:
    return "sample_weight" in inspect.signature(estimator.score).parameters


def _spoiled(params: Mapping[Any, Any]) -> str | None:
    """Why the data may not be what was fitted: some step was told to work in place."""
    for name, value in params.items():
        key = str(name).rpartition("__")[2]
        if (value is False and key in _IN_PLACE) or (value is True and key.startswith("overwrite")):
            return f"{name}={value} lets fit overwrite the data"
    return None


def _length(data: Any) -> int:
    shape = getattr(data, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 0
    return len(data) if isinstance(data, (list, tuple)) else 0  # no iterators: they have been used up


def _column(y: Any) -> Any:
    if y is None:
        return None
    array = np.asarray(y)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _weights(weight: Any) -> Any:
    return None if weight is None else np.asarray(weight, dtype=np.float64)
