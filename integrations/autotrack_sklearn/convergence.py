"""Hear convergence warnings without changing which of them the user sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import ConvergenceWarning

if TYPE_CHECKING:
    from autotrack.autolog.integration import Patches

_MANY = 20  # different texts of one fit that are kept

_heard: ContextVar[list[str] | None] = ContextVar("autotrack_sklearn_warnings", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """The texts of the convergence warnings raised inside, each once; also those that filters hide."""
    texts: list[str] = []
    token = _heard.set(texts)
    try:
        yield texts
    finally:
        _heard.reset(token)


def install(patches: Patches) -> None:
    """Have every new `ConvergenceWarning` tell its text.

    `warnings.warn(text, category)` makes the object before it looks at filters and at what has been shown already. So
    this hears what a filter or a `catch_warnings` of ours would miss, or could only hear by changing what is shown.
    """
    if "__init__" in vars(ConvergenceWarning):  # not so in any release up to now; then it is not ours to replace
        return

    def __init__(self: ConvergenceWarning, *args: Any) -> None:  # noqa: N807 - becomes the method
        super(ConvergenceWarning, self).__init__(*args)
        texts = _heard.get()
        if texts is not None and args and isinstance(args[0], str):
            text = " ".join(args[0].split())
            if text not in texts and len(texts) < _MANY:
                texts.append(text)

    ConvergenceWarning.__init__ = __init__

    def restore() -> None:
        if vars(ConvergenceWarning).get("__init__") is __init__:
            del ConvergenceWarning.__init__

    patches.on_stop(restore)
