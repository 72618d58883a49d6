"""Adding to runs that have ended, and runs that rest between calls."""

from __future__ import annotations

import contextvars
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import autotrack
from autotrack import active, additions
from autotrack.additions import adding
from autotrack.config import current
from autotrack.journal import syncing
from autotrack.journal.decoding import decode_lines
from autotrack.journal.events import Close, Open


def segments(run_id: str) -> list[list[object]]:
    return [decode_lines(segment.read()) for segment in current().folder().segments(run_id)]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    additions.close()
    assert syncing.drain(30)


def test_a_run_that_goes_on_is_itself() -> None:
    with autotrack.start_run() as run, adding(run) as same:
        assert same is run


def test_additions_go_into_a_segment_of_their_own() -> None:
    with autotrack.start_run() as run:
        run.log_metric("loss", 1.0)
    for value in (0.5, 0.25):
        with adding(run) as late:
            late.log_metrics({"eval/loss": value})
            late.log_data([1, 2, 3], "held out", "eval")
    additions.close()
    assert syncing.drain(30)
    lines = segments(run.id)
    assert [(part[0].role, type(part[-1])) for part in lines if isinstance(part[0], Open)] == [
        ("main", Close), ("edit", Close),
    ]  # fmt: skip
    view = autotrack.runs()[0]
    assert view.status == "finished" and len(view.attempts) == 1
    assert view.series("eval/loss").values.tolist() == [0.5, 0.25]
    assert [data.name for data in view.datasets] == ["held out", "held out"]


def test_the_end_stays_what_it_was() -> None:
    with pytest.raises(ValueError, match="mine"), autotrack.start_run() as run:
        raise ValueError("mine")
    before = autotrack.runs()[0]
    with adding(run) as late:
        late.log_metric("eval/loss", 1.0)
    after = autotrack.runs()[0]
    assert after.status == "failed" and after.error == before.error
    assert (after.finished, after.duration) == (before.finished, before.duration)
    assert after.metrics["eval/loss"] == 1.0


def test_a_quiet_segment_is_closed_and_the_next_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(additions, "_QUIET", 0.0)
    run = autotrack.start_run()
    run.finish()
    with adding(run) as late:
        late.log_metric("a", 1.0)
    deadline = time.monotonic() + 20
    while run.id in additions._open and time.monotonic() < deadline:
        time.sleep(0.05)
    with adding(run) as late:
        late.log_metric("a", 2.0)
    assert syncing.drain(30)
    assert len(segments(run.id)) == 3
    assert autotrack.runs()[0].metrics["a"] == 2.0


def test_few_segments_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(additions, "_MANY", 2)
    runs = [autotrack.start_run() for _ in range(5)]
    for run in reversed(runs):
        run.finish()
    for _ in range(2):
        for run in runs:
            with adding(run) as late:
                late.log_metric("a", 1.0)
    assert len(additions._open) == 2
    assert [view.metric_summaries["a"].count for view in autotrack.runs()] == [2] * 5


def test_each_further_segment_waits_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(additions, "_MANY", 1)
    run, other = autotrack.start_run(), autotrack.start_run()
    other.finish()
    run.finish()
    waited = []
    for _ in range(5):
        with adding(run) as late:
            late.log_metric("a", 1.0)
            waited.append(additions._open[run.id].quiet)
        with adding(other):
            pass
    assert waited == [2, 20, 200, 600, 600]


def test_adding_to_one_run_keeps_nobody_else_waiting() -> None:
    runs = [autotrack.start_run() for _ in range(2)]
    for run in reversed(runs):
        run.finish()

    def add(run: autotrack.Run) -> None:
        with adding(run) as late:
            late.log_metric("a", 1.0)

    with adding(runs[0]) as late:
        for run in runs:
            thread = threading.Thread(target=add, args=(run,))
            thread.start()
            thread.join(20)
            assert not thread.is_alive()
        additions.close()  # the process ends: what goes on comes in all the same
        late.log_metric("b", 2.0)
    assert syncing.drain(30)
    found = {view.id: view.metrics for view in autotrack.runs()}
    assert found == {runs[0].id: {"a": 1.0, "b": 2.0}, runs[1].id: {"a": 1.0}}


def test_a_run_that_rests_does_not_end_while_something_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "_REST", 0.0)
    run = autotrack.start_run()
    with adding(run) as late:
        active.rest(run)
        assert not active._end_of_rest(run)
        late.log_metric("a", 1.0)
        assert run.status == "running"
    active._end_of_rest(run)
    assert run.status == "finished"


def test_a_run_wakes_up_where_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = autotrack.start_run(store=tmp_path / "first")
    active.rest(run)
    run.finish()
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "second"))
    again = active.wake(run)
    assert again.id == run.id and again.store == run.store
    assert additions.patience(again, active._REST) > additions.patience(run, active._REST)
    again.finish()
    assert not (tmp_path / "second").exists()


def test_a_run_that_rests_is_active_in_no_context() -> None:
    run = autotrack.start_run()
    elsewhere = contextvars.copy_context()
    active.rest(run)
    assert elsewhere.run(autotrack.active_run) is None
    run.finish()


def test_a_run_that_was_deleted_stays_so() -> None:
    run = autotrack.start_run()
    run.finish()
    assert syncing.drain(30)
    shutil.rmtree(current().folder().run_folder(run.id))
    with adding(run) as late:
        late.log_metric("a", 1.0)
    assert not current().folder().run_folder(run.id).exists()


def test_runs_of_another_rank_take_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    run = autotrack.start_run()
    run.finish()
    with adding(run) as late:
        late.log_metric("a", 1.0)
    assert not autotrack.runs()


def test_a_forked_child_has_a_segment_of_its_own() -> None:
    run = autotrack.start_run()
    run.finish()
    with adding(run) as late:
        late.log_metric("parent", 1.0)
    child = os.fork()
    if not child:
        with adding(run) as late:
            late.log_metric("child", 2.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with adding(run) as late:
        late.log_metric("parent", 3.0)
    assert autotrack.runs()[0].metrics == {"parent": 3.0, "child": 2.0}


def test_what_was_added_survives_a_kill() -> None:
    script = (
        "import autotrack, os; from autotrack.additions import adding\n"
        "run = autotrack.start_run(); run.finish()\n"
        "with adding(run) as late: late.log_metric('a', 1.0)\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    view = autotrack.runs()[0]
    assert view.metrics == {"a": 1.0} and view.status == "finished"


def test_a_run_that_rests_is_not_active_and_wakes_up_as_itself() -> None:
    with autotrack.start_run() as outer:
        run = autotrack.start_run()
        active.rest(run)
        assert autotrack.active_run() is outer
        assert active.wake(run) is run
        assert autotrack.active_run() is run
        active.rest(run)
    active.wake(run)
    run.finish()
    assert autotrack.active_run() is None


def test_an_exit_by_an_error_is_not_that_of_a_run_that_rests() -> None:
    script = (
        "import autotrack; from autotrack.active import rest\n"
        "rest(autotrack.start_run('rests')); autotrack.start_run('goes on')\n"
        "raise ValueError"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 1
    assert {view.name: view.status for view in autotrack.runs()} == {"rests": "finished", "goes on": "failed"}


def test_a_run_that_was_killed_in_its_rest() -> None:
    script = (
        "import autotrack, os; from autotrack.active import rest\nrest(autotrack.start_run()); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert autotrack.runs()[0].status == "killed"
