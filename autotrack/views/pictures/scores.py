"""Scores with their spread: over the size of the training data, over a param, of the candidates of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.views import text
from autotrack.views.pictures.drawing import (
    COLORS,
    CannotDraw,
    Drawing,
    Numbers,
    as_numbers,
    column,
    label,
    legend,
    numbers,
    plain,
    wide,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from autotrack.views.tables import TableView

_RANGE = 30  # from the smallest to the largest of positive numbers: more are drawn on a logarithmic axis
_MARKED = 100  # points that have a mark each


class _Axis:
    """The values of a param along an axis: numbers to scale, which may be logarithmic, all else in a row."""

    def __init__(self, cells: Sequence[Any]) -> None:
        values = as_numbers(cells)
        self.names = [] if np.isfinite(values).all() else list(dict.fromkeys(map(_named, cells)))
        self.logarithmic = not self.names and bool(values.min() > 0) and bool(values.max() / values.min() >= _RANGE)

    def places(self, cells: Sequence[Any]) -> Numbers:
        if not self.names:
            return as_numbers(cells)
        return np.array([float(self.names.index(_named(cell))) for cell in cells])

    def mark(self, ax: Axes) -> None:
        if self.names:
            turned = 30 if sum(map(len, self.names)) > 50 else 0
            ax.set_xticks(range(len(self.names)), self.names, rotation=turned)
        elif self.logarithmic:
            ax.set_xscale("log")


def _named(cell: Any) -> str:
    return label(cell, 20)


def _draw(ax: Axes, x: Numbers, table: TableView, score: str, *, joined: bool = True, **style: Any) -> Any:
    """Draw a column of means over `x` with its column of standard deviations; return what the legend shows."""
    mean = numbers(table, score)
    std = score.replace("mean_", "std_", 1)
    spread = np.nan_to_num(numbers(table, std)) if std in table.columns else np.zeros(len(mean))
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(mean[order])]
    x, mean, spread = x[order], mean[order], spread[order]
    marker = "o" if len(x) <= _MARKED else ""
    if not joined:
        inner = style["color"] if style.pop("linestyle") == "solid" else "white"
        return ax.errorbar(x, mean, spread, linestyle="none", marker="o", mfc=inner, markersize=5, capsize=3, **style)
    ax.fill_between(x, mean - spread, mean + spread, color=style["color"], alpha=0.15, linewidth=0)
    return ax.plot(x, mean, marker=marker, markersize=4, **style)[0]


def _over_values(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    """Draw scores over the size of the training data, or over a param: solid of test data, dashed of training data."""
    values = _values_column(tables[0])
    axis = _Axis([cell for table in tables for cell in column(table, values)])
    lines, found = [], []
    for number, table in enumerate(tables):
        x = axis.places(column(table, values))
        for part in ("train", "test"):
            score = f"mean_{part}_score"
            if part == "train" and score not in table.columns:
                continue
            color = COLORS[(number if len(tables) > 1 else part == "train") % len(COLORS)]
            dash = "solid" if part == "test" else (0, (4, 2))
            lines.append(_draw(ax, x, table, score, joined=not axis.names, color=color, linestyle=dash))
            found.append(f"{names[number]}, {part}" if len(tables) > 1 else part)
    plain(ax)
    axis.mark(ax)
    name = "training samples" if values == "train_size" else values
    ax.set(xlabel=label(name, 40), ylabel="score (mean ± std)")
    legend(ax, lines, found)
    return []


def _values_column(table: TableView) -> str:
    scores = ("mean_", "std_", "split")
    return next((name for name in table.columns if not name.startswith(scores)), "train_size")


def _trials(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    """Draw scores over the only param that differs, where it is a number, or from the best candidate to the worst."""
    score = next((name for name in tables[0].columns if name.startswith("mean_test_")), "mean_test_score")
    param = _only_param(tables)
    axis = _Axis([cell for table in tables for cell in table.columns[param]]) if param else None
    lines, failed = [], 0
    for number, table in enumerate(tables):
        mean = numbers(table, score)
        failed += int(np.count_nonzero(~np.isfinite(mean)))
        x = _ranks(mean) if axis is None else axis.places(table.columns[param])
        lines.append(_draw(ax, x, table, score, color=COLORS[number % len(COLORS)]))
    if failed == sum(map(len, tables)):
        raise CannotDraw(f"no candidate of table {text.value(tables[0].name, 60)!r} has a score to draw")
    plain(ax)
    ax.set(xlabel=label(param, 40) if param else "candidates, best first", ylabel=f"{label(score, 40)} (± std)")
    if axis is not None:
        axis.mark(ax)
    if len(tables) > 1:
        legend(ax, lines, names)
    return [f"{text.plural(failed, 'candidate')} without a score"] if failed else []


def _ranks(mean: Numbers) -> Numbers:
    """Return the place of each score among them, 1 for the best."""
    places = np.empty(len(mean))
    places[np.argsort(-mean, kind="stable")] = np.arange(1, len(mean) + 1)
    return places


def _only_param(tables: Sequence[TableView]) -> str:
    """Return the one param that differs between the candidates of all tables if it is a number; nothing otherwise."""
    differ = {
        name
        for table in tables
        for name, cells in table.columns.items()
        if name.startswith("param_") and len(set(map(text.exact, cells))) > 1
    }
    if len(differ) != 1:
        return ""
    (name,) = differ
    return name if all(np.isfinite(as_numbers(table.columns.get(name, [None]))).all() for table in tables) else ""


DRAWINGS = {
    "learning_curve": Drawing(_over_values, wide),
    "validation_curve": Drawing(_over_values, wide),
    "trials": Drawing(_trials, wide),
}
