"""What is recorded of one `fit`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from autotrack.autolog.integration import Call, guarded, recording
from autotrack_sklearn import (
    budget,
    curves,
    fitted,
    heldout,
    importances,
    inputs,
    iterations,
    pictures,
    searches,
)
from autotrack_sklearn.convergence import listening
from autotrack_sklearn.params import changed, params_of, read
from autotrack_sklearn.quiet import asking, generators_in, unmoved
from autotrack_sklearn.tracked import Track, continued, follow, track_of

if TYPE_CHECKING:
    from autotrack import Run
    from autotrack_sklearn.training import Data

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


@contextmanager
def record(call: Call, read_data: Callable[[Call], Data] | None = None) -> Iterator[None]:
    """Record a call that fits an estimator, with its data as `read_data` (by default `given`) finds them."""
    estimator = call.instance
    from autotrack import active_run

    goes_on = call.name == "partial_fit" or fitted.attribute(estimator, "warm_start") is True
    track = track_of(estimator) if goes_on else None
    if track is not None and not track.own and active_run() is not track.run:
        track = None
    tags = None if track is not None else tags_of(estimator)
    earlier = None if track is None else track.run
    with recording(call, name=type(estimator).__name__, tags=tags, former=earlier, resting=goes_on) as run:
        held: list[Any] = []
        with guarded("looking for random generators", run=run):
            held = generators_in(estimator)
        with asking(), unmoved(held):
            track = continued(estimator, run, own=call.opened, former=track)
            track.step = track.calls if goes_on else None
            data = _data(call, run, read_data or given)
            data = data._replace(params=before(call, run, estimator, data.X, data.y, track=track))
            former = _evaluation(call, run, data)
        with listening() as warned, iterations.watching(estimator) as steps:
            yield
        with asking(), unmoved(held):
            _after(call, run, data, warned, track, steps)
            with guarded("reading evaluation curves", run=run):
                curves.log_curves(run, fitted.core(estimator), former)


def _data(call: Call, run: Run, read_data: Callable[[Call], Data]) -> Data:
    from autotrack_sklearn.training import Data, sums_of

    data = Data()
    with guarded("reading the arguments", run=run):
        data = read_data(call)
        if call.option("metrics", True):
            data = data._replace(sums=sums_of(call.instance, data))
    return data


def given(call: Call) -> Data:
    """What `fit` was given to train with."""
    from autotrack_sklearn.training import Data

    return Data(argument(call, 0, "X"), argument(call, 1, "y"), _sample_weight(call), _is_routed(call))


def _evaluation(call: Call, run: Run, data: Data) -> Any:
    """Record what other libraries' estimators are evaluated with in `fit`, and say what they know before it."""
    former = None
    with guarded("describing evaluation sets", run=run):
        former = curves.begun(fitted.core(call.instance))
        if call.kwargs and call.option("data", True):
            for name, values in curves.evaluation_sets(
                call.instance, data.params, {"X": data.X, "y": data.y} | call.kwargs
            ):
                run.log_data(values, name=name, role="validation")
    return former


def tags_of(estimator: Any) -> dict[str, str]:
    """The tags of every run of this framework."""
    cls = type(estimator)
    framework = "sklearn" if isinstance(estimator, BaseEstimator) else cls.__module__.partition(".")[0]
    return {"estimator": f"{cls.__module__}.{cls.__qualname__}", "framework": framework}


def argument(call: Call, position: int, name: str) -> Any:
    """An argument of the call by position or name; the first one also by the name that it has in this class."""
    if len(call.args) > position:
        return call.args[position]
    if name not in call.kwargs and position == 0 and call.kwargs:
        name = next(iter(_names(call)), name)
    return call.kwargs.get(name)


def _names(call: Call) -> list[str]:
    """The names of the arguments, in order."""
    import inspect

    if call.instance is None:
        return list(inspect.signature(getattr(call.owner, call.name)).parameters)
    return list(inspect.signature(getattr(type(call.instance), call.name)).parameters)[1:]


