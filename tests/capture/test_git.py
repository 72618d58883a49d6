"""The state of real git repositories, and of places that are none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from gitting import git

from autotrack.capture.git import repository


def test_clean_repository_from_a_folder_inside(repo: Path) -> None:
    git(repo, "remote", "add", "backup", "https://example.org/b.git")
    git(repo, "remote", "add", "origin", "https://ana:hunter2@example.org/a.git")
    found = repository(repo / "lib", salt=b"s")
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
    assert repository(repo)["remote"] == "git@example.org:fork.git"


def test_changes_are_counted(repo: Path) -> None:
    (repo / "train.py").write_text("print(2)\n")
    git(repo, "mv", "lib/a.py", "lib/b c\n.py")
    (repo / "new.py").write_text("")
    (repo / "out").mkdir()
    for i in range(3):
        (repo / "out" / f"{i}.txt").write_text("")
    found = repository(repo)
    assert (found["dirty"], found["changed"], found["untracked"]) == (True, 2, 2)
    assert found["missing"] == {}


def test_untracked_files_alone_are_not_dirty(repo: Path) -> None:
    (repo / "new.py").write_text("")
    found = repository(repo)
    assert (found["dirty"], found["untracked"]) == (False, 1)


def test_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "a").write_text("")
    found = repository(tmp_path)
    assert (found["commit"], found["branch"], found["dirty"], found["untracked"]) == (None, "trunk", False, 1)


def test_detached_head_and_conflict(repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    found = repository(repo)
    assert (found["branch"], found["detached"]) == (None, True)
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "train.py").write_text("print('side')\n")
    git(repo, "commit", "-qam", "side")
    git(repo, "checkout", "-q", "main")
    (repo / "train.py").write_text("print('main')\n")
    git(repo, "commit", "-qam", "main")
    with pytest.raises(subprocess.CalledProcessError):
        git(repo, "merge", "side")
    found = repository(repo)
    assert (found["conflicts"], found["dirty"]) == (1, True)


def test_linked_worktree_and_bare_repository(repo: Path, tmp_path: Path) -> None:
    tree = tmp_path.resolve() / "tree"
    git(repo, "worktree", "add", "-q", "-b", "other", str(tree))
    found = repository(tree)
    assert (found["root"], found["branch"]) == (str(tree), "other")
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    bare = repository(tmp_path / "bare.git")
    assert bare["commit"] == git(repo, "rev-parse", "HEAD")
    assert bare["dirty"] is None
    assert bare["missing"] == {"status": "a bare repository"}
    inside = repository(repo / ".git")
    assert inside["missing"] == {"status": "inside the .git folder"}


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path.resolve()) + b"/odd \xff\nname"))
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x")
    git(folder, "checkout", "-q", "-b", os.fsdecode(b"br\xfe"))
    found = repository(folder)
    assert found["root"] == str(folder)
    assert found["branch"] == os.fsdecode(b"br\xfe")
    assert found["missing"] == {}


def test_no_repository_and_no_folder(tmp_path: Path) -> None:
    assert repository(tmp_path) == {"vcs": None, "missing": {"repository": "not in a git repository"}}
    gone = repository(tmp_path / "gone")
    assert gone["vcs"] is None
    assert "could not be started" in gone["missing"]["repository"]


def test_no_git(repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repository(repo) == {"vcs": None, "missing": {"repository": "git is not installed"}}


def test_git_beside_the_code_is_not_started(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(repo, "rev-parse", "HEAD")
    trap = repo / "git"
    trap.write_text("#!/bin/sh\ntouch started\n")
    trap.chmod(0o755)
    monkeypatch.chdir(repo)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", os.environ["PATH"]]))
    assert repository(repo)["commit"] == commit
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
    found = repository(repo)
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
    assert repository(repo)["branch"] == "main"


def test_slow_status_says_so_and_keeps_the_commit(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run(["sh", "-c", "command -v git"], check=True, capture_output=True, text=True).stdout.strip()
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text(
        f'#!/bin/sh\nfor a in "$@"; do [ "$a" = status ] && exec sleep 60; done\nexec {real} "$@"\n'
    )
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow}{os.pathsep}{os.environ['PATH']}")
    found = repository(repo, timeout=2)
    assert found["missing"] == {"status": "git status took longer than 2 s"}
    assert found["commit"] == git(repo, "rev-parse", "HEAD")
    assert (found["branch"], found["dirty"]) == ("main", None)


def test_broken_repository_says_so(repo: Path) -> None:
    (repo / ".git" / "index").write_bytes(b"garbage" * 10)
    found = repository(repo)
    assert "index" in found["missing"]["status"]
    assert found["commit"] == git(repo, "rev-parse", "HEAD")
