"""How much each feature counts for a fitted model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from autotrack_sklearn.fitted import attribute
from autotrack_sklearn.parts import survey
from autotrack_sklearn.plots import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

Array = Any

_ROWS = 1_000  # of the table
_NAMES = 10_000  # features up to which a pipeline is asked for their names
_DENSE = 1_000_000  # coefficients of a sparse matrix that are looked at


class Weights(NamedTuple):
    """`coef_` or `feature_importances_`."""

    values: Array
    std: Array | None = None
    """Of the importances, over the trees of a forest."""


def weights(learner: Any) -> dict[str, Weights]:
    """What the learner says, by the name of its attribute, which may be a property."""
    found = {}
    for name in ("feature_importances_", "coef_"):
        known = _of_forest(learner) if name == "feature_importances_" else None
        if known is None:
            values = attribute(learner, name)
            if hasattr(values, "toarray"):
                values = values.toarray() if np.prod(values.shape) <= _DENSE else None
            known = Weights(values)
        if isinstance(known.values, np.ndarray) and known.values.size and known.values.dtype.kind in "iuf":
            found[name] = known
    return found


def _of_forest(learner: Any) -> Weights | None:
    """The importances of a forest of scikit-learn's: as its property, which starts threads for it, and their spread."""
    owner = next((base for base in type(learner).__mro__ if "feature_importances_" in vars(base)), object)
    trees = attribute(learner, "estimators_")
    if owner.__module__ != "sklearn.ensemble._forest" or not isinstance(trees, list) or not trees:
        return None
    rows = np.array([tree.feature_importances_ for tree in trees])
    grown = rows[[tree.tree_.node_count > 1 for tree in trees]]
    if not len(grown):
        return Weights(np.zeros(rows.shape[1]), np.zeros(rows.shape[1]))
    mean = np.mean(grown, axis=0, dtype=np.float64)
    return Weights(mean / np.sum(mean), np.std(rows, axis=0))


def table(found: Mapping[str, Weights], learner: Any, estimator: Any) -> Table | None:
    """One row for each feature, in their order; of many the largest ones. None where there is nothing to say.

    Several rows of coefficients (of classes, of targets) become their mean magnitude.
    """
    for name, (values, std) in found.items():
        meta: dict[str, Any] = {"of": name}
        if values.ndim == 2 and len(values) > 1:
            meta["mean_magnitude_over"] = len(values)
            values = np.abs(values).mean(axis=0)  # noqa: PLW2901
        values = values[0] if values.ndim == 2 else values  # noqa: PLW2901
        width = attribute(learner, "n_features_in_")
        if values.ndim != 1 or (isinstance(width, int) and len(values) != width):
            continue  # not one for each feature
        count = len(values)
        names = feature_names(learner, estimator, count)
        columns = {"feature": [f"x{i}" for i in range(count)] if names is None else names, "importance": values}
        if std is not None:
            columns["std"] = std
        if count > _ROWS:
            rows = np.sort(np.argsort(-np.abs(values), kind="stable")[:_ROWS])
            columns = {key: np.asarray(column, dtype=object)[rows] for key, column in columns.items()}
            meta |= {"shown": _ROWS, "features": count}
        return Table("importances", columns, meta)
    return None


def feature_names(learner: Any, estimator: Any, count: int) -> list[str] | None:
    """The names of the learner's features: those that it has seen, or that the steps before it in a pipeline give."""
    names = attribute(learner, "feature_names_in_")
    if names is None:
        names = attribute(learner, "feature_names_")  # catboost's
    for _ in range(16):  # a cycle would not end
        if names is not None or estimator is learner or count > _NAMES:
            break
        inner = attribute(estimator, "best_estimator_")
        if inner is None and isinstance(estimator, Pipeline) and estimator.steps:
            inner = estimator.steps[-1][1]
            names = _given_on(estimator) if inner is learner else None
        if inner is None:
            break
        estimator = inner
    found = None if names is None else [str(name) for name in np.asarray(names).tolist()]
    return found if found is not None and len(found) == count else None


def _given_on(pipeline: Pipeline) -> Any:
    """The names of what the steps before the last one make; None where a step cannot say, or is not scikit-learn's."""
    if len(pipeline.steps) < 2 or survey(pipeline.steps[:-1]).stranger is not None:
        return None
    try:
        return pipeline[:-1].get_feature_names_out()
    except Exception:  # noqa: BLE001 - not every transformer has names; some need names that they were not given
        return None
