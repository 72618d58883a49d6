"""Held-out metrics: what users compute of a recorded model's predictions goes to that model's run, ended or not.

`model.score(X_test, y_test)`, a scorer's call, and the functions of `sklearn.metrics` on what a model predicted, are
recorded as ``eval/<data>/<metric>``. The data is named as the variable that holds it. Keyword arguments that are not
the defaults are part of the metric's name: ``eval/X_test/f1_score(average=macro)``.
"""

from __future__ import annotations

import contextlib
import inspect
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sklearn.metrics

from autotrack.autolog.integration import adding, guarded
from autotrack_sklearn import naming, outcomes, predictions
from autotrack_sklearn.copies import checksum
from autotrack_sklearn.predictions import Prediction
from autotrack_sklearn.quiet import asking
from autotrack_sklearn.tracked import Track, track_of

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
    patches.after_subclasses(BaseEstimator, "score", on_score)
    patches.after(_scorer._BaseScorer, "__call__", _on_scorer)  # noqa: SLF001 - the class of all scorers
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
"""The functions of `sklearn.metrics` that are listened to, everywhere they have been imported under their own name.

Not heard are calls through another name or a container that was made before (`from sklearn.metrics import f1_score as
f1`, a dict of functions, `functools.partial`).
"""


def remember_labels(track: Track, model: Any, call: Call) -> None:
    """Know the labels that clustering has found for its own data."""
    found = [] if call.name != "fit_predict" else [call.result]
    for values in (*found, vars(model).get("labels_")):
        if isinstance(values, np.ndarray):
            known = Prediction(track, weakref.ref(model), "train", "labels_", len(values), None, set())
            predictions.remember(values, known)


# -- predictions ------------------------------------------------------------------------------------------------------


def on_prediction(heard: Heard) -> None:
    """Remember what a recorded model has predicted."""
    track = track_of(heard.instance)
    if track is not None and heard.option("heldout", True):
        data = heard.args[0] if heard.args else next(iter(heard.kwargs.values()), None)
        _remember(heard, track, data, f"eval/{_name(track, data)}")


def _remember(heard: Heard, track: Track, data: Any, prefix: str) -> None:
    try:
        reference = weakref.ref(data)
    except TypeError:  # lists and the like
        reference = None
    count = len(heard.result) if hasattr(heard.result, "__len__") else 0
    prediction = Prediction(track, weakref.ref(heard.instance), prefix, heard.name, count, reference, set())
    predictions.remember(heard.result, prediction)


def _name(track: Track, data: Any) -> str:
    found = naming.name_of(data)
    if found is not None:
        return found
    mark = checksum(data) or id(data)
    if mark not in track.unnamed:
        track.unnamed.append(mark)
    number = track.unnamed.index(mark) + 1
    return "data" if number == 1 else f"data-{number}"


# -- metrics ----------------------------------------------------------------------------------------------------------


def on_score(heard: Heard) -> None:
    """Record the score of a recorded model."""
    track = track_of(heard.instance)
    if track is None or not heard.option("heldout", True):
        return
    names = ("X", "y", "sample_weight")
    given = {**dict(zip(names, heard.args, strict=False)), **heard.kwargs}
    data = given.pop("X", None)
    true = given.pop("y", None)
    _score(heard, track, heard.instance, outcomes.called("score", given), data, true)


def _on_scorer(heard: Heard) -> None:
    names = ("estimator", "X", "y_true", "sample_weight")
    given = {**dict(zip(names, heard.args, strict=False)), **heard.kwargs}
    model = given.pop("estimator", None)
    track = track_of(model)
    if track is None or not heard.option("heldout", True):
        return
    data, true = given.pop("X", None), given.pop("y_true", None)
    _score(heard, track, model, outcomes.called(outcomes.scorer_name(heard.instance), given), data, true)


def _score(heard: Heard, track: Track, model: Any, metric: str, data: Any, true: Any) -> None:
    name = _name(track, data)
    with _recording(track) as run:
        outcomes.log_value(run, f"eval/{name}/{metric}", heard.result)
        _describe(heard, run, track, name, data, true)
        predicted = next((one for one in heard.inner if one.instance is model and one.name in PREDICTING), None)
        if predicted is not None and true is not None:
            outcomes.log_curves(run, f"eval/{name}", model, predicted.name, true, predicted.result)


def _on_metric(heard: Heard) -> None:
    roles = METRICS[heard.name]
    given = {**dict(zip(roles.names, heard.args, strict=False)), **heard.kwargs}
    values = given.get(roles.predicted)
    found = predictions.find(values)
    if found is None and (swapped := given.get(roles.true)) is not None:
        found = predictions.find_array(swapped)  # the arguments in the wrong order
    if found is None or not heard.option("heldout", True):
        return
    track = found.prediction.track
    true = given.pop(roles.true, None)
    given.pop(roles.predicted, None)
    given.pop("X", None)
    keywords = {key: value for key, value in given.items() if not outcomes.is_default(value, roles.defaults.get(key))}
    prefix = f"{found.prediction.prefix}{found.part}"
    with _recording(track) as run:
        outcomes.log_value(run, f"{prefix}/{outcomes.called(heard.name, keywords)}", heard.result)
        data = found.prediction.data and found.prediction.data()
        _describe(heard, run, track, prefix.removeprefix("eval/"), data if not found.part else None, true)
        model = found.prediction.model()
        if true is not None and model is not None and prefix not in found.prediction.drawn:
            found.prediction.drawn.add(prefix)  # once for all metrics of the same predictions
            outcomes.log_curves(run, prefix, model, found.prediction.method, true, values)


@contextmanager
def _recording(track: Track) -> Iterator[Run]:
    with adding(track.run) as run, guarded("recording a held-out metric", run=run), asking():
        yield run


def _describe(heard: Heard, run: Run, track: Track, name: str, data: Any, true: Any) -> None:
    """Say once which data it was."""
    if not heard.option("data", True):
        return
    for what, values in ((name, data), (naming.name_of(true) or "y", true)):
        known = track.described.get(what)
        if values is None or (known is not None and known() is values):
            continue
        with contextlib.suppress(TypeError):  # what cannot be referred to weakly is described each time
            track.described[what] = weakref.ref(values)
        run.log_data(values, name=what, role="eval")
