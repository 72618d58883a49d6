"""A measured figure beside its budget, and how figures are shown."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `met` is None where there is nothing to compare with."""

    what: str
    measured: float | None
    unit: str
    budget: float | None = None
    at_least: bool = False  # the budget is a floor, not a ceiling
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.measured is None or self.budget is None:
            return None
        return self.measured >= self.budget if self.at_least else self.measured <= self.budget


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of all values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Iterable[float]) -> float:
    return percentile(values, 0.5)


def machine() -> dict[str, object]:
    """Return what the figures depend on; the load tells whether the machine was quiet."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": [round(x, 1) for x in os.getloadavg()],
    }


def number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def show(title: str, rows: Sequence[Row], before: dict[str, object]) -> None:
    """Print rows as a table; `before` is `machine()` from before the measurements."""
    table = Table(title=title, title_justify="left")
    for name, justify in (("what", "left"), ("measured", "right"), ("budget", "right"), ("met", "left"), ("", "left")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        met = {None: "", True: "[green]yes[/]", False: "[bold red]NO[/]"}[row.met]
        sign = ">=" if row.at_least else "<="
        budget = "" if row.budget is None else f"{sign} {number(row.budget, row.unit)}"
        table.add_row(row.what, number(row.measured, row.unit), budget, met, row.note)
    console = Console(width=None if Console().is_terminal else 150)
    console.print(table)
    console.print(
        f"Python {before['python']}, {before['cores']} cores, load before {before['load']}, "
        f"after {machine()['load']}: figures of a machine with a load near 0 count"
    )


def write_json(path: Path, rows: Sequence[Row], before: dict[str, object]) -> None:
    data = {"machine": before, "rows": [{**asdict(row), "met": row.met} for row in rows]}
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
