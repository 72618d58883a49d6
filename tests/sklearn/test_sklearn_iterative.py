"""Trainings in several calls are one run, and iterations are series."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from autotrack_sklearn.tracked import track_of
from sklearn.cluster import MiniBatchKMeans
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack import active
from autotrack.autolog import autolog
from autotrack.journal import syncing

CALLBACKS = hasattr(LogisticRegression, "set_callbacks")  # scikit-learn 1.9 and later


pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("plenty"),
]


def batches(X: Any, y: Any, size: int = 100) -> list[tuple[Any, Any]]:
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


def test_partial_fit_is_one_run_with_a_step_for_each_call(on, runs, load) -> None:
    X, y = load("breast_cancer")
    model = SGDClassifier(random_state=0)
    for part, labels in batches(X, y):
        model.partial_fit(part, labels, classes=[0, 1])
        assert autotrack.active_run() is None
    (run,) = runs()
    steps = [step for step, _ in run.series["train/accuracy_score"]]
    assert steps == [step for step, _ in run.series["fit_time"]] == list(range(6))
    assert run.series["samples"][-1] == (5, 569)
    assert [model.step for model in run.models] == list(range(6))
    assert [(data.name, data.shape) for data in run.data] == [("X", [100, 30]), ("y", [100])]


def test_a_run_that_rests_ends_by_itself_and_goes_on_as_an_attempt(on, runs, load, monkeypatch) -> None:
    monkeypatch.setattr(active, "_REST", 0.1)
    X, y = load("iris")
    model = GaussianNB()
    model.partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(runs()[0], "status")
    deadline = time.monotonic() + 20
    while not hasattr(runs()[0], "status") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert runs()[0].status == "finished"
    model.partial_fit(X, y)
    (run,) = runs()
    assert [step for step, _ in run.series["fit_time"]] == [0, 1]


def test_a_run_that_was_deleted_in_its_rest_is_followed_by_another(on, runs, load) -> None:
    X, y = load("iris")
    model = GaussianNB()
    model.partial_fit(X, y, classes=[0, 1, 2])
    (first,) = runs()
    track = track_of(model)
    assert track is not None
    track.run.finish()
    assert syncing.drain(30)
    shutil.rmtree(first.folder.run_folder(first.id))
    model.partial_fit(X, y)
    model.partial_fit(X, y)
    (run,) = runs()
    assert run.id != first.id and run.name == "GaussianNB" and run.data
    assert run.tags["estimator"] == "sklearn.naive_bayes.GaussianNB"
    assert [step for step, _ in run.series["fit_time"]] == [0, 1]


def test_rested_time_is_not_counted(runs, load, tmp_path, monkeypatch) -> None:
    script = """
import time, sys, autotrack; autotrack.autolog()
from sklearn.naive_bayes import GaussianNB
from sklearn.datasets import load_iris
model = GaussianNB().partial_fit(*load_iris(return_X_y=True), classes=[0, 1, 2])
time.sleep(1); sys.exit("an error that has nothing to do with it")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    run = autotrack.runs()[0]
    assert run.status == "finished" and run.duration is not None and run.duration.total_seconds() < 1


def test_two_objects_are_two_runs(on, runs, load) -> None:
    X, y = load("diabetes")
    one, two = SGDRegressor(), SGDRegressor()
    for part, target in batches(X, y):
        one.partial_fit(part, target)
        two.partial_fit(part, target)
    assert [len(run.series["fit_time"]) for run in runs()] == [5, 5]


def test_partial_fit_in_an_active_run(on, runs, load) -> None:
    X, y = load("iris")
    with autotrack.start_run() as mine:
        model = GaussianNB()
        for _ in range(3):
            model.partial_fit(X, y, classes=[0, 1, 2])
            assert autotrack.active_run() is mine
    model.partial_fit(X, y)  # the user's run has ended: this is another one
    one, two = runs()
    assert [step for step, _ in one.series["fit_time"]] == [0, 1, 2]
    assert [step for step, _ in two.series["fit_time"]] == [0]


def test_partial_fit_that_fails(on, runs, load) -> None:
    X, y = load("iris")
    model = GaussianNB()
    model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], y)
    assert runs()[0].status == "failed"


def test_time_of_many_small_calls_is_limited(on, runs, load, monkeypatch) -> None:
    monkeypatch.setattr("autotrack_sklearn.tracked.FLOOR", 0.0)
    X, y = load("iris")
    model = GaussianNB()
    for _ in range(50):
        model.partial_fit(X, y, classes=[0, 1, 2])
    (run,) = runs()
    assert len(run.series["fit_time"]) == 50
    assert len(run.series["train/accuracy_score"]) < 50
    (note,) = run.notes["capture"]
    assert "metrics='always'" in note


