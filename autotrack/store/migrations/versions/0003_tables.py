"""Tables, which earlier versions have kept as lines that they did not know, are documents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from autotrack.journal.decoding import decode_line
from autotrack.journal.events import Table, Unknown
from autotrack.store.rows import encoded
from autotrack.store.sound import is_sound

revision = "0003"
down_revision = "0002"

_PLACE = ("run", "segment", "offset")
_LINES = sa.table("unknown_events", *map(sa.column, _PLACE), sa.column("raw", sa.LargeBinary()))
_DOCUMENTS = sa.table("documents", *map(sa.column, (*_PLACE, "clock", "event", "name", "body")))
_BATCH = 100  # lines, which may be long


def upgrade() -> None:
    """Move the lines that are tables."""
    connection, u = op.get_bind(), _LINES.c
    some = sa.select(_LINES).order_by(u.segment, u.offset).limit(_BATCH)
    rows = connection.execute(some).all()
    while rows:
        for row in rows:
            _move(connection, row)
        after = sa.tuple_(u.segment, u.offset) > (rows[-1].segment, rows[-1].offset)
        rows = connection.execute(some.where(after)).all()


def _move(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> None:
    line = decode_line(bytes(row.raw))
    event = line.known if isinstance(line, Unknown) else line
    if not isinstance(event, Table) or not is_sound(event):
        return
    d = _DOCUMENTS.c
    # No document before it in its segment has a later clock; what lies between may have, but nothing says so.
    before = sa.select(sa.func.max(d.clock)).where(d.segment == row.segment, d.offset < row.offset)
    clock = max(event.t, connection.execute(before).scalar_one() or event.t)
    place = {name: getattr(row, name) for name in _PLACE}
    document = {**place, "clock": clock, "event": "table", "name": event.name, "body": encoded(event)}
    connection.execute(sa.insert(_DOCUMENTS).values(document))
    if not isinstance(line, Unknown):  # a line of which only a part is known stays
        u = _LINES.c
        connection.execute(sa.delete(_LINES).where(u.segment == row.segment, u.offset == row.offset))
