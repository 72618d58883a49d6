"""What shells are offered, asked as they ask."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from terminal import cli

import autotrack


def offered(line: str, **environment: str) -> list[str]:
    """Return what bash offers for the last word of a line."""
    asked = {"_AUTOTRACK_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(shlex.split(line)) - 1)}
    return cli(**asked, **environment).strip().splitlines()


@pytest.fixture
def recorded() -> list[str]:
    ids = []
    for name, rate in (("alpha", 0.1), ("alphabet", 0.2), ("twin", 1), ("twin", 2)):
        with autotrack.start_run(name, params={"lr": rate, "layers": 3}, tags={"owner": "ana"}) as run:
            run.log_metrics({"train/score": 0.5, "loss": 1.0})
        ids.append(run.id)
    assert len(autotrack.runs()) == 4
    return ids


def test_runs_by_name_and_id(recorded: list[str]) -> None:
    assert offered("autotrack show alp") == ["alphabet", "alpha"]
    assert offered("autotrack show lat") == ["latest"]
    assert offered("autotrack show twin") == [], "several runs answer to this name: their ids are offered"
    assert set(offered(f"autotrack show {recorded[0][:3]}")) == set(recorded)
    assert offered(f"autotrack show {recorded[1]}") == [recorded[1]]


def test_metrics_orders_and_filters(recorded: list[str]) -> None:
    assert offered("autotrack plot latest lo") == ["loss"]
    assert offered("autotrack runs --sort tr") == ["train/score"]
    assert offered("autotrack runs --sort params.l") == ["params.layers", "params.lr"]
    assert offered("autotrack runs params.l") == ["params.layers", "params.lr"]
    assert offered("""autotrack runs 'params.lr < 1 and metrics["tr'""") == ['params.lr < 1 and metrics["train/score"]']
    assert offered("autotrack runs sta") == ["status", "started"]


def test_trouble_offers_nothing_and_makes_nothing(recorded: list[str], tmp_path: Path) -> None:
    assert offered("autotrack show --store /nowhere alp") == []
    assert offered("autotrack show alp", AUTOTRACK_STORE="postgresql+psycopg://nobody@192.0.2.1/x") == []
    assert offered("autotrack show alp", AUTOTRACK_STORE=str(tmp_path / "new")) == []
    assert not (tmp_path / "new").exists()
    (index,) = (tmp_path / "store").glob("index-*.sqlite")
    index.write_bytes(b"garbage")
    assert offered("autotrack show alp") == []
