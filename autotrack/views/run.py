"""One recorded run, as readers see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import xxhash

from autotrack.journal.text import escape
from autotrack.views import details, text
from autotrack.views.parts import ArtifactView, Attempt, Correction, DatasetView, Details, ModelView, Note, RunError
from autotrack.views.rows import Batch, MetricRow, RunRow
from autotrack.views.series import Series, Summary
from autotrack.views.tables import Tables, TableView, no_table
from autotrack.views.values import Metrics, Params, Tags, UnknownKey, unknown_key

if TYPE_CHECKING:
    from autotrack.store.engine import Index
    from autotrack.views.runs import Runs
    from autotrack.views.store import Store


class RunView:
    """A run as it was when it was read; `refresh` reads it again.

    Two views are equal when they are of the same run. A pickled view is a reference: it is read anew from the store
    when it is unpickled.
    """

    def __init__(self, store: Store, row: RunRow, batch: Batch) -> None:
        self._store = store
        self._row = row
        self._batch = batch

    # What identifies it, and how it went

    @property
    def id(self) -> str:
        """26 characters that sort by the time of the start."""
        return self._row.id

    @property
    def name(self) -> str:
        """Given by the user, or made up."""
        return self._row.name

    @property
    def experiment(self) -> str:
        """The experiment it belongs to."""
        return self._row.experiment

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``failed``, ``interrupted``, ``killed``, or ``lost`` (its machine is silent)."""
        return self._row.status

    @property
    def started(self) -> datetime | None:
        """Start of the first attempt, in the local time zone; None where the first line is not there yet."""
        return self._row.started

    @property
    def finished(self) -> datetime | None:
        """End of the latest attempt; None while it runs."""
        return self._row.finished

    @property
    def duration(self) -> timedelta | None:
        """How long all attempts took together; of a run that goes on, the time since its start."""
        if self._row.duration is None and self.status == "running" and self.started is not None:
            return max(datetime.now(self.started.tzinfo) - self.started, timedelta(0))
        return self._row.duration

    @property
    def attempt(self) -> int:
        """Number of the latest attempt, from 1."""
        return self._row.attempt

    @property
    def parent_id(self) -> str | None:
        """Id of the run inside which it was started."""
        return self._row.parent

    # What it recorded

    @cached_property
    def params(self) -> Params[Any]:
        """Params with their types, the latest value of each."""
        return Params({row.key: row.value for row in self._batch.params.get(self.id, ())})

    @cached_property
    def metrics(self) -> Metrics[float]:
        """The last value of each metric."""
        return Metrics({key: row.last for key, row in self._metric_rows.items()})

    @cached_property
    def metric_summaries(self) -> Metrics[Summary]:
        """Last, min, max, mean, count and their steps for each metric."""
        return Metrics({key: row.summary() for key, row in self._metric_rows.items()})

    @cached_property
    def _metric_rows(self) -> dict[str, MetricRow]:
        return {row.key: row for row in self._batch.metrics.get(self.id, ())}

    @cached_property
    def tags(self) -> Tags:
        """Tags."""
        return Tags(self._batch.tags.get(self.id, {}))

    def series(self, key: str) -> Series:
        """Return all points of a metric. KeyError, with what comes close, for one that was not recorded."""
        row = self._metric_rows.get(key)
        if row is None:
            raise UnknownKey(unknown_key("metric", key, list(self._metric_rows)))
        hashed = _hash(key)
        return Series(
            key,
            row.summary(),
            lambda: details.points(self._index, self.id, hashed),
            lambda: details.outline(self._index, self.id, hashed),
        )

    def history(self, key: str) -> list[Correction]:
        """Return every value that a param had, oldest first; the last is the one in `params`."""
        found = details.history(self._index, self.id, _hash(key))
        if not found:
            raise UnknownKey(unknown_key("param", key, list(self.params)))
        return found

    @cached_property
    def artifacts(self) -> Artifacts:
        """Artifacts in the order of recording, also by name: ``run.artifacts["report.html"]``."""
        return Artifacts(details.artifact_views(self._index, self._store.blobs, self.id))

    @cached_property
    def tables(self) -> Tables:
        """Tables by name, in the order in which they first came: ``run.tables["train/roc_curve"]``."""
        return details.tables(self._index, self.id, self.name)

    @property
    def trials(self) -> TableView:
        """The candidates of a search, one a row; a table without rows where the run is none."""
        return self.tables.get("trials") or no_table("trials", self.id, self.name)

    @cached_property
    def models(self) -> tuple[ModelView, ...]:
        """Models, oldest first; `autotrack.load_model` loads one."""
        return details.models(self._index, self._store.blobs, self.id)

    @cached_property
    def datasets(self) -> tuple[DatasetView, ...]:
        """Data that it used."""
        return details.datasets(self._index, self.id)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """Remarks of people, integrations and capture, oldest first."""
        return details.notes(self._index, self.id)

    @cached_property
    def environment(self) -> Details:
        """Python, packages, machine; empty where they were not captured."""
        return details.environment(self._index, self._store.blobs, self.id)

    @cached_property
    def code(self) -> Details:
        """Repository, commit, script, arguments; empty where they were not captured."""
        return details.code(self._index, self.id)

    @cached_property
    def error(self) -> RunError | None:
        """Why it failed; None unless it did."""
        return details.error(self._index, self.id)

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """The processes that carried it on, first to latest."""
        return details.attempts(self._index, self.id)

    @property
    def children(self) -> Runs:
        """Runs that were started inside this one, newest first."""
        return self._store.children(self.id)

    @property
    def parent(self) -> RunView | None:
        """The run inside which it was started; None where there is none, or where it is not in this store."""
        return None if self.parent_id is None else self._store.find(self.parent_id)

    # Being an object

    def refresh(self) -> RunView:
        """Read the run again (what was recorded meanwhile too) and return it."""
        fresh = self._store.run(self.id)
        self.__dict__.clear()
        self.__dict__.update(vars(fresh))
        return self

    @property
    def _index(self) -> Index:
        return self._batch.index

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, RunView) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reread, (self._store.reference(), self.id)

    def __repr__(self) -> str:
        about = [self.status, *([text.length(self.duration)] if self.duration is not None else [])]
        counts = [(self.params, "param"), (self.metrics, "metric"), (self.tags, "tag")]
        about += [text.plural(len(values), noun) for values, noun in counts if values]
        return f"<RunView {text.value(self.name, 60)} ({self.id}) {', '.join(about)}>"

    def _repr_html_(self) -> str:
        from autotrack.views.card import run_card

        return run_card(self)


