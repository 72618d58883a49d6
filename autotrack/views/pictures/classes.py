"""How classifiers do: confusion matrices, and ROC, precision-recall and calibration curves of one or many classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autotrack.views import text
from autotrack.views.pictures.drawing import (
    COLORS,
    GRAY,
    Drawing,
    Numbers,
    Place,
    column,
    cut,
    label,
    legend,
    numbers,
    plain,
    square,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from autotrack.views.tables import TableView

_NAMED = len(COLORS)  # lines that have a color and a name of their own
_COUNTED = 15  # classes up to which the cells of a confusion matrix have their numbers
_STRONG: dict[str, Any] = {"linewidth": 1.8}
_FAINT: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.45}
_TICKS = 50  # classes that have a name at the edge


class _Curve(NamedTuple):
    """The curve of one class."""

    table: int
    name: str
    x: Numbers
    y: Numbers
    worth: float


def _curves(tables: Sequence[TableView], worth: str, *columns: str) -> Iterator[tuple[_Curve, list[Numbers]]]:
    """Yield the curve of each class of each table, and all its columns; the table's meta may say what it is worth."""
    for number, table in enumerate(tables):
        pairs = table.meta.get(worth)
        known = {text.exact(name): float(value) for name, value in pairs} if isinstance(pairs, list) else {}
        labels = table.columns.get("class") or [""] * len(table)
        cells = [numbers(table, name) for name in columns]
        places: dict[str, list[int]] = {}
        for at, found in enumerate(labels):
            places.setdefault(text.exact(found), []).append(at)
        for key, some in places.items():
            rows = [column[some] for column in cells]
            name = str(labels[some[0]]) and label(labels[some[0]])
            yield _Curve(number, name, rows[0], rows[1], known.get(key, np.nan)), rows


def _draw(ax: Axes, curves: Sequence[_Curve], names: Sequence[str], stat: str, place: Place, **style: Any) -> list[str]:
    """Draw curves in the colors of their classes, or of their tables if these are several; return notes.

    Of many classes those that are worth least have names.
    """
    if len(names) > 1:
        strength = _FAINT if len(curves) > len(names) else _STRONG
        lines = [_line(ax, curve, COLORS[curve.table % _NAMED], style | strength) for curve in curves]
        own = [[at for at, curve in enumerate(curves) if curve.table == number] for number in range(len(names))]
        about = [_about([curves[at] for at in some], stat) for some in own]
        legend(ax, [lines[some[0]] for some in own], [*map(str.__add__, names, about)], place)
        return []
    worst = sorted(sorted(range(len(curves)), key=lambda at: curves[at].worth)[:_NAMED])
    colors = dict(zip(worst, COLORS, strict=False))
    lines = [
        _line(ax, curve, colors.get(at, GRAY), style | (_STRONG if at in colors else _FAINT))
        for at, curve in enumerate(curves)
    ]
    legend(ax, [lines[at] for at in worst], [f"{curves[at].name}{_about([curves[at]], stat)}" for at in worst], place)
    return [f"named: the worst {_NAMED} of {len(curves)} classes"] if len(curves) > _NAMED else []


def _line(ax: Axes, curve: _Curve, color: str, style: dict[str, Any]) -> Any:
    return ax.plot(curve.x, curve.y, color=color, **style)[0]


def _about(curves: Sequence[_Curve], stat: str) -> str:
    found = abs(float(np.mean([curve.worth for curve in curves])))
    value = f"{stat} {found:.3f}" if np.isfinite(found) else ""
    if len(curves) > 1:
        return f" ({len(curves)} classes{f', mean {value}' if value else ''})"
    return f" ({value})" if value else ""


