"""`Run`: what users and integrations write with."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

import msgspec

from autotrack.errors import AutotrackError, RunFinished
from autotrack.journal import events
from autotrack.journal.segment import SegmentWriter, now
from autotrack.journal.text import escape
from autotrack.journal.values import class_path, encode_value
from autotrack.log import warn
from autotrack.metrics import checked_key, checked_points, checked_step

if TYPE_CHECKING:
    from autotrack.blobs import Blob, BlobStore
    from autotrack.journal.events import FinalStatus

_FLOAT = frozenset({float})
_encode = msgspec.json.Encoder().encode
_Metrics = events.Metrics
_time_ns = time.time_ns
_TARGETS = frozenset({"y", "target", "targets", "label", "labels"})  # first words of names of what is to be learned
_KEPT_MODEL = 64 * 1024 * 1024  # bytes; larger models are described, not copied


class Run:
    """One run that is being recorded. Made by `autotrack.start_run`; safe to use from any thread.

    As a context manager it is finished at the end of the block: ``failed`` with the traceback when the block raises,
    ``interrupted`` on Ctrl-C. Every log method raises `RunFinished` after the end and `StoreError` when the store
    cannot be written (the value is kept and written as soon as it can be).
    """

    def __init__(  # noqa: PLR0913 - made by `start_run` only
        self,
        id: str,  # noqa: A002 - its public name
        name: str,
        experiment: str,
        writer: SegmentWriter | None,
        *,
        parent: str | None = None,
        models: str | bool = "copy",
    ) -> None:
        self.id = id
        self.name = name
        self.experiment = experiment
        self.parent = parent
        self.store = ""  # where it is recorded, as `start_run` takes it
        self.outer: Run | None = None  # the run that was active when this one became so
        self.scoped = False  # entered with `with`: runs started inside are its children
        self.models = models
        self.writer = writer  # None: recorded by another process (rank zero), nothing is written here
        self._append = _discard if writer is None else writer.append
        self._known: set[str] = set()  # metric keys that need no checking
        self._status: FinalStatus | None = None
        self._began = time.monotonic()
        self.rested: float | None = None  # since when it waits for its next call, which may never come (monotonic)
        self.held = 0  # how many are adding to it: meanwhile it does not end by itself
        self.pauses = 0  # how often it went on after all, when nothing had come for a while
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return f"<Run {self.name} ({self.id}) {self.status}>"

    @property
    def status(self) -> events.Status:
        """``running``, or how it ended."""
        return self._status or "running"

    @property
    def recorded(self) -> bool:
        """Whether this process writes the run (false on ranks other than zero)."""
        return self.writer is not None

    # -- metrics ------------------------------------------------------------------------------------------------------

    def log_metric(self, key: str, value: Any, step: float | None = None) -> None:
        """Record one number (Python, numpy, torch or jax scalar; NaN and infinities too).

        Without `step` it is the next whole number after this key's previous step in this process, starting from 0.
        """
        self.log_metrics({key: value}, step)

    def log_metrics(self, metrics: Mapping[str, Any], step: float | None = None) -> None:
        """Record several numbers at the same step. Either all are recorded or, on a TypeError, none."""
        if self._status is not None:
            self._refuse()
        # The usual case, known keys and finite Python floats, is checked as a whole: it comes once a training step.
        if (
            type(metrics) is dict
            and self._known.issuperset(metrics)
            and {*map(type, metrics.values())} == _FLOAT
            and (total := sum(metrics.values())) - total == 0
            and (step is None or (type(step) is int and -9007199254740992 <= step <= 9007199254740992))
        ):
            self._append(_encode(_Metrics(t=_time_ns() // 1000, s=step, v=metrics)) + b"\n")
            return
        step = checked_step(step)
        points = checked_points(metrics)
        if not points:
            return
        self._append(_encode(events.Metrics(t=now(), s=step, v=points)) + b"\n")
        self._known.update(key for key in metrics if type(key) is str and key in points)

    # -- params and tags ----------------------------------------------------------------------------------------------

    def log_param(self, key: str, value: Any) -> None:
        """Record a param. Types are kept; logging a key again corrects it, and its history stays."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record several params; values may be nested. Values of keys that name a secret are not written."""
        from autotrack.capture import secrets

        if self._status is not None:
            self._refuse()
        values = {checked_key(k): encode_value(v) for k, v in secrets.redact_mapping(dict(params)).items()}
        if values:
            self._write(events.Params(t=now(), values=values))

    def set_tag(self, key: str, value: Any) -> None:
        """Set a tag; None removes it."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set several tags. Values are recorded as text."""
        from autotrack.capture import secrets

        if self._status is not None:
            self._refuse()
        texts = {checked_key(k): None if v is None else str(v) for k, v in tags.items()}
        values = {k: None if v is None else escape(v) for k, v in secrets.redact_mapping(texts).items()}
        if values:
            self._write(events.Tags(t=now(), values=values))

    # -- artifacts, models, data --------------------------------------------------------------------------------------

    def log_artifact(
        self,
        content: str | os.PathLike[str] | bytes | Any,
        name: str | None = None,
        *,
        kind: str = "file",
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a copy of a file, of all files of a folder, of bytes, or of what a binary stream holds.

        `name` is the artifact's name in the run (default: the file's name; needed for bytes and streams).
        Logging a name again replaces it in views. Raises FileNotFoundError for a path that is not there.
        """
        if self._status is not None:
            self._refuse()
        if isinstance(content, (str, os.PathLike)):
            path = Path(content)
            name = path.name or path.resolve().name if name is None else name
            if path.is_dir():
                for file in sorted(p for p in path.rglob("*") if p.is_file()):
                    self._keep(file, f"{name}/{file.relative_to(path).as_posix()}", kind, meta)
                return
            self._keep(path, name, kind, meta)
        elif name is None:
            raise TypeError("log_artifact needs a name for bytes and streams: log_artifact(data, 'name.bin')")
        else:
            self._keep(content, name, kind, meta)

    def log_model(self, model: Any, name: str | None = None, *, step: float | None = None) -> None:
        """Keep a trained model in a safe format where there is one; `autotrack.load_model` gives it back."""
        if self._status is not None:
            self._refuse()
        if self.writer is None or not self.models:
            return
        from autotrack import flavors

        name = "model" if name is None else name
        flavor = flavors.flavor_of(model)
        blobs = self._blobs(self.writer)
        blob = None
        with blobs.writing() as path:
            saved = flavors.load_flavor(flavor).save(model, path)
            size = path.stat().st_size
            if self.models != "reference" and size <= _KEPT_MODEL:
                blob = blobs.adopt(path)
        if blob is None:
            self.note(
                f"model {name!r} of {size:,} bytes was described, not kept: "
                "models up to 64 MiB are kept with models='copy'; log_artifact(path) keeps any file",
                kind="info",
            )
        self._write(
            events.Model(
                t=now(), name=escape(name), format=saved.format, safe=saved.safe, flavor=flavor,
                type=escape(class_path(type(model))), sha256=blob and blob.sha256, size=size,
                step=checked_step(step), meta=encode_value(saved.meta),
            )
        )  # fmt: skip

    def log_data(
        self, data: Any, name: str | None = None, role: str | None = None, *, budget: float | None = None
    ) -> str:
        """Record which data was used: type, shape, columns, missing values, fingerprint over its content; not the data.

        How often each class occurs is recorded too; where classes are texts, of a `name` such as ``y_train`` only.
        Returns the fingerprint, which begins with ``xxh3-sampled:`` where all of the data would take more than `budget`
        seconds (default 1; assumed are 2 GB/s), or is empty where there is none.
        """
        from autotrack.capture.data import describe

        if self._status is not None:
            self._refuse()
        if self.writer is None:
            return ""
        target = (name or "").partition("_")[0] in _TARGETS
        found = describe(data, target=target, budget=1.0 if budget is None else budget)
        self._write(
            events.Data(
                t=now(), name=escape(name or role or "data"), role=escape(role or ""), kind=escape(found.kind),
                shape=list(found.shape), fingerprint=found.fingerprint, meta=encode_value(found.as_meta()),
            )
        )  # fmt: skip
        return found.fingerprint

    def log_table(
        self,
        name: str,
        columns: Mapping[str, Any],
        *,
        kind: str = "table",
        meta: Mapping[str, Any] | None = None,
        more: bool = False,
    ) -> None:
        """Record a table: a dict of column names and sequences (or arrays) of equal length, or a data frame.

        Types of cells are kept, of any number of rows. Logging a name again replaces the table in views; with `more`
        the rows are added to those that it has. `kind` says what the columns mean (docs/tables.md): it decides how the
        table is drawn.
        """
        from autotrack.capture import secrets
        from autotrack.tables import checked_columns

        if self._status is not None:
            self._refuse()
        if self.writer is None:
            return
        self._write(
            events.Table(
                t=now(), name=checked_key(name), columns=checked_columns(columns), kind=escape(kind), more=more,
                meta=encode_value(secrets.redact_mapping(dict(meta or {}))),
            )
        )  # fmt: skip

    def note(self, text: str, kind: str = "info") -> None:
        """Attach a remark for whoever reads the run (kinds: ``info``, ``warning``, ``capture``)."""
        from autotrack.capture import secrets

        self._write(events.Note(t=now(), text=escape(secrets.redact_text(str(text))), kind=kind))

    # -- the end ------------------------------------------------------------------------------------------------------

    def finish(self, status: FinalStatus | None = None, error: BaseException | None = None) -> None:
        """End the run (default status: ``failed`` with an `error`, else ``finished``). A second call changes nothing.

        Returns at once: the disk is synced in the background.
        """
        from autotrack import active

        if self._status is not None or self._pid != os.getpid():  # a forked child does not end its parent's run
            active.leave(self)
            return
        status = status or ("failed" if error is not None else "finished")
        if status not in get_args(events.FinalStatus):
            raise ValueError(f"a run ends as one of {', '.join(get_args(events.FinalStatus))}, not as {status!r}")
        details = None if error is None else _details(error)
        clock, end = now(), time.monotonic()
        if self.rested is not None:  # nothing has happened since
            clock, end = clock - int((end - self.rested) * 1e6), self.rested
        try:
            self._write(events.Finish(t=clock, status=status, duration=int((end - self._began) * 1e6), error=details))
        finally:
            self._status = status
            active.leave(self)
            if self.writer is not None:
                active.close(self, self.writer)

    def __enter__(self) -> Self:
        from autotrack import active

        self.scoped = True
        active.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, SystemExit) and error.code in (None, 0):
            error = None
        try:
            self.finish("interrupted" if isinstance(error, KeyboardInterrupt) else None, error)
        except AutotrackError as failure:
            if error is None:
                raise
            warn(str(failure), failure)  # the error of the block is the one that counts

    # -- inside -------------------------------------------------------------------------------------------------------

    def _write(self, event: events.Event) -> None:
        if self._status is not None:
            self._refuse()
        if self.writer is not None:
            self.writer.write(event)

    def _keep(self, content: Any, name: str, kind: str, meta: Mapping[str, Any] | None) -> None:
        if self.writer is None:
            return
        from autotrack.capture import secrets

        blobs = self._blobs(self.writer)
        blob: Blob
        if isinstance(content, (bytes, bytearray, memoryview)):
            blob = blobs.put_bytes(bytes(content))
        elif isinstance(content, Path):
            blob = blobs.put_file(content)
        elif hasattr(content, "read"):
            blob = blobs.put_stream(content)
        else:
            raise TypeError(f"log_artifact takes a path, bytes or a binary stream, not {type(content).__name__}")
        self._write(
            events.Artifact(
                t=now(),
                name=checked_key(name),
                sha256=blob.sha256,
                size=blob.size,
                kind=kind,
                meta=encode_value(secrets.redact_mapping(dict(meta or {}))),
            )
        )

    def _blobs(self, writer: SegmentWriter) -> BlobStore:
        from autotrack.blobs import BlobStore

        return BlobStore(writer.folder)

    def _refuse(self) -> None:
        raise RunFinished(
            f"run {self.name} has {self.status}: log before it ends, "
            f"or go on with autotrack.start_run(resume={self.id!r})"
        )


def _discard(_line: bytes) -> None:
    """Write nothing: another process records this run."""


def _details(error: BaseException) -> dict[str, str]:
    import traceback

    from autotrack.capture.secrets import redact_text

    try:
        message = str(error)
    except Exception as failure:  # noqa: BLE001 - the user's exception class may do anything
        message = f"<str failed: {type(failure).__name__}>"
    text = "".join(traceback.format_exception(error))
    return {
        "type": escape(class_path(type(error)).removeprefix("builtins.")),
        "message": escape(redact_text(message)),
        "traceback": escape(redact_text(text)),
    }
