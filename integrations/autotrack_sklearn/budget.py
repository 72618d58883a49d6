"""The time that a record may take: a share of the time of `fit`, or some seconds, whichever is more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple


class Limit(NamedTuple):
    """How long something may take."""

    share: float
    """Of the time of `fit`."""
    floor: float
    """Seconds that it may take in any case."""

    def seconds(self, fit_time: float) -> float:
        """The limit after a `fit` of that long."""
        return max(self.floor, self.share * fit_time)


LIMITS = {
    "metrics": Limit(0.1, 0.25),
    "plots": Limit(0.05, 0.1),
    "models": Limit(0.25, 0.5),
    "data": Limit(0.0, 0.25),  # looked at before `fit`, which may change it: nobody knows yet how long that will take
}
"""By the option that lifts the limit where it is ``"always"``. docs/sklearn.md has them as a table."""

_FEW = 4  # samples of the first trial
_GROWTH = 4  # how many times as many samples the next one has
_TELLING = 0.02  # of the limit: a trial of that long is more than noise and preparation


class TooLong(Exception):
    """Something would take more time than it may."""


def check(option: str, seconds: float, fit_time: float, what: str = "they") -> None:
    """Raise TooLong if what the option is about would take longer than it may after a `fit` of that long."""
    limit = LIMITS[option].seconds(fit_time)
    if seconds > limit:
        raise TooLong(
            f"{what} would take about {seconds:.2g} s after a fit of {fit_time:.2g} s "
            f"(limit: {limit:.2g} s); autotrack.autolog({option}='always') takes the time"
        )


class Budget:
    """Of training metrics. Counts from its making; whatever happens meanwhile is paid from it."""

    def __init__(self, fit_time: float, *, limited: bool = True) -> None:
        self.fit_time = fit_time
        self.limit = LIMITS["metrics"].seconds(fit_time) if limited else float("inf")
        self._began = time.perf_counter()

    def check(self, seconds: float) -> None:
        """Raise TooLong if there is not that much time left."""
        if self.limit < float("inf"):
            check("metrics", time.perf_counter() - self._began + seconds, self.fit_time)

    def try_out(self, work: Callable[[Any], object], data: Any, count: int) -> None:
        """Raise TooLong unless there is time to do `work` with all `count` samples of `data`.

        It is done with a few of them, then with four times as many, until its time tells enough.
        """
        if self.limit == float("inf"):
            return
        size, former_size, former = _FEW, 0, 0.0
        while size < count:
            seconds = timed(work, first(data, size))
            # As if all of the time went with the number of samples: never too little.
            if seconds / size * count <= self.limit / 2:
                self.check(seconds / size * count)
                return
            if former_size:
                each = max(0.0, seconds - former) / (size - former_size)
                expected = seconds + each * (count - size)
                if seconds >= _TELLING * self.limit:
                    self.check(expected)
                    return
            self.check(_GROWTH * seconds)  # about what the next trial takes
            size, former_size, former = size * _GROWTH, size, seconds


def timed(work: Callable[[Any], object], data: Any) -> float:
    """The seconds that it takes."""
    began = time.perf_counter()
    work(data)
    return time.perf_counter() - began


def first(data: Any, size: int) -> Any:
    """The first samples."""
    if hasattr(data, "iloc"):
        return data.iloc[:size]
    if not hasattr(data, "__getitem__"):  # a Pool of catboost's
        return data.slice(list(range(size)))
    return data.tocsr()[:size] if hasattr(data, "tocsr") else data[:size]


@dataclass
class Saving:
    """A model being saved: how long the `fit` took, whether that limits the time for it, and what to say of it."""

    fit_time: float
    limited: bool
    remark: str | None = None


_saving: ContextVar[Saving | None] = ContextVar("autotrack_sklearn_saving", default=None)


@contextmanager
def saving(fit_time: float, *, limited: bool = True) -> Iterator[Saving]:
    """Models saved inside are pickled where their safe format would take too long."""
    found = Saving(fit_time, limited)
    token = _saving.set(found)
    try:
        yield found
    finally:
        _saving.reset(token)


def remark(reason: object) -> None:
    """Say on the run that its model needs trust, and why."""
    if (current := _saving.get()) is not None:
        current.remark = f"model kept as a pickle, which autotrack.load_model(run, trust=True) loads: {reason}"


def may_be_saved(seconds: float) -> bool:
    """Whether there is that much time to save a model in its safe format."""
    current = _saving.get()
    if current is None or not current.limited:
        return True
    try:
        check("models", seconds, current.fit_time, "the format that needs no trust")
    except TooLong as reason:
        remark(reason)
    return current.remark is None
