"""An index on PostgreSQL comes from every earlier revision to the present schema, with what it holds."""

from __future__ import annotations

import math
import struct

import pytest
from sqlalchemy import create_engine, select

from autotrack.errors import StoreError
from autotrack.store import schema
from autotrack.store.engine import Index
from autotrack.store.rows import key_hash
from autotrack.store.series import decode_all
from autotrack.views import details

pytestmark = pytest.mark.postgres


def test_migrations_lead_to_the_schema(postgres_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with Index.open(postgres_url) as index, index.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_an_index_of_a_newer_version_is_left_alone(postgres_url: str) -> None:
    with Index.open(postgres_url) as index, index.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="upgrade autotrack-ml"):
        Index.open(postgres_url)


def _at_revision(url: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an index as it was at an earlier revision."""
    from alembic import command
    from alembic.script import ScriptDirectory

    migrate = command.upgrade
    with monkeypatch.context() as patched:
        patched.setattr(command, "upgrade", lambda config, _: migrate(config, revision))
        patched.setattr(ScriptDirectory, "get_current_head", lambda _: revision)
        Index.open(url).close()


def test_chunks_and_params_of_the_first_revision(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _at_revision(postgres_url, "0001", monkeypatch)
    numbers = 2001  # of chunks: more than are migrated at once
    packed = struct.pack("<Bdd", 0, 0, 1), struct.pack("<Bqq", 0, 5, 6), struct.pack("<Bdd", 0, 1.5, -0.0)
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        execute = connection.exec_driver_sql
        execute("INSERT INTO runs (id, uid) VALUES (1, 'r')")
        execute("INSERT INTO keys (id, hash, text) VALUES (1, %s, 'a')", (key_hash("a"),))
        execute("INSERT INTO segments (id, run, name) VALUES (1, 1, 's')")
        execute("INSERT INTO params VALUES (1, 1, 'int', 3, NULL, '3', false, 0, 1, 0)")
        execute(
            "INSERT INTO series (id, run, key, count, nan, inf, last_step, last_time, total, first_step, clock, segment,"
            ' "offset") VALUES (1, 1, 1, 2, 0, 0, 1, 6, 1.5, 0, 6, 1, 0)'
        )
        execute(
            "INSERT INTO chunks (series, segment, number, count, nan, inf, first_step, last_step, first_time, last_time,"
            " steps, times, points) SELECT 1, 1, n, 2, 0, 0, 0, 1, 5, 6, %s, %s, %s FROM generate_series(1, %s) n",
            (*packed, numbers),
        )
    engine.dispose()
    with Index.open(postgres_url) as index, index.engine.connect() as connection:
        c = schema.chunks.c
        found = decode_all(
            [tuple(row) for row in connection.execute(select(c.count, c.steps, c.times, c.points).order_by(c.number))]
        )
        assert found.steps.tolist() == [0, 1] * numbers
        assert found.times.tolist() == [5, 6] * numbers
        assert [math.copysign(1, value) * (abs(value) or 1) for value in found.values] == [1.5, -1] * numbers
        assert connection.scalars(select(schema.params.c.position)).all() == [0]


def test_tables_that_were_not_known_at_the_second_revision(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _at_revision(postgres_url, "0002", monkeypatch)
    lines = [
        b'{"e":"hologram","t":9,"x":1}',
        b'{"e":"table","t":7,"name":"a","columns":{"x":[1]}}',
        b'{"e":"table","t":20,"name":"a","columns":{"x":["\\u0000"]},"kind":"trials","new":1}',
        b'{"e":"table","t":21,"name":"a","columns":{"x":[1],"y":[]}}',
        *(b'{"e":"table","t":%d,"name":"b","columns":{"x":[%d]},"more":true}' % (at, at) for at in range(30, 300)),
    ]
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        execute = connection.exec_driver_sql
        execute("INSERT INTO runs (id, uid) VALUES (1, 'r')")
        execute("INSERT INTO segments (id, run, name) VALUES (1, 1, 's')")
        execute(
            'INSERT INTO documents (run, event, body, clock, segment, "offset") VALUES'
            " (1, 'start', '{\"e\":\"start\",\"t\":10}', 10, 1, 5), (1, 'note', '{\"t\":99}', 99, 1, 5000)"
        )
        for at, line in enumerate(lines):
            execute('INSERT INTO unknown_events (run, segment, "offset", raw) VALUES (1, 1, %s, %s)', (at + 6, line))
    engine.dispose()
    with Index.open(postgres_url) as index, index.engine.connect() as connection:
        d, u = schema.documents.c, schema.unknown_events.c
        found = connection.execute(select(d.name, d.offset, d.clock).where(d.event == "table").order_by(d.offset)).all()
        assert found[:2] == [("a", 7, 10), ("a", 8, 20)]
        assert found[2:] == [("b", at - 20, at) for at in range(30, 300)]
        kept = connection.scalars(select(u.raw).order_by(u.offset)).all()
        assert list(map(bytes, kept)) == [lines[0], lines[2], lines[3]], "also what is known in part"
        tables = details.tables(index, "r", "run")
        assert tables["a"].columns == {"x": ["\0"]}
        assert tables["b"]["x"] == list(range(30, 300))
