"""Metrics on the data that an estimator was fitted to, unless they would take long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn import metrics
from sklearn.base import ClassifierMixin, ClusterMixin, RegressorMixin, is_classifier, is_regressor

from autotrack_sklearn import scores
from autotrack_sklearn.quiet import asking, twin

SHARE = 0.1
"""Training metrics may take this share of the time of `fit` ..."""
FLOOR = 0.25
"""... or this many seconds, whichever is more."""

_ALL = 1_000  # samples that are predicted without trying a part of them first
_TRIAL = (50, 400)  # sizes of the parts that are tried

_IN_PLACE = frozenset({"copy", "copy_X", "copy_x", "overwrite_x", "overwrite_X"})


class TooLong(Exception):
    """The metrics would take more time than they may."""


class Outcome(NamedTuple):
    """Metrics without the prefix ``train/``, and why some are missing."""

    values: dict[str, float]
    remarks: list[str]


class Data(NamedTuple):
    """What `fit` was given."""

    X: Any
    y: Any
    weight: Any = None
    routed: bool = False
    """Whether there was more, which scikit-learn hands on to the estimators inside (metadata routing)."""


def evaluate(estimator: Any, data: Data, fit_time: float, *, limited: bool = True) -> Outcome:
    """The metrics of `estimator` on `data`. Never raises for what the estimator's own methods raise."""
    outcome = Outcome({}, [])
    count = _length(data.X)
    if not count:
        return outcome
    if obstacle := "they need the metadata that was given to fit" if data.routed else _spoiled(estimator):
        outcome.remarks.append(f"training metrics skipped: {obstacle}")
        return outcome
    with asking():
        kind = _kind(estimator)
        if kind is None:
            return outcome
        limit = max(FLOOR, SHARE * fit_time) if limited else float("inf")
        job = _Job(twin(estimator), data._replace(X=_read_only(data.X)), count, limit, fit_time)
        try:
            for name, value in kind(job).items():
                if value is not None:
                    outcome.values[name] = value
        except TooLong as reason:
            outcome.remarks.append(f"training metrics skipped: {reason}")
        except Exception as error:  # noqa: BLE001 - the estimator's own methods may do anything
            outcome.remarks.append(" ".join(f"training metrics skipped: {type(error).__name__}: {error}".split())[:500])
    return outcome


class _Job:
    """A fitted estimator, its data and the time that is left."""

    def __init__(self, estimator: Any, data: Data, count: int, limit: float, fit_time: float) -> None:
        self.estimator = estimator
        self.data = data
        self.count = count
        self.limit = limit
        self.fit_time = fit_time

    def ask(self, *methods: str) -> list[Any]:
        """Call methods on all of X, after an estimate on parts of it; None for a method that is not there."""
        found = [getattr(self.estimator, method, None) for method in methods]
        self.check(sum(self._estimate(method) for method in found if method is not None))
        return [None if method is None else method(self.data.X) for method in found]

    def check(self, seconds: float) -> None:
        """Raise TooLong if that is more than what may be taken."""
        if seconds > self.limit:
            raise TooLong(
                f"they would take about {seconds:.2g} s after a fit of {self.fit_time:.2g} s "
                f"(limit: {self.limit:.2g} s); autotrack.autolog(metrics='always') computes them"
            )

    def _estimate(self, method: Callable[[Any], Any]) -> float:
        if self.count <= _ALL or self.limit == float("inf"):
            return 0.0
        times = []
        for size in _TRIAL:
            part = _first(self.data.X, size)
            began = time.perf_counter()
            method(part)
            times.append(time.perf_counter() - began)
        small, large = _TRIAL
        return times[1] + max(0.0, times[1] - times[0]) / (large - small) * (self.count - large)


def _kind(estimator: Any) -> Callable[[_Job], dict[str, float | None]] | None:
    if is_classifier(estimator):
        return _classifier
    if is_regressor(estimator):
        return _regressor
    if isinstance(estimator, ClusterMixin) or hasattr(estimator, "fit_predict"):
        return _clusterer if isinstance(vars(estimator).get("labels_"), np.ndarray) else None
    return _transformer if hasattr(estimator, "explained_variance_ratio_") else None


def _classifier(job: _Job) -> dict[str, float | None]:
    estimator, weight = job.estimator, _weights(job.data.weight)
    true = _column(job.data.y)
    classes = getattr(estimator, "classes_", None)
    if true is None or true.ndim != 1 or not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return _several_labels(job, weight)
    chances = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    predicted, score = job.ask("predict", chances)
    index, guess = scores.codes(true, classes), scores.codes(np.asarray(predicted), classes)
    if index is None or guess is None:
        return {"score": _own_score(job, ClassifierMixin)}
    found: dict[str, float | None] = {**scores.label_scores(index, guess, len(classes), weight)}
    if isinstance(score, np.ndarray) and len(classes) > 1 and np.isfinite(score).all():
        if chances == "predict_proba" and score.shape == (len(true), len(classes)):
            found["log_loss"] = scores.log_loss(index, score, weight)
            found["roc_auc_score"] = scores.roc_auc(index, score[:, 1] if len(classes) == 2 else score, weight)
        elif score.shape == (len(true),):
            found["roc_auc_score"] = scores.roc_auc(index, score, weight)
    found["score"] = _own_score(job, ClassifierMixin, found["accuracy_score"])
    return found


