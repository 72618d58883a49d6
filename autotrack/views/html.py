"""Runs and tables as HTML for notebooks: inline styles, no scripts, readable on light and dark pages, all escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from autotrack.views import text
from autotrack.views.chart import FONT
from autotrack.views.grid import counts as counts_of_table
from autotrack.views.grid import wanted_columns
from autotrack.views.overview import MISSING, Column, counts, metric_columns, param_columns

if TYPE_CHECKING:
    from autotrack.views.run import RunView
    from autotrack.views.runs import Runs
    from autotrack.views.tables import TableView

_ROWS = 50
_PARAMS, _METRICS = 6, 6
_TABLE_ROWS, _TABLE_COLUMNS = 20, 40  # of a table of a run

# Mid-tones, which stand out from white and from near-black alike; all else is the page's own text color, more or less
# transparent.
COLORS = {
    "running": "#3b82d8",
    "finished": "#2f9e54",
    "failed": "#e5534b",
    "interrupted": "#c2842c",
    "killed": "#d9662b",
    "lost": "#8b8f98",
}
RULE = "1px solid rgba(128,128,128,.28)"
FAINT = "1px solid rgba(128,128,128,.14)"
PLAIN = "background:transparent;color:inherit;"  # instead of what notebooks give every table
NUMBERS = "font-variant-numeric:tabular-nums;"
MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px;"
TABLE = "border-collapse:collapse;border:none;margin:0;font-size:13px;text-align:left"
SMALL = "font-size:12px;opacity:.65;"
_CELL = f"{PLAIN}{NUMBERS}padding:5px 10px;white-space:nowrap;vertical-align:baseline;border:none;"


def element(name: str, style: str, inner: str, title: str = "") -> str:
    """Return an element. `inner` is HTML, `title` (a tooltip) plain text."""
    tip = f' title="{escape(text.value(title, 400))}"' if title else ""
    return f'<{name}{tip} style="{style}">{inner}</{name}>'


def page(inner: str) -> str:
    """Return what every representation is wrapped in."""
    return element("div", f"{FONT}font-size:13px;line-height:1.45;color:inherit", inner)


def row(cells: str) -> str:
    """Return a row of a table."""
    return element("tr", "background:transparent", cells)


def status(name: str) -> str:
    """Return a state as a colored dot and its word."""
    color = COLORS.get(name, COLORS["lost"])
    shape = "display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:7px;"
    return element("span", f"{shape}background:{color}", "") + escape(name)


def value(item: Any, width: int = 28) -> str:
    """Return a recorded value."""
    return element("span", "opacity:.35", "-") if item is MISSING else escape(text.value(item, width))


def exact(item: Any, width: int = 28) -> str:
    """Return the whole value for a tooltip; empty where its cell shows all of it."""
    if item is MISSING or item is None or isinstance(item, bool):
        return ""
    full = item if isinstance(item, str) else text.exact(item)
    return "" if full == text.value(item, width) else full


def runs_table(runs: Runs, focus: str) -> str:
    """Return a table of runs and, below it, how much of everything it shows."""
    shown = runs[:_ROWS]
    if not shown:
        nothing = f"0 of {text.plural(runs.total, 'run')}" if runs.total else "No runs."
        return page(element("div", "opacity:.7", nothing))
    params, metrics = param_columns(shown, focus), metric_columns(shown, focus)
    chosen = metrics[:_METRICS], params[:_PARAMS]
    noun = "params that differ" if len(shown) > 1 else "params"
    several = len({run.experiment for run in shown}) > 1
    base = ["run", *(["experiment"] if several else []), "status", "started", "took"]
    groups = row(
        element("th", _CELL, "").replace("<th", f'<th colspan="{len(base)}"', 1)
        + "".join(_group(columns, name) for columns, name in zip(chosen, ("metrics", noun), strict=True))
    )
    heads = "".join(_head(name, right=name == "took") for name in base)
    heads += "".join(
        _head(column.title, right=column.right, first=i == 0) for columns in chosen for i, column in enumerate(columns)
    )
    body = "".join(row(_base_cells(run, several=several) + _cells(chosen, at)) for at, run in enumerate(shown))
    head = element("thead", f"border-bottom:{RULE}", groups + row(heads))
    table = element("table", TABLE, f"{head}<tbody>{body}</tbody>")
    hidden = [(len(chosen[0]), len(metrics), "metrics"), (len(chosen[1]), len(params), noun)]
    footer = element("div", f"{SMALL}padding:6px 10px", escape(counts(len(shown), runs.total, hidden)))
    return page(element("div", "overflow-x:auto", table) + footer)


def table_html(table: TableView) -> str:
    """Return the first rows of a table of a run and, below it, how much of everything they are."""
    shown = table.head(_TABLE_ROWS)
    columns = wanted_columns(shown)[:_TABLE_COLUMNS]
    facts = f"{text.value(table.kind, 30)} of {text.value(table.run_name, 40)}"
    name = element("b", "", escape(text.value(table.name, 60)))
    title = element("div", "padding:0 10px 4px", f"{name} {element('span', SMALL, escape(facts))}")
    head = element("thead", f"border-bottom:{RULE}", row("".join(_head(c.title, right=c.right) for c in columns)))
    body = "".join(row("".join(_cell(column, at) for column in columns)) for at in range(len(shown)))
    grid = element("table", TABLE, f"{head}<tbody>{body}</tbody>") if columns else ""
    footer = element("div", f"{SMALL}padding:6px 10px", escape(counts_of_table(table, len(shown), len(columns))))
    return page(title + element("div", "overflow-x:auto", grid) + footer)


def _cell(column: Column, at: int, *, first: bool = False) -> str:
    style = f"{_CELL}border-bottom:{FAINT};text-align:{'right' if column.right else 'left'};"
    item = column.values[at]
    return element("td", style + (f"border-left:{FAINT}" if first else ""), value(item), exact(item))


def _group(columns: Sequence[Column], name: str) -> str:
    style = f"{_CELL}padding-bottom:0;font-weight:500;font-size:11px;letter-spacing:.04em;opacity:.6;text-align:left;"
    cell = element("th", f"{style}border-left:{FAINT}", name)
    return cell.replace("<th", f'<th colspan="{len(columns)}"', 1) if columns else ""


def _head(name: str, *, right: bool = False, first: bool = False) -> str:
    style = f"{_CELL}font-weight:600;text-align:{'right' if right else 'left'};"
    shown = escape(text.value(name, 28)) if name else "&#39;&#39;"
    return element("th", style + (f"border-left:{FAINT}" if first else ""), shown, exact(name))


def _base_cells(run: RunView, *, several: bool) -> str:
    left, right = (f"{_CELL}border-bottom:{FAINT};text-align:{side}" for side in ("left", "right"))
    name = element("b", "", escape(text.value(run.name, 32)))
    short = element("span", f"{MONO}opacity:.55", escape(run.id[-8:]))
    cells = element("td", left, f"{name} {short}", exact(run.name, 32))
    if several:
        cells += element("td", left, escape(text.value(run.experiment, 24)), exact(run.experiment, 24))
    cells += element("td", left, status(run.status)) + element("td", left, text.when(run.started))
    return cells + element("td", right, text.length(run.duration))


def _cells(groups: Sequence[Sequence[Column]], at: int) -> str:
    return "".join(_cell(column, at, first=i == 0) for columns in groups for i, column in enumerate(columns))
