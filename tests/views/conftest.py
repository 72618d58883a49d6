"""A store on each database, written through the public API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import autotrack
from autotrack.views import Store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that this process records to, with nothing in it yet."""
    if request.param == "postgres":
        monkeypatch.setenv("AUTOTRACK_STORE", request.getfixturevalue("postgres_url"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with autotrack.open_store() as opened:
        yield opened
    from autotrack.views import store as module

    for kept in module._stores.values():
        kept.close()
    module._stores.clear()
