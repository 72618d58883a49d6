"""What a store's journals say about its runs, read without the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Finish, Note, Params, Start
from autotrack.journal.folder import Folder


class Recorded:
    """One run as its journal tells it."""

    def __init__(self, folder: Folder, run: str) -> None:
        self.id = run
        self.name: str | None = None
        self.parent: str | None = None
        self.started = 0
        self.status = "running"
        self.error: dict[str, str] = {}
        self.params: dict[str, Any] = {}
        self.incomplete: list[str] = []
        """Notes that say what was not captured."""
        for segment in folder.segments(run):
            for event in decode_lines(segment.read(0, None)):
                self._take(event)

    def _take(self, event: object) -> None:
        if isinstance(event, Start):
            self.started = self.started or event.t
            self.name, self.parent = event.name or self.name, event.parent or self.parent
        elif isinstance(event, Params):
            self.params.update(event.values)
        elif isinstance(event, Finish):
            self.status, self.error = event.status, event.error or {}
        elif isinstance(event, Note) and event.kind == "capture":
            self.incomplete.append(event.text)


def recorded(store: Path) -> list[Recorded]:
    """Return all runs in a store's folder, oldest first."""
    folder = Folder(store)
    if not store.is_dir():
        return []
    return sorted((Recorded(folder, run) for run in folder.run_ids()), key=lambda run: run.started)
