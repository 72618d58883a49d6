"""Runs as HTML for notebooks: inline styles only, no scripts, readable on light and dark pages, everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from autotrack.views import text
from autotrack.views.chart import FONT
from autotrack.views.overview import MISSING, Column, counts, metric_columns, param_columns

if TYPE_CHECKING:
    from autotrack.views.run import RunView
    from autotrack.views.runs import Runs

_ROWS = 50
_PARAMS, _METRICS = 6, 6
_CARD_ROWS = 24

# Mid-tones, which stand out from white and from near-black alike; all else is the page's own text color, more or less
# transparent.
_COLORS = {
    "running": "#3b82d8",
    "finished": "#2f9e54",
    "failed": "#e5534b",
    "interrupted": "#c2842c",
    "killed": "#d9662b",
    "lost": "#8b8f98",
}
_RULE = "1px solid rgba(128,128,128,.28)"
_FAINT = "1px solid rgba(128,128,128,.14)"
_NUMBERS = "font-variant-numeric:tabular-nums;"
_CELL = "padding:5px 10px;white-space:nowrap;background:transparent;color:inherit;vertical-align:baseline;"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px;"


def runs_table(runs: Runs, focus: str) -> str:
    """Return a table of runs and, below it, how much of everything it shows."""
    shown = runs[:_ROWS]
    if not shown:
        return _page('<div style="opacity:.7">No runs.</div>')
    params, metrics = param_columns(shown, focus), metric_columns(shown, focus)
    columns = [*metrics[:_METRICS], *params[:_PARAMS]]
    several = len({run.experiment for run in shown}) > 1
    base = ["run", *(["experiment"] if several else []), "status", "started", "took"]
    head = "".join(_head(name, right=name == "took") for name in base)
    for i, column in enumerate(columns):
        first = i in (0, min(len(metrics), _METRICS))
        head += _head(text.value(column.title, 28), right=column.right, first=first, full=column.title)
    body = "".join(_row(run, i, columns, len(metrics[:_METRICS]), several=several) for i, run in enumerate(shown))
    groups = _groups(len(base), len(metrics[:_METRICS]), len(params[:_PARAMS]), "params that differ" if len(shown) > 1 else "params")
    hidden = (
        (min(len(metrics), _METRICS), len(metrics), "metrics"),
        (min(len(params), _PARAMS), len(params), "params that differ" if len(shown) > 1 else "params"),
    )
    return _page(
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;border:none;margin:0;font-size:13px;'
        f'text-align:left"><thead style="border-bottom:{_RULE}">{groups}<tr style="background:transparent">{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f'<div style="font-size:12px;opacity:.65;padding:6px 10px">{escape(counts(len(shown), runs.total, hidden))}</div>'
    )


def _page(inner: str) -> str:
    return f'<div style="{FONT}font-size:13px;line-height:1.45;color:inherit">{inner}</div>'


def _groups(base: int, metrics: int, params: int, noun: str) -> str:
    style = f"{_CELL}padding-bottom:0;text-align:left;font-weight:500;font-size:11px;letter-spacing:.04em;opacity:.6;border:none;"
    cells = f'<th colspan="{base}" style="{style}"></th>'
    for span, name in ((metrics, "metrics"), (params, noun)):
        if span:
            cells += f'<th colspan="{span}" style="{style}border-left:{_FAINT};">{name}</th>'
    return f'<tr style="background:transparent">{cells}</tr>' if metrics or params else ""


def _head(name: str, *, right: bool = False, first: bool = False, full: str = "") -> str:
    align = "right" if right else "left"
    edge = f"border:none;border-left:{_FAINT};" if first else "border:none;"
    title = f' title="{escape(text.value(full, 400))}"' if full else ""
    return f'<th{title} style="{_CELL}text-align:{align};font-weight:600;{edge}">{escape(name) or "&#39;&#39;"}</th>'


def _row(run: RunView, at: int, columns: Sequence[Column], metrics: int, *, several: bool) -> str:
    line = f"border:none;border-bottom:{_FAINT};"
    name = (
        f'<td style="{_CELL}text-align:left;{line}" title="{escape(text.value(run.name, 400))}">'
        f"<b>{escape(text.value(run.name, 32))}</b> "
        f'<span style="{_MONO}opacity:.55">{escape(run.id[-8:])}</span></td>'
    )
    if several:
        name += f'<td style="{_CELL}text-align:left;{line}">{escape(text.value(run.experiment, 24))}</td>'
    name += f'<td style="{_CELL}text-align:left;{line}">{status(run.status)}</td>'
    name += f'<td style="{_CELL}text-align:left;{line}{_NUMBERS}">{text.when(run.started)}</td>'
    name += f'<td style="{_CELL}text-align:right;{line}{_NUMBERS}">{text.length(run.duration)}</td>'
    for i, column in enumerate(columns):
        edge = f"border-left:{_FAINT};" if i in (0, metrics) else ""
        align = "right" if column.right else "left"
        name += f'<td style="{_CELL}text-align:{align};{_NUMBERS}{line}{edge}"{_title(column.values[at])}>{_value(column.values[at])}</td>'
    return f'<tr style="background:transparent">{name}</tr>'


def status(name: str) -> str:
    """Return a state as a colored dot and its word."""
    color = _COLORS.get(name, "#8b8f98")
    dot = f'<span style="display:inline-block;width:8px;height:8px;border-radius:50%;background:{color};margin-right:7px"></span>'
    return f"{dot}{escape(name)}"


def _value(item: Any, width: int = 28) -> str:
    if item is MISSING:
        return '<span style="opacity:.35">–</span>'
    return escape(text.value(item, width))


def _title(item: Any) -> str:
    """Return the exact value as a tooltip, where the cell shows less."""
    if item is MISSING or item is None or isinstance(item, bool):
        return ""
    full = repr(item) if not isinstance(item, str) else item
    shown = text.value(item, 28)
    return "" if full == shown else f' title="{escape(text.value(full, 400) if isinstance(item, str) else text.shorten(text.printable(full), 400))}"'


def run_card(run: RunView) -> str:
    """Return a run on a card: how it went, params, metrics, what belongs to it, why it failed."""
    facts = [
        ("experiment", escape(text.value(run.experiment, 60))),
        ("started", text.when(run.started)),
        ("took", text.length(run.duration)),
        *([("attempt", str(run.attempt))] if run.attempt > 1 else []),
        ("id", f'<span style="{_MONO}">{escape(run.id)}</span>'),
    ]
    line = "".join(f'<span style="margin-right:16px"><span style="opacity:.6">{n}</span> {v}</span>' for n, v in facts if v)
    blocks = [_params(run), _metrics(run), _tags(run), _belongings(run)]
    notes = [
        f'<div style="padding:2px 0"><span style="opacity:.6">{escape(text.value(n.kind, 20))}</span> {escape(text.value(n.text, 300))}</div>'
        for n in run.notes[:8]
    ]
    if len(run.notes) > 8:
        notes.append(f'<div style="opacity:.65;font-size:12px">8 of {len(run.notes):,} notes</div>')
    return _page(
        f'<div style="border:{_RULE};border-radius:8px;padding:12px 16px;max-width:920px">'
        f'<div style="display:flex;justify-content:space-between;gap:16px;align-items:baseline">'
        f'<b style="font-size:15px;overflow-wrap:anywhere">{escape(text.value(run.name, 120))}</b>'
        f'<span style="white-space:nowrap">{status(run.status)}</span></div>'
        f'<div style="{_NUMBERS}margin:2px 0 8px">{line}</div>'
        f'{_error(run)}<div style="display:flex;flex-wrap:wrap;gap:14px 36px;align-items:flex-start">{"".join(blocks)}</div>'
        f'{"".join(notes) and _block("notes", "".join(notes))}</div>'
    )


def _error(run: RunView) -> str:
    if run.error is None:
        return ""
    color = _COLORS["failed"]
    lines = run.error.traceback.split("\n")
    cut = [f"… (the last 60 of {len(lines):,} lines)", *lines[-60:]] if len(lines) > 60 else lines
    trace = escape("\n".join(text.shorten(text.printable(row), 400) for row in cut))
    return (
        f'<details style="border-left:3px solid {color};padding:2px 10px;margin:6px 0 10px">'
        f'<summary style="cursor:pointer;overflow-wrap:anywhere"><b>{escape(text.value(run.error.type, 80))}</b>: '
        f"{escape(text.value(run.error.message, 300))}</summary>"
        f'<pre style="{_MONO}background:transparent;color:inherit;overflow-x:auto;margin:6px 0;border:none;padding:0">{trace}</pre></details>'
    )


def _block(title: str, inner: str) -> str:
    head = f'<div style="font-size:11px;letter-spacing:.04em;opacity:.6;margin:4px 0 3px">{title}</div>'
    return f'<div style="min-width:0;max-width:100%">{head}{inner}</div>'


def _lines(rows: Sequence[Sequence[tuple[str, bool, str]]], count: int) -> str:
    """Return a table without header; a cell is its HTML, whether it aligns right, its tooltip."""
    style = f"padding:2px 14px 2px 0;border:none;background:transparent;color:inherit;white-space:nowrap;{_NUMBERS}vertical-align:baseline;"
    body = "".join(
        '<tr style="background:transparent">'
        + "".join(f'<td style="{style}text-align:{"right" if right else "left"}"{title}>{inner}</td>' for inner, right, title in row)
        + "</tr>"
        for row in rows
    )
    more = f'<div style="opacity:.65;font-size:12px">{len(rows)} of {count:,}</div>' if count > len(rows) else ""
    return f'<table style="border-collapse:collapse;border:none;margin:0;font-size:13px"><tbody>{body}</tbody></table>{more}'


def _key(key: str) -> tuple[str, bool, str]:
    return f'<span style="opacity:.75">{escape(text.value(key, 36))}</span>', False, f' title="{escape(text.value(key, 400))}"'


def _params(run: RunView) -> str:
    if not run.params:
        return ""
    rows = [[_key(k), (_value(v, 40), text.is_number(v), _title(v))] for k, v in list(run.params.items())[:_CARD_ROWS]]
    return _block("params", _lines(rows, len(run.params)))


def _metrics(run: RunView) -> str:
    if not run.metrics:
        return ""
    rows = []
    for key, s in list(run.metric_summaries.items())[:_CARD_ROWS]:
        span = ""
        if s.count > 1 and s.min is not None and s.max is not None:
            span = f'<span style="opacity:.6">{text.number(s.min)} … {text.number(s.max)} in {text.plural(s.count, "point")}</span>'
        rows.append([_key(key), (_value(s.last), True, _title(s.last)), (span, False, "")])
    return _block("metrics", _lines(rows, len(run.metrics)))


def _tags(run: RunView) -> str:
    if not run.tags:
        return ""
    rows = [[_key(k), (_value(v, 48), False, _title(v))] for k, v in list(run.tags.items())[:_CARD_ROWS]]
    return _block("tags", _lines(rows, len(run.tags)))


def _belongings(run: RunView) -> str:
    """Return the models, data sets and artifacts."""
    blocks = ""
    if run.models:
        rows = [
            [_key(m.name), (escape(text.value(m.type, 60)), False, ""), (escape(text.value(m.format, 20)), False, ""), (text.size(m.size), True, "")]
            for m in run.models[-8:]
        ]
        blocks += _block("models", _lines(rows, len(run.models)))
    if run.datasets:
        rows = [
            [_key(d.name), (escape(text.value(d.kind, 40)), False, ""), (" × ".join(f"{n:,}" for n in d.shape[:6]), False, "")]
            for d in run.datasets[:8]
        ]
        blocks += _block("data", _lines(rows, len(run.datasets)))
    if run.artifacts:
        rows = [[_key(a.name), (text.size(a.size), True, "")] for a in run.artifacts[:8]]
        blocks += _block("artifacts", _lines(rows, len(run.artifacts)))
    return blocks
