"""What gradient boosting libraries and skorch say of a training as it went: sets, curves and the best iteration.

Series have the library's names: ``validation_0/logloss`` of xgboost, ``valid_0/binary_logloss`` of lightgbm,
``learn/Logloss`` and ``validation/AUC`` of catboost, ``train_loss``, ``valid_loss``, ``valid_acc`` and ``dur`` of
skorch. One rule for the steps of all: the number of the iteration in the library's own record, from 0. So a training
that continues another model begins at 0 again, and a net of skorch that is trained further (`warm_start`,
`partial_fit`) goes on counting, as its `history` does.

Where a training could end early, there are ``best_iteration`` (skorch: ``best_epoch``) and ``best_score``, one for each
set and metric where the library has several. They are what the library says: xgboost and catboost count from 0,
lightgbm and skorch from 1, and xgboost and lightgbm count the iterations of a model that was continued, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autotrack_sklearn.fitted import attribute

if TYPE_CHECKING:
    from autotrack import Run


class _Series(NamedTuple):
    name: str
    steps: Iterable[int]
    values: Sequence[float]


class _Best(NamedTuple):
    key: str
    iteration: int
    score: Any
    """A number, or one for each set and metric."""


class _Library:
    """One library: how it names sets, and where its models keep what."""

    def names(self, pairs: Sequence[Any], given: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002
        """The names of evaluation sets, from what else `fit` was given."""
        return [f"validation_{i}" for i in range(len(pairs))]

    def rows(self, model: Any) -> Any:
        """What the model keeps of its training: a dict of sets of metrics of values, or a list of epochs."""
        raise NotImplementedError

    def series(self, model: Any, rows: Any, first: int) -> Iterator[_Series]:  # noqa: ARG002
        """The series in a record; of rows, those from `first` on."""
        for name, metrics in rows.items():
            for metric, values in metrics.items():
                yield _Series(f"{name}/{metric}", range(len(values)), values)

    def best(self, model: Any) -> _Best | None:
        """The best iteration; None where the training could not end early."""
        raise NotImplementedError


class _XGBoost(_Library):
    def rows(self, model: Any) -> Any:
        return vars(model).get("evals_result_")

    def best(self, model: Any) -> _Best | None:
        iteration = attribute(model, "best_iteration")
        return None if iteration is None else _Best("best_iteration", iteration, attribute(model, "best_score"))


class _LightGBM(_Library):
    def names(self, pairs: Sequence[Any], given: Mapping[str, Any]) -> Sequence[str]:
        named: Sequence[str] | None = given.get("eval_names")
        return named or [f"valid_{i}" for i in range(len(pairs))]

    def rows(self, model: Any) -> Any:
        return vars(model).get("_evals_result")

    def best(self, model: Any) -> _Best | None:
        iteration = attribute(model, "best_iteration_")  # 0 where it could not end early
        return _Best("best_iteration", iteration, attribute(model, "best_score_")) if iteration else None


class _CatBoost(_Library):
    def names(self, pairs: Sequence[Any], given: Mapping[str, Any]) -> Sequence[str]:
        return ["validation"] if len(pairs) == 1 else super().names(pairs, given)

    def rows(self, model: Any) -> Any:
        return model.get_evals_result() if model.is_fitted() else None

    def series(self, model: Any, rows: Any, first: int) -> Iterator[_Series]:
        """With a `metric_period`, there are values of some iterations only: which, says the model's description."""
        known = super().series(model, rows, first)
        about = model.get_metadata()
        if json.loads(about["output_options"])["metric_period"] == 1:
            yield from known
            return
        history = json.loads(about["training"])["metrics"]
        sets = {"learn": history["learn_metrics_history"]}
        for place, name in enumerate(name for name in rows if name != "learn"):
            sets[name] = [row[place] if row else {} for row in history["test_metrics_history"]]
        for name, _, values in known:
            where, _, metric = name.partition("/")
            yield _Series(name, [step for step, row in enumerate(sets[where]) if metric in row], values)

    def best(self, model: Any) -> _Best | None:
        iteration = model.get_best_iteration()  # None without an evaluation set
        return None if iteration is None else _Best("best_iteration", iteration, model.get_best_score())


