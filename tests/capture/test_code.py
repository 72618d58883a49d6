"""The state of real git repositories, and of places that are none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autotrack.capture import code


def git(folder: Path, *arguments: str) -> str:
    identity = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    environment = (
        {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | identity | {"GIT_CONFIG_GLOBAL": os.devnull}
    )
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("print(1)\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "a.py").write_text("a = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_clean_repository_from_a_folder_inside(repo: Path) -> None:
    git(repo, "remote", "add", "backup", "https://example.org/b.git")
    git(repo, "remote", "add", "origin", "https://ana:hunter2@example.org/a.git")
    found = code.repository(repo / "lib", salt=b"s")
    remote = found.pop("remote")
    assert found == {
        "vcs": "git",
        "root": str(repo),
        "branch": "main",
        "detached": False,
        "commit": git(repo, "rev-parse", "HEAD"),
        "dirty": False,
        "changed": 0,
        "untracked": 0,
        "conflicts": 0,
        "missing": {},
    }
    assert remote.startswith("https://***:")
    assert remote.endswith("@example.org/a.git")
    assert "hunter2" not in remote
    assert "ana" not in remote


def test_remote_that_the_branch_follows(repo: Path) -> None:
    git(repo, "remote", "add", "origin", "git@example.org:a.git")
    git(repo, "remote", "add", "fork", "git@example.org:fork.git")
    git(repo, "config", "branch.main.remote", "fork")
    assert code.repository(repo)["remote"] == "git@example.org:fork.git"


def test_changes_are_counted(repo: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    git(repo, "mv", "lib/a.py", "lib/b c\n.py")
    (repo / "new.py").write_text("")
    (repo / "out").mkdir()
    for i in range(3):
        (repo / "out" / f"{i}.txt").write_text("")
    found = code.repository(repo)
    assert (found["dirty"], found["changed"], found["untracked"]) == (True, 2, 2)
    assert found["missing"] == {}


def test_untracked_files_alone_are_not_dirty(repo: Path) -> None:
    (repo / "new.py").write_text("")
    found = code.repository(repo)
    assert (found["dirty"], found["untracked"]) == (False, 1)


def test_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "a").write_text("")
    found = code.repository(tmp_path)
    assert (found["commit"], found["branch"], found["dirty"], found["untracked"]) == (None, "trunk", False, 1)


def test_detached_head_and_conflict(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    found = code.repository(repo)
    assert (found["branch"], found["detached"]) == (None, True)
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "train.py").write_text("print('side')\n")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    (repo / "train.py").write_text("print('main')\n")
    git(repo, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "merge", "side")
    found = code.repository(repo)
    assert (found["conflicts"], found["dirty"]) == (1, True)


def test_linked_worktree_and_bare_repository(repo: Path, tmp_path: Path) -> None:
    tree = tmp_path.resolve() / "tree"
    git(repo, "worktree", "add", "-q", "-b", "other", str(tree))
    found = code.repository(tree)
    assert (found["root"], found["branch"]) == (str(tree), "other")
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    bare = code.repository(tmp_path / "bare.git")
    assert bare["commit"] == git(repo, "rev-parse", "HEAD")
    assert bare["dirty"] is None
    assert bare["missing"] == {"status": "a bare repository"}
    inside = code.repository(repo / ".git")
    assert inside["missing"] == {"status": "inside the .git folder"}


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path.resolve()) + b"/odd \xff\nname"))
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x")
    git(folder, "checkout", "-q", "-b", os.fsdecode(b"br\xfe"))
    found = code.repository(folder)
    assert found["root"] == str(folder)
    assert found["branch"] == os.fsdecode(b"br\xfe")
    assert found["missing"] == {}


def test_no_repository_and_no_folder(tmp_path: Path) -> None:
    assert code.repository(tmp_path) == {"vcs": None, "missing": {"repository": "not in a git repository"}}
    gone = code.repository(tmp_path / "gone")
    assert gone["vcs"] is None
    assert "could not be started" in gone["missing"]["repository"]


def test_no_git(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code.repository(repo) == {"vcs": None, "missing": {"repository": "git is not installed"}}


def test_git_beside_the_code_is_not_started(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(repo, "rev-parse", "HEAD")
    trap = repo / "git"
    trap.write_text("#!/bin/sh\ntouch started\n")
    trap.chmod(0o755)
    monkeypatch.chdir(repo)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    assert code.repository(repo)["commit"] == commit
    assert not (repo / "started").exists()


def test_nothing_of_the_repository_is_run(repo: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho $0 >> {started}\ncat\n")
    trap.chmod(0o755)
    odd = "f=x y"
    for key in (
        f"filter.{odd}.clean",
        f"filter.{odd}.smudge",
        f"filter.{odd}.process",
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "diff.t.textconv",
        "core.sshCommand",
        "core.askPass",
        "credential.helper",
    ):
        git(repo, "config", key, str(trap))
    git(repo, "config", f"filter.{odd}.required", "true")
    git(repo, "config", "filter.plain.clean", str(trap))
    (repo / ".git" / "info" / "attributes").write_text("* filter=plain diff=t\n")
    for hook in ("post-index-change", "pre-commit", "fsmonitor-watchman"):
        (repo / ".git" / "hooks" / hook).write_text(trap.read_text())
        (repo / ".git" / "hooks" / hook).chmod(0o755)
    (repo / "train.py").write_text("print(3)\n")  # of the same size: git has to look inside
    subprocess.run(["git", "status"], cwd=repo, check=False, capture_output=True)
    assert started.exists()  # the trap works
    started.unlink()
    os.utime(repo / "lib" / "a.py", (1, 1))
    index = (repo / ".git" / "index").read_bytes()
    found = code.repository(repo)
    assert not started.exists()
    assert found["filters_off"] == [odd, "plain"]
    assert found["changed"] == 1
    assert (repo / ".git" / "index").read_bytes() == index  # and nothing is written


def test_variables_that_point_elsewhere_do_not_count(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert code.repository(repo)["branch"] == "main"


def test_slow_status_says_so_and_keeps_the_commit(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run(["sh", "-c", "command -v git"], check=True, capture_output=True, text=True).stdout.strip()
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text(
        f'#!/bin/sh\nfor a in "$@"; do [ "$a" = status ] && exec sleep 60; done\nexec {real} "$@"\n'
    )
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}{os.pathsep}{os.environ['PATH']}")
    found = code.repository(repo, timeout=2)
    assert found["missing"] == {"status": "git status took longer than 2 s"}
    assert found["commit"] == git(repo, "rev-parse", "HEAD")
    assert (found["branch"], found["dirty"]) == ("main", None)


def test_broken_repository_says_so(repo: Path) -> None:
    (repo / ".git" / "index").write_bytes(b"garbage" * 10)
    found = code.repository(repo)
    assert "index" in found["missing"]["status"]
    assert found["commit"] == git(repo, "rev-parse", "HEAD")


ASK = "import json, sys; from autotrack.capture import code; print(json.dumps(code.collect()))"


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
    assert run_python(repo, "-i", stdin=ASK + "\n")["kind"] == "repl"


def test_deleted_working_directory(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    found = run_python(folder, "-c", f"import os; os.rmdir({str(folder)!r}); {ASK}")
    assert found["cwd"] == ""
    assert found["missing"]


def test_start_in_the_background(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo)
    first = code.entry()
    answers: list[code.Values] = []
    threads: list[threading.Thread] = []
    code.start(first, lambda values: (answers.append(values), threads.append(threading.current_thread())))
    assert code.wait(30)
    assert answers[0]["commit"] == git(repo, "rev-parse", "HEAD")
    assert answers[0]["argv"] == first["argv"]
    assert threads[0] is not threading.current_thread()
    code.start(first, answers.append)
    assert code.wait(30)
    assert answers[1] == answers[0]