def _roc_curve(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    curves = [curve for curve, _ in _curves(tables, "auc", "fpr", "tpr")]
    _diagonal(ax)
    notes = _draw(ax, curves, names, "AUC", "lower right")
    return _unit_square(ax, "false positive rate", "true positive rate", tables, notes)


def _precision_recall_curve(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    curves = [curve for curve, _ in _curves(tables, "average_precision", "recall", "precision")]
    low = float(np.mean([np.nanmean(curve.y) for curve in curves])) < 0.5
    place: Place = "upper right" if low else "lower left"
    notes = _draw(ax, curves, names, "AP", place, drawstyle="steps-post")
    return _unit_square(ax, "recall", "precision", tables, notes)


def _calibration_curve(ax: Axes, tables: Sequence[TableView], names: Sequence[str]) -> list[str]:
    curves = []
    for curve, (x, y, count) in _curves(tables, "", "predicted", "observed", "count"):
        error = np.nansum(count * np.abs(y - x)) / max(float(np.nansum(count)), 1e-300)
        curves.append(curve._replace(worth=-float(error)))
    _diagonal(ax)
    notes = _draw(ax, curves, names, "ECE", "lower right", marker="o", markersize=4)
    return _unit_square(ax, "predicted probability", "observed frequency", tables, notes)


def _diagonal(ax: Axes) -> None:
    ax.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle=(0, (4, 4)))


def _unit_square(ax: Axes, x: str, y: str, tables: Sequence[TableView], notes: list[str]) -> list[str]:
    plain(ax)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y, aspect="equal")
    return [*(cut(tables[0]) if len(tables) == 1 else []), *notes]


# -- classes against classes ------------------------------------------------------------------------------------------


def _classes(table: TableView) -> list[Any]:
    known = table.meta.get("classes")
    found = [*(known if isinstance(known, list) else []), *column(table, "true"), *column(table, "predicted")]
    return list({text.exact(name): name for name in found}.values())


def _confusion_matrix(ax: Axes, tables: Sequence[TableView], _: Sequence[str]) -> list[str]:
    table = tables[0]
    classes = _classes(table)
    count = len(classes)
    places = {text.exact(name): at for at, name in enumerate(classes)}
    cells = np.zeros((count, count))
    true, predicted = ([places[text.exact(name)] for name in column(table, side)] for side in ("true", "predicted"))
    np.add.at(cells, (true, predicted), np.nan_to_num(numbers(table, "count")))
    rows = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, rows, out=np.zeros_like(cells), where=rows > 0)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    if count <= _COUNTED:
        for (at, to), amount in np.ndenumerate(cells):
            color = "white" if shares[at, to] > 0.55 else "#1f2933" if amount else "#b6bcc4"
            ax.text(to, at, _amount(amount), ha="center", va="center", color=color, fontsize=10 - count / 5)
    _edges(ax, classes)
    return [f"{100 * np.trace(cells) / max(cells.sum(), 1e-300):.1f} % on the diagonal"]


def _edges(ax: Axes, classes: Sequence[Any]) -> None:
    every = -(-len(classes) // _TICKS)
    ticks = range(0, len(classes), every)
    names = [label(classes[at], 18) for at in ticks]
    small = 9 if len(ticks) <= 20 else 6.5
    ax.set_xticks(ticks, names, fontsize=small)
    ax.set_yticks(ticks, names, fontsize=small)
    if len(ticks) > 20:
        ax.tick_params(axis="x", labelrotation=90)
    elif max(map(len, names)) > 30 / len(ticks):
        for tick in ax.get_xticklabels():
            tick.set(rotation=40, ha="right", rotation_mode="anchor")
    ax.set(xlabel="predicted (color: share of the row)", ylabel="true")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _amount(count: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 10 * unit:
            return f"{count / unit:.3g}{name}"
    return text.number(int(count)) if count == int(count) else f"{count:.3g}"


def _confusion_size(tables: Sequence[TableView]) -> tuple[float, float]:
    classes = _classes(tables[0])
    side = min(max(3.2 + 0.4 * len(classes), 4.6), 9.5)
    longest = max(len(label(name, 18)) for name in classes)
    return side + 0.06 * longest, side + 0.04 * longest


DRAWINGS = {
    "confusion_matrix": Drawing(_confusion_matrix, _confusion_size, overlays=False),
    "roc_curve": Drawing(_roc_curve, square),
    "precision_recall_curve": Drawing(_precision_recall_curve, square),
    "calibration_curve": Drawing(_calibration_curve, square),
}
