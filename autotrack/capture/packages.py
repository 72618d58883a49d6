"""Installed distributions and which of them are imported, read straight from their metadata folders.

`importlib.metadata` parses every METADATA as a mail message, which takes ten times as long and the interpreter lock
with it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from autotrack.capture.secrets import redact_url

_HEAD = 4096  # the name and the version stand in the first lines
_NAME = re.compile(rb"^Name:[ \t]*(\S+)", re.MULTILINE)
_VERSION = re.compile(rb"^Version:[ \t]*(\S+)", re.MULTILINE)
_SEPARATORS = re.compile(r"[-_.]+")


class Distribution(NamedTuple):
    """One installed distribution; `folder` is its ``.dist-info`` (or egg) metadata folder or file."""

    name: str
    version: str
    folder: str


def canonical(name: str) -> str:
    """Return a distribution's name as the packaging specifications normalize it (``scikit-learn``)."""
    return _SEPARATORS.sub("-", name).lower()


def scan(missing: dict[str, str], path: Iterable[str] | None = None) -> list[Distribution]:
    """Return the distributions on `path` (default: `sys.path`) in its order: the first of a name is the one in use."""
    found: list[Distribution] = []
    seen: set[str] = set()
    for entry in list(sys.path if path is None else path):
        folder = os.path.realpath(entry or ".")
        if folder in seen:
            continue
        seen.add(folder)
        try:
            with os.scandir(folder) as entries:
                names = sorted(e.name for e in entries if e.name.endswith((".dist-info", ".egg-info", ".egg")))
        except NotADirectoryError:
            if os.path.basename(folder) != _stdlib_zip():
                missing[f"packages in {os.path.basename(folder)}"] = "archives are not looked into"
            continue
        except OSError:  # folders that do not exist are common on the path, and hold nothing
            continue
        for name in names:
            try:
                found.append(_read(os.path.join(folder, name)))
            except (OSError, ValueError) as error:
                missing[f"packages.{name}"] = str(error)
    return found


def _stdlib_zip() -> str:
    return f"python{sys.version_info.major}{sys.version_info.minor}.zip"


def _read(folder: str) -> Distribution:
    name, _, version = os.path.basename(folder).rpartition(".")[0].partition("-")
    head = b""
    for file in ("METADATA", "PKG-INFO", "EGG-INFO/PKG-INFO", ""):
        try:
            with open(os.path.join(folder, file) if file else folder, "rb") as stream:
                head = stream.read(_HEAD)
            break
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
    stated_name, stated_version = _NAME.search(head), _VERSION.search(head)
    if stated_name:
        name = stated_name[1].decode("utf-8", "replace")
    if stated_version:
        version = stated_version[1].decode("utf-8", "replace")
    if not name or not version:
        message = "states no name and version"
        raise ValueError(message)
    return Distribution(canonical(name), version, folder)


def table(distributions: Iterable[Distribution]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return name to version as imports see it, and the names that are there several times with all their versions."""
    versions: dict[str, list[str]] = {}
    for distribution in distributions:
        versions.setdefault(distribution.name, []).append(distribution.version)
    return {n: v[0] for n, v in versions.items()}, {n: v for n, v in versions.items() if len(v) > 1}


def sources(distributions: Iterable[Distribution]) -> dict[str, Any]:
    """Where distributions come from that were not installed from an index (PEP 610): editable, repository, file."""
    result: dict[str, Any] = {}
    for name, _, folder in distributions:
        try:
            with open(os.path.join(folder, "direct_url.json"), "rb") as stream:
                data = json.load(stream)
            source: dict[str, Any] = {"url": redact_url(str(data["url"]))}
            if data.get("dir_info", {}).get("editable"):
                source["editable"] = True
            if "commit_id" in data.get("vcs_info", {}):
                source["commit"] = str(data["vcs_info"]["commit_id"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # absent for everything from an index; a broken one says nothing
        result.setdefault(name, source)
    return result


def top_level(modules: Iterable[str]) -> list[str]:
    """Return the names of the top-level modules among `modules` that do not belong to Python itself."""
    names = {m.partition(".")[0] for m in modules}
    return sorted(n for n in names if n not in sys.stdlib_module_names and not n.startswith("_"))


def imported(modules: Iterable[str], distributions: Iterable[Distribution]) -> tuple[list[str], list[str]]:
    """Return which distributions the top-level `modules` come from, and the modules that come from none.

    By name where they agree, else by the lists of files of the distributions beside the module. Modules that have no
    file (made by a running program) are left out.
    """
    by_name = {d.name: d for d in reversed(list(distributions))}
    beside: dict[str, list[Distribution]] = {}
    for distribution in by_name.values():
        beside.setdefault(os.path.dirname(distribution.folder), []).append(distribution)
    used: set[str] = set()
    none: list[str] = []
    unclear: dict[str, list[str]] = {}
    for module in modules:
        folder = _location(module)
        if canonical(module) in by_name and (folder is None or folder in beside):
            used.add(canonical(module))
        elif folder in beside:
            unclear.setdefault(folder, []).append(module)
        elif folder is not None:
            none.append(module)
    for folder, names in unclear.items():
        owners, orphans = _owners(names, beside[folder])
        used |= owners
        none += orphans
    return sorted(used), sorted(none)


def _location(module: str) -> str | None:
    """Folder that a loaded top-level module lies in."""
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    paths = getattr(loaded, "__path__", None)
    try:
        own = list(paths)[0] if paths is not None else file  # noqa: RUF015 - any kind of sequence
        return os.path.dirname(os.path.realpath(own)) if isinstance(own, str) else None
    except Exception:  # noqa: BLE001 - lazy and self-made modules may do anything
        return None


def _owners(modules: Iterable[str], distributions: Iterable[Distribution]) -> tuple[set[str], list[str]]:
    marks = {
        m: tuple(f"\n{m}{end}".encode() for end in ("/", ".py,", ".cpython-", ".abi3.so,", ".so,")) for m in modules
    }
    owners: set[str] = set()
    for distribution in sorted(distributions, key=_records):  # the giants last: mostly they need not be read at all
        files = _files(distribution.folder)
        for module in [m for m, ms in marks.items() if any(mark in files for mark in ms)]:
            owners.add(distribution.name)
            del marks[module]
        if not marks:
            break
    return owners, list(marks)


def _records(distribution: Distribution) -> int:
    try:
        return os.stat(os.path.join(distribution.folder, "RECORD")).st_size
    except OSError:
        return 0


def _files(folder: str) -> bytes:
    """List of a distribution's files, one a line, each line after a newline; empty where it has none."""
    for name in ("RECORD", "top_level.txt"):
        try:
            with open(os.path.join(folder, name), "rb") as stream:
                data = stream.read()
        except OSError:
            continue
        return b"\n" + data if name == "RECORD" else b"".join(b"\n%s/" % line.strip() for line in data.splitlines())
    return b""
