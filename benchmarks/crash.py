"""Kill writers with SIGKILL at random moments and look for what they were told is recorded.

    python benchmarks/crash.py [--times 1000] [--seed N] [--store FOLDER]

A writer says over a pipe what it has logged, after each log call has returned. All of that has to be in the journal,
and in what a reader gets through the index, bit for bit. Exit status 1 if anything is missing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measures.rows import Row

import autotrack
from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Corrupt, Metrics, Params
from autotrack.journal.folder import Folder

_LONGEST = 0.06  # seconds that a writer is left alone at most
_AT_ONCE = 0.2  # share of the writers whose time runs from their fork, not from their run's start
_SPECIAL = (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308)


@dataclass
class Writer:
    """What one writer was told is recorded."""

    run: str = ""
    points: dict[int, str] = field(default_factory=dict)  # step -> float.hex() of the value
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class Outcome:
    """What was found afterwards."""

    writers: int = 0
    begun: int = 0  # writers that lived long enough to be told that their run has started
    acknowledged: int = 0
    lost_journal: int = 0
    lost_index: int = 0
    torn: int = 0  # segments that end within a line
    corrupt: int = 0
    misread: int = 0  # runs whose status is not "killed"
    invented: int = 0  # more points than the writer can have logged
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return self.acknowledged > 0 and not (
            self.lost_journal or self.lost_index or self.corrupt or self.misread or self.invented
        )


def write(store: Path, pipe: int) -> None:
    """Log until killed, and say so after each call. Runs in the child."""
    draw = random.Random(os.urandom(8))
    with os.fdopen(pipe, "wb", buffering=0) as told:
        run = autotrack.start_run(store=store)
        told.write(json.dumps(["run", run.id]).encode() + b"\n")
        for step in range(1_000_000):
            value = draw.choice(_SPECIAL) if draw.random() < 0.1 else draw.gauss(0, 1)
            run.log_metrics({"x": value, "y": step}, step)
            told.write(json.dumps(["point", step, value.hex()]).encode() + b"\n")
            if draw.random() < 0.1:
                run.log_param(f"p{step}", [step, "text"])
                told.write(json.dumps(["param", f"p{step}", [step, "text"]]).encode() + b"\n")


def kill_one(store: Path, draw: random.Random) -> Writer:
    """Start a writer, kill it at a random moment, return what it was told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            write(store, writing)
        finally:
            os._exit(3)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        first = b"" if draw.random() < _AT_ONCE else told.readline()
        time.sleep(draw.random() * _LONGEST)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        lines = (first + told.read()).split(b"\n")[:-1]
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise RuntimeError(f"a writer ended by itself: status {status}")
    writer = Writer()
    for line in lines:
        kind, *rest = json.loads(line)
        if kind == "run":
            writer.run = rest[0]
        elif kind == "point":
            writer.points[rest[0]] = rest[1]
        else:
            writer.params[rest[0]] = rest[1]
    return writer


def check_journal(folder: Folder, writer: Writer, outcome: Outcome) -> None:
    points: dict[int, str] = {}
    params: dict[str, Any] = {}
    for segment in folder.segments(writer.run):
        data = segment.read()
        whole = data[: data.rfind(b"\n") + 1]
        outcome.torn += whole != data
        for event in decode_lines(whole):
            if isinstance(event, Metrics):
                assert event.s is not None
                points[int(event.s)] = float(event.v["x"]).hex()
            elif isinstance(event, Params):
                params.update(event.values)
            elif isinstance(event, Corrupt):
                outcome.corrupt += 1
    outcome.lost_journal += sum(points.get(step) != value for step, value in writer.points.items())
    outcome.lost_journal += sum(params.get(key) != value for key, value in writer.params.items())
    outcome.invented += len(points) > len(writer.points) + 1  # one may be written whose writer could not say so


def check_index(store: autotrack.Store, writer: Writer, outcome: Outcome) -> None:
    run = store.run(writer.run)
    outcome.misread += run.status != "killed"
    found: dict[int, str] = {}
    if "x" in run.metrics:
        series = run.series("x")
        found = {int(s): float(v).hex() for s, v in zip(series.steps, series.values, strict=True)}
    params = run.params
    outcome.lost_index += sum(found.get(step) != value for step, value in writer.points.items())
    outcome.lost_index += sum(params.get(key) != value for key, value in writer.params.items())


def crash(root: Path, times: int, seed: int) -> Iterator[Outcome]:
    """Kill `times` writers and check; yields the outcome so far after each writer, and at last the whole."""
    draw = random.Random(seed)
    autotrack.start_run, autotrack.open_store  # noqa: B018 - imported here, not in every child
    outcome = Outcome()
    began = time.monotonic()
    writers = []
    folder = Folder(root)
    for _ in range(times):
        writer = kill_one(root, draw)
        outcome.writers += 1
        if writer.run:
            outcome.begun += 1
            outcome.acknowledged += len(writer.points) + len(writer.params)
            check_journal(folder, writer, outcome)
            writers.append(writer)
        yield outcome
    with autotrack.open_store(root) as store:
        for writer in writers:
            check_index(store, writer, outcome)
    outcome.seconds = time.monotonic() - began
    yield outcome


def crash_rows(folder: Path, times: int) -> list[Row]:
    *_, outcome = crash(folder / "store", times, seed=1)
    note = f"{outcome.acknowledged:,} acknowledged, {outcome.torn} torn lines; crash.py does it 1,000 times"
    lost = outcome.lost_journal + outcome.lost_index + outcome.corrupt + outcome.misread + outcome.invented
    return [Row(f"kill -9 of {times:,} writers: values lost", lost, "", 0, note=note)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill writers at random moments; look for lost values.")
    parser.add_argument("--times", type=int, default=1000, help="how many writers (default: 1,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (the writers' values are random anyway)")
    parser.add_argument("--store", type=Path, help="keep the runs in this folder (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autotrack-crash-") as temporary:
        outcome = Outcome()
        for outcome in crash(options.store or Path(temporary) / "store", options.times, options.seed):
            if outcome.writers % 100 == 0 and not outcome.seconds:
                print(f"{outcome.writers} killed, {outcome.acknowledged:,} values acknowledged", file=sys.stderr)
    print(
        f"{outcome.writers:,} writers killed ({outcome.begun:,} after their run had begun) in {outcome.seconds:.0f} s\n"
        f"{outcome.acknowledged:,} values acknowledged, {outcome.torn:,} segments ended within a line\n"
        f"lost in the journal: {outcome.lost_journal}, in the index: {outcome.lost_index}; corrupt lines: "
        f"{outcome.corrupt}; runs not shown as killed: {outcome.misread}; with too many points: {outcome.invented}"
    )
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
