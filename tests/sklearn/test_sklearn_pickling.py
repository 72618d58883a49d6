"""What users save and send elsewhere: as before, and loaded where there is no autotrack."""

from __future__ import annotations

import functools
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
from elsewhere import BLOCK
from sklearn import datasets, metrics
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from autotrack.autolog import autolog

LOAD = (
    BLOCK
    + """
import io, joblib, json, pickle
from sklearn import datasets
X, y = datasets.load_iris(return_X_y=True)
X, y = X[50:], y[50:] - 1
found = {}
for name, how, data in pickle.load(open(sys.argv[1], "rb")):
    thing = joblib.load(io.BytesIO(data)) if how == "joblib" else pickle.loads(data)
    found[f"{name}, {how}"] = USE(thing, X, y)
print(json.dumps(found))
"""
)
USE = """
def USE(thing, X, y):
    import inspect
    if inspect.isclass(thing):
        return thing.__qualname__
    if hasattr(thing, "predict"):
        return [thing.predict(X).tolist(), thing.score(X, y)]
    if hasattr(thing, "_score_func"):  # a scorer
        from sklearn.linear_model import LogisticRegression
        return thing(LogisticRegression(max_iter=500).fit(X, y), X, y)
    first = next(iter(inspect.signature(thing).parameters))
    if first == "self":
        return thing.__qualname__
    if first in ("y_true", "estimator"):
        return thing(y, 1 - y) if first == "y_true" else thing.__name__
    result = thing(X, y) if "y" in inspect.signature(thing).parameters else thing(X)
    return result.tolist() if hasattr(result, "tolist") else str(result)
"""


def dumped(thing: Any) -> bytes:
    """The file that joblib writes."""
    file = io.BytesIO()
    joblib.dump(thing, file)
    return file.getvalue()


PICKLERS: dict[str, Callable[[Any], bytes]] = {
    "pickle": pickle.dumps,
    "protocol 2": functools.partial(pickle.dumps, protocol=2),
    "cloudpickle": cloudpickle.dumps,
    "joblib": dumped,
}


def things() -> dict[str, Any]:
    """What people save: models, searches, scorers, methods, functions, classes."""
    X, y = datasets.load_iris(return_X_y=True)
    X, y = X[50:], y[50:] - 1
    model = LogisticRegression(max_iter=500).fit(X, y)
    steps = SGDClassifier(random_state=0).partial_fit(X, y, [0, 1])

    def search(**more: Any) -> GridSearchCV:
        return GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, cv=2, **more).fit(X, y)

    model.score(X, y), steps.predict(X), f1_score(y, model.predict(X))  # whatever these leave behind
    return {
        "model": model,
        "model fitted in steps": steps,
        "forest": RandomForestClassifier(3, random_state=0).fit(X, y),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        "search by a name": search(scoring="f1_macro"),
        "search by a scorer": search(scoring=make_scorer(f1_score, average="macro")),
        "search by scorers": search(scoring={"f1": make_scorer(f1_score), "roc": "roc_auc"}, refit="f1"),
        "scorer": make_scorer(f1_score, average="macro"),
        "scorer of a function found later": make_scorer(metrics.fbeta_score, beta=2),
        "scorer of scikit-learn": get_scorer("balanced_accuracy"),
        "metric": accuracy_score,
        "metric with an argument": functools.partial(f1_score, average="macro"),
        "validation": cross_val_score,
        "class": LogisticRegression,
        "method of a class": LogisticRegression.predict,
        **{f"bound {name}": getattr(model, name) for name in ("fit", "predict", "predict_proba", "score")},
        "bound partial_fit": steps.partial_fit,
    }


BEFORE = things()
del BEFORE["method of a class"]  # a plain function that its class does not have any more: nobody can name it


def loaded(path: Path, saved: list[tuple[str, str, bytes]]) -> dict[str, Any]:
    """What a process without autotrack makes of it."""
    path.write_bytes(pickle.dumps(saved))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", USE + LOAD, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_is_saved_loads_without_autotrack(tmp_path: Path) -> None:
    plain = loaded(
        tmp_path / "plain", [(name, how, dump(one)) for name, one in things().items() for how, dump in PICKLERS.items()]
    )
    with autolog(only="sklearn"):
        made = {"before": BEFORE, "under autologging": things()}
        saved = [
            (f"{name}, made {when}", how, dump(one))
            for when, ones in made.items()
            for name, one in ones.items()
            for how, dump in PICKLERS.items()
        ]
    for name, how, data in saved:
        assert b"autotrack" not in data, (name, how)
        assert b"wrapt" not in data, (name, how)
    logged = loaded(tmp_path / "logged", saved)
    assert len(logged) == 2 * len(plain) - len(PICKLERS)
    for name, outcome in logged.items():
        assert outcome == plain[name.replace(", made before", "").replace(", made under autologging", "")], name


def test_what_was_made_under_autologging_is_saved_afterwards(tmp_path: Path) -> None:
    with autolog(only="sklearn"):
        made = things()
    saved = [(name, how, dump(one)) for name, one in made.items() for how, dump in PICKLERS.items()]
    assert not [name for name, _, data in saved if b"autotrack" in data or b"wrapt" in data]
    assert len(loaded(tmp_path / "saved", saved)) == len(saved)


def test_identity_under_pickle() -> None:
    """What is loaded in the same process is what was saved."""
    with autolog(only="sklearn"):
        for dump in (pickle.dumps, cloudpickle.dumps):
            for one in (f1_score, metrics.log_loss, metrics.silhouette_score, cross_val_score, LogisticRegression):
                assert pickle.loads(dump(one)) is one
        assert pickle.loads(pickle.dumps(LogisticRegression.predict)) == LogisticRegression.predict
