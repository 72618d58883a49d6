"""What is recorded of a search: a table of all trials, the winner, and on request a child run for each candidate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autotrack_sklearn import fitted
from autotrack_sklearn.params import brief, plain

if TYPE_CHECKING:
    from autotrack import Run

_INNER = {"best_estimator_": "best", "estimator_": "estimator", "regressor_": "regressor"}
_NAMED = ("named_estimators_", "named_transformers_")

_SPLIT = re.compile(r"split(\d+)_(.+)")
_SIMPLE = frozenset({type(None), bool, int, float, str})
_LARGE = 1_000  # elements of an array that are written out in a cell


class Search(NamedTuple):
    """A finished search and its trials."""

    estimator: Any
    path: str
    """Steps that lead to it, ``best`` for the winner of another search; "" where it is what the run is about."""
    size: int
    """How many candidates there were."""
    columns: dict[str, Any]
    """One cell for each candidate, under the names of `cv_results_`."""
    params: list[dict[str, Any]]
    """The candidates; empty where the search has them as columns only."""
    left_out: list[str]
    """What else `cv_results_` has: no columns of that length."""

    def candidate(self, index: int) -> dict[str, Any]:
        """The params of one."""
        if self.params:
            return self.params[index]
        named = {name: cells[index] for name, cells in self.columns.items() if name.startswith("param_")}
        return {name.removeprefix("param_"): value for name, value in named.items() if value is not None}

    def scores(self) -> dict[str, Any]:
        """Mean score on held-out folds of each candidate, by metric (`score` where there is only one)."""
        found = {}
        for name, cells in self.columns.items():
            if name.startswith("mean_test_") and (numbers := _numbers(cells)) is not None:
                found[name.removeprefix("mean_test_")] = numbers
        return found

    def failed(self) -> list[bool]:
        """Whether a candidate has no score."""
        missing = [np.isnan(means) for means in self.scores().values()]
        return np.any(missing, axis=0).tolist() if missing else [False] * self.size

    def best(self) -> int | None:
        """Index of the candidate that was chosen; None where none was."""
        index = fitted.attribute(self.estimator, "best_index_")
        return int(index) if isinstance(index, (int, np.integer)) and 0 <= index < self.size else None


def record(run: Run, estimator: Any, *, children: bool = False) -> None:
    """Record the searches that `estimator` is or holds."""
    for search in searches(estimator):
        _record(run, search)
        if children and not search.path and run.recorded:
            _make_children(run, search)


def _record(run: Run, search: Search) -> None:
    inner = f"/{search.path}" if search.path else ""
    meta = {"search": type(search.estimator).__name__, "best": search.best()}
    run.log_table(f"trials{inner}", {"candidate": np.arange(search.size), **search.columns}, kind="trials", meta=meta)
    if search.left_out:
        names = ", ".join(search.left_out)
        run.note(f"not in the table of trials, having no value for each candidate: {names}", kind="capture")
    numbers = {"candidates": float(search.size), **_best_scores(search)}
    if failed := sum(search.failed()):
        numbers["failed"] = float(failed)
        run.note(f"{failed:,} of {search.size:,} candidates failed", kind="warning")
    run.log_metrics({f"cv{inner}/{name}": value for name, value in numbers.items()})
    if isinstance(params := fitted.attribute(search.estimator, "best_params_"), Mapping):
        cell = _cell_maker()
        run.log_params({f"best{inner}/{name}": cell(value) for name, value in params.items()})


def _best_scores(search: Search) -> dict[str, float]:
    """Scores of the candidate that was chosen; where none was, the best ones."""
    chosen, found = search.best(), dict[str, float]()
    refit = fitted.attribute(search.estimator, "refit")
    for name, means in search.scores().items():
        if chosen is None and np.isnan(means).all():
            continue
        index = int(np.nanargmax(means)) if chosen is None else chosen
        found[f"best_{name}"] = float(means[index])
        if name in ("score", refit) and (stds := _numbers(search.columns.get(f"std_test_{name}"))) is not None:
            found["best_std"] = float(stds[index])
    score = fitted.attribute(search.estimator, "best_score_")
    if isinstance(score, (int, float, np.number)):
        found["best_score"] = float(score)
    return found


def _make_children(run: Run, search: Search) -> None:
    """What `cv_results_` says of each candidate as a run of its own; scores of the folds as series."""
    from autotrack import start_run

    single: dict[str, Any] = {}
    folds: list[tuple[int, str, Any]] = []
    for name, cells in search.columns.items():
        if name.startswith("param_") or (numbers := _numbers(cells)) is None:
            continue
        if match := _SPLIT.fullmatch(name):
            folds.append((int(match[1]), match[2], numbers))
        else:
            single[name] = numbers
    tags = {"framework": "sklearn", "source": "sklearn", "search": type(search.estimator).__name__}
    for index, failed in enumerate(search.failed()):
        with start_run(f"candidate {index}", experiment=run.experiment, parent=run, tags=tags) as child:
            child.log_params(search.candidate(index))
            child.log_metrics({name: float(numbers[index]) for name, numbers in single.items()})
            for fold, name, numbers in folds:
                child.log_metrics({name: float(numbers[index])}, fold)
            child.finish("failed" if failed else "finished")


def searches(estimator: Any) -> Iterator[Search]:
    """The searches that an estimator is or holds, outer ones first."""
    todo, seen, first = [("", estimator)], {id(estimator)}, True
    while todo:
        path, one = todo.pop(0)
        if (search := _search(one, "" if first else path)) is not None:
            path, first = search.path, False
            yield search
        for name, inner in _held(one):
            if hasattr(type(inner), "fit") and id(inner) not in seen:
                seen.add(id(inner))
                todo.append((f"{path}/{name}" if path else str(name), inner))


def _held(estimator: Any) -> Iterator[tuple[Any, Any]]:
    """Fitted estimators inside another one; the last step of a pipeline comes first."""
    for name, called in _INNER.items():
        yield called, fitted.attribute(estimator, name)
    steps = fitted.attribute(estimator, "steps")
    if isinstance(steps, list):
        yield from reversed(steps)
    for name in _NAMED:
        named = fitted.attribute(estimator, name)
        if isinstance(named, Mapping):
            yield from named.items()


def _search(estimator: Any, path: str) -> Search | None:
    results = fitted.attribute(estimator, "cv_results_")
    if not isinstance(results, Mapping) and not hasattr(results, "columns"):  # a data frame would do as well
        return None
    held = {str(name): results[name] for name in results}
    lengths = {name: _length(values) for name, values in held.items()}
    sizes = Counter(length for length in lengths.values() if length is not None)
    if not sizes:
        return None
    size = sizes.most_common(1)[0][0]
    columns = {name: values for name, values in held.items() if lengths[name] == size}
    cell = _cell_maker()
    params: list[dict[str, Any]] = []
    if all(isinstance(one, Mapping) for one in columns.get("params", ())):
        params = [{str(name): cell(value) for name, value in one.items()} for one in columns.pop("params", ())]
    # Not the masked arrays of params, which have 1.0 for 1 where another candidate has 2.5.
    names = dict.fromkeys(name for one in params for name in one)
    columns |= {f"param_{name}": [one.get(name) for one in params] for name in names}
    cells = {name: _cells(values, cell) for name, values in columns.items()}
    left_out = [name for name in held if name not in columns and not (name == "params" and params)]
    return Search(estimator, path, size, cells, params, left_out)


def _length(values: Any) -> int | None:
    """How many cells a column has; None where it is none."""
    if isinstance(values, (list, tuple)):
        return len(values)
    shape = getattr(values, "shape", None)
    return int(shape[0]) if isinstance(shape, tuple) and shape else None


def _cells(values: Any, cell: Callable[[Any], Any]) -> Any:
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        return [cell(value) for value in values]
    return values if values.dtype.kind in "bif" else [cell(value) for value in values.tolist()]


def _cell_maker() -> Callable[[Any], Any]:
    """What shows a value as it is worth reading; an object that many candidates share is looked at once."""
    seen: dict[int, tuple[Any, Any]] = {}

    def cell(value: Any) -> Any:
        if type(value) in _SIMPLE:
            return value
        if id(value) not in seen:
            seen[id(value)] = value, _shown(value)
        return seen[id(value)][1]

    return cell


def _shown(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= _LARGE else plain(value)
    try:
        return brief(value)
    except Exception:  # noqa: BLE001 - an object of the user's that bears no looking at; its class says something
        return type(value).__name__


def _numbers(cells: Any) -> Any | None:
    """Cells as an array of floats, NaN where there is nothing; None where they are no numbers."""
    if isinstance(cells, np.ndarray):
        return np.ma.filled(cells.astype(float), np.nan)
    if isinstance(cells, list) and all(cell is None or isinstance(cell, (int, float)) for cell in cells):
        return np.array(cells, dtype=float)
    return None
