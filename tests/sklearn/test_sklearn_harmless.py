"""Nothing that users look at changes: results, attributes, random states, data, warnings, printed text."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import os
import random
import subprocess
import sys
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import numpy as np
import pytest
import sklearn
from autotrack_sklearn import copies
from autotrack_sklearn.quiet import asking, twin
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import NMF, PCA, LatentDirichletAllocation
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import BernoulliRBM, MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from autotrack.autolog import autolog

ESTIMATORS = [
    AdaBoostClassifier(n_estimators=4),
    BaggingRegressor(n_estimators=3),
    BernoulliRBM(n_components=4, n_iter=2),
    DecisionTreeClassifier(),
    DummyClassifier(strategy="stratified"),
    ExtraTreesRegressor(4),
    GaussianMixture(2),
    GaussianProcessClassifier(),
    GradientBoostingRegressor(n_estimators=4),
    GridSearchCV(RandomForestClassifier(3), {"max_depth": [1, 2]}, cv=2),
    HistGradientBoostingClassifier(max_iter=4),
    IsolationForest(n_estimators=4),
    KMeans(3, n_init=1),
    KNeighborsClassifier(),
    LatentDirichletAllocation(2, max_iter=2),
    LinearSVC(dual=False),
    LogisticRegression(max_iter=500),
    MLPClassifier((4,), max_iter=50, tol=100),
    MiniBatchKMeans(3, n_init=1),
    NMF(2, init="random", max_iter=500),
    OneVsRestClassifier(SGDClassifier()),
    PCA(2),
    RFE(DecisionTreeClassifier()),
    RandomForestClassifier(5, n_jobs=2),
    RandomizedSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2, 3]}, n_iter=2, cv=2),
    Ridge(),
    SVC(),
    StackingClassifier([("tree", DecisionTreeClassifier()), ("near", KNeighborsClassifier())], cv=2),
    VotingClassifier([("tree", DecisionTreeClassifier()), ("svc", SVC())]),
    make_pipeline(StandardScaler(), SGDClassifier()),
]


def states() -> Any:
    return joblib.hash(np.random.get_state(legacy=False))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # scikit-learn 1.4 announces new defaults
@pytest.mark.parametrize("seed", ["instance", "global"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "threads"])
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_identical_results_attributes_and_states(load, estimator, seed, alone) -> None:
    X, y = load("iris")
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    if not alone:
        other.start()

    def outcome() -> Any:
        np.random.seed(3)
        model = sklearn.clone(estimator)
        generator = np.random.RandomState(7)
        if seed == "instance" and "random_state" in model.get_params():
            model.set_params(random_state=generator)
        data = X.copy(), y.copy()
        model.fit(*data)
        timeless = {key: value for key, value in vars(model).items() if key not in ("cv_results_", "refit_time_")}
        return list(vars(model)), joblib.hash(timeless), joblib.hash(generator), joblib.hash(data), states()

    try:
        plain = outcome()
        with autolog(only="sklearn", metrics="always"):
            logged = outcome()
    finally:
        stop.set()
    assert logged == plain


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


@pytest.mark.parametrize("make", [dict, lambda: {"n_jobs": 2}], ids=["alone", "workers"])
def test_data_prepared_in_place(load, make) -> None:
    """Training metrics leave alone what `fit` was allowed to overwrite."""
    X, y = load("wine")

    def outcome() -> Any:
        data = X.copy()
        model = make_pipeline(StandardScaler(copy=False), RandomForestClassifier(3, random_state=0, **make()))
        model.fit(data, y)
        return joblib.hash(data)

    plain = outcome()
    with autolog(only="sklearn"):
        assert outcome() == plain


def test_predict_that_writes_into_its_input(on, runs, load) -> None:
    class Writer(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Writer:
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: Any) -> Any:
            X[:] = 0
            self.spoiled_ = True
            return np.zeros(len(X), dtype=int)

    X, y = load("iris")
    data = X.copy()
    model = Writer().fit(data, y)
    assert np.array_equal(data, X)
    assert list(vars(model)) == ["classes_"]
    assert runs()[0].metrics["train/accuracy_score"] == np.mean(y == 0)


class Constant(ClassifierMixin, BaseEstimator):
    """Predicts the first class, and notes it in all that it holds."""

    def fit(self, X: Any, y: Any) -> Constant:
        self.classes_ = np.unique(y)
        self.calls_: list[int] = []
        self.cache_: dict[int, int] = {}
        self.counts_ = np.zeros(1)
        self.random_ = random.Random(0)
        self.inside_ = {"generator": np.random.RandomState(0)}
        return self

    def predict(self, X: Any) -> Any:
        self.calls_.append(len(X))
        self.cache_[len(X)] = 1
        self.counts_[0] += 1
        self.random_.random()
        self.inside_["generator"].uniform()
        return np.full(len(X), self.classes_[0])


class Halver(TransformerMixin, BaseEstimator):
    """Writes into what it is given, whatever that is."""

    def fit(self, X: Any, y: Any = None) -> Halver:
        return self

    def transform(self, X: Any) -> Any:
        if hasattr(X, "iloc"):
            X["a"] = X["a"] / 2
        elif hasattr(X, "tocsr"):
            X.data *= 0.5
        elif isinstance(X, list):
            X[0][0] /= 2
        else:
            X[:] *= 0.5
        return X


def kinds_of_data(path: Path) -> dict[str, Any]:
    X = np.random.default_rng(0).normal(size=(60, 2)) + 8
    mapped = np.memmap(path, mode="w+", dtype="float64", shape=X.shape)
    mapped[:] = X
    kinds = {"array": X.copy(), "memmap": mapped, "list": X.tolist()}
    kinds |= {"csr": sparse.csr_matrix(X), "csc": sparse.csc_matrix(X), "coo": sparse.coo_matrix(X)}
    if pandas := sys.modules.get("pandas"):
        kinds["frame"] = pandas.DataFrame(X, columns=["a", "b"])
    return kinds


@pytest.mark.parametrize("kind", ["array", "memmap", "list", "csr", "csc", "coo", "frame"])
def test_steps_of_the_user_that_write_into_their_input(tmp_path: Path, kind: str) -> None:
    if kind == "frame":
        pytest.importorskip("pandas")
    y = np.arange(60) % 2
    outcomes = []
    for on in (False, True):
        data = kinds_of_data(tmp_path / f"mapped{on}")[kind]
        with autolog(only="sklearn") if on else contextlib.nullcontext():
            model = make_pipeline(Halver(), LogisticRegression()).fit(data, y)
        outcomes.append(
            (joblib.hash(np.asarray(data.todense() if sparse.issparse(data) else data)), model[-1].coef_.tolist())
        )
    assert outcomes[0] == outcomes[1]


def test_state_of_the_users_model(runs, load) -> None:
    X, y = load("iris")
    plain = joblib.hash(vars(Constant().fit(X, y)))
    with autolog(only="sklearn"):
        assert joblib.hash(vars(Constant().fit(X, y))) == plain
    assert runs()[0].metrics["train/score"] == pytest.approx(1 / 3)


def test_state_in_a_closure(on, load) -> None:
    """A function of the user's is asked as a copy, with what it refers to."""
    X, y = load("iris")
    numbers: list[int] = []

    def counting(X: Any) -> Any:
        numbers.append(len(X))
        return X

    make_pipeline(FunctionTransformer(counting), LogisticRegression(max_iter=500)).fit(X, y)
    assert numbers == [150]


