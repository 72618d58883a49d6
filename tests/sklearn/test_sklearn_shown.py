"""What users see is what they would see without autologging: warnings and printed text."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from autotrack_sklearn.quiet import asking
from sklearn.linear_model import LogisticRegression

SCRIPT = """
import sys, warnings
if sys.argv[1] == "on":
    import autotrack; autotrack.autolog()
import numpy as np
from sklearn import datasets, metrics
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import LinearSVC
X, y = datasets.load_digits(return_X_y=True)
def own(): warnings.warn("seen once", UserWarning)
for _ in range(3):
    LogisticRegression(max_iter=2).fit(X, y)
    own()
class Chatty(LogisticRegression):
    def predict(self, X):
        warnings.warn("predicting", RuntimeWarning)
        np.log(np.zeros(1))
        return super().predict(X)
model = Chatty(max_iter=2).fit(X, y)
model.predict(X[:5])
forest = RandomForestClassifier(3, verbose=1, random_state=0).fit(X, y)
for _ in range(2):
    metrics.precision_score([0, 1], [0, 0])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    LinearSVC(max_iter=1).fit(X, y)
    model.predict(X[:5])
print([(one.category.__name__, one.filename, one.lineno) for one in caught])
print(len(warnings.filters))
"""


@pytest.mark.parametrize("filters", ["default", "once", "always", "ignore"])
def test_warnings_and_prints_stay(tmp_path: Path, filters: str) -> None:
    """The same lines on stdout and stderr, in the same order; also what is shown once only."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    shown = []
    for way in ("off", "on"):
        command = [sys.executable, "-W", filters, str(script), way]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        lines = (done.stdout + done.stderr).splitlines()
        shown.append([line for line in lines if "elapsed" not in line and "Elapsed" not in line])
    assert shown[0] == shown[1]
    assert any("LinearSVC" in line or "ConvergenceWarning" in line for line in shown[0])


def test_warnings_as_errors(on, load) -> None:
    """The suite runs with `-W error`: what our own questions provoke must not even be raised."""

    class Warner(LogisticRegression):
        def predict(self, X: Any) -> Any:
            warnings.warn("a remark", UserWarning, stacklevel=1)
            return super().predict(X)

    X, y = load("iris")
    model = Warner(max_iter=500).fit(X, y)
    with pytest.warns(UserWarning, match="a remark"):
        model.predict(X)


def test_silence_is_ours_alone() -> None:
    """While we ask, other threads still get their warnings, and filters are what they were afterwards."""
    before = list(warnings.filters)
    heard: list[str] = []

    def other() -> None:
        try:
            warnings.warn("elsewhere", UserWarning, stacklevel=1)
        except UserWarning as warning:
            heard.append(str(warning))

    with asking():
        warnings.warn("here", UserWarning, stacklevel=1)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert heard == ["elsewhere"]
    assert list(warnings.filters) == before
