"""Environment and code of a run, written into its segment from the background.

The calling thread only says what was started (microseconds). Packages, hardware and git are looked at by threads that
exist as long as somebody waits for them, and not before the training is under way.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from autotrack import forking
from autotrack.capture import code
from autotrack.capture.background import Background
from autotrack.errors import AutotrackError
from autotrack.journal.events import Code, Environment, Note
from autotrack.journal.segment import SegmentWriter, now
from autotrack.journal.text import escape
from autotrack.journal.values import encode_value
from autotrack.log import warn

_DELAY = 0.05  # seconds that collecting leaves the interpreter to what the caller does next


def _collect() -> tuple[bytes, Any]:
    """Return the environment as the bytes of its blob, and its summary as the journal holds it."""
    with forking.held():
        from autotrack.capture import environment

    snapshot = environment.collect()
    data = msgspec.json.encode(encode_value(snapshot), order="sorted")
    return data, encode_value(environment.summary(snapshot))


_environment: Background[tuple[bytes, Any]] = Background(_collect, name="autotrack-environment", delay=_DELAY)


class Provenance:
    """What is on its way into one segment."""

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._left = 2
        self._begin("code", lambda: code.start(code.entry(), self._write_code, self._failed("code")))
        self._begin("environment", lambda: _environment.request(self._write_environment, self._failed("environment")))

    def hurry(self) -> None:
        """Begin at once with what has been put off: the run ends."""
        code.hurry()
        _environment.hurry()

    def complete(self) -> bool:
        """Return whether everything is in the segment."""
        return not self._left

    def _begin(self, what: str, start: Callable[[], None]) -> None:
        try:
            start()
        except Exception as error:  # noqa: BLE001 - capture never harms: log and run say what is missing
            self._failed(what)(error)

    def _write_environment(self, found: tuple[bytes, Any]) -> None:
        def write() -> None:
            with forking.held():
                from autotrack.blobs import BlobStore

            data, summary = found
            blob = BlobStore(self._writer.folder).put_bytes(data)
            self._writer.write(Environment(t=now(), sha256=blob.sha256, summary=summary))

        self._write("environment", write)

    def _write_code(self, values: code.Values) -> None:
        self._write("code", lambda: self._writer.write(Code(t=now(), values=encode_value(values))))

    def _write(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except (AutotrackError, OSError) as error:  # a full disk, a run that has been closed meanwhile
            self._failed(what)(error)
        else:
            self._arrived()

    def _failed(self, what: str) -> Callable[[Exception], None]:
        def say(error: Exception) -> None:
            text = f"capture incomplete: {what}: {type(error).__name__}: {error}"
            warn(text, error)
            with contextlib.suppress(AutotrackError, OSError):  # it has just been said
                self._writer.write(Note(t=now(), text=escape(text), kind="capture"))
            self._arrived()

        return say

    def _arrived(self) -> None:
        with self._lock:
            self._left -= 1