def test_model_that_ends_something_is_not_copied(on, runs, load, tmp_path: Path) -> None:
    class Holder(Constant):
        def fit(self, X: Any, y: Any) -> Holder:
            self.folder_ = tmp_path / "held"
            self.folder_.mkdir()
            return super().fit(X, y)

        def __del__(self) -> None:
            self.folder_.rmdir()

    model = Holder().fit(*load("iris"))
    gc.collect()
    assert model.folder_.is_dir()
    assert "Holder.__del__" in runs()[0].notes["capture"][0]


def test_foreign_models_are_asked_only_when_alone(runs, load) -> None:
    """With other threads about the random generators could not be put back."""

    class Drawing(Constant):
        def predict(self, X: Any) -> Any:
            return self.classes_[np.random.randint(0, 2, len(X))]

    X, y = load("iris")
    stop = threading.Event()
    drawn = []
    for log in (False, True):
        other = threading.Thread(target=stop.wait)
        other.start()
        try:
            np.random.seed(0)
            with autolog(only="sklearn") if log else contextlib.nullcontext():
                Drawing().fit(X, y)
            drawn.append(np.random.uniform())
        finally:
            stop.set()
            other.join()
            stop.clear()
    assert drawn[0] == drawn[1]
    assert "random numbers" in runs()[0].notes["capture"][0]


