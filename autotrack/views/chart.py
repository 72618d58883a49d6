"""A series as a small inline SVG: readable on light and dark pages, without scripts or style sheets."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from autotrack.views import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrack.views.series import Series, Stretch

_WIDTH, _HEIGHT = 560, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 12, 10, 22
_STRETCHES = 240
_LINE, _NAN, _INF = "#3b82d8", "#e5534b", "#c2842c"
FONT = "font-family:system-ui,-apple-system,'Segoe UI',sans-serif;"


def series_chart(series: Series) -> str:
    """Return the HTML of a series: its name, a chart, its summary, and how much of it the chart shows."""
    s = series.summary
    facts = [("last", text.number(s.last))]
    for name, value, step in (("min", s.min, s.min_step), ("max", s.max, s.max_step)):
        if value is not None and step is not None:
            facts.append((name, f"{text.number(value)} at {text.number(step)}"))
    told = " ".join(
        f'<span style="margin-left:14px;white-space:nowrap"><span style="opacity:.6">{n}</span> '
        f'<span style="font-variant-numeric:tabular-nums">{escape(v)}</span></span>'
        for n, v in facts
    )
    parts = series.outline(_STRETCHES)
    notes = _notes(series, parts)
    return (
        f'<div style="{FONT}font-size:13px;line-height:1.5;max-width:{_WIDTH}px">'
        f'<div><b style="overflow-wrap:anywhere">{escape(text.value(series.key, 80))}</b>{told}</div>'
        f"{svg(parts)}"
        f'<div style="font-size:12px;opacity:.65">{escape(notes)}</div></div>'
    )


def _notes(series: Series, parts: Sequence[Stretch]) -> str:
    s = series.summary
    drawn = text.plural(s.count, "point")
    found = [f"{len(parts):,} stretches of {drawn}" if len(parts) < s.count else drawn]
    found += [f"{s.nan:,} NaN (red)"] * bool(s.nan) + [f"{s.inf:,} infinite (amber)"] * bool(s.inf)
    return ", ".join(found)


class _Scale(NamedTuple):
    """From numbers to pixels."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        # Halves: the difference of two extremes may overflow.
        span = self.high / 2 - self.low / 2
        part = (value / 2 - self.low / 2) / span if span > 0 else 0.5
        return round(self.start + (self.stop - self.start) * part, 2)


def svg(parts: Sequence[Stretch]) -> str:
    """Return an SVG element: a line through the extremes of each stretch, marks where something is not finite."""
    steps = [step for p in parts for step in (p.first_step, p.last_step)]
    values = [value for p in parts for value in (p.min, p.max) if value is not None]
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    x = _Scale(min(steps), max(steps), _LEFT, right)
    y = _Scale(min(values, default=0.0), max(values, default=0.0), bottom, _TOP)
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{right}" y1="{at:g}" y2="{at:g}" stroke="currentColor" stroke-opacity=".15"/>'
        for at in (_TOP, (_TOP + bottom) / 2, bottom)
    )
    labels = [_label(_LEFT - 8, y(v) + 4, "end", v) for v in _ticks(y)] if values else []
    if x.high > x.low:
        labels += [_label(_LEFT, _HEIGHT - 6, "start", x.low), _label(right, _HEIGHT - 6, "end", x.high)]
    else:
        labels.append(_label((_LEFT + right) / 2, _HEIGHT - 6, "middle", x.low))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'style="display:block;max-width:100%;height:auto;{FONT}font-size:11px;font-variant-numeric:tabular-nums">'
        f"{grid}{_lines(parts, x, y)}{_marks(parts, x, bottom)}{''.join(labels)}</svg>"
    )


def _ticks(scale: _Scale) -> list[float]:
    if scale.high > scale.low:
        return [scale.low, scale.low / 2 + scale.high / 2, scale.high]
    return [scale.low]


def _label(x: float, y: float, anchor: str, value: float) -> str:
    where = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    shown = text.number(value) if value.is_integer() else f"{value:.4g}"
    return f'<text {where} fill="currentColor" fill-opacity=".65">{shown}</text>'


def _marks(parts: Sequence[Stretch], x: _Scale, bottom: float) -> str:
    """Return a red mark at the bottom where there is a NaN, an amber one at the top where something is infinite."""
    found = [(x(_middle(p)), bottom - 7, _NAN) for p in parts if p.nan]
    found += [(x(_middle(p)), _TOP, _INF) for p in parts if p.inf]
    return "".join(
        f'<line x1="{at}" x2="{at}" y1="{top:g}" y2="{top + 7:g}" stroke="{color}" stroke-width="1.5"/>'
        for at, top, color in found
    )


def _lines(parts: Sequence[Stretch], x: _Scale, y: _Scale) -> str:
    """Return the line, broken where nothing is finite; a single point is a dot."""
    strokes: list[list[tuple[float, float]]] = [[]]
    for p in parts:
        if p.first is None or p.last is None or p.min is None or p.max is None:
            strokes.append([])
            continue
        strokes[-1].append((x(p.first_step), y(p.first)))
        if p.count > 2:
            extremes = (p.min, p.max) if p.first - p.min < p.max - p.first else (p.max, p.min)
            strokes[-1] += [(x(_middle(p)), y(value)) for value in extremes]
        if p.count > 1:
            strokes[-1].append((x(p.last_step), y(p.last)))
    drawn = []
    for stroke in strokes:
        if len(stroke) == 1:
            drawn.append(f'<circle cx="{stroke[0][0]}" cy="{stroke[0][1]}" r="2.5" fill="{_LINE}"/>')
        elif stroke:
            points = " ".join(f"{a},{b}" for a, b in stroke)
            style = f'fill="none" stroke="{_LINE}" stroke-width="1.5" stroke-linejoin="round"'
            drawn.append(f'<polyline points="{points}" {style}/>')
    return "".join(drawn)


def _middle(part: Stretch) -> float:
    return part.first_step / 2 + part.last_step / 2
