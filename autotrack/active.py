"""Which run is current, who may open one, and how open runs end with the process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from autotrack import additions, config, delivery, ending
from autotrack.errors import AutotrackError, NoActiveRun
from autotrack.journal import syncing
from autotrack.journal.events import Start
from autotrack.journal.folder import checked_run_id
from autotrack.journal.ids import new_id, new_name
from autotrack.journal.segment import SegmentWriter, now
from autotrack.journal.text import escape
from autotrack.log import warn
from autotrack.provenance import Provenance
from autotrack.run import Run

_REST = 2.0  # seconds after which a run that waits for its next call ends, at first
_EXIT_SECONDS = 1.6  # how long the end of the process may be held up (two, with what the interpreter itself does)

_current: ContextVar[Run | None] = ContextVar("autotrack_run", default=None)
_open: dict[Run, Provenance] = {}  # what is on its way into them
_lock = threading.RLock()
_SHORTEST_SECRET = 8  # characters; for shorter names nothing is imported
_begun: set[str] = set()  # ids from the option `run_id` that a run of this process has taken

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "LOCAL_RANK")


def rank() -> int:
    """Return this process's rank as torchrun, SLURM or MPI tell it; 0 outside of a distributed training."""
    for name in _RANKS:
        value = os.environ.get(name, "")
        if value.isascii() and value.isdecimal():
            return int(value)
    return 0


def start_run(  # noqa: PLR0913 - the public signature
    name: str | None = None,
    *,
    experiment: str | None = None,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    parent: Run | str | None = None,
    resume: Run | str | None = None,
    store: str | os.PathLike[str] | None = None,
) -> Run:
    """Start a run and make it the active one of this thread or task.

    Inside a ``with`` block of another run it becomes that run's child, in the same store. `resume` (a run or its id)
    goes on with a run that exists, as a new attempt. Raises StoreError when the store cannot be written, RunNotFound
    for a `resume` that is not in the store.
    """
    for what, given in (("name", name), ("experiment", experiment)):
        if given is not None and not isinstance(given, str):
            raise TypeError(f"the {what} of a run is text, not {type(given).__name__}")
    name = None if name is None else _without_secrets(name)
    outer = active_run()
    if parent is None and outer is not None and outer.scoped and resume is None:
        parent = outer
    options = config.current(store=_store_for(parent) if store is None else store, experiment=experiment)
    experiment = _without_secrets(options.experiment)
    folder = options.folder()
    parent_id = None if parent is None else checked_run_id(parent)
    here = rank()
    shared = options.run_id if outer is None and options.run_id not in _begun else ""
    common: dict[str, Any] = {"parent": parent_id, "models": options.models}
    if here and not options.all_ranks and not shared:
        run = Run(new_id(), name or new_name(), experiment, None, **common)
        enter(run)
        return run
    if here and shared:
        writer = SegmentWriter(folder, checked_run_id(shared), role="worker", rank=here)
        run = Run(shared, name or shared, experiment, writer, **common)
    elif resume is not None:
        from autotrack.journal.past import read_past

        past = read_past(folder, checked_run_id(resume))
        writer = SegmentWriter(folder, past.run, attempt=past.attempt + 1, rank=here or None, not_before=past.latest)
        run = Run(past.run, name or past.name, past.experiment or experiment, writer, models=options.models)
        writer.write(Start(t=now(), name=escape(name) if name else None))
    else:
        identity = checked_run_id(shared or new_id())
        writer = SegmentWriter(folder, identity, rank=here or None)
        run = Run(identity, name or new_name(), experiment, writer, **common)
        writer.write(Start(t=now(), name=escape(run.name), experiment=escape(experiment), parent=parent_id))
    _begun.add(run.id)
    _register(run, writer, options.store)
    try:
        if params:
            run.log_params(params)
        if tags:
            run.set_tags(tags)
    except BaseException as error:
        run.finish(error=error)
        raise
    return run


def _store_for(parent: Run | str | None) -> str | None:
    """A child is recorded where its parent is; None for what is configured."""
    return parent.store or None if isinstance(parent, Run) else None


def _without_secrets(text: str) -> str:
    if len(text) < _SHORTEST_SECRET:
        return text
    from autotrack.capture.secrets import redact_text

    return redact_text(text)


def _register(run: Run, writer: SegmentWriter, store: str) -> None:
    provenance = Provenance(writer)
    run.store = store
    with _lock:
        _open[run] = provenance
        ending.arrange(_wind_up)
    delivery.announce(store, run.id)
    syncing.keep_synced(writer)
    enter(run)


# -- the active run -------------------------------------------------------------------------------------------------


