"""What a table of runs shows: the params that differ, the metrics most runs have, those that were asked about first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from autotrack.views import text

if TYPE_CHECKING:
    from autotrack.views.run import RunView


class Column(NamedTuple):
    """One column: `group` is ``params`` or ``metrics``, or empty for what every run has."""

    group: str
    title: str
    values: list[Any]
    """None where a run has none."""

    @property
    def right(self) -> bool:
        """Whether it holds numbers only."""
        return all(v is None or v is MISSING or text.is_number(v) for v in self.values)


class _Missing:
    def __repr__(self) -> str:
        return ""


MISSING = _Missing()
"""Stands where a run does not have a param or metric (None is a value of its own)."""


def param_columns(runs: Sequence[RunView], focus: str) -> list[Column]:
    """Return the params that are not the same in all runs (of a single run: all), the most wanted first."""
    keys = dict.fromkeys(key for run in runs for key in run.params)
    columns = [Column("params", key, [run.params.get(key, MISSING) for run in runs]) for key in keys]
    if len(runs) > 1:
        columns = [c for c in columns if len({(type(v), repr(v)) for v in c.values}) > 1]
    return sorted(columns, key=lambda c: (not _mentioned(c.title, focus), sum(v is MISSING for v in c.values)))


def metric_columns(runs: Sequence[RunView], focus: str) -> list[Column]:
    """Return the metrics of all runs (last values), the most wanted first."""
    keys = dict.fromkeys(key for run in runs for key in run.metrics)
    columns = [Column("metrics", key, [run.metrics.get(key, MISSING) for run in runs]) for key in keys]

    def rank(column: Column) -> tuple[bool, bool, int, int]:
        key = column.title
        held_out = key.startswith(("eval/", "test/", "val/", "val_", "cv/"))
        missing = sum(v is MISSING for v in column.values)
        return not _mentioned(key, focus), key.startswith("system/"), missing, not held_out

    return sorted(columns, key=rank)


def _mentioned(key: str, focus: str) -> bool:
    return bool(key) and key in focus


def counts(shown: int, total: int, hidden: Iterable[tuple[int, int, str]]) -> str:
    """Return how much of everything a table shows."""
    parts = [f"{shown:,} of {text.plural(total, 'run')}"]
    parts += [f"{n:,} of {m:,} {noun}" for n, m, noun in hidden if n < m]
    return ", ".join(parts)
