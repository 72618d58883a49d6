"""The run that an observed call is recorded in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrack.autolog.calls import Call
    from autotrack.run import Run


@contextmanager
def recording(  # noqa: PLR0913 - what is said of a run, all of it by keyword
    call: Call,
    *,
    name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    source: str | None = None,
    former: Run | None = None,
    resting: bool = False,
) -> Iterator[Run]:
    """The run of this call: the active run, which stays open, or a new one that ends with the call.

    A new run ends as finished, as failed with the traceback of the user's error, or as interrupted (Ctrl-C,
    `SystemExit`). An error of ours inside the block does not decide that: the run then ends when the call does, with a
    note that says what is missing. Inside a `nested` observation the new run is a child of the run recorded there.

    `name` and `tags` are for the new run; `tags` are set on an active run as well. `source` (default: the integration's
    name) becomes the tag `source` of a new run.

    For a training in several calls: with `resting`, a run whose call has returned waits some seconds for the next one
    before it ends. That call gives it as `former`, and goes on with it; where it was deleted meanwhile, with a new one.
    """
    from autotrack.active import active_run, rest, start_run

    active = active_run()
    outer = call.parent.run if call.parent is not None else None
    if active is not None and active is not outer:
        run = active
        marks = {} if former is not None and former.id == run.id else dict(tags or {})
    else:
        woken = _awake(former)
        run = woken or start_run(name=name, parent=outer)
        marks = {} if woken else {"source": source or call.site.patches.integration, **(tags or {})}
    if run is not active:
        run.models = call.option("models", run.models)  # an argument wins over the configuration
        call.opened = True
        call.at_end.append(lambda: rest(run) if resting and call.error is None else _finish(call, run))
    call.run = run
    if marks:
        run.set_tags(marks)
    yield run


def _awake(former: Run | None) -> Run | None:
    from autotrack.active import wake
    from autotrack.errors import RunNotFound

    with contextlib.suppress(RunNotFound):
        return None if former is None else wake(former)
    return None


def _finish(call: Call, run: Run) -> None:
    error = call.error
    if error is None:
        run.finish()
    else:  # the kernel puts the traceback back afterwards
        run.__exit__(type(error), error.with_traceback(call.traceback), call.traceback)
