"""Fixtures of the kernel's tests."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from toys import Model

from autotrack.autolog import shield
from autotrack.autolog.integration import Patches


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    Model.calls = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="look at your data")
        yield


@pytest.fixture
def patches() -> Iterator[Patches]:
    made = Patches("test", {})
    yield made
    made.undo()


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    monkeypatch.setattr(shield, "_logged", set())
