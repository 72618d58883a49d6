"""``autotrack gc`` and ``autotrack rebuild``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

import autotrack
from autotrack.cli.output import console

if TYPE_CHECKING:
    from rich.console import Console


def collect_garbage(store: str | None, *, dry_run: bool) -> None:
    """Compress journals and remove what no run refers to, with a progress bar, and say what that was."""
    out = console()
    with _bar(out, "compressing", "journals") as bar:
        task = bar.add_task("", total=None)
        done = autotrack.open_store(store).gc(
            dry_run=dry_run, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    out.print(Text(str(done)))


def rebuild_index(store: str | None) -> None:
    """Replay all journals, with a progress bar."""
    out = console()
    began = time.perf_counter()
    with _bar(out, "replaying", "runs") as bar:
        task = bar.add_task("", total=None)
        report = autotrack.open_store(store).rebuild(
            progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    if report is None:
        out.print("there is no store yet: nothing to rebuild")
        return
    seconds = time.perf_counter() - began
    out.print(f"{report.runs:,} runs, {report.bytes / 1e6:,.1f} MB of journal replayed in {seconds:.1f} s")


def _bar(out: Console, doing: str, what: str) -> Progress:
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeRemainingColumn())
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)
