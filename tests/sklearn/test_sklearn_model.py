"""Models come back as they were, and nothing of the file runs without trust."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from autotrack_sklearn import model as flavor
from autotrack_sklearn import structure
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import Birch
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
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

import autotrack
from autotrack.autolog import autolog
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


def test_runs_say_that_skops_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skops", None)
    for name in [name for name in sys.modules if name.startswith(("skops.", "autotrack_sklearn.archive"))]:
        monkeypatch.delitem(sys.modules, name)
    with autolog(sklearn={"metrics": False}):
        LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    (run,) = autotrack.runs()
    assert not run.models[0].safe
    assert any("skops is not installed: pip install 'autotrack-ml[sklearn]'" in note.text for note in run.notes)


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


def test_forged_sparse_coefficients(load, tmp_path: Path) -> None:
    model = LogisticRegression(max_iter=500).fit(*load("iris")).sparsify()
    path = tmp_path / "model"
    skops.io.dump(model, path)
    assert np.array_equal(flavor.load(path, "skops", trust=False).coef_.toarray(), model.coef_.toarray())
    model.coef_.indices = np.full_like(model.coef_.indices, 200_000_000)
    skops.io.dump(model, path)
    with pytest.raises(ModelError, match="damaged or forged"):
        flavor.load(path, "skops", trust=False)


@pytest.mark.parametrize("kind", [GradientBoostingClassifier, GradientBoostingRegressor])
@pytest.mark.parametrize("forgery", ["stages", "start"])
def test_forged_stages(load, tmp_path: Path, kind: Any, forgery: str) -> None:
    X, y = load("iris")
    model = kind(n_estimators=2).fit(X, y)
    path = tmp_path / "model"
    skops.io.dump(model, path)
    assert np.array_equal(flavor.load(path, "skops", trust=False).predict(X), model.predict(X))
    if forgery == "stages":
        model.estimators_ = np.hstack([model.estimators_] * 400)
    elif kind is GradientBoostingClassifier:
        model.init_ = DummyClassifier().fit(X, y != 0)
    else:
        model.init_ = DummyRegressor().fit(X, np.c_[y, y])
    skops.io.dump(model, path)
    with pytest.raises(ModelError, match="damaged or forged"):
        flavor.load(path, "skops", trust=False)


def test_forged_labels_of_neighbors(load, tmp_path: Path) -> None:
    model = KNeighborsClassifier(algorithm="brute").fit(*load("iris"))
    model._y = model._y[:1]
    skops.io.dump(model, tmp_path / "model")
    with pytest.raises(ModelError, match="damaged or forged"):
        flavor.load(tmp_path / "model", "skops", trust=False)


keys = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(width=16),
    st.sampled_from(["", "1", "True", "1.0", "nan", "None", "a"]),
    st.binary(max_size=1),
    st.integers(-3, 3).map(np.int64),
    st.sampled_from([np.float64(0.5), np.float32(1), np.str_("1"), np.bool_(True), np.datetime64("2026-01-01")]),
    st.tuples(st.integers(0, 1)),
    st.frozensets(st.integers(0, 1)),
)
values = st.recursive(
    st.one_of(keys, st.just(slice(1, None)), st.just(np.float32), st.just(type(None)), st.just(LogisticRegression)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4), st.tuples(inner)),
    max_leaves=8,
)


def exact(value: Any) -> Any:
    """Something that is equal for equal values of equal types only, also NaN."""
    if isinstance(value, dict):
        return dict, [(exact(key), exact(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [exact(item) for item in value]
    return type(value), repr(value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
@example(value={1: "a", "1": "b"})
@example(value=[{True: 5.0, False: 1.0}])
def test_whatever_a_model_holds_comes_back(tmp_path: Path, value: Any) -> None:
    """Equal and of the same types; and what was called safe needs no trust."""
    model = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    model.value_ = value
    saved = flavor.save(model, tmp_path / "model")
    loaded = flavor.load(tmp_path / "model", saved.format, trust=not saved.safe)
    assert exact(loaded.value_) == exact(value)


def test_class_weights_of_booleans(load, tmp_path: Path) -> None:
    X, y = load("breast_cancer")
    model = RandomForestClassifier(2, class_weight={True: 5.0, False: 1.0}).fit(X, y == 1)
    saved = flavor.save(model, tmp_path / "model")
    assert not saved.safe
    assert flavor.load(tmp_path / "model", saved.format, trust=True).class_weight == {True: 5.0, False: 1.0}


def test_what_one_model_was_called_does_not_count_for_another(tmp_path: Path) -> None:
    """`load` accepts each file that `save` calls safe, in whatever order models come."""
    contents = [1, frozenset([1]), LogisticRegression, np.float64, slice(1, 2)]
    formats = []
    for order in (contents, contents[::-1]):
        flavor._verdicts.clear()
        for content in order:
            model = DummyClassifier()
            model.content_ = content
            saved = flavor.save(model, tmp_path / "model")
            formats.append((repr(content), saved.format))
            assert flavor.load(tmp_path / "model", saved.format, trust=not saved.safe).content_ == content
    assert formats[: len(contents)] == formats[len(contents) :][::-1]


def test_large_models_are_neither_held_nor_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(flavor, "_LARGE", 1 << 16)
    model = DummyClassifier()
    model.table_ = np.random.default_rng(0).integers(0, 255, 1 << 20, dtype=np.uint8)
    saved = flavor.save(model, tmp_path / "model")
    found = (tmp_path / "model").stat()
    assert saved.format == "cloudpickle"
    assert (1 << 20) < found.st_size < (1 << 20) + 10_000
    assert found.st_blocks * 512 < 1 << 16


def test_known_types_are_named_by_where_they_are_defined() -> None:
    assert not structure.strangers(["sklearn.metrics._classification.f1_score", "sklearn.model_selection._split.KFold"])
    foreign = ["os.system", "sklearn.metrics._classification.warnings", "sklearn.utils.fixes.os", "builtins.eval"]
    assert structure.strangers(foreign) == sorted(foreign)


@pytest.mark.parametrize("first", [True, False])
def test_metrics_that_autologging_listens_to_are_known(load, tmp_path: Path, first: bool) -> None:
    """A model that holds one needs no trust, whether autologging is on when it is saved, loaded, or never."""
    X, y = load("iris")
    for saving, loading in ((first, not first), (not first, first), (first, first)):
        structure._public.cache_clear()
        flavor._verdicts.clear()
        with autolog(only="sklearn", models=False) if saving else contextlib.nullcontext():
            scoring = metrics.make_scorer(metrics.accuracy_score)
            model = GridSearchCV(DummyClassifier(), {"strategy": ["prior", "most_frequent"]}, scoring=scoring, cv=2)
            model.fit(X, y)
            saved = flavor.save(model, tmp_path / "model")
        assert saved.safe
        with autolog(only="sklearn") if loading else contextlib.nullcontext():
            loaded = flavor.load(tmp_path / "model", saved.format, trust=False)
            assert loaded.scorer_(loaded, X, y) == pytest.approx(1 / 3)
    structure._public.cache_clear()


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


def outline(path: Path) -> Any:
    """The schema of an archive, without what is not the same in each."""

    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(value) for key, value in node.items() if key not in ("__id__", "file")}
        return [bare(item) for item in node] if isinstance(node, list) else node

    with zipfile.ZipFile(path) as file:
        return bare(json.loads(file.read("schema.json"))), len(file.namelist())


def lines(path: Path) -> int:
    """How many the schema has."""
    with zipfile.ZipFile(path) as file:
        return file.read("schema.json").count(b"\n") + 1


@pytest.mark.parametrize("model", SAFE, ids=lambda one: type(one).__name__)
def test_archive_is_one_of_skops(model, load, tmp_path: Path) -> None:
    """Plain skops reads it, and it says what one of skops' own says but for numbers of objects and names of files."""
    X, y = load("iris")
    model.fit(X, y)
    flavor.save(model, tmp_path / "ours")
    skops.io.dump(model, tmp_path / "theirs")
    types = skops.io.get_untrusted_types(file=tmp_path / "theirs")
    assert skops.io.get_untrusted_types(file=tmp_path / "ours") == types
    ours, theirs = (skops.io.load(tmp_path / name, trusted=types) for name in ("ours", "theirs"))
    assert np.array_equal(ours.predict(X), theirs.predict(X))
    assert outline(tmp_path / "ours") == outline(tmp_path / "theirs")
    assert lines(tmp_path / "ours") == 1 < lines(tmp_path / "theirs")
    assert (tmp_path / "ours").stat().st_size < (tmp_path / "theirs").stat().st_size


def test_equal_models_are_equal_files(load, tmp_path: Path) -> None:
    """A store keeps one of them."""
    X, y = load("iris")
    for name in ("one", "other"):
        model: Any = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
        model.fit(X, y)
        flavor.save(model, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
