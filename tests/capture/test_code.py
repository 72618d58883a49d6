"""What was started and how, completed in the background."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from gitting import git

from autotrack.capture import code

ASK = """
import json, threading
from autotrack.capture import code
done = threading.Event()
code.start(code.entry(), lambda values: (print(json.dumps(values)), done.set()))
assert done.wait(30)
"""


def run_python(folder: Path, *arguments: str, stdin: str | None = None) -> dict[str, object]:
    import json

    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, check=True, capture_output=True, text=True, input=stdin
    )
    result: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def test_entry_points(repo: Path) -> None:
    (repo / "lib" / "train.py").write_text(ASK)
    (repo / "lib" / "__init__.py").write_text("")
    (repo / "lib" / "__main__.py").write_text(ASK)
    found = run_python(repo / "lib", "train.py", "--api-key", "s3cret", "--lr", "0.1")
    assert (found["kind"], found["script"], found["cwd"]) == ("script", "lib/train.py", str(repo / "lib"))
    argv = found["argv"]
    assert isinstance(argv, list)
    assert argv[:2] == ["train.py", "--api-key"]
    assert argv[2].startswith("***:")
    assert argv[3:] == ["--lr", "0.1"]
    assert run_python(repo, "-m", "lib.train")["script"] == "lib.train"
    assert run_python(repo, "-m", "lib")["script"] == "lib"
    assert run_python(repo, "-c", ASK)["kind"] == "command"
    assert run_python(repo, "-i", stdin=ASK)["kind"] == "repl"


def test_deleted_working_directory(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    found = run_python(folder, "-c", f"import os; os.rmdir({str(folder)!r}){ASK}")
    assert found["cwd"] == ""
    assert found["missing"]


def test_start_in_the_background(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo)
    first = code.entry()
    answers: list[code.Values] = []
    threads: list[threading.Thread] = []
    done = threading.Event()
    code.start(first, lambda values: (answers.append(values), threads.append(threading.current_thread()), done.set()))
    assert done.wait(30)
    assert answers[0]["commit"] == git(repo, "rev-parse", "HEAD")
    assert answers[0]["argv"] == first["argv"]
    assert threads[0] is not threading.current_thread()
    code.start(first, answers.append)  # fresh still: at once
    assert answers[1] == answers[0]
