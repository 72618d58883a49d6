"""The index: one schema for SQLite and PostgreSQL.

Everything here is derived from the journals. Runs and keys have small integer ids; a key's text may be of any length,
so it is found by its hash (PostgreSQL cannot index long texts). Texts are in journal form. Times are microseconds since
1970. A write that can be superseded carries its *order* (``clock``, ``segment``, ``offset``): the greatest order wins,
whatever the order of ingestion. ``clock`` is the line's time, but never less than that of the line before it in its
segment, so that a wall clock that jumps back does not reorder one writer's events; segments are compared by name.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.types import TypeEngine, UserDefinedType

VERSION = 3
"""Version of this schema: an SQLite index of another version is rebuilt; PostgreSQL is migrated by Alembic."""

metadata = MetaData()


class _WithoutAffinity(UserDefinedType[float]):
    """A column of SQLite that keeps numbers as they are: those of type REAL lose the sign of -0.0."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


_Float64: TypeEngine[float] = Double().with_variant(_WithoutAffinity(), "sqlite")

# SQLite numbers rows by itself only in a column whose type is exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _run() -> Column[int]:
    return Column("run", _Id, ForeignKey("runs.id"), nullable=False)


def _key(name: str = "key") -> Column[int]:
    return Column(name, _Id, ForeignKey("keys.id"), nullable=False)


def _order() -> list[Column[int]]:
    return [
        Column("clock", BigInteger, nullable=False),
        Column("segment", _Id, nullable=False),
        Column("offset", BigInteger, nullable=False),
    ]


