"""What a run's journal says already, for a process that goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autotrack.errors import RunNotFound
from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Corrupt, Event, Open, Start, Unknown
from autotrack.journal.folder import Folder, SegmentFile
from autotrack.journal.text import unescape

_ENDS = 1 << 16  # bytes looked at at both ends of a segment


class Past(NamedTuple):
    """A run so far; `latest` is the time of its latest line in microseconds since 1970."""

    run: str
    name: str
    experiment: str
    attempt: int
    latest: int


def read_past(folder: Folder, ref: str) -> Past:
    """Return the past of a run named by its id or the end of it; RunNotFound where not exactly one answers."""
    known = folder.run_ids()
    found = [ref] if ref in known else [run for run in known if run.endswith(ref)]
    if len(found) != 1 or not ref:
        raise RunNotFound(f"no single run {ref!r} in {folder.root}: resume takes the id that `autotrack runs` shows")
    name = experiment = ""
    attempt = latest = 0
    for segment in folder.segments(found[0]):
        for event in _ends(segment):
            latest = max(latest, event.t)
            if isinstance(event, Open) and event.role == "main":
                attempt = max(attempt, event.attempt)
            elif isinstance(event, Start):
                name = unescape(event.name or "") or name
                experiment = unescape(event.experiment or "") or experiment
    return Past(found[0], name, experiment, attempt, latest)


def _ends(segment: SegmentFile) -> Iterator[Event]:
    """Yield the first and the last events of a segment."""
    head, start = segment.read(0, _ENDS), max(0, segment.size() - _ENDS)
    tail = segment.read(start) if start else b""
    for part in (head[: head.rfind(b"\n") + 1], tail[tail.find(b"\n") + 1 : tail.rfind(b"\n") + 1]):
        for event in decode_lines(part):
            if not isinstance(event, (Unknown, Corrupt)):
                yield event
