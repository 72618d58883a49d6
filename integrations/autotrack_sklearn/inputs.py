"""What a call is given: its arguments, and what is recorded of them before it can change them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import sklearn
from sklearn.base import BaseEstimator

from autotrack.autolog.integration import Call, guarded
from autotrack_sklearn.budget import LIMITS
from autotrack_sklearn.params import changed, params_of, read

if TYPE_CHECKING:
    from autotrack import Run
    from autotrack_sklearn.tracked import Track


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


def given(call: Call) -> Data:
    """What `fit` was given to train with."""
    return Data(argument(call, 0, "X"), argument(call, 1, "y"), _sample_weight(call), _is_routed(call))


def argument(call: Call, position: int, name: str) -> Any:
    """An argument of the call by position or name; the first one also by the name that it has in this class."""
    if len(call.args) > position:
        return call.args[position]
    if name not in call.kwargs and position == 0 and call.kwargs:
        name = next(iter(_names(call)), name)
    return call.kwargs.get(name)


def _names(call: Call) -> list[str]:
    """The names of the arguments, in order."""
    if call.instance is None:
        return list(inspect.signature(getattr(call.owner, call.name)).parameters)
    return list(inspect.signature(getattr(type(call.instance), call.name)).parameters)[1:]


def _sample_weight(call: Call) -> Any:
    if "sample_weight" in call.kwargs or len(call.args) <= 2:
        return call.kwargs.get("sample_weight")
    return dict(zip(_names(call), call.args, strict=False)).get("sample_weight")


def _is_routed(call: Call) -> bool:
    return bool(sklearn.get_config()["enable_metadata_routing"] and call.kwargs.keys() - {"X", "y"})


def run_name(outer: str, estimator: Any) -> str:
    """``Pipeline(KMeans)``, ``GridSearchCV(SVC)``, ``cross_val_score(SVC)``: with the class of what is to learn.

    Args:
        outer: What is called: a class or a function.
        estimator: The estimator, or what it is about; pipelines are looked into, and the search that a run is about.

    """
    learner = type(estimator).__name__
    for _ in range(16):  # a cycle would not end
        own = getattr(estimator, "__dict__", {})
        steps = own.get("steps")
        if isinstance(steps, list) and steps and isinstance(steps[-1], tuple) and len(steps[-1]) == 2:
            estimator = steps[-1][1]
        elif learner == outer and "Search" in learner and "estimator" in own:
            estimator = own["estimator"]
        else:
            break
        if not hasattr(type(estimator), "fit"):  # None, "passthrough"
            break
        learner = type(estimator).__name__
    return outer if learner == outer else f"{outer}({learner})"


def tags_of(estimator: Any) -> dict[str, str]:
    """The tags of every run of this framework."""
    cls = type(estimator)
    framework = "sklearn" if isinstance(estimator, BaseEstimator) else cls.__module__.partition(".")[0]
    return {"estimator": f"{cls.__module__}.{cls.__qualname__}", "framework": framework}


def before(  # noqa: PLR0913 - a call, where it is recorded, and what it is given
    call: Call, run: Run, estimator: Any, features: Any, target: Any, *, track: Track | None = None
) -> dict[Any, Any]:
    """Record params and data, before the call can change them. Gives the params as they are.

    Of a training in several calls (`track`): params where they have changed, data of the first call.
    """
    params: dict[Any, Any] = {}
    with guarded("reading the params", run=run):
        params = read(estimator)
        told = params_of(params)
        if track is None or not track.calls or told != track.params:
            run.log_params(told)
            names = changed(estimator, params)
            run.set_tag("params.changed", ", ".join(names) if names else None)
        if track is not None:
            track.params = told
    if call.option("data", True) and (track is None or not track.calls):
        for name, values in (("X", features), ("y", target)):
            if values is not None:
                with guarded(f"describing {name}", run=run):
                    log_data(run, values, name, "train", limited=call.option("data", True) != "always")
    return params


def log_data(run: Run, values: Any, name: str, role: str, *, limited: bool = True) -> None:
    """Record a description of data; where only a sample was read for the fingerprint, that it was."""
    seconds = LIMITS["data"].floor if limited else float("inf")
    fingerprint = run.log_data(values, name=name, role=role, budget=seconds)
    if fingerprint.startswith("xxh3-sampled:"):
        run.note(
            f"the fingerprint of {name} is of a sample: to read all of it would take more than {seconds:.2g} s; "
            "autotrack.autolog(data='always') does",
            kind="capture",
        )
