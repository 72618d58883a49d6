"""Tables on the command line: listed, read, filtered, cut to the terminal, drawn."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from terminal import MAIN, cli
from test_completing import offered

import autotrack

NASTY = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e"


@pytest.fixture
def search() -> str:
    """A search of 60 candidates over a pipeline, with two metrics."""
    count = 60
    columns = {
        "candidate": list(range(count)),
        **{name: [0.001 * i for i in range(count)] for name in ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")},
        "param_columntransformer__num__imputer__strategy": ["mean", "median"] * 30,
        "param_svc__C": [10.0**i for i in range(-3, 3)] * 10,
        "param_svc__kernel": ["rbf"] * count,
        **{f"split{k}_test_{m}": [(i * 7 + k) % 60 / 60 for i in range(count)] for m in ("f1", "auc") for k in range(3)},
    }  # fmt: skip
    for metric in ("f1", "auc"):
        columns |= {f"mean_test_{metric}": [i / 60 for i in range(count)], f"std_test_{metric}": [0.01] * count}
        columns[f"rank_test_{metric}"] = list(range(count, 0, -1))
    with autotrack.start_run("search") as run:
        run.log_table("trials", columns, kind="trials")
        run.log_table("eval/X_test/residuals", {"predicted": [1.0, 2.0], "residual": [0.1, -0.1]}, kind="residuals")
        run.log_table("mine", {"odd name": [1, 2, 3], "note": ["a", None, "b" * 100]}, meta={"unit": ("s", 1)})
    return run.id


def test_show_lists_tables(search: str) -> None:
    out = cli("show", "search")
    for line in (r"table +trials +60 rows", r"table +eval/X_test/residuals +2 rows", r"table +mine +3 rows"):
        assert re.search(line, out)
    assert f"autotrack show {search[-8:]} --table NAME" in out
    assert json.loads(cli("show", "search", "--json"))["tables"] == [
        {"name": "trials", "kind": "trials", "rows": 60},
        {"name": "eval/X_test/residuals", "kind": "residuals", "rows": 2},
        {"name": "mine", "kind": "table", "rows": 3},
    ]


@pytest.mark.parametrize("width", [40, 80, 140, 400])
def test_trials_fit_and_are_counted(search: str, width: int) -> None:
    out = cli("show", "search", "--trials", COLUMNS=str(width))
    table, _, about = out.partition("20 of 60 rows")
    assert max(cell_len(line) for line in table.split("\n")) <= width
    assert "…" not in table, "cells and heads are whole"
    if width >= 80:
        head, _, body = table.partition("─")
        assert "param_" in head
        assert body.split("\n")[1].split()[:3] == ["1", "0.98333", "0.01"], "the best first: rank, mean, std"
    if width < 400:
        assert ", by rank_test_f1" in about
        assert "of 20 columns" in about
    else:
        assert "columns" not in about
        assert "param_columntransformer__num__imputer__strategy" in table


def test_rows_by_filter_and_order(search: str) -> None:
    matching = sum((i * 7 + 2) % 60 / 60 > 0.5 and 10.0 ** (i % 6 - 3) >= 1 for i in range(60))
    out = cli(
        "show",
        "search",
        "--trials",
        "--where",
        "split2_test_auc > 0.5 and param_svc__C >= 1",
        "--sort",
        "-candidate",
        "-n",
        "5",
    )
    assert f"5 of {matching} rows out of 60" in out
    assert "by -candidate" in out
    assert "split2_test_" in out, "what is asked about is shown"
    assert "0 of 0 rows out of 60" in cli("show", "search", "--trials", "--where", "candidate < 0")
    whole = json.loads(cli("show", "search", "--trials", "--json"))
    assert (whole["run"], whole["name"], whole["kind"], whole["total"], whole["matching"]) == (
        search,
        "trials",
        "trials",
        60,
        60,
    )
    assert [row["candidate"] for row in whole["rows"]] == list(range(60)), "all of them, as they were logged"
    assert len(whole["rows"][0]) == 20
    some = json.loads(
        cli(
            "show", "search", "--trials", "--where", "param_svc__C == 1", "--sort", "-mean_test_f1", "-n", "2", "--json"
        )
    )
    assert (some["total"], some["matching"], [row["candidate"] for row in some["rows"]]) == (60, 10, [57, 51])


def test_any_table(search: str) -> None:
    out = cli("show", "search", "--table", "mine", "--where", 'columns["odd name"] > 1')
    assert "2 of 2 rows out of 3" in out
    assert "bbb…" in out
    found = json.loads(cli("show", "search", "--table", "mine", "--json"))
    assert found["meta"] == {"unit": ["s", 1]}
    assert found["rows"][2] == {"odd name": 3, "note": "b" * 100}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--table", "min"), "no table 'min' was recorded: did you mean 'mine'?"),
        (("--trials", "--where", "param_C > 1"), "did you mean param_svc__C"),
        (("--trials", "--sort", "mean_test"), "did you mean"),
        (("--where", "candidate > 1"), "add --trials or --table NAME"),
        (("--pictures", "x", "--json"), "leave --json away"),
        (("-n", "3"), "add --trials or --table NAME"),
    ],
)
def test_errors_are_one_clear_thing(search: str, arguments: tuple[str, ...], message: str) -> None:
    error = cli("show", "search", *arguments, status=1)
    assert error.startswith("autotrack: ")
    assert message in error


def test_a_run_without_trials(search: str) -> None:
    autotrack.start_run("fit").finish()
    assert "has no table of trials: --trials is for searches" in cli("show", "fit", "--trials", status=1)


def test_tables_are_completed(search: str) -> None:
    assert len(autotrack.runs()) == 1
    assert offered("autotrack show search --table tr") == ["trials"]
    assert offered("autotrack show --table ev") == ["eval/X_test/residuals"]


def test_pictures(search: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "plots"
    for _ in range(2):
        out = cli("show", "search", "--pictures", str(folder))
        assert "2 pictures written (2 of 3 tables can be drawn)" in out
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
        assert files == ["eval/X_test/residuals.png", "trials.png"]
        assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in files)
        assert all(str(folder / name) in out for name in files)
    assert "1 picture written" in cli("show", "search", "--trials", "--pictures", str(tmp_path / "one"))
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["trials.png"]


def test_pictures_that_cannot_be_made(search: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with autotrack.start_run("bad") as run:
        for name in ("../evil", "/evil", "n" * 300):
            run.log_table(name, {"predicted": [1.0], "residual": [0.0]}, kind="residuals")
        run.log_table("bare", {"predicted": [1.0]}, kind="residuals")
        run.log_table("good", {"predicted": [1.0], "residual": [0.0]}, kind="residuals")
    folder = tmp_path / "a" / "plots"
    done = subprocess.run(
        [*MAIN, "show", "bad", "--pictures", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "1 picture written (5 of 5 tables can be drawn)" in done.stdout
    for message in (
        "'../evil.png' is no path",
        "'/evil.png' is no path",
        "has no column 'residual'",
        "File name too long",
    ):
        assert message in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert [path.name for path in tmp_path.rglob("*.png")] == ["good.png"]


def test_without_matplotlib(search: str, tmp_path: Path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from autotrack.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "show", "search", "--pictures", str(tmp_path)], capture_output=True, text=True, check=False,
        env=os.environ,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "autotrack: drawing a table needs matplotlib: pip install 'autotrack-ml[plot]'\n"


def test_nothing_acts_on_the_terminal(tmp_path: Path) -> None:
    with autotrack.start_run(NASTY) as run:
        run.log_table(NASTY, {NASTY: [NASTY, (NASTY,), None], "x": [1, 2, 3]}, kind=NASTY)
    shown = [
        cli("show", "latest"), cli("show", "latest", "--table", NASTY), cli("show", "latest", "--table", "x", status=1),
        cli("show", "latest", "--table", NASTY, "--where", "y > 1", status=1),
        cli("show", "latest", "--table", NASTY, "--sort", "x"),
    ]  # fmt: skip
    for out in shown:
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(out)
