"""``autotrack gc`` and ``autotrack rebuild``."""

from __future__ import annotations

import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

import autotrack
from autotrack.cli.output import console


def collect_garbage(store: str | None, *, dry_run: bool) -> None:
    """Remove what no run refers to, and say what that was."""
    console().print(Text(str(autotrack.open_store(store).gc(dry_run=dry_run))))


def rebuild_index(store: str | None) -> None:
    """Replay all journals, with a progress bar."""
    out = console()
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeRemainingColumn())
    began = time.perf_counter()
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=None)
        report = autotrack.open_store(store).rebuild(
            progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    if report is None:
        out.print("there is no store yet: nothing to rebuild")
        return
    seconds = time.perf_counter() - began
    out.print(f"{report.runs:,} runs, {report.bytes / 1e6:,.1f} MB of journal replayed in {seconds:.1f} s")
