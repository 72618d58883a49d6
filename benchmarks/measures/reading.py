"""What reading costs: ingest, series, questions, disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import autotrack
from autotrack.journal.folder import Folder
from autotrack.store.sealing import seal
from measures.journals import losses, write_run, write_runs
from measures.rows import Row, median, percentile

POINTS = 1_000_000
_QUESTION = "metrics['val/loss'] < 1.5 and params.lr < 0.01"


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ingest(folder: Path, rounds: int) -> list[Row]:
    """Ingest a journal of 10 metrics a line, `rounds` times into an index that knows nothing."""
    rows = []
    for single in (False, True):
        kind = "single precision" if single else "double precision"
        place = Folder(folder / kind.replace(" ", "-"))
        place.create()
        run, journal = write_run(place, losses(POINTS // 10, 10, single=single))
        with autotrack.open_store(place.root) as store:
            took = [_seconds(store.rebuild) for _ in range(rounds)]
            index = store._index
            assert index is not None and index.path is not None
            with index.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            size = index.path.stat().st_size
        open_size = journal.stat().st_size
        (segment,) = place.segments(run)
        sealed = seal(segment).path.stat().st_size
        rate = POINTS / min(took) / 1e6
        spread = f"best of {rounds}; worst {POINTS / max(took) / 1e6:.2f}"
        if not single:
            rows.append(Row("ingest into SQLite, 10 metrics a line", rate, "M points/s", 1, at_least=True, note=spread))
        rows += [
            Row(f"index, {kind}", size / POINTS, "bytes/point", 12),
            Row(
                f"sealed journal, {kind}", sealed / POINTS, "bytes/point", 8,
                note=f"{open_size / POINTS:.1f} while open; 17 digits of noise are 7.1 bytes by themselves",
            ),
        ]  # fmt: skip
    return rows


def series(folder: Path, rounds: int) -> list[Row]:
    """Read one series of a million points, whole and as an outline of 1,000 stretches."""
    place = Folder(folder / "long")
    place.create()
    run, _ = write_run(place, losses(POINTS, 1, single=False))
    full: list[float] = []
    outline: list[float] = []
    with autotrack.open_store(place.root) as store:
        first = _seconds(store.ingest)
        key = "train/metric_0"
        for _ in range(rounds):
            found = store.run(run).series(key)
            outline.append(_seconds(lambda found=found: found.outline(1000)) * 1000)  # type: ignore[misc]
            found = store.run(run).series(key)
            full.append(_seconds(lambda found=found: (found.steps, found.times, found.values)) * 1000)  # type: ignore[misc]
            assert len(found.values) == POINTS
    return [
        Row("full read of 1 M points", median(full), "ms", 100, note=f"steps, times, values; median of {rounds}"),
        Row("outline of 1 M points in 1,000 stretches", median(outline), "ms", 10, note=f"median of {rounds}"),
        Row("ingest into SQLite, 1 metric a line", POINTS / first / 1e6, "M points/s", note="once"),
    ]


def questions(folder: Path, runs: int, rounds: int) -> list[Row]:
    """Filter and sort many runs of 40 values each, and look at everything of the first 50."""
    place = Folder(folder / "many")
    place.create()
    write_runs(place, runs)
    time.sleep(2.5)  # a folder that changed within two seconds is looked at again
    took: list[float] = []
    page: list[float] = []
    with autotrack.open_store(place.root) as store:
        first = _seconds(store.ingest)
        store.ingest()
        for _ in range(rounds):
            began = time.perf_counter()
            found = store.runs(_QUESTION, order_by="-metrics.m7", limit=50)
            took.append((time.perf_counter() - began) * 1000)
            for run in found:
                assert len(run.params) + len(run.metrics) == 40
            page.append((time.perf_counter() - began) * 1000)
        total = found.total
    about = f"{runs:,} runs x 40 values"
    worst = f"p95 {percentile(took, 0.95):.3g} ms"
    return [
        Row(f"filter + sort, {about}, page of 50", median(took), "ms", 30, note=f"{total:,} match; {worst}"),
        Row("  with all values of the page", median(page), "ms", note=f"median of {rounds}"),
        Row(f"ingest, {about}", runs / first, "runs/s", note="once"),
    ]
