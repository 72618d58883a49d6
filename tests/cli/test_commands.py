"""The command line, as processes that people and scripts start."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess

import pytest
from terminal import MAIN, cli

import autotrack
from autotrack.autolog import plugins
from autotrack.cli import doctor
from autotrack.config import current


@pytest.fixture
def recorded() -> str:
    with autotrack.start_run("first", params={"C": 0.3, "cv": 3, "name": "a"}, tags={"owner": "ana"}) as run:
        for step in range(50):
            run.log_metrics({"loss": 1.0 / (step + 1), "train/score": 0.5}, step)
        run.log_metric("loss", math.nan)
        run.log_artifact(b"12", "two.bin")
    with autotrack.start_run("second", params={"C": 3.0}) as other:
        other.log_metric("train/score", 0.9)
    return run.id


def test_runs_in_words_and_as_json(recorded: str) -> None:
    out = cli("runs")
    assert "first" in out
    assert "second" in out
    assert "2 of 2 runs" in out
    found = json.loads(cli("runs", "params.C < 1", "--json"))
    assert [run["id"] for run in found] == [recorded]
    assert found[0]["params"] == {"C": 0.3, "cv": 3, "name": "a"}
    assert found[0]["metrics"]["loss"] == "NaN"


def test_sorting_by_a_bare_metric_name(recorded: str) -> None:
    assert [r["name"] for r in json.loads(cli("runs", "--sort", "-train/score", "--json"))] == ["second", "first"]
    assert [r["name"] for r in json.loads(cli("runs", "--sort", "train/score", "--json"))] == ["first", "second"]
    assert [r["name"] for r in json.loads(cli("runs", "--sort", "params.C", "-n", "1", "--json"))] == ["first"]


def test_nothing_matches_what_is_misspelled(recorded: str) -> None:
    out = cli("runs", "params.c < 1 or not (metrics.C > 2) and status == 'failed' and tags.owner != 'x'")
    assert "No run in" in out
    assert "no param 'c' was recorded: did you mean 'C'?" in out
    assert "no metric 'C' was recorded: did you mean params['C']?" in out
    assert "owner' was" not in out
    assert cli("runs", "params.C > 100").count("\n") == 1


def test_show_in_words_and_as_json(recorded: str) -> None:
    out = cli("show", "first")
    for text in (recorded, "C", "0.3", "two.bin", "ana", "loss", "1 not finite"):
        assert text in out
    shown = json.loads(cli("show", recorded, "--json"))
    assert shown["summaries"]["loss"]["count"] == 51
    assert shown["artifacts"][0]["size"] == 2
    assert shown["environment"]


def test_plot_draws_and_prints_points(recorded: str) -> None:
    out = cli("plot", "first", "loss")
    assert "51 points" in out
    assert "1 not finite" in out
    points = json.loads(cli("plot", "first", "loss", "--json"))
    assert points["values"][:2] == [1.0, 0.5]
    assert points["values"][-1] == "NaN"
    assert points["steps"] == list(range(51))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs", "metrics.loss <"), "^"),
        (("runs", "__import__('os')"), "^"),
        (("show", "nothing"), "no run"),
        (("show", "FIR"), "did you mean 'first'?"),
        (("show", "first", "--trials"), "--trials is for searches"),
        (("plot", "first", "lost"), "lost"),
        (("runs", "--store", os.devnull), "not a folder"),
        (("runs", "--store", f"{os.devnull}/below/it"), f"{os.devnull} is a file"),
        (("runs", "--sort", "-train/scor"), "did you mean 'train/score'?"),
        (("runs", "--sort", "params.D"), "no param 'D' was recorded"),
        (("runs", "--sort", "C"), "did you mean params['C']?"),
    ],
)
def test_errors_are_readable_and_exit_non_zero(recorded: str, arguments: tuple[str, ...], message: str) -> None:
    error = cli(*arguments, status=1)
    assert error.startswith("autotrack: ")
    assert message in error
    assert "Traceback" not in error


def test_an_empty_store_says_how_to_begin() -> None:
    out = cli("runs")
    assert "autotrack.autolog()" in out
    assert str(current().folder().root) in out
    assert not current().folder().root.exists(), "reading makes nothing"


def test_doctor_gc_and_rebuild(recorded: str) -> None:
    assert "nothing is wrong" in cli("doctor")
    report = json.loads(cli("doctor", "--json"))
    assert report["runs"] == 2
    assert [one["name"] for one in report["integrations"]] == ["catboost", "sklearn"]
    assert "0 files" in cli("gc", "--dry-run")
    assert "2 runs" in cli("rebuild")
    assert len(json.loads(cli("runs", "--json"))) == 2


def test_doctor_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(plugins, "missing", lambda module: ["skops"] if module == "sklearn" else [])
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "catboost" else True)
    assert doctor.examine(None, as_json=False)
    out = capsys.readouterr().out
    assert re.search(r"catboost +autotrack-ml +not installed", out)
    assert "without skops: pip install 'autotrack-ml[sklearn]'" in out


def test_doctor_finds_damage(recorded: str) -> None:
    (segment,) = current().folder().segments(recorded)
    data = segment.path.read_bytes()
    segment.path.write_bytes(data.replace(b'"train/score":0.5}', b'"train/score":0.5', 1))
    done = subprocess.run([*MAIN, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "1 damaged lines" in done.stdout


def test_doctor_finds_damaged_compressed_journals(recorded: str) -> None:
    assert "2 journals compressed" in cli("gc")
    assert "nothing is wrong" in cli("doctor")
    (segment,) = current().folder().segments(recorded)
    segment.path.write_bytes(segment.path.read_bytes()[:-10])
    cli("rebuild")
    done = subprocess.run([*MAIN, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert segment.path.name in done.stdout.replace("\n", "")


@pytest.mark.sklearn
def test_demo_records_and_shows() -> None:
    pytest.importorskip("sklearn")
    out = cli("demo")
    assert "9 trainings recorded" in out
    found = json.loads(cli("runs", "--json"))
    assert len(found) == 9
    assert {run["status"] for run in found} == {"finished"}
    assert any("Pipeline" in run["name"] for run in found)
    assert any("GridSearchCV" in run["name"] for run in found)
