"""What a table of runs shows: params that differ and metrics, those first that were asked about or say most.

Tables in plain text and in the terminal share their layout; what does not fit is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from autotrack.views import text
from autotrack.views.prominence import changed, metric_weight, param_weight

if TYPE_CHECKING:
    from autotrack.views.run import RunView


_NAME, _VALUE = 28, 20  # columns of the terminal for a title and for a value
_VOICES, _CHOICES = 200, 32  # runs that are heard about columns, and columns that are weighed against each other
_SPARE = ("started", "took", "experiment")  # what a narrow terminal can do without, in this order


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

    @property
    def head(self) -> str:
        """The title as tables show it."""
        return text.value(self.title, _NAME) if self.title else "''"

    def cell(self, at: int) -> str:
        """Return a value as tables show it."""
        item: Any = self.values[at]
        return "" if item is MISSING else item if self.group == "" else text.value(item, _VALUE)

    @property
    def width(self) -> int:
        """How many columns of a terminal it takes."""
        return max(text.cells(shown) for shown in (self.head, *map(self.cell, range(len(self.values)))))


class Layout(NamedTuple):
    """What a table shows, and in one line how much of everything that is."""

    columns: list[Column]
    counts: str


class _Missing:
    def __repr__(self) -> str:
        return ""


MISSING = _Missing()
"""Stands where a run does not have a param or metric (None is a value of its own)."""


def layout(runs: Sequence[RunView], total: int, focus: str, room: int, gap: int) -> Layout:
    """Return the columns that fit into `room` columns of a terminal, with `gap` of them between two."""
    params, metrics = param_columns(runs, focus), metric_columns(runs, focus)
    wanted = [column for pair in zip_longest(metrics, params) for column in pair if column is not None]
    wanted.sort(key=lambda column: not _mentioned(column.title, focus))
    base = _base_columns(runs, room, sum(column.width + gap for column in wanted[:1]), gap)
    room -= sum(column.width + gap for column in base) - gap
    chosen: list[Column] = []
    for column in wanted:
        if column.width + gap <= room:
            chosen.append(column)
            room -= column.width + gap
    shown = {group: [c for c in chosen if c.group == group] for group in ("params", "metrics")}
    hidden = (
        (len(shown["params"]), len(params), "params that differ" if len(runs) > 1 else "params"),
        (len(shown["metrics"]), len(metrics), "metrics"),
    )
    return Layout([*base, *shown["params"], *shown["metrics"]], counts(len(runs), total, hidden))


def _base_columns(runs: Sequence[RunView], room: int, reserve: int, gap: int) -> list[Column]:
    """Return the columns that every table begins with.

    What can be spared leaves `reserve` to the most wanted metric or param. The id is never cut: runs are named by it.
    """
    found = {
        "run": [text.value(run.name, _NAME) for run in runs],
        "id": [run.id[-8:] for run in runs],
        "experiment": [text.value(run.experiment, _VALUE) for run in runs],
        "status": [text.printable(run.status) for run in runs],
        "started": [text.when(run.started) for run in runs],
        "took": [text.length(run.duration) for run in runs],
    }
    if len({run.experiment for run in runs}) < 2:
        del found["experiment"]
    columns = [Column("", title, values) for title, values in found.items()]
    for title in _SPARE:
        if sum(column.width + gap for column in columns) - gap > room - reserve:
            columns = [column for column in columns if column.title != title]
    over = sum(column.width + gap for column in columns) - gap - room
    if over > 0:
        width = max(8, columns[0].width - over)
        columns[0] = Column("", "run", [text.shorten(name, width) for name in found["run"]])
    return columns


def param_columns(runs: Sequence[RunView], focus: str) -> list[Column]:
    """Return the params that are not the same in all runs (of a single run: all), the most wanted first."""
    keys = dict.fromkeys(key for run in runs for key in run.params)
    columns = [Column("params", key, [run.params.get(key, MISSING) for run in runs]) for key in keys]
    if len(runs) > 1:
        columns = [c for c in columns if len({(type(v), text.exact(v)) for v in c.values}) > 1]
    was_set = {key for run in runs for key in changed(run)}
    weights = [
        param_weight(c.title, (v for v in c.values if v is not MISSING), was_set=c.title in was_set) for c in columns
    ]
    return _fairly(columns, weights, focus)


def metric_columns(runs: Sequence[RunView], focus: str) -> list[Column]:
    """Return the metrics of all runs (last values), the most wanted first."""
    keys = dict.fromkeys(key for run in runs for key in run.metrics)
    columns = [Column("metrics", key, [run.metrics.get(key, MISSING) for run in runs]) for key in keys]
    return _fairly(columns, [metric_weight(key, keys) for key in keys], focus)


def _fairly(columns: Sequence[Column], weights: Sequence[float], focus: str) -> list[Column]:
    """Return columns in an order in which each kind of run has its say early.

    A column counts by its weight and by the runs that have it; runs that earlier columns told about count less.
    """
    have = [{at for at, v in enumerate(column.values[:_VOICES]) if v is not MISSING} for column in columns]
    order = sorted(range(len(columns)), key=lambda i: -weights[i] * len(have[i]))
    rest, later = order[:_CHOICES], order[_CHOICES:]
    asked = [i for i in order if _mentioned(columns[i].title, focus)]
    rest, later = ([i for i in part if i not in asked] for part in (rest, later))
    told: Counter[int] = Counter(at for i in asked for at in have[i])
    fair = []
    while rest:
        best = max(rest, key=lambda i: weights[i] * sum(1 / (1 + told[at]) for at in have[i]))
        told.update(have[best])
        rest.remove(best)
        fair.append(best)
    return [columns[i] for i in (*asked, *fair, *later)]


def _mentioned(key: str, focus: str) -> bool:
    return bool(key) and key in focus


def counts(shown: int, total: int, hidden: Iterable[tuple[int, int, str]]) -> str:
    """Return how much of everything a table shows."""
    parts = [f"{shown:,} of {text.plural(total, 'run')}"]
    parts += [f"{n:,} of {m:,} {noun}" for n, m, noun in hidden if n < m]
    return ", ".join(parts)
