"""What recording costs the calling thread."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

import autotrack
from autotrack.journal.events import Metrics
from measures import processes
from measures.rows import Row, median, percentile

_BLOCK = 500  # calls between the two ways of writing, so that both see the same machine


def log_metrics(folder: Path, calls: int) -> list[Row]:
    """Time `log_metrics` of 10 floats, and encoding and writing the same line without autotrack, in turns."""
    store = folder / "store"
    autotrack.start_run(store=store).finish()  # the environment is collected by a thread of the first run
    time.sleep(3)
    run = autotrack.start_run(store=store)
    encode = msgspec.json.Encoder().encode
    fd = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    metrics = {f"train/metric_{i}": 0.123456789 * (i + 1) for i in range(10)}
    ours: list[int] = []
    bare: list[int] = []
    clock = time.perf_counter_ns
    for start in range(-_BLOCK, calls, _BLOCK):
        if start == 0:  # the first block was for warming up
            ours.clear()
            bare.clear()
        for step in range(start, start + _BLOCK):
            began = clock()
            run.log_metrics(metrics, step)
            ours.append(clock() - began)
        for step in range(start, start + _BLOCK):
            line = Metrics(t=time.time_ns() // 1000, s=step, v=metrics)
            began = clock()
            os.write(fd, encode(line) + b"\n")
            bare.append(clock() - began)
    os.close(fd)
    run.finish()
    p50, p99 = median(ours) / 1000, percentile(ours, 0.99) / 1000
    bare50, bare99 = median(bare) / 1000, percentile(bare, 0.99) / 1000
    return [
        Row("log_metrics of 10 floats, p50", p50, "µs", 4, note=f"{calls:,} calls"),
        Row("log_metrics of 10 floats, p99", p99, "µs", 15),
        Row("  over encoding and writing alone, p50", p50 / bare50, "x", 2, note=f"alone: {bare50:.2f} µs"),
        Row("  over encoding and writing alone, p99", p99 / bare99, "x", note=f"alone: {bare99:.2f} µs"),
    ]


_RUNS = """
import json, time, autotrack
began = time.perf_counter()
import msgspec
library = (time.perf_counter() - began) * 1000
took = [[library, 0]]
for _ in range({count}):
    began, thread = time.perf_counter(), time.thread_time()
    autotrack.start_run().finish()
    took.append([(time.perf_counter() - began) * 1000, (time.thread_time() - thread) * 1000])
    time.sleep(0.01)
print(json.dumps(took))
"""


def start_and_finish(folder: Path, rounds: int) -> list[Row]:
    """Time empty runs in fresh processes: the first, which imports and arranges, and later ones."""
    first: list[tuple[float, float, float]] = []
    later: list[tuple[float, float]] = []
    for i in range(rounds):
        took = processes.run(_RUNS.format(count=30), AUTOTRACK_STORE=str(folder / f"runs-{i}"))
        (library, _), (wall, cpu) = took[:2]
        first.append((library + wall, library, cpu))
        later += took[11:]  # those in between run beside the capture of the environment
    (all_wall, libraries, cpus), (late_wall, late_cpu) = zip(*first, strict=True), zip(*later, strict=True)
    note = (
        f"median of {rounds}; of it {median(libraries):.3g} ms import msgspec, the rest is {median(cpus):.3g} ms of CPU"
    )
    late = f"median; p99 {percentile(late_wall, 0.99):.3g} ms; CPU of the calling thread {median(late_cpu):.3g} ms"
    return [
        Row("start + finish, first of a process", median(all_wall), "ms", 20, note=note),
        Row("start + finish, later ones", median(late_wall), "ms", 3, note=late),
    ]
