"""Git, for tests: with a name of its own and nobody's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


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
