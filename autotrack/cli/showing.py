"""``autotrack show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

import autotrack
from autotrack.cli.listing import as_dict
from autotrack.cli.output import console, print_json, status, table
from autotrack.views import ModelView, RunView, TableView, text
from autotrack.views.prominence import changed, in_order, is_fact, kind_beyond, last_models, params_in_order

if TYPE_CHECKING:
    from rich.console import Console


def show_run(store: str | None, ref: str, *, as_json: bool) -> None:
    """Print one run whole."""
    run = autotrack.open_store(store).run(ref)
    if as_json:
        print_json(_everything(run))
        return
    out = console()
    _head(out, run)
    _metrics(out, run)
    _params(out, run)
    _parts(out, run)
    if run.tables:
        trials = " · --trials shows the candidates" if "trials" in run.tables else ""
        hint = f"autotrack show {run.id[-8:]} --table NAME shows a table, --pictures DIR draws all{trials}"
        out.print(Text(hint, style="dim"), soft_wrap=True)
    if run.error is not None:
        out.print(Text("traceback", style="bold"))
        out.print(Text(text.block(run.error.traceback.rstrip()), style="red"), soft_wrap=True)


def _everything(run: RunView) -> dict[str, Any]:
    return {
        **as_dict(run),
        "attempt": run.attempt,
        "parent": run.parent_id,
        "summaries": {
            key: {name: getattr(s, name) for name in ("count", "last", "min", "max", "mean", "nan", "inf")}
            for key, s in run.metric_summaries.items()
        },
        "artifacts": [{"name": a.name, "size": a.size, "sha256": a.sha256, "kind": a.kind} for a in run.artifacts],
        "models": [
            {"name": m.name, "type": m.type, "format": m.format, "safe": m.safe, "size": m.size, "sha256": m.sha256}
            for m in run.models
        ],
        "datasets": [
            {
                "name": d.name,
                "role": d.role,
                "kind": d.kind,
                "shape": d.shape,
                "fingerprint": d.fingerprint,
                "meta": dict(d.meta),
            }
            for d in run.datasets
        ],
        "tables": [{"name": t.name, "kind": t.kind, "rows": len(t)} for t in run.tables.values()],
        "notes": [{"kind": n.kind, "text": n.text, "time": n.time} for n in run.notes],
        "error": None if run.error is None else run.error._asdict(),
        "code": dict(run.code),
        "environment": dict(run.environment),
    }


def _head(out: Console, run: RunView) -> None:
    out.print(Text.assemble((text.value(run.name, 100), "bold"), "  ", status(run.status)))
    error = run.error
    lines = [
        ("error", f"{error.type}: {error.message}".partition("\n")[0].removesuffix(": ") if error is not None else ""),
        ("id", run.id),
        ("experiment", run.experiment),
        ("started", text.when(run.started)),
        ("took", text.length(run.duration)),
        ("attempt", str(run.attempt) if run.attempt > 1 else ""),
        ("parent", run.parent_id or ""),
        ("code", _code(run.code)),
        ("environment", _environment(run.environment)),
        *((f"tag {text.value(key, 24)}", text.value(value, 100)) for key, value in run.tags.items()),
    ]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in lines:
        if value:
            grid.add_row(Text(f"  {name}"), Text(text.printable(value), style="red" if name == "error" else ""))
    out.print(grid)
    out.print()


def _code(code: dict[str, Any]) -> str:
    commit = str(code.get("commit") or "")[:10]
    dirty = " + uncommitted changes" if code.get("dirty") else ""
    place = f" at {commit}{dirty}" if commit else ""
    return f"{code.get('script') or code.get('kind') or ''}{place}".strip()


def _environment(environment: dict[str, Any]) -> str:
    python = environment.get("python")
    version = python.get("version") if isinstance(python, dict) else python
    packages = environment.get("packages")
    installed = packages.get("installed") if isinstance(packages, dict) else None
    count = f" · {text.plural(len(installed), 'package')}" if isinstance(installed, dict) else ""
    return f"Python {version}{count}" if version else ""


def _params(out: Console, run: RunView) -> None:
    if not run.params:
        return
    told = changed(run)
    grid = table(title=f"params{' (bold: not the default)' if told else ''}")
    grid.add_column("name")
    grid.add_column("value", overflow="fold")
    for key in params_in_order(run):
        style = "bold" if key in told else "dim" if told and not key.startswith("best/") else ""
        grid.add_row(Text(text.value(key, 60), style=style), Text(text.value(run.params[key], 80), style=style))
    out.print(grid)


def _metrics(out: Console, run: RunView) -> None:
    """Print metrics; ranges and shapes only where one has more than one point."""
    summaries = run.metric_summaries
    if not summaries:
        return
    grid = table(title="metrics")
    grid.add_column("name")
    wide = out.width >= 100
    series = any(summary.count > 1 for summary in summaries.values())
    grid.add_column("last" if series else "value", justify="right")
    for title in ("min", "max", *(("mean",) if wide else ()), "points") if series else ():
        grid.add_column(title, justify="right")
    grid.add_column("")
    for key in in_order(summaries):
        summary = summaries[key]
        several = summary.count > 1
        numbers = [summary.min, summary.max, *([summary.mean] if wide else [])] if series else []
        odd = summary.nan + summary.inf
        count = f"{summary.count:,}" + (f" ({odd:,} not finite)" if odd else "")
        grid.add_row(
            Text(text.value(key, 60)),
            text.number(summary.last),
            *("" if n is None or not several else text.number(n) for n in numbers),
            *([count if several or odd else ""] if series else []),
            Text(_spark(run, key, 24 if wide else 8) if several else "", style="cyan"),
            style="dim" if is_fact(key) else "",
        )
    out.print(grid)


def _spark(run: RunView, key: str, bars: int) -> str:
    from autotrack.views.series import level

    return text.sparkline([level(part) for part in run.series(key).outline(bars)])


def _facts(meta: Mapping[str, Any]) -> str:
    """Return what else is known of data: its type, what is missing, its classes."""
    facts = [str(meta["dtype"])] if "dtype" in meta else []
    if missing := meta.get("missing"):
        facts.append(f"{missing:,} missing")
    if labels := meta.get("labels"):
        facts.append(f"{len(labels):,} classes")
    return "".join(f"{fact} · " for fact in facts)


def _parts(out: Console, run: RunView) -> None:
    rows = [
        *(
            (
                "data",
                d.name,
                f"{d.role} {d.kind.rpartition('.')[2]} {_shape(d.shape)} · {_facts(d.meta)}{d.fingerprint[:17]}",
            )
            for d in run.datasets
        ),
        *(
            (
                "model",
                m.name,
                " · ".join(filter(None, (m.type, _format(m), text.size(m.size), versions))),
            )
            for m, versions in last_models(run.models)
        ),
        *(("table", t.name, _rows(t)) for t in run.tables.values()),
        *(("artifact", a.name, text.size(a.size)) for a in run.artifacts),
        *((n.kind if n.kind != "info" else "note", "", n.text) for n in run.notes),
    ]
    if rows:
        grid = table()
        for title in ("", "name", "about"):
            grid.add_column(title, overflow="fold")
        for kind, name, about in rows:
            named = Text(text.value(name, 40) if name else "")
            grid.add_row(Text(text.value(kind, 20), style="dim"), named, Text(text.block(about)))
        out.print(grid)


def _format(model: ModelView) -> str:
    return model.format if model.safe else f"{model.format} (unsafe)"


def _rows(table: TableView) -> str:
    """Return how long a table is, and its kind where the name does not say that."""
    kind = kind_beyond(table.name, table.kind)
    return f"{kind and f'{kind} · '}{text.plural(len(table), 'row')}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(f"{n:,}" for n in shape)
