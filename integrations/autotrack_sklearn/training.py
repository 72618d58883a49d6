"""Metrics on the data that an estimator was fitted to, unless they would take long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import ClusterMixin, is_classifier, is_regressor

from autotrack.autolog.integration import alone
from autotrack_sklearn import copies, supervised, unsupervised
from autotrack_sklearn.budget import Budget, TooLong
from autotrack_sklearn.inputs import Data
from autotrack_sklearn.jobs import Job, Outcome, last
from autotrack_sklearn.parts import survey
from autotrack_sklearn.quiet import asking, twin

_SMALL = (1_000, 100_000)
"""Samples, and numbers in them, that are asked for without a trial where the model is all scikit-learn's own code and
holds no function: its slowest estimators need a tenth of a second for them."""

_IN_PLACE = frozenset({"copy", "copy_X", "copy_x", "overwrite_x", "overwrite_X"})


class _Skipped(Exception):
    """Why the model was not asked."""


def sums_of(estimator: Any, data: Data) -> tuple[str | None, str | None] | None:
    """Checksums that tell when `fit` writes into its data; None where all is scikit-learn's, which says so."""
    return None if survey(estimator).stranger is None else (copies.checksum(data.X), copies.checksum(data.y))


def evaluate(estimator: Any, data: Data, fit_time: float, *, limited: bool = True) -> Outcome:
    """The metrics of `estimator` on `data`. Never raises for what the estimator's own methods raise."""
    outcome = Outcome()
    reason = None
    with asking():
        try:
            _evaluate(estimator, data, Budget(fit_time, limited=limited), outcome)
        except (TooLong, _Skipped, copies.CannotCopy) as obstacle:
            reason = str(obstacle)
        except Exception as error:  # noqa: BLE001 - the estimator's own methods may do anything
            reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        what = "training metrics" if outcome.sought is None else f"train/{outcome.sought}"
        outcome.remarks.append(" ".join(f"{what} skipped: {reason}".split())[:500])
    return outcome


def _evaluate(estimator: Any, data: Data, budget: Budget, outcome: Outcome) -> None:
    count = length(data.X)
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
        job = Job(twin(estimator), safe, count, budget, outcome)
        job.own = True
        job.quick = not functions and count <= _SMALL[0] and 0 < np.size(data.X) <= _SMALL[1]
    else:
        job = Job(*_stand_ins(stranger, estimator, data, budget), count, budget, outcome)
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


def _kind(estimator: Any) -> Callable[[Job], None] | None:
    """Whom to ask for what; None where there is nobody to ask, e.g. after a search with ``refit=False``."""
    if getattr(estimator, "_estimator_type", None) == "ranker":  # catboost's says that it is a regressor, too
        return None
    if is_classifier(estimator):
        return supervised.classifier if hasattr(estimator, "predict") else None
    if is_regressor(estimator):
        return supervised.regressor if hasattr(estimator, "predict") else None
    learner = last(estimator)
    if isinstance(learner, ClusterMixin) or hasattr(learner, "fit_predict"):
        return unsupervised.clusterer if isinstance(vars(learner).get("labels_"), np.ndarray) else None
    return unsupervised.transformer if hasattr(learner, "explained_variance_ratio_") else None


def _spoiled(params: Mapping[Any, Any]) -> str | None:
    """Why the data may not be what was fitted: some step was told to work in place."""
    for name, value in params.items():
        key = str(name).rpartition("__")[2]
        if (value is False and key in _IN_PLACE) or (value is True and key.startswith("overwrite")):
            return f"{name}={value} lets fit overwrite the data"
    return None


def length(data: Any) -> int:
    """How many samples there are; 0 where nobody knows."""
    shape = getattr(data, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 0
    return len(data) if isinstance(data, (list, tuple)) else 0  # no iterators: they have been used up
