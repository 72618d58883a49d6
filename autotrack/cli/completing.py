"""What the shell offers when TAB is pressed: runs, metrics, tables, orders, what may come next in a filter.

It is quick and never in the way: the index is read as it is, a server is not asked, and trouble offers nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from autotrack.store.engine import Index

_MANY = 200  # runs, keys

Offer = tuple[str, str]
"""A whole word and what it is."""


def _offering(offers: Callable[[Index, str], Iterator[Offer]]) -> Callable[[typer.Context, str], list[Offer]]:
    """Make a function over an open index what the command line calls."""

    @functools.wraps(offers)
    def offering(ctx: typer.Context, incomplete: str) -> list[Offer]:
        try:
            from autotrack import config
            from autotrack.store.engine import Index, index_paths

            options = config.current(store=ctx.params.get("store"))
            if config.is_url(options.store) or not any(path.exists() for path in index_paths(options.folder())):
                return []
            with Index.open(options.folder()) as index:
                return [offer for offer in offers(index, incomplete) if offer[0].startswith(incomplete)]
        except Exception:  # noqa: BLE001 - a prompt is no place for errors: the command itself will tell
            return []

    # By its annotations the command line decides what to call it with.
    offering.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    del offering.__dict__["__wrapped__"]
    return offering


@_offering
def offered_runs(index: Index, incomplete: str) -> Iterator[Offer]:
    """Yield names of the newest runs, where they are unique, and ids."""
    from sqlalchemy import select

    from autotrack.journal.text import escape, unescape
    from autotrack.store.schema import runs
    from autotrack.views.mending import connected

    yield "latest", "the newest run"
    begins = runs.c.name.startswith(escape(incomplete), autoescape=True) | runs.c.uid.startswith(
        incomplete.lower(), autoescape=True
    )
    query = select(runs.c.uid, runs.c.name, runs.c.status).where(begins).order_by(runs.c.uid.desc()).limit(_MANY)
    with connected(index) as connection:
        found = [(uid, unescape(name), status) for uid, name, status in connection.execute(query)]
    names = [name for _, name, _ in found]
    for uid, name, status in found:
        if name.startswith(incomplete) and names.count(name) == 1 and name.isprintable():
            yield name, f"{status} {uid}"
        else:
            yield uid, f"{status} {name}" if name.isprintable() else status


@_offering
def offered_metrics(index: Index, _: str) -> Iterator[Offer]:
    """Yield keys of metrics."""
    for key in _keys(index)["metrics"]:
        yield key, "metric"


@_offering
def offered_tables(index: Index, _: str) -> Iterator[Offer]:
    """Yield names of tables."""
    from autotrack.views.keys import recorded_tables

    for name in recorded_tables(index, _MANY):
        if name.isprintable():
            yield name, "table"


@_offering
def offered_orders(index: Index, incomplete: str) -> Iterator[Offer]:
    """Yield metrics by their bare keys, and fields as in filters."""
    sign = "-" if incomplete.startswith("-") else ""
    known = _keys(index)
    for key in known["metrics"]:
        yield sign + key, "metric"
    for offer, about in _completed(incomplete.removeprefix("-"), known):
        if offer != "not":
            yield sign + offer, about


@_offering
def offered_filters(index: Index, incomplete: str) -> Iterator[Offer]:
    """Yield what may come next in a filter."""
    yield from _completed(incomplete, _keys(index))


def _completed(text: str, known: dict[str, list[str]]) -> Iterator[Offer]:
    from autotrack.query.completion import complete

    for found in complete(text, len(text), known):
        yield text[: found.begin] + found.text + text[found.end :], found.help


def _keys(index: Index) -> dict[str, list[str]]:
    from autotrack.views.keys import recorded_keys

    homes = ("params", "metrics", "tags")
    return {home: [key for key in recorded_keys(index, home, _MANY) if key.isprintable()] for home in homes}
