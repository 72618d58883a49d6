"""The commands and their options; what they print is in the modules beside this one."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

import autotrack
from autotrack.cli.completing import offered_filters, offered_metrics, offered_orders, offered_runs, offered_tables

app = typer.Typer(
    help="Find, compare and plot what autotrack recorded.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Store = Annotated[
    Optional[str],  # noqa: UP045 - typer reads it at run time
    typer.Option(
        "--store",
        metavar="PLACE",
        help="Folder or database URL (default: AUTOTRACK_STORE, else the nearest .autotrack).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Ref = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Id (or its beginning or end), name, or 'latest'.", autocompletion=offered_runs),
]
Where = Annotated[
    str,
    typer.Argument(
        metavar="FILTER", help="Such as 'params.C < 1 and status == \"finished\"'.", autocompletion=offered_filters
    ),
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort", metavar="KEY", help="Metric, param or field; '-' first: largest first.", autocompletion=offered_orders
    ),
]
Key = Annotated[str, typer.Argument(metavar="KEY", help="Metric, such as loss.", autocompletion=offered_metrics)]


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Find, compare and plot what autotrack recorded."""
    if version:
        typer.echo(f"autotrack {autotrack.__version__}")
        raise typer.Exit


@app.command()
def demo(store: Store = None) -> None:
    """Train a few scikit-learn models, and show the runs."""
    from autotrack.cli.demo import train_and_show

    train_and_show(store)


@app.command()
def runs(  # noqa: PLR0913, PLR0917 - one option each
    where: Where = "",
    sort: Sort = "",
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, help="How many to show.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show all of them.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from autotrack.cli.listing import list_runs

    list_runs(store, where, sort, None if everything else limit, as_json=as_json)


@app.command()
def show(  # noqa: PLR0913, PLR0917 - one option each
    ref: Ref,
    trials: Annotated[bool, typer.Option("--trials", help="Show the candidates of a search, best first.")] = False,
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="Show this table.", autocompletion=offered_tables)
    ] = "",
    where: Annotated[
        str,
        typer.Option("--where", metavar="FILTER", help="Rows of the table: 'mean_test_score > 0.9 and param_C < 1'."),
    ] = "",
    sort: Annotated[
        str, typer.Option("--sort", metavar="KEY", help="Column of the table; '-' first: largest first.")
    ] = "",
    limit: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it at run time
        typer.Option("--limit", "-n", metavar="N", min=0, help="How many rows to show (default: 20, with --json all)."),
    ] = None,
    pictures: Annotated[
        str, typer.Option("--pictures", metavar="DIR", help="Draw every table that can be drawn into this folder.")
    ] = "",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Show one run, or its tables, also as pictures."""
    from autotrack.cli.tabling import Rows, draw_tables, show_table

    rows = Rows(where, sort, limit)
    if pictures and as_json:
        raise autotrack.AutotrackError("--pictures writes files and says which: leave --json away")
    if trials or table:
        show_table(store, ref, table or "trials", rows, as_json=as_json)
    elif rows != Rows():
        raise autotrack.AutotrackError("--where, --sort and --limit are of a table: add --trials or --table NAME")
    elif not pictures:
        from autotrack.cli.showing import show_run

        show_run(store, ref, as_json=as_json)
    if pictures and not draw_tables(store, ref, pictures, only=table or ("trials" if trials else "")):
        raise typer.Exit(1)


@app.command()
def plot(
    ref: Ref,
    key: Key,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Draw a metric of a run in the terminal."""
    from autotrack.cli.plotting import plot_series

    plot_series(store, ref, key, as_json=as_json)


@app.command()
def doctor(store: Store = None, as_json: AsJson = False) -> None:
    """Say where the store is, and what is wrong."""
    from autotrack.cli.doctor import examine

    if not examine(store, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    store: Store = None,
) -> None:
    """Compress ended runs, remove what no run refers to."""
    from autotrack.cli.upkeep import collect_garbage

    collect_garbage(store, dry_run=dry_run)


@app.command()
def rebuild(store: Store = None) -> None:
    """Make the index anew from the journals."""
    from autotrack.cli.upkeep import rebuild_index

    rebuild_index(store)
