"""Plays an order of steps in a fresh interpreter (see `IntegrationContract.test_order`)."""

from __future__ import annotations

import runpy
import sys


def play(path: str, name: str, order: str) -> None:
    """Load class `name` from the file `path` and do the steps of `order`: import, autolog, train, stop."""
    from autotrack.autolog import autolog
    from autotrack.autolog.session import is_on
    from autotrack.testing import footprint

    contract = runpy.run_path(path, run_name="contract")[name.partition(".")[0]]
    for part in name.split(".")[1:]:
        contract = getattr(contract, part)
    loaded = [module for module in ("numpy", contract.module) if module in sys.modules]
    assert not loaded, f"{path} imports {loaded} at its top: import it inside the functions"
    before = None
    for step in order.split():
        if step == "import":
            __import__(contract.module)
        elif step == "autolog":
            autolog(**contract.options)
        elif step == "stop":
            autolog().stop()
        else:
            contract.train()
            if before is None and step == "train" and not is_on():
                before = footprint.take(contract.module)
    if order == "autolog":
        assert contract.module not in sys.modules
        assert "numpy" not in sys.modules
    elif not is_on() and before is not None:
        changed = footprint.differences(before, footprint.take(contract.module))
        assert not changed, f"not as before: {changed}"
    if not is_on():
        wrapped = [place for place, value in footprint.take(contract.module).items() if _is_ours(value)]
        assert not wrapped, f"left after stop(): {wrapped}"


def _is_ours(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in {"autotrack", "wrapt"}
