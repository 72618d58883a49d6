"""Numbers of a model: residuals of a regression, importances of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from autotrack.views import text
from autotrack.views.pictures.drawing import (
    COLORS,
    GRAY,
    CannotDraw,
    Drawing,
    column,
    cut,
    label,
    legend,
    numbers,
    plain,
    tailed,
    wide,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from autotrack.views.tables import TableView

_BARS = 25  # features


def _residuals(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    clouds = []
    for number, table in enumerate(tables):
        x, y = numbers(table, "predicted"), numbers(table, "residual")
        alpha = 0.75 if len(x) <= 200 else 0.4
        clouds.append(ax.scatter(x, y, s=16, alpha=alpha, color=COLORS[number % len(COLORS)], linewidths=0))
    plain(ax)
    ax.axhline(0, color=GRAY, linewidth=1)
    ax.set(xlabel="predicted", ylabel="residual (true - predicted)")
    if len(tables) == 1:
        return cut(tables[0])
    legend(ax, clouds, names, "upper right")
    return []


def _importances(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    found = [_by_feature(table) for table in tables]
    greatest: dict[str, float] = {}
    for features in found:
        for name, (value, _) in features.items():
            greatest[name] = max(greatest.get(name, 0.0), abs(value))
    if not greatest:
        raise CannotDraw(f"table {text.value(tables[0].name, 60)!r} has no importance that is a number")
    chosen = sorted(greatest, key=lambda name: -greatest[name])[:_BARS]
    height = 0.8 / len(tables)
    bars = []
    for number, features in enumerate(found):
        values = np.array([features.get(name, (np.nan, np.nan)) for name in chosen])
        y = np.arange(len(chosen)) + (number - (len(tables) - 1) / 2) * height
        spread = values[:, 1] if np.isfinite(values[:, 1]).any() else None
        color = COLORS[number % len(COLORS)]
        bars.append(ax.barh(y, values[:, 0], height * 0.9, xerr=spread, color=color, ecolor=GRAY, capsize=2))
    plain(ax)
    ax.grid(visible=False, axis="y")
    ax.axvline(0, color=GRAY, linewidth=1)
    ax.set_yticks(range(len(chosen)), [tailed(name, 40) for name in chosen])
    ax.set_ylim(len(chosen) - 0.4, -0.6)
    of = {_of(table) for table in tables}
    ax.set_xlabel(label(of.pop() if len(of) == 1 else "importance", 40))
    if len(tables) > 1:
        legend(ax, bars, names)
    whole = max(len(greatest), *(known for t in tables if isinstance(known := t.meta.get("features"), int)), 0)
    return [f"{len(chosen)} of {whole:,} features"] if whole > len(chosen) else []


def _of(table: TableView) -> str:
    name = str(table.meta.get("of") or "importance")
    return f"mean magnitude of {name}" if "mean_magnitude_over" in table.meta else name


def _by_feature(table: TableView) -> dict[str, tuple[float, float]]:
    values = numbers(table, "importance").tolist()
    spread = numbers(table, "std").tolist() if "std" in table.columns else [np.nan] * len(values)
    found = zip(_features(table), values, spread, strict=True)
    return {name: (value, std) for name, value, std in found if np.isfinite(value)}


def _features(table: TableView) -> list[str]:
    return [name if isinstance(name, str) else text.exact(name) for name in column(table, "feature")]


def _importances_size(tables: Sequence[TableView]) -> tuple[float, float]:
    rows = min(len({name for table in tables for name in _features(table)}), _BARS)
    return 6.8, 1.6 + rows * max(0.24, 0.13 * len(tables))


DRAWINGS = {
    "residuals": Drawing(_residuals, wide),
    "importances": Drawing(_importances, _importances_size),
}
