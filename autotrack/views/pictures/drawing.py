"""What all drawings share: colors, numbers of columns, texts, legends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from autotrack.errors import AutotrackError
from autotrack.views import text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from autotrack.views.tables import TableView

Place = Literal["best", "lower left", "lower right", "upper right"]
Numbers = npt.NDArray[np.float64]

COLORS = (
    "#3b82d8", "#d9662b", "#2f9e54", "#8b5cc7", "#c2842c", "#d6455d", "#1d9aa8", "#b84f8e", "#6b7280", "#7f9a26",
)  # fmt: skip
GRAY = "#8b8f98"


class CannotDraw(AutotrackError, ValueError):
    """A table of which there is no picture."""


class Drawing(NamedTuple):
    """How tables of a kind are drawn."""

    draw: Callable[[Axes, Sequence[TableView], Sequence[str]], list[str]]
    """Draws tables, which have these names, and returns notes: what is left out."""
    size: Callable[[Sequence[TableView]], tuple[float, float]]
    """Width and height in inches."""
    overlays: bool = True
    """Whether several tables are drawn above each other."""


def label(value: Any, width: int = 28) -> str:
    """Return any value as a text in a picture: `$` does not begin a formula, and `_` does not hide it from legends."""
    return safe(text.value(value, width))


def tailed(name: str, width: int) -> str:
    """Return a text like `label`, of which the middle is cut: long names of features differ at their ends."""
    shown = text.printable(name)
    if text.cells(shown) <= width:
        return label(name, width)
    head = width // 3
    return safe(f"{shown[:head]}…{shown[head + 1 - width :]}")


def safe(shown: str) -> str:
    """Return a text that matplotlib shows as it is."""
    shown = shown.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def column(table: TableView, name: str) -> list[Any]:
    """Return a column; `CannotDraw` where there is none."""
    if name not in table.columns:
        raise CannotDraw(f"table {text.value(table.name, 60)!r} of kind {table.kind} has no column {name!r} to draw")
    return table.columns[name]


def numbers(table: TableView, name: str) -> Numbers:
    """Return a column as numbers; NaN for what is none."""
    return as_numbers(column(table, name))


def as_numbers(cells: Sequence[Any]) -> Numbers:
    """Return cells as numbers; NaN for what is none, and for what is too large."""
    return np.array([_as_float(cell) if text.is_number(cell) else np.nan for cell in cells], np.float64)


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("nan")


def plain(ax: Axes) -> None:
    """Give axes the look of all pictures."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(visible=True, alpha=0.25, linewidth=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=9)


def legend(ax: Axes, lines: Sequence[Any], names: Sequence[str], place: Place = "best") -> None:
    """Say which line is which."""
    if lines:
        ax.legend(lines, names, loc=place, fontsize=8.5, framealpha=0.85, edgecolor="none")


def cut(table: TableView) -> list[str]:
    """Return of how much a table is a part, as its meta says."""
    meta = table.meta
    found = (("classes_shown", "classes_of", "classes"), ("shown", "of", "rows"), ("points", "of", "points"))
    pairs = [(meta.get(shown), meta.get(of), noun) for shown, of, noun in found]
    return [f"{n:,} of {m:,} {noun}" for n, m, noun in pairs if isinstance(n, int) and isinstance(m, int) and n < m]


def wide(_: Sequence[TableView]) -> tuple[float, float]:
    """Return the usual size."""
    return 6.8, 4.6


def square(_: Sequence[TableView]) -> tuple[float, float]:
    """Return the size of a square between 0 and 1."""
    return 5.8, 6.0
