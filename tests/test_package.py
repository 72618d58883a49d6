"""The package as it is installed: public names, cheap import, types."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import autotrack


def test_version_is_the_distributions() -> None:
    assert importlib.metadata.version("autotrack-ml") == autotrack.__version__


def test_importing_loads_nothing_heavy() -> None:
    heavy = "numpy pandas sqlalchemy sklearn torch rich typer importlib.metadata asyncio"
    script = f"import sys, autotrack; print([m for m in {heavy!r}.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_recording_loads_no_reader() -> None:
    heavy = "numpy pandas sqlalchemy sklearn torch rich typer"
    script = (
        "import sys, autotrack; autotrack.start_run().finish(); "
        f"print([m for m in {heavy!r}.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_wheel_holds_types_and_licence() -> None:
    files = importlib.metadata.files("autotrack-ml") or []
    if any(str(f).endswith(".pth") for f in files):  # an editable install lists no files of its own
        return
    names = {str(f) for f in files}
    assert "autotrack/py.typed" in names
    assert "autotrack_sklearn/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
