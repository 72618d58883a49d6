"""``autotrack runs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

import autotrack
from autotrack.cli.output import console, print_json, status, table
from autotrack.query.fields import RUN_FIELDS
from autotrack.views import RunView, text
from autotrack.views.overview import Column, layout

_DIM = ("id", "started")
_EMPTY = """No runs yet in {place}. Three lines record one:

    import autotrack
    autotrack.autolog()
    LogisticRegression().fit(X, y)          # any scikit-learn model

or try `autotrack demo`."""


def list_runs(store: str | None, where: str, sort: str, limit: int | None, *, as_json: bool) -> None:
    """Print the runs that match."""
    opened = autotrack.open_store(store)
    found = opened.runs(where or None, order_by=order(sort) or None, limit=limit)
    if as_json:
        print_json([as_dict(run) for run in found])
        return
    out = console()
    if not found:
        place = text.printable(opened.url)
        if not where:
            out.print(Text(_EMPTY.format(place=place)))
            return
        out.print(Text(text.block(f"No run in {place} matches {where}")), soft_wrap=True)
        for remark in opened.remarks(where):
            out.print(Text(text.printable(remark), style="yellow"), soft_wrap=True)
        return
    # Of the terminal the table's edges and the dot in front of a state are not for the columns.
    columns, about = layout(found, found.total, f"{where} {sort}", out.width - 4, 3)
    out.print(_table(columns, found))
    more = "" if len(found) == found.total else " · --all shows all, a filter finds some"
    out.print(Text(f"{about} in {text.printable(opened.url)}{more} · autotrack show RUN", style="dim"), soft_wrap=True)


def order(sort: str) -> str:
    """Return an order expression; a bare name that is no field of runs is a metric: ``-train/score``."""
    name = sort.strip()
    sign = "-" if name.startswith("-") else ""
    name = name.removeprefix("-")
    if not name or name in RUN_FIELDS or name.startswith(("params", "metrics", "tags")) or "," in name:
        return sign + name
    return f"{sign}metrics[{name!r}]"


def as_dict(run: RunView) -> dict[str, Any]:
    """Return what a script may want to know of a run in a list."""
    return {
        "id": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "started": run.started,
        "finished": run.finished,
        "duration": run.duration,
        "params": dict(run.params),
        "metrics": dict(run.metrics),
        "tags": dict(run.tags),
    }


def _table(columns: Sequence[Column], found: Sequence[RunView]) -> Any:
    grid = table()
    for column in columns:
        right = column.right or column.title == "took"
        style = "cyan" if column.group == "metrics" else ""
        grid.add_column(Text(column.head, style=style), justify="right" if right else "left", no_wrap=True)
    for at, run in enumerate(found):
        cells = [Text(column.cell(at), style="dim" if column.title in _DIM else "") for column in columns]
        grid.add_row(
            *(
                status(run.status) if (column.group, column.title) == ("", "status") else cell
                for column, cell in zip(columns, cells, strict=True)
            )
        )
    return grid
