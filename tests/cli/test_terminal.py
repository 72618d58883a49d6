"""What people look at: widths, colors, texts that would act on a terminal, numbers too long for decimals."""

from __future__ import annotations

import json
import re

import pytest
from rich.cells import cell_len
from terminal import cli, in_terminal

import autotrack
from autotrack.journal import syncing

HUGE = 10**5000
NASTY = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202e"


def record(count: int = 3) -> list[str]:
    ids = []
    for i in range(count):
        with autotrack.start_run(
            f"a-training-with-a-long-name-{i}", params={f"param_{k:02}": i for k in range(30)}
        ) as run:
            run.log_metrics({f"metric_{k:02}": i / 7 for k in range(30)} | {"train/score": i / 3})
        ids.append(run.id)
    return ids


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_runs_fit_and_can_be_named(width: int) -> None:
    ids = record()
    out = cli("runs", COLUMNS=str(width))
    table, _, about = out.partition("3 of 3 runs")
    assert max(cell_len(line) for line in table.split("\n")) <= width
    for run in ids:
        assert run[-8:] in table, "the id is never cut"
    assert re.match(r", \d+ of 30 params that differ, \d+ of 31 metrics in ", about)
    assert ("started" in table) is (width >= 100)


def test_columns_hold_in_pipes_too() -> None:
    record()
    width = max(len(line) for line in cli("runs", COLUMNS="90").split("─")[0].split("\n"))
    assert width <= 90
    assert "…" not in cli("show", "latest", COLUMNS="400")


def test_what_was_asked_for_is_shown_first() -> None:
    record()
    assert "metric_17" in cli("runs", "--sort", "metrics.metric_17", COLUMNS="70")
    assert "param_23" in cli("runs", "params.param_23 >= 0", COLUMNS="70")


def test_plots_have_colors_in_terminals_only() -> None:
    with autotrack.start_run("one") as run:
        for step in range(100):
            run.log_metric("loss", 1 / (step + 1), step)
    assert "\x1b" not in cli("plot", "one", "loss")
    assert re.search(r"\x1b\[[0-9;]*38;5;", in_terminal("plot", "one", "loss"))
    drawing = in_terminal("plot", "one", "loss", NO_COLOR="1").partition("100 points")[0]
    assert "┤" in drawing
    assert not re.search(r"\x1b\[[0-9;]*m.*[┤│]", drawing)


def test_nothing_acts_on_the_terminal() -> None:
    with (
        pytest.raises(ValueError, match="owned"),
        autotrack.start_run(NASTY, experiment=NASTY, params={NASTY: NASTY}, tags={NASTY: NASTY}) as run,
    ):
        run.log_metric(NASTY, 1.0)
        run.log_artifact(b"", NASTY)
        run.note(NASTY)
        raise ValueError(f"owned\n\tand more\n{NASTY}")
    assert syncing.drain(30)
    shown = [cli("runs"), cli("show", "latest"), cli("plot", "latest", NASTY), cli("plot", "latest", "x", status=1)]
    shown.append(cli("runs", "--store", f"/dev/null/{NASTY}", status=1))
    for out in shown:
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(out)
    assert "owned\n        and more\n\\x1b]0;owned" in shown[1], "tracebacks keep their lines"


def test_numbers_too_long_for_decimals_hide_no_run() -> None:
    with autotrack.start_run("huge", params={"h": HUGE, "nested": {"a": [-HUGE, {(HUGE,)}]}, "s": frozenset({HUGE})}):
        pass
    autotrack.start_run("other", params={"h": 2**63}).finish()
    assert "0x" in cli("runs")
    assert "0x" in cli("show", "huge")
    params = json.loads(cli("show", "huge", "--json"))["params"]
    assert int(params["h"], 16) == HUGE
    assert params["nested"]["a"] == [hex(-HUGE), [[hex(HUGE)]]]
    assert json.loads(cli("show", "other", "--json"))["params"]["h"] == 2**63


def test_show_counts_packages() -> None:
    autotrack.start_run("one").finish()
    assert syncing.drain(30)
    installed = autotrack.runs()[0].environment["packages"]["installed"]
    assert f"{len(installed):,} packages" in cli("show", "one")
