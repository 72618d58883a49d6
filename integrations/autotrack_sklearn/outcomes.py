"""How the outcome of a metric is called and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack_sklearn.fitted import attribute
from autotrack_sklearn.params import plain

if TYPE_CHECKING:
    from autotrack import Run

_ROWS = 10_000
"""Elements of an array that are kept as a table."""
_SHORT = 8
"""Elements of an argument that are part of a metric's name."""
_PARTS = {
    "precision_recall_fscore_support": ("precision", "recall", "fscore", "support"),
    "homogeneity_completeness_v_measure": ("homogeneity", "completeness", "v_measure"),
    "class_likelihood_ratios": ("positive", "negative"),
}
"""Names of what functions return together. Curves are kept by `log_curves`."""


def called(name: str, keywords: dict[str, Any]) -> str:
    """``f1_score(average=macro)``: a metric with the keyword arguments that it was given; long ones by name only."""
    told = []
    for key, given in sorted(keywords.items()):
        short = isinstance(given, np.generic) or (isinstance(given, np.ndarray) and given.size <= _SHORT)
        value: Any = given.tolist() if short else given
        if value is None:
            told.append(f"{key}=None")
        elif np.ndim(value) or hasattr(value, "shape"):
            spelled = isinstance(value, (list, tuple)) and len(value) <= _SHORT and key != "sample_weight"
            told.append(f"{key}={list(value)}" if spelled else key)
        else:
            told.append(f"{key}={plain(value)}")
    return f"{name}({', '.join(told)})" if told else name


def is_default(value: Any, default: Any) -> bool:
    """Whether an argument says what would hold without it."""
    return value is default or (type(value) is type(default) and np.ndim(value) == 0 and bool(value == default))


def scorer_name(scorer: Any) -> str:
    """The name that `sklearn.metrics.get_scorer` knows a scorer by, else that of its function."""
    from sklearn.metrics import _scorer

    def parts(one: Any) -> tuple[Any, ...]:
        function = getattr(one, "_score_func", None)
        return getattr(function, "__name__", None), getattr(one, "_sign", 1), getattr(one, "_kwargs", {})

    mine = parts(scorer)
    for known, one in _scorer._SCORERS.items():  # noqa: SLF001 - there is no public way from a scorer to its name
        if parts(one) == mine:
            return str(known)
    name, sign, keywords = mine
    return called(f"{'' if sign > 0 else 'neg_'}{name or type(scorer).__name__}", keywords)


def log_value(run: Run, key: str, value: Any) -> None:
    """Record what a metric returned: one number, several by name, an array as a table, a report as it is."""
    if isinstance(value, (bool, int, float, np.number, np.bool_)) or (isinstance(value, np.ndarray) and not value.ndim):
        run.log_metrics({key: float(value)})
    elif isinstance(value, str):
        run.log_artifact(value.encode(errors="surrogatepass"), f"{key}.txt", kind="text")
    elif isinstance(value, dict):
        run.log_metrics(_flat(key, value))
    elif isinstance(value, tuple):
        _log_parts(run, key, value)
    elif isinstance(value, np.ndarray) and value.ndim == 1 and value.size <= _ROWS:
        run.log_table(key, {"value": value})


def _flat(prefix: str, values: dict[Any, Any]) -> dict[str, float]:
    """Numbers of a nested dict, such as a report with ``output_dict=True``."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= _flat(f"{prefix}/{name}", value)
        elif isinstance(value, (int, float, np.number)):
            found[f"{prefix}/{name}"] = float(value)
    return found


def _log_parts(run: Run, key: str, values: tuple[Any, ...]) -> None:
    prefix, _, called = key.rpartition("/")
    function, bracket, keywords = called.partition("(")
    names = _PARTS.get(function)
    if names is None or len(names) != len(values):
        return
    parts = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    if all(np.ndim(value) == 0 for value in parts.values()):
        run.log_metrics({f"{prefix}/{name}{bracket}{keywords}": float(value) for name, value in parts.items()})
    elif all(np.ndim(value) == 1 and len(value) <= _ROWS for value in parts.values()):
        run.log_table(key, parts)


def log_curves(run: Run, prefix: str, model: Any, true: Any, *, method: str, values: Any) -> None:  # noqa: PLR0913
    """Record what can be drawn beside the truth of the `values` that a `method` of the model returned."""
    from autotrack_sklearn.plots import log_plots

    classes = attribute(model, "classes_")
    if method == "predict":
        log_plots(run, prefix, true, classes, predicted=values)
    elif method != "labels_":
        log_plots(run, prefix, true, classes, score=np.exp(values) if method == "predict_log_proba" else values)
