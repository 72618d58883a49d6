"""A series as a small inline SVG: readable on light and dark pages, without scripts or style sheets."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from autotrack.views import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autotrack.views.series import Series, Stretch

_WIDTH, _HEIGHT = 560, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 10, 22
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
    if s.mean is not None:
        facts.append(("mean", text.number(s.mean)))
    told = " ".join(
        f'<span style="margin-left:14px"><span style="opacity:.6">{n}</span> '
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
    found = [f"{len(parts):,} stretches of {s.count:,} points"] if len(parts) < s.count else [text.plural(s.count, "point")]
    found += [f"{s.nan:,} NaN (red)"] * bool(s.nan) + [f"{s.inf:,} infinite (amber)"] * bool(s.inf)
    return ", ".join(found)


def svg(parts: Sequence[Stretch], width: int = _WIDTH, height: int = _HEIGHT) -> str:
    """Return an SVG element that draws stretches of a series: a line through their extremes, marks where there is a NaN."""
    x0, x1 = min(p.first_step for p in parts), max(p.last_step for p in parts)
    x0, x1 = min(x0, *(p.last_step for p in parts)), max(x1, *(p.first_step for p in parts))
    low = min((p.min for p in parts if p.min is not None), default=0.0)
    high = max((p.max for p in parts if p.max is not None), default=0.0)
    right, bottom = width - _RIGHT, height - _BOTTOM

    def x(step: float) -> float:
        # Halves: the difference of two extremes may overflow.
        return round(_LEFT + (right - _LEFT) * ((step / 2 - x0 / 2) / (x1 / 2 - x0 / 2) if x1 / 2 > x0 / 2 else 0.5), 2)

    def y(value: float) -> float:
        return round(bottom - (bottom - _TOP) * ((value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5), 2)

    lines, marks = _shapes(parts, x, y, bottom)
    grid = "".join(
        f'<line x1="{_LEFT}" x2="{right}" y1="{at:.2f}" y2="{at:.2f}" stroke="currentColor" stroke-opacity=".15"/>'
        for at in (_TOP, (_TOP + bottom) / 2, bottom)
    )
    labels = [(_LEFT - 8, _TOP + 4, "end", high), (_LEFT - 8, bottom + 4, "end", low)] if high > low else []
    labels += [(_LEFT - 8, (_TOP + bottom) / 2 + 4, "end", low / 2 + high / 2)] if any(p.min is not None for p in parts) else []
    labels += [(_LEFT, height - 6, "start", x0), (right, height - 6, "end", x1)] if x1 > x0 else [((_LEFT + right) / 2, height - 6, "middle", x0)]
    written = "".join(
        f'<text x="{at:g}" y="{line:g}" text-anchor="{anchor}" fill="currentColor" fill-opacity=".65">{text.number(value)}</text>'
        for at, line, anchor, value in labels
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'style="display:block;max-width:100%;height:auto;{FONT}font-size:11px;font-variant-numeric:tabular-nums">'
        f"{grid}{lines}{marks}{written}</svg>"
    )


def _shapes(parts: Sequence[Stretch], x, y, bottom: float) -> tuple[str, str]:  # type: ignore[no-untyped-def]
    """Return the line, broken where nothing is finite, and the marks of what is not finite."""
    strokes: list[list[tuple[float, float]]] = [[]]
    marks: list[str] = []
    for p in parts:
        middle = p.first_step / 2 + p.last_step / 2
        if p.nan:
            marks.append(f'<line x1="{x(middle)}" x2="{x(middle)}" y1="{bottom - 7}" y2="{bottom}" stroke="{_NAN}" stroke-width="1.5"/>')
        if p.inf:
            marks.append(f'<line x1="{x(middle)}" x2="{x(middle)}" y1="{_TOP}" y2="{_TOP + 7}" stroke="{_INF}" stroke-width="1.5"/>')
        if p.first is None or p.last is None or p.min is None or p.max is None:
            strokes.append([])
            continue
        strokes[-1].append((x(p.first_step), y(p.first)))
        if p.count > 1:
            ends = (p.min, p.max) if p.first - p.min < p.max - p.first else (p.max, p.min)
            strokes[-1] += [(x(middle), y(v)) for v in ends] if p.count > 2 else []
            strokes[-1].append((x(p.last_step), y(p.last)))
    drawn = []
    for stroke in strokes:
        if len(stroke) == 1:
            drawn.append(f'<circle cx="{stroke[0][0]}" cy="{stroke[0][1]}" r="2.5" fill="{_LINE}"/>')
        elif stroke:
            points = " ".join(f"{a},{b}" for a, b in stroke)
            drawn.append(f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="1.5" stroke-linejoin="round"/>')
    return "".join(drawn), "".join(marks)
