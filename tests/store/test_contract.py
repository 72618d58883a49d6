"""The contract of databases behind the index, on those that we support."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autotrack.config import current
from autotrack.store.engine import Index
from autotrack.testing.store import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture
    def index(self, _a_store_of_its_own: None) -> Iterator[Index]:
        with Index.open(current().folder()) as opened:
            yield opened


@pytest.mark.postgres
class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def index(self, postgres_url: str) -> Iterator[Index]:
        with Index.open(postgres_url) as opened:
            yield opened