def test_large_foreign_models_are_not_copied(on, runs, load, monkeypatch) -> None:
    monkeypatch.setattr(copies, "LARGE", 1 << 20)

    class Large(Constant):
        def fit(self, X: Any, y: Any) -> Large:
            self.table_ = np.zeros(1 << 18)
            return super().fit(X, y)

    Large().fit(*load("iris"))
    (run,) = runs()
    assert "larger than 1 MiB" in run.notes["capture"][0]
    assert "train/score" not in run.metrics


def test_data_that_fit_of_the_user_wrote_into(on, runs, load) -> None:
    """Metrics would be those of other data."""

    class Wiping(Constant):
        def fit(self, X: Any, y: Any) -> Wiping:
            super().fit(X, y)
            if hasattr(X, "iloc"):
                X.iloc[:, 0] = 0.0
            else:
                X[:] = 0
            return self

    X, y = load("iris")
    Wiping().fit(X.copy(), y)
    Wiping().fit(sparse.csr_matrix(X).toarray(order="F"), y)
    if pandas := sys.modules.get("pandas"):
        Wiping().fit(pandas.DataFrame(X), y)
    for run in runs():
        assert run.notes["capture"] == ["training metrics skipped: fit changed the data that it was given"]
        assert "train/score" not in run.metrics


def test_twin_shares_arrays_and_nothing_else(load) -> None:
    X, y = load("iris")
    inner = SGDClassifier(random_state=np.random.RandomState(0), verbose=0)
    model = make_pipeline(StandardScaler(), inner).fit(X, y)
    other = twin(model)
    assert other is not model
    assert other[-1] is not inner
    assert other[-1].coef_ is inner.coef_
    before = copy.deepcopy(inner.random_state)
    other[-1].random_state.uniform(size=5)
    other[-1].new_ = 1
    assert joblib.hash(inner.random_state) == joblib.hash(before)
    assert not hasattr(inner, "new_")


def test_method_replaced_on_the_object_is_not_asked(on, load) -> None:
    X, y = load("iris")
    model = DecisionTreeClassifier()
    model.predict = mock.Mock(side_effect=model.predict)
    model.fit(X, y)
    assert model.predict.call_count == 0


def test_nothing_is_kept_alive(on, load) -> None:
    X, y = (array.copy() for array in load("iris"))
    model = DecisionTreeClassifier().fit(X, y)  # makes no reference cycles of its own
    data, fitted = weakref.ref(X), weakref.ref(model)
    del X, y, model
    assert data() is None
    assert fitted() is None


def test_signatures_routing_and_conditional_methods(load) -> None:
    plain = inspect.signature(LogisticRegression.fit), LogisticRegression.fit.__doc__
    X, y = load("iris")
    with autolog(only="sklearn"):
        assert (inspect.signature(LogisticRegression.fit), LogisticRegression.fit.__doc__) == plain
        with sklearn.config_context(enable_metadata_routing=True):

            class Later(ClassifierMixin, BaseEstimator):
                def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Later:
                    self.classes_ = np.unique(y)
                    self.weight_ = sample_weight
                    return self

                def predict(self, X: Any) -> Any:
                    return np.full(len(X), self.classes_[0])

            Later().set_fit_request(sample_weight=True)
            model = LogisticRegression(max_iter=500).set_fit_request(sample_weight=True)
            assert model.get_metadata_routing().fit.requests == {"sample_weight": True}
            make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model).fit(
                X, y, sample_weight=np.ones(len(y))
            )
        assert not hasattr(make_pipeline(StandardScaler(), SVC()), "fit_predict")
        assert hasattr(make_pipeline(StandardScaler(), KMeans()), "fit_predict")
        assert cross_val_score(sklearn.clone(LogisticRegression(max_iter=500)), X, y, n_jobs=2).shape == (5,)
