"""How runs are named, begun and gone on with, and what is refused before anything is written."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import autotrack
from autotrack.config import current
from autotrack.journal import segment, syncing
from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Finish


def finishes(run: str) -> list[str]:
    assert syncing.drain(30)
    found = [event for file in current().folder().segments(run) for event in decode_lines(file.read())]
    return [event.status for event in found if isinstance(event, Finish)]


def test_a_run_ended_in_another_thread_gives_way_to_the_one_around_it() -> None:
    with autotrack.start_run() as outer:
        inner = autotrack.start_run()
        thread = threading.Thread(target=inner.finish)
        thread.start()
        thread.join()
        assert autotrack.active_run() is outer
        with autotrack.start_run() as second:
            assert autotrack.active_run() is second
        assert autotrack.active_run() is outer


@pytest.mark.parametrize("reference", ["", ".", "..", "../x", "a/b", "x" * 65, "nul\0"])
def test_what_cannot_be_a_runs_id_is_refused_and_writes_nothing(reference: str, tmp_path: Path) -> None:
    with pytest.raises(autotrack.AutotrackError):
        autotrack.start_run(resume=reference)
    with pytest.raises(autotrack.StoreError, match="cannot be the id"):
        autotrack.start_run(parent=reference)
    if reference and "\0" not in reference:
        with pytest.MonkeyPatch.context() as patched, pytest.raises(autotrack.StoreError, match="cannot be the id"):
            patched.setenv("AUTOTRACK_RUN_ID", reference)
            autotrack.start_run()
    assert autotrack.active_run() is None
    assert not current().folder().run_ids()
    assert not list(tmp_path.rglob("*.jsonl"))


@pytest.mark.parametrize("wrong", [{"name": 5}, {"experiment": 5}, {"parent": 5}, {"resume": 5}])
def test_arguments_of_another_kind_are_refused_before_anything_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        autotrack.start_run(**wrong)
    assert not current().folder().run_ids()


def test_params_that_are_refused_end_the_run() -> None:
    with pytest.raises(TypeError):
        autotrack.start_run(params={1: 2})  # type: ignore[dict-item]
    assert autotrack.active_run() is None
    (run,) = current().folder().run_ids()
    assert finishes(run) == ["failed"]


def test_a_run_does_not_end_in_a_state_that_there_is_not() -> None:
    run = autotrack.start_run()
    with pytest.raises(ValueError, match="finished, failed, interrupted, killed"):
        run.finish("weird")  # type: ignore[arg-type]
    assert run.status == "running"
    run.finish()


def test_runs_and_their_views_are_references_too() -> None:
    with autotrack.start_run("one") as run:
        pass
    with autotrack.start_run(resume=autotrack.runs()[0]) as again:
        assert again.id == run.id
    with autotrack.start_run("child", parent=autotrack.runs()[0]) as child:
        assert child.parent == run.id


def test_a_clock_that_was_set_back_between_attempts_makes_nothing_old_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with autotrack.start_run(params={"a": 1}) as run:
        run.log_metric("loss", 1.0)
    real = time.time_ns
    monkeypatch.setattr(segment, "_time_ns", lambda: real() - 3600 * 10**9)
    with autotrack.start_run(resume=run.id) as again:
        again.log_param("a", 2)
        again.log_metric("loss", 2.0)
    with autotrack.start_run(resume=run.id) as again:
        again.log_param("a", 3)
        again.log_metric("loss", 3.0)
    (view,) = autotrack.runs()
    assert view.params["a"] == 3
    assert [entry.value for entry in view.history("a")][:2] == [1, 2]
    assert view.metrics["loss"] == 3.0
    assert view.series("loss").values.tolist() == [1.0, 2.0, 3.0]


def test_an_id_from_outside_is_for_the_first_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRACK_RUN_ID", f"shared-{time.time_ns()}")
    with autotrack.start_run() as first, autotrack.start_run() as inner:
        assert first.id == current().run_id
        assert inner.parent == first.id != inner.id
    with autotrack.start_run() as second:
        assert second.id not in (first.id, inner.id)


def test_secrets_are_not_written_whatever_holds_them() -> None:
    token = "ghp_" + "a1B2" * 9
    with autotrack.start_run(f"run {token}", experiment=f"with {token}") as run:
        run.set_tags({"password": "hunter2", "where": "postgres://u:hunter2@h/db"})
        run.note(f"used {token}")
        run.log_artifact(b"x", "a", meta={"password": "hunter2"})
        run.log_param("nested", {"a": [token], "password": "hunter2"})
    data = b"".join(file.read() for file in current().folder().segments(run.id))
    assert token.encode() not in data
    assert b"hunter2" not in data


def test_a_relative_store_stays_where_it_was_first_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = f"results-{time.time_ns()}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("AUTOTRACK_STORE", name)
    monkeypatch.chdir(tmp_path)
    assert current().store == str(tmp_path / name)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert current().store == str(tmp_path / name)


@pytest.mark.parametrize("odd", ["²", "٣", "", "-1", "1.0"])
def test_ranks_that_are_no_numbers_are_none(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    monkeypatch.setenv("RANK", odd)
    with autotrack.start_run() as run:
        assert run.recorded


def test_a_run_that_is_gone_on_with_while_it_is_open_is_two_attempts() -> None:
    script = (
        "import autotrack, sys; first = autotrack.start_run('one'); second = autotrack.start_run(resume=first)\n"
        "first.finish(); second.log_metric('loss', 1.0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (view,) = autotrack.runs()
    assert (view.status, view.attempt) == ("finished", 2)
    assert view.code["argv"] == ["-c"]


class Lazy:
    ndim = 0

    @property
    def shape(self) -> tuple[int, ...]:
        raise RuntimeError("not computed yet")

    def item(self) -> float:
        raise KeyError("neither")


def test_one_odd_param_does_not_take_the_others_along() -> None:
    with autotrack.start_run(params={"a": Lazy(), "b": 1}):
        pass
    (view,) = autotrack.runs()
    assert view.params["b"] == 1
    assert "Lazy" in view.params["a"]
