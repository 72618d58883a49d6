"""What belongs to a run besides its values: artifacts, models, data sets, notes, attempts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

from autotrack.blobs import BlobStore
from autotrack.errors import StoreError
from autotrack.views import text


@dataclass(frozen=True)
class ArtifactView:
    """Bytes that a run recorded."""

    name: str
    sha256: str
    size: int
    """Bytes."""
    kind: str
    meta: Mapping[str, Any]
    _blobs: BlobStore = field(repr=False, compare=False)

    @property
    def path(self) -> Path:
        """Where the bytes lie, read-only, under the name of their hash; StoreError when that is another machine."""
        return _kept(self._blobs, self.sha256)

    def open(self) -> IO[bytes]:
        """Open the bytes for reading."""
        return self._blobs.open(self.sha256)

    def read_bytes(self) -> bytes:
        """Return the bytes."""
        with self.open() as file:
            return file.read()

    def save(self, folder: str | os.PathLike[str] = ".") -> Path:
        """Copy the artifact into a folder under its own name and return where it is.

        A name with `/` makes folders below, never outside of it. FileExistsError rather than replacing a file.
        """
        import shutil

        target = below(folder, self.name, "write read_bytes() to a file of your own")
        with self.open() as source:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(source, file)
        return target


@dataclass(frozen=True)
class ModelView:
    """A model that a run recorded; `autotrack.load_model` loads it."""

    name: str
    format: str
    """``skops``, ``cloudpickle``, …"""
    safe: bool
    """False: loading it runs code from the file."""
    flavor: str
    type: str
    """Class path of the model."""
    sha256: str | None
    """None: only described, or by reference."""
    path: str | None
    """Where the file was, when it was recorded by reference."""
    size: int
    """Bytes."""
    step: float | None
    time: datetime
    meta: Mapping[str, Any]
    run: str
    """Id of the run."""
    _blobs: BlobStore = field(repr=False, compare=False)

    @property
    def content(self) -> Path:
        """Where the bytes lie in the store; StoreError when they are not on this machine."""
        if self.sha256 is None:
            raise StoreError(f"model {self.name!r} is not in the store")
        return _kept(self._blobs, self.sha256)


@dataclass(frozen=True)
class DatasetView:
    """Data that a run used: described, not kept."""

    name: str
    role: str
    """``train``, ``validation``, ``test``, …"""
    kind: str
    """Class path of what was passed."""
    shape: tuple[int, ...]
    fingerprint: str
    """``xxh3:…`` over all content, ``xxh3-sampled:…`` over part of it."""
    time: datetime
    meta: Mapping[str, Any]


class Note(NamedTuple):
    """A remark on a run."""

    text: str
    kind: str
    """``info``, ``warning``, ``capture``."""
    time: datetime


class RunError(NamedTuple):
    """Why a run failed."""

    type: str
    message: str
    traceback: str


class Attempt(NamedTuple):
    """One process that carried a run on, from its start to its end."""

    number: int
    started: datetime | None
    finished: datetime | None
    duration: timedelta | None
    status: str
    host: str
    pid: int


class Correction(NamedTuple):
    """One value that a param had."""

    time: datetime
    value: Any

    def __repr__(self) -> str:
        return f"Correction(time={self.time!r}, value={text.exact(self.value)})"


def below(folder: str | os.PathLike[str], name: str, otherwise: str) -> Path:
    """Return the path of a name in which `/` makes folders below `folder`; StoreError where it would lie outside."""
    root = Path(folder)
    parts = name.split("/")
    if not all(part.strip(". ") for part in parts) or "\\" in name or "\0" in name:
        raise StoreError(f"the name {text.shorten(text.printable(name), 60)!r} is no path below a folder: {otherwise}")
    target = root.joinpath(*parts)
    if not target.parent.resolve().is_relative_to(root.resolve()):  # through a symbolic link
        raise StoreError(f"{target} is not below {root}: save to an empty folder")
    return target


def _kept(blobs: BlobStore, sha256: str) -> Path:
    blobs.open(sha256).close()  # raises the error that says what to do
    return blobs.path(sha256)


class Details(dict[str, Any]):
    """A document of a run (environment, code) as a plain dict.

    `complete` is false where only its summary could be read because the whole is not on this machine.
    """

    complete: bool = True
