"""The state of the git repository that a run was started in.

It runs nothing that the repository brings along: no hooks, no file system monitor, no filters, no network, no lock
files; submodules are not entered.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autotrack.capture.secrets import redact_url

if TYPE_CHECKING:
    from pathlib import Path

Values = dict[str, Any]
"""JSON-ready, but for lone surrogates in names that are not UTF-8 (see `autotrack.journal.text`)."""

TIMEOUT = 10.0
"""Seconds that one git command may take."""

_HARMLESS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.pager=cat"),
    *("-c", "protocol.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
)
# Variables that point git to another repository, or at other settings, than those of the folder it is started in.
_LOCAL = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *(
            "GIT_ALTERNATE_OBJECT_DIRECTORIES",
            "GIT_NAMESPACE",
            "GIT_CONFIG",
            "GIT_CONFIG_PARAMETERS",
            "GIT_CONFIG_COUNT",
        ),
        *(
            "GIT_GRAFT_FILE",
            "GIT_SHALLOW_FILE",
            "GIT_REPLACE_REF_BASE",
            "GIT_INTERNAL_SUPER_PREFIX",
            "GIT_EXTERNAL_DIFF",
        ),
        *("GIT_TRACE", "GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_TRACE_SETUP", "GIT_ATTR_SOURCE"),
    }
)


def repository(folder: str | Path, *, salt: bytes | None = None, timeout: float = TIMEOUT) -> Values:
    """Return the state of the git repository that `folder` lies in.

    Keys are `vcs` ("git" or None), `root`, `remote` (credentials masked), `branch`, `detached`, `commit` (None yet),
    `dirty` (tracked files differ from the commit), `changed` (files), `untracked` (entries; a folder with nothing
    tracked counts as one), `conflicts`, and `missing`: what could not be found out, with the reason.
    """
    values: Values = {"vcs": None, "missing": {}}
    git = _Git.find(str(folder), timeout)
    if git is None:
        values["missing"]["repository"] = "git is not installed"
        return values
    try:
        _look(git, values, salt)
    except _GitError as error:
        values["missing"][error.what] = str(error)
    return values


def _look(git: _Git, values: Values, salt: bytes | None) -> None:
    try:
        # In a bare repository or inside .git, --show-toplevel fails after the first two lines are out.
        inside, bare, root = _place(
            git.ask(
                "repository",
                "rev-parse",
                "--is-inside-work-tree",
                "--is-bare-repository",
                "--show-toplevel",
                accept=(0, 128),
            )
        )
    except _GitError as error:
        if "not a git repository" not in str(error).lower():
            raise
        values["missing"]["repository"] = "not in a git repository"
        return
    values["vcs"] = "git"
    values["root"] = root or None
    settings = _settings(git)
    names = _filters(settings)
    if names:
        git.disable(names)
        values["filters_off"] = names
    if not inside:
        values["missing"]["status"] = "a bare repository" if bare else "inside the .git folder"
        _head(git, values)
    else:
        try:
            values.update(
                _status(
                    git.ask(
                        "status",
                        "status",
                        "--porcelain=v2",
                        "--branch",
                        "-z",
                        "--untracked-files=normal",
                        "--ignore-submodules=dirty",
                    )
                )
            )
        except _GitError as error:  # e.g. too slow: the commit is known quickly all the same
            values["missing"]["status"] = str(error)
            _head(git, values)
    values["remote"] = _remote(settings, values.get("branch"), salt)


def _place(output: bytes) -> tuple[bool, bool, str]:
    lines = output.split(b"\n", 2)
    root = os.fsdecode(lines[2].removesuffix(b"\n")) if len(lines) > 2 else ""
    return lines[0] == b"true", len(lines) > 1 and lines[1] == b"true", root


def _status(output: bytes) -> Values:
    """Read `git status --porcelain=v2 --branch -z` (git-status(1), "Porcelain Format Version 2")."""
    commit: str | None = None
    branch: str | None = None
    detached = False
    changed = untracked = conflicts = 0
    fields = iter(output.split(b"\0"))
    for field in fields:
        match field[:2]:
            case b"# ":
                _, name, value = field.split(b" ", 2)
                if name == b"branch.oid":
                    commit = None if value == b"(initial)" else value.decode("ascii")
                elif name == b"branch.head":
                    detached = value == b"(detached)"
                    branch = None if detached else os.fsdecode(value)
            case b"1 ":
                changed += 1
            case b"2 ":
                changed += 1
                next(fields, None)  # the path it was renamed from
            case b"u ":
                changed += 1
                conflicts += 1
            case b"? ":
                untracked += 1
    return {
        "commit": commit,
        "branch": branch,
        "detached": detached,
        "dirty": changed > 0,
        "changed": changed,
        "untracked": untracked,
        "conflicts": conflicts,
    }


def _head(git: _Git, values: Values) -> None:
    """Commit and branch without looking at any file."""
    commit = git.ask("commit", "rev-parse", "--verify", "--quiet", "HEAD", accept=(0, 1)).strip()
    branch = git.ask("branch", "symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).strip()
    values["commit"] = commit.decode("ascii") or None
    values["branch"] = os.fsdecode(branch) or None
    values["detached"] = not branch
    values["dirty"] = None


def _settings(git: _Git) -> dict[str, str]:
    output = git.ask(
        "settings",
        "config",
        "--null",
        "--get-regexp",
        r"^(remote\..*\.url|branch\..*\.remote|filter\..*)$",
        accept=(0, 1),
    )
    settings: dict[str, str] = {}
    for item in output.split(b"\0"):
        name, _, value = os.fsdecode(item).partition("\n")
        if name:
            settings.setdefault(name, value) if name.endswith(".url") else settings.__setitem__(name, value)
    return settings


def _filters(settings: Mapping[str, str]) -> list[str]:
    return sorted({name.split(".", 1)[1].rpartition(".")[0] for name in settings if name.startswith("filter.")})


def _remote(settings: Mapping[str, str], branch: str | None, salt: bytes | None) -> str | None:
    """Address of the remote that the branch follows, else of `origin`, else of the first one."""
    urls = {name[len("remote.") : -len(".url")]: url for name, url in settings.items() if name.startswith("remote.")}
    for name in (settings.get(f"branch.{branch}.remote", ""), "origin", *urls):
        if name in urls:
            return redact_url(urls[name], salt=salt)
    return None


class _GitError(Exception):
    def __init__(self, what: str, text: str) -> None:
        super().__init__(text)
        self.what = what


class _Git:
    """The git command, in one folder, with everything switched off that could run code, wait for a person or write."""

    def __init__(self, command: str, folder: str, timeout: float) -> None:
        self.command = command
        self.folder = folder
        self.timeout = timeout
        self.environment = {
            k: v for k, v in os.environ.items() if k not in _LOCAL and not k.startswith("GIT_CONFIG_KEY_")
        }
        self.environment |= {
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
            "LC_ALL": "C",
            "LANGUAGE": "",
        }

    @classmethod
    def find(cls, folder: str, timeout: float) -> _Git | None:
        # A relative entry of PATH would let the folder that we look at supply the command.
        path = os.pathsep.join(p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(p))
        command = shutil.which("git", path=path)
        return None if command is None else cls(command, folder, timeout)

    def disable(self, filters: list[str]) -> None:
        """Switch off content filters, by settings in the environment: their names may hold any sign."""
        pairs = [
            (f"filter.{name}.{key}", value)
            for name in filters
            for key, value in (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        ]
        self.environment["GIT_CONFIG_COUNT"] = str(len(pairs))
        for i, (key, value) in enumerate(pairs):
            self.environment[f"GIT_CONFIG_KEY_{i}"] = key
            self.environment[f"GIT_CONFIG_VALUE_{i}"] = value

    def ask(self, what: str, *arguments: str, accept: tuple[int, ...] = (0,)) -> bytes:
        """Return the output of a git command; raises `_GitError` about `what` where it fails without output."""
        try:
            done = subprocess.run(
                [self.command, "--no-pager", *_HARMLESS, *arguments],
                cwd=self.folder or None,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.timeout,
                check=False,
                start_new_session=True,  # Ctrl-C is for the training, not for git
            )
        except subprocess.TimeoutExpired:
            raise _GitError(what, f"git {arguments[0]} took longer than {self.timeout:g} s") from None
        except (OSError, ValueError) as error:
            raise _GitError(what, f"git {arguments[0]} could not be started: {error}") from error
        if done.returncode not in accept or (done.returncode not in (0, 1) and not done.stdout):
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = next((line for line in lines if line.startswith("fatal: ")), lines[0] if lines else "")[:300]
            raise _GitError(what, reason or f"git {arguments[0]} ended with status {done.returncode}")
        return done.stdout
