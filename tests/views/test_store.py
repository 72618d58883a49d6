from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import pytest

import autotrack
from autotrack import QueryError, RunNotFound, StoreError
from autotrack.journal import syncing


def test_a_store_that_does_not_exist_is_empty_and_stays_away(tmp_path: Path) -> None:
    runs = autotrack.runs()
    assert len(runs) == 0
    assert runs.total == 0
    assert repr(runs) == "<Runs: none>"
    assert "No runs" in runs._repr_html_()
    assert autotrack.open_store().ingest() is None
    assert autotrack.open_store().rebuild() is None
    assert autotrack.open_store().gc().files == ()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_frame_has_its_columns(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    assert list(autotrack.runs().to_pandas().columns) == ["id", "name", "experiment", "status", "started", "duration"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_runs_is_left_alone(tmp_path: Path) -> None:
    assert len(autotrack.open_store(tmp_path).runs()) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_bad_filter_is_an_error_even_where_nothing_is() -> None:
    with pytest.raises(QueryError):
        autotrack.runs("params.lr <")
    with pytest.raises(QueryError):
        autotrack.runs(order_by="-nonsense")


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3"])
def test_a_limit_is_a_number_of_runs(limit: object) -> None:
    with pytest.raises(ValueError, match="limit is a number of runs"):
        autotrack.runs(limit=limit)


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"is a file, not a folder: name another place") as caught:
        autotrack.open_store(tmp_path / "file").runs()
    assert "\n" not in str(caught.value)


@pytest.mark.postgres
def test_a_server_that_is_away() -> None:
    store = autotrack.open_store("postgresql+psycopg://someone:secret@127.0.0.1:1/none")
    with pytest.raises(StoreError, match="does not answer") as caught:
        store.runs()
    assert "secret" not in str(caught.value) + repr(store) + store.url + store.reference()


@pytest.mark.parametrize("url", ["mysql://root@localhost/x", "https://example.org/store", "nonsense://"])
def test_a_url_that_cannot_be_a_store(url: str) -> None:
    with pytest.raises(StoreError):
        autotrack.open_store(url).runs()


def test_every_question_sees_what_is_new(store) -> None:
    assert len(autotrack.runs()) == 0
    with autotrack.start_run("one") as run:
        assert [r.status for r in autotrack.runs()] == ["running"]
        before = autotrack.runs()
        run.log_param("lr", 0.1)
        view = store.run(run.id)
        assert view.params == {"lr": 0.1}
        run.log_param("late", 1)
        assert "late" not in view.params
        assert "late" in view.refresh().params
    assert before[0].status == "running"  # a snapshot
    assert autotrack.runs()[0].status == "finished"


def test_newest_first_and_limited(store) -> None:
    for i in range(5):
        autotrack.start_run(f"run-{i}", params={"i": i}).finish()
    assert [r.name for r in store.runs()] == ["run-4", "run-3", "run-2", "run-1", "run-0"]
    some = store.runs("params.i < 4", order_by="params.i", limit=2)
    assert ([r.name for r in some], some.total) == (["run-0", "run-1"], 4)
    assert store.runs(limit=0).total == 5
    assert len(store.runs(limit=5)) == store.runs(limit=5).total == 5


def test_ways_to_name_a_run(store) -> None:
    first = autotrack.start_run("quiet-otter")
    first.finish()
    twins = [autotrack.start_run("twin") for _ in range(2)]
    for twin in twins:
        twin.finish()
    for ref in (first.id, first.id.upper(), first.id[-8:], "quiet-otter", first, store.run(first.id)):
        assert store.run(ref).id == first.id
    assert store.run("latest").id == twins[1].id
    with pytest.raises(RunNotFound, match=f"several runs answer to 'twin'.*{twins[1].id}"):
        store.run("twin")
    with pytest.raises(RunNotFound, match="several"):
        store.run(first.id[:3])
    for unknown in ("nobody", "", "%", "___", "x" * 10_000):
        with pytest.raises(RunNotFound):
            store.run(unknown)
    with pytest.raises(TypeError):
        store.run(3)


def test_latest_of_nothing() -> None:
    with pytest.raises(RunNotFound, match="no runs"):
        autotrack.open_store().run("latest")


def test_a_pickled_view_is_read_anew(store) -> None:
    with autotrack.start_run("one", params={"lr": 1}) as run:
        pass
    view = store.run(run.id)
    again = pickle.loads(pickle.dumps(view))
    assert again == view
    assert hash(again) == hash(view)
    assert again.params == {"lr": 1}


def test_damaged_index_is_replayed(tmp_path: Path) -> None:
    with autotrack.start_run("one", params={"lr": 1}):
        pass
    with autotrack.open_store() as store:
        assert len(store.runs()) == 1
    (index,) = (tmp_path / "store").glob("index-*.sqlite")
    for part in index.parent.glob("index-*-*"):
        part.unlink()
    index.write_bytes(b"garbage" * 1000)
    assert [r.params for r in autotrack.open_store().runs()] == [{"lr": 1}]


def test_deleted_index_while_open(tmp_path: Path) -> None:
    with autotrack.start_run("one"):
        pass
    with autotrack.open_store() as store:
        assert len(store.runs()) == 1
        for part in (tmp_path / "store").glob("index-*"):
            part.unlink()
        assert len(store.runs()) == 1
        assert store.rebuild().runs == 1
        assert len(store.runs()) == 1


def test_views_outlive_a_rebuild(tmp_path: Path) -> None:
    for i in range(20):
        autotrack.start_run(params={"i": i}, name=f"run-{i}").finish()
    with autotrack.open_store() as store:
        before = store.runs()
        # Another order of ingestion gives other row numbers.
        import shutil

        oldest = store.folder.run_folder(before[-1].id)
        shutil.move(oldest, tmp_path / "aside")
        store.rebuild()
        shutil.move(tmp_path / "aside", oldest)
        store.runs()
        assert all(view.params == {"i": int(view.name[4:])} for view in before)


def test_garbage_collection(tmp_path: Path) -> None:
    with autotrack.start_run("keeps") as kept:
        kept.log_artifact(b"first", "a.txt")
        kept.log_artifact(b"second", "a.txt")  # replaces the first in views, not in the journal
    with autotrack.start_run("goes") as gone:
        gone.log_artifact(b"third", "b.txt")
    store = autotrack.open_store()
    store.runs()
    third = store.run(gone.id).artifacts[0].path
    first = store.blobs.put_bytes(b"first")
    import shutil

    time.sleep(0.5)  # the environment comes from the background
    shutil.rmtree(store.folder.run_folder(gone.id))
    assert store.gc().files == ()  # all too young
    for path in store.folder.blobs.glob("??/*"):
        os.utime(path, (0, 0))
    planned = store.gc(dry_run=True)
    assert planned.files == (third,)
    assert third.exists()
    assert str(planned) == f"1 file (5 B) would be removed, {planned.kept} kept; 0 journals would be compressed"
    done = store.gc()
    assert (done.files, done.bytes) == ((third,), 5)
    assert not third.exists()
    assert store.blobs.has(first.sha256)
    assert store.run(kept.id).artifacts["a.txt"].read_bytes() == b"second"


def test_garbage_collection_compresses_journals_of_ended_runs(store) -> None:
    running = autotrack.start_run("running")
    with autotrack.start_run("ended") as ended:
        for step in range(100):
            ended.log_metrics({"loss": step / 3}, step)
    assert syncing.drain(30)
    assert store.gc(dry_run=True).sealed == 1
    seen: list[tuple[int, int]] = []
    assert store.gc(progress=lambda done, total: seen.append((done, total))).sealed == 1
    assert seen == [(1, 1)]
    assert [segment.sealed for run in (running, ended) for segment in store.folder.segments(run.id)] == [False, True]
    assert store.gc().sealed == 0
    if store.folder.root == Path(store.url):  # a server's index is not thrown away
        store.rebuild()
    assert store.run(ended.id).series("loss").values.tolist() == [step / 3 for step in range(100)]
    running.finish()


def test_a_fork_opens_its_own_connections(store) -> None:
    with autotrack.start_run("one"):
        pass
    assert len(store.runs()) == 1
    pid = os.fork()
    if pid == 0:
        os._exit(0 if len(store.runs()) == 1 and store.runs()[0].name == "one" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(store.runs()) == 1
