"""Which calls are observed, and which of them are no trainings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from autotrack.autolog.integration import Call, guarded
from autotrack_sklearn.fits import record
from autotrack_sklearn.inputs import argument

PREPARATION = (
    "sklearn.preprocessing",
    "sklearn.impute",
    "sklearn.feature_extraction",
    "sklearn.feature_selection",
    "sklearn.compose",
    "imblearn.base",  # the samplers
)
"""Where classes come from that prepare data: fitted alone they open no run (but with the option `preprocessing`)."""


def observe_fit(call: Call) -> AbstractContextManager[None] | None:
    """Observer of `fit`, `fit_transform` and `fit_predict`."""
    if not isinstance(call.instance, BaseEstimator):
        return None
    if _prepares(type(call.instance)) and not call.option("preprocessing", False):
        return _mention(call)
    return record(call)


def observe_resample(call: Call) -> AbstractContextManager[None] | None:
    """Observer of `fit_resample` of samplers (imbalanced-learn), which prepare data."""
    return record(call) if call.option("preprocessing", False) else _mention(call)


@contextmanager
def _mention(call: Call) -> Iterator[None]:
    """Preparation fitted alone: a remark on the active run, if there is one; what is fitted inside is no run either."""
    from autotrack import active_run

    yield
    run = active_run()
    if run is not None:
        with guarded("mentioning a preparation", run=run):
            shape = tuple(getattr(argument(call, 0, "X"), "shape", ()))
            run.note(f"{type(call.instance).__name__} fitted" + (f" to data of shape {shape}" if shape else ""))


def _prepares(cls: type) -> bool:
    # E.g. compose.TransformedTargetRegressor; RFECV, which searches for features with a model.
    if issubclass(cls, (ClassifierMixin, RegressorMixin)) or hasattr(cls, "predict"):
        return False
    return any(base.__module__.startswith(PREPARATION) for base in cls.__mro__ if issubclass(base, BaseEstimator))
