"""What `fit` left on an estimator: numbers, series, and a summary of classes, features and coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

SERIES = (
    "loss_curve_",
    "validation_scores_",
    "train_score_",
    "validation_score_",
    "oob_scores_",
    "oob_improvement_",
    "estimator_errors_",
    "estimator_weights_",
    "scores_",
    "errors_",
)
"""Attributes with one number per iteration (or stage); the series is named without the trailing underscore."""

_LISTED = 1_000  # names that are written out
_LARGEST = 20  # coefficients that are written out


def core(estimator: Any) -> Any:
    """The estimator that learned: the last step of a pipeline, the winner of a search."""
    seen = 0
    while seen < 16:  # nobody nests deeper than that, but a cycle would not end
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(getattr(estimator, "steps", None), list) and estimator.steps:
            if not hasattr(estimator.steps[-1][1], "fit"):  # "passthrough"
                break
            estimator = estimator.steps[-1][1]
        else:
            break
        seen += 1
    return estimator


def numbers(estimator: Any) -> dict[str, float]:
    """Public fitted attributes that are one number (or an array of one), by the framework's own name."""
    found = {}
    for name, value in _attributes(estimator):
        if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iufb":
            found[name] = value.item()
        elif isinstance(value, (int, float, np.number, np.bool_)) and not isinstance(value, complex):
            found[name] = float(value) if isinstance(value, (np.floating, float)) else int(value)
    return found


def series(estimator: Any) -> dict[str, list[float]]:
    """Series by name; `loss` is a neural network's loss curve."""
    found = {}
    for attribute in SERIES:
        values = vars(estimator).get(attribute)
        if not isinstance(values, (list, np.ndarray)):
            continue
        array = np.asarray(values)
        if array.ndim == 1 and array.size and array.dtype.kind in "iuf":
            found[attribute.rstrip("_")] = array.tolist()
    if "loss_curve" in found:
        found["loss"] = found["loss_curve"]
    return found


def summary(estimator: Any, outer: Any) -> dict[str, Any]:
    """Classes, feature names, coefficients or importances with names, and the shapes of all fitted arrays."""
    found: dict[str, Any] = {"estimator": type(estimator).__name__}
    if (classes := _names(vars(estimator).get("classes_"))) is not None:
        found["classes"] = classes
    given = _names(getattr(outer, "feature_names_in_", None))
    names = _names(getattr(estimator, "feature_names_in_", None))
    if given is not None:
        found["feature_names"] = given
    for attribute in ("coef_", "feature_importances_", "explained_variance_ratio_"):
        values = _array(estimator, attribute)
        if values is not None:
            found[attribute] = _weights(values, names if attribute != "explained_variance_ratio_" else None)
    for name, value in _attributes(estimator):
        if isinstance(value, np.ndarray) and value.size > 1 and name not in found:
            found.setdefault("arrays", {})[name] = {"shape": list(value.shape), "dtype": str(value.dtype)}
        elif isinstance(value, str):
            found[name] = value
    return found


def stopped_early_note(estimator: Any) -> str | None:
    """What to say where the iterations were used up; None where they were not, or nobody knows."""
    limit, used = getattr(estimator, "max_iter", None), vars(estimator).get("n_iter_")
    if type(limit) is not int or used is None or limit < 1 or vars(estimator).get("tol", 1) is None:
        return None
    most = np.max(used) if np.size(used) else 0
    return f"stopped at max_iter={limit}, perhaps before it converged" if most >= limit else None


def _attributes(estimator: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(estimator).items() if name[-1:] == "_" != name[:1]]


def _names(values: Any) -> list[Any] | None:
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        return None
    plain = [value if isinstance(value, (bool, int, float, str)) else str(value) for value in values[:_LISTED].tolist()]
    return plain if len(values) <= _LISTED else [*plain, f"… {_LISTED:,} of {len(values):,}"]


def _array(estimator: Any, attribute: str) -> Any:
    """A fitted array; also one that is a property (which raises where it is undefined, e.g. for a kernel SVM)."""
    try:
        values: Any = getattr(estimator, attribute, None)
    except Exception:  # noqa: BLE001 - any class may do anything in its property; nothing is lost, there are no values
        return None
    if hasattr(values, "toarray"):
        values = values.toarray() if np.prod(values.shape) <= 1_000_000 else None
    return values if isinstance(values, np.ndarray) and values.size and values.dtype.kind in "iuf" else None


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
