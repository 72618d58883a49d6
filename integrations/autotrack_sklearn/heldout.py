"""Held-out metrics: what users compute of a recorded model's predictions goes to that model's run, ended or not.

`model.score(X_test, y_test)`, a scorer's call, and the functions of `sklearn.metrics` on what a model predicted, are
recorded as ``eval/<data>/<metric>``. The data is named as the variable that holds it. Keyword arguments that are not
the defaults are part of the metric's name: ``eval/X_test/f1_score(average=macro)``.
"""

from __future__ import annotations

import contextlib
import inspect
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sklearn.metrics

from autotrack.autolog.integration import adding, guarded
from autotrack_sklearn import naming, outcomes, predictions
from autotrack_sklearn.copies import checksum
from autotrack_sklearn.inputs import log_data
from autotrack_sklearn.predictions import Prediction
from autotrack_sklearn.quiet import asking
from autotrack_sklearn.tracked import Track, track_of
from autotrack_sklearn.training import length

if TYPE_CHECKING:
    from autotrack import Run
    from autotrack.autolog.integration import Call, Heard, Patches

PREDICTING = ("predict", "predict_proba", "predict_log_proba", "decision_function")

_PREDICTED = ("y_pred", "y_score", "y_proba", "y_prob", "pred_decision", "labels_pred", "y2", "b")
"""Parameters of metrics that take predictions; others are taken for the truth."""
_TRUE = ("y_true", "labels_true", "y1", "a")


def install(patches: Patches) -> None:
    """Listen to predictions, scores, scorers and metrics."""
    from sklearn.base import BaseEstimator
    from sklearn.metrics import _scorer

    for name in PREDICTING:
        patches.after_subclasses(BaseEstimator, name, on_prediction)
    patches.after_subclasses(BaseEstimator, "score", on_score, within=True)
    patches.after(_scorer._BaseScorer, "__call__", _on_scorer, within=True)  # noqa: SLF001 - the class of all scorers
    for name in METRICS:
        patches.after(sklearn.metrics, name, _on_metric)


class _Roles(NamedTuple):
    """Which parameters of a metric are the truth, the predictions, and neither."""

    names: list[str]
    defaults: dict[str, Any]
    true: str
    predicted: str


def _roles(name: str) -> _Roles | None:
    function = getattr(sklearn.metrics, name)
    if not inspect.isfunction(inspect.unwrap(function)):
        return None
    parameters = inspect.signature(function).parameters
    names = list(parameters)
    predicted = next((one for one in names if one in _PREDICTED), "labels" if names[:2] == ["X", "labels"] else None)
    if predicted is None:
        return None
    true = next((one for one in _TRUE if one in names), "")
    return _Roles(names, {one: parameter.default for one, parameter in parameters.items()}, true, predicted)


METRICS: dict[str, _Roles] = {name: roles for name in sklearn.metrics.__all__ if (roles := _roles(name)) is not None}
"""The functions of `sklearn.metrics` that are listened to, under whatever name and wherever they are held."""


_TRAIN = partial(str, "train")


def remember_labels(track: Track, model: Any, call: Call) -> None:
    """Know the labels that clustering has found for its own data."""
    found = [] if call.name != "fit_predict" else [call.result]
    for values in (*found, vars(model).get("labels_")):
        if isinstance(values, np.ndarray):
            known = Prediction(track, weakref.ref(model), _TRAIN, "labels_", len(values), None, set())
            predictions.remember(values, known)


# -- predictions ------------------------------------------------------------------------------------------------------


def on_prediction(heard: Heard) -> None:
    """Remember what a recorded model has predicted."""
    track = track_of(heard.instance)
    if track is not None and heard.option("heldout", True):
        data = heard.args[0] if heard.args else next(iter(heard.kwargs.values()), None)
        _remember(heard, track, data)


def _remember(heard: Heard, track: Track, data: Any) -> None:
    try:
        reference = weakref.ref(data)
    except TypeError:  # lists and the like
        reference = None
    count = len(heard.result) if hasattr(heard.result, "__len__") else 0
    model = weakref.ref(heard.instance)
    prediction = Prediction(track, model, _prefix(track, data), heard.name, count, reference, set())
    predictions.remember(heard.result, prediction, data)