def before(
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
                    inputs.log_data(run, values, name, "train", limited=call.option("data", True) != "always")
    return params


def _sample_weight(call: Call) -> Any:
    if "sample_weight" in call.kwargs or len(call.args) <= 2:
        return call.kwargs.get("sample_weight")
    return dict(zip(_names(call), call.args, strict=False)).get("sample_weight")


def _is_routed(call: Call) -> bool:
    return bool(sklearn.get_config()["enable_metadata_routing"] and call.kwargs.keys() - {"X", "y"})


def _after(call: Call, run: Run, data: Data, warned: list[str], track: Track, steps: iterations.Steps | None) -> None:
    """Record what came out of it, each part by itself: an odd one must not take the others along."""
    estimator = learner = call.instance
    numbers: dict[str, float] = {"fit_time": call.duration}
    with guarded("reading fitted numbers", run=run):
        learner = fitted.core(estimator)
        numbers |= {**fitted.numbers(learner), **fitted.numbers(estimator)}
        if call.name == "partial_fit":
            from autotrack_sklearn.training import length

            track.samples += length(data.X)
            numbers["samples"] = track.samples
    with guarded("recording the time of fit", run=run):
        run.log_metrics(numbers, track.step)
    with guarded("reading series", run=run):
        for name, points in fitted.series(learner).items():
            for step, value in track.fresh(name, points):
                run.log_metrics({name: value}, step)
    for text in warned:
        run.note(text, kind="warning")
    with guarded("looking for an early end", run=run):
        if not warned and (remark := fitted.stopped_early_note(learner)):
            run.note(remark, kind="warning")
    began = time.perf_counter()
    if track.affords() or call.option("metrics", True) == "always":
        _more(call, run, data, learner, track, steps)
    elif not track.skipped:
        track.skipped = True
        run.note(
            f"from call {track.calls + 1} on, metrics, summary and model are recorded now and then, in a tenth of the time "
            "that the calls take; autotrack.autolog(metrics='always') does it at every call",
            kind="capture",
        )
    if track.calls:  # at the first call, much of it is imports
        track.spent += time.perf_counter() - began
    track.calls += 1
    track.fit_time += call.duration
    with guarded("remembering the model", run=run):
        follow(track, learner, fitted.attribute(estimator, "best_estimator_"))
        heldout.remember_labels(track, learner, call)


def _more(call: Call, run: Run, data: Data, learner: Any, track: Track, steps: iterations.Steps | None) -> None:
    """What takes more time than reading a few numbers."""
    estimator = call.instance
    answers, weights = None, {}
    if wanted := call.option("metrics", True):
        with guarded("computing the losses of iterations", run=run):
            losses = [] if steps is None else steps.losses(call.duration)
            for number, value in losses:
                run.log_metrics({"loss": value}, number)
        with guarded("computing training metrics", run=run):
            answers = _metrics(call, run, data, learner, track, told=bool(losses), limited=wanted != "always")
    with guarded("reading the outcome of the search", run=run):
        searches.record(run, estimator, children=call.option("children", False))
    with guarded("reading coefficients and importances", run=run):
        weights = importances.weights(learner)
    with guarded("summarizing what was fitted", run=run):
        summary = fitted.summary(learner, estimator, {name: found.values for name, found in weights.items()})
        run.log_artifact(fitted.as_json(summary), "fitted.json", kind="json")
    with guarded("recording plots", run=run):
        pictures.log_plots(call, run, learner, answers, weights)
    with guarded("drawing the diagram", run=run):
        pictures.log_diagram(call, run, data.params)
    if wanted := call.option("models", True):
        with guarded("saving the model", run=run):
            with budget.saving(call.duration, limited=wanted != "always") as saved:
                run.log_model(estimator, step=track.step)
            if saved.remark is not None:
                run.note(saved.remark, kind="capture")


def _metrics(call: Call, run: Run, data: Data, learner: Any, track: Track, *, told: bool, limited: bool) -> Any:
    """Record the training metrics. Gives the answers of the model that they were computed from."""
    from autotrack_sklearn.training import evaluate

    outcome = evaluate(call.instance, data, call.duration, limited=limited)
    run.log_metrics({f"train/{name}": value for name, value in outcome.values.items()}, track.step)
    for name, points in outcome.stages.items():
        for stage, value in enumerate(points, start=1):
            run.log_metrics({f"train/{name}": value}, stage)
    for text in outcome.remarks:
        run.note(text, kind="capture")
    iterated = fitted.attribute(learner, "n_iter_")
    if told or iterated is None or "log_loss" not in outcome.values:
        return outcome.answers
    if fitted.attribute(learner, "loss_curve_") is None:
        last = float(iterated.max() if hasattr(iterated, "max") else iterated)
        run.log_metrics({"loss": outcome.values["log_loss"]}, last)
    return outcome.answers


def _prepares(cls: type) -> bool:
    # E.g. compose.TransformedTargetRegressor; RFECV, which searches for features with a model.
    if issubclass(cls, (ClassifierMixin, RegressorMixin)) or hasattr(cls, "predict"):
        return False
    return any(base.__module__.startswith(PREPARATION) for base in cls.__mro__ if issubclass(base, BaseEstimator))
