"""Runs: what is logged, who is active, how runs end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import autotrack
from autotrack.blobs import BlobStore
from autotrack.config import current
from autotrack.journal import syncing
from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Artifact, Environment, Finish, Metrics, Open, Params, Start, Tags


def events(run_id: str) -> list:
    assert syncing.drain(30)
    folder = current().folder()
    return [e for segment in folder.segments(run_id) for e in decode_lines(segment.read())]


def only(kind: type, run_id: str) -> list:
    return [e for e in events(run_id) if isinstance(e, kind)]


def test_a_run_from_start_to_end() -> None:
    with autotrack.start_run("first", experiment="e", params={"lr": 0.1}, tags={"owner": "ana"}) as run:
        assert autotrack.active_run() is run
        autotrack.log_metric("loss", 0.5)
        autotrack.log_metrics({"loss": 0.25, "acc": True}, step=7)
        autotrack.set_tag("owner", None)
    assert autotrack.active_run() is None
    start = only(Start, run.id)[0]
    assert (start.name, start.experiment) == ("first", "e")
    assert only(Params, run.id)[0].values == {"lr": 0.1}
    assert [(m.s, m.v) for m in only(Metrics, run.id)] == [(None, {"loss": 0.5}), (7, {"loss": 0.25, "acc": 1})]
    assert [t.values for t in only(Tags, run.id)] == [{"owner": "ana"}, {"owner": None}]
    assert only(Finish, run.id)[0].status == "finished"
    assert len(only(Environment, run.id)) == 1


def test_failure_keeps_the_traceback_and_the_exception() -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, autotrack.start_run() as run:
        raise error
    assert caught.value is error
    (finish,) = only(Finish, run.id)
    assert finish.status == "failed"
    assert finish.error is not None
    assert (finish.error["type"], finish.error["message"]) == ("ValueError", "mine")
    assert "raise error" in finish.error["traceback"]


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "interrupted"), (SystemExit(0), "finished"), (SystemExit(3), "failed")]
)
def test_how_a_block_ends(error: BaseException, status: str) -> None:
    with pytest.raises(type(error)), autotrack.start_run() as run:
        raise error
    assert only(Finish, run.id)[0].status == status


def test_children_are_in_the_store_of_their_parent(tmp_path: Path) -> None:
    with autotrack.start_run(store=tmp_path / "other") as outer:
        with autotrack.start_run() as inner, autotrack.start_run(store=tmp_path / "third") as apart:
            pass
        given = autotrack.start_run(parent=outer)
        given.finish()
    assert {run.id for run in autotrack.open_store(tmp_path / "other").runs()} == {outer.id, inner.id, given.id}
    assert [run.id for run in autotrack.open_store(tmp_path / "third").runs()] == [apart.id]


def test_nesting_makes_children_and_returns_to_the_parent() -> None:
    with autotrack.start_run() as outer:
        with autotrack.start_run() as inner:
            assert inner.parent == outer.id
            assert autotrack.active_run() is inner
        assert autotrack.active_run() is outer
    loose = autotrack.start_run()
    other = autotrack.start_run()
    assert other.parent is None
    loose.finish()
    assert autotrack.active_run() is other
    other.finish()
    assert autotrack.active_run() is None


def test_threads_and_tasks_never_cross() -> None:
    seen: list[object] = []
    with autotrack.start_run():
        thread = threading.Thread(target=lambda: seen.append(autotrack.active_run()))
        thread.start()
        thread.join()
    assert seen == [None]

    async def work(name: str) -> str:
        with autotrack.start_run(name):
            await asyncio.sleep(0.01)
            active = autotrack.active_run()
            assert active is not None
            return active.name

    async def both() -> list[str]:
        return await asyncio.gather(work("a"), work("b"))

    assert asyncio.run(both()) == ["a", "b"]


def test_resume_is_a_new_attempt() -> None:
    with autotrack.start_run("one") as run:
        run.log_metric("loss", 1.0)
    with autotrack.start_run(resume=run.id) as again:
        assert (again.id, again.name) == (run.id, "one")
    assert [o.attempt for o in only(Open, run.id)] == [1, 2]
    with pytest.raises(autotrack.RunNotFound):
        autotrack.start_run(resume="nothing")


def test_after_the_end_everything_is_refused_with_the_way_on() -> None:
    run = autotrack.start_run()
    run.finish()
    for call in (
        lambda: run.log_metric("a", 1),
        lambda: run.log_param("a", 1),
        lambda: run.set_tag("a", "b"),
        lambda: run.log_artifact(b"", "x"),
        lambda: run.note("x"),
    ):
        with pytest.raises(autotrack.RunFinished, match="resume="):
            call()
    run.finish("failed")
    assert [f.status for f in only(Finish, run.id)] == ["finished"]


def test_without_a_run_the_error_says_how_to_get_one() -> None:
    with pytest.raises(autotrack.NoActiveRun, match="start_run"):
        autotrack.log_metric("loss", 1.0)


@pytest.mark.parametrize("value", ["0.5", None, [1.0], {"a": 1}, 2**70 + 1, 10**400, 1j, b"1", object()], ids=repr)
def test_what_is_no_number_is_refused_whole(value: object) -> None:
    with autotrack.start_run() as run:
        with pytest.raises(TypeError, match="metric 'bad'"):
            run.log_metrics({"good": 1.0, "bad": value})
        run.log_metrics({"good": 2.0, "bad": 1.0})
        with pytest.raises(TypeError, match="metric 'bad'"):
            run.log_metrics({"good": 1.0, "bad": value})
    assert [m.v for m in only(Metrics, run.id)] == [{"good": 2.0, "bad": 1.0}]


@pytest.mark.parametrize("step", ["1", float("nan"), float("inf"), 2**60, [1]])
def test_what_is_no_step_is_refused(step: object) -> None:
    with autotrack.start_run() as run, pytest.raises(TypeError, match="step"):
        run.log_metric("loss", 1.0, step=step)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "key", ["", "a/b", 'quo"te', "new\nline", "ключ", "\ud800", "nul\x00", "k" * 10_000], ids=lambda k: ascii(k)[:12]
)
def test_any_text_is_a_key(key: str) -> None:
    from autotrack.journal.text import unescape

    with autotrack.start_run() as run:
        for _ in range(2):  # checked, then known
            run.log_metric(key, 1.5)
        run.log_param(key, key)
        run.set_tag(key, key)
    assert [unescape(k) for m in only(Metrics, run.id) for k in m.v] == [key, key]


def test_a_key_that_is_not_text_is_refused() -> None:
    with autotrack.start_run() as run:
        run.log_metrics({"1": 1.0})
        with pytest.raises(TypeError, match="key must be text"):
            run.log_metrics({1: 1.0})  # type: ignore[dict-item]


def test_numpy_scalars_are_numbers() -> None:
    np = pytest.importorskip("numpy")
    with autotrack.start_run() as run:
        run.log_metrics(
            {"a": np.float32(0.1), "b": np.int64(3), "c": np.array(2.5), "d": np.bool_(True), "e": np.float64("nan")}
        )
        with pytest.raises(TypeError, match=r"shape \(2,\)"):
            run.log_metric("f", np.zeros(2))
    assert only(Metrics, run.id)[0].v == {"a": 0.10000000149011612, "b": 3, "c": 2.5, "d": 1, "e": "NaN"}


def test_artifacts_are_kept_once(tmp_path: Path) -> None:
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "a.txt").write_bytes(b"same")
    (tmp_path / "d" / "sub" / "b.txt").write_bytes(b"same")
    with autotrack.start_run() as run:
        run.log_artifact(tmp_path / "d")
        run.log_artifact(b"", "empty")
        with pytest.raises(TypeError, match="needs a name"):
            run.log_artifact(b"x")
        with pytest.raises(FileNotFoundError):
            run.log_artifact(tmp_path / "nowhere")
    found = only(Artifact, run.id)
    assert [(a.name, a.size) for a in found] == [("d/a.txt", 4), ("d/sub/b.txt", 4), ("empty", 0)]
    assert found[0].sha256 == found[1].sha256
    blobs = BlobStore(current().folder())
    assert blobs.path(found[0].sha256).read_bytes() == b"same"
    assert not list(current().folder().tmp.iterdir())


def test_params_that_name_secrets_are_not_written() -> None:
    with autotrack.start_run(params={"api_key": "sk-very-secret-value", "max_tokens": 5}) as run:
        pass
    values = only(Params, run.id)[0].values
    assert "very-secret" not in str(values)
    assert values["max_tokens"] == 5


def test_other_ranks_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with autotrack.start_run() as run:
        run.log_metric("loss", 1.0)
        run.log_param("a", 1)
        run.log_artifact(b"x", "y")
    assert not run.recorded
    assert not current().folder().runs.exists()
    with autotrack.start_run(store=None) as run:
        pass
    monkeypatch.setenv("AUTOTRACK_ALL_RANKS", "1")
    with autotrack.start_run() as run:
        pass
    assert run.recorded


def test_unwritable_store_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(autotrack.StoreError, match="AUTOTRACK_STORE"):
        autotrack.start_run(store=tmp_path / "file")
    with pytest.raises(autotrack.StoreError, match="File name too long"):
        autotrack.start_run(store=tmp_path / ("x" * 300))
    assert autotrack.active_run() is None


SCRIPT = """
import autotrack, os, signal, sys
run = autotrack.start_run("script")
print(run.id, flush=True)
{body}
"""


def test_eight_processes_start_on_a_store_that_does_not_exist(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT.format(body="run.log_metric('a', 1.0)")], stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    identities = [p.communicate()[0].decode().strip() for p in processes]
    assert [p.returncode for p in processes] == [0] * 8
    assert sorted(identities) == current().folder().run_ids()


def test_fork_in_the_middle_of_logging() -> None:
    with autotrack.start_run() as run:
        run.log_metric("parent", 1.0)
        pid = os.fork()
        if pid == 0:
            run.log_metric("child", 1.0)
            run.finish()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        run.log_metric("parent", 2.0)
    assert sorted(k for m in only(Metrics, run.id) for k in m.v) == ["child", "parent", "parent"]
    assert len(only(Finish, run.id)) == 1


def test_options_by_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOTRACK_STORE")
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert current().store == str(tmp_path / ".autotrack")
    (tmp_path / "pyproject.toml").write_text('[tool.autotrack]\nstore = "results"\nexperiment = "project"\n')
    assert (current().store, current().experiment) == (str(tmp_path / "results"), "project")
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "environment"))
    assert current().store == str(tmp_path / "environment")
    autotrack.configure(store=tmp_path / "argument")
    try:
        assert current().store == str(tmp_path / "argument")
        assert current(store=tmp_path / "call").store == str(tmp_path / "call")
    finally:
        autotrack.configure(store=None)
    with pytest.raises(autotrack.AutotrackError, match="there is no option 'stoer'"):
        autotrack.configure(stoer="x")
