"""scikit-learn's own tests with autologging on and off: every test has to end the same way.

    python benchmarks/sklearn_suite.py --folder suite --together     # all tests, both ways at once: hours on two cores
    python benchmarks/sklearn_suite.py --folder suite sklearn/svm    # only the slices whose names begin like that

A slice is a folder of tests without its large files, or one of these. Each slice runs in two processes of its own, one
with autologging. What is known is kept in the folder, test by test: `SLICE.off.jsonl`, `SLICE.on.jsonl`. Slices that
are complete there are not run again, so the command may be stopped and repeated. The first call also copies autotrack
into the folder, and all later ones use this copy, whatever becomes of the code meanwhile.

A test that ended differently is run again in turns, three times each way (`SLICE.again.jsonl`). It is *flaky* if it
then ended in more than one way without autologging, or the same way as with it; all others count. Exit status 1 if
any does. This file is also the pytest plugin that switches autologging on.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_OUT = "SKLEARN_SUITE_OUT"
_ON = "SKLEARN_SUITE_AUTOLOG"
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_LARGE = 1000  # tests of a file that is a slice of its own
_AGAIN = 3

Outcomes = dict[str, dict[str, Any]]

# -- the plugin -------------------------------------------------------------------------------------------------------

_reports: dict[str, dict[str, Any]] = {}


def pytest_configure() -> None:
    """Switch autologging on before the tests import anything."""
    if os.environ.get(_ON) == "1":
        import autotrack

        autotrack.autolog()


def pytest_runtest_logreport(report: Any) -> None:
    """Write how a test ended and how long it took, setup and teardown included."""
    found = _reports.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0, "text": ""})
    found["seconds"] += report.duration
    if report.outcome != "passed":
        found["outcome"] = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        found["text"] = str(report.longrepr)[-3000:]
    if report.when == "teardown":
        _write({"test": _ADDRESS.sub("0x", report.nodeid), **_reports.pop(report.nodeid)})


def pytest_sessionfinish(exitstatus: int) -> None:
    """Write that nothing follows."""
    _write({"end": int(exitstatus)})


def _write(record: dict[str, Any]) -> None:
    if _OUT in os.environ:
        with Path(os.environ[_OUT]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


# -- running ----------------------------------------------------------------------------------------------------------


class Tests:
    """Runs tests of the installed scikit-learn in processes of their own."""

    def __init__(self, code: Path, options: argparse.Namespace) -> None:
        spec = importlib.util.find_spec("sklearn")
        assert spec is not None
        assert spec.origin is not None
        self.root = Path(spec.origin).parent.parent
        self.code = code
        self.options = options

    def slices(self) -> dict[str, list[str]]:
        """The files of each slice, by its name."""
        with tempfile.TemporaryDirectory() as folder:
            listing = self._start(["--collect-only", "-qq", "sklearn"], Path(folder), {}, stdout=subprocess.PIPE)
            files = re.findall(r"^(sklearn/\S+\.py): (\d+)$", listing.communicate()[0].decode(), re.MULTILINE)
        found: dict[str, list[str]] = {}
        for name, count in files:
            found.setdefault(name if int(count) > _LARGE else str(Path(name).parent), []).append(name)
        return dict(sorted(found.items()))

    def run(self, tests: Iterable[str], outs: dict[str, Path], *, together: bool) -> None:
        """Run tests once for each way in `outs` ("off", "on"); what takes too long is killed."""
        with contextlib.ExitStack() as stack:
            waiting = []
            for way, out in outs.items():
                out.unlink(missing_ok=True)
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sklearn-suite-")))
                environment = {_OUT: str(out.absolute()), _ON: str(int(way == "on"))}
                with out.with_suffix(".txt").open("wb") as log:
                    process = self._start([*self.options.pytest.split(), *tests], folder, environment, stdout=log)
                waiting.append(process)
                if not together:
                    self._wait(process)
            for process in waiting:
                self._wait(process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it ends; with its children it is killed after the limit, or if we are stopped."""
        try:
            process.wait(self.options.limit)
        except subprocess.TimeoutExpired:
            print(f"  not done after {self.options.limit} s: killed", flush=True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what it has left behind
            process.wait()

    def _start(self, arguments: list[str], folder: Path, more: dict[str, str], stdout: Any) -> subprocess.Popen[bytes]:
        (folder / "pytest.ini").write_text("[pytest]\n")  # nobody else's options
        path = [str(self.code), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "AUTOTRACK_STORE": str(folder / "store"), "AUTOTRACK_SILENT": "1",
            "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
            "SKLEARN_SEED": "42", "SKLEARN_TESTS_GLOBAL_RANDOM_SEED": "42", "PYTHONHASHSEED": "0",
            **more,
        }  # fmt: skip
        command = [sys.executable, "-m", "pytest", "-p", "sklearn_suite", "-p", "no:cacheprovider", "-c", "pytest.ini"]
        if importlib.util.find_spec("pytest_timeout"):
            command += [f"--timeout={self.options.limit // 4}", "--timeout-method=signal"]
        command += ["-q", "--tb=short", f"--rootdir={self.root}"]
        places = [str(self.root / one) if one.startswith("sklearn") else one for one in arguments]
        return subprocess.Popen(
            command + places, cwd=folder, env=environment, stdout=stdout, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip


def snapshot(folder: Path) -> Path:
    """Copy autotrack and its integrations; the copy of an earlier call is used again."""
    if not (code := folder / "code").exists():
        for name in ("autotrack", "autotrack_sklearn"):
            spec = importlib.util.find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(Path(spec.origin).parent, folder / "copying" / name, ignore=ignored, dirs_exist_ok=True)
        (folder / "copying").rename(code)
    return code.absolute()


# -- comparing --------------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[Outcomes, bool]:
    """Outcomes by test, and whether these are all; equal names (the address in them is gone) are numbered."""
    found: Outcomes = {}
    complete = False
    for record in map(json.loads, path.read_text(encoding="utf-8").splitlines() if path.exists() else ()):
        if "end" in record:
            complete = record["end"] in {0, 1}
            continue
        name, number = record["test"], 2
        while name in found:
            name, number = f"{record['test']} #{number}", number + 1
        found[name] = record
    return found, complete


def different(off: Outcomes, on: Outcomes) -> list[str]:
    """Names of the tests that ended otherwise."""
    return sorted(name for name in off.keys() | on.keys() if outcome(off, name) != outcome(on, name))


def outcome(outcomes: Outcomes, name: str) -> str:
    return str(outcomes.get(name, {}).get("outcome", "missing"))


def again(tests: Tests, names: list[str], out: Path, known: set[str]) -> dict[str, dict[str, list[str]]]:
    """Run these tests in turns, by function where pytest does not know the name; gives how each ended each way."""
    places = set()
    for name in names:
        is_own = name in known and not re.search("0x| #", name)
        places.add(name if is_own else re.sub(r"\[.*| #\d+$", "", name))
    found: dict[str, dict[str, list[str]]] = {name: {"off": [], "on": []} for name in names}
    for _ in range(_AGAIN):
        for way in ("off", "on"):
            tests.run(sorted(places), {way: out}, together=False)
            outcomes, _ = read(out)
            for name in names:
                found[name][way].append(outcome(outcomes, name))
    out.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return found


def is_flaky(ended: dict[str, list[str]]) -> bool:
    """Whether a test that was run again differs by itself, or does not differ any more."""
    return len(set(ended["off"])) > 1 or ended["off"] == ended["on"]


class Slice:
    """What is known of one slice."""

    def __init__(self, name: str, files: list[str], folder: Path) -> None:
        self.name, self.files = name, files
        self.paths = {way: folder / f"{name.replace('/', '.')}.{way}.jsonl" for way in ("off", "on", "again")}
        self.load()

    def load(self) -> None:
        (self.off, off_done), (self.on, on_done) = read(self.paths["off"]), read(self.paths["on"])
        self.complete = off_done and on_done

    def settle(self, tests: Tests) -> tuple[list[str], list[str]]:
        """Names of the tests that differ, and of those that are flaky."""
        names = different(self.off, self.on)
        if not names:
            return [], []
        known = self.paths["again"]
        ended = json.loads(known.read_text()) if known.exists() else {}
        if ended.keys() != set(names):
            ended = again(tests, names, known, self.off.keys() & self.on.keys())
        return [n for n in names if not is_flaky(ended[n])], [n for n in names if is_flaky(ended[n])]

    def seconds(self) -> tuple[float, float]:
        """How long the tests took that ended both ways, without and with autologging."""
        both = self.off.keys() & self.on.keys()
        return sum(self.off[name]["seconds"] for name in both), sum(self.on[name]["seconds"] for name in both)


def main() -> int:
    """Run both ways and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slices", nargs="*", default=["sklearn"], help="how the names of the slices begin")
    parser.add_argument("--folder", type=Path, required=True, help="where results are kept, and found again")
    parser.add_argument("--together", action="store_true", help="both ways at the same time, instead of in turns")
    parser.add_argument("--limit", type=int, default=7200, help="seconds for a slice, a quarter of it for a test")
    parser.add_argument("--pytest", default="", help="more arguments for pytest, e.g. --pytest='-k forest'")
    parser.add_argument("--list", action="store_true", help="only name the slices")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tests = Tests(snapshot(options.folder), options)
    wanted = {name: files for name, files in tests.slices().items() if name.startswith(tuple(options.slices))}
    if options.list:
        print(*wanted, sep="\n")
        return 0
    counts: dict[str, int] = collections.Counter()
    off = on = 0.0
    for turn, (name, files) in enumerate(wanted.items()):
        one = Slice(name, files, options.folder)
        if not one.complete:
            began = time.monotonic()
            ways = ("off", "on") if turn % 2 else ("on", "off")
            tests.run(files, {way: one.paths[way] for way in ways}, together=options.together)
            one.load()
            print(f"{turn + 1}/{len(wanted)} {name}: ran {time.monotonic() - began:.0f} s", flush=True)
        harmed, flaky = one.settle(tests)
        seconds = one.seconds()
        off, on = off + seconds[0], on + seconds[1]
        counts.update(tests=len(one.off), harmed=len(harmed), flaky=len(flaky), unfinished=int(not one.complete))
        print(
            f"{name}: {summary(one.off)}; {seconds[0]:.1f} s without, {seconds[1]:.1f} s with autologging: "
            f"{seconds[1] / max(seconds[0], 1e-9):.2f} times" + ("" if one.complete else "; NOT COMPLETE"),
            flush=True,
        )
        for test in flaky:
            print(f"  flaky: {test}")
        for test in harmed:
            print(f"  {test}: {outcome(one.off, test)} without, {outcome(one.on, test)} with autologging")
            print("   ", one.on.get(test, {}).get("text", "").replace("\n", "\n    "))
    print(
        f"\n{len(wanted)} slices, {counts['tests']:,} tests: {counts['harmed']} end differently with autologging, "
        f"{counts['flaky']} flaky, {counts['unfinished']} slices not complete; "
        f"{off:,.0f} s without, {on:,.0f} s with autologging: {on / max(off, 1e-9):.2f} times"
    )
    return int(bool(counts["harmed"] or counts["unfinished"]))


def summary(outcomes: Outcomes) -> str:
    """How many tests ended how."""
    counts = collections.Counter(record["outcome"] for record in outcomes.values())
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "no tests"


if __name__ == "__main__":
    sys.exit(main())
