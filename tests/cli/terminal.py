"""The command line as a process, in a terminal of a given width or in none."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

MAIN = [sys.executable, "-c", "from autotrack.cli import main; main()"]


def cli(*arguments: str, status: int = 0, **environment: str) -> str:
    """Return what a command prints: errors, where it is expected to fail."""
    done = subprocess.run(
        [*MAIN, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def in_terminal(*arguments: str, **environment: str) -> str:
    """Return what a command prints to a terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*MAIN, *arguments], stdout=its, stderr=its, env={**os.environ, "TERM": "xterm-256color", **environment}
    )
    os.close(its)
    found = b""
    try:
        while part := os.read(ours, 65536):
            found += part
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0
    return found.decode()
