"""The filter language: Python expressions over runs, compiled to SQL and never evaluated."""

from __future__ import annotations

from autotrack.query.compiler import compile_filter
from autotrack.query.ordering import compile_order

__all__ = ["compile_filter", "compile_order"]
