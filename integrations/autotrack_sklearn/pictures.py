"""What can be drawn of a fit: plots of predictions on its data, importances of features, the estimator's diagram."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from autotrack.autolog.integration import Call, holds_secrets
from autotrack_sklearn import budget, importances, plots
from autotrack_sklearn.params import params_of

if TYPE_CHECKING:
    from autotrack import Run
    from autotrack_sklearn.importances import Weights
    from autotrack_sklearn.jobs import Answers

_DIAGRAM = 0.1
"""The share of the time of `fit` that a diagram may take, but the first one of a class in this process."""
_EACH = 3e-7  # seconds for a sample and class, on a slow machine


def log_plots(call: Call, run: Run, learner: Any, answers: Answers | None, weights: Mapping[str, Weights]) -> None:
    """Record the tables of plots, but those that would take too long."""
    wanted = call.option("plots", True)
    if not wanted:
        return
    found = importances.table(weights, learner, call.instance)
    if found is not None:
        run.log_table(found.kind, found.columns, kind=found.kind, meta=found.meta)
    if answers is not None:
        count = len(answers.true) * (1 if answers.classes is None else min(len(answers.classes), plots.CLASSES))
        try:
            if wanted != "always":
                budget.check("plots", _EACH * count, call.duration)
        except budget.TooLong as reason:
            run.note(f"plots of the training data skipped: {reason}", kind="capture")
        else:
            plots.log_tables(run, "train", _tables(answers))


def _tables(answers: Answers) -> Iterable[plots.Table]:
    true, predicted, classes, score, weight = answers
    if classes is not None:
        return plots.of_classes(true, classes, predicted, score, weight)
    return [plots.residuals(true, predicted)]


def log_diagram(call: Call, run: Run, params: Mapping[Any, Any]) -> None:
    """Record the estimator's diagram: of one that holds others, unless the option `diagram` says something else."""
    from autotrack_sklearn import diagram

    wanted = call.option("diagram", None)
    if not (diagram.is_worth_it(params) if wanted is None else wanted):
        return
    if holds_secrets(params_of(params)):
        run.note("diagram skipped: it would show a param that is masked elsewhere", kind="capture")
        return
    page = diagram.known(call.instance, params)
    if page is None and wanted is None:
        expected, limit = diagram.seconds(type(call.instance)), _DIAGRAM * call.duration
        if expected > limit:
            run.note(
                f"diagram skipped: it would take about {expected:.2g} s after a fit of {call.duration:.2g} s, and that "
                "of another such estimator was drawn before; "
                "autotrack.autolog(sklearn={'diagram': True}) takes the time",
                kind="capture",
            )
            return
    run.log_artifact(page or diagram.draw(call.instance, params), "estimator.html", kind="html")
