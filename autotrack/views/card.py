"""One run as an HTML card for notebooks: how it went, metrics, params, what belongs to it, why it failed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from autotrack.views import text
from autotrack.views.html import (
    COLORS,
    MONO,
    NUMBERS,
    PLAIN,
    RULE,
    SMALL,
    TABLE,
    element,
    exact,
    page,
    row,
    status,
    value,
)
from autotrack.views.prominence import changed, in_order, is_fact, kind_beyond, last_models, params_in_order

if TYPE_CHECKING:
    from autotrack.views.run import RunView

_VALUES = 24  # params, metrics, tags
_THINGS = 8  # models, data sets, tables, artifacts, notes
_TRACE = 60  # lines


class _Cell(NamedTuple):
    """One cell of a small table: HTML, tooltip, side."""

    inner: str
    title: str = ""
    right: bool = False


def run_card(run: RunView) -> str:
    """Return a run on a card."""
    name = element("b", "font-size:15px;overflow-wrap:anywhere", escape(text.value(run.name, 120)))
    state = element("span", "white-space:nowrap", status(run.status))
    head = element("div", "display:flex;justify-content:space-between;gap:16px;align-items:baseline", name + state)
    blocks = [
        _block("metrics", _metrics(run), len(run.metrics)),
        _block("params", _params(run), len(run.params)),
        _block("tags", _tags(run), len(run.tags)),
        _block("models", _models(run), len({m.name for m in run.models})),
        _block("data", _data(run), len(run.datasets)),
        _block("tables", _tables(run), len(run.tables)),
        _block("artifacts", _artifacts(run), len(run.artifacts)),
        _block("notes", _notes(run), len(run.notes)),
    ]
    body = element("div", "display:flex;flex-wrap:wrap;gap:10px 36px;align-items:flex-start", "".join(blocks))
    frame = f"border:{RULE};border-radius:8px;padding:12px 16px;max-width:920px"
    return page(element("div", frame, head + _facts(run) + _error(run) + body))


def _facts(run: RunView) -> str:
    facts = [
        ("experiment", escape(text.value(run.experiment, 60))),
        ("started", text.when(run.started)),
        ("took", text.length(run.duration)),
        ("attempt", str(run.attempt) if run.attempt > 1 else ""),
        ("id", element("span", MONO, escape(run.id))),
    ]
    told = [element("span", "opacity:.6", name) + f" {shown}" for name, shown in facts if shown]
    return element("div", f"{NUMBERS}margin:2px 0 8px", "".join(element("span", "margin-right:16px", t) for t in told))


def _error(run: RunView) -> str:
    if run.error is None:
        return ""
    lines = run.error.traceback.split("\n")
    cut = [f"… (the last {_TRACE} of {len(lines):,} lines)", *lines[-_TRACE:]] if len(lines) > _TRACE else lines
    trace = escape("\n".join(text.shorten(text.printable(line), 400) for line in cut))
    message = run.error.message.partition("\n")[0]
    reason = f"<b>{escape(text.value(run.error.type, 80))}</b>: {escape(text.value(message, 300))}"
    summary = element("summary", "cursor:pointer;overflow-wrap:anywhere", reason)
    pre = element("pre", f"{MONO}{PLAIN}overflow-x:auto;margin:6px 0;border:none;padding:0", trace)
    style = f"border-left:3px solid {COLORS['failed']};padding:2px 10px;margin:6px 0 10px"
    return element("details", style, summary + pre)


def _block(title: str, rows: Sequence[Sequence[_Cell]], count: int) -> str:
    if not rows:
        return ""
    style = f"{PLAIN}{NUMBERS}padding:2px 14px 2px 0;border:none;vertical-align:baseline;overflow-wrap:anywhere;"
    body = "".join(
        row("".join(element("td", style + ("text-align:right" if c.right else ""), c.inner, c.title) for c in cells))
        for cells in rows
    )
    head = element("div", "font-size:11px;letter-spacing:.04em;opacity:.6;margin:4px 0 3px", title)
    more = element("div", SMALL, f"{len(rows)} of {count:,}") if count > len(rows) else ""
    return element("div", "min-width:0;max-width:100%", head + element("table", TABLE, f"<tbody>{body}</tbody>") + more)


def _key(key: str) -> _Cell:
    return _Cell(element("span", "opacity:.75;white-space:nowrap", escape(text.value(key, 36))), exact(key, 36))


def _text(item: str, width: int = 60) -> _Cell:
    return _Cell(escape(text.value(item, width)) if item else "", exact(item, width))


def _params(run: RunView) -> list[list[_Cell]]:
    told = changed(run)
    rows = []
    for key in params_in_order(run)[:_VALUES]:
        item = run.params[key]
        shown = value(item, 40)
        style = "font-weight:600" if key in told else "opacity:.6" if told and not key.startswith("best/") else ""
        rows.append([_key(key), _Cell(element("span", style, shown) if style else shown, exact(item, 40))])
    return rows


def _metrics(run: RunView) -> list[list[_Cell]]:
    rows = []
    summaries = run.metric_summaries
    for key in in_order(summaries)[:_VALUES]:
        s = summaries[key]
        span = ""
        if s.count > 1 and s.min is not None and s.max is not None:
            span = f"{text.number(s.min)} … {text.number(s.max)} in {text.plural(s.count, 'point')}"
        shown = value(s.last)
        last = _Cell(element("span", "opacity:.6", shown) if is_fact(key) else shown, exact(s.last), right=True)
        rows.append([_key(key), last, _Cell(element("span", "opacity:.6", span))])
    return rows


def _tags(run: RunView) -> list[list[_Cell]]:
    return [[_key(k), _text(v, 48)] for k, v in list(run.tags.items())[:_VALUES]]


def _models(run: RunView) -> list[list[_Cell]]:
    return [
        [_key(m.name), _text(m.type), _text(m.format, 20), _Cell(text.size(m.size), right=True), _text(versions)]
        for m, versions in last_models(run.models)[-_THINGS:]
    ]


def _data(run: RunView) -> list[list[_Cell]]:
    return [
        [_key(d.name), _text(d.role, 20), _text(d.kind, 40), _Cell(" &times; ".join(f"{n:,}" for n in d.shape[:6]))]
        for d in run.datasets[:_THINGS]
    ]


def _tables(run: RunView) -> list[list[_Cell]]:
    return [
        [_key(t.name), _text(kind_beyond(t.name, t.kind), 30), _Cell(text.plural(len(t), "row"), right=True)]
        for t in list(run.tables.values())[:_THINGS]
    ]


def _artifacts(run: RunView) -> list[list[_Cell]]:
    return [[_key(a.name), _Cell(text.size(a.size), right=True)] for a in run.artifacts[:_THINGS]]


def _notes(run: RunView) -> list[list[_Cell]]:
    return [[_key(n.kind), _text(n.text, 300)] for n in run.notes[:_THINGS]]
