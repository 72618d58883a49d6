"""One call that fits an estimator, on its way into a run: what is recorded before it, and what after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autotrack.autolog.integration import Call, guarded, recording
from autotrack.errors import ModelError
from autotrack_sklearn import budget, curves, fitted, heldout, importances, iterations, pictures, searches, training
from autotrack_sklearn.convergence import listening
from autotrack_sklearn.inputs import Data, before, given, log_data, run_name, tags_of
from autotrack_sklearn.quiet import asking, generators_in, unmoved
from autotrack_sklearn.tracked import Track, continued, follow, track_of

if TYPE_CHECKING:
    from autotrack import Run
    from autotrack_sklearn.iterations import Steps


@contextmanager
def record(call: Call, read_data: Callable[[Call], Data] = given) -> Iterator[None]:
    """Record a call that fits an estimator, with its data as `read_data` finds them."""
    from autotrack import active_run

    estimator = call.instance
    goes_on = call.name == "partial_fit" or fitted.attribute(estimator, "warm_start") is True
    former = track_of(estimator) if goes_on else None
    if former is not None and not former.own and active_run() is not former.run:
        former = None
    told = None if former is None else former.run
    tags = tags_of(estimator)
    name = run_name(type(estimator).__name__, estimator)
    with recording(call, name=name, tags=tags, former=told, resting=goes_on) as run:
        generators: list[Any] = []
        with guarded("looking for random generators", run=run):
            generators = generators_in(estimator)
        with asking(), unmoved(generators):
            track = continued(estimator, run, own=call.opened, former=former)
            track.step = track.calls if goes_on else None
            fit = _Fit(call, run, track)
            fit.begin(read_data)
        with listening() as warned, iterations.watching(estimator) as steps:
            yield
        with asking(), unmoved(generators):
            fit.end(warned, steps)


class _Fit:
    """A fit and where it is recorded. Each part is recorded by itself: an odd one must not take the others along."""

    def __init__(self, call: Call, run: Run, track: Track) -> None:
        self.call = call
        self.run = run
        self.track = track
        self.estimator = call.instance
        self.learner = call.instance
        """The estimator inside that has learned, once it is known."""
        self.data = Data()
        self.curves: Any = None
        """What other libraries' evaluation curves held before."""

    def begin(self, read_data: Callable[[Call], Data]) -> None:
        """Record what the call could change."""
        call, run = self.call, self.run
        with guarded("reading the arguments", run=run):
            self.data = read_data(call)
            if call.option("metrics", True):
                self.data = self.data._replace(sums=training.sums_of(self.estimator, self.data))
        params = before(call, run, self.estimator, self.data.X, self.data.y, track=self.track)
        self.data = self.data._replace(params=params)
        with guarded("describing evaluation sets", run=run):
            self.curves = curves.begun(fitted.core(self.estimator))
            if call.kwargs and call.option("data", True):
                named = {"X": self.data.X, "y": self.data.y} | call.kwargs
                for name, values in curves.evaluation_sets(self.estimator, params, named):
                    log_data(run, values, name, "validation", limited=call.option("data", True) != "always")

    def end(self, warned: list[str], steps: Steps | None) -> None:
        """Record what came out of it."""
        run, track = self.run, self.track
        with guarded("looking for what has learned", run=run):
            self.learner = fitted.core(self.estimator)
        self._log_numbers()
        with guarded("reading series", run=run):
            for name, points in fitted.series(self.learner).items():
                for step, value in track.fresh(name, points):
                    run.log_metrics({name: value}, step)
        with guarded("reading evaluation curves", run=run):
            curves.log_curves(run, self.learner, self.curves)
        self._note(warned)
        began = time.perf_counter()
        if track.affords() or self.call.option("metrics", True) == "always":
            self._log_more(steps)
        elif not track.skipped:
            track.skipped = True
            run.note(
                f"from call {track.calls + 1} on, metrics, summary and model are recorded now and then, in a tenth of "
                "the time that the calls take; autotrack.autolog(metrics='always') does it at every call",
                kind="capture",
            )
        if track.calls:  # at the first call, much of it is imports
            track.spent += time.perf_counter() - began
        track.calls += 1
        track.fit_time += self.call.duration
        with guarded("remembering the model", run=run):
            follow(track, self.learner, fitted.attribute(self.estimator, "best_estimator_"))
            heldout.remember_labels(track, self.learner, self.call)

    def _log_numbers(self) -> None:
        numbers: dict[str, float] = {"fit_time": self.call.duration}
        with guarded("reading fitted numbers", run=self.run):
            numbers |= {**fitted.numbers(self.learner), **fitted.numbers(self.estimator)}
            if self.call.name == "partial_fit":
                self.track.samples += training.length(self.data.X)
                numbers["samples"] = self.track.samples
        with guarded("recording the time of fit", run=self.run):
            self.run.log_metrics(numbers, self.track.step)

    def _note(self, warned: list[str]) -> None:
        for text in warned:
            self.run.note(text, kind="warning")
        with guarded("looking for an early end", run=self.run):
            if not warned and (remark := fitted.stopped_early_note(self.learner)):
                self.run.note(remark, kind="warning")

    def _log_more(self, steps: Steps | None) -> None:
        """What takes more time than reading a few numbers."""
        call, run, learner = self.call, self.run, self.learner
        answers, weights = None, {}
        if call.option("metrics", True):
            with guarded("computing training metrics", run=run):
                answers = self._log_metrics(steps)
        with guarded("reading the outcome of the search", run=run):
            searches.record(run, self.estimator, children=call.option("children", False))
        with guarded("reading coefficients and importances", run=run):
            weights = importances.weights(learner)
        with guarded("summarizing what was fitted", run=run):
            summary = fitted.summary(learner, self.estimator, {name: found.values for name, found in weights.items()})
            run.log_artifact(fitted.as_json(summary), "fitted.json", kind="json")
        with guarded("recording plots", run=run):
            pictures.log_plots(call, run, learner, answers, weights)
        with guarded("drawing the diagram", run=run):
            pictures.log_diagram(call, run, self.data.params)
        if wanted := call.option("models", True):
            with guarded("saving the model", run=run):
                with budget.saving(call.duration, limited=wanted != "always") as saved:
                    try:
                        run.log_model(self.estimator, step=self.track.step)
                    except ModelError as reason:
                        saved.remark = f"model not kept: {reason}"
                if saved.remark is not None:
                    run.note(saved.remark, kind="capture")

    def _log_metrics(self, steps: Steps | None) -> Any:
        """Record the training metrics. Gives the answers of the model that they were computed from."""
        run, duration = self.run, self.call.duration
        losses = [] if steps is None else steps.losses(duration)
        for number, value in losses:
            run.log_metrics({"loss": value}, number)
        limited = self.call.option("metrics", True) != "always"
        outcome = training.evaluate(self.estimator, self.data, duration, limited=limited)
        run.log_metrics({f"train/{name}": value for name, value in outcome.values.items()}, self.track.step)
        for name, points in outcome.stages.items():
            for stage, value in enumerate(points, start=1):
                run.log_metrics({f"train/{name}": value}, stage)
        for text in outcome.remarks:
            run.note(text, kind="capture")
        used = fitted.attribute(self.learner, "n_iter_")
        told = losses or fitted.attribute(self.learner, "loss_curve_") is not None
        if used is not None and not told and "log_loss" in outcome.values:
            run.log_metrics({"loss": outcome.values["log_loss"]}, float(used.max() if hasattr(used, "max") else used))
        return outcome.answers
