"""Scripts as they are, with autologging turned on in front of them: whether they do the same, and what was recorded.

    python benchmarks/gallery.py SCRIPT.py ... [--folder FOLDER]

Meant for the example gallery of scikit-learn, which is not part of this repository. Each script runs twice in a folder
of its own, as it is and with `import autotrack; autotrack.autolog()` behind its docstring; numpy is seeded both times.
Printed are the lines of its output that differ and the runs with all that they hold, for a person to judge. Exit status
1 if a script ends otherwise than without.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import autotrack

_SEED = "import numpy; numpy.random.seed(0)"
_LINE = "import autotrack; autotrack.autolog()"
_LIMIT = 600  # seconds for one script


def begun(text: str, line: str) -> str:
    """The script with a line in front of its first statement, on a line that is there: numbers of lines stay."""
    lines = text.splitlines(keepends=True)
    first, *rest = ast.parse(text).body
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and rest:
        first = rest[0]
    lines[first.lineno - 1] = f"{line}; {lines[first.lineno - 1]}"
    return "".join(lines)


def play(script: Path, text: str, store: Path) -> tuple[int, list[str], float]:
    """Run a text under the script's name; gives the status, the lines on both channels, and the seconds."""
    with tempfile.TemporaryDirectory(prefix="autotrack-gallery-") as folder:
        path = Path(folder) / script.name
        path.write_text(text, encoding="utf-8")
        environment = {**os.environ, "AUTOTRACK_STORE": str(store), "AUTOTRACK_SILENT": "1", "MPLBACKEND": "Agg"}
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(path)], cwd=folder, env=environment, capture_output=True, text=True, timeout=_LIMIT,
            check=False,
        )  # fmt: skip
        took = time.perf_counter() - began
        return done.returncode, [line.replace(folder, "") for line in (done.stdout + done.stderr).splitlines()], took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="+", type=Path)
    parser.add_argument("--folder", type=Path, help="keep the runs here, in a store for each script")
    options = parser.parse_args()
    worse = 0
    with tempfile.TemporaryDirectory() as folder:
        for script in options.scripts:
            store = (options.folder or Path(folder)).absolute() / script.stem
            text = script.read_text(encoding="utf-8")
            before, plain, seconds = play(script, begun(text, _SEED), store)
            after, logged, longer = play(script, begun(text, f"{_SEED}; {_LINE}"), store)
            print(f"== {script.name}: status {before} and {after}, {seconds:.1f} s and {longer:.1f} s", flush=True)
            print(*difflib.unified_diff(plain, logged, "without", "with autologging", lineterm="", n=0), sep="\n")
            show(store)
            worse += before != after
    return int(worse > 0)


def show(store: Path) -> None:
    """Print the runs of a store, oldest first, as the command line shows them."""
    for run in reversed(list(autotrack.open_store(str(store)).runs())):
        print(flush=True)
        command = [str(Path(sys.executable).with_name("autotrack")), "show", run.id, "--store", str(store)]
        subprocess.run(command, check=True, env={**os.environ, "COLUMNS": "150"})


if __name__ == "__main__":
    sys.exit(main())
