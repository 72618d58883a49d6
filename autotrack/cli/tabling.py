"""``autotrack show --table``, ``--trials`` and ``--pictures``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rich.text import Text

import autotrack
from autotrack.cli.output import console, print_json
from autotrack.cli.output import table as empty_table
from autotrack.views import RunView, TableView, text
from autotrack.views.grid import Grid, best_first, layout
from autotrack.views.tables import pictures, rows_of

_ROWS = 20


class Rows(NamedTuple):
    """Which rows of a table are shown."""

    where: str = ""
    sort: str = ""
    limit: int | None = None


def show_table(store: str | None, ref: str, name: str, rows: Rows, *, as_json: bool) -> None:
    """Print a table of a run."""
    found = _table(autotrack.open_store(store).run(ref), name)
    order = rows.sort or ("" if as_json else best_first(found))
    chosen = found.where(rows.where).sort(order)
    if as_json:
        shown = chosen if rows.limit is None else chosen.head(rows.limit)
        facts = {"run": found.run, "name": found.name, "kind": found.kind, "meta": dict(found.meta)}
        print_json({**facts, "total": found.total, "matching": len(chosen), "rows": list(shown)})
        return
    out = console()
    shown = chosen.head(_ROWS if rows.limit is None else rows.limit)
    out.print(Text.assemble((text.value(found.name, 60), "bold"), (f"  {text.value(found.run_name, 60)}", "dim")))
    counts = rows_of(chosen, len(shown))
    if len(shown) and shown.columns:
        grid = layout(chosen, shown, out.width - 2, 3, f"{rows.where} {rows.sort}")
        out.print(_drawn(grid))
        counts = grid.counts
    by = f", by {order}" if order else ""
    out.print(Text(f"{counts}{by} · --where, --sort, --limit, --json", style="dim"), soft_wrap=True)


def draw_tables(store: str | None, ref: str, folder: str, *, only: str = "") -> bool:
    """Write a picture of every table that can be drawn; return whether all that were tried are there."""
    module = pictures()
    run = autotrack.open_store(store).run(ref)
    wanted = [_table(run, only)] if only else [t for t in run.tables.values() if module.is_drawable(t)]
    out = console()
    written = 0
    for table in wanted:
        try:
            path: Path = module.save(table, folder)
        except (autotrack.AutotrackError, OSError) as error:
            out.print(Text(f"{text.value(table.name, 60)}: {text.block(str(error))}", style="red"), soft_wrap=True)
        else:
            written += 1
            out.print(Text(text.printable(str(path))), soft_wrap=True)
    about = "" if only else f" ({len(wanted):,} of {text.plural(len(run.tables), 'table')} can be drawn)"
    out.print(Text(f"{text.plural(written, 'picture')} written{about}", style="dim"), soft_wrap=True)
    return written == len(wanted)


def _table(run: RunView, name: str) -> TableView:
    try:
        return run.tables[name]
    except KeyError as error:
        if name == "trials":
            message = (
                f"{text.value(run.name, 60)} has no table of trials: --trials is for searches, such as GridSearchCV"
            )
            raise autotrack.AutotrackError(message) from None
        raise autotrack.AutotrackError(str(error.args[0])) from None


def _drawn(grid: Grid) -> object:
    drawn = empty_table()
    for at, right in enumerate(grid.right):
        head = "\n".join(line[at] for line in grid.heads)
        drawn.add_column(Text(head), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for row in grid.rows:
        drawn.add_row(*map(Text, row))
    return drawn
