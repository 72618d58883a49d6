"""Environment and code come into every run, from the background."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import autotrack
from autotrack import provenance
from autotrack.capture import code, environment, git
from autotrack.capture.background import Background
from autotrack.journal import syncing


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def _finish(run: autotrack.Run) -> autotrack.RunView:
    run.finish()
    assert syncing.drain(60)
    return autotrack.runs(f"id == {run.id!r}")[0]


def test_both_are_in_a_run_that_ends_at_once() -> None:
    view = _finish(autotrack.start_run())
    assert view.environment["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert "msgspec" in view.environment["packages"]["installed"]
    assert view.code["argv"] == sys.argv
    assert view.status == "finished"


def test_starting_waits_for_neither(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _git(tmp_path, "init")
    monkeypatch.chdir(tmp_path)

    def slow(*_: object, **__: object) -> code.Values:
        time.sleep(1)
        return {"vcs": "git", "commit": "abc"}

    monkeypatch.setattr(git, "repository", slow)
    began = time.monotonic()
    run = autotrack.start_run()
    run.finish()
    assert time.monotonic() - began < 0.9
    assert syncing.drain(60)
    assert autotrack.runs()[0].code["commit"] == "abc"


def test_each_run_has_the_commit_of_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _git(tmp_path, "init")
    _git(tmp_path, "commit", "--allow-empty", "-m", "one")
    monkeypatch.chdir(tmp_path)
    first = _finish(autotrack.start_run())
    _git(tmp_path, "commit", "--allow-empty", "-m", "two")
    time.sleep(1.1)  # runs that start within a second share one look
    second = _finish(autotrack.start_run())
    commits = _git(tmp_path, "rev-list", "--reverse", "HEAD").split()
    assert [first.code["commit"], second.code["commit"]] == commits


def test_equal_environments_are_stored_once(tmp_path: Path) -> None:
    for _ in range(3):
        _finish(autotrack.start_run())
    assert len([path for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file()]) == 1


def test_what_cannot_be_captured_is_noted_on_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(git, "repository", broken)
    monkeypatch.setattr(code, "_looking", {})
    monkeypatch.setattr(environment, "collect", broken)
    monkeypatch.setattr(provenance, "_environment", Background(provenance._collect))
    view = _finish(autotrack.start_run())
    assert {note.text for note in view.notes} == {
        "capture incomplete: code: RuntimeError: no such luck",
        "capture incomplete: environment: RuntimeError: no such luck",
    }
    assert view.status == "finished"
