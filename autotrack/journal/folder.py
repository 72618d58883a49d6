"""The store's folder: where runs, segments and blobs lie, and how segments are found and read.

::

    <root>/runs/<run id>/<segment>.jsonl         being written, or not yet sealed
    <root>/runs/<run id>/<segment>.jsonl.zst     sealed: the same bytes as one Zstandard frame
    <root>/blobs/<first two hex digits>/<sha256>
    <root>/tmp/                                  files on their way into ``blobs``
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from autotrack.errors import StoreError

_LONGEST_ID = 64  # characters of a run's id
_BLOCK = 1 << 14  # packed bytes taken at once: they may become much more
OPEN_SUFFIX = ".jsonl"
SEALED_SUFFIX = ".jsonl.zst"


def checked_run_id(run: object) -> str:
    """Return the id of a run, given as text or as an object with an `id`, if it can name a folder of the store.

    Raises TypeError for what has no id, and StoreError for a text that cannot be one.
    """
    text = run if isinstance(run, str) else getattr(run, "id", None)
    if not isinstance(text, str):
        raise TypeError(f"a run is named by its id, not by {type(run).__name__}")
    if not _is_run_id(text):
        raise StoreError(f"{text[:80]!r} cannot be the id of a run: 1 to 64 characters, no '/', not '.' or '..'")
    return text


def _is_run_id(name: str) -> bool:
    if not 0 < len(name) <= _LONGEST_ID or "/" in name or "\0" in name or name in (".", ".."):
        return False
    return name.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in name)  # a name on disk that is not UTF-8


class SegmentFile(NamedTuple):
    """One segment on disk. Sizes and offsets are of its uncompressed bytes."""

    name: str
    path: Path
    sealed: bool

    def size(self) -> int:
        """Return the number of bytes; raises FileNotFoundError where the segment was sealed or removed meanwhile.

        Of a sealed segment it is what its frame says; 0 where it is damaged beyond that.
        """
        if not self.sealed:
            return self.path.stat().st_size
        import zstandard

        with self.path.open("rb") as file:
            try:
                size = zstandard.frame_content_size(file.read(32))
            except zstandard.ZstdError:
                return 0
        return size if size >= 0 else len(self.read())  # another program may have sealed it without saying the size

    def read(self, offset: int = 0, limit: int | None = None) -> bytes:
        """Return at most `limit` bytes from `offset` on; StoreError where a sealed segment cannot be unpacked."""
        if not self.sealed:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.read(-1 if limit is None else limit)
        stop = sys.maxsize if limit is None else offset + limit
        at, parts = 0, []
        for block in self._blocks():
            parts.append(block[max(0, offset - at) : max(0, stop - at)])
            at += len(block)
            if at >= stop:
                break
        return b"".join(parts)

    def verify(self) -> None:
        """Raise StoreError where a sealed segment is damaged: its checksum stands at its end, behind what it guards."""
        if self.sealed:
            for _ in self._blocks():
                pass

    def _blocks(self) -> Iterator[bytes]:
        import zstandard

        unpacking = zstandard.ZstdDecompressor().decompressobj()
        with self.path.open("rb") as file:
            try:
                while not unpacking.eof and (packed := file.read(_BLOCK)):
                    yield unpacking.decompress(packed)
            except zstandard.ZstdError as error:
                raise self._damage(str(error)) from error
        if not unpacking.eof:
            raise self._damage("it is cut short")

    def _damage(self, reason: str) -> StoreError:
        return StoreError(f"the sealed segment {self.path} is damaged ({reason}): put a sound copy in its place")


class Folder:
    """A store's folder. Creating the object touches nothing on disk."""

    __slots__ = ("blobs", "root", "runs", "tmp")

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).expanduser().absolute()
        self.runs = self.root / "runs"
        self.blobs = self.root / "blobs"
        self.tmp = self.root / "tmp"

    def __repr__(self) -> str:
        return f"Folder({str(self.root)!r})"

    def create(self) -> None:
        """Make the folder (safe when many processes do so at once); StoreError says why it cannot be made."""
        try:
            if self.runs.is_dir() and self.tmp.is_dir():
                return
            for folder in (self.runs, self.blobs, self.tmp):
                folder.mkdir(parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("# results do not belong into the repository\n*\n", encoding="utf-8")
        except (FileExistsError, NotADirectoryError):
            raise StoreError(
                f"the store {self.root} cannot be made because a file is in the way: "
                "move it, or name another place with AUTOTRACK_STORE or autotrack.configure(store=...)"
            ) from None
        except OSError as error:
            raise self.error(error) from error

    def error(self, error: OSError) -> StoreError:
        """Return a StoreError for a failed write: what is wrong and what to do."""
        reason = error.strerror or str(error)
        trouble = f"the store {self.root} cannot be written ({reason})"
        failure = StoreError(
            f"{trouble}: free space or mend the permissions, or name another place with AUTOTRACK_STORE"
        )
        failure.trouble = trouble
        return failure

    def run_folder(self, run: str) -> Path:
        """Return where the segments of a run lie."""
        return self.runs / run

    def run_ids(self) -> list[str]:
        """Return the ids of all runs, oldest first; folders whose names cannot be ids are none of ours."""
        try:
            with os.scandir(self.runs) as entries:
                return sorted(entry.name for entry in entries if _is_run_id(entry.name) and entry.is_dir())
        except FileNotFoundError:
            return []

    def segments(self, run: str) -> list[SegmentFile]:
        """Return the segments of a run, oldest first."""
        found: dict[str, SegmentFile] = {}
        try:
            with os.scandir(self.runs / run) as entries:
                for entry in entries:
                    for suffix in (OPEN_SUFFIX, SEALED_SUFFIX):
                        name = entry.name.removesuffix(suffix)
                        # While a segment is being sealed both files are there with the same content.
                        if name != entry.name and entry.is_file() and (suffix == OPEN_SUFFIX or name not in found):
                            found[name] = SegmentFile(name, Path(entry.path), suffix == SEALED_SUFFIX)
        except FileNotFoundError:
            return []
        return [found[name] for name in sorted(found)]
