"""Which run a fitted object was recorded in, as long as the object lives."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrack import Run


SHARE = 0.1
"""Of a training in several calls: what is more than reading numbers may take this share of the time of the calls ..."""
FLOOR = 0.25
"""... or this many seconds, whichever is more."""


class Track:
    """What is known of one fitted object."""

    def __init__(self, run: Run, *, own: bool) -> None:
        self.run = run
        self.own = own
        """Whether the run was opened for this object, so that later calls may go on with it."""
        self.calls = 0
        """How often it was fitted in this run before."""
        self.step: int | None = None
        """Number of the call that goes on; None of a fit that stands for itself."""
        self.samples = 0
        """That `partial_fit` was given so far."""
        self.skipped = False
        """Whether the run says that something was left out."""
        self.fit_time = 0.0
        """Seconds, of all calls."""
        self.spent = 0.0
        """Seconds that recording took, of what is not done at every call."""
        self.params: dict[str, Any] = {}
        """As they were recorded last."""
        self.unnamed: dict[object, int] = {}
        """Numbers of data without a name that something is recorded about, by what tells one from another."""
        self.described: dict[str, Any] = {}
        """Data described on the run, by name, weakly referred to."""
        self._seen: dict[str, tuple[int, int]] = {}

    def affords(self) -> bool:
        """Whether there is time for more than reading numbers; always at the first call."""
        return not self.calls or self.spent <= max(FLOOR, SHARE * self.fit_time)

    def fresh(self, name: str, points: Sequence[Any]) -> list[tuple[int, Any]]:
        """The points of a series that have not been recorded yet, with their steps: these go on from call to call."""
        seen, total = self._seen.get(name, (0, 0))
        new = points[seen:] if len(points) >= seen else points  # it has begun anew
        self._seen[name] = len(points), total + len(new)
        return list(enumerate(new, total))


_tracks: dict[int, tuple[weakref.ref[Any], Track]] = {}


def track_of(model: Any) -> Track | None:
    """Return the track of an object, None where it was not fitted under observation. Costs a look into a dict."""
    entry = _tracks.get(id(model))
    return entry[1] if entry is not None and entry[0]() is model else None


def follow(track: Track, *models: Any) -> Track:
    """Remember that fitted objects belong to a run; nothing is written onto them, and they are not kept alive."""
    for model in models:
        place = id(model)
        try:
            reference = weakref.ref(model, lambda dead, place=place: _forget(place, dead))  # type: ignore[misc]
        except TypeError:  # a class without a place for weak references
            continue
        _tracks[place] = reference, track
    return track


def continued(model: Any, run: Run, *, own: bool, former: Track | None) -> Track:
    """The track of a call that fits `model` in `run`: that of the calls before, where it is the same run."""
    track = Track(run, own=own) if former is None or former.run.id != run.id else former
    track.run = run
    return follow(track, model)


def _forget(place: int, dead: weakref.ref[Any]) -> None:
    entry = _tracks.get(place)
    if entry is not None and entry[0] is dead:
        del _tracks[place]
