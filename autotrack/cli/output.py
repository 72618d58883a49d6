"""What all commands print with."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autotrack.journal.values import encode_value
from autotrack.views.text import block, exact, printable

_COLORS = {
    "running": "cyan",
    "finished": "green",
    "failed": "red",
    "interrupted": "yellow",
    "killed": "red",
    "lost": "yellow",
}


def console() -> Console:
    """Return a console for standard output; wide enough for tables where it is no terminal."""
    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, width=None if known else 160, soft_wrap=False)


def complain(error: Exception) -> None:
    """Print an error on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"autotrack: {block(str(error))}"), style="red")


def status(name: str) -> Text:
    """Return a status as a dot and a word."""
    return Text.assemble(("● ", _COLORS.get(name, "")), printable(name))


def table(*, title: str | None = None) -> Table:
    """Return an empty table in the house style."""
    return Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", header_style="bold", pad_edge=False
    )


def print_json(value: Any) -> None:
    """Print JSON; numbers that JSON does not have are text (NaN, Infinity, -Infinity; 0x… beyond 64 bits)."""
    data = msgspec.json.encode(plain(value))
    sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")


def plain(value: Any) -> Any:
    """Return any value as what JSON can hold."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, float):
        encoded = encode_value(value)
        return encoded["$float"] if isinstance(encoded, dict) else encoded
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else exact(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:  # more than JSON's readers agree on
        return hex(value)
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()