class _Skorch(_Library):
    def rows(self, model: Any) -> Any:
        return vars(model).get("history_")

    def series(self, model: Any, rows: Any, first: int) -> Iterator[_Series]:  # noqa: ARG002
        columns: dict[str, dict[int, float]] = {}
        for step, row in enumerate(rows[first:], first):
            for name, value in row.items():
                is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
                if is_number and name != "epoch" and not name.endswith("_batch_count"):
                    columns.setdefault(name, {})[step] = float(value)
        for name, values in columns.items():
            yield _Series(name, values.keys(), list(values.values()))

    def best(self, model: Any) -> _Best | None:
        for _, callback in model.callbacks_:
            if "best_epoch_" in vars(callback):  # an EarlyStopping
                epoch = callback.best_epoch_
                score = next((row.get(callback.monitor) for row in model.history_ if row["epoch"] == epoch), None)
                return _Best("best_epoch", epoch, score)
        return None


_LIBRARIES: dict[str, _Library] = {
    "xgboost": _XGBoost(),
    "lightgbm": _LightGBM(),
    "catboost": _CatBoost(),
    "skorch": _Skorch(),
}


def begun(model: Any) -> Any:
    """What is kept on a model before `fit`, so that it is known afterwards what is new."""
    library = _library_of(model)
    rows = None if library is None else library.rows(model)
    return list(rows) if isinstance(rows, list) else rows


def log_curves(run: Run, model: Any, before: Any) -> None:
    """Record curves and the best iteration of a fitted model; `before` is what `begun` gave."""
    library = _library_of(model)
    rows = None if library is None else library.rows(model)
    if library is None or not rows or rows is before:
        return
    first = 0
    if isinstance(rows, list) and before is not None:
        first = sum(old is new for old, new in zip(before, rows, strict=False))
    points: dict[int, dict[str, float]] = {}
    for name, steps, values in library.series(model, rows, first):
        for step, value in zip(steps, values, strict=True):
            points.setdefault(step, {})[name] = value
    for step in sorted(points):
        run.log_metrics(points[step], step)
    best = library.best(model)
    if best is not None:
        run.log_metrics({best.key: best.iteration, **dict(_flat("best_score", best.score))})


def evaluation_sets(model: Any, params: Mapping[Any, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The data that `fit` was given to evaluate a model with, as ``X_<set>`` and ``y_<set>``.

    Pipelines and searches hand it on to a model among their `params`. The data that it is trained with is left out.
    """
    for key, value in given.items():
        option = key.rpartition("__")[2]
        if value is None or option not in ("eval_set", "eval_X"):
            continue
        library = next(filter(None, map(_library_of, (model, *params.values()))), None)
        if library is None:
            return
        prefix = key.removesuffix(option)
        of_model = {name.removeprefix(prefix): item for name, item in given.items() if name.startswith(prefix)}
        pairs = value if isinstance(value, list) else [value]
        if option == "eval_X":
            pairs = list(zip(_several(value), _several(of_model["eval_y"]), strict=True))
        for name, pair in zip(library.names(pairs, of_model), pairs, strict=False):
            features, target = (pair, labels_of(pair)) if is_pool(pair) else pair
            if features is given["X"]:
                continue
            yield f"X_{name}", features
            if target is not None:
                yield f"y_{name}", target


def is_pool(data: Any) -> bool:
    """Whether data is a `catboost.Pool`, which holds features and labels."""
    return any(cls.__module__ == "_catboost" for cls in type(data).__mro__)


def labels_of(pool: Any) -> Any:
    """The labels in a `catboost.Pool`, None if it has none."""
    return np.asarray(pool.get_label()) if pool.has_label() else None


def _library_of(model: Any) -> _Library | None:
    """The library that a model's class is of, or derived from."""
    for cls in type(model).__mro__:
        library = _LIBRARIES.get(cls.__module__.partition(".")[0])
        if library is not None:
            return library
    return None


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _flat(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}/{key}", item)
    elif value is not None:
        yield name, float(value)
