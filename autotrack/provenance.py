"""Environment and code of a run, written into its segment from the background.

The calling thread only says what was started (microseconds). Packages, hardware and git are looked at by threads that
exist as long as somebody waits for them, and not before the training is under way.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from autotrack.blobs import BlobStore
from autotrack.capture import code, environment
from autotrack.errors import AutotrackError
from autotrack.journal.events import Code, Environment, Note
from autotrack.journal.segment import SegmentWriter, now
from autotrack.journal.text import escape
from autotrack.journal.values import encode_value

_PATIENCE = 60.0  # seconds that closing a segment waits for what is still looked at
_log = logging.getLogger("autotrack")


class Provenance:
    """What is on its way into one segment."""

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._left = 2
        self._complete = threading.Event()
        self._ask("code", lambda: code.start(code.entry(), self._write_code, self._say_why("code")))
        self._ask("environment", lambda: environment.start(self._write_environment, self._say_why("environment")))

    def wait(self) -> None:
        """Wait until everything is in the segment; what is under way is hurried up."""
        environment.hurry()
        self._complete.wait(_PATIENCE)

    def _ask(self, what: str, start: Callable[[], None]) -> None:
        try:
            start()
        except Exception as error:  # noqa: BLE001 - capture never harms: the log says what is missing
            self._say_why(what)(error)

    def _write_environment(self, snapshot: environment.Snapshot) -> None:
        def write() -> None:
            data, summary = _encoded(snapshot)
            blob = BlobStore(self._writer.folder).put_bytes(data)
            self._writer.write(Environment(t=now(), sha256=blob.sha256, summary=summary))

        self._write("environment", write)

    def _write_code(self, values: code.Values) -> None:
        self._write("code", lambda: self._writer.write(Code(t=now(), values=encode_value(values))))

    def _write(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except (AutotrackError, OSError) as error:  # a full disk, a run that has been closed meanwhile
            self._failed(what, error)
        else:
            self._arrived()

    def _say_why(self, what: str) -> Callable[[Exception], None]:
        return lambda error: self._failed(what, error)

    def _failed(self, what: str, error: Exception) -> None:
        text = f"capture incomplete: {what}: {type(error).__name__}: {error}"
        _log.warning("autotrack: %s", text)
        with contextlib.suppress(AutotrackError, OSError):  # it has just been said
            self._writer.write(Note(t=now(), text=escape(text), kind="capture"))
        self._arrived()

    def _arrived(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self._complete.set()


_latest: tuple[environment.Snapshot, bytes, Any] | None = None


def _encoded(snapshot: environment.Snapshot) -> tuple[bytes, Any]:
    """Return a snapshot as the bytes of its blob, and its summary; those of the process's one snapshot are kept."""
    global _latest  # noqa: PLW0603 - a cache
    latest = _latest
    if latest is None or latest[0] is not snapshot:
        data = msgspec.json.encode(encode_value(snapshot), order="sorted")
        _latest = latest = snapshot, data, encode_value(environment.summary(snapshot))
    return latest[1], latest[2]