def _several_labels(job: _Job, weight: Any) -> dict[str, float | None]:
    """Multilabel targets; scikit-learn has no metrics for several multi-class targets."""
    true = np.asarray(job.data.y)
    found: dict[str, float | None] = {}
    if true.ndim == 2 and np.isin(true, (0, 1)).all():
        (predicted,) = job.ask("predict")
        average: dict[str, Any] = {"average": "weighted", "zero_division": 0, "sample_weight": weight}
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(true, predicted, **average)
        accuracy = metrics.accuracy_score(true, predicted, sample_weight=weight)
        found |= {"accuracy_score": float(accuracy), "precision_score": float(precision)}
        found |= {"recall_score": float(recall), "f1_score": float(f1)}
    return found | {"score": _own_score(job, ClassifierMixin)}


def _regressor(job: _Job) -> dict[str, float | None]:
    (predicted,) = job.ask("predict")
    true, weight = np.asarray(job.data.y), _weights(job.data.weight)
    if true.ndim == 2 and true.shape[1] == 1:
        true = true[:, 0]
    keep: dict[str, Any] = {"sample_weight": weight}
    r2 = float(metrics.r2_score(true, predicted, **keep))
    return {
        "mean_squared_error": float(metrics.mean_squared_error(true, predicted, **keep)),
        "root_mean_squared_error": float(metrics.root_mean_squared_error(true, predicted, **keep)),
        "mean_absolute_error": float(metrics.mean_absolute_error(true, predicted, **keep)),
        "r2_score": r2,
        "score": _own_score(job, RegressorMixin, r2),
    }


def _clusterer(job: _Job) -> dict[str, float | None]:
    data, labels = job.data.X, job.estimator.labels_
    if not 2 <= len(np.unique(labels)) < job.count == len(labels) or not hasattr(data, "shape") or len(data.shape) != 2:
        return {}
    found: dict[str, float | None] = {}
    if not hasattr(data, "tocsr"):
        found["calinski_harabasz_score"] = float(metrics.calinski_harabasz_score(data, labels))
        found["davies_bouldin_score"] = float(metrics.davies_bouldin_score(data, labels))
    if getattr(job.estimator, "metric", None) != "precomputed":
        began = time.perf_counter()
        size = min(job.count, 500)
        metrics.pairwise_distances(_first(data, size))
        # Distances of all pairs, and about as long again to sum them up.
        pairs = (job.count / size) ** 2
        job.check(2 * (time.perf_counter() - began) * pairs if job.count > _ALL else 0.0)
        found["silhouette_score"] = float(metrics.silhouette_score(data, labels))
    return found


def _transformer(job: _Job) -> dict[str, float | None]:
    return {"explained_variance_ratio": float(np.sum(job.estimator.explained_variance_ratio_))}


def _own_score(job: _Job, mixin: type, known: float | None = None) -> float | None:
    """`estimator.score`; `known` where that is the metric that has been computed already."""
    estimator = job.estimator
    if known is not None and getattr(type(estimator), "score", None) is mixin.score:  # type: ignore[attr-defined]
        return known
    if not hasattr(estimator, "score"):
        return None
    if job.data.weight is not None and _takes_weight(estimator):
        return _number(estimator.score(job.data.X, job.data.y, sample_weight=job.data.weight))
    return _number(estimator.score(job.data.X, job.data.y))


def _takes_weight(estimator: Any) -> bool:
    import inspect

    return "sample_weight" in inspect.signature(estimator.score).parameters


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float, np.number)) else None


def _spoiled(estimator: Any) -> str | None:
    """Why the data may not be what was fitted: some step was told to work in place."""
    for name, value in estimator.get_params(deep=True).items():
        if (value is False and name.rpartition("__")[2] in _IN_PLACE) or (
            value is True and name.rpartition("__")[2].startswith("overwrite")
        ):
            return f"{name}={value} lets fit overwrite the data"
    return None


def _length(data: Any) -> int:
    shape = getattr(data, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 0
    return len(data) if isinstance(data, (list, tuple)) else 0  # no iterators: they have been used up


def _read_only(data: Any) -> Any:
    """The same array, but protected: a step that works in place fails instead of changing the user's data."""
    if type(data) is np.ndarray:
        data = data.view()
        data.flags.writeable = False
    return data


def _first(data: Any, size: int) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[:size]
    return data.tocsr()[:size] if hasattr(data, "tocsr") else data[:size]


def _column(y: Any) -> Any:
    if y is None:
        return None
    array = np.asarray(y)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _weights(weight: Any) -> Any:
    return None if weight is None else np.asarray(weight, dtype=np.float64)
