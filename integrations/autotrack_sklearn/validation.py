"""What is recorded of one cross-validation: one run, folds as series, mean and standard deviation, curves as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.autolog.integration import Call, guarded, holds_secrets, recording
from autotrack_sklearn import budget, plots, unseen
from autotrack_sklearn.convergence import listening
from autotrack_sklearn.inputs import argument, before, log_data, run_name, tags_of
from autotrack_sklearn.params import brief, is_estimator, plain
from autotrack_sklearn.quiet import asking
from autotrack_sklearn.tracked import track_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autotrack import Run

_OPTIONS = (
    "cv", "scoring", "method", "groups", "params", "error_score", "random_state",
    "param_name", "param_range", "train_sizes", "shuffle", "exploit_incremental_learning",
    "n_permutations", "n_repeats", "max_samples",
)  # fmt: skip
"""Arguments that are recorded where they are given. They can be given by keyword only."""

_FEATURES = 50
"""Importances that are series; where there are more features, the table has the repeats of all."""

_PACE = 3e-7
"""Seconds that metrics, or plots, take for a sample and class on a slow machine."""

_EXACT = 2**53


def observe_validation(call: Call) -> AbstractContextManager[None] | None:
    """Observer of functions that fit an estimator several times, or ask a fitted one again and again."""
    estimator = argument(call, 0, "estimator")
    return _record(call, estimator) if is_estimator(estimator) and hasattr(estimator, "fit") else None


@contextmanager
def _record(call: Call, estimator: Any) -> Iterator[None]:
    tags = {**tags_of(estimator), "validation": call.name}
    if call.name == "permutation_importance" and (track := track_of(estimator)) is not None:
        tags["model_run"] = track.run.id
    with recording(call, name=run_name(call.name, estimator), tags=tags) as run:
        with asking():
            before(call, run, estimator, None, None)
            _describe(call, run)
        prefix = "permutation" if call.name == "permutation_importance" else "cv"
        with guarded("reading the options", run=run):
            run.log_params({f"{prefix}/{name}": value for name, value in _options(call).items()})
        with listening() as warned:
            yield
        with asking(), guarded(f"reading the outcome of {call.name}", run=run):
            run.log_metrics({f"{prefix}/time": call.duration})
            _OUTCOMES[call.name](run, call)
        for text in warned:
            run.note(text, kind="warning")


def _options(call: Call) -> dict[str, Any]:
    """The arguments that say how it was done; not the values of a param that holds secrets, which the table masks."""
    found = {name: plain(call.kwargs[name]) for name in _OPTIONS if call.kwargs.get(name) is not None}
    if "param_range" in found and holds_secrets({str(found.get("param_name")): found["param_range"]}):
        del found["param_range"]
    return found


def _describe(call: Call, run: Run) -> None:
    """Nothing is trained where importances are found out."""
    if not call.option("data", True):
        return
    role = "eval" if call.name == "permutation_importance" else "train"
    for position, name in ((1, "X"), (2, "y")):
        values = argument(call, position, name)
        if values is not None:
            with guarded(f"describing {name}", run=run):
                log_data(run, values, name, role, limited=call.option("data", True) != "always")


def _cross_validate(run: Run, call: Call) -> None:
    scoring = call.kwargs.get("scoring")
    single = {"test_score": scoring, "train_score": f"train_{scoring}"} if isinstance(scoring, str) else {}
    folds, scored = {}, []
    for key, values in call.result.items():
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "iuf":
            folds[single.get(key, key.removeprefix("test_"))] = values
            if key.startswith("test_"):
                scored.append(values)
    _folds(run, folds, scored)


def _cross_val_score(run: Run, call: Call) -> None:
    scoring = call.kwargs.get("scoring")
    _folds(run, {scoring if isinstance(scoring, str) else "score": call.result}, [call.result])


def _folds(run: Run, found: dict[str, Any], scored: Sequence[Any]) -> None:
    """Values of each fold, mean and standard deviation; `scored` are those that are missing where a fold has failed."""
    for fold, values in enumerate(zip(*found.values(), strict=True)):
        run.log_metrics({f"cv/{name}": float(value) for name, value in zip(found, values, strict=True)}, fold)
    for name, values in found.items():
        run.log_metrics({f"cv/mean_{name}": float(np.mean(values)), f"cv/std_{name}": float(np.std(values))})
    missing = np.any([np.isnan(values) for values in scored], axis=0)
    if failed := int(missing.sum()):
        run.log_metrics({"cv/failed": failed})
        run.note(f"{failed:,} of {len(missing):,} folds failed", kind="warning")


def _cross_val_predict(run: Run, call: Call) -> None:
    predicted, true = call.result, argument(call, 2, "y")
    each = predicted[0] if isinstance(predicted, list) else predicted  # a list has an array for each of several targets
    count = each.shape[0]
    run.log_metrics({"cv/predictions": float(count)})
    if true is None or not isinstance(predicted, np.ndarray):
        return
    seconds = _PACE * (predicted.size + 10 * count)
    if _is_wanted(call, run, "metrics", seconds):
        method = call.kwargs.get("method", "predict")
        verdict = unseen.judge(argument(call, 0, "estimator"), method, true, predicted)
        run.log_metrics({f"cv/{name}": value for name, value in verdict.values.items()})
        if verdict.tables and _is_wanted(call, run, "plots", seconds):
            plots.log_tables(run, "cv", verdict.tables)


def _is_wanted(call: Call, run: Run, option: str, seconds: float) -> bool:
    """Whether the option wants it and it may take so long."""
    wanted = call.option(option, True)
    try:
        if wanted and wanted != "always":
            budget.check(option, seconds, call.duration)
    except budget.TooLong as reason:
        run.note(f"{option} of the predictions skipped: {reason}", kind="capture")
        return False
    return bool(wanted)


def _learning_curve(run: Run, call: Call) -> None:
    sizes, train, test, *times = call.result
    found = {"train_score": train, "test_score": test, **dict(zip(("fit_time", "score_time"), times, strict=False))}
    _curve(run, call.name, ("train_size", sizes.tolist()), found)


def _validation_curve(run: Run, call: Call) -> None:
    train, test = call.result
    column = str(call.kwargs["param_name"]), [brief(value) for value in call.kwargs["param_range"]]
    _curve(run, call.name, column, {"train_score": train, "test_score": test})


def _curve(run: Run, kind: str, column: tuple[str, list[Any]], found: dict[str, Any]) -> None:
    """Mean and standard deviation over the folds for each value of a column; it is the step where all are numbers."""
    steps = column[1] if all(map(_is_step, column[1])) else range(len(column[1]))
    means = {name: values.mean(axis=1) for name, values in found.items()}
    stds = {name: values.std(axis=1) for name, values in found.items()}
    table: dict[str, Any] = dict([column])
    for name in found:
        table |= {f"mean_{name}": means[name], f"std_{name}": stds[name]}
        series = {f"cv/{name}": means[name].tolist(), f"cv/std_{name}": stds[name].tolist()}
        for step, *values in zip(steps, *series.values(), strict=True):
            run.log_metrics(dict(zip(series, values, strict=True)), step)
    for name, values in found.items():
        table |= {f"split{fold}_{name}": values[:, fold] for fold in range(values.shape[1])}
    run.log_table(kind, table, kind=kind)


def _is_step(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= _EXACT


def _permutation_test_score(run: Run, call: Call) -> None:
    score, permuted, pvalue = call.result
    _series(run, "cv/permutation_score", permuted)
    ends = {"mean_permutation_score": permuted.mean(), "std_permutation_score": permuted.std()}
    run.log_metrics({f"cv/{name}": float(value) for name, value in {"score": score, "pvalue": pvalue, **ends}.items()})


def _series(run: Run, name: str, values: Any) -> None:
    for step, value in enumerate(values.tolist()):
        run.log_metrics({name: value}, step)


def _permutation_importance(run: Run, call: Call) -> None:
    data = argument(call, 1, "X")
    if "importances_mean" in call.result:
        _importances(run, data, call.result, "")
        return
    for metric, result in call.result.items():
        _importances(run, data, result, f"/{metric}")


def _importances(run: Run, data: Any, result: Any, metric: str) -> None:
    """A table of all features; the repeats as series, of many features those of the most important ones."""
    mean, std, repeats = result["importances_mean"], result["importances_std"], result["importances"]
    columns = getattr(data, "columns", None)
    names = [f"x{i}" for i in range(len(mean))] if columns is None else [str(name) for name in columns]
    table = {"feature": names, "importance": mean, "std": std}
    if len(names) > _FEATURES:
        table |= {f"repeat{i}": repeats[:, i] for i in range(repeats.shape[1])}
    run.log_table(f"importances{metric}", table, kind="importances", meta={"of": "permutation_importance"})
    chosen = np.argsort(-np.abs(mean), kind="stable")[:_FEATURES].tolist()
    for step, values in enumerate(repeats.T):
        run.log_metrics({f"importance_repeats{metric}/{names[i]}": float(values[i]) for i in chosen}, step)
    if len(chosen) < len(names):
        run.note(f"repeats of {len(chosen)} of {len(names):,} features are series; the table has all", kind="info")


_OUTCOMES = {
    "cross_validate": _cross_validate,
    "cross_val_score": _cross_val_score,
    "cross_val_predict": _cross_val_predict,
    "learning_curve": _learning_curve,
    "validation_curve": _validation_curve,
    "permutation_test_score": _permutation_test_score,
    "permutation_importance": _permutation_importance,
}
