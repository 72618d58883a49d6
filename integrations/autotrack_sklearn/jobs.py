"""A fitted model that is asked about the data that it was fitted to, as long as there is time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.pipeline import Pipeline

from autotrack_sklearn.budget import Budget, timed

if TYPE_CHECKING:
    from autotrack_sklearn.inputs import Data


class Answers(NamedTuple):
    """What a model said of the data that it was fitted to."""

    true: Any
    """Numbers, or indices of `classes`."""
    predicted: Any
    classes: Any = None
    score: Any = None
    """Probabilities or decisions, by class."""
    weight: Any = None


@dataclass
class Outcome:
    """What is known of a model's performance on the data that it was fitted to, and why something is missing."""

    values: dict[str, float] = field(default_factory=dict)
    """Metrics without the prefix ``train/``."""
    stages: dict[str, list[float]] = field(default_factory=dict)
    """Metrics after each stage of the model."""
    answers: Answers | None = None
    sought: str | None = None
    """What is being found out; None before the first metrics are there."""
    remarks: list[str] = field(default_factory=list)


class Job:
    """A fitted estimator to ask, its data, and what was found out."""

    def __init__(self, estimator: Any, data: Data, count: int, budget: Budget, outcome: Outcome) -> None:
        self.estimator = estimator
        self.data = data
        self.count = count
        self.budget = budget
        self.outcome = outcome
        self.own = False
        """Whether all code in the model is scikit-learn's."""
        self.quick = False
        """Whether to ask without trials."""
        self.asked = 0.0
        """Seconds that the last question took."""

    def ask(self, *methods: Callable[[Any], Any]) -> list[Any]:
        """Call methods with all of X, unless trials with parts of it say that this would take too long."""
        if not self.quick:
            self.budget.try_out(lambda part: [method(part) for method in methods], self.data.X, self.count)
        answers: list[Any] = []
        self.asked = timed(lambda data: answers.extend(method(data) for method in methods), self.data.X)
        return answers

    def seek(self, name: str) -> None:
        """Say which metric comes next, for the remark that it is missing."""
        self.outcome.sought = name

    def found(self, **values: float | None) -> None:
        """Keep those that are defined."""
        self.outcome.values.update({name: value for name, value in values.items() if value is not None})

    def prepared(self) -> tuple[Any, Any]:
        """X as the last step of a pipeline saw it, and that step."""
        data, estimator = self.data.X, self.estimator
        while isinstance(estimator, Pipeline):
            if len(estimator.steps) > 1:
                ask = Job(estimator, self.data._replace(X=data), self.count, self.budget, self.outcome).ask
                (data,) = ask(estimator[:-1].transform)
            estimator = estimator.steps[-1][1]
        return data, estimator


def last(estimator: Any) -> Any:
    """The last step of a pipeline; other estimators themselves."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator
