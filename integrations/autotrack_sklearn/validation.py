"""What is recorded of one cross-validation: one run, folds as series, mean and standard deviation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from autotrack.autolog.integration import Call, guarded, recording
from autotrack_sklearn.convergence import listening
from autotrack_sklearn.observers import argument, before, tags_of
from autotrack_sklearn.params import plain
from autotrack_sklearn.quiet import asking

if TYPE_CHECKING:
    from autotrack import Run

_OPTIONS = ("cv", "scoring", "method", "groups", "param_name", "param_range", "train_sizes", "n_permutations")


def observe_validation(call: Call) -> AbstractContextManager[None] | None:
    """Observer of the functions of `sklearn.model_selection` that fit an estimator several times."""
    return _record(call) if isinstance(argument(call, 0, "estimator"), BaseEstimator) else None


@contextmanager
def _record(call: Call) -> Iterator[None]:
    estimator = argument(call, 0, "estimator")
    tags = {**tags_of(estimator), "validation": call.name}
    with recording(call, name=f"{call.name}({type(estimator).__name__})", tags=tags) as run:
        with asking():
            before(call, run, estimator, argument(call, 1, "X"), argument(call, 2, "y"))
        with guarded("reading the options", run=run):
            options = {name: call.kwargs[name] for name in _OPTIONS if call.kwargs.get(name) is not None}
            run.log_params({f"cv/{name}": plain(value) for name, value in options.items()})
        with listening() as warned:
            yield
        with guarded(f"reading the outcome of {call.name}", run=run):
            run.log_metrics({"cv/time": call.duration})
            _OUTCOMES[call.name](run, call)
        for text in warned:
            run.note(text, kind="warning")


def _cross_validate(run: Run, call: Call) -> None:
    for key, values in call.result.items():
        name = key.removeprefix("test_")
        if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
            _folds(run, name, values)


def _cross_val_score(run: Run, call: Call) -> None:
    scoring = call.kwargs.get("scoring")
    _folds(run, scoring if isinstance(scoring, str) else "score", call.result)


def _folds(run: Run, name: str, values: Any) -> None:
    for fold, value in enumerate(values.tolist()):
        run.log_metrics({f"cv/{name}": value}, fold)
    run.log_metrics({f"cv/mean_{name}": float(np.mean(values)), f"cv/std_{name}": float(np.std(values))})


def _cross_val_predict(run: Run, call: Call) -> None:
    run.log_metrics({"cv/predictions": float(len(call.result))})


def _learning_curve(run: Run, call: Call) -> None:
    _curve(run, call.result[0].tolist(), call.result[1], call.result[2])


def _validation_curve(run: Run, call: Call) -> None:
    train, test = call.result
    _curve(run, list(range(len(train))), train, test)


def _curve(run: Run, steps: list[float], train: Any, test: Any) -> None:
    """Mean and standard deviation over the folds; steps are numbers of samples, or positions in `param_range`."""
    for name, scores in (("train_score", train), ("test_score", test)):
        for step, values in zip(steps, scores, strict=True):
            run.log_metrics({f"cv/{name}": float(np.mean(values)), f"cv/std_{name}": float(np.std(values))}, step)


def _permutation_test_score(run: Run, call: Call) -> None:
    score, permuted, pvalue = call.result
    run.log_metrics({"cv/score": float(score), "cv/pvalue": float(pvalue)})
    for step, value in enumerate(permuted.tolist()):
        run.log_metrics({"cv/permutation_score": value}, step)


_OUTCOMES = {
    "cross_validate": _cross_validate,
    "cross_val_score": _cross_val_score,
    "cross_val_predict": _cross_val_predict,
    "learning_curve": _learning_curve,
    "validation_curve": _validation_curve,
    "permutation_test_score": _permutation_test_score,
}
