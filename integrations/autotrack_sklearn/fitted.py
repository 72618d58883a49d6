"""What `fit` left on an estimator: numbers, series, and a summary of classes, features and coefficients."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

SERIES = (
    "loss_curve_",  # neural networks
    "validation_scores_",
    "train_score_",  # gradient boosting
    "validation_score_",
    "oob_scores_",
    "oob_improvement_",
    "estimator_errors_",  # AdaBoost
    "estimator_weights_",
    "lower_bounds_",  # mixtures
    "loglike_",  # FactorAnalysis
    "error_",  # DictionaryLearning, SparsePCA
    "costs_",  # GraphicalLasso: pairs of objective and dual gap
    "scores_",  # BayesianRidge, ARDRegression: log marginal likelihood; LogisticRegressionCV: by C
    "mse_path_",  # LassoCV and its like: by alpha
    "criterion_",  # LassoLarsIC: by alpha
    "explained_variance_ratio_",  # by component
)
"""Attributes with one number per iteration (stage, component, candidate of a path); the series is named without the
trailing underscore. Where there is one for each fold, the series is their mean."""

_FLAGS = frozenset({"fitted_", "initialized_"})  # lightgbm's and skorch's words for: it was fitted
_LISTED = 1_000  # names that are written out
_LARGEST = 20  # coefficients that are written out


def attribute(estimator: Any, name: str) -> Any:
    """An attribute that is set, or a property of the class; None where it is missing, made up, or raises."""
    if name in _own(estimator):
        return _own(estimator)[name]
    if not any(name in vars(base) for base in type(estimator).__mro__):  # a `__getattr__` may answer to any name
        return None
    try:
        return getattr(estimator, name)
    except Exception:  # noqa: BLE001 - any class may do anything in its property; nothing is lost, there is no value
        return None


def _own(estimator: Any) -> dict[str, Any]:
    own: dict[str, Any] = getattr(estimator, "__dict__", {})
    return own


def core(estimator: Any) -> Any:
    """The estimator that learned: the last step of a pipeline, the winner of a search."""
    for _ in range(16):  # nobody nests deeper than that, but a cycle would not end
        inner = attribute(estimator, "best_estimator_")
        if inner is None:
            steps = attribute(estimator, "steps")
            inner = steps[-1][1] if isinstance(steps, list) and steps else None
        if not hasattr(type(inner), "fit"):  # None, "passthrough"
            break
        estimator = inner
    return estimator


def numbers(estimator: Any) -> dict[str, float]:
    """Public fitted attributes that are one number (or an array of one), by the framework's own name.

    Whole numbers that a metric cannot hold exactly are not among them but in the summary.
    """
    found = {}
    for name, item in _attributes(estimator):
        if name == "classes_":  # the only one is a label, not a number
            continue
        value = item.reshape(-1)[0] if isinstance(item, np.ndarray) and item.size == 1 else item
        if isinstance(value, (float, np.floating)):
            found[name] = float(value)
        elif isinstance(value, (int, np.integer, np.bool_)) and _is_exact(int(value)):
            found[name] = int(value)
    return found


def _is_exact(value: int) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def series(estimator: Any) -> dict[str, list[float]]:
    """Series by name; `loss` is a neural network's loss curve."""
    found: dict[str, list[float]] = {}
    if hasattr(type(estimator), "get_support"):  # the scores of a selector are those of features
        return found
    for key in SERIES:
        values = _own(estimator).get(key)
        name = key.rstrip("_")
        lines = _by_label(name, values) if isinstance(values, dict) else _lines(name, _numbers(values))
        found.update({name: line.tolist() for name, line in lines.items() if line.ndim == 1 and line.size})
    if "loss_curve" in found:
        found["loss"] = found["loss_curve"]
    return found


def _lines(name: str, values: Any) -> dict[str, Any]:
    """Series as arrays: of pairs two, of several folds their mean."""
    if values is None:
        return {}
    if name == "costs" and values.ndim == 2 and values.shape[1] == 2:
        return {name: values[:, 0], "dual_gap": values[:, 1]}
    if name == "mse_path" and values.ndim > 1:  # the folds are the last axis, whatever the documentation says
        values = values.mean(axis=-1)
    elif name == "scores" and values.ndim == 3:  # LogisticRegressionCV: folds, l1_ratios, Cs
        values = values.mean(axis=0)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    return {name: values}


