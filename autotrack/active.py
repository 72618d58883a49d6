"""Which run is current, who may open one, and how open runs end with the process."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from autotrack import config, delivery
from autotrack.errors import AutotrackError, NoActiveRun, RunNotFound
from autotrack.journal import syncing
from autotrack.journal.events import Open, Start
from autotrack.journal.folder import Folder
from autotrack.journal.ids import new_id, new_name
from autotrack.journal.segment import SegmentWriter, now
from autotrack.journal.text import escape, unescape
from autotrack.log import warn
from autotrack.provenance import Provenance
from autotrack.run import Run

if TYPE_CHECKING:
    from types import FrameType

_EXIT_SECONDS = 1.6  # how long the end of the process may be held up (two, with what the interpreter itself does)

_current: ContextVar[Run | None] = ContextVar("autotrack_run", default=None)
_before: dict[str, Run | None] = {}  # run id -> the run that was current when it started
_open: dict[str, tuple[Run, SegmentWriter]] = {}
_lock = threading.RLock()
_arranged = False
_former_sigterm: Any = None

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "LOCAL_RANK")


def rank() -> int:
    """Return this process's rank as torchrun, SLURM or MPI tell it; 0 outside of a distributed training."""
    for name in _RANKS:
        value = os.environ.get(name, "")
        if value.isdigit():
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

    Inside a ``with`` block of another run it becomes that run's child. `resume` (a run or its id) goes on with a run
    that exists, as a new attempt. Raises StoreError when the store cannot be written, RunNotFound for a `resume` that
    is not in the store.
    """
    options = config.current(store=store, experiment=experiment)
    outer = active_run()
    if parent is None and outer is not None and outer.scoped and resume is None:
        parent = outer
    parent_id = parent.id if isinstance(parent, Run) else parent
    here = rank()
    if here and not options.all_ranks and not options.run_id:
        run = Run(new_id(), name or new_name(), options.experiment, None, parent=parent_id)
        enter(run)
        return run
    folder = options.folder()
    if here and options.run_id:
        writer = SegmentWriter(folder, options.run_id, role="worker", rank=here)
        run = Run(
            options.run_id, name or options.run_id, options.experiment, writer, parent=parent_id, models=options.models
        )
    elif resume is not None:
        run, writer = _resume(folder, resume.id if isinstance(resume, Run) else resume, name, options, here)
    else:
        identity = options.run_id or new_id()
        writer = SegmentWriter(folder, identity, rank=here or None)
        run = Run(identity, name or new_name(), options.experiment, writer, parent=parent_id, models=options.models)
        writer.write(Start(t=now(), name=escape(run.name), experiment=escape(run.experiment), parent=parent_id))
    _register(run, writer, options.store)
    if params:
        run.log_params(params)
    if tags:
        run.set_tags(tags)
    return run


def _resume(folder: Folder, ref: str, name: str | None, options: config.Config, here: int) -> tuple[Run, SegmentWriter]:
    from autotrack.journal.decoding import decode_lines

    identities = [ref] if folder.run_folder(ref).is_dir() else [i for i in folder.run_ids() if i.endswith(ref)]
    if len(identities) != 1 or not ref:
        raise RunNotFound(f"no single run {ref!r} in {folder.root}: resume takes the id that `autotrack runs` shows")
    identity = identities[0]
    attempt, found_name, found_experiment = 0, "", options.experiment
    for segment in folder.segments(identity):
        for event in decode_lines(_whole_lines(segment.read(0, 1 << 16))):
            if isinstance(event, Open) and event.role == "main":
                attempt = max(attempt, event.attempt)
            elif isinstance(event, Start):
                found_name = unescape(event.name or "") or found_name
                found_experiment = unescape(event.experiment or "") or found_experiment
                break
    writer = SegmentWriter(folder, identity, attempt=attempt + 1, rank=here or None)
    run = Run(identity, name or found_name, found_experiment, writer, models=options.models)
    writer.write(Start(t=now(), name=escape(name) if name else None))
    return run, writer


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _register(run: Run, writer: SegmentWriter, store: str) -> None:
    with _lock:
        _open[run.id] = run, writer
        _arrange_end()
    delivery.announce(store, run.id)
    syncing.keep_synced(writer)
    enter(run)
    try:
        _provenance[run.id] = Provenance(writer)
    except BaseException:
        run.finish("failed")
        raise


# -- the active run -------------------------------------------------------------------------------------------------


def active_run() -> Run | None:
    """Return the run that is active in this thread or task, or None."""
    run = _current.get()
    return run if run is None or run.status == "running" else None


def enter(run: Run) -> None:
    """Make a run the active one of this context."""
    outer = _current.get()
    if outer is not run:
        _before[run.id] = outer
        _current.set(run)


def leave(run: Run) -> None:
    """Make the run that was active before it the active one again."""
    with _lock:
        _open.pop(run.id, None)
        if not _open:
            _restore_sigterm()
    outer = _before.pop(run.id, None)
    if _current.get() is run:
        while outer is not None and outer.status != "running":
            outer = _before.get(outer.id)
        _current.set(outer)


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


# -- environment and code, in the background -----------------------------------------------------------------------

_provenance: dict[str, Provenance] = {}  # by run id, until the run ends


def close(run: Run, writer: SegmentWriter) -> None:
    """Close the segment of a run that has ended, in the background, once environment and code are in it."""
    provenance = _provenance.pop(run.id, None)
    if provenance is None:
        syncing.close_soon(writer)
    else:
        provenance.hurry()
        syncing.close_soon(writer, provenance.complete)


# -- the end of the process ----------------------------------------------------------------------------------------


def _arrange_end() -> None:
    """Finish open runs at exit and on SIGTERM, from the first run on."""
    global _arranged, _former_sigterm  # noqa: PLW0603 - state of the process
    if not _arranged:
        import atexit

        _arranged = True
        atexit.register(_at_exit)
    if _former_sigterm is None and threading.current_thread() is threading.main_thread():
        import signal

        # Only where nobody else handles it; when the process is about to die of it anyway.
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            _former_sigterm = signal.SIG_DFL
            signal.signal(signal.SIGTERM, _on_sigterm)


def _restore_sigterm() -> None:
    global _former_sigterm  # noqa: PLW0603 - state of the process
    if _former_sigterm is not None and threading.current_thread() is threading.main_thread():
        import signal

        if signal.getsignal(signal.SIGTERM) is _on_sigterm:
            signal.signal(signal.SIGTERM, _former_sigterm)
        _former_sigterm = None


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    import signal

    _wind_up(time.monotonic() + _EXIT_SECONDS, "killed")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def finish_all(status: Any = None, error: BaseException | None = None) -> None:
    """End every run that this process has open, children first."""
    with _lock:
        runs = [run for run, _ in _open.values()]
    for run in reversed(runs):
        try:
            run.finish(status, error)
        except AutotrackError as failure:
            warn(str(failure))


def _wind_up(deadline: float, status: Any = None, error: BaseException | None = None) -> None:
    """End all runs, close their segments and deliver what is left, until `deadline` (of `time.monotonic`)."""
    finish_all(status, error)
    syncing.drain(max(0.1, deadline - time.monotonic()))
    delivery.deliver(deadline)


def _at_exit() -> None:
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)  # what ended the script, if anything did
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else None
    _wind_up(time.monotonic() + _EXIT_SECONDS, status, error)
    if isinstance(error, KeyboardInterrupt):
        # CPython then dies of SIGINT, as shells expect, unless code was compiled and run meanwhile (importing a
        # dataclass is enough). Running this sets the interpreter's mark again (run_eval_code_obj in pythonrun.c).
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102


def _after_fork_in_child() -> None:
    """A child adds to the runs it inherited through segments of its own, but does not end them."""
    global _lock  # noqa: PLW0603 - the parent's lock may be held by a thread that does not exist here
    _lock = threading.RLock()
    _open.clear()
    _provenance.clear()
    _restore_sigterm()


os.register_at_fork(after_in_child=_after_fork_in_child)