def _prefix(track: Track, data: Any) -> Callable[[], str]:
    """The prefix of what is recorded about data; where it has no name, it gets a number when something is."""
    found = naming.name_of(data)
    if found is not None:
        return partial("eval/{}".format, found)
    return partial(_numbered, track, checksum(data) or id(data))


def _numbered(track: Track, mark: object) -> str:
    number = track.unnamed.setdefault(mark, len(track.unnamed) + 1)
    return "eval/data" if number == 1 else f"eval/data-{number}"


# -- metrics ----------------------------------------------------------------------------------------------------------


class _Asked(NamedTuple):
    """What a metric was computed from."""

    track: Track
    model: Any
    """None where it is gone."""
    prefix: str
    data: Any
    true: Any
    method: str = ""
    """Of the model, that gave `values`."""
    values: Any = None
    """None where there is nothing to draw."""


def on_score(heard: Heard) -> None:
    """Record the score of a recorded model."""
    track = track_of(heard.instance)
    if track is not None and heard.option("heldout", True):
        given = {**dict(zip(("X", "y", "sample_weight"), heard.args, strict=False)), **heard.kwargs}
        asked = _scored(heard, track, heard.instance, given.pop("X", None), given.pop("y", None))
        _record(heard, asked, outcomes.called("score", given))


def _on_scorer(heard: Heard) -> None:
    names = ("estimator", "X", "y_true", "sample_weight")
    given = {**dict(zip(names, heard.args, strict=False)), **heard.kwargs}
    model = given.pop("estimator", None)
    track = track_of(model)
    if track is not None and heard.option("heldout", True):
        asked = _scored(heard, track, model, given.pop("X", None), given.pop("y_true", None))
        _record(heard, asked, outcomes.called(outcomes.scorer_name(heard.instance), given))


def _scored(heard: Heard, track: Track, model: Any, data: Any, true: Any) -> _Asked:
    asked = _Asked(track, model, _prefix(track, data)(), data, true)
    of_model = (one for one in heard.inner if one.instance is model and one.name in PREDICTING)
    predicted = next((one for one in of_model if length(one.result) == length(data)), None)
    return asked if predicted is None else asked._replace(method=predicted.name, values=predicted.result)


def _on_metric(heard: Heard) -> None:
    roles = METRICS[heard.name]
    given = {**dict(zip(roles.names, heard.args, strict=False)), **heard.kwargs}
    values, true = given.pop(roles.predicted, None), given.pop(roles.true, None)
    found = predictions.find(values)
    other = predictions.find_array(true)
    if found is None:  # perhaps the arguments are in the wrong order
        found, values, true = other, true, values
    elif other is not None:  # how far two models agree is no quality of either
        return
    if found is None or not heard.option("heldout", True):
        return
    given.pop("X", None)
    keywords = {key: value for key, value in given.items() if not outcomes.is_default(value, roles.defaults.get(key))}
    prediction, prefix = found.prediction, f"{found.prediction.prefix()}{found.part}"
    data = prediction.data() if prediction.data is not None and not found.part else None
    asked = _Asked(prediction.track, prediction.model(), prefix, data, true)
    if prefix not in prediction.drawn:  # once for all metrics of the same predictions
        prediction.drawn.add(prefix)
        asked = asked._replace(method=prediction.method, values=values)
    _record(heard, asked, outcomes.called(heard.name, keywords))


def _record(heard: Heard, asked: _Asked, metric: str) -> None:
    with (
        adding(asked.track.run) as run,
        guarded("recording a held-out metric", run=run),
        asking(),
    ):
        outcomes.log_value(run, f"{asked.prefix}/{metric}", heard.result)
        if heard.option("data", True):
            _describe(run, asked)
        if asked.model is not None and asked.true is not None and asked.values is not None:
            outcomes.log_curves(run, asked.prefix, asked.model, asked.true, method=asked.method, values=asked.values)


def _describe(run: Run, asked: _Asked) -> None:
    """Say once which data it was."""
    described = asked.track.described
    name = asked.prefix.removeprefix("eval/")
    for what, values in ((name, asked.data), (naming.name_of(asked.true) or "y", asked.true)):
        known = described.get(what)
        if values is None or (known is not None and known() is values):
            continue
        with contextlib.suppress(TypeError):  # what cannot be referred to weakly is described each time
            described[what] = weakref.ref(values)
        log_data(run, values, what, "eval" if asked.prefix.startswith("eval/") else "train")
