"""Hear warnings about convergence and failed fits without changing which warnings the user sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

if TYPE_CHECKING:
    from autotrack.autolog.integration import Patches

_MANY = 20  # different texts of one fit that are kept

_FAILURES = re.compile(r"^(\d+) fits failed with the following error:\n(.*?)(?=\n-{80}$|\Z)", re.DOTALL | re.MULTILINE)
"""How scikit-learn lists what went wrong in a search or a cross-validation: a traceback for each kind of error."""

_heard: ContextVar[list[str] | None] = ContextVar("autotrack_sklearn_warnings", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """The texts of such warnings raised inside, each once; also those that filters hide."""
    texts: list[str] = []
    token = _heard.set(texts)
    try:
        yield texts
    finally:
        _heard.reset(token)


def install(patches: Patches) -> None:
    """Have every new `ConvergenceWarning` and `FitFailedWarning` tell its text.

    `warnings.warn(text, category)` makes the object before it looks at filters and at what has been shown already. So
    this hears what a filter or a `catch_warnings` of ours would miss, or could only hear by changing what is shown.
    """
    for category in (ConvergenceWarning, FitFailedWarning):
        if "__init__" not in vars(category):  # not so in any release up to now; then it is not ours to replace
            _hear(category, patches)


def _hear(category: Any, patches: Patches) -> None:
    def __init__(self: Warning, *args: Any) -> None:  # noqa: N807 - becomes the method
        super(category, self).__init__(*args)
        texts = _heard.get()
        if texts is not None and args and isinstance(args[0], str):
            text = _in_short(args[0])
            if text not in texts and len(texts) < _MANY:
                texts.append(text)

    category.__init__ = __init__

    def restore() -> None:
        if vars(category).get("__init__") is __init__:
            del category.__init__

    patches.on_stop(restore)


def _in_short(text: str) -> str:
    """A text on one line; of the tracebacks in it, only what the errors say."""
    failures = [(count, _message(error)) for count, error in _FAILURES.findall(text)]
    if not failures:
        return " ".join(text.split())
    # A search inside that has failed altogether lists its own failures, which are among these.
    errors = (f"{message} ({count} fits)" for count, message in failures if not message.endswith("the failures:"))
    return f"{text.strip().splitlines()[0].rstrip('.')}: {'; '.join(errors)}"


def _message(error: str) -> str:
    lines = error.splitlines()
    frame = max((i for i, line in enumerate(lines) if line.startswith("  File ")), default=-1)
    told = (i for i, line in enumerate(lines) if i > frame and not line.startswith(" "))
    return " ".join(" ".join(lines[next(told, 0) :]).split())
