"""What is recorded of one `fit`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from autotrack.autolog.integration import Call, guarded, recording
from autotrack_sklearn import fitted
from autotrack_sklearn.convergence import listening
from autotrack_sklearn.params import changed, params_of
from autotrack_sklearn.quiet import asking

if TYPE_CHECKING:
    from autotrack import Run
    from autotrack_sklearn.training import Data

PREPARATION = tuple(
    f"sklearn.{name}" for name in ("preprocessing", "impute", "feature_extraction", "feature_selection", "compose")
)
"""Packages whose estimators prepare data: fitted alone they open no run (but with the option `preprocessing`)."""


def observe_fit(call: Call) -> AbstractContextManager[None] | None:
    """Observer of `fit`, `fit_transform` and `fit_predict`."""
    if not isinstance(call.instance, BaseEstimator):
        return None
    if _prepares(type(call.instance)) and not call.option("preprocessing", False):
        return _mention(call)
    return _record(call)


@contextmanager
def _mention(call: Call) -> Iterator[None]:
    """Preparation fitted alone: a remark on the active run, if there is one; what is fitted inside is no run either."""
    from autotrack import active_run

    yield
    run = active_run()
    if run is not None:
        shape = tuple(getattr(argument(call, 0, "X"), "shape", ()))
        run.note(f"{type(call.instance).__name__} fitted" + (f" to data of shape {shape}" if shape else ""))


@contextmanager
def _record(call: Call) -> Iterator[None]:
    from autotrack_sklearn.training import Data

    estimator = call.instance
    with recording(call, name=type(estimator).__name__, tags=tags_of(estimator)) as run:
        data = Data(argument(call, 0, "X"), argument(call, 1, "y"), _sample_weight(call), _is_routed(call))
        with asking():
            before(call, run, estimator, data.X, data.y)
        with listening() as warned:
            yield
        with asking():
            _after(call, run, data, warned)


def tags_of(estimator: Any) -> dict[str, str]:
    """The tags of every run of this framework."""
    cls = type(estimator)
    return {"estimator": f"{cls.__module__}.{cls.__qualname__}", "framework": "sklearn"}


def argument(call: Call, position: int, name: str) -> Any:
    """An argument of the call by position or name; the first one whatever its name is."""
    if len(call.args) > position:
        return call.args[position]
    if position == 0 and name not in call.kwargs:
        return next(iter(call.kwargs.values()), None)
    return call.kwargs.get(name)


def before(call: Call, run: Run, estimator: Any, features: Any, target: Any) -> None:
    """Record params and data, before the call can change them."""
    with guarded("reading the params", run=run):
        run.log_params(params_of(estimator))
        names = changed(estimator)
        run.set_tag("params.changed", ", ".join(names) if names else None)
    if call.option("data", True):
        for name, values in (("X", features), ("y", target)):
            if values is not None:
                with guarded(f"describing {name}", run=run):
                    run.log_data(values, name=name, role="train")


def _sample_weight(call: Call) -> Any:
    if "sample_weight" in call.kwargs or len(call.args) <= 2:
        return call.kwargs.get("sample_weight")
    import inspect

    parameters = list(inspect.signature(getattr(type(call.instance), call.name)).parameters)[1:]
    given = dict(zip(parameters, call.args, strict=False))
    return given.get("sample_weight")


def _is_routed(call: Call) -> bool:
    return bool(sklearn.get_config()["enable_metadata_routing"] and call.kwargs.keys() - {"X", "y"})


def _after(call: Call, run: Run, data: Data, warned: list[str]) -> None:
    """Record what came out of it."""
    estimator = call.instance
    with guarded("reading what was fitted", run=run):
        _outcome(call, run, data)
    for text in warned:
        run.note(text, kind="warning")
    if not warned and (remark := fitted.stopped_early_note(fitted.core(estimator))):
        run.note(remark, kind="warning")
    if call.option("models", True):
        with guarded("saving the model", run=run):
            run.log_model(estimator)


def _outcome(call: Call, run: Run, data: Data) -> None:
    from autotrack_sklearn.training import evaluate

    estimator, learner = call.instance, fitted.core(call.instance)
    values: dict[str, float] = {"fit_time": call.duration, **fitted.numbers(learner), **fitted.numbers(estimator)}
    remarks: list[str] = []
    if wanted := call.option("metrics", True):
        outcome = evaluate(estimator, data, call.duration, limited=wanted != "always")
        values |= {f"train/{name}": value for name, value in outcome.values.items()}
        remarks = outcome.remarks
    if hasattr(estimator, "cv_results_"):
        values |= _search(run, estimator)
    run.log_metrics(values)
    curves = fitted.series(learner)
    for name, points in curves.items():
        for step, value in enumerate(points):
            run.log_metrics({name: value}, step)
    if "loss" not in curves and "train/log_loss" in values and "n_iter_" in vars(learner):
        steps = vars(learner)["n_iter_"]
        run.log_metrics({"loss": values["train/log_loss"]}, float(steps.max() if hasattr(steps, "max") else steps))
    for text in remarks:
        run.note(text, kind="capture")
    summary = fitted.summary(learner, estimator)
    run.log_artifact(json.dumps(summary, ensure_ascii=False).encode(), "fitted.json", kind="json")


def _search(run: Run, search: Any) -> dict[str, float]:
    """The winner's params, and how good it was."""
    found = {"cv/candidates": float(len(search.cv_results_.get("params", ())))}
    if hasattr(search, "best_score_"):
        found["cv/best_score"] = float(search.best_score_)
    if hasattr(search, "best_params_"):
        from autotrack_sklearn.params import plain

        run.log_params({f"best/{name}": plain(value) for name, value in search.best_params_.items()})
    return found


def _prepares(cls: type) -> bool:
    if issubclass(cls, (ClassifierMixin, RegressorMixin)):  # e.g. compose.TransformedTargetRegressor
        return False
    return any(base.__module__.startswith(PREPARATION) for base in cls.__mro__ if issubclass(base, BaseEstimator))
