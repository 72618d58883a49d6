"""Sealing makes segments small and never loses a byte, wherever it is stopped."""

from __future__ import annotations

import errno
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from sqlalchemy import select, update

import autotrack
from autotrack.config import current
from autotrack.errors import StoreError
from autotrack.journal import syncing
from autotrack.journal.folder import Folder, SegmentFile
from autotrack.journal.segment import SegmentWriter
from autotrack.store import schema, sealing
from autotrack.store.engine import Index
from autotrack.store.ingest import ingest
from autotrack.store.sealing import seal, seal_finished


@pytest.fixture
def folder() -> Folder:
    made = current().folder()
    made.create()
    return made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def index(request: pytest.FixtureRequest, folder: Folder) -> Iterator[Index]:
    place: Any = folder if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Index.open(place) as opened:
        yield opened


def record(points: int = 500) -> str:
    noise = random.Random(points)
    with autotrack.start_run(params={"lr": 0.1}) as run:
        for step in range(points):
            run.log_metrics({f"loss_{i}": noise.gauss(1, 0.1) * math.exp(-step / points) for i in range(10)})
    assert syncing.drain(30)
    return run.id


def only(folder: Folder, run: str) -> SegmentFile:
    (segment,) = folder.segments(run)
    return segment


def names(folder: Folder, run: str) -> set[str]:
    return {path.name.partition(".")[2] for path in folder.run_folder(run).iterdir()}


_NUMBERED = {"id", "run", "key", "series", "segment"}  # numbers that a new index gives anew


def content(index: Index) -> list[Any]:
    with index.engine.connect() as connection:
        found = []
        for table in (schema.series, schema.chunks, schema.params, schema.documents):
            columns = [column for column in table.c if column.name not in _NUMBERED]
            found.append(sorted(map(repr, connection.execute(select(*columns)))))
        assert all(found)
        return found


