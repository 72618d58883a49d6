"""Classes and functions of `__main__`: of scripts, of interpreters without a file, of notebooks."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from elsewhere import BLOCK

CELLS = [
    """
import sys
if sys.argv[1] == "on":
    import autotrack; autotrack.autolog()
import json, pickle, warnings
import cloudpickle, joblib, numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
X, y = load_iris(return_X_y=True)
""",
    """
class Nearest(ClassifierMixin, BaseEstimator):
    def __init__(self, shift=0.0):
        self.shift = shift
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centers_ = np.array([X[y == one].mean(axis=0) for one in self.classes_]) + self.shift
        return self
    def partial_fit(self, X, y):
        return self.fit(X, y)
    def predict(self, X):
        return self.classes_[((X[:, None] - self.centers_) ** 2).sum(axis=2).argmin(axis=1)]
    def predict_proba(self, X):
        return (self.predict(X)[:, None] == self.classes_).astype(float)
    def score(self, X, y, sample_weight=None):
        return super().score(X, y, sample_weight) / 2

class Doubled(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return X * 2

class Child(Nearest):
    def fit(self, X, y):
        return super().fit(X, y)

def own_score(estimator, X, y):
    return f1_score(y, estimator.predict(X), average="macro")
""",
    """
found = {}
for backend in ("loky", "threading", "multiprocessing"):
    with joblib.parallel_config(backend, n_jobs=2):
        for model in (Nearest(), Child(), make_pipeline(Doubled(), Child())):
            name = f"{backend} {type(model).__name__}"
            found[name] = cross_val_score(model, X, y, n_jobs=2).tolist()
            found[name + " own"] = cross_val_score(model, X, y, scoring=own_score, n_jobs=2).tolist()
            scorer = make_scorer(f1_score, average="macro")
            found[name + " scorer"] = cross_val_score(model, X, y, scoring=scorer, n_jobs=2).tolist()
            found[name + " chance"] = cross_val_predict(model, X, y, method="predict_proba", n_jobs=2).tolist()
        search = GridSearchCV(Child(), {"shift": [0.0, 1.0]}, scoring=own_score, n_jobs=2).fit(X, y)
        found[backend + " search"] = search.cv_results_["mean_test_score"].tolist()
        found[backend + " bound"] = [
            one.tolist() for one in joblib.Parallel(2)(joblib.delayed(search.predict)(X[:9]) for _ in range(2))
        ]
        found[backend + " metric"] = joblib.Parallel(2)(joblib.delayed(f1_score)([0, 1], [0, k]) for k in (0, 1))
    if backend == "loky":
        joblib.externals.loky.get_reusable_executor().shutdown()
""",
    """
model = Child().fit(X, y)
model.score(X, y)
saved = {
    "cloud": [cloudpickle.dumps(one) for one in (model, Child, model.fit, model.predict, Child.predict, own_score, search)],
    "plain": [pickle.dumps(one) for one in (model, model.score, search)],
}
pickle.dump(saved, open(sys.argv[2], "wb"))
print(json.dumps(found))
""",
]
SHELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in CELLS:
    shell.run_cell(cell).raise_error()
"""


def played(kind: str, folder: Path, way: str) -> tuple[dict[str, Any], dict[str, list[bytes]]]:
    """Run the cells in a process of their own; gives the outcomes, and what was saved."""
    saved = folder / f"{way}.pickle"
    text = "\n".join(CELLS)
    command, given = [sys.executable, "-W", "ignore"], None
    if kind == "script":
        (folder / "script.py").write_text(text)
        command += [str(folder / "script.py")]
    elif kind == "interpreter":
        command, given = [*command, "-"], text
    else:
        command += ["-c", f"CELLS = {CELLS!r}\n{SHELL}"]
    environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "AUTOTRACK_SILENT": "1"}
    environment.pop("VIRTUAL_ENV", None)  # IPython would import from there, wherever it runs itself
    done = subprocess.run(
        [*command, way, str(saved)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]), pickle.loads(saved.read_bytes())


USED = (
    BLOCK
    + """
import pickle
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
saved = pickle.load(open(sys.argv[1], "rb"))
model, cls, fit, predict, method, score, search = [pickle.loads(data) for data in saved["cloud"]]
first = model.predict(X).tolist()
assert cls().fit(X, y).predict(X).tolist() == fit(X, y).predict(X).tolist() == predict(X).tolist() == first
assert method(model, X).tolist() == first
assert score(model, X, y) > 0.8
assert search.predict(X).tolist() == first
"""
)


@pytest.mark.parametrize("kind", ["script", "interpreter", "notebook"])
def test_classes_of_main(tmp_path: Path, kind: str) -> None:
    """Through loky, multiprocessing and cloudpickle, from a script, an interpreter without file, and cells of IPython."""
    if kind == "notebook" and importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    plain, _ = played(kind, tmp_path, "off")
    logged, saved = played(kind, tmp_path, "on")
    assert logged == plain
    assert not [data for data in saved["cloud"] + saved["plain"] if b"autotrack" in data or b"wrapt" in data]
    path = str(tmp_path / "on.pickle")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", USED, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # What plain pickle names is in `__main__`: a script with the same classes and no autotrack.
    again = (
        BLOCK
        + "\n".join(CELLS[:2]).replace('sys.argv[1] == "on"', "False")
        + """
model, score, search = [pickle.loads(data) for data in pickle.load(open(sys.argv[1], "rb"))["plain"]]
assert model.predict(X).tolist() == search.predict(X).tolist()
assert score(X, y) == model.score(X, y) > 0.4
"""
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", again, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
