"""Real data, autologging on, and what the journal says afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")

from sklearn import datasets

from autotrack.autolog import autolog
from autotrack.journal import events
from autotrack.journal.decoding import decode_lines
from autotrack.journal.folder import Folder
from autotrack.journal.values import decode_value

# Tests of other libraries are there where all of these are: tox -e sklearn-others.
OTHERS = ("catboost", "imblearn", "lightgbm", "skorch", "xgboost")
collect_ignore = [] if all(map(find_spec, OTHERS)) else ["test_sklearn_catboost.py", "test_sklearn_others.py"]

LOADERS = {
    "breast_cancer": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}


class Recorded:
    """One run as its journal tells it."""

    def __init__(self, folder: Folder, run: str) -> None:
        self.folder = folder
        self.id = run
        self.params: dict[str, Any] = {}
        self.series: dict[str, list[tuple[float | None, float]]] = {}
        self.tags: dict[str, str | None] = {}
        self.notes: dict[str, list[str]] = {}
        self.data: list[events.Data] = []
        self.models: list[events.Model] = []
        self.artifacts: dict[str, events.Artifact] = {}
        self.tables: dict[str, events.Table] = {}
        for segment in folder.segments(run):
            for event in decode_lines(segment.read(0, None)):
                self._take(event)

    def _take(self, event: Any) -> None:  # noqa: C901 - one line for each kind of event
        match event:
            case events.Start():
                self.name, self.parent = event.name, event.parent
            case events.Params():
                self.params.update({key: decode_value(value) for key, value in event.values.items()})
            case events.Metrics():
                for key, value in event.v.items():
                    self.series.setdefault(key, []).append((event.s, float(value)))
            case events.Tags():
                self.tags.update(event.values)
            case events.Note():
                self.notes.setdefault(event.kind, []).append(event.text)
            case events.Data():
                self.data.append(event)
            case events.Model():
                self.models.append(event)
            case events.Table():
                self.tables[event.name] = event
            case events.Artifact():
                self.artifacts[event.name] = event
            case events.Finish():
                self.status, self.error = event.status, event.error

    @property
    def metrics(self) -> dict[str, float]:
        """Last values."""
        return {key: points[-1][1] for key, points in self.series.items()}

    def table(self, name: str) -> dict[str, list[Any]]:
        """The columns of a table, values as they were logged."""
        return {key: [decode_value(cell) for cell in cells] for key, cells in self.tables[name].columns.items()}

    def content(self, name: str) -> bytes:
        """The bytes of an artifact."""
        return self.blob(self.artifacts[name].sha256).read_bytes()

    def blob(self, sha256: str | None) -> Path:
        """Where bytes are kept."""
        assert sha256 is not None
        return self.folder.blobs / sha256[:2] / sha256


@pytest.fixture
def runs(tmp_path: Path) -> Callable[[], list[Recorded]]:
    """All runs of the test's store, oldest first."""
    folder = Folder(tmp_path / "store")
    return lambda: [Recorded(folder, run) for run in sorted(folder.run_ids())]


@pytest.fixture(autouse=True)
def _time_for_diagrams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Diagrams are drawn, however short the fit and whatever other tests have drawn."""
    monkeypatch.setattr("autotrack_sklearn.pictures._DIAGRAM", 1e9)


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is time for metrics, plots and models, however slow the machine."""
    from autotrack_sklearn.budget import LIMITS, Limit

    for what in ("metrics", "plots", "models"):
        monkeypatch.setitem(LIMITS, what, Limit(0.1, 100.0))
    monkeypatch.setattr("autotrack_sklearn.tracked.FLOOR", 100.0)


@pytest.fixture
def on() -> Iterator[None]:
    """Autologging is on in the test."""
    with autolog(only="sklearn"):
        yield
    autolog().stop()


@pytest.fixture(scope="session")
def load() -> Callable[[str], tuple[Any, Any]]:
    """X and y of a bundled data set, by name."""
    return lambda name: LOADERS[name](return_X_y=True)
