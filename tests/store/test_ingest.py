"""Journals come into the index whole, once, whatever happens on the way; on SQLite and PostgreSQL."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Union, get_args

import msgspec
import pytest
import sqlalchemy
from sqlalchemy import select

import autotrack
from autotrack.config import current
from autotrack.errors import StoreError
from autotrack.journal import decoding, events, syncing
from autotrack.journal.folder import Folder
from autotrack.journal.segment import SegmentWriter
from autotrack.store import schema
from autotrack.store.engine import Index, filesystem, index_paths
from autotrack.store.ingest import ingest
from autotrack.store.series import decode_all


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    folder().create()
    place: Any = folder() if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Index.open(place) as opened:
        yield opened


def folder() -> Folder:
    return current().folder()


def bring(index: Index) -> None:
    assert syncing.drain(30)
    ingest(index, folder())


def rows(index: Index, query: Any) -> list[Any]:
    with index.engine.connect() as connection:
        return list(connection.execute(query))


def points(index: Index, run: str, key: str) -> tuple[list[float], list[float]]:
    c = schema.chunks.c
    query = (
        select(c.count, c.steps, c.times, c.points)
        .join(schema.segments, schema.segments.c.id == c.segment)
        .join(schema.series, schema.series.c.id == c.series)
        .join(schema.runs, schema.runs.c.id == schema.series.c.run)
        .join(schema.keys, schema.keys.c.id == schema.series.c.key)
        .where(schema.runs.c.uid == run, schema.keys.c.text == key)
        .order_by(schema.segments.c.name, c.number)
    )
    found = decode_all([tuple(row) for row in rows(index, query)])
    return found.steps.tolist(), found.values.tolist()


def run_row(index: Index, uid: str) -> Any:
    return rows(index, select(schema.runs).where(schema.runs.c.uid == uid))[0]


def test_a_run(index: Index) -> None:
    with autotrack.start_run("one", experiment="e", params={"a": 1, "n": {"lr": 0.1}}, tags={"t": "x"}) as run:
        for value in (1.0, math.nan, -math.inf, -0.0):
            run.log_metric("loss", value)
        run.log_metric("loss", 0.5, step=-2.5)
        run.log_metric("loss", 0.25)
    bring(index)
    row = run_row(index, run.id)
    assert (row.name, row.experiment, row.status, row.attempt) == ("one", "e", "finished", 1)
    steps, values = points(index, run.id, "loss")
    assert steps == [0, 1, 2, 3, -2.5, -2]
    assert repr(values) == repr([1.0, math.nan, -math.inf, -0.0, 0.5, 0.25])
    (series,) = rows(index, select(schema.series))
    assert (series.count, series.nan, series.inf, series.min, series.max, series.last) == (6, 1, 1, -0.0, 1.0, 0.25)
    query = select(schema.keys.c.text, schema.params.c.kind, schema.params.c.number, schema.params.c.leaf)
    found = {tuple(r) for r in rows(index, query.join(schema.keys, schema.keys.c.id == schema.params.c.key))}
    assert found == {("a", "int", 1.0, False), ("n", "dict", None, False), ("n/lr", "float", 0.1, True)}


def test_chunks_fill_up_over_many_small_ingests(index: Index) -> None:
    run = autotrack.start_run()
    expected = []
    for size in (1, 2, 1020, 1, 1, 3000, 7):
        for _ in range(size):
            expected.append(len(expected) * 0.5)
            run.log_metric("loss", expected[-1])
        ingest(index, folder())
    run.finish()
    bring(index)
    steps, values = points(index, run.id, "loss")
    assert steps == list(range(len(expected)))
    assert values == expected
    c = schema.chunks.c
    counts = [row.count for row in rows(index, select(c.count).order_by(c.number))]
    assert counts == [1024] * (len(expected) // 1024) + [len(expected) % 1024]


def test_ingest_is_idempotent_and_reads_nothing_twice(index: Index) -> None:
    with autotrack.start_run() as run:
        run.log_metric("loss", 1.0)
    bring(index)
    assert ingest(index, folder()).bytes == 0
    index.memory.clear()
    assert ingest(index, folder()).bytes == 0
    assert points(index, run.id, "loss") == ([0], [1.0])


def test_several_ingesters_at_once_count_everything_once(index: Index) -> None:
    runs = [autotrack.start_run() for _ in range(4)]
    stop = threading.Event()
    errors: list[BaseException] = []
    place: Any = folder() if index.path else index.engine.url.render_as_string(hide_password=False)

    def work() -> None:
        try:
            with Index.open(place) as own:
                while not stop.is_set():
                    ingest(own, folder())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for step in range(1500):
        for run in runs:
            run.log_metrics({"a": step * 1.0, "b": step * 2.0})
    for run in runs:
        run.log_param("p", 1)
        run.finish()
    assert syncing.drain(30)
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    bring(index)
    for run in runs:
        assert points(index, run.id, "a")[1] == [step * 1.0 for step in range(1500)]
    assert {row.count for row in rows(index, select(schema.series.c.count))} == {1500}


def test_params_corrected_keep_their_history(index: Index) -> None:
    with autotrack.start_run(params={"lr": {"a": 1, "b": 2}, "x": 1}) as run:
        bring_now = ingest(index, folder())
        assert bring_now.runs == 1
        run.log_param("lr", {"b": 3})
        run.log_param("lr", 5)
        run.log_param("x", "text")
    bring(index)
    p, k = schema.params.c, schema.keys.c
    found = {
        row.text: (row.kind, row.value)
        for row in rows(index, select(k.text, p.kind, p.value).join(schema.keys, k.id == p.key))
    }
    assert found == {"lr": ("int", "5"), "x": ("str", '"text"')}
    h = schema.param_history.c
    assert [row.value for row in rows(index, select(h.value).order_by(h.offset))] == [
        "1",
        '{"a":1,"b":2}',
        '{"b":3}',
    ] or [row.value for row in rows(index, select(h.value).order_by(h.offset))] == ['{"a":1,"b":2}', "1", '{"b":3}']


def test_damage_in_a_segment_costs_only_the_damaged_line(index: Index) -> None:
    with autotrack.start_run() as run:
        run.log_metric("loss", 1.0)
        run.log_metric("loss", 2.0)
    assert syncing.drain(30)
    (segment,) = folder().segments(run.id)
    data = segment.path.read_bytes()
    segment.path.write_bytes(data.replace(b'"v":{"loss":1.0}', b'"v":{"lo\xff\x00":1.0', 1))
    other = folder().run_folder(run.id)
    (other / "00000000000000000000000000.jsonl").write_bytes(b"")
    (other / "00000000000000000000000001.jsonl").write_bytes(b'{"e":"open","t":1,"for')
    newer = b'{"e":"open","t":1,"format":99,"run":"r","segment":"s","role":"edit"}\n{"e":"hologram","t":2,"x":1}\n'
    (other / "00000000000000000000000002.jsonl").write_bytes(newer)
    bring(index)
    assert points(index, run.id, "loss")[1] == [2.0]
    assert sum(row.corrupt for row in rows(index, select(schema.segments.c.corrupt))) == 1
    assert [row.raw for row in rows(index, select(schema.unknown_events.c.raw))] == [b'{"e":"hologram","t":2,"x":1}']
    d = schema.documents.c
    assert any("format 99" in row.body for row in rows(index, select(d.body).where(d.event == "note")))
    assert run_row(index, run.id).status == "finished"


def test_a_torn_tail_is_taken_when_it_is_complete(index: Index) -> None:
    writer = SegmentWriter(folder(), "r" * 26)
    (segment,) = folder().segments("r" * 26)
    line = b'{"e":"metrics","t":1,"v":{"loss":1.0}}\n'
    with segment.path.open("ab") as file:
        file.write(line[:20])
        file.flush()
        ingest(index, folder())
        assert not rows(index, select(schema.series))
        file.write(line[20:])
    ingest(index, folder())
    assert points(index, "r" * 26, "loss") == ([0], [1.0])
    writer.close()


KILLED = """
import autotrack, os
run = autotrack.start_run()
run.log_metric("loss", 1.0)
print(run.id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_killed_process_leaves_a_killed_run_that_can_go_on(index: Index) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    uid = done.stdout.strip()
    bring(index)
    row = run_row(index, uid)
    assert (row.status, row.finished is not None) == ("killed", True)
    with autotrack.start_run(resume=uid) as run:
        bring(index)
        assert run_row(index, uid).status == "running"
        run.log_metric("loss", 2.0, step=1)
    bring(index)
    row = run_row(index, uid)
    assert (row.status, row.attempt) == ("finished", 2)
    assert points(index, uid, "loss") == ([0, 1], [1.0, 2.0])


def test_a_failure_is_in_the_index(index: Index) -> None:
    with pytest.raises(ValueError, match="mine"), autotrack.start_run() as run:
        raise ValueError("mine")
    bring(index)
    row = run_row(index, run.id)
    assert (row.status, row.error_type, row.error_message) == ("failed", "ValueError", "mine")
    assert "raise ValueError" in row.error_traceback


def test_two_stores_merge_by_copying(index: Index, tmp_path: Path) -> None:
    with autotrack.start_run() as here:
        here.log_metric("loss", 1.0)
    bring(index)
    with autotrack.start_run(store=tmp_path / "other") as there:
        there.log_metric("loss", 2.0)
    assert syncing.drain(30)
    shutil.copytree(tmp_path / "other" / "runs", folder().runs, dirs_exist_ok=True)
    bring(index)
    assert points(index, here.id, "loss")[1] == [1.0]
    assert points(index, there.id, "loss")[1] == [2.0]


def test_a_clock_that_jumps_back_reorders_nothing(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_800_000_000_000_000_000]
    monkeypatch.setattr("autotrack.journal.segment._time_ns", lambda: clock[0])
    monkeypatch.setattr("autotrack.run._time_ns", lambda: clock[0])
    with autotrack.start_run() as run:
        run.log_param("lr", 1)
        run.log_metrics({"loss": 1.0}, 0)
        clock[0] -= 3600 * 10**9
        run.log_param("lr", 2)
        run.log_metrics({"loss": 2.0}, 1)
    bring(index)
    assert [row.value for row in rows(index, select(schema.params.c.value))] == ["2"]
    assert [row.last for row in rows(index, select(schema.series.c.last))] == [2.0]


@pytest.mark.parametrize(
    "key", ["", "k" * 10_000, "nul\x00", "\ud800", "ключ/🦦", "quote'\"\n"], ids=lambda k: ascii(k)[:12]
)
def test_any_text_is_a_key(index: Index, key: str) -> None:
    from autotrack.journal.text import escape

    with autotrack.start_run(params={key: key}, tags={key: key}) as run:
        run.log_metric(key, 1.0)
        run.log_artifact(b"x", key)
    bring(index)
    assert points(index, run.id, escape(key)) == ([0], [1.0])


# -- the file of an SQLite index --------------------------------------------------------------------------------------


def recorded() -> str:
    with autotrack.start_run() as run:
        run.log_metric("loss", 1.0)
    assert syncing.drain(30)
    return run.id


@pytest.mark.parametrize("damage", ["deleted", "garbage", "truncated", "version", "emptied"])
def test_a_spoiled_index_is_rebuilt(damage: str) -> None:
    uid = recorded()
    path = index_paths(folder())[0]
    with Index.open(folder()) as index:
        ingest(index, folder())
    if damage == "deleted":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(os.urandom(100_000))
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "emptied":
        path.write_bytes(b"")
    else:
        engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA user_version = 77")
        engine.dispose()
    with Index.open(folder()) as index:
        ingest(index, folder())
        assert points(index, uid, "loss") == ([0], [1.0])


def test_tables_that_an_earlier_version_did_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    with autotrack.start_run() as run:
        run.log_table("t", {"x": [1, 2]})
    assert syncing.drain(30)
    known: Any = Union[tuple(kind for kind in get_args(events.Event) if kind is not events.Table)]
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSION", 2)
        earlier.setattr(decoding, "_decoder", msgspec.json.Decoder(known))
        earlier.setattr(decoding, "_STRUCTS", {})
        with Index.open(folder()) as index:
            ingest(index, folder())
            assert len(rows(index, select(schema.unknown_events))) == 1
    assert autotrack.open_store().run(run.id).tables["t"]["x"] == [1, 2]


def test_an_index_deleted_while_open_is_made_again() -> None:
    uid = recorded()
    with Index.open(folder()) as index:
        ingest(index, folder())
        for path in index_paths(folder())[0].parent.glob("index-*"):
            path.unlink()
        ingest(index, folder())
        assert points(index, uid, "loss") == ([0], [1.0])


READER = """
import sys
from autotrack.journal.folder import Folder
from autotrack.store.engine import Index
from autotrack.store.ingest import ingest
from autotrack.store import schema
from sqlalchemy import select, func
folder = Folder(sys.argv[1])
with Index.open(folder) as index:
    ingest(index, folder)
    with index.engine.connect() as connection:
        print(connection.execute(select(func.count(), func.sum(schema.series.c.count))).one())
"""


@pytest.mark.parametrize("before", [None, b"garbage" * 1000])
def test_eight_readers_on_a_missing_or_broken_index(before: bytes | None) -> None:
    for _ in range(20):
        recorded()
    if before is not None:
        index_paths(folder())[0].write_bytes(before)
    command = [sys.executable, "-c", READER, str(folder().root)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    results = [reader.communicate() for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * 8, results
    assert {out.strip() for out, _ in results} == {"(20, 20)"}


def test_the_index_of_a_store_that_cannot_be_written_is_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    folder().create()
    monkeypatch.setattr("os.access", lambda *_: False)
    assert str(index_paths(folder())[0]).startswith(os.environ["XDG_CACHE_HOME"])


def test_file_systems_are_found_by_the_longest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"a / ext4 rw 0 0\nb {tmp_path}/my\\040data nfs4 rw 0 0\n")
    (tmp_path / "my data").mkdir()
    assert filesystem(tmp_path / "my data" / "store", str(mounts)) == "nfs4"
    assert filesystem(tmp_path / "my", str(mounts)) == "ext4"
    assert filesystem(tmp_path, str(tmp_path / "none")) == ""


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_server_that_is_away_is_one_line_without_the_password() -> None:
    with pytest.raises(StoreError, match="does not answer") as caught:
        Index.open("postgresql+psycopg://ana:geheim@127.0.0.1:1/x")
    assert "geheim" not in str(caught.value)


def test_urls_of_other_databases_are_refused() -> None:
    with pytest.raises(StoreError, match="cannot hold an index"):
        Index.open("mysql://host/x")


# -- lines of other writers, and damage -------------------------------------------------------------------------------

UID = "r" * 26


def written(index: Index, *lines: bytes) -> None:
    """Ingest a run made of lines as another writer may have left them, between sound ones."""
    writer = SegmentWriter(folder(), UID)
    (segment,) = folder().segments(UID)
    with segment.path.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    writer.write(events.Params(t=3, values={"ok": 1}))
    writer.close()
    ingest(index, folder())


def param_keys(index: Index) -> set[str]:
    k = schema.keys.c
    return {row.text for row in rows(index, select(k.text).join(schema.params, schema.params.c.key == k.id))}


@pytest.mark.parametrize(
    "line",
    [
        b'{"e":"metrics","t":1,"v":{"a":"abc"}}',
        b'{"e":"metrics","t":1,"v":{"a":"1.5"}}',
        b'{"e":"metrics","t":1,"v":{"a":1' + b"0" * 400 + b"}}",
        b'{"e":"metrics","t":1,"s":1' + b"0" * 400 + b',"v":{"a":1}}',
        b'{"e":"metrics","t":99999999999999999999999,"v":{"a":1}}',
        b'{"e":"metrics","t":18446744073709551615,"v":{"a":1}}',
        b'{"e":"tags","t":18446744073709551615,"values":{"a":"1"}}',
        b'{"e":"params","t":1,"values":{"a":{"$float":"abc"}}}',
        b'{"e":"params","t":1,"values":{"a":[{"$int":"zz"}]}}',
        b'{"e":"tags","t":1,"values":{"a":"\xff"}}',
        b'{"e":"tags","t":1,"values":{"a":"\\ud800"}}',
        b'{"e":"finish","t":1,"status":"finished","duration":18446744073709551615}',
        b'{"e":"artifact","t":1,"name":"a","size":1,"sha256":"' + b"0" * 65 + b'"}',
        b'{"e":"open","t":1,"format":4294967296,"run":"r","segment":"s","role":"main"}',
    ],
    ids=range(14),
)
def test_a_bad_line_is_skipped_and_counted(index: Index, line: bytes) -> None:
    good = b'{"e":"metrics","t":1,"v":{"a":%d}}'
    written(index, good % 1, line, good % 2)
    assert param_keys(index) == {"ok"}
    assert points(index, UID, "a")[1] == [1.0, 2.0]
    assert [row.corrupt for row in rows(index, select(schema.segments.c.corrupt))] == [1]


def test_a_nul_of_another_writer_is_escaped(index: Index) -> None:
    written(
        index,
        b'{"e":"params","t":1,"values":{"p\\u0000":{"x":["a\\u0000b","c\\\\u0000"]}}}',
        b'{"e":"tags","t":1,"values":{"a":"x\\u0000y"}}',
        b'{"e":"note","t":1,"text":"n\\u0000"}',
        b'{"e":"future","t":1,"text":"n\\u0000"}',
    )
    assert param_keys(index) == {"ok", "p\x100000", "p\x100000/x"}
    assert [row.value for row in rows(index, select(schema.tags.c.value))] == ["x\x100000y"]
    assert r'["a\u00100000b","c\\u0000"]' in next(
        row.value for row in rows(index, select(schema.params.c.value)) if row.value and "x" in row.value
    )


def test_a_store_folder_of_any_name(tmp_path: Path) -> None:
    place = Folder(tmp_path / "a?b#c%20 d")
    SegmentWriter(place, UID).close()
    with Index.open(place) as index:
        ingest(index, place)
        assert len(rows(index, select(schema.runs))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a?b#c%20 d"]
    assert index_paths(place)[0].stat().st_size > 0


def test_of_two_finish_lines_the_first_counts(index: Index) -> None:
    writer = SegmentWriter(folder(), UID)
    writer.write(events.Finish(t=5, status="failed", duration=1, error={"type": "E", "message": "m"}))
    writer.write(events.Finish(t=6, status="finished", duration=2))
    ingest(index, folder())
    writer.write(events.Finish(t=7, status="interrupted", duration=3))
    writer.close()
    ingest(index, folder())
    row = run_row(index, UID)
    assert (row.status, row.finished, row.duration, row.error_type) == ("failed", 5, 1, "E")


def test_correcting_a_param_leaves_the_leaves_of_others(index: Index) -> None:
    writer = SegmentWriter(folder(), UID)
    writer.write(events.Params(t=2, values={"opt": {"lr": 1, "x": 2}, "model": {"depth": 1}, "opt2": {"a": 1}}))
    ingest(index, folder())
    writer.write(events.Params(t=3, values={"opt": {"lr": 2}}))
    ingest(index, folder())
    assert param_keys(index) == {"opt", "opt/lr", "model", "model/depth", "opt2", "opt2/a"}
    writer.close()


def _flipped(points: bytes) -> bytes:
    """A value that is another one: no packing notices."""
    return points[:5] + bytes([points[5] ^ 1]) + points[6:]


@pytest.mark.parametrize(
    "damage", [lambda _: b"\x02rubbish", _flipped, lambda _: b""], ids=["rubbish", "flip", "empty"]
)
@pytest.mark.parametrize("ids_forgotten", [False, True], ids=["kept", "forgotten"])
def test_a_damaged_chunk_is_mended(ids_forgotten: bool, damage: Callable[[bytes], bytes]) -> None:
    writer = SegmentWriter(folder(), UID)
    writer.write(events.Metrics(t=1, v={"a": 1.0}))
    with Index.open(folder()) as index:
        ingest(index, folder())
        with index.writing() as connection:
            (before,) = connection.scalars(select(schema.chunks.c.points))
            connection.execute(schema.chunks.update().values(points=damage(before)))
        if ids_forgotten:
            index.memory.clear()
        writer.write(events.Metrics(t=2, v={"a": 2.0}))
        ingest(index, folder())
        assert points(index, UID, "a") == ([0, 1], [1.0, 2.0])
    writer.close()


@pytest.mark.parametrize(
    ("error", "damaged"),
    [
        (sqlite3.DatabaseError("database disk image is malformed"), True),
        (sqlite3.OperationalError("no such table: runs"), True),
        (sqlite3.OperationalError("disk I/O error"), False),
        (sqlite3.DataError("string or blob too big"), False),
        (sqlite3.ProgrammingError("Error binding parameter 0"), False),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), False),
    ],
)
def test_only_damage_is_taken_for_damage(error: Exception, damaged: bool) -> None:
    folder().create()
    with Index.open(folder()) as index:
        assert index.is_damaged(error) is damaged


def test_a_segment_larger_than_one_piece_is_read_whole(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotrack.store.ingest._READ", 10_000)
    writer = SegmentWriter(folder(), UID)
    for at in range(1000):
        writer.write(events.Metrics(t=at, v={"a": float(at)}))
    writer.write(events.Params(t=1000, values={"long": "x" * 50_000}))
    writer.close()
    report = ingest(index, folder())
    assert (report.complete, report.runs) == (True, 1)
    assert points(index, UID, "a")[1] == list(range(1000))
    assert param_keys(index) == {"long"}


def died(role: events.Role = "main", attempt: int = 1) -> None:
    """Leave a segment of a process that is gone."""
    child = os.fork()
    if child == 0:
        SegmentWriter(folder(), UID, role=role, attempt=attempt).write(events.Metrics(t=1, v={"a": 1.0}))
        os._exit(9)
    os.waitpid(child, 0)


@pytest.mark.parametrize("role", ["main", "worker", "headless"])
def test_a_run_settles_when_all_its_writers_are_gone(index: Index, role: Any) -> None:
    before = time.time() - 3600
    if role == "headless":
        path = folder().run_folder(UID) / "0.jsonl"
        path.parent.mkdir()
        path.write_bytes(b'{"e":"params","t":1,"values":{"a":1}}\n{"e":"torn')
        os.utime(path, (before, before))
    else:
        died(role)
    writer = SegmentWriter(folder(), UID, attempt=2)
    writer.write(events.Finish(t=9, status="finished", duration=1))
    os.utime(folder().run_folder(UID), (before, before))
    for _ in range(2):
        ingest(index, folder())
    assert run_row(index, UID).settled is None
    writer.close()
    for _ in range(2):
        ingest(index, folder())
    row = run_row(index, UID)
    assert (row.status, row.settled) == ("finished", folder().run_folder(UID).stat().st_mtime_ns)
    assert not index.memory["ingest"].open


def test_a_look_at_runs_with_nothing_new_writes_nothing(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    done = SegmentWriter(folder(), "d" * 26)
    done.write(events.Finish(t=9, status="finished", duration=1))
    done.close()
    writer = SegmentWriter(folder(), UID)
    ingest(index, folder())
    monkeypatch.delattr(Index, "writing")
    for _ in range(2):
        assert ingest(index, folder()).runs == 0
    monkeypatch.undo()
    writer.close()


def test_points_keep_the_order_of_lines_whatever_they_were_logged_with(index: Index) -> None:
    lines = [{"a": 1.0}, {"b": 1.0}, {"a": 2.0, "b": 2.0}, {"b": 3.0}, {"a": 3.0}, {"b": 4.0, "a": 4.0}]
    writer = SegmentWriter(folder(), UID)
    for values in lines:
        writer.write(events.Metrics(t=1, v=dict(values)))
    writer.close()
    ingest(index, folder())
    for key in ("a", "b"):
        assert points(index, UID, key) == ([0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0])