def active_run() -> Run | None:
    """Return the run that is active in this thread or task, or None."""
    run = _current.get()
    # One that was ended elsewhere, or that rests, is not: back to the one around it.
    while run is not None and (run.status != "running" or run.rested is not None):
        run = run.outer
    return run


def rest(run: Run) -> None:
    """Let a run wait for its next call: it is not active, and ends by itself when none comes for a few seconds."""
    if _current.get() is run:
        _current.set(run.outer)
    run.rested = time.monotonic()
    if run.writer is not None:
        syncing.keep_synced(run.writer, lambda: _end_of_rest(run))


def wake(run: Run) -> Run:
    """Go on with a run that rests, or has ended since: then as a new attempt. It is active from here on.

    RunNotFound where it has ended and was deleted. An attempt rests for ten times as long as the one before: a training
    whose calls are some seconds apart is few attempts, not one for each call.
    """
    with _lock:
        run.rested = None  # from here on it does not end by itself
        ended = run.status != "running"
    if ended:
        attempt = start_run(resume=run.id, store=run.store or None)
        attempt.pauses = run.pauses + 1
        return attempt
    enter(run)
    return run


def _end_of_rest(run: Run) -> bool:
    with _lock, additions.undisturbed(run) as free:
        if free and run.rested is not None and time.monotonic() - run.rested >= additions.patience(run, _REST):
            try:
                run.finish()
            except AutotrackError as failure:
                warn(str(failure), failure)
    return False  # closing the segment is part of the end


def enter(run: Run) -> None:
    """Make a run the active one of this context."""
    outer = active_run()
    if outer is not run:
        run.outer = outer
        _current.set(run)


def leave(run: Run) -> None:
    """Make the run that was active before it the active one again."""
    if _current.get() is run:
        _current.set(active_run())


def _required(call: str) -> Run:
    run = active_run()
    if run is None:
        raise NoActiveRun(f"autotrack.{call}()")
    return run


def log_param(key: str, value: Any) -> None:
    """`Run.log_param` of the active run."""
    _required("log_param").log_param(key, value)


def log_params(params: Mapping[str, Any]) -> None:
    """`Run.log_params` of the active run."""
    _required("log_params").log_params(params)


def log_metric(key: str, value: Any, step: float | None = None) -> None:
    """`Run.log_metric` of the active run."""
    _required("log_metric").log_metrics({key: value}, step)


def log_metrics(metrics: Mapping[str, Any], step: float | None = None) -> None:
    """`Run.log_metrics` of the active run."""
    _required("log_metrics").log_metrics(metrics, step)


def set_tag(key: str, value: Any) -> None:
    """`Run.set_tag` of the active run."""
    _required("set_tag").set_tag(key, value)


def set_tags(tags: Mapping[str, Any]) -> None:
    """`Run.set_tags` of the active run."""
    _required("set_tags").set_tags(tags)


def log_artifact(content: Any, name: str | None = None) -> None:
    """`Run.log_artifact` of the active run."""
    _required("log_artifact").log_artifact(content, name)


def log_model(model: Any, name: str | None = None) -> None:
    """`Run.log_model` of the active run."""
    _required("log_model").log_model(model, name)


def log_data(data: Any, name: str | None = None, role: str | None = None) -> None:
    """`Run.log_data` of the active run."""
    _required("log_data").log_data(data, name, role)


def log_table(
    name: str,
    columns: Mapping[str, Any],
    *,
    kind: str = "table",
    meta: Mapping[str, Any] | None = None,
    more: bool = False,
) -> None:
    """`Run.log_table` of the active run."""
    _required("log_table").log_table(name, columns, kind=kind, meta=meta, more=more)


# -- the end of runs -------------------------------------------------------------------------------------------------


def close(run: Run, writer: SegmentWriter) -> None:
    """Close the segment of a run that has ended, in the background, once environment and code are in it."""
    with _lock:
        provenance = _open.pop(run, None)
        if not _open:
            ending.release()
    if provenance is None:
        syncing.close_soon(writer)
    else:
        provenance.hurry()
        syncing.close_soon(writer, provenance.complete)


def _wind_up(status: Any = None, error: BaseException | None = None) -> None:
    """End all runs that this process has open, children first, close their segments and deliver what is left."""
    deadline = time.monotonic() + _EXIT_SECONDS
    with _lock:
        runs = list(_open)
    for run in reversed(runs):
        try:
            if run.rested is None:
                run.finish(status, error)
            else:  # its last call had returned
                run.finish()
        except Exception as failure:  # noqa: BLE001 - the others are to end as well
            warn(str(failure), failure)
    additions.close()
    syncing.drain(max(0.1, deadline - time.monotonic()))
    delivery.deliver(deadline)


def _after_fork_in_child() -> None:
    """A child adds to the runs it inherited through segments of its own, but does not end them."""
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    _lock = threading.RLock()
    _open.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
