"""A process without autotrack."""

from __future__ import annotations

BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("autotrack", "autotrack_sklearn", "wrapt"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Blocker())
"""
"""The first lines of its code: nothing of ours can be imported."""
