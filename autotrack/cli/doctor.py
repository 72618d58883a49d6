"""``autotrack doctor``."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from typing import Any

from rich.text import Text
from sqlalchemy import func, select

import autotrack
from autotrack import config
from autotrack.autolog import plugins
from autotrack.cli.output import console, print_json, table
from autotrack.errors import AutotrackError
from autotrack.store.engine import Index
from autotrack.store.schema import segments
from autotrack.store.sealing import damaged
from autotrack.views.text import block


def examine(store: str | None, *, as_json: bool) -> bool:
    """Print what there is; return whether all is well."""
    options = config.current(store=store)
    problems: list[str] = []
    facts: dict[str, Any] = {
        "autotrack": autotrack.__version__,
        "python": platform.python_version(),
        "store": options.store if not config.is_url(options.store) else "",
        "journals": str(options.folder().root),
    }
    try:
        with autotrack.open_store(store) as opened:
            facts["store"] = opened.url
            found = opened.runs()
            facts["runs"] = found.total
            open_runs = opened.runs("status == 'running'").total
            facts["running"] = open_runs
        facts |= _index(options, problems)
    except AutotrackError as error:
        problems.append(str(error))
    integrations = autotrack.Autolog().status()
    problems += [f"{one.name}: {one.reason}" for one in integrations if one.state in ("refused", "failed")]
    if as_json:
        print_json({**facts, "integrations": [one._asdict() for one in integrations], "problems": problems})
        return not problems
    out = console()
    for name, value in facts.items():
        out.print(Text.assemble((f"{name:<12}", "dim"), str(value)), soft_wrap=True)
    grid = table(title="recorded by autolog()")
    for title in ("framework", "from", "state", ""):
        grid.add_column(title)
    for one in integrations:
        state = "ready" if one.state in ("off", "waiting") else one.state
        distribution = plugins.normal(one.distribution)
        about = one.reason or ""
        if state == "ready" and find_spec(one.name.partition(".")[0]) is None:
            state = "not installed"
        elif missing := plugins.missing(one.name):
            about = f"without {', '.join(missing)}: pip install '{distribution}[{one.name}]'"
        grid.add_row(one.name, distribution, state, Text(about))
    out.print(grid)
    for problem in problems:
        out.print(Text(f"✗ {block(problem)}", style="red"), soft_wrap=True)
    if not problems:
        out.print(Text("✓ nothing is wrong", style="green"))
    return not problems


def _index(options: config.Config, problems: list[str]) -> dict[str, Any]:
    folder = options.folder()
    if not config.is_url(options.store) and not folder.runs.is_dir():
        return {"index": "none yet"}
    with Index.open(options.store if config.is_url(options.store) else folder) as index:
        with index.engine.connect() as connection:
            corrupt = connection.execute(select(func.sum(segments.c.corrupt))).scalar() or 0
        if corrupt:
            problems.append(f"{corrupt:,} damaged lines were skipped in the journals: look for a full or failing disk")
        spoiled = [str(file.path) for file in damaged(index, folder)]
        if spoiled:
            problems.append(f"damaged compressed journals, put sound copies in their place: {', '.join(spoiled)}")
        return {"index": str(index.path or index.dialect)}
