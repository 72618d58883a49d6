"""Garbage collection: removes content that no run refers to any more.

The journals say what is referred to, not the index: it knows only the latest of what was replaced. Every SHA-256 in a
journal counts, also in events that this version does not know, so that nothing is removed that anybody may want.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from autotrack.errors import StoreError
from autotrack.views import text

if TYPE_CHECKING:
    from autotrack.journal.folder import Folder

_SHA256 = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_YOUNG = 3600.0  # seconds: content comes before the line that refers to it


class Garbage(NamedTuple):
    """What a garbage collection removed and compressed, or would."""

    files: tuple[Path, ...]
    bytes: int
    kept: int
    """Files of content that stay."""
    sealed: int
    """Segments of journals that were compressed."""
    dry_run: bool

    def __str__(self) -> str:
        would = "would be " if self.dry_run else ""
        removed = f"{text.plural(len(self.files), 'file')} ({text.size(self.bytes)}) {would}removed, {self.kept:,} kept"
        return f"{removed}; {text.plural(self.sealed, 'journal')} {would}compressed"


def collect(folder: Folder, *, sealed: int, dry_run: bool) -> Garbage:
    """Remove what is older than an hour and no journal refers to, unfinished files too.

    `sealed` says how many journals were compressed before.
    """
    try:
        referred = _referred(folder)
        files = [path for path in folder.blobs.glob("??/*") if path.is_file()]
        loose = [path for path in files if path.name not in referred]
        loose += [path for path in folder.tmp.glob("*") if path.is_file()]
        old = [path for path in loose if _is_old(path)]
        total = sum(path.stat().st_size for path in old)
        if not dry_run:
            for path in old:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"garbage collection stopped at {error.filename} ({error.strerror}): mend the permissions, try again"
        ) from error
    return Garbage(tuple(old), total, len(set(files) - set(old)), sealed, dry_run)


def _referred(folder: Folder) -> set[str]:
    found: set[str] = set()
    for run in folder.run_ids():
        for segment in folder.segments(run):
            try:
                content = segment.read()
            except FileNotFoundError:  # sealed or deleted meanwhile
                content = b"".join(s.read() for s in folder.segments(run) if s.name == segment.name)
            found.update(match.decode() for match in _SHA256.findall(content))
    return found


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _YOUNG
    except FileNotFoundError:
        return False
