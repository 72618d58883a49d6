"""``autotrack demo``: real trainings on the data that comes with scikit-learn."""

from __future__ import annotations

import time
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

import autotrack
from autotrack.cli.listing import list_runs
from autotrack.cli.output import console


def train_and_show(store: str | None) -> None:
    """Train under `autolog()`, then list what was recorded."""
    try:
        import sklearn  # noqa: F401 - asked for before anything is printed
    except ImportError:
        raise autotrack.AutotrackError("the demo needs scikit-learn: pip install 'autotrack-ml[demo]'") from None
    autotrack.configure(store=store, experiment="demo")
    out = console()
    began = time.perf_counter()
    with autotrack.autolog():
        from autotrack.cli.trainings import trainings

        work = trainings()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
            task = progress.add_task("", total=len(work))
            for title, train in work:
                progress.update(task, description=f"training {title}", advance=1)
                train()
    seconds = time.perf_counter() - began
    out.print(Text(f"{len(work)} trainings recorded by autotrack.autolog() in {seconds:.1f} s", style="bold"))
    list_runs(store, "experiment == 'demo'", "", len(work), as_json=False)
    hints: list[tuple[str, Any]] = [
        ("autotrack show latest", "one run whole"),
        ("autotrack show GridSearchCV --trials", "the candidates of a search"),
        ("autotrack plot latest loss", "a metric, drawn"),
        ("autotrack runs 'params.C < 1' --sort -train/score", "find"),
    ]
    for command, about in hints:
        out.print(Text.assemble(f"  {command:<52}", (about, "dim")))
    if store:
        out.print(Text(f"  (with --store {store})", style="dim"))
