"""The event vocabulary: one typed struct per kind of journal line.

Every line is one JSON object whose field ``e`` names the event and ``t`` the wall clock in microseconds since 1970.
Adding an event or an optional field is a compatible change: readers keep what they do not know as `Unknown`.
Texts are in journal form (see `autotrack.journal.text`), param values as `autotrack.journal.values` encodes them.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

FORMAT = 1
"""Version of the journal format, in the first line of every segment."""

Status = Literal["running", "finished", "failed", "interrupted", "killed", "lost"]
FinalStatus = Literal["finished", "failed", "interrupted", "killed"]
Role = Literal["main", "worker", "edit"]


class _Event(msgspec.Struct, tag_field="e", omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    t: int


class Open(_Event, tag="open", kw_only=True):
    """First line of every segment: who writes it."""

    format: int
    run: str
    segment: str
    role: Role
    attempt: int = 1
    rank: int | None = None
    host: str = ""  # stable id of the machine
    boot: str = ""  # id of this boot of the machine
    pid: int = 0
    process_started: int = 0  # kernel clock ticks since boot, so that a reused pid is not mistaken for the writer
    hostname: str = ""


class Start(_Event, tag="start", kw_only=True):
    """The run begins (attempt 1) or goes on (later attempts, where only what changes is given)."""

    name: str | None = None
    experiment: str | None = None
    parent: str | None = None


class Params(_Event, tag="params", kw_only=True):
    """Params set or corrected; the latest value of a key wins, earlier ones stay as its history."""

    values: dict[str, Any]


class Metrics(_Event, tag="metrics", kw_only=True):
    """Points of one step. ``s`` absent: one after the previous step of that key in this segment (0 for the first)."""

    s: float | int | None = None
    v: dict[str, float | int | str]  # str: "NaN", "Infinity", "-Infinity"


class Tags(_Event, tag="tags", kw_only=True):
    """Tags set (text) or removed (null); the latest wins."""

    values: dict[str, str | None]


class Artifact(_Event, tag="artifact", kw_only=True):
    """Bytes that belong to the run, in the blob store under their SHA-256."""

    name: str
    sha256: str
    size: int
    kind: str = "file"
    meta: dict[str, Any] = {}


class Model(_Event, tag="model", kw_only=True):
    """A trained model. Either in the blob store (``sha256``) or by reference (``path``)."""

    name: str
    format: str  # "skops", "cloudpickle", "keras", "safetensors", ...
    safe: bool  # False: loading runs code from the file
    flavor: str = ""  # the integration that can load it, e.g. "sklearn"
    type: str = ""  # class path of the model
    sha256: str | None = None
    path: str | None = None
    size: int = 0
    step: float | int | None = None
    meta: dict[str, Any] = {}


class Data(_Event, tag="data", kw_only=True):
    """A data set that the run used: description and fingerprint, not the content."""

    name: str
    role: str = ""  # "train", "validation", "test", "predict", ...
    kind: str = ""  # "numpy.ndarray", "pandas.DataFrame", ...
    shape: list[int] = []
    fingerprint: str = ""  # "xxh3:<32 hex>" over all content, "xxh3-sampled:<32 hex>" over part of it
    meta: dict[str, Any] = {}


class Table(_Event, tag="table", kw_only=True):
    """Rows of a table: trials of a search, points of a curve, whatever the user logs as one.

    A later table of the same name replaces it, unless it says that its rows come after those (``more``).
    """

    name: str
    columns: dict[str, list[Any]]  # cells as `autotrack.journal.values` encodes them; columns have equal lengths
    kind: str = "table"  # "trials", "roc_curve", "confusion_matrix", ...: what its columns are and how it is drawn
    more: bool = False
    meta: dict[str, Any] = {}


class Environment(_Event, tag="environment", kw_only=True):
    """Where the run ran: the whole as a JSON blob, the most wanted fields inline."""

    sha256: str
    summary: dict[str, Any] = {}


class Code(_Event, tag="code", kw_only=True):
    """What ran: repository state, entry script, arguments (see `autotrack.capture.code`)."""

    values: dict[str, Any]


class Note(_Event, tag="note", kw_only=True):
    """Something that a reader of the run should know, e.g. ``capture incomplete: ...``."""

    text: str
    kind: str = "info"  # "info", "capture", "warning"


class Finish(_Event, tag="finish", kw_only=True):
    """The attempt ended. ``duration`` is monotonic time in microseconds."""

    status: FinalStatus
    duration: int = 0
    error: dict[str, str] | None = None  # type, message, traceback


class Close(_Event, tag="close", kw_only=True):
    """Last line of a segment whose writer is done with it: it may be sealed."""


Event = (
    Open
    | Start
    | Params
    | Metrics
    | Tags
    | Artifact
    | Model
    | Data
    | Table
    | Environment
    | Code
    | Note
    | Finish
    | Close
)


class Unknown(msgspec.Struct):
    """A complete line of a later format (unknown event, or known event with unknown fields).

    `known` holds the event with its known fields where its kind is known.
    """

    raw: bytes
    known: Event | None = None


class Corrupt(msgspec.Struct):
    """A line that is not a JSON object with ``e`` and ``t``: the rest of a torn write, or damage."""

    raw: bytes
