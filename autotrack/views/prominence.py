"""What comes first where params and metrics are listed: what people set, and what they compare runs by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from autotrack.views import text

if TYPE_CHECKING:
    from autotrack.views.parts import ModelView
    from autotrack.views.run import RunView

_HELD_OUT = re.compile(r"(eval|test|val|valid|validation)[/_]")
# What a training left, counts, times, and the details of other metrics: nobody compares runs by them.
_FACT = re.compile(r"_$|(^|[/_])(time|candidates)$|^importance_repeats/")
_TELLING = re.compile(r"score|loss|acc|err|auc|r2|f1|best|lr|rate|alpha|^C$|depth|epochs|n_(est|clu|comp|neigh)")
# Of params: what is not of the model itself.
_SETUP = re.compile(r"(^|__)(random_state|verbose|n_jobs|warm_start|copy(_X|_x)?|cv|scoring|refit)$")


def in_order(keys: Iterable[str]) -> list[str]:
    """Return keys of metrics, of held-out data first, then of folds, what was logged, facts, and the machine's."""
    return sorted(keys, key=_rank)


def is_fact(key: str) -> bool:
    """Return whether a metric says how it went rather than how good it is."""
    return _rank(key) > 2


def _rank(key: str) -> float:
    if key.startswith("system/"):
        return 4
    if _FACT.search(key):
        return 3
    if _HELD_OUT.match(key):
        return 0
    if key.startswith("cv/"):
        return 1 if re.search(r"/(mean|best)_", key) else 1.5  # the folds themselves after what they amount to
    return 2


def changed(run: RunView) -> set[str]:
    """Return the params that are not the defaults, where an integration has said which these are."""
    return set(run.tags.get("params.changed", "").split(", ")) - {""}


def params_in_order(run: RunView) -> list[str]:
    """Return the params of a run, what a search found and what somebody set first."""
    told = changed(run)
    return sorted(run.params, key=lambda key: 0 if key.startswith("best/") else 1 if key in told else 2)


def last_models(models: Iterable[ModelView]) -> list[tuple[ModelView, str]]:
    """Return the last version of each model, which `load_model` takes, and how many there are: often one a call."""
    versions: dict[str, list[ModelView]] = {}
    for model in models:
        versions.setdefault(model.name, []).append(model)
    return [(found[-1], _versions(found)) for found in versions.values()]


def _versions(found: Sequence[ModelView]) -> str:
    step = found[-1].step
    last = "" if step is None else f", last at step {text.number(step)}"
    return f"{len(found):,} versions{last}" if len(found) > 1 else ""


def kind_beyond(name: str, kind: str) -> str:
    """Return the kind of a table, empty where its name says that."""
    return "" if kind in ("table", name.rpartition("/")[2]) else kind


def metric_weight(key: str, keys: Iterable[str]) -> float:
    """Return how much one wants to see a metric in a table of runs, of which `keys` are all metrics."""
    rank = _rank(key)
    if rank > 2:
        return 0.05 if rank == 3 else 0.01
    weight = 1.0 if _TELLING.search(key) else 0.5
    if rank < 2:
        weight *= 2
    if key.rpartition("/")[2] == "score":  # what every model has
        weight *= 1.25
    head, _, last = key.rpartition("/")
    if last.startswith("std") or f"{head}/mean_{last}" in keys:  # of folds their mean, not the last one
        weight *= 0.2
    return weight


def param_weight(key: str, values: Iterable[Any], *, was_set: bool) -> float:
    """Return how much one wants to see a param in a table of runs, of which some have these values."""
    weight = 3.0 if was_set or key.startswith("best/") else 1.0 if _TELLING.search(key) else 0.5
    if _SETUP.search(key):
        weight *= 0.2
    found = list(values)
    if any(isinstance(value, list | tuple | dict | set | frozenset) for value in found):
        weight *= 0.4
    if len({(type(value), text.exact(value)) for value in found}) > 1:
        weight *= 2
    return weight