def test_the_same_bytes_read_back_from_any_offset(folder: Folder) -> None:
    run = record()
    open_segment = only(folder, run)
    data = open_segment.read()
    sealed = seal(open_segment)
    assert sealed == only(folder, run)
    assert sealed.sealed
    assert names(folder, run) == {"jsonl.zst"}
    assert (sealed.size(), sealed.read()) == (len(data), data)
    for offset in (0, 1, len(data) // 2, len(data) - 1, len(data)):
        assert sealed.read(offset) == data[offset:]
        assert sealed.read(offset, 100) == data[offset : offset + 100]
    assert seal(sealed) == sealed


def test_a_sealed_segment_is_one_checked_frame_that_any_tool_unpacks(folder: Folder) -> None:
    run = record()
    data = only(folder, run).read()
    mode = only(folder, run).path.stat().st_mode
    packed = seal(only(folder, run)).path
    parameters = zstandard.get_frame_parameters(packed.read_bytes())
    assert (parameters.content_size, parameters.has_checksum) == (len(data), True)
    reader = zstandard.ZstdDecompressor().decompressobj()
    assert reader.decompress(packed.read_bytes()) == data
    assert (reader.eof, reader.unused_data) == (True, b"")
    assert packed.stat().st_mode == mode


def test_ingest_reads_nothing_twice(index: Index, folder: Folder) -> None:
    runs = [record(points) for points in (3, 500)]
    ingest(index, folder)
    before = content(index)
    seen: list[tuple[int, int]] = []
    assert seal_finished(index, folder, progress=lambda done, total: seen.append((done, total))) == 2
    assert seen == [(1, 2), (2, 2)]
    assert [names(folder, run) for run in runs] == [{"jsonl.zst"}] * 2
    for _ in range(2):
        assert ingest(index, folder).bytes == 0
        index.memory.clear()
    assert content(index) == before
    assert seal_finished(index, folder) == 0


def test_a_new_index_reads_sealed_segments(index: Index, folder: Folder) -> None:
    record()
    ingest(index, folder)
    before = content(index)
    seal_finished(index, folder)
    with index.writing() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    index.memory.clear()
    assert ingest(index, folder).runs == 1
    assert content(index) == before


def test_a_run_settles_after_sealing(index: Index, folder: Folder) -> None:
    run = record(3)
    ingest(index, folder)
    seal_finished(index, folder)
    os.utime(folder.run_folder(run), (time.time() - 60,) * 2)
    index.memory.clear()
    ingest(index, folder)
    with index.engine.connect() as connection:
        settled = connection.execute(select(schema.runs.c.settled)).scalar_one()
    assert settled == folder.run_folder(run).stat().st_mtime_ns


def test_what_is_not_ingested_or_still_written_stays(index: Index, folder: Folder) -> None:
    ended = record(3)
    assert seal_finished(index, folder) == 0  # not in the index
    running = autotrack.start_run()
    running.log_metric("loss", 1.0)
    edit = SegmentWriter(folder, ended, role="edit")  # of this very process, which is there
    ingest(index, folder)
    with only(folder, running.id).path.open("rb"):
        assert seal_finished(index, folder) == 1
    assert not only(folder, running.id).sealed
    assert [segment.sealed for segment in folder.segments(ended)] == [True, False]
    edit.close()
    running.finish()
    assert syncing.drain(30)
    columns = schema.segments.c.name, schema.segments.c.offset
    with index.engine.connect() as connection:
        offsets = {name: offset for name, offset in connection.execute(select(*columns))}  # noqa: C416
    assert offsets[edit.name] < folder.segments(ended)[1].size()
    assert seal_finished(index, folder) == 0  # the last lines of both are not in the index
    ingest(index, folder)
    assert seal_finished(index, folder) == 2


KILLED = """
import autotrack, os
run = autotrack.start_run()
run.log_metric("loss", 1.0)
if os.fork() == 0:
    run.log_metric("loss", 2.0)
    os._exit(0)
os.wait()
print(run.id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_segments_of_a_killed_process_are_sealed(index: Index, folder: Folder) -> None:
    command = [sys.executable, "-W", "ignore", "-c", KILLED]
    run = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    ingest(index, folder)
    assert seal_finished(index, folder) == 2
    assert all(segment.sealed for segment in folder.segments(run))


def test_a_torn_tail_keeps_its_segment_open(index: Index, folder: Folder) -> None:
    run = record(3)
    with only(folder, run).path.open("ab") as file:
        file.write(b'{"e":"metr')
    ingest(index, folder)
    assert seal_finished(index, folder) == 0
    assert only(folder, run).read().endswith(b'{"e":"metr')


def test_a_run_of_a_silent_machine_stays(index: Index, folder: Folder) -> None:
    record(3)
    ingest(index, folder)
    with index.writing() as connection:
        connection.execute(update(schema.runs).values(status="lost"))
    assert seal_finished(index, folder) == 0


def test_a_limit_stops_between_segments(index: Index, folder: Folder) -> None:
    for _ in range(3):
        record(5)
    ingest(index, folder)
    assert seal_finished(index, folder, limit_bytes=0) == 0
    assert seal_finished(index, folder, limit_bytes=1) == 1
    assert seal_finished(index, folder) == 2


STEPS = ["tempfile.mkstemp", "_compress", "os.fchmod", "os.fsync", "_compare", "os.rename", "_sync_folder", "unlink"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_loses_nothing(
    step: str, after: bool, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record(20)
    data = only(folder, run).read()
    place, name = (Path, step) if step == "unlink" else (sealing, step)
    for part in step.split(".")[:-1]:
        place, name = getattr(place, part), step.split(".")[-1]
    plain = getattr(place, name)

    def failing(*args: Any, **options: Any) -> None:
        if after:
            plain(*args, **options)
        raise OSError(errno.EIO, "the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(place, name, failing)
        with pytest.raises(OSError, match="the disk is away"):
            seal(only(folder, run))
    assert only(folder, run).read() == data
    if not only(folder, run).sealed:
        seal(only(folder, run))
    assert only(folder, run).read() == data
    assert names(folder, run) - {name for name in names(folder, run) if name.endswith(".sealing")} == {"jsonl.zst"}


KILLED_WHILE_SEALING = """
import os, sys
from pathlib import Path
from autotrack.journal.folder import Folder
from autotrack.store import sealing
step = sys.argv[2]
place, name = (Path, step) if step == "unlink" else (sealing, step)
if "." in step:
    place, name = getattr(sealing, step.split(".")[0]), step.split(".")[1]
plain = getattr(place, name)
def dying(*args, **options):
    if sys.argv[3] == "True":
        plain(*args, **options)
    os.kill(os.getpid(), 9)
setattr(place, name, dying)
folder = Folder(sys.argv[1])
for run in folder.run_ids():
    for segment in folder.segments(run):
        sealing.seal(segment)
"""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["tempfile.mkstemp", "_compress", "_compare", "os.rename", "unlink"])
def test_killed_while_sealing_loses_nothing(step: str, after: bool, folder: Folder) -> None:
    run = record(20)
    data = only(folder, run).read()
    command = [sys.executable, "-c", KILLED_WHILE_SEALING, str(folder.root), step, str(after)]
    assert subprocess.run(command, check=False).returncode == -9
    assert only(folder, run).read() == data
    with Index.open(folder) as index:
        ingest(index, folder)
        assert seal_finished(index, folder) == (0 if (step, after) == ("unlink", True) else 1)
        assert only(folder, run).read() == data
        for left in folder.run_folder(run).glob("*.sealing"):
            os.utime(left, (0, 0))
        seal_finished(index, folder)
    assert names(folder, run) == {"jsonl.zst"}


def test_content_that_comes_back_different_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(20)
    data = only(folder, run).read()
    plain = sealing._compress

    def grown(source: Any, target: Any, size: int) -> None:
        plain(source, target, size)
        with only(folder, run).path.open("ab") as file:
            file.write(b'{"e":"close","t":1}\n')

    monkeypatch.setattr(sealing, "_compress", grown)
    with pytest.raises(StoreError, match="left as it is"):
        seal(only(folder, run))
    assert names(folder, run) == {"jsonl"}
    assert only(folder, run).read() == data + b'{"e":"close","t":1}\n'


def test_a_full_disk_is_one_clear_line(index: Index, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(20)
    ingest(index, folder)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sealing, "_compress", full)
    with pytest.raises(StoreError, match=r"No space left on device.*free space"):
        seal_finished(index, folder)
    assert names(folder, run) == {"jsonl"}


def test_a_reader_with_the_old_path_looks_again(index: Index, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(20)
    held = only(folder, run)
    seal(held)
    with pytest.raises(FileNotFoundError):
        held.read()
    with pytest.raises(FileNotFoundError):
        held.size()
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "segments", lambda *_: [held])  # listed before it was sealed
        assert ingest(index, folder).bytes == 0
    assert ingest(index, folder).runs == 1
    with pytest.raises(FileNotFoundError):
        seal(held)


def test_two_seal_at_once(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    run = record(20)
    held = only(folder, run)
    data = held.read()
    plain = sealing._compare

    def meanwhile(*args: Any) -> None:
        plain(*args)
        monkeypatch.setattr(sealing, "_compare", plain)
        assert seal(held).read() == data

    monkeypatch.setattr(sealing, "_compare", meanwhile)
    assert seal(held).read() == data
    assert names(folder, run) == {"jsonl.zst"}


def test_a_sealed_segment_takes_few_bytes_a_point(folder: Folder) -> None:
    run = record(3000)
    assert seal(only(folder, run)).path.stat().st_size < 8.6 * 30_000


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no frame at all",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        *(lambda data, i=i: _flip(data, len(data) * i // 10) for i in range(1, 10)),
        lambda data: _flip(data, len(data) - 1),
    ],
)
def test_a_damaged_sealed_segment_is_named_and_nothing_of_it_is_believed(damage: Any, folder: Folder) -> None:
    spoiled, sound = record(), record(20)
    with Index.open(folder) as index:
        ingest(index, folder)
        assert seal_finished(index, folder) == 2
        assert sealing.damaged(index, folder) == []
    path = only(folder, spoiled).path
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    store = autotrack.open_store()
    store.rebuild()
    assert len(store.run(sound).series("loss_0").values) == 20
    assert [run.id for run in store.runs() if "loss_0" in run.metrics] == [sound]
    index = store._opened()
    assert index is not None
    assert [file.path for file in sealing.damaged(index, folder)] == [path]
    with pytest.raises(StoreError, match="is damaged"):
        store.gc()
    path.write_bytes(whole)
    assert len(store.run(spoiled).series("loss_0").values) == 500
    store.gc()
