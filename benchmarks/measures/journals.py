"""Journals made directly, as quickly as they can be written: what the reading side is measured on."""

from __future__ import annotations

import math
import random
from pathlib import Path

import msgspec

from autotrack.journal.events import FORMAT, Close, Finish, Metrics, Open, Params, Start
from autotrack.journal.folder import OPEN_SUFFIX, Folder
from autotrack.journal.ids import new_id
from autotrack.journal.liveness import writer_identity

_BEGIN = 1_760_000_000_000_000  # microseconds since 1970

_encode = msgspec.json.Encoder().encode


def write_run(folder: Folder, events: list[msgspec.Struct], name: str = "bench") -> tuple[str, Path]:
    """Write a finished run's only segment in one go and return the run's id and the file."""
    run, segment = new_id(), new_id()
    path = folder.run_folder(run) / f"{segment}{OPEN_SUFFIX}"
    path.parent.mkdir(parents=True)
    whole = [
        Open(t=_BEGIN, format=FORMAT, run=run, segment=segment, role="main", **writer_identity()),
        Start(t=_BEGIN, name=name, experiment="bench"),
        *events,
        Finish(t=_BEGIN + 10**9, status="finished", duration=10**9),
        Close(t=_BEGIN + 10**9),
    ]
    path.write_bytes(b"".join(_encode(event) + b"\n" for event in whole))
    return run, path


def losses(lines: int, keys: int, *, single: bool, seed: int = 7) -> list[msgspec.Struct]:
    """Return metric events like those of a training: a falling curve with noise, a step about every 10 ms.

    With `single` the values are single-precision numbers, as losses of most frameworks are; else all digits are noise.
    """
    import numpy as np

    random.seed(seed)
    noise = np.random.default_rng(seed).normal(1, 0.1, (lines, keys))
    curve = np.exp(-np.arange(lines)[:, None] / lines * np.arange(1, keys + 1))
    table = curve * noise
    values = (table.astype(np.float32) if single else table).astype(float).tolist()
    names = [f"train/metric_{i}" for i in range(keys)]
    return [
        Metrics(t=_BEGIN + i * 10_000 + random.randrange(2_000), s=i, v=dict(zip(names, row, strict=True)))
        for i, row in enumerate(values)
    ]


def write_runs(folder: Folder, count: int) -> None:
    """Write `count` runs of 20 params and 20 metrics each."""
    random.seed(11)
    for i in range(count):
        params = {f"p{k}": random.choice((random.random(), random.randrange(1000), "adam", True)) for k in range(19)}
        params["lr"] = 10 ** random.uniform(-5, -1)
        metrics = {f"m{k}": random.random() for k in range(19)}
        metrics["val/loss"] = math.exp(random.gauss(0, 1))
        write_run(folder, [Params(t=_BEGIN, values=params), Metrics(t=_BEGIN + 1, s=0, v=metrics)], f"run-{i}")
