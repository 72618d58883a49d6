"""Which integrations are installed, and whether the framework is recent enough for them.

Entry points of the group `autotrack.integrations`: the entry's name is the module to wait for, its value
`package:install`. The files are read directly: `importlib.metadata` takes 40 ms to import and to go through 150
distributions, this takes one `listdir` for each folder of `sys.path` and two milliseconds.
Format of the files: https://packaging.python.org/specifications/entry-points and
https://packaging.python.org/specifications/core-metadata
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from autotrack.autolog.shield import guarded

GROUP = "autotrack.integrations"


class Entry(NamedTuple):
    """An integration as its distribution declares it."""

    module: str
    """The module to wait for; also the integration's name."""
    value: str
    """`package:install`"""
    distribution: str
    """Name of the distribution that brings it."""
    folder: str
    """That distribution's metadata folder."""

    def load(self) -> Any:
        """Import and return the `install` function."""
        import importlib

        module, _, attributes = self.value.partition(":")
        found: Any = importlib.import_module(module.strip())
        for name in filter(None, attributes.strip().split(".")):
            found = getattr(found, name)
        return found


def discover() -> list[Entry]:
    """All integrations on `sys.path`. Of a distribution that is there twice, the first counts, as for `import`."""
    entries: list[Entry] = []
    seen: set[str] = set()
    for place in dict.fromkeys(os.path.realpath(place or os.curdir) for place in sys.path):
        for folder in _metadata_folders(place):
            name = os.path.basename(folder).rpartition(".")[0].partition("-")[0]
            distribution = normal(name)
            if distribution in seen:
                continue
            seen.add(distribution)
            with guarded(f"reading {folder}"):
                entries.extend(_entries(folder, name))
    return entries


def _metadata_folders(place: str) -> list[str]:
    try:
        names = os.listdir(place)
    except OSError:  # not there, not readable or a zip file: nothing is imported from it that we could patch
        return []
    return [os.path.join(place, name) for name in sorted(names) if name.endswith((".dist-info", ".egg-info"))]


def _entries(folder: str, distribution: str) -> Iterator[Entry]:
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return
    section = ""
    for line in map(str.strip, text.splitlines() if GROUP in text else ()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == GROUP and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield Entry(name.strip(), value.partition("[")[0].strip(), distribution, folder)


class Verdict(NamedTuple):
    """What the version gate says."""

    version: str | None
    """The framework's version, where it is known."""
    refusal: str | None
    """Why it is refused and what to install; None if it is not."""


def gate(entry: Entry) -> Verdict:
    """Compare what is installed with the floors of the extra that has the integration's name.

    `Requires-Dist: scikit-learn>=1.4; extra == "sklearn"` is one line for pip and for us. Only floors (`>=`, `~=`)
    count: what is newer than anybody has tested is tried. What is not installed is not refused.
    """
    from importlib import metadata

    package = entry.module.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    extra, floors = _floors(entry)
    for distribution, floor in floors:
        try:
            installed = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        if version is None and normal(distribution) == normal(package):
            version = installed
        if floor and _release(installed) < _release(floor):
            return Verdict(
                version and str(version),
                f"{distribution} {installed} is too old for {entry.distribution}: "
                f"pip install '{distribution}>={floor}' (or '{entry.distribution}[{extra}]')",
            )
    return Verdict(version and str(version), None)


def missing(module: str) -> list[str]:
    """What the extra of an integration asks for and is not installed, for `autotrack doctor`."""
    from importlib import metadata

    entry = next(entry for entry in discover() if entry.module == module)
    found = []
    for distribution, _ in _floors(entry)[1]:
        try:
            metadata.version(distribution)
        except metadata.PackageNotFoundError:
            found.append(distribution)
    return found


def _floors(entry: Entry) -> tuple[str, list[tuple[str, str | None]]]:
    """The extra that speaks for an integration, and its (distribution, lowest version) pairs.

    That is the extra with the module's name, else with its first part's (`lightning` for `lightning.pytorch`).
    """
    import re

    requirement = re.compile(
        r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*\(?(?P<versions>[^;()@]*)\)?\s*(;(?P<marker>.*))?"
    )
    requirements: dict[str, list[tuple[str, str | None]]] = {}
    for line in _required(entry.folder):
        match = requirement.match(line)
        # Lines with further markers (`python_version < "3.12" and …`) are pip's business alone.
        extra = match and re.fullmatch(
            r"""\(?\s*extra\s*==\s*["']([^"']+)["']\s*\)?""", (match["marker"] or "").strip()
        )
        if match and extra:
            floor = re.search(r"(?:>=|~=)\s*v?([0-9][^\s,]*)", match["versions"])
            requirements.setdefault(normal(extra[1]), []).append((match["name"], floor and floor[1]))
    for name in (normal(entry.module), normal(entry.module.partition(".")[0])):
        if name in requirements:
            return name, requirements[name]
    return normal(entry.module), []


def _required(folder: str) -> list[str]:
    for name in ("METADATA", "PKG-INFO"):
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                head = file.read().partition("\n\n")[0]
        except (FileNotFoundError, NotADirectoryError):
            continue
        return [line.partition(":")[2].strip() for line in head.splitlines() if line.startswith("Requires-Dist:")]
    return []


def _release(version: str) -> tuple[int, tuple[int, ...]]:
    """Epoch and the numbers before any letters, without trailing zeros: (0, (1, 4)) of "1.4.0rc1"."""
    import re

    match = re.match(r"v?(?:(\d+)!)?(\d+(?:\.\d+)*)", version.strip())
    if match is None:
        return 0, ()
    numbers = [int(number) for number in match[2].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return int(match[1] or 0), tuple(numbers)


def normal(name: str) -> str:
    """A distribution's or an extra's name as PEP 503 compares it."""
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))
