"""Tables as pictures, with matplotlib's objects alone: no pyplot, no backend, no setting of the user's is touched."""

from __future__ import annotations

import io
import math
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from autotrack.views import text
from autotrack.views.parts import below
from autotrack.views.pictures import classes, numbers, scores
from autotrack.views.pictures.drawing import CannotDraw, label
from autotrack.views.tables import rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from autotrack.views.tables import TableView

_DPI = 200
_INCH = 100  # pixels of a page
_SIDE_BY_SIDE = 3  # pictures of tables that cannot lie above each other

DRAWINGS = {**classes.DRAWINGS, **numbers.DRAWINGS, **scores.DRAWINGS}
"""How tables are drawn, by kind."""


class Picture(Figure):
    """A figure that notebooks show, also where pyplot is not in use."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = self.get_size_inches()
        return png(self), {"width": round(width * _INCH), "height": round(height * _INCH)}


def draw(tables: Sequence[TableView], ax: Axes | None = None) -> Figure:
    """Draw tables of one kind together: above each other, or side by side where that cannot be.

    Raises `CannotDraw` for tables of different kinds, of a kind that is not drawn, or without what is to be drawn.
    """
    _check(tables)
    drawing = DRAWINGS[tables[0].kind]
    names = _names(tables)
    if drawing.overlays or len(tables) == 1:
        figure = ax.figure if ax is not None else _figure(*drawing.size(tables))
        axes = ax if ax is not None else figure.add_subplot()
        notes = drawing.draw(axes, tables, names)
        _title(axes, tables, [*(names if len(tables) == 1 else []), *notes])
        return cast("Figure", figure)
    if ax is not None:
        raise CannotDraw(f"several tables of kind {tables[0].kind} are drawn side by side: call plot() without ax")
    columns = min(len(tables), _SIDE_BY_SIDE)
    rows = math.ceil(len(tables) / columns)
    width, height = map(max, zip(*(drawing.size([table]) for table in tables), strict=True))
    figure = _figure(width * columns, height * rows)
    for at, (table, name) in enumerate(zip(tables, names, strict=True)):
        axes = figure.add_subplot(rows, columns, at + 1)
        _title(axes, [table], [name, *drawing.draw(axes, [table], [name])])
    return figure


def is_drawable(table: TableView) -> bool:
    """Return whether there is a picture for tables of this kind."""
    return table.kind in DRAWINGS


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the font does not have shows as boxes; whoever looks at the picture sees that.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


def save(table: TableView, folder: str | os.PathLike[str]) -> Path:
    """Draw a table into ``<folder>/<name of the table>.png``, in place of a file of that name, and return where it is.

    A name with `/` makes folders below, never outside. StoreError for a name that would, OSError where it cannot be
    written, `CannotDraw` as `draw`.
    """
    target = below(folder, f"{table.name}.png", "plot() and savefig() write it where you want it")
    content = png(draw([table]))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # what it may link to is left alone
    with target.open("xb") as file:
        file.write(content)
    return target


def _figure(width: float, height: float) -> Picture:
    figure = Picture(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _check(tables: Sequence[TableView]) -> None:
    kind = tables[0].kind
    for table in tables:
        if not hasattr(table, "kind"):
            raise TypeError(f"plot takes other tables, not {type(table).__name__}")
        named = f"table {text.value(table.name, 60)!r} is of kind {text.value(table.kind, 30)!r}"
        if table.kind != kind:
            raise CannotDraw(f"{named}: only others of kind {text.value(kind, 30)!r} are drawn with this one")
        if kind not in DRAWINGS:
            raise CannotDraw(f"{named}, which is not drawn (to_pandas().plot() is): kinds are {', '.join(DRAWINGS)}")
        if not len(table):
            raise CannotDraw(f"table {text.value(table.name, 60)!r} has no rows: there is nothing to draw")


def _names(tables: Sequence[TableView]) -> list[str]:
    """Return what each table is called in a legend: by its run, and by more where that does not tell them apart."""
    one_run = len(tables) > 1 and len({table.run for table in tables}) == 1
    names = [table.name if one_run else table.run_name for table in tables]
    several = Counter(names)
    width = 32 if len(tables) > 1 else 60
    found = []
    for name, table in zip(names, tables, strict=True):
        run = f" {table.run[-4:]}" if several[name] > 1 and not one_run else ""
        found.append(f"{label(name, width)}{run}{f', {rows_of(table)}' if len(table) < table.total else ''}")
    return found


def _title(axes: Axes, tables: Sequence[TableView], notes: Sequence[str]) -> None:
    name = tables[0].name if len({table.name for table in tables}) == 1 else tables[0].kind
    # The last line is left free for the notes.
    axes.set_title(label(name, 60) + ("\n" if notes else ""), loc="left", fontsize=11, fontweight="bold")
    below: dict[str, Any] = {"textcoords": "offset points", "fontsize": 9, "alpha": 0.65}
    axes.annotate(" · ".join(notes), (0, 1), (0, 7), xycoords="axes fraction", annotation_clip=False, **below)
