"""An index that is damaged, or that finds no place, is made anew while it is read."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import autotrack
from autotrack.journal import syncing
from autotrack.views import RunView, Store

PAGE = 4096


def record() -> None:
    numbers = random.Random(0)
    for i in range(5):
        with autotrack.start_run(
            f"run-{i}", params={"i": i, "long": "ü" * 3000, "nested": {"a": [1, {"b": 2}]}}
        ) as run:
            for step in range(1500 if i < 2 else 40):
                run.log_metrics({"loss": numbers.random(), "score": numbers.gauss(0, 1)}, step)
            run.set_tag("i", str(i))
            run.log_param("i", -i)
            run.log_artifact(b"x" * i, "a.bin")
            run.log_table("trials", {"x": list(range(3000)), "text": ["a", "ü"] * 1500}, kind="trials")
            run.log_table("trials", {"x": [1], "y": [(1, 2)]}, more=True)
    with pytest.raises(RuntimeError), autotrack.start_run("bad"):
        raise RuntimeError("wrong " * 3000)
    assert syncing.drain(30)


READERS: dict[str, Callable[[RunView], Any]] = {
    "params": lambda run: dict(run.params),
    "metrics": lambda run: repr(run.metric_summaries),
    "tags": lambda run: dict(run.tags),
    "points": lambda run: {
        key: [column.tobytes() for column in (run.series(key).steps, run.series(key).times, run.series(key).values)]
        for key in run.metrics
    },
    "outline": lambda run: {key: run.series(key).outline(10) for key in run.metrics},
    "history": lambda run: [found.value for found in run.history("i")] if "i" in run.params else [],
    "artifacts": lambda run: [(a.name, a.sha256, a.size) for a in run.artifacts],
    "notes": lambda run: run.notes,
    "tables": lambda run: {name: repr((t.kind, len(t), t.meta, dict(t.columns))) for name, t in run.tables.items()},
    "environment": lambda run: dict(run.environment),
    "code": lambda run: dict(run.code),
    "error": lambda run: run.error,
    "attempts": lambda run: run.attempts,
}


def everything(store: Store) -> dict[str, Any]:
    found = {}
    for run in store.runs():
        itself = (run.name, run.experiment, run.status, run.started, run.finished, run.duration)
        found[run.id] = (itself, {name: read(run) for name, read in READERS.items()})
    return found


def index_of(place: Path) -> Path:
    """The SQLite file of a store, whole and alone."""
    (path,) = place.glob("index-*.sqlite")
    for part in place.glob(f"{path.name}-*"):
        part.unlink()
    return path


def test_random_pages_may_be_overwritten(tmp_path: Path) -> None:
    record()
    with autotrack.open_store() as store:
        truth = everything(store)
    whole = index_of(tmp_path / "store").read_bytes()
    dice = random.Random(1)
    for attempt in range(40):
        damaged = bytearray(whole)
        for _ in range(dice.choice([1, 2, 5, 20])):
            at = PAGE * dice.randrange(len(whole) // PAGE)
            damaged[at : at + PAGE] = dice.randbytes(PAGE)
        index_of(tmp_path / "store").write_bytes(damaged)
        with autotrack.open_store() as store:
            assert everything(store) == truth, f"attempt {attempt}"


@pytest.mark.parametrize("reader", READERS)
def test_a_view_mends_the_index_it_reads_from(tmp_path: Path, reader: str) -> None:
    record()
    read = READERS[reader]
    with autotrack.open_store() as store:
        truth = {run.id: read(run) for run in store.runs()}
        views = store.runs()
        store.close()
        path = index_of(tmp_path / "store")
        path.write_bytes(path.read_bytes()[:PAGE] + random.Random(2).randbytes(path.stat().st_size - PAGE))
        assert {run.id: read(run) for run in views} == truth


def test_points_that_are_not_what_their_row_says_are_read_from_the_journal(tmp_path: Path) -> None:
    record()
    with autotrack.open_store() as store:
        (run,) = store.runs("name == 'run-0'")
        truth = run.series("loss").values.tobytes()
        path = store.folder.root
    with contextlib.closing(sqlite3.connect(index_of(path), isolation_level=None)) as connection:
        connection.execute("UPDATE chunks SET points = CAST(x'00' || zeroblob(8 * count) AS BLOB)")
    with autotrack.open_store() as store:
        assert store.run(run.id).series("loss").values.tobytes() == truth


def test_a_frame_mends_the_index(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    record()
    with autotrack.open_store() as store:
        runs = store.runs()
        before = runs.to_pandas()
        store.close()
        path = index_of(tmp_path / "store")
        path.write_bytes(path.read_bytes()[:PAGE] + bytes(path.stat().st_size - PAGE))
        assert runs.to_pandas().equals(before)


@pytest.mark.parametrize("replaced", [False, True])
def test_views_of_a_store_that_vanished_are_an_error_not_empty(tmp_path: Path, replaced: bool) -> None:
    record()
    with autotrack.open_store() as store:
        (run,) = store.runs("name == 'run-0'")
        store.close()
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        if replaced:  # such as the folder where a disk was mounted
            (tmp_path / "store").mkdir()
        with pytest.raises(autotrack.StoreError):
            print(run.params)


# -- No place for the index -------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of one megabyte with a store on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    monkeypatch.setenv("AUTOTRACK_STORE", str(disk / "store"))
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "rest").open("ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while file.write(bytes(PAGE)):
            pass


def log(start: int, stop: int) -> str:
    with autotrack.start_run("one", params={"lr": 1}) as run:
        for step in range(start, stop):
            run.log_metric("loss", step, step)
    assert syncing.drain(30)
    return run.id


def in_cache(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").glob("autotrack/*/index-*.sqlite"))


def test_a_full_disk_without_an_index(small_disk: Path, tmp_path: Path) -> None:
    log(0, 10)
    fill(small_disk)
    assert autotrack.runs()[0].params == {"lr": 1}
    assert in_cache(tmp_path)
    assert not list((small_disk / "store").glob("index-*.sqlite*")), "nothing half made is left on the full disk"
    for command in ("runs", "doctor"):
        done = subprocess.run(
            [sys.executable, "-c", "from autotrack.cli import main; main()", command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_disk_that_fills_up_under_an_index(small_disk: Path, tmp_path: Path) -> None:
    log(0, 10)
    with autotrack.open_store() as store:
        assert len(store.runs()) == 1
        run = log(0, 2000)
        fill(small_disk)
        assert store.run(run).series("loss").values.tolist() == list(range(2000))
    assert in_cache(tmp_path)
    (small_disk / "rest").unlink()
    assert len(autotrack.open_store().run(run).series("loss")) == 2000


def test_no_place_at_all_is_one_clear_line(tmp_path: Path) -> None:
    log(0, 10)
    code = """
import resource, signal, sys
from autotrack.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
main(sys.argv[1:])
"""
    for command in ("runs", "doctor"):
        done = subprocess.run([sys.executable, "-c", code, command], capture_output=True, text=True, check=False)
        said = done.stderr if command == "runs" else done.stdout
        assert done.returncode == 1
        assert "Traceback" not in done.stderr + done.stdout
        assert said.count("the index cannot be made") == 1
        assert "free space, or name another cache folder with XDG_CACHE_HOME" in said
