"""How values look in plain text: numbers, times, sizes, aligned tables, sparklines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

_BARS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "\N{MULTIPLICATION SIGN}"
"""How NaN and infinities show in a sparkline."""
_JOINER = "\u200d"  # not printable by itself, but part of emoji


def printable(text: str) -> str:
    """Return text on one line in which nothing acts on a terminal: control and direction characters are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == _JOINER else repr(c)[1:-1] for c in text)


def block(text: str) -> str:
    """Return text that keeps its lines, and in which nothing else acts on a terminal."""
    return "\n".join(printable(line) for line in text.expandtabs().split("\n"))


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes (wide characters take two)."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, width: int) -> str:
    """Cut text to at most `width` columns; what is cut shows as `…`."""
    if len(text) <= width // 2 or cells(text[: width + 1]) <= width >= len(text):
        return text
    text = text[:width]
    while cells(text) > width - 1:
        text = text[:-1]
    return f"{text.removesuffix(_JOINER)}…"


def number(value: float) -> str:
    """Return a number in at most five significant digits."""
    if isinstance(value, int):
        if abs(value) < 10**12:
            return str(value)
        return f"{float(value):.4g}" if abs(value) < 10**300 else shorten(hex(value), 14)
    if value != value:  # noqa: PLR0124 - NaN
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 10**6:
        return str(int(value)) if value or math.copysign(1, value) > 0 else "-0"
    return f"{value:.5g}"


def exact(item: Any) -> str:
    """Return `repr(item)`; whole numbers that are too long for decimals (see `sys.set_int_max_str_digits`) as 0x…."""
    try:
        return repr(item)
    except ValueError:
        pass
    match item:
        case int():
            return hex(item)
        case dict():
            return f"{{{', '.join(f'{exact(key)}: {exact(value)}' for key, value in item.items())}}}"
        case list():
            return f"[{', '.join(map(exact, item))}]"
        case tuple():
            return f"({', '.join(map(exact, item))}{',' * (len(item) == 1)})"
        case set():
            return f"{{{', '.join(map(exact, item))}}}"
        case frozenset():
            return f"frozenset({exact(set(item))})"
        case _:
            return object.__repr__(item)


def value(item: Any, width: int = 32) -> str:
    """Return any recorded value on one line of at most `width` columns."""
    if isinstance(item, bool) or item is None:
        return str(item)
    if isinstance(item, int | float):
        return number(item)
    if isinstance(item, str):
        return shorten(printable(item[: 4 * width]), width) if item.strip() else repr(item)
    return shorten(printable(exact(item)[: 4 * width]), width)


def is_number(item: Any) -> bool:
    """Return whether a value belongs at the right edge of a column."""
    return isinstance(item, int | float) and not isinstance(item, bool)


def when(time: datetime | None) -> str:
    """Return a time to the second."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def length(time: timedelta | None) -> str:
    """Return a duration in its two largest units."""
    if time is None:
        return ""
    seconds = time.total_seconds()
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, second = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {second:02}s"
    hours, minute = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minute:02}m"
    return f"{hours // 24}d {hours % 24:02}h"


def size(count: int) -> str:
    """Return a number of bytes."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1023.5:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.95 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Return the lines of an aligned table; `right` says which columns align at their right edge."""
    widths = [max(cells(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return ["  ".join(map(_pad, row, widths, right)).rstrip() for row in [header, *rows]]


def _pad(text: str, width: int, right: bool) -> str:
    fill = " " * (width - cells(text))
    return fill + text if right else text + fill


def sparkline(levels: Sequence[float | None]) -> str:
    """Return one block per level; levels that are not finite show as a cross, None as a blank."""
    finite = [x for x in levels if x is not None and math.isfinite(x)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = high / 2 - low / 2  # halves: the difference itself may overflow

    def bar(level: float | None) -> str:
        if level is None:
            return " "
        if not math.isfinite(level):
            return NOT_FINITE
        return _BARS[min(7, int((level / 2 - low / 2) / span * 8))] if span > 0 else _BARS[3]

    return "".join(map(bar, levels))
