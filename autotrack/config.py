"""Options of this process.

An argument wins over the environment, that over ``[tool.autotrack]`` in pyproject.toml, that over the default.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Literal

import msgspec

from autotrack.errors import AutotrackError
from autotrack.journal.folder import Folder

STORE_FOLDER = ".autotrack"


class Config(msgspec.Struct, frozen=True):
    """Every option. The environment variable of an option is ``AUTOTRACK_`` and its name in capitals."""

    store: str = ""
    """Folder, or ``postgresql+psycopg://`` URL. Default: the nearest ``.autotrack``, else in the git root, or here."""
    experiment: str = "default"
    """Experiment of runs that name none."""
    strict: bool = False
    """Raise autotrack's own errors out of autologging instead of noting them (for tests)."""
    silent: bool = False
    """Print nothing."""
    models: Literal["copy", "always", "reference", False] = "copy"
    """What becomes of trained models: kept in the store (up to 64 MiB; ``always``: however long that takes), only
    described, or left out."""
    all_ranks: bool = False
    """Record on every rank of a distributed training, not on rank zero only."""
    run_id: str = ""
    """Id of a run that another process has started: ranks other than zero add to it."""

    def folder(self) -> Folder:
        """Return where journals are written: the store itself, or the spool of a team store."""
        if is_url(self.store):
            return Folder(spool_folder(self.store))
        return Folder(self.store)


def is_url(store: str) -> bool:
    """Return whether a store is a database URL rather than a folder."""
    return "://" in store


def spool_folder(url: str) -> Path:
    """Return the local folder that holds the journals of a team store (the same for every process of this user)."""
    import hashlib

    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "autotrack" / "spool" / hashlib.sha256(url.encode()).hexdigest()[:16]


_arguments: dict[str, Any] = {}
_projects: dict[tuple[str, int], dict[str, Any]] = {}


def configure(**options: Any) -> None:
    """Set options for this process; None takes an option back to environment, project or default.

    Raises AutotrackError for an option that does not exist or a value it cannot have.
    """
    checked = {name: None if value is None else _checked(name, value, "configure()") for name, value in options.items()}
    for name, value in checked.items():
        if value is None:
            _arguments.pop(name, None)
        else:
            _arguments[name] = value


def current(**arguments: Any) -> Config:
    """Return the options in force; arguments that are not None win over everything."""
    found: dict[str, Any] = dict(_project_options())
    for name in _NAMES:
        text = os.environ.get(f"AUTOTRACK_{name.upper()}")
        if text:
            found[name] = _checked(name, text, f"AUTOTRACK_{name.upper()}")
    found.update(_arguments)
    found.update({name: _checked(name, value, name) for name, value in arguments.items() if value is not None})
    config = Config(**found)
    return config if config.store else msgspec.structs.replace(config, store=str(_default_store()))


_NAMES = Config.__struct_fields__
_SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _checked(name: str, value: Any, where: str) -> Any:
    if name not in _NAMES:
        raise AutotrackError(f"{where}: there is no option {name!r}; the options are {', '.join(_NAMES)}")
    if name in ("strict", "silent", "all_ranks"):
        switch = value if isinstance(value, bool) else _SWITCHES.get(str(value).strip().lower())
        if switch is None:
            raise AutotrackError(f"{where}: {name} is on or off (1 or 0), not {value!r}")
        return switch
    if name == "models":
        if str(value).lower() in ("0", "false", "no", "off"):
            return False
        if value not in ("copy", "always", "reference"):
            raise AutotrackError(f"{where}: models is 'copy', 'always', 'reference' or False, not {value!r}")
        return value
    if not isinstance(value, (str, os.PathLike)):
        raise AutotrackError(f"{where}: {name} is text, not {type(value).__name__}")
    text = os.fspath(value)
    if name == "store" and not is_url(text):
        return _absolute(text)
    return text


@functools.cache
def _absolute(text: str) -> str:
    """Return a folder's whole path; a relative one stays where it was first meant, also after a change of directory."""
    return str(Path(text).expanduser().absolute())


def _project_options() -> dict[str, Any]:
    """Return ``[tool.autotrack]`` of the nearest pyproject.toml upwards."""
    for folder in _upwards():
        path = folder / "pyproject.toml"
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            continue
        key = (str(path), changed)
        if key not in _projects:
            _projects[key] = _read_project(path)
        return _projects[key]
    return {}


def _read_project(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if "autotrack" not in text:  # reading TOML takes ten milliseconds, and most projects say nothing of us
            return {}
        import tomllib

        table = tomllib.loads(text).get("tool", {}).get("autotrack", {})
    except (OSError, ValueError):  # not ours to complain about: the project's own tools do
        return {}
    options = {name: _checked(name, value, f"{path} [tool.autotrack]") for name, value in table.items()}
    if "store" in table and not is_url(table["store"]):
        options["store"] = str(path.parent / Path(table["store"]).expanduser())
    return options


def _default_store() -> Path:
    root = None
    for folder in _upwards():
        if (folder / STORE_FOLDER).is_dir():
            return folder / STORE_FOLDER
        if root is None and (folder / ".git").exists():
            root = folder
    return (root or Path.cwd()) / STORE_FOLDER


def _upwards() -> list[Path]:
    try:
        here = Path.cwd()
    except FileNotFoundError:  # the working directory was deleted
        here = Path.home()
    return [here, *here.parents]
