"""What can be asked: the fields of a run, the three collections, the statistics of a metric, the states."""

from __future__ import annotations

from enum import Enum
from typing import get_args

from autotrack.journal.events import Status


class Kind(Enum):
    """What a field holds, which decides what it can be compared with. The value is how messages call it."""

    TEXT = "text"
    STATUS = "a state"
    TIME = "a time"
    DURATION = "a duration"
    NUMBER = "a number"
    PARAM = "a param"  # number, text or bool, which differs from run to run


STATES: tuple[str, ...] = get_args(Status)

RUN_FIELDS: dict[str, tuple[Kind, str]] = {
    "id": (Kind.TEXT, "id of the run"),
    "name": (Kind.TEXT, "name of the run"),
    "experiment": (Kind.TEXT, "experiment it belongs to"),
    "parent": (Kind.TEXT, "id of the parent run"),
    "status": (Kind.STATUS, ", ".join(STATES)),
    "started": (Kind.TIME, 'when it started: "2026-11-01", "-2d", "today"'),
    "finished": (Kind.TIME, "when it ended"),
    "duration": (Kind.DURATION, 'seconds, or "2h", "1h30m"'),
    "attempt": (Kind.NUMBER, "number of the latest attempt, from 1"),
    "host": (Kind.TEXT, "machine it ran on"),
}

COLLECTIONS: dict[str, tuple[Kind, str]] = {
    "params": (Kind.PARAM, "params.lr"),
    "metrics": (Kind.NUMBER, 'metrics.loss, metrics["val/loss"].min'),
    "tags": (Kind.TEXT, "tags.owner"),
}

STATISTICS: dict[str, str] = {
    "last": "latest value (what metrics.loss alone means)",
    "min": "smallest finite value",
    "max": "largest finite value",
    "mean": "mean of the finite values",
    "count": "number of points",
    "nan": "number of points that are NaN",
    "inf": "number of points that are infinite",
    "first_step": "step of the first point",
    "last_step": "step of the latest point",
    "step_of_min": "step of the smallest value",
    "step_of_max": "step of the largest value",
}
