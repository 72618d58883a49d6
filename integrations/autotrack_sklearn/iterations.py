"""What a fit tells while it goes on: scikit-learn's own callbacks (1.9 and later), where an estimator supports them.

One callback is put on the estimator for the time of a `fit`, behind those that the user has set, and taken away without
a trace. It keeps the coefficients of each iteration, from which the losses are computed together when the fit is over:
that costs a tenth of doing it one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from autotrack_sklearn import scores

SHARE = 0.1
"""The losses of all iterations may take this share of the time of the fit ..."""
FLOOR = 0.01
"""... or this many seconds; where they would take more, evenly spaced iterations are chosen."""

_KEPT = 32 * 1024 * 1024  # bytes of coefficients that are kept
_PRODUCT, _EXPONENTIAL = 3e-10, 1.2e-8  # seconds on a slow machine, for each sample and class

_ATTRIBUTE = "_skl_callbacks"  # where scikit-learn keeps them: `set_callbacks` checks, warns, and may be the user's


class Steps:
    """The coefficients after each iteration of a linear classifier, and what they were fitted to."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Any, Any]] = []
        """Iteration from 1, `coef_`, `intercept_`."""
        self.seen = 0
        self._every = 1
        self._data: tuple[Any, Any, Any, Any] | None = None

    def take(self, number: int, model: Any, data: Any, true: Any, weight: Any) -> None:
        """Keep an iteration. When too much is kept, every second one is dropped."""
        self.seen += 1
        self._data = self._data or (data, true, weight, model.classes_)
        if number % self._every == 0:
            self.kept.append((number, model.coef_, model.intercept_))
            if sum(coef.nbytes for _, coef, _ in self.kept[:1]) * len(self.kept) > _KEPT:
                self._every *= 2
                self.kept = [one for one in self.kept if one[0] % self._every == 0]

    def losses(self, fit_time: float) -> list[tuple[int, float]]:
        """The mean log loss on the training data after each iteration, or after some of them: step and value."""
        if not self.kept or self._data is None:
            return []
        data, true, weight, classes = self._data
        index = scores.codes(np.asarray(true), classes)
        if index is None:
            return []
        rows = self.kept[0][1].shape[0]
        each = len(index) * rows * (_PRODUCT * data.shape[1] + _EXPONENTIAL)
        affordable = max(2, int(max(FLOOR, SHARE * fit_time) / each))
        chosen = self.kept
        if affordable < len(chosen):
            chosen = [self.kept[i] for i in np.unique(np.linspace(0, len(self.kept) - 1, affordable).astype(int))]
        return [(number, _log_loss(data, index, coef, intercept, weight)) for number, coef, intercept in chosen]


def _log_loss(data: Any, index: Any, coef: Any, intercept: Any, weight: Any) -> float:
    """Mean negative log likelihood."""
    decision = data @ coef.T + intercept
    if decision.shape[1] == 1:
        losses = np.logaddexp(0.0, np.where(index == 1, -decision[:, 0], decision[:, 0]))
    else:
        decision -= decision.max(axis=1, keepdims=True)
        losses = np.log(np.exp(decision).sum(axis=1)) - decision[np.arange(len(index)), index]
    return float(np.average(losses, weights=weight))


_steps: ContextVar[Steps | None] = ContextVar("autotrack_sklearn_steps", default=None)


class _Callback:
    """Without a state of its own: scikit-learn caches the signatures of hooks, and with them what they belong to."""

    @staticmethod
    def setup(estimator: Any, context: Any) -> None:
        """Called before the first task."""

    @staticmethod
    def teardown(estimator: Any, context: Any) -> None:
        """Called after the last task."""

    @staticmethod
    def on_fit_task_begin(estimator: Any, context: Any) -> None:
        """Called before each task."""

    @staticmethod
    def on_fit_task_end(
        _: Any,
        context: Any,
        *,
        X: Any,  # noqa: N803
        y: Any,
        metadata: Any,
        fitted_estimator: Any,
    ) -> None:
        """Called after each task; those without tasks inside are the iterations."""
        steps = _steps.get()
        if steps is not None and fitted_estimator is not None and context.max_subtasks == 0 and context.parent:
            steps.take(context.task_id + 1, fitted_estimator, X, y, (metadata or {}).get("sample_weight"))


_callback = _Callback()


@contextmanager
def watching(estimator: Any) -> Iterator[Steps | None]:
    """Keep the iterations of the `fit` inside; None where the estimator does not tell of them."""
    learner = _learner(estimator)
    if learner is None:
        yield None
        return
    own = vars(learner)
    former = own.get(_ATTRIBUTE)
    own[_ATTRIBUTE] = [*(former or ()), _callback]
    steps = Steps()
    token = _steps.set(steps)
    try:
        yield steps
    finally:
        _steps.reset(token)
        if former is None:
            own.pop(_ATTRIBUTE, None)
        else:
            own[_ATTRIBUTE] = former


def _learner(estimator: Any) -> Any:
    """The last step of pipelines, where it is one that tells of its iterations."""
    while type(estimator) is Pipeline and estimator.steps:
        if estimator.memory is not None:  # which knows a step by a hash of all its attributes
            return None
        estimator = estimator.steps[-1][1]
    # Up to now these are the only iterations that scikit-learn tells of.
    tells = type(estimator) is LogisticRegression and hasattr(LogisticRegression, "set_callbacks")
    return estimator if tells and getattr(estimator, "solver", None) == "lbfgs" else None
