"""Params know their position in a line; chunks end in a checksum."""

from __future__ import annotations

import sqlalchemy as sa
import xxhash
from alembic import op

revision = "0002"
down_revision = "0001"

_CHUNKS = sa.table(
    "chunks",
    *(sa.column(name) for name in ("series", "segment", "number")),
    *(sa.column(name, sa.LargeBinary()) for name in ("steps", "times", "points")),
)
_BATCH = 1000  # chunks, of up to 24 KiB each


def upgrade() -> None:
    """Add the column, and the checksum to all chunks that there are."""
    op.add_column("params", sa.Column("position", sa.Integer(), server_default="0", nullable=False))
    connection, c = op.get_bind(), _CHUNKS.c
    place = sa.tuple_(c.series, c.segment, c.number)
    own = (c.series == sa.bindparam("a")) & (c.segment == sa.bindparam("b")) & (c.number == sa.bindparam("n"))
    write = sa.update(_CHUNKS).where(own).values(points=sa.bindparam("sealed", type_=sa.LargeBinary()))
    some = sa.select(_CHUNKS).order_by(c.series, c.segment, c.number).limit(_BATCH)
    rows = connection.execute(some).all()
    while rows:
        connection.execute(
            write,
            [
                {"a": row.series, "b": row.segment, "n": row.number, "sealed": row.points + _checksum(row)}
                for row in rows
            ],
        )
        last = rows[-1]
        rows = connection.execute(some.where(place > (last.series, last.segment, last.number))).all()


def _checksum(row: sa.Row[tuple[object, ...]]) -> bytes:
    return xxhash.xxh32(row.steps + row.times + row.points).digest()
