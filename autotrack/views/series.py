"""One metric of one run: its points as numpy arrays, its summary without reading them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from autotrack.views import text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from autotrack.store.series import Points

_SPARK = 32  # blocks of a sparkline


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a series without reading its points.

    Statistics are over the finite values; None where there are none.
    """

    count: int
    """All points."""
    last: float
    last_step: float
    last_time: datetime
    min: float | None
    min_step: float | None
    max: float | None
    max_step: float | None
    mean: float | None
    nan: int
    """How many values are NaN."""
    inf: int
    """How many values are infinite, of either sign."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighboring points seen as one: what charts draw. Values are of its finite points, None where there are none."""

    count: int
    first_step: float
    last_step: float
    first: float | None
    last: float | None
    min: float | None
    max: float | None
    nan: int
    inf: int

    def merged(self, other: Stretch) -> Stretch:
        """Return this stretch and the one behind it as one."""
        return Stretch(
            self.count + other.count,
            self.first_step,
            other.last_step,
            other.first if self.first is None else self.first,
            self.last if other.last is None else other.last,
            min((x for x in (self.min, other.min) if x is not None), default=None),
            max((x for x in (self.max, other.max) if x is not None), default=None),
            self.nan + other.nan,
            self.inf + other.inf,
        )


class Series:
    """The points of one metric in the order in which they were logged.

    Points are read when they are first asked for and then stay. `len(series)` and the summary do not read them.
    """

    def __init__(
        self, key: str, summary: Summary, read: Callable[[], Points], outline: Callable[[], Sequence[Stretch]]
    ) -> None:
        self.key = key
        self.summary = summary
        self._read = read
        self._outline = outline

    @cached_property
    def _points(self) -> Points:
        return self._read()

    @cached_property
    def steps(self) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        """Steps: int64 where all are whole numbers, else float64."""
        import numpy as np

        steps = self._points.steps
        # Up to 2**53 every whole float64 is the number that was logged; -0.0 has no whole counterpart.
        if np.all(np.abs(steps) <= 2.0**53):
            whole = steps.astype(np.int64)
            if whole.astype(np.float64).tobytes() == steps.tobytes():
                return whole
        return steps

    @cached_property
    def times(self) -> npt.NDArray[np.datetime64]:
        """Wall-clock times, UTC, in microseconds (``datetime64[us]``)."""
        return self._points.times.astype("datetime64[us]")

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """Values exactly as they were logged, NaN and infinities among them."""
        return self._points.values

    def __len__(self) -> int:
        return self.summary.count

    @property
    def count(self) -> int:
        """Number of points."""
        return self.summary.count

    @property
    def last(self) -> float:
        """Latest value."""
        return self.summary.last

    @property
    def min(self) -> float | None:
        """Smallest finite value; None where there is none."""
        return self.summary.min

    @property
    def max(self) -> float | None:
        """Largest finite value; None where there is none."""
        return self.summary.max

    @property
    def mean(self) -> float | None:
        """Mean of the finite values; None where there are none."""
        return self.summary.mean

    def to_pandas(self) -> pd.Series[Any]:
        """Return the values as a pandas Series over the steps, named by the key."""
        from autotrack.views.frame import pandas

        module = pandas()
        found: pd.Series[Any] = module.Series(self.values, index=module.Index(self.steps, name="step"), name=self.key)
        return found

    def outline(self, stretches: int) -> list[Stretch]:
        """Return the series in at most `stretches` neighboring parts; long series are not read point by point."""
        if "_points" in self.__dict__ or self.count <= 16_384:
            return stretched(self._points, stretches)
        parts = self._outline()
        if len(parts) <= stretches:
            return list(parts)
        bounds = [i * len(parts) // stretches for i in range(stretches + 1)]
        return [_merge(parts[a:b]) for a, b in pairwise(bounds)]

    def __repr__(self) -> str:
        s = self.summary
        about = [text.plural(s.count, "point"), f"last {text.number(s.last)}"]
        if s.min is not None and s.max is not None and s.count > 1:
            about.append(f"min {text.number(s.min)} at {text.number(s.min_step or 0.0)}")
            about.append(f"max {text.number(s.max)} at {text.number(s.max_step or 0.0)}")
        about += [f"{s.nan:,} NaN"] * bool(s.nan) + [f"{s.inf:,} infinite"] * bool(s.inf)
        levels = [level(part) for part in self.outline(_SPARK)]
        name = text.shorten(text.printable(self.key), 60)
        return f"Series('{name}', {', '.join(about)})  {text.sparkline(levels)}"

    def _repr_html_(self) -> str:
        from autotrack.views.chart import series_chart

        return series_chart(self)


def level(part: Stretch) -> float:
    """Return the height of a sparkline's block: the last finite value, or NaN where something is not finite."""
    return float("nan") if part.nan or part.inf or part.last is None else part.last


def _merge(parts: Sequence[Stretch]) -> Stretch:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merged(part)
    return whole


def stretched(points: Points, stretches: int) -> list[Stretch]:
    """Return points as at most `stretches` neighboring parts of equal numbers of points."""
    import numpy as np

    count = len(points.values)
    bounds = np.unique(np.linspace(0, count, min(stretches, count) + 1).astype(np.int64)).tolist()
    parts = []
    for a, b in pairwise(bounds):
        values = points.values[a:b]
        finite = values[np.isfinite(values)]
        nan = int(np.isnan(values).sum())
        ends: tuple[float | None, ...] = (None,) * 4
        if finite.size:
            ends = (float(finite[0]), float(finite[-1]), float(finite.min()), float(finite.max()))
        first, last, low, high = ends
        inf = b - a - nan - finite.size
        ends_at = float(points.steps[a]), float(points.steps[b - 1])
        parts.append(Stretch(b - a, *ends_at, first, last, low, high, nan, inf))
    return parts
