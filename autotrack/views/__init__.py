"""Reading: stores, runs and series as Python objects."""

from __future__ import annotations

from autotrack.views.parts import ArtifactView, Attempt, Correction, DatasetView, Details, ModelView, Note, RunError
from autotrack.views.run import Artifacts, RunView
from autotrack.views.runs import Runs
from autotrack.views.series import Series, Summary
from autotrack.views.store import Store, open_store, runs
from autotrack.views.tables import Tables, TableView

__all__ = [
    "ArtifactView",
    "Artifacts",
    "Attempt",
    "Correction",
    "DatasetView",
    "Details",
    "ModelView",
    "Note",
    "RunError",
    "RunView",
    "Runs",
    "Series",
    "Store",
    "Summary",
    "TableView",
    "Tables",
    "open_store",
    "runs",
]
