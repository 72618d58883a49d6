"""Fixtures for all tests: a store of one's own, a PostgreSQL database of one's own, our errors raised."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrack import delivery

SERVER = os.environ.get("AUTOTRACK_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
REQUIRED = os.environ.get("AUTOTRACK_TEST_POSTGRES") == "required"


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test writes into a store under its own temporary folder, and our own errors raise."""
    for name in [n for n in os.environ if n.startswith("AUTOTRACK_") and not n.startswith("AUTOTRACK_TEST")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("AUTOTRACK_STRICT", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def _postgres_server() -> str:
    """URL of a PostgreSQL server that answers; skips where there is none (fails where one is required)."""
    if REQUIRED:
        import psycopg  # noqa: F401 - its absence must fail, not skip
    else:
        pytest.importorskip("psycopg")
    import sqlalchemy

    engine = sqlalchemy.create_engine(SERVER, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError:
        if REQUIRED:
            raise
        pytest.skip("no PostgreSQL server answers")
    finally:
        engine.dispose()
    return SERVER


@pytest.fixture
def postgres_url(_postgres_server: str) -> Iterator[str]:
    """URL of an empty database, dropped afterwards."""
    import sqlalchemy

    name = f"autotrack_{uuid.uuid4().hex[:12]}"
    admin = sqlalchemy.create_engine(_postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    url = sqlalchemy.engine.make_url(_postgres_server).set(database=name).render_as_string(hide_password=False)
    try:
        yield url
    finally:
        if (courier := delivery._couriers.pop(url, None)) is not None:
            courier.end(time.monotonic() + 60)
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
