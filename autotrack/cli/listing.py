"""``autotrack runs``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.text import Text

import autotrack
from autotrack.cli.output import console, print_json, status, table
from autotrack.query.fields import RUN_FIELDS
from autotrack.views import RunView, text

_TELLING = re.compile(r"score|loss|acc|err|auc|r2|f1|best|lr|rate|alpha|^C$|depth|epochs|n_(est|clu|comp|neigh)")
_EMPTY = """No runs yet. Three lines record one:

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
        out.print(Text(_EMPTY if not where else f"No run matches {where}"))
        return
    out.print(_table(found, f"{where} {sort}", out.width))
    shown = f"{len(found):,} of {found.total:,} runs"
    more = "" if len(found) == found.total else " · --all shows all, a filter finds some"
    out.print(Text(f"{shown} in {opened.url}{more} · autotrack show RUN", style="dim"))


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


def _table(found: Sequence[RunView], focus: str, width: int) -> Any:
    grid = table()
    for title, right in (("run", False), ("id", False), ("status", False), ("started", False), ("took", True)):
        grid.add_column(title, justify="right" if right else "left", no_wrap=True)
    names = max(text.cells(text.value(run.name, 28)) for run in found)
    chosen = _columns(found, focus, width - names - 64)
    for group, key in chosen:
        style = "cyan" if group == "metrics" else ""
        grid.add_column(Text(text.value(key, 24), style=style), justify="right", no_wrap=True)
    for run in found:
        values = [getattr(run, group).get(key) for group, key in chosen]
        cells = [Text("" if v is None else text.value(v, 20)) for v in values]
        grid.add_row(
            Text(text.value(run.name, 28)),
            Text(run.id[-8:], style="dim"),
            status(run.status),
            Text(text.when(run.started), style="dim"),
            Text(text.length(run.duration)),
            *cells,
        )
    return grid


def _columns(found: Sequence[RunView], focus: str, room: int) -> list[tuple[str, str]]:
    """Return the metrics and the params that say most, as many as fit: what was asked about goes first."""
    metrics = _by_use([run.metrics for run in found], focus)
    params = _by_use([run.params for run in found], focus)
    differing = [key for key in params if len({repr(run.params.get(key)) for run in found}) > 1 or len(found) == 1]
    chosen: list[tuple[str, str]] = []
    for at in range(max(len(metrics), len(differing))):
        for group, keys in (("metrics", metrics), ("params", differing)):
            if at < len(keys):
                cells = [text.cells(text.value(getattr(run, group).get(keys[at], ""), 20)) for run in found]
                room -= max(text.cells(text.value(keys[at], 24)), *cells) + 3
                if room < 0:
                    return sorted(chosen, key=lambda c: c[0])
                chosen.append((group, keys[at]))
    return sorted(chosen, key=lambda c: c[0])


def _by_use(values: Sequence[Any], focus: str) -> list[str]:
    counts: dict[str, int] = {}
    for of_run in values:
        for key in of_run:
            counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (key not in focus, not _TELLING.search(key), -counts[key]))
