"""Databases for the tests of the filter language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from autotrack.store import schema
from examples import Rows


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty index on either database."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'index.sqlite'}" if sqlite else request.getfixturevalue("postgres_url")
    # As the index does: compiling a long filter's plan to machine code takes PostgreSQL far longer than running it.
    made = create_engine(url, connect_args={} if sqlite else {"options": "-c jit=off"})
    schema.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def rows(engine: Engine) -> Iterator[Rows]:
    """Rows that are gone after the test."""
    with engine.connect() as connection:
        yield Rows(connection)
