"""Segments: what is written comes back, whatever happens to the file or the process."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from autotrack.errors import RunFinished, StoreError
from autotrack.journal import segment, syncing
from autotrack.journal.decoding import decode_line, decode_lines
from autotrack.journal.events import Close, Corrupt, Finish, Metrics, Note, Open, Params, Start, Unknown
from autotrack.journal.folder import Folder
from autotrack.journal.segment import SegmentWriter, now


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "store")


def events(folder: Folder, run: str) -> list:
    return [event for segment in folder.segments(run) for event in decode_lines(segment.read())]


def test_first_and_last_line(folder: Folder) -> None:
    writer = SegmentWriter(folder, "r")
    writer.write(Note(t=1, text="hello"))
    writer.close()
    first, note, last = events(folder, "r")
    assert isinstance(first, Open)
    assert (first.format, first.run, first.segment, first.pid) == (1, "r", writer.name, os.getpid())
    assert note == Note(t=1, text="hello")
    assert isinstance(last, Close)


def test_writing_after_close_is_refused(folder: Folder) -> None:
    writer = SegmentWriter(folder, "r")
    writer.close()
    writer.close()
    with pytest.raises(RunFinished, match="resume"):
        writer.write(Note(t=1, text="late"))


def test_torn_tail_and_damage_are_kept_apart() -> None:
    good = b'{"e":"note","t":1,"text":"a"}'
    torn = b'{"e":"metrics","t":1,"v":{"lo'
    assert decode_lines(good + b"\n" + torn + b"\n" + good + b"\n") == [
        Note(t=1, text="a"),
        Corrupt(torn),
        Note(t=1, text="a"),
    ]


@pytest.mark.parametrize(
    "line", [b"[]", b"1", b'"x"', b"{}", b'{"e":1,"t":1}', b'{"e":"note","t":"x"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_event_is_corrupt(line: bytes) -> None:
    assert decode_line(line) == Corrupt(line)


def test_unknown_events_and_fields_are_kept() -> None:
    assert decode_line(b'{"e":"hologram","t":1,"x":2}') == Unknown(b'{"e":"hologram","t":1,"x":2}')
    line = b'{"e":"note","t":1,"text":"a","colour":"red"}'
    assert decode_line(line) == Unknown(line, Note(t=1, text="a"))


def test_threads_write_whole_lines(folder: Folder) -> None:
    writer = SegmentWriter(folder, "r")

    def work(number: int) -> None:
        for step in range(500):
            writer.write(Metrics(t=now(), s=step, v={f"thread{number}": float(step)}))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [e for e in events(folder, "r") if isinstance(e, Metrics)]
    for number in range(8):
        assert [e.s for e in found if f"thread{number}" in e.v] == list(range(500))


def test_child_gets_its_own_segment_even_while_a_thread_holds_the_lock(folder: Folder) -> None:
    writer = SegmentWriter(folder, "r")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with writer._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        writer.write(Note(t=1, text="child"))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    release.set()
    thread.join()
    writer.write(Note(t=2, text="parent"))
    segments = folder.segments("r")
    assert len(segments) == 2
    found = [[e.text for e in decode_lines(s.read()) if isinstance(e, Note)] for s in segments]
    assert sorted(found) == [["child"], ["parent"]]


def test_full_disk_refuses_keeps_and_delivers_later(folder: Folder) -> None:
    writer = SegmentWriter(folder, "r")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = folder.segments("r")[0].size()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(StoreError, match="free space"):
            writer.write(Note(t=1, text="too long for the space that is left"))
        with pytest.raises(StoreError, match="kept in memory"):
            writer.write(Note(t=2, text="second"))
        data = folder.segments("r")[0].read()
        assert data.count(b"\n") == 1, "the torn line has no newline"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.write(Note(t=3, text="third"))
    texts = [e.text for e in events(folder, "r") if isinstance(e, Note)]
    assert texts == ["too long for the space that is left", "second", "third"]


def test_deleted_store_begins_anew(folder: Folder) -> None:
    import shutil

    writer = SegmentWriter(folder, "r")
    writer.write(Start(t=1, name="named"))
    writer.append(msgspec.json.encode(Metrics(t=2, s=0, v={"loss": 1.0})) + b"\n")
    writer.sync()  # what was synced and then deleted is gone, but not whose it was
    writer.append(msgspec.json.encode(Metrics(t=3, s=1, v={"loss": 2.0})) + b"\n")
    shutil.rmtree(folder.root)
    writer.append(msgspec.json.encode(Metrics(t=4, s=2, v={"loss": 3.0})) + b"\n")
    writer.write(Note(t=5, text="after"))
    writer.close()
    _, start, *found, close = events(folder, "r")
    assert start == Start(t=1, name="named")
    assert [e.s for e in found if isinstance(e, Metrics)] == [1, 2]
    after, note = (e for e in found if isinstance(e, Note))
    assert after.text == "after"
    assert (note.kind, note.text[:28]) == ("capture", "capture incomplete: the stor")
    assert isinstance(close, Close)


def test_the_rest_of_a_line_is_never_given_up_however_long(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "_MAX_WAITING", 1000)
    writer = SegmentWriter(folder, "r")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (folder.segments("r")[0].size() + 20, hard))
    try:
        with pytest.raises(StoreError, match="kept in memory"):
            writer.write(Note(t=1, text="x" * 5000))
        with pytest.raises(StoreError, match="1 events were given up"):
            writer.write(Note(t=2, text="lost, and said so"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.write(Note(t=3, text="third"))
    assert [e.text for e in events(folder, "r") if isinstance(e, Note)] == ["x" * 5000, "third"]


def test_what_waits_is_not_lost_with_a_store_that_is_deleted(folder: Folder) -> None:
    import shutil

    writer = SegmentWriter(folder, "r")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (folder.segments("r")[0].size() + 20, hard))
    try:
        for step in range(3):
            with pytest.raises(StoreError, match="kept in memory"):
                writer.append(msgspec.json.encode(Metrics(t=step, s=step, v={"loss": 1.0})) + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    shutil.rmtree(folder.root)  # somebody makes room
    writer.append(msgspec.json.encode(Metrics(t=3, s=3, v={"loss": 1.0})) + b"\n")
    writer.close()
    assert [e.s for e in events(folder, "r") if isinstance(e, Metrics)] == [0, 1, 2, 3]
    assert not [e for e in events(folder, "r") if isinstance(e, Corrupt)]


def test_a_disk_that_is_full_at_the_end_is_tried_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "_INTERVAL", 0.1)
    writer = SegmentWriter(folder, "r")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (folder.segments("r")[0].size(), hard))
    try:
        with pytest.raises(StoreError):
            writer.write(Finish(t=1, status="finished", duration=1))
        syncing.close_soon(writer)
        assert not syncing.drain(0.5)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        with pytest.raises(StoreError):
            SegmentWriter(folder, "another")
        assert not folder.segments("another"), "no empty file stays behind"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert syncing.drain(30)
    assert [type(e) for e in events(folder, "r")] == [Open, Finish, Close]


def test_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(StoreError, match="file is in the way"):
        SegmentWriter(Folder(tmp_path / "store"), "r")


KILLED = """
import os, sys
from autotrack.journal.folder import Folder
from autotrack.journal.segment import SegmentWriter
from autotrack.journal.events import Metrics
writer = SegmentWriter(Folder(sys.argv[1]), "r")
step = 0
while True:
    writer.write(Metrics(t=1, s=step, v={"loss": step * 0.1}))
    os.write(1, b"%d\\n" % step)
    step += 1