keys = Table(
    "keys",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("hash", LargeBinary(16), nullable=False, unique=True),  # xxh3_128 of the UTF-8 text
    Column("text", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("uid", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("experiment", Text, nullable=False, server_default=""),
    Column("parent", String(64)),  # uid of the parent run, which may not be in this store
    Column("status", String(16), nullable=False, server_default="running"),
    Column("attempt", Integer, nullable=False, server_default="1"),  # the latest
    Column("started", BigInteger),  # of the first attempt
    Column("finished", BigInteger),  # of the latest attempt; NULL while it runs
    Column("duration", BigInteger),  # microseconds, all attempts together; NULL while the first runs
    Column("host", Text, nullable=False, server_default=""),
    Column("settled", BigInteger),  # mtime (ns) of the run's folder when nothing more was to be ingested; NULL: look
    Column("error_type", Text),
    Column("error_message", Text),
    Column("error_traceback", Text),
    Index("ix_runs_parent", "parent"),
    Index("ix_runs_started", "started"),
)

segments = Table(
    "segments",
    metadata,
    Column("id", _Id, primary_key=True),
    _run(),
    Column("name", String(128), nullable=False),
    Column("offset", BigInteger, nullable=False, server_default="0"),  # bytes ingested
    Column("clock", BigInteger, nullable=False, server_default="0"),
    Column("role", String(16), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("rank", Integer),
    Column("format", Integer, nullable=False, server_default="0"),  # 0: the first line is not there yet
    # Who writes it, for liveness:
    Column("host", Text, nullable=False, server_default=""),
    Column("boot", Text, nullable=False, server_default=""),
    Column("hostname", Text, nullable=False, server_default=""),
    Column("pid", BigInteger, nullable=False, server_default="0"),
    Column("process_started", BigInteger, nullable=False, server_default="0"),
    # How the attempt that this segment records went (main segments only):
    Column("started", BigInteger),
    Column("finished", BigInteger),
    Column("duration", BigInteger),
    # Of segments of every role: running until the finish line is there or the writer is gone.
    Column("status", String(16), nullable=False, server_default="running"),
    Column("corrupt", Integer, nullable=False, server_default="0"),  # damaged lines skipped
    Column("closed", Boolean, nullable=False, server_default=false()),  # its writer is done with it: it may be sealed
    UniqueConstraint("run", "name"),
    Index("ix_segments_status", "status"),
)

params = Table(
    "params",
    metadata,
    Column("run", _Id, ForeignKey("runs.id"), primary_key=True),
    Column("key", _Id, ForeignKey("keys.id"), primary_key=True),
    Column("kind", String(8), nullable=False),  # int float bool str null list dict other
    Column("number", _Float64),  # int, float, bool; NULL for NaN
    Column("string", Text),  # str as it is, other values in short
    Column("value", Text),  # exact, as encoded in the journal; NULL on leaves of nested values
    Column("leaf", Boolean, nullable=False, server_default=false()),  # one leaf of a nested param, there to be searched
    *_order(),
    Column("position", Integer, nullable=False, server_default="0"),  # among those of the same line
    Index("ix_params_key_number", "key", "number", "run"),
    sqlite_with_rowid=False,
)

param_history = Table(
    "param_history",
    metadata,
    Column("id", _Id, primary_key=True),
    _run(),
    _key(),
    Column("value", Text, nullable=False),
    *_order(),
    Index("ix_param_history_run", "run", "key"),
    UniqueConstraint("segment", "offset", "key"),
)

tags = Table(
    "tags",
    metadata,
    Column("run", _Id, ForeignKey("runs.id"), primary_key=True),
    Column("key", _Id, ForeignKey("keys.id"), primary_key=True),
    Column("value", Text),  # NULL: removed
    *_order(),
    Index("ix_tags_key", "key", "run"),
    sqlite_with_rowid=False,
)

# One row per metric of a run: what tables, filters and sorting read. Statistics are over finite values.
series = Table(
    "series",
    metadata,
    Column("id", _Id, primary_key=True),
    _run(),
    _key(),
    Column("count", BigInteger, nullable=False),  # all points
    Column("nan", BigInteger, nullable=False),
    Column("inf", BigInteger, nullable=False),  # both signs
    Column("last", _Float64),  # may be infinite; NULL: NaN
    Column("last_step", _Float64, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("min", _Float64),
    Column("min_step", _Float64),
    Column("max", _Float64),
    Column("max_step", _Float64),
    Column("total", _Float64, nullable=False),  # sum of the finite values; mean = total / (count - nan - inf)
    Column("first_step", _Float64, nullable=False),  # of the segment that was ingested first
    *_order(),  # of the last point: of several writers the latest line gives `last`
    UniqueConstraint("run", "key"),
    Index("ix_series_key_last", "key", "last", "run"),
)

# Points number * 1024 ... of one series in one segment. The last chunk is replaced until it is full.
chunks = Table(
    "chunks",
    metadata,
    Column("series", _Id, ForeignKey("series.id"), primary_key=True),
    Column("segment", _Id, ForeignKey("segments.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("first", _Float64),  # of the finite values
    Column("last", _Float64),
    Column("min", _Float64),
    Column("max", _Float64),
    Column("nan", Integer, nullable=False),
    Column("inf", Integer, nullable=False),
    Column("first_step", _Float64, nullable=False),
    Column("last_step", _Float64, nullable=False),
    Column("first_time", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    Column("times", LargeBinary, nullable=False),
    Column("points", LargeBinary, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", _Id, primary_key=True),
    _run(),
    _key("name"),
    Column("kind", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("meta", Text, nullable=False),
    *_order(),
    UniqueConstraint("run", "name"),
)

# Starts, finishes, models, data sets, tables, environments, code and notes: one JSON document each, as in the journal.
documents = Table(
    "documents",
    metadata,
    Column("id", _Id, primary_key=True),
    _run(),
    Column("event", String(16), nullable=False),  # start, finish, model, data, table, environment, code, note
    Column("name", Text, nullable=False, server_default=""),
    Column("body", Text, nullable=False),
    *_order(),
    UniqueConstraint("segment", "offset"),
    Index("ix_documents_run", "run", "event"),
)

# Lines that this version does not fully understand, kept for one that does.
unknown_events = Table(
    "unknown_events",
    metadata,
    Column("id", _Id, primary_key=True),
    _run(),
    Column("segment", _Id, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("segment", "offset"),
)