def _by_label(name: str, values: dict[Any, Any]) -> dict[str, Any]:
    """LogisticRegressionCV: folds x Cs for each class, or the same for all classes."""
    known = {label: array for label, array in ((k, _numbers(v)) for k, v in values.items()) if array is not None}
    means = {label: array.mean(axis=0) for label, array in known.items() if array.ndim > 1}
    first: Any = next(iter(means.values()), None)
    if all(np.array_equal(first, mean) for mean in means.values()):
        return _lines(name, first)
    found: dict[str, Any] = {}
    for label, mean in means.items():
        found |= _lines(f"{name}/{label}", mean)
    return found


def _numbers(values: Any) -> Any:
    """An array of numbers; None for anything else."""
    if not isinstance(values, (list, np.ndarray)):
        return None
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        return None
    return array if array.dtype.kind in "iuf" else None


def summary(estimator: Any, outer: Any, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Classes, feature names, coefficients or importances with names, and the shapes of all fitted arrays."""
    found: dict[str, Any] = {"estimator": type(estimator).__name__}
    if (classes := _names(attribute(estimator, "classes_"))) is not None:
        found["classes"] = classes
    given = _names(attribute(outer, "feature_names_in_"))
    names = _names(attribute(estimator, "feature_names_in_"))
    if names is None:
        names = attribute(estimator, "feature_names_")  # catboost's
    if given is not None:
        found["feature_names"] = given
    for key, values in weights.items():
        found[key] = _weights(values, names)
    for name, value in _attributes(estimator):
        if isinstance(value, np.ndarray) and value.size > 1 and name not in found:
            found.setdefault("arrays", {})[name] = {"shape": list(value.shape), "dtype": str(value.dtype)}
        elif isinstance(value, str):
            found[name] = value
        elif isinstance(value, int) and not _is_exact(value):
            found[name] = hex(value)
    return found


def as_json(summary: dict[str, Any]) -> bytes:
    """A summary as JSON; numbers that JSON has no form for are the texts ``NaN``, ``Infinity`` and ``-Infinity``."""
    # What UTF-8 cannot hold, halves of surrogate pairs, becomes the escape that JSON has for it.
    text = json.dumps(_marked(summary), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_marked(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124
    return value


def stopped_early_note(estimator: Any) -> str | None:
    """What to say where the iterations were used up; None where they were not, or nobody knows."""
    own = _own(estimator)
    limit, used = own.get("max_iter"), own.get("n_iter_")
    if type(limit) is not int or used is None or limit < 1 or own.get("tol", 1) is None:
        return None
    most = np.max(used) if np.size(used) else 0
    return f"stopped at max_iter={limit}, perhaps before it converged" if most >= limit else None


def _attributes(estimator: Any) -> list[tuple[str, Any]]:
    own = _own(estimator).items()
    return [(name, value) for name, value in own if name[-1:] == "_" != name[:1] and name not in _FLAGS]


def _names(values: Any) -> list[Any] | None:
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        return None
    plain = [value if isinstance(value, (bool, int, float, str)) else str(value) for value in values[:_LISTED].tolist()]
    return plain if len(values) <= _LISTED else [*plain, f"… {_LISTED:,} of {len(values):,}"]


def _weights(values: Any, names: list[Any] | None) -> dict[str, Any]:
    """Range of the weights and the largest of them by magnitude (over classes: the mean magnitude)."""
    rows = np.atleast_2d(np.abs(values))
    size = rows.mean(axis=tuple(range(rows.ndim - 1)))
    order = np.argsort(-size, kind="stable")[:_LARGEST]
    named = names if names is not None and len(names) == len(size) else [f"x{i}" for i in range(len(size))]
    return {
        "shape": list(values.shape),
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "zeros": int((values == 0).sum()),
        "largest": [[named[i], float(values[i] if values.ndim == 1 else size[i])] for i in order.tolist()],
        "shown": f"{len(order):,} of {len(size):,}",
    }
