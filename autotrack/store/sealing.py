"""Sealing: a segment that nobody writes any more and that is in the index becomes one compressed file.

The compressed file is complete, checked and on the disk before it gets its name, and has its name before the other one
goes: whatever happens in between, at least one of them is there, and while both are, both say the same.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import zstandard
from sqlalchemy import select

from autotrack.errors import StoreError
from autotrack.journal.events import Open
from autotrack.journal.folder import SEALED_SUFFIX, Folder, SegmentFile
from autotrack.journal.liveness import is_alive
from autotrack.store.engine import Index
from autotrack.store.rows import pages
from autotrack.store.schema import runs, segments

_UNFINISHED_SUFFIX = ".sealing"  # no segment has a name like that
_ABANDONED = 24 * 3600.0  # seconds after which such a file has no writer any more
_BLOCK = 1 << 20
_ENDED = ("finished", "failed", "interrupted", "killed")

# Digits of losses are noise, and all that repeats stands in the lines just before: a window of 16 KiB finds that with
# short distances, an exhaustive search in it is cheap. Measured on noisy losses: as small as level 19, several times as
# fast, and two thirds of what the default level leaves.
_PARAMETERS: dict[str, Any] = {
    "window_log": 14,
    "hash_log": 14,
    "chain_log": 15,
    "search_log": 5,
    "min_match": 6,
    "target_length": 999,
    "strategy": zstandard.STRATEGY_BTULTRA2,
    "write_content_size": True,
    "write_checksum": True,
}


def seal_finished(
    index: Index,
    folder: Folder,
    *,
    limit_bytes: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> int:
    """Seal the segments of ended runs that their writers are done with and that the index holds to the last byte.

    Args:
        index: The open index of the folder.
        folder: Where the journals are.
        limit_bytes: Stop, between two segments, once this many bytes of journal were sealed.
        progress: Told the number of segments done and of all that can be sealed.

    Returns:
        How many segments were sealed.

    Raises:
        StoreError: The store cannot be written, or is damaged; nothing is lost.

    """
    ready = sealable(index, folder)
    count = size = 0
    for done, (file, ingested) in enumerate(ready, 1):
        if limit_bytes is not None and size >= limit_bytes:
            break
        try:
            if file.size() == ingested:
                seal(file)
                count += 1
                size += ingested
        except FileNotFoundError:  # somebody else sealed it, or removed the run
            pass
        except OSError as error:
            raise folder.error(error) from error
        if progress is not None:
            progress(done, len(ready))
    return count


def seal(file: SegmentFile) -> SegmentFile:
    """Replace a segment's file by a compressed one with the same content: one standard Zstandard frame.

    The frame carries the content's size and checksum (RFC 8878); `zstd -d` unpacks it. The caller knows that nobody
    writes the segment any more; one that grows meanwhile all the same stays as it is. A sealed one stays as it is too.

    Raises:
        FileNotFoundError: It was sealed or removed meanwhile.
        OSError: The folder cannot be written; the segment is as it was.
        StoreError: The compressed content differs from the segment's, which is as it was.

    """
    if file.sealed:
        return file
    sealed = SegmentFile(file.name, file.path.with_name(file.name + SEALED_SUFFIX), sealed=True)
    with file.path.open("rb") as source:
        status = os.fstat(source.fileno())
        number, unfinished = tempfile.mkstemp(_UNFINISHED_SUFFIX, f"{file.name}.", file.path.parent)
        try:
            with os.fdopen(number, "w+b") as target:
                _compress(source, target, status.st_size)
                os.fchmod(number, status.st_mode & 0o777)
                target.flush()
                os.fsync(number)
                _compare(source, target, file.path)
            os.rename(unfinished, sealed.path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(unfinished)
            raise
    _sync_folder(file.path.parent)  # the new name must not be lost when the old one is gone
    with contextlib.suppress(FileNotFoundError):
        file.path.unlink()
    return sealed


def _compress(source: BinaryIO, target: BinaryIO, size: int) -> None:
    parameters = zstandard.ZstdCompressionParameters(**_PARAMETERS)
    writer = zstandard.ZstdCompressor(compression_params=parameters).stream_writer(target, size=size, closefd=False)
    left = size
    with writer:
        while left > 0 and (block := source.read(min(left, _BLOCK))):
            writer.write(block)
            left -= len(block)


def _compare(source: BinaryIO, target: BinaryIO, path: Path) -> None:
    """Raise StoreError unless a compressed file holds what the other one does, to its present end."""
    source.seek(0)
    target.seek(0)
    same = True
    block = b"-"
    with zstandard.ZstdDecompressor().stream_reader(target, closefd=False) as reader:
        while block and same:
            block = source.read(_BLOCK)
            same = _exactly(reader, len(block) or 1) == block
    if not same:
        raise StoreError(
            f"{path} was left as it is: its compressed form has other content; "
            "see whether the disk fails or something still writes to it"
        )


def _exactly(reader: zstandard.ZstdDecompressionReader, size: int) -> bytes:
    parts = []
    while size > 0 and (part := reader.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sealable(index: Index, folder: Folder) -> list[tuple[SegmentFile, int]]:
    """Return what can be sealed, oldest run first, each with the number of its bytes in the index."""
    s = segments.c
    # The run of a folder named here may be in the index only, or in the folder only: both must know a segment.
    query = select(segments, runs.c.uid).join(runs, runs.c.id == s.run).where(runs.c.status.in_(_ENDED))
    ready = []
    for uids in pages(folder.run_ids()):
        with index.engine.connect() as connection:
            rows = connection.execute(query.where(runs.c.uid.in_(uids))).all()
        known = {(row.uid, row.name): row.offset for row in rows if _is_left(row)}
        for uid in uids:
            _remove_abandoned(folder.run_folder(uid))
            for file in folder.segments(uid):
                offset = known.get((uid, file.name))
                if offset and not file.sealed:
                    ready.append((file, offset))
    return ready


def damaged(index: Index, folder: Folder) -> list[SegmentFile]:
    """Return the sealed segments of which the index, brought up to date before, could not take in everything."""
    s = segments.c
    query = select(runs.c.uid, s.name, s.offset).join(runs, runs.c.id == s.run)
    found = []
    for uids in pages(folder.run_ids()):
        with index.engine.connect() as connection:
            known = {(row.uid, row.name): row.offset for row in connection.execute(query.where(runs.c.uid.in_(uids)))}
        for uid in uids:
            found += [
                file
                for file in folder.segments(uid)
                if file.sealed and known.get((uid, file.name), 0) != (file.size() or -1)
            ]
    return found


def _is_left(row: Any) -> bool:
    """Return whether a segment's writer is done with it, or gone."""
    if row.closed:
        return True
    opened = Open(
        t=0, format=row.format, run=row.uid, segment=row.name, role=row.role, host=row.host, boot=row.boot,
        pid=row.pid, process_started=row.process_started,
    )  # fmt: skip
    return row.format > 0 and is_alive(opened) is False


def _remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed while they sealed have left."""
    for path in folder.glob(f"*{_UNFINISHED_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
