"""Many processes write into one store while a reader polls it: errors, and points lost.

    python benchmarks/writers.py [--processes 64] [--lines 1000]

Every process records a run of its own on a store that does not exist yet. Exit status 1 if there was any error, if a
point is missing or wrong, or if the reader ever saw a run shrink.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from measures.rows import Row, percentile

import autotrack

_KEYS = 5

_WRITER = """
import sys, autotrack
store, number, lines, keys = sys.argv[1], *map(int, sys.argv[2:])
with autotrack.start_run(f"writer-{number}", store=store, params={"number": number}) as run:
    for step in range(lines):
        run.log_metrics({f"m{k}": number + step / (k + 1) for k in range(keys)}, step)
"""


@dataclass
class Outcome:
    """What happened."""

    processes: int
    points: int
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    lost: int = 0
    polls: list[float] = field(default_factory=list)  # seconds each


def write_and_poll(root: Path, processes: int, lines: int) -> Outcome:
    outcome = Outcome(processes, processes * lines * _KEYS)
    store = autotrack.open_store(root)  # what it imports takes as long as a writer
    began = time.monotonic()
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(root), str(number), str(lines), str(_KEYS)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    seen: dict[str, int] = {}
    with store:
        while not outcome.polls or any(process.poll() is None for process in started):
            _poll(store, seen, outcome)
            time.sleep(0.02)
        outcome.seconds = time.monotonic() - began
        for number, process in enumerate(started):
            _, errors = process.communicate()
            if process.returncode or errors.strip():
                outcome.errors.append(f"writer {number} ended with {process.returncode}: {errors.strip()[-300:]}")
        _check(store, processes, lines, outcome)
    return outcome


def _poll(store: autotrack.Store, seen: dict[str, int], outcome: Outcome) -> None:
    began = time.perf_counter()
    try:
        for run in store.runs():
            count = run.series("m0").count if "m0" in run.metrics else 0
            if count < seen.get(run.id, 0):
                outcome.errors.append(f"{run.name} shrank from {seen[run.id]} to {count} points")
            seen[run.id] = count
    except Exception as error:
        outcome.errors.append(f"the reader: {type(error).__name__}: {error}")
    outcome.polls.append(time.perf_counter() - began)


def _check(store: autotrack.Store, processes: int, lines: int, outcome: Outcome) -> None:
    """Compare what a reader gets with what was written."""
    found = store.runs()
    if len(found) != processes:
        outcome.errors.append(f"{len(found)} runs instead of {processes}")
    for run in found:
        number = run.params["number"]
        if run.status != "finished":
            outcome.errors.append(f"{run.name} is {run.status}")
        for k in range(_KEYS):
            series = run.series(f"m{k}")
            points = dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
            outcome.lost += sum(points.get(step) != number + step / (k + 1) for step in range(lines))
            outcome.lost += len(series) != lines
    outcome.lost += (processes - len(found)) * lines * _KEYS


def writers_rows(folder: Path, processes: int, lines: int) -> list[Row]:
    outcome = write_and_poll(folder / "store", processes, lines)
    errors = "; ".join(outcome.errors)[:300]
    note = f"{outcome.points:,} points in {outcome.seconds:.1f} s; {len(outcome.polls)} polls"
    return [
        Row(
            f"{processes} writers and a reader: errors",
            len(outcome.errors),
            "",
            0,
            note=errors,
        ),
        Row(f"{processes} writers and a reader: lost points", outcome.lost, "", 0, note=note),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Write from many processes while a reader polls.")
    parser.add_argument("--processes", type=int, default=64)
    parser.add_argument("--lines", type=int, default=1000, help=f"log calls of each, of {_KEYS} metrics")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autotrack-writers-") as temporary:
        outcome = write_and_poll(Path(temporary) / "store", options.processes, options.lines)
    polls = f"median {percentile(outcome.polls, 0.5) * 1000:.0f} ms, longest {max(outcome.polls) * 1000:.0f} ms"
    print(
        f"{outcome.processes} writers, {outcome.points:,} points in {outcome.seconds:.1f} s; "
        f"the reader polled {len(outcome.polls)} times ({polls})\n"
        f"errors: {len(outcome.errors)}, lost points: {outcome.lost}"
    )
    for error in outcome.errors:
        print(error)
    return 1 if outcome.errors or outcome.lost else 0


if __name__ == "__main__":
    sys.exit(main())
