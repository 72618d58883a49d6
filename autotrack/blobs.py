"""Content-addressed bytes: artifacts, models, environments. The same bytes are stored once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from autotrack.errors import StoreError
from autotrack.journal.folder import Folder

_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Blob(NamedTuple):
    """What identifies stored bytes: their SHA-256 (hexadecimal) and their number."""

    sha256: str
    size: int


class BlobStore:
    """The blobs of a store."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return where a blob lies, or would lie. ValueError for what is no SHA-256: nothing else becomes a path."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256 in hexadecimal: {sha256!r}")
        return self.folder.blobs / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Return whether a blob is there."""
        return self.path(sha256).is_file()

    def open(self, sha256: str) -> IO[bytes]:
        """Open a blob for reading; StoreError when it is not there."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise StoreError(
                f"the content {sha256[:12]}… is not in {self.folder.blobs}: "
                "copy the store's blobs folder along with its runs"
            ) from None

    def put_bytes(self, data: bytes) -> Blob:
        """Store bytes."""
        import hashlib  # a few milliseconds, which the first start of a run need not wait for

        blob = Blob(hashlib.sha256(data).hexdigest(), len(data))
        if not self._touch(blob.sha256):
            with self.writing() as path:
                path.write_bytes(data)
                self._keep(path, blob.sha256)
        return blob

    def put_stream(self, stream: _Readable) -> Blob:
        """Store what a binary stream still holds, in blocks of one megabyte."""
        import hashlib

        with self.writing() as path:
            digest = hashlib.sha256()
            size = 0
            with path.open("wb") as file:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    size += file.write(block)
            blob = Blob(digest.hexdigest(), size)
            if not self._touch(blob.sha256):
                self._keep(path, blob.sha256)
            return blob

    def put_file(self, path: str | os.PathLike[str]) -> Blob:
        """Store a copy of a file."""
        with open(path, "rb") as file:
            return self.put_stream(file)

    def adopt(self, path: Path) -> Blob:
        """Store a file that was made in `writing`, without copying it."""
        import hashlib

        with path.open("rb") as file:
            blob = Blob(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
        if not self._touch(blob.sha256):
            self._keep(path, blob.sha256)
        return blob

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Give a path for a new file inside the store; what is still there afterwards is removed."""
        self.folder.create()
        path = self.folder.tmp / f"{os.getpid()}-{os.urandom(8).hex()}"
        try:
            yield path
        except OSError as error:
            if error.filename is None or Path(error.filename).is_relative_to(self.folder.root):
                raise self.folder.error(error) from error
            raise
        finally:
            path.unlink(missing_ok=True)

    def _touch(self, sha256: str) -> bool:
        """Return whether a blob is there, and make it young so that a garbage collection under way spares it."""
        try:
            os.utime(self.path(sha256))
        except FileNotFoundError:
            return False
        except PermissionError:  # another user's blob in a shared store: it is there
            return True
        return True

    def _keep(self, path: Path, sha256: str) -> None:
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True)
        path.chmod(0o444)
        path.replace(target)
