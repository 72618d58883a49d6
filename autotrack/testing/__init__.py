"""Public conformance suites: `IntegrationContract` for integrations, `StoreContract` for databases behind the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrack.testing.integration import IntegrationContract
    from autotrack.testing.store import StoreContract

__all__ = ["IntegrationContract", "StoreContract"]


def __getattr__(name: str) -> Any:
    import importlib

    if name not in __all__:
        raise AttributeError(f"module 'autotrack.testing' has no attribute {name!r}")
    import pytest

    home = "autotrack.testing." + {"IntegrationContract": "integration", "StoreContract": "store"}[name]
    pytest.register_assert_rewrite(home)  # failures show what was compared
    return getattr(importlib.import_module(home), name)