"""


@pytest.mark.parametrize("attempt", range(50))
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path, attempt: int) -> None:
    import random
    import time

    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "store")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(random.random() * 0.03)
    process.kill()
    acknowledged = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    data = Folder(tmp_path / "store").segments("r")[0].read()
    found = decode_lines(data[: data.rfind(b"\n") + 1])
    steps = [e.s for e in found if isinstance(e, Metrics)]
    assert not [e for e in found if isinstance(e, Corrupt)]
    assert steps == list(range(len(steps)))
    assert len(steps) > (int(acknowledged[-1]) if acknowledged else 0)


def test_non_finite_values_are_text_in_the_file() -> None:
    line = msgspec.json.encode(Metrics(t=1, s=0, v={"a": "NaN", "b": -0.0}))
    event = decode_line(line)
    assert isinstance(event, Metrics)
    assert event.v["a"] == "NaN"
    assert math.copysign(1, event.v["b"]) == -1


def test_every_event_survives_encoding() -> None:
    for event in [
        Params(t=1, values={"a": {"$tuple": [1, 2]}}),
        Finish(t=2, status="failed", duration=3, error={"type": "ValueError", "message": "m", "traceback": "t"}),
        Open(t=0, format=1, run="r", segment="s", role="main"),
    ]:
        assert decode_line(msgspec.json.encode(event)) == event
