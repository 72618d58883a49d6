"""Trainings go on whatever becomes of the store: full, read-only, vanished, in the way. Real disks, not stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAIN = """
import resource, shutil, sys
import autotrack
trouble, store, on = sys.argv[1:]
if on == "on":
    autotrack.autolog()
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)

class Model(LogisticRegression):
    def fit(self, X, y):
        if trouble == "full":  # in the middle of the training
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        elif trouble == "vanished":
            shutil.rmtree(store, ignore_errors=True)
        return super().fit(X, y)

for _ in range(2):
    print(Model(max_iter=500).fit(X, y).coef_.tobytes().hex())
"""


@pytest.fixture
def readonly(tmp_path: Path) -> Iterator[Path]:
    """A file system that nothing can be written to, not even by root."""
    place = tmp_path / "readonly"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", place], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def train(trouble: str, store: Path, on: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUTOTRACK_STORE": str(store), "AUTOTRACK_STRICT": "0"}
    command = [sys.executable, "-c", TRAIN, trouble, str(store), on]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("trouble", ["full", "vanished", "file", "read-only"])
def test_training_goes_on(trouble: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store = tmp_path / "place"
    if trouble == "file":
        store.write_text("in the way")
    elif trouble == "read-only":
        store = request.getfixturevalue("readonly") / "store"
    plain, logged = train(trouble, store, "off"), train(trouble, store, "on")
    assert (logged.returncode, logged.stdout) == (0, plain.stdout)
    lines = logged.stderr.splitlines()
    assert all(line.startswith("autotrack: ") for line in lines), logged.stderr
    if trouble == "vanished":
        assert len(lines) <= 2  # the run begins anew, and says so itself; content that was on its way may be missed
    else:
        (line,) = lines
        assert str(store) in line
