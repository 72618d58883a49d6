"""Brings the index up to date when a process ends: the only module that knows the writing and the reading side.

A local index of little news is left to the next reader, who needs milliseconds for it: starting SQLAlchemy for that
would cost every short script a quarter of a second. A team store is always told: its readers are elsewhere.
"""

from __future__ import annotations

import time

from autotrack import config
from autotrack.journal.folder import Folder
from autotrack.log import warn

_WORTHWHILE = 4 * 1024 * 1024  # bytes of new journal
_PATIENCE = 2  # seconds to wait for a server at the end of a process


def deliver(deadline: float) -> None:
    """Ingest what this process wrote, until `deadline` (of `time.monotonic`); the next reader does the rest."""
    options = config.current()
    folder = options.folder()
    team = config.is_url(options.store)
    if time.monotonic() >= deadline or not folder.runs.is_dir():
        return
    if not team and _recent_bytes(folder) < _WORTHWHILE:
        return
    try:
        from autotrack.store.engine import Index
        from autotrack.store.ingest import ingest

        with Index.open(options.store if team else folder, patience=_PATIENCE) as index:
            ingest(index, folder, deadline=deadline)
    except Exception as error:  # noqa: BLE001 - nothing is lost: the journal has it all
        warn(f"the index was not brought up to date ({error}); the next reader does it")


def _recent_bytes(folder: Folder) -> int:
    """Return the size of the unsealed segments of this process's runs, as far as a glance tells."""
    from autotrack import active

    return sum(
        segment.size() for identity in active.written() for segment in folder.segments(identity) if not segment.sealed
    )