@pytest.mark.parametrize("kind", [RandomForestClassifier, GradientBoostingClassifier])
def test_warm_start_is_one_run(on, runs, load, kind: Any) -> None:
    X, y = load("breast_cancer")
    model = kind(n_estimators=5, warm_start=True, random_state=0)
    for count in (5, 10, 15):
        model.set_params(n_estimators=count).fit(X, y)
    kind(n_estimators=5, random_state=0).fit(X, y)
    one, two = runs()
    assert [step for step, _ in one.series["fit_time"]] == [0, 1, 2]
    assert one.params["n_estimators"] == 15
    if kind is GradientBoostingClassifier:
        assert [step for step, _ in one.series["train_score"]] == list(range(15))
    assert [step for step, _ in two.series["fit_time"]] == [None]


def test_series_go_on_where_they_were(on, runs, load) -> None:
    X, y = load("iris")
    model = MLPClassifier((4,), max_iter=10, warm_start=True, random_state=0)
    for _ in range(3):
        model.fit(X, y)
    (run,) = runs()
    assert [value for _, value in run.series["loss_curve"]] == model.loss_curve_
    assert [step for step, _ in run.series["loss_curve"]] == list(range(30))


def test_fit_begins_a_new_run(on, runs, load) -> None:
    X, y = load("iris")
    model = SGDClassifier(random_state=0)
    model.partial_fit(X, y, classes=[0, 1, 2])
    model.fit(X, y)
    model.partial_fit(X, y)  # goes on with what fit has begun
    one, two = runs()
    assert len(one.series["fit_time"]) == 1
    assert len(two.series["fit_time"]) == 2


def test_preparation_in_parts_is_no_run(on, runs, load) -> None:
    X, _ = load("iris")
    StandardScaler().partial_fit(X)
    MiniBatchKMeans(3).partial_fit(X)
    assert [run.name for run in runs()] == ["MiniBatchKMeans"]


def test_partial_fit_is_harmless(load) -> None:
    X, y = load("breast_cancer")

    def train() -> tuple[bytes, Any]:
        np.random.seed(0)
        model = SGDClassifier(loss="log_loss")
        for part, labels in batches(X, y):
            model.partial_fit(part, labels, classes=[0, 1])
        return pickle.dumps(model), np.random.get_state()[1].tolist()

    plain = train()
    with autolog(only="sklearn"):
        assert train() == plain


def test_calls_in_several_threads(on, runs, load) -> None:
    X, y = load("iris")

    def work() -> None:
        model = GaussianNB()
        for _ in range(5):
            model.partial_fit(X, y, classes=[0, 1, 2])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(run.series["fit_time"]) for run in runs()] == [5, 5, 5]


@pytest.mark.skipif(not CALLBACKS, reason="scikit-learn has callbacks since 1.9")
class TestCallbacks:
    @pytest.mark.parametrize("data", ["breast_cancer", "digits"])
    def test_losses_of_iterations(self, on, runs, load, data: str) -> None:
        X, y = load(data)
        weight = np.linspace(0.5, 1.5, len(y))
        model = LogisticRegression(max_iter=30).fit(X / X.max(), y, sample_weight=weight)
        (run,) = runs()
        steps, values = zip(*run.series["loss"], strict=True)
        assert steps[-1] == model.n_iter_[0] and steps == tuple(sorted(set(steps)))
        assert values[-1] == pytest.approx(
            log_loss(y, model.predict_proba(X / X.max()), sample_weight=weight), rel=1e-9
        )
        assert values[0] > values[-1]

    def test_of_the_last_step_of_a_pipeline(self, on, runs, load) -> None:
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(*load("breast_cancer"))
        (run,) = runs()
        assert len(run.series["loss"]) == model[-1].n_iter_[0]

    def test_text_labels(self, on, runs, load) -> None:
        X, y = load("iris")
        LogisticRegression(max_iter=200).fit(X, np.array(["a", "b", "c"])[y])
        assert len(runs()[0].series["loss"]) > 10

    def test_the_users_callbacks_stay(self, on, load) -> None:
        class Mine:
            seen = 0

            def setup(self, estimator, context): ...
            def teardown(self, estimator, context): ...
            def on_fit_task_begin(self, estimator, context): ...

            def on_fit_task_end(self, estimator, context):
                Mine.seen += 1

        mine = Mine()
        model = LogisticRegression().set_callbacks(mine)
        model.fit(*load("iris"))
        assert Mine.seen > 10
        assert model._skl_callbacks == [mine]

    def test_no_trace_is_left(self, load) -> None:
        X, y = load("breast_cancer")
        plain = LogisticRegression().fit(X, y)
        with autolog(only="sklearn"):
            seen = LogisticRegression().fit(X, y)
        assert vars(seen).keys() == vars(plain).keys()
        assert pickle.dumps(seen) == pickle.dumps(plain)

    def test_fit_that_fails(self, on, load) -> None:
        X, y = load("iris")
        model = LogisticRegression()
        with pytest.raises(ValueError):
            model.fit(X, y[:-1])
        assert "_skl_callbacks" not in vars(model)

    def test_other_solvers_and_classes_are_left_alone(self, on, runs, load) -> None:
        class Mine(LogisticRegression):
            pass

        LogisticRegression(solver="newton-cg").fit(*load("iris"))
        Mine().fit(*load("iris"))
        assert [len(run.series["loss"]) for run in runs()] == [1, 1]