class Artifacts(Sequence[ArtifactView]):
    """The artifacts of a run, by position or by name."""

    def __init__(self, artifacts: Sequence[ArtifactView]) -> None:
        self._artifacts = tuple(artifacts)

    @overload
    def __getitem__(self, key: int | str) -> ArtifactView: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[ArtifactView, ...]: ...
    def __getitem__(self, key: int | str | slice) -> ArtifactView | tuple[ArtifactView, ...]:
        if not isinstance(key, str):
            return self._artifacts[key]
        for artifact in self._artifacts:
            if artifact.name == key:
                return artifact
        raise UnknownKey(unknown_key("artifact", key, [a.name for a in self._artifacts]))

    def __len__(self) -> int:
        return len(self._artifacts)

    def __iter__(self) -> Iterator[ArtifactView]:
        return iter(self._artifacts)

    def __repr__(self) -> str:
        listed = [f"{text.value(a.name, 60)} ({text.size(a.size)})" for a in self._artifacts[:10]]
        more = f", … (10 of {len(self):,})" if len(self) > 10 else ""
        return f"<Artifacts {', '.join(listed)}{more}>" if listed else "<Artifacts: none>"


def _hash(key: str) -> bytes:
    return xxhash.xxh3_128_digest(escape(key).encode())


def _reread(store: str, run: str) -> RunView:
    from autotrack.views.store import default_store

    return default_store(store).run(run)
