"""Models come back as they were, and nothing of the file runs without trust."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from autotrack_sklearn import model as flavor
from autotrack_sklearn import structure
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from autotrack.errors import ModelError

SAFE = [
    LogisticRegression(max_iter=500),
    make_pipeline(StandardScaler(), SelectKBest(k=2), SVC()),
    RandomForestClassifier(5, random_state=0),
    GradientBoostingClassifier(n_estimators=3, random_state=0),
    KNeighborsClassifier(algorithm="kd_tree"),
    KNeighborsClassifier(algorithm="ball_tree"),
    MLPClassifier((4,), max_iter=50, tol=100, random_state=0),
    GaussianProcessClassifier(random_state=0),
    GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, scoring="accuracy", cv=2),
    StackingClassifier([("tree", DecisionTreeClassifier(random_state=0)), ("near", KNeighborsClassifier())], cv=2),
    VotingClassifier([("tree", DecisionTreeClassifier(random_state=0)), ("svc", SVC())]),
    make_pipeline(ColumnTransformer([("scale", StandardScaler(), [0, 1]), ("code", OneHotEncoder(), [3])]), SVC()),
]


class OfTheUser(ClassifierMixin, BaseEstimator):
    """Not of scikit-learn."""

    def fit(self, X: Any, y: Any) -> OfTheUser:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.classes_[-1])


UNSAFE = [
    OfTheUser(),
    Birch(),
    HistGradientBoostingClassifier(max_iter=3),
    make_pipeline(FunctionTransformer(lambda X: X * 2), SVC()),
]


@pytest.mark.parametrize("model", SAFE, ids=lambda one: type(one).__name__)
def test_safe_models(model, load, tmp_path: Path) -> None:
    X, y = load("iris")
    model.fit(X, y)
    saved = flavor.save(model, tmp_path / "model")
    assert (saved.format, saved.safe) == ("skops", True)
    loaded = flavor.load(tmp_path / "model", saved.format, trust=False)
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert loaded.get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("model", UNSAFE, ids=lambda one: type(one).__name__)
def test_unsafe_models_need_trust(model, load, tmp_path: Path) -> None:
    X, y = load("iris")
    model.fit(X, y)
    saved = flavor.save(model, tmp_path / "model")
    assert (saved.format, saved.safe) == ("cloudpickle", False)
    with pytest.raises(ModelError, match="trust=True"):
        flavor.load(tmp_path / "model", saved.format, trust=False)
    loaded = flavor.load(tmp_path / "model", saved.format, trust=True)
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_file_with_foreign_types(load, tmp_path: Path) -> None:
    """A skops file that names what we do not know is refused, whoever wrote it."""
    path = tmp_path / "model"
    skops.io.dump(make_pipeline(FunctionTransformer(subprocess.check_output), StandardScaler()), path)
    with pytest.raises(ModelError, match=r"subprocess\.check_output.*trust=True"):
        flavor.load(path, "skops", trust=False)
    assert flavor.load(path, "skops", trust=True).steps[0][1].func is subprocess.check_output


def test_pickle_in_place_of_skops_runs_nothing(tmp_path: Path) -> None:
    import cloudpickle

    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "trapped",)

    (tmp_path / "model").write_bytes(cloudpickle.dumps(Trap()))
    for name in ("skops", "cloudpickle"):
        with pytest.raises(Exception):
            flavor.load(tmp_path / "model", name, trust=False)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("forgery", ["child", "circle", "feature", "width"])
def test_forged_trees(load, tmp_path: Path, forgery: str) -> None:
    """Indices out of bounds would be followed by compiled code: such a file is refused."""
    X, y = load("iris")
    model = RandomForestClassifier(2, random_state=0).fit(X, y)
    tree = model.estimators_[0].tree_
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    match forgery:
        case "child":
            nodes["left_child"][0] = 10_000_000
        case "circle":
            nodes["right_child"][0] = 0
        case "feature":
            nodes["feature"][0] = 10_000_000
        case "width":
            model.n_features_in_ = 1
    tree.__setstate__({**state, "nodes": nodes})
    path = tmp_path / "model"
    skops.io.dump(model, path)
    with pytest.raises(ModelError, match="damaged or forged"):
        flavor.load(path, "skops", trust=False)


def test_forged_neighbors(load, tmp_path: Path) -> None:
    X, y = load("iris")
    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, y)
    state = list(model._tree.__getstate__())
    state[1] = np.full_like(state[1], 10_000_000)
    model._tree.__setstate__(tuple(state))
    skops.io.dump(model, tmp_path / "model")
    with pytest.raises(ModelError, match="damaged or forged"):
        flavor.load(tmp_path / "model", "skops", trust=False)


def test_known_types_are_named_by_where_they_are_defined() -> None:
    assert not structure.strangers(["sklearn.metrics._classification.f1_score", "sklearn.model_selection._split.KFold"])
    foreign = ["os.system", "sklearn.metrics._classification.warnings", "sklearn.utils.fixes.os", "builtins.eval"]
    assert structure.strangers(foreign) == sorted(foreign)


def test_saving_imports_no_array_library(tmp_path: Path) -> None:
    """skops asks scikit-learn for all estimators, which would import torch where it is installed."""
    code = f"""
import sys, pathlib
from sklearn.linear_model import LogisticRegression
from autotrack_sklearn import model
saved = model.save(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), pathlib.Path({str(tmp_path / "model")!r}))
assert saved.format == "skops", saved
assert not {{"torch", "cupy", "dask"}} & set(sys.modules)
assert None not in [module for name, module in sys.modules.items() if name.startswith("sklearn")]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
