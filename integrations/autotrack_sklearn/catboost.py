"""Autologging of catboost, whose models are no `BaseEstimator`: every `fit` of a `CatBoost` is a run.

It is an integration of its own, under the name ``catboost``: `autolog(only="sklearn")` and `disable="catboost"` leave
its models alone. Fitted inside an estimator of scikit-learn's they belong to that one's run, as all others do; with
`only="catboost"`, each of them that a search fits is a run. What is recorded is the same as for scikit-learn.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autotrack.autolog.integration import guarded

if TYPE_CHECKING:
    from autotrack.autolog.integration import Call, Heard, Patches
    from autotrack_sklearn.inputs import Data


def install(patches: Patches) -> None:
    """Put the observer in place. Called when catboost has been imported, which does not import scikit-learn."""
    catboost: Any = importlib.import_module("catboost")  # not this module, which type checkers would take it for
    if importlib.util.find_spec("sklearn") is None:
        raise ImportError("trainings of catboost are recorded with scikit-learn: pip install 'autotrack-ml[catboost]'")
    patches.around_subclasses(catboost.CatBoost, "fit", observe_fit)
    for name in ("predict", "predict_proba", "predict_log_proba"):
        patches.after_subclasses(catboost.CatBoost, name, _hear_prediction)
    patches.after_subclasses(catboost.CatBoost, "score", _hear_score, within=True)


def _hear_prediction(heard: Heard) -> None:
    if "sklearn" in sys.modules:  # else no model has been recorded
        from autotrack_sklearn.heldout import on_prediction

        on_prediction(heard)


def _hear_score(heard: Heard) -> None:
    if "sklearn" in sys.modules:
        from autotrack_sklearn.heldout import on_score

        on_score(heard)


@contextmanager
def observe_fit(call: Call) -> Iterator[None]:
    """Observer of `fit`."""
    import sklearn  # noqa: F401 - before anything of ours that needs it: when it has been imported, it is patched

    from autotrack_sklearn.fits import record
    from autotrack_sklearn.params import params_of

    with record(call, given):
        yield
        run = call.run
        with guarded("reading the params that were used", run=run):
            if run is not None:
                # Under the library's own names for them; as numbers of 32 bits, so what the user gave stays.
                used = {name: value for name, value in _used(call.instance) if name not in call.instance.get_params()}
                run.log_params(params_of(used))


def given(call: Call) -> Data:
    """The arguments of `fit`. A `Pool` holds labels and weights, too."""
    from autotrack_sklearn import inputs
    from autotrack_sklearn.curves import is_pool, labels_of

    data = inputs.given(call)
    if not is_pool(data.X):
        return data
    weight = data.X.get_weight()
    return data._replace(y=labels_of(data.X), weight=weight if any(one != 1 for one in weight) else None)


def _used(model: Any) -> Iterator[tuple[str, Any]]:
    """All params as the training resolved them, defaults too."""
    yield from model.get_all_params().items()
