"""Data that goes into a call: described before it, in a limited time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autotrack_sklearn.budget import LIMITS

if TYPE_CHECKING:
    from autotrack import Run


def log_data(run: Run, values: Any, name: str, role: str, *, limited: bool = True) -> None:
    """Record a description of data; where only a sample was read for the fingerprint, that it was."""
    seconds = LIMITS["data"].floor if limited else float("inf")
    fingerprint = run.log_data(values, name=name, role=role, budget=seconds)
    if fingerprint.startswith("xxh3-sampled:"):
        run.note(
            f"the fingerprint of {name} is of a sample: to read all of it would take more than {seconds:.2g} s; "
            "autotrack.autolog(data='always') does",
            kind="capture",
        )
