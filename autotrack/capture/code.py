"""What ran: entry point and arguments, with the state of the git repository around it (`git.py`).

`entry` is taken in the calling thread when the run starts: it costs microseconds and imports nothing. The rest belongs
in the background (`start`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from autotrack import forking
from autotrack.capture.background import Background

Values = dict[str, Any]
"""JSON-ready, but for lone surrogates in names that are not UTF-8 (see `autotrack.journal.text`)."""

_FRESH = 1.0  # runs that start within this many seconds share one look at the repository
_DELAY = 0.02  # seconds that the look leaves the interpreter to what the caller does next
_MAX_FOLDERS = 64


def start(
    first: Mapping[str, Any], done: Callable[[Values], None], failed: Callable[[Exception], None] | None = None
) -> None:
    """Complete what `entry` returned with the repository's state, in the background, and call `done` with the whole.

    Runs of one folder that start within a second share one look at the repository. `done` may be called at once in
    the calling thread, or in a background thread.
    """
    cwd = str(first["cwd"])
    looking = _looking.get(cwd)
    if looking is None:
        if len(_looking) >= _MAX_FOLDERS:
            _looking.pop(next(iter(_looking)), None)
        looking = _looking.setdefault(
            cwd, Background(lambda: _repository(cwd), fresh=_FRESH, name="autotrack-code", delay=_DELAY)
        )
    looking.request(lambda found: done(combine(first, found)), failed)


def hurry() -> None:
    """Look at once where a look has been put off: somebody waits."""
    for looking in list(_looking.values()):
        looking.hurry()


_looking: dict[str, Background[Values]] = {}


# -- at the start of the run -------------------------------------------------------------------------------------------


def entry() -> Values:
    """Return what was started and how: `kind`, `script`, `argv`, `cwd`; `argv` as it is, secrets and all.

    `kind` is "script", "module", "notebook", "command" (``-c``), "repl" or "unknown". `script` is an absolute path, or
    a module's name.
    """
    try:
        cwd = os.getcwd()
    except OSError:  # the folder has been deleted
        cwd = ""
    kind, script = _entry_point(cwd)
    argv = [a if isinstance(a, str) else str(a) for a in getattr(sys, "argv", [])]
    return {"kind": kind, "script": script, "argv": argv, "cwd": cwd}


def _entry_point(cwd: str) -> tuple[str, str]:
    main = sys.modules.get("__main__")
    names = vars(main) if main is not None else {}
    if "ipykernel" in sys.modules and "get_ipython" in names:
        notebook = names.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or ""
        return "notebook", str(notebook)
    spec = names.get("__spec__")
    path = names.get("__file__")
    if spec is not None and getattr(spec, "name", None):
        return "module", str(spec.name).removesuffix(".__main__")
    if isinstance(path, str):
        return "script", os.path.normpath(os.path.join(cwd, path))
    if (sys.argv or [""])[0] == "-c":
        return "command", ""
    if hasattr(sys, "ps1") or "get_ipython" in names or sys.flags.interactive:
        return "repl", ""
    return "unknown", ""


def combine(first: Mapping[str, Any], found: Mapping[str, Any]) -> Values:
    """Return entry point and repository in one, ready to be written.

    Secrets in `argv` are masked; `script` is relative to the repository's root where it lies in it.
    """
    from autotrack.capture.secrets import redact_argv

    values = {**first, **found, "argv": redact_argv(first["argv"])}
    root, script = values.get("root"), values.get("script")
    if root and script and values.get("kind") == "script":
        real = os.path.realpath(script)
        if real.startswith(root.rstrip("/") + "/"):
            values["script"] = os.path.relpath(real, root)
    return values


def _repository(folder: str) -> Values:
    with forking.held():
        from autotrack.capture.git import repository

    return repository(folder)
