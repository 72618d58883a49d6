"""Indexes are brought up to date by the process that records: team stores while it runs, local ones at its end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import autotrack
from autotrack import delivery
from autotrack.config import current
from autotrack.journal.folder import Folder

RECORD = """
import autotrack
with autotrack.start_run("big") as run:
    for step in range({lines}):
        run.log_metrics({{f"metric_{{i}}": step / 7 for i in range(10)}}, step)
"""

PATIENT = "from autotrack import active; active._EXIT_SECONDS = 60\n"
"""What ends a process in time on a busy machine too."""


def script(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def indexed(store: str) -> dict[str, str]:
    """Names and states of the runs in an index, as it is: nothing is taken in before."""
    from sqlalchemy import select

    from autotrack.store.engine import Index
    from autotrack.store.schema import runs

    with Index.open(store) as index, index.engine.connect() as connection:
        return {row.name: row.status for row in connection.execute(select(runs.c.name, runs.c.status))}


@pytest.mark.postgres
def test_a_team_sees_a_run_while_it_goes_on(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_INTERVAL", 0.1)
    run = autotrack.start_run("shared", store=postgres_url)
    run.log_metrics({"loss": 0.5}, 0)
    assert eventually(lambda: indexed(postgres_url) == {"shared": "running"})
    run.finish()
    assert eventually(lambda: indexed(postgres_url) == {"shared": "finished"})
    delivery._couriers.pop(postgres_url).end(time.monotonic() + 60)  # before the database is dropped


@pytest.mark.postgres
@pytest.mark.parametrize("end", ["", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"])
def test_the_end_of_a_process_is_delivered(postgres_url: str, end: str) -> None:
    text = "import autotrack; run = autotrack.start_run('shared'); run.log_metrics({'loss': 0.5}); " + end
    script(PATIENT + text, AUTOTRACK_STORE=postgres_url)
    assert indexed(postgres_url) == {"shared": "killed" if end else "finished"}


@pytest.mark.postgres
def test_a_forked_child_delivers_its_own_runs(postgres_url: str) -> None:
    text = (
        "import autotrack, os; autotrack.start_run('parent'); pid = os.fork()\n"
        "if not pid: autotrack.start_run('child', parent='x')\n"
        "else: os.waitpid(pid, 0)"
    )
    assert script(PATIENT + text, AUTOTRACK_STORE=postgres_url).stderr == ""
    assert indexed(postgres_url) == {"parent": "finished", "child": "finished"}


@pytest.mark.postgres
def test_a_silent_server_is_not_waited_for_and_nothing_is_lost(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql+psycopg://nobody@127.0.0.1:{server.getsockname()[1]}/nothing"
        began = time.monotonic()
        done = script("import autotrack; autotrack.start_run('mine')", AUTOTRACK_STORE=url)
    assert done.returncode == 0
    assert "the team store did not answer in time" in done.stderr
    assert time.monotonic() - began < 30  # it would hang
    (spool,) = (tmp_path / "state" / "autotrack" / "spool").iterdir()
    (run,) = Folder(spool).run_ids()
    assert b'"finish"' in Folder(spool).segments(run)[0].read()


def test_a_server_that_is_away_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"postgresql+psycopg://nobody:s3cret@127.0.0.1:{port}/nothing"
    done = script("import autotrack; autotrack.start_run('mine')", AUTOTRACK_STORE=url)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert "not delivered yet, and kept in" in line
    assert "s3cret" not in line


@pytest.mark.parametrize(("lines", "there"), [(10, False), (15_000, True)])
def test_much_news_is_brought_into_a_local_index_at_the_end(lines: int, there: bool) -> None:
    assert script(RECORD.format(lines=lines)).stderr == ""
    assert any(current().folder().root.glob("index-*.sqlite")) == there
    assert autotrack.runs()[0].series("metric_3").values[9] == 9 / 7


def test_another_store_than_the_configured_one_is_told_too(tmp_path: Path) -> None:
    text = RECORD.format(lines=15_000).replace('"big"', f'"big", store={str(tmp_path / "other")!r}')
    assert script(text).stderr == ""
    assert any((tmp_path / "other").glob("index-*.sqlite"))
