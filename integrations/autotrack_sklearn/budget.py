"""The time that training metrics may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SHARE = 0.1
"""Training metrics may take this share of the time of `fit` ..."""
FLOOR = 0.25
"""... or this many seconds, whichever is more."""

_FEW = 4  # samples of the first trial
_GROWTH = 4  # how many times as many samples the next one has
_TELLING = 0.02  # of the limit: a trial of that long is more than noise and preparation


class TooLong(Exception):
    """The metrics would take more time than they may."""


class Budget:
    """Counts from its making; whatever happens meanwhile is paid from it."""

    def __init__(self, fit_time: float, *, limited: bool = True) -> None:
        self.fit_time = fit_time
        self.limit = max(FLOOR, SHARE * fit_time) if limited else float("inf")
        self._began = time.perf_counter()

    def check(self, seconds: float) -> None:
        """Raise TooLong if there is not that much time left."""
        total = time.perf_counter() - self._began + seconds
        if total > self.limit:
            raise TooLong(
                f"they would take about {total:.2g} s after a fit of {self.fit_time:.2g} s "
                f"(limit: {self.limit:.2g} s); autotrack.autolog(metrics='always') computes them"
            )

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
