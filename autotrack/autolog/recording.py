"""The run that an observed call is recorded in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrack.autolog.calls import Call
    from autotrack.run import Run


@contextmanager
def recording(
    call: Call, *, name: str | None = None, tags: Mapping[str, Any] | None = None, source: str | None = None
) -> Iterator[Run]:
    """The run of this call: the active run, which stays open, or a new one that ends with the call.

    A new run ends as finished, as failed with the traceback of the user's error, or as interrupted (Ctrl-C,
    `SystemExit`). An error of ours inside the block does not decide that: the run then ends when the call does, with a
    note that says what is missing. Inside a `nested` observation the new run is a child of the run recorded there.

    `name` and `tags` are for the new run; `tags` are set on an active run as well. `source` (default: the integration's
    name) becomes the tag `source` of a new run.
    """
    from autotrack.active import active_run, start_run

    active = active_run()
    outer = call.parent.run if call.parent is not None else None
    if active is not None and active is not outer:
        run = active
        marks = dict(tags or {})
    else:
        run = start_run(name=name, parent=outer)
        call.at_end.append(lambda: _finish(call, run))
        run._models = call.option("models", run._models)  # noqa: SLF001 - an argument wins over the configuration
        marks = {"source": source or call.site.patches.integration, **(tags or {})}
    call.run = run
    if marks:
        run.set_tags(marks)
    yield run


def _finish(call: Call, run: Run) -> None:
    error = call.error
    if error is None:
        run.finish()
    else:  # the kernel puts the traceback back afterwards
        run.__exit__(type(error), error.with_traceback(call.traceback), call.traceback)
