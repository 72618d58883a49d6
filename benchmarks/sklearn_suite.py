"""scikit-learn's own tests with autologging on and off: every test has to end the same way.

    python benchmarks/sklearn_suite.py                      # the suites below, both ways: an hour
    python benchmarks/sklearn_suite.py sklearn.tests.test_base
    python benchmarks/sklearn_suite.py --only on --off off.jsonl --on on.jsonl sklearn.ensemble

Prints each test whose outcome differs, and how much longer the tests took. Exit status 1 if one is worse with
autologging. This file is also the pytest plugin that switches it on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUITES = (
    "sklearn.tests.test_common",
    "sklearn.tests.test_pipeline",
    "sklearn.tests.test_base",
    "sklearn.ensemble",
    "sklearn.model_selection.tests.test_search",
)
_OUT = "SKLEARN_SUITE_OUT"
_ON = "SKLEARN_SUITE_AUTOLOG"
_ADDRESS = re.compile(r"0x[0-9a-f]+")

# -- the plugin -------------------------------------------------------------------------------------------------------

_outcomes: dict[str, dict[str, Any]] = {}


def pytest_configure() -> None:
    """Switch autologging on before the tests import anything."""
    if os.environ.get(_ON) == "1":
        import autotrack

        autotrack.autolog()


def pytest_runtest_logreport(report: Any) -> None:
    """Remember how a test ended and how long it took, setup and teardown included."""
    found = _outcomes.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0, "text": ""})
    found["seconds"] += report.duration
    if report.outcome != "passed":
        found["outcome"] = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        found["text"] = str(report.longrepr)[-3000:]


def pytest_sessionfinish() -> None:
    """Write all outcomes."""
    if _OUT in os.environ:
        with Path(os.environ[_OUT]).open("w", encoding="utf-8") as file:
            file.writelines(
                json.dumps({"test": _ADDRESS.sub("0x", name), **found}) + "\n" for name, found in _outcomes.items()
            )


# -- the comparison ---------------------------------------------------------------------------------------------------


def run(suites: list[str], *, autolog: bool, out: Path, more: list[str]) -> None:
    """Run the tests in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])),
            "AUTOTRACK_STORE": str(Path(folder) / "store"),
            "AUTOTRACK_SILENT": "1",
            _OUT: str(out),
            _ON: "1" if autolog else "0",
        }
        command = [sys.executable, "-m", "pytest", "-p", "sklearn_suite", "-p", "no:cacheprovider", "-q", "--tb=short"]
        subprocess.run([*command, *more, "--pyargs", *suites], cwd=folder, env=environment, check=False)


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Outcomes by test; equal names (the address in them is gone) are numbered."""
    found: dict[str, dict[str, Any]] = {}
    for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        name, number = record["test"], 2
        while name in found:
            name, number = f"{record['test']} #{number}", number + 1
        found[name] = record
    return found


def compare(off: dict[str, dict[str, Any]], on: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each test that ended otherwise."""
    for name in off.keys() | on.keys():
        before = off.get(name, {}).get("outcome", "missing")
        after = on.get(name, {}).get("outcome", "missing")
        if before != after:
            yield f"{name}: {before} without, {after} with autologging\n{on.get(name, {}).get('text', '')}"


def main() -> int:
    """Run both ways and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", default=list(SUITES))
    parser.add_argument(
        "--only", choices=("on", "off"), help="run one way only, and compare with what --off or --on names"
    )
    parser.add_argument("--off", type=Path, help="where the outcomes without autologging are (to be) written")
    parser.add_argument("--on", type=Path, help="where the outcomes with autologging are (to be) written")
    parser.add_argument("--pytest", default="", help="more arguments for pytest, e.g. --pytest='-x -k forest'")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {"off": options.off or Path(folder) / "off.jsonl", "on": options.on or Path(folder) / "on.jsonl"}
        for way, path in paths.items():
            if options.only in (None, way):
                run(options.suites, autolog=way == "on", out=path.absolute(), more=options.pytest.split())
        if not all(path.exists() for path in paths.values()):
            return 0
        off, on = read(paths["off"]), read(paths["on"])
    different = sorted(compare(off, on))
    print(*different, sep="\n")
    both = off.keys() & on.keys()
    seconds = [sum(found[name]["seconds"] for name in both) for found in (off, on)]
    worse = sum(on[name]["outcome"] == "failed" != off[name]["outcome"] for name in both)
    print(
        f"{len(both):,} tests both ways, {len(different):,} ended differently, {worse:,} new failures; "
        f"{seconds[0]:.0f} s without, {seconds[1]:.0f} s with autologging: "
        f"{seconds[1] / max(seconds[0], 1e-9):.2f} times"
    )
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
