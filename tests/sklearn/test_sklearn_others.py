"""Other libraries' estimators: one run each with their own curves, and nothing of theirs disturbed."""

from __future__ import annotations

import json
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import cloudpickle
import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skorch
import torch
import xgboost
from imblearn.combine import SMOTETomek
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imbalanced
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import callbacks

import autotrack
from autotrack.autolog import autolog
from autotrack.errors import ModelError

pytestmark = [pytest.mark.others, pytest.mark.usefixtures("plenty")]


@pytest.fixture
def on() -> Any:
    """Autologging of everything, without a limit on the time of metrics: these machines are busy."""
    with autolog(metrics="always"):
        yield
    autolog().stop()


@pytest.fixture(scope="module")
def cancer() -> tuple[Any, Any]:
    """Few samples, 32-bit numbers as torch wants them."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X).astype(np.float32)[::2], y[::2]


@pytest.fixture(scope="module")
def parts(cancer: tuple[Any, Any]) -> tuple[Any, Any, Any, Any]:
    """Training and validation data as frames and series."""
    X, y = cancer
    frame = pd.DataFrame(X, columns=[f"size {i}" for i in range(X.shape[1])])
    return frame[:200], pd.Series(y[:200]), frame[200:], pd.Series(y[200:])


class Net(torch.nn.Module):
    def __init__(self, hidden: int = 8, out: int = 2) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(30, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, out))

    def forward(self, X: Any) -> Any:
        return self.layers(X)


def net(**options: Any) -> Any:
    """A tiny classifier."""
    return skorch.NeuralNetClassifier(Net, **{"max_epochs": 3, "lr": 0.1, "verbose": 0, "criterion": torch.nn.CrossEntropyLoss} | options)  # fmt: skip


def boosters() -> list[Any]:
    """A small classifier of each library."""
    return [
        xgboost.XGBClassifier(n_estimators=4, n_jobs=1, subsample=0.5, random_state=1),
        lightgbm.LGBMClassifier(n_estimators=4, n_jobs=1, verbose=-1),
        catboost.CatBoostClassifier(iterations=4, thread_count=1, verbose=False, allow_writing_files=False),
    ]


def points(values: Any) -> list[tuple[int, float]]:
    """A series whose steps are counted from 0."""
    return list(enumerate(values))


def curves_of(run: Any, results: dict[str, dict[str, list[float]]]) -> None:
    """What the library says is what was recorded, to the last bit."""
    for name, metrics in results.items():
        for metric, values in metrics.items():
            assert run.series[f"{name}/{metric}"] == points(values)
    assert {key.partition("/")[0] for key in run.series if "/" in key} <= {*results, "train", "best_score"}


# xgboost ------------------------------------------------------------------------------------------------------------


def test_xgboost(on, runs, parts) -> None:
    X, y, other, target = parts

    class Own(xgboost.callback.TrainingCallback):
        def __init__(self) -> None:
            self.heard: list[int] = []

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            self.heard.append(epoch)
            return False

    own = [Own()]
    model = xgboost.XGBClassifier(
        n_estimators=40, learning_rate=0.5, eval_metric=["auc", "logloss"], early_stopping_rounds=2, callbacks=own,
        n_jobs=1, verbosity=0, some_option=None,
    )  # fmt: skip
    model.fit(X, y, eval_set=[(X, y), (other, target)], verbose=False)
    (run,) = runs()
    assert run.tags["estimator"] == "xgboost.sklearn.XGBClassifier"
    assert (
        run.params.items() >= {"n_estimators": 40, "learning_rate": 0.5, "max_depth": None, "some_option": None}.items()
    )
    assert run.params["callbacks"] == ["Own"]
    assert run.tags["params.changed"].split(", ") == [
        "callbacks", "early_stopping_rounds", "eval_metric", "learning_rate", "n_estimators", "n_jobs", "verbosity", "some_option",
    ]  # fmt: skip
    curves_of(run, model.evals_result())
    rounds = len(model.evals_result()["validation_1"]["logloss"])
    assert 3 < rounds < 40
    assert run.metrics["best_iteration"] == model.best_iteration == rounds - 3
    assert run.metrics["best_score"] == model.best_score
    assert own[0].heard == list(range(rounds))
    assert model.callbacks is own
    assert len(own) == 1
    assert [(data.name, data.role, data.shape) for data in run.data] == [
        ("X", "train", [200, 30]),
        ("y", "train", [200]),
        ("X_validation_1", "validation", [85, 30]),
        ("y_validation_1", "validation", [85]),
    ]
    assert run.data[2].fingerprint not in ("", run.data[0].fingerprint)
    chances = model.predict_proba(X)
    assert chances.dtype == np.float32
    assert run.metrics["train/log_loss"] == pytest.approx(log_loss(y, chances), rel=1e-6)
    assert run.metrics["train/roc_auc_score"] == roc_auc_score(y, chances[:, 1])
    assert run.metrics["train/score"] == model.score(X, y)
    summary = json.loads(run.content("fitted.json"))
    best = X.columns[np.argmax(model.feature_importances_)]
    assert summary["feature_importances_"]["largest"][0] == [best, max(model.feature_importances_)]
    assert summary["feature_names"] == list(X.columns)
    assert "capture" not in run.notes


@pytest.mark.parametrize("generator", [np.random.RandomState, np.random.default_rng], ids=["old", "new"])
@pytest.mark.parametrize(
    "outer", [lambda one: one, lambda one: make_pipeline(StandardScaler(), one)], ids=["alone", "step"]
)
def test_xgboost_draws_the_same_seed(cancer, generator, outer) -> None:
    """Its `get_params` draws from a generator given as `random_state`, and so did ours."""

    def outcome() -> Any:
        seeds = generator(5)
        model = outer(xgboost.XGBClassifier(n_estimators=3, subsample=0.3, n_jobs=1, random_state=seeds))
        cross_val_score(model, *cancer, cv=2)
        return joblib.hash([model.fit(*cancer).predict_proba(cancer[0]), seeds])

    plain = outcome()
    with autolog(metrics="always"):
        assert outcome() == plain


def test_xgboost_continued_and_fitted_again(on, runs, parts) -> None:
    X, y, other, target = parts
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1)
    model.fit(X, y, eval_set=[(other, target)], verbose=False)
    more = xgboost.XGBClassifier(n_estimators=5, n_jobs=1, early_stopping_rounds=4)
    more.fit(X, y, eval_set=[(other, target)], verbose=False, xgb_model=model)
    model.fit(X, y)  # keeps `evals_result_` of the former fit
    first, second, third = runs()
    curves_of(first, model.evals_result())
    assert "best_iteration" not in first.metrics
    curves_of(second, more.evals_result())
    assert len(second.series["validation_0/logloss"]) == 5
    assert second.metrics["best_iteration"] == more.best_iteration == 7
    assert not any(key.startswith("validation_0") for key in third.series)


def test_other_tasks_of_xgboost(on, runs, parts) -> None:
    X, y, other, target = parts
    xgboost.XGBRFRegressor(n_estimators=3, n_jobs=1, max_depth=2).fit(X, y, eval_set=[(other, target)], verbose=False)
    xgboost.XGBRanker(n_estimators=3, n_jobs=1).fit(X, y, qid=np.arange(200) // 10)
    xgboost.XGBClassifier(n_estimators=3, n_jobs=1, booster="gblinear").fit(X, y)
    forest, ranker, linear = runs()
    assert forest.tags["params.changed"] == "max_depth, n_estimators, n_jobs"
    assert forest.metrics["train/mean_squared_error"] > 0
    assert len(forest.series["validation_0/rmse"]) == 1
    assert ranker.status == "finished"
    assert "coef_" in json.loads(linear.content("fitted.json"))
    assert [run.notes.get("capture") for run in runs()] == [None] * len(runs())


# lightgbm -----------------------------------------------------------------------------------------------------------


def test_lightgbm(on, runs, parts) -> None:
    X, y, other, target = parts
    stop = lightgbm.early_stopping(2, verbose=False)
    asked = [stop]
    model = lightgbm.LGBMClassifier(n_estimators=60, learning_rate=0.5, verbose=-1, n_jobs=1, metric="auc", max_bin=20)
    model.fit(X, y, eval_X=(X, other), eval_y=(y, target), eval_metric="binary_logloss", callbacks=asked)
    (run,) = runs()
    assert asked == [stop]
    assert run.params.items() >= {"n_estimators": 60, "metric": "auc", "max_bin": 20, "subsample": 1.0}.items()
    assert run.tags["params.changed"].split(", ") == [
        "learning_rate",
        "n_estimators",
        "n_jobs",
        "verbose",
        "metric",
        "max_bin",
    ]
    assert len(model.evals_result_) == 2
    curves_of(run, model.evals_result_)
    assert run.metrics["best_iteration"] == model.best_iteration_ < 60
    for name, scores in model.best_score_.items():
        for metric, score in scores.items():
            assert run.metrics[f"best_score/{name}/{metric}"] == score
    assert [(data.name, data.role) for data in run.data][2:] == [
        ("X_valid_1", "validation"),
        ("y_valid_1", "validation"),
    ]
    assert run.metrics["train/log_loss"] == pytest.approx(log_loss(y, model.predict_proba(X)), rel=1e-6)
    assert "fitted_" not in run.metrics
    importances = json.loads(run.content("fitted.json"))["feature_importances_"]
    assert importances["largest"][0][0] == X.columns[np.argmax(model.feature_importances_)].replace(" ", "_")
    assert "capture" not in run.notes


@pytest.mark.filterwarnings("ignore::lightgbm.basic.LGBMDeprecationWarning")
def test_names_of_sets_and_continuing_in_lightgbm(on, runs, parts) -> None:
    X, y, other, target = parts
    model = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, n_jobs=1)
    model.fit(X, y, eval_set=[(other, target), (X, y)], eval_names=["held out", "own"])
    more = lightgbm.LGBMModel(objective="regression", n_estimators=4, verbose=-1, n_jobs=1)
    more.fit(X, y, init_model=model, eval_set=(other, target), callbacks=[lightgbm.early_stopping(3, verbose=False)])
    model.fit(X, y)
    first, second, third = runs()
    curves_of(
        first, {"held out": {"l2": first_values(first, "held out/l2")}, "own": {"l2": first_values(first, "own/l2")}}
    )
    assert [data.name for data in first.data][2:] == ["X_held out", "y_held out"]
    assert "best_iteration" not in first.metrics  # it could not end early
    assert first.metrics["train/mean_squared_error"] == pytest.approx(mean_squared_error(y, model.predict(X)), rel=0.1)
    curves_of(second, more.evals_result_)
    assert second.metrics["best_iteration"] == more.best_iteration_ > 3
    assert not any(key.startswith("valid") for key in third.series)


def first_values(run: Any, key: str) -> list[float]:
    assert len(run.series[key]) == 3
    return [value for _, value in run.series[key]]


def test_lightgbm_in_a_pipeline(on, runs, parts) -> None:
    X, y, other, target = parts
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, n_jobs=1))  # fmt: skip
    model.fit(X, y, lgbmclassifier__eval_X=other, lgbmclassifier__eval_y=target)
    (run,) = runs()
    assert run.tags["params.changed"].split(", ") == [
        "steps", "lgbmclassifier__n_estimators", "lgbmclassifier__n_jobs", "lgbmclassifier__verbose",
    ]  # fmt: skip
    curves_of(run, model[-1].evals_result_)
    assert [(data.name, data.role) for data in run.data][2:] == [
        ("X_valid_0", "validation"),
        ("y_valid_0", "validation"),
    ]
    assert run.metrics["train/score"] == model.score(X, y)


# catboost -----------------------------------------------------------------------------------------------------------

QUIET: dict[str, Any] = {"verbose": False, "allow_writing_files": False, "thread_count": 1}


def test_catboost(on, runs, parts) -> None:
    X, y, other, target = parts
    model = catboost.CatBoostClassifier(n_estimators=60, eval_metric="AUC", early_stopping_rounds=3, **QUIET)
    model.fit(X, y, eval_set=(other, target))
    (run,) = runs()
    assert run.tags["source"] == run.tags["framework"] == "catboost"
    assert run.tags["estimator"] == "catboost.core.CatBoostClassifier"
    assert set(run.tags["params.changed"].split(", ")) == {
        "n_estimators", "eval_metric", "early_stopping_rounds", *QUIET,
    }  # fmt: skip
    assert run.params.items() >= model.get_params().items()
    used = model.get_all_params()
    assert run.params["learning_rate"] == used["learning_rate"]
    assert run.params["iterations"] == 60
    curves_of(run, model.get_evals_result())
    assert run.metrics["best_iteration"] == model.get_best_iteration() < 59
    assert run.metrics["best_score/validation/AUC"] == model.get_best_score()["validation"]["AUC"]
    assert [(data.name, data.role, data.shape) for data in run.data] == [
        ("X", "train", [200, 30]),
        ("y", "train", [200]),
        ("X_validation", "validation", [85, 30]),
        ("y_validation", "validation", [85]),
    ]
    assert run.metrics["train/log_loss"] == pytest.approx(log_loss(y, model.predict_proba(X)), rel=1e-6)
    importances = json.loads(run.content("fitted.json"))["feature_importances_"]
    assert importances["largest"][0][0] == X.columns[np.argmax(model.feature_importances_)]
    assert "capture" not in run.notes


def test_catboost_period_and_several_sets(on, runs, parts) -> None:
    """With a period there are values of some iterations only, of the metric that may end the training of all."""
    X, y, other, target = parts
    model = catboost.CatBoostClassifier(iterations=12, metric_period=5, **QUIET)
    model.fit(X, y, eval_set=[(other, target), (X, y)])
    early = catboost.CatBoostClassifier(iterations=200, learning_rate=0.5, eval_metric="AUC", od_wait=4, **QUIET)
    early.fit(X, y, eval_set=[(other, target)], metric_period=3)
    plain, stopped = runs()
    assert model.get_evals_result().keys() == {"learn", "validation_0", "validation_1"}
    for name, metrics in model.get_evals_result().items():
        assert plain.series[f"{name}/Logloss"] == list(zip([0, 5, 10, 11], metrics["Logloss"], strict=True))
    results = early.get_evals_result()
    assert stopped.series["validation/AUC"] == points(results["validation"]["AUC"])
    steps = [step for step, _ in stopped.series["learn/Logloss"]]
    assert steps == list(range(0, len(results["validation"]["AUC"]), 3))
    assert [value for _, value in stopped.series["learn/Logloss"]] == results["learn"]["Logloss"]


@pytest.mark.parametrize("weighted", [False, True])
def test_catboost_pools_with_categories(on, runs, weighted) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"color": rng.choice(["red", "blue"], 120), "size": rng.normal(size=120)})
    label = np.where((frame["color"] == "red") ^ (rng.uniform(size=120) < 0.2), "yes", "no")
    weight = rng.uniform(1, 2, size=120) if weighted else None
    pool = catboost.Pool(frame[:90], label[:90], cat_features=["color"], weight=None if weight is None else weight[:90])
    held_out = catboost.Pool(frame[90:], label[90:], cat_features=["color"])
    model = catboost.CatBoostClassifier(iterations=6, **QUIET)
    model.fit(pool, eval_set=held_out)
    (run,) = runs()
    assert [(data.name, data.role, data.kind, data.shape) for data in run.data] == [
        ("X", "train", "catboost.Pool", [90, 2]),
        ("y", "train", "numpy.ndarray", [90]),
        ("X_validation", "validation", "catboost.Pool", [30, 2]),
        ("y_validation", "validation", "numpy.ndarray", [30]),
    ]
    keep = {} if weight is None else {"sample_weight": weight[:90].astype(np.float32)}
    assert run.metrics["train/log_loss"] == pytest.approx(log_loss(label[:90], model.predict_proba(pool), **keep))
    assert run.metrics["train/score"] == model.score(pool)
    assert "capture" not in run.notes


def test_catboost_of_other_kinds(on, runs, parts) -> None:
    X, y, _, _ = parts
    frame = X.assign(kind=np.where(y, "a", "b"))
    catboost.CatBoostRegressor(iterations=3, **QUIET).fit(frame, y, cat_features=["kind"])
    catboost.CatBoostRanker(iterations=3, **QUIET).fit(X, y, group_id=np.arange(200) // 10)
    catboost.CatBoost({"loss_function": "Logloss", "iterations": 3, **QUIET}).fit(X, y)
    catboost.train(params={"loss_function": "RMSE", "iterations": 2, **QUIET}, pool=catboost.Pool(X, y))
    model = catboost.CatBoostRegressor(iterations=3, **QUIET).fit(X, y)
    catboost.CatBoostRegressor(iterations=2, **QUIET).fit(X, y, init_model=model)
    regressor, ranker, generic, trained, _, continued = runs()
    assert [run.name for run in runs()[:3]] == ["CatBoostRegressor", "CatBoostRanker", "CatBoost"]
    assert regressor.metrics["train/mean_squared_error"] > 0
    assert not any(key.startswith("train/") for key in ranker.metrics)
    assert generic.tags["params.changed"].split(", ")[:2] == ["loss_function", "iterations"]
    assert len(trained.series["learn/RMSE"]) == 2
    assert len(continued.series["learn/RMSE"]) == 2
    assert [run.notes.get("capture") for run in runs()] == [None] * len(runs())


def test_catboost_with_many_classes(on, runs, load) -> None:
    """It predicts a column of labels."""
    X, y = load("iris")
    names = np.array(["a", "b", "c"])[y]
    model = catboost.CatBoostClassifier(iterations=5, **QUIET).fit(X, names)
    predicted = model.predict(X[::2])
    assert predicted.shape == (75, 1)
    score = f1_score(names[::2], predicted, average="macro")
    (run,) = runs()
    assert run.metrics["train/accuracy_score"] == model.score(X, names)
    assert run.metrics["train/log_loss"] == pytest.approx(log_loss(names, model.predict_proba(X)), rel=1e-12)
    assert run.metrics["eval/X[::2]/f1_score(average=macro)"] == score
    assert {
        "train/confusion_matrix",
        "train/roc_curve",
        "importances",
        "eval/X[::2]/confusion_matrix",
    } <= run.tables.keys()
    assert "capture" not in run.notes


def test_catboost_has_a_name_of_its_own(runs, parts) -> None:
    X, y, _, _ = parts
    for options in ({"only": "sklearn"}, {"disable": "catboost"}):
        with autolog(**options):
            catboost.CatBoostClassifier(iterations=2, **QUIET).fit(X, y)
        assert runs() == []
    with autolog(sklearn={"models": False}, catboost={"metrics": False}):
        catboost.CatBoostClassifier(iterations=2, **QUIET).fit(X, y)
    (run,) = runs()
    assert len(run.models) == 1
    assert not any(key.startswith("train/") for key in run.metrics)
    with autolog(only="catboost"):
        GridSearchCV(catboost.CatBoostClassifier(iterations=2, **QUIET), {"depth": [1, 2]}, cv=2).fit(X, y)
    assert len(runs()) == 1 + 4 + 1  # each of its trainings


def test_catboost_derived_and_held_out(on, runs, parts) -> None:
    X, y, other, target = parts

    class Mine(catboost.CatBoostClassifier):
        def fit(self, X: Any, y: Any) -> Any:
            return super().fit(X, y, verbose=False)

    model = Mine(iterations=3, allow_writing_files=False, thread_count=1).fit(X, y)
    score = model.score(other, target)
    area = roc_auc_score(target, model.predict_proba(other)[:, 1])
    (run,) = runs()
    assert run.tags["estimator"].endswith(".Mine")
    assert run.metrics["eval/other/score"] == score
    assert run.metrics["eval/other/roc_auc_score"] == area


@pytest.mark.parametrize("model", [*boosters()[:2], net()], ids=lambda one: type(one).__name__)
def test_held_out(on, runs, cancer, model) -> None:
    X, y = cancer
    held_out, target = X[200:], y[200:]
    model = clone(model).fit(X[:200], y[:200])
    score = model.score(held_out, target)
    loss = log_loss(target, model.predict_proba(held_out))
    (run,) = runs()
    assert run.metrics["eval/held_out/score"] == score
    assert run.metrics["eval/held_out/log_loss"] == loss


# imbalanced-learn ---------------------------------------------------------------------------------------------------


def test_imbalanced_pipeline(on, runs, cancer) -> None:
    X, y = cancer
    model = make_imbalanced(SMOTE(random_state=0), StandardScaler(), LogisticRegression()).fit(X, y)
    (run,) = runs()
    assert run.tags["estimator"] == "imblearn.pipeline.Pipeline"
    assert run.params["smote__k_neighbors"] == 5
    assert run.tags["params.changed"] == "steps, smote__random_state"
    assert run.metrics["train/score"] == model.score(X, y)
    assert "capture" not in run.notes


def test_samplers_alone_open_no_run(runs, cancer) -> None:
    X, y = cancer
    samplers = [SMOTE(), RandomUnderSampler(), SMOTETomek(), make_imbalanced(StandardScaler(), SMOTE())]
    with autolog():
        for sampler in samplers:
            sampler.fit_resample(X, y)
        SMOTE().fit(X, y)
        assert runs() == []
        with autotrack.start_run():
            SMOTE().fit_resample(X, y)
    (run,) = runs()
    assert run.notes["info"] == ["SMOTE fitted to data of shape (285, 30)"]
    with autolog(preprocessing=True):
        SMOTE(k_neighbors=4).fit_resample(X, y)
    (_, run) = runs()
    assert (run.name, run.params["k_neighbors"]) == ("SMOTE", 4)


@pytest.mark.parametrize(
    "model",
    [
        BalancedRandomForestClassifier(5, oob_score=True, bootstrap=True),
        RUSBoostClassifier(n_estimators=4),
        BalancedBaggingClassifier(n_estimators=3, n_jobs=2),
        EasyEnsembleClassifier(n_estimators=3),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores", "ignore:invalid value encountered")
def test_imbalanced_ensembles(on, runs, cancer, model) -> None:
    X, y = cancer
    model.fit(X, y)
    (run,) = runs()
    assert run.metrics["train/score"] == model.score(X, y)
    assert "capture" not in run.notes


# skorch -------------------------------------------------------------------------------------------------------------


def history_of(run: Any, history: Any, first: int = 0) -> None:
    for name in ("train_loss", "valid_loss", "dur"):
        assert run.series[name] == [(step, row[name]) for step, row in enumerate(history) if step >= first]


def test_skorch(on, runs, cancer) -> None:
    X, y = cancer
    scoring = callbacks.EpochScoring("roc_auc", lower_is_better=False, name="auc")
    stopping = callbacks.EarlyStopping(patience=2, monitor="valid_loss", threshold=0.5)
    given = [scoring, ("stop", stopping)]
    model = net(
        max_epochs=30, module__hidden=4, callbacks=given, callbacks__print_log=None, iterator_train__shuffle=True
    )
    model.fit(X, y)
    (run,) = runs()
    assert run.params["module"].endswith(".Net")
    assert run.params["module__hidden"] == 4
    assert run.params["train_split"] == "ValidSplit"
    assert not any("0x" in str(value) for value in run.params.values())
    assert not any(key.endswith("_params_to_validate") for key in run.params)
    assert set(run.tags["params.changed"].split(", ")) == {
        "module", "criterion", "lr", "max_epochs", "callbacks", "verbose", "module__hidden", "callbacks__print_log",
        "iterator_train__shuffle",
    }  # fmt: skip
    history_of(run, model.history)
    for name in ("valid_acc", "auc"):
        assert run.series[name] == points(row[name] for row in model.history)
    assert not {"epoch", "train_batch_count", "valid_loss_best", "initialized_"} & run.series.keys()
    assert run.metrics["best_epoch"] == stopping_of(model).best_epoch_
    assert run.metrics["best_score"] == model.history[stopping_of(model).best_epoch_ - 1, "valid_loss"]
    assert model.callbacks is given
    assert run.metrics["train/log_loss"] == pytest.approx(log_loss(y, model.predict_proba(X)), rel=1e-6)
    assert run.metrics["train/score"] == model.score(X, y)
    assert "capture" not in run.notes


def stopping_of(model: Any) -> Any:
    return next(one for _, one in model.callbacks_ if isinstance(one, callbacks.EarlyStopping))


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_skorch_regression(on, runs, cancer, kind) -> None:
    X, _ = cancer
    target = X[:, :1] * 2
    data = (X, target) if kind == "array" else (torch.as_tensor(X), torch.as_tensor(target))
    model = skorch.NeuralNetRegressor(Net, module__out=1, max_epochs=3, verbose=0, lr=0.05, train_split=None)
    model.fit(*data)
    (run,) = runs()
    assert run.series["train_loss"] == points(row["train_loss"] for row in model.history)
    assert run.metrics["train/mean_squared_error"] == pytest.approx(
        mean_squared_error(target, model.predict(X)), rel=1e-6
    )
    assert run.data[0].shape == [285, 30]
    assert "train/residuals" in run.tables
    assert "capture" not in run.notes


def test_skorch_trained_further(on, runs, cancer, tmp_path: Path) -> None:
    """The epochs of each call are recorded once, and the steps go on as the history does."""
    saving = callbacks.Checkpoint(dirname=str(tmp_path / "saved"), f_pickle=None)
    model = net(warm_start=True, callbacks=[saving]).fit(*cancer)
    model.fit(*cancer)
    model.partial_fit(*cancer)
    recorded = sorted(point for run in runs() for point in run.series["train_loss"])
    assert recorded == points(row["train_loss"] for row in model.history)
    assert len(recorded) == 9
    fresh = net().fit(*cancer)
    fresh.fit(*cancer)
    history_of(runs()[-1], fresh.history)


def test_skorch_in_a_search(on, runs, cancer) -> None:
    X, y = cancer
    search = GridSearchCV(net(), {"lr": [0.01, 0.1], "module__hidden": [2]}, cv=2, n_jobs=1)
    search.fit(X, y)
    (run,) = runs()
    history_of(run, search.best_estimator_.history)
    assert run.params["best/lr"] == search.best_params_["lr"]
    assert run.metrics["train/score"] == search.score(X, y)


def test_diagram_of_a_net(on, runs, cancer) -> None:
    """Its `repr` reads what the constructor sets under names of fitted attributes."""
    model = make_pipeline(StandardScaler(), net()).fit(*cancer)
    (run,) = runs()
    assert b"NeuralNetClassifier" in run.content("estimator.html")
    assert model[-1].initialized_


# Everything in scikit-learn, and nothing harmed -----------------------------------------------------------------------


def states() -> Any:
    return joblib.hash((random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state().numpy()))


def wrapped() -> list[tuple[str, Callable[[], Any]]]:
    """Models of all libraries, alone and in scikit-learn's."""
    xgb, lgbm, cat = boosters()
    return [
        ("xgboost", lambda: clone(xgb)),
        ("lightgbm", lambda: clone(lgbm)),
        ("catboost", lambda: clone(cat)),
        ("skorch", lambda: net(iterator_train__shuffle=True)),
        ("imblearn", lambda: make_imbalanced(SMOTE(), LogisticRegression())),
        ("balanced", lambda: BalancedRandomForestClassifier(4)),
        ("rusboost", lambda: RUSBoostClassifier(n_estimators=3)),
        ("search", lambda: GridSearchCV(clone(xgb), {"max_depth": [1, 2]}, cv=2)),
        ("search in workers", lambda: GridSearchCV(clone(xgb), {"max_depth": [1, 2]}, cv=2, n_jobs=2)),
        ("pipeline", lambda: make_pipeline(StandardScaler(), clone(lgbm))),
        ("calibrated", lambda: CalibratedClassifierCV(clone(cat), cv=2)),
        ("voting", lambda: VotingClassifier([("net", net()), ("xgb", clone(xgb))], voting="soft")),
        ("search of nets", lambda: GridSearchCV(net(), {"lr": [0.01, 0.1]}, cv=2)),
    ]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "threads"])
@pytest.mark.parametrize("make", [make for _, make in wrapped()], ids=[name for name, _ in wrapped()])
def test_identical_results_and_states(runs, cancer, make, alone) -> None:
    X, y = cancer
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)

    def outcome() -> Any:
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)
        model = make()
        data = X.copy(), y.copy()
        model.fit(*data)
        after = states()
        return list(vars(model)), joblib.hash(model.predict_proba(X)), joblib.hash(data), after

    if not alone:
        other.start()
    try:
        plain = outcome()
        with autolog(metrics="always"):
            logged = outcome()
    finally:
        stop.set()
    assert logged == plain
    (run,) = runs()
    assert len(run.models) == 1
    if alone:
        assert "train/score" in run.metrics
        assert "capture" not in run.notes


LOADING = """
import sys
sys.modules["autotrack"] = None  # as if it were not installed
import cloudpickle, joblib, pickle, numpy as np
X = np.load(sys.argv[1])
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        model = joblib.load(path) if path.endswith("joblib") else pickle.load(file)
    print(path, float(model.predict_proba(X[:3])[0, 0]))
"""


def test_users_pickles_need_no_autotrack(on, cancer, tmp_path: Path) -> None:
    X, y = cancer
    np.save(tmp_path / "X.npy", X)
    paths, want = [], []
    models = [
        *boosters(),
        make_imbalanced(SMOTE(), LogisticRegression()),
        make_pipeline(StandardScaler(), boosters()[0]),
    ]
    for number, model in enumerate(models):
        model.fit(X, y)
        for name, dump in (("joblib", joblib.dump), ("pickle", pickle.dump), ("cloudpickle", cloudpickle.dump)):
            path = tmp_path / f"{number}.{name}"
            with path.open("wb") as file:
                dump(model, file)
            paths.append(str(path))
            want.append(f"{path} {float(model.predict_proba(X[:3])[0, 0])}")
    command = [sys.executable, "-W", "ignore", "-c", LOADING, str(tmp_path / "X.npy"), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == want


def test_pickles_of_nets(on, cancer) -> None:
    model = net().fit(*cancer)
    for pickler in (pickle, cloudpickle):
        data = pickler.dumps(model)
        assert b"autotrack" not in data
        assert np.array_equal(pickle.loads(data).predict_proba(cancer[0]), model.predict_proba(cancer[0]))


@pytest.mark.parametrize(
    "model", [*boosters(), make_imbalanced(SMOTE(), LogisticRegression())], ids=lambda one: type(one).__name__
)
def test_models_are_loaded_with_trust(on, runs, cancer, model) -> None:
    X, y = cancer
    model = clone(model).fit(X, y)
    (run,) = runs()
    assert [(kept.format, kept.safe) for kept in run.models] == [("cloudpickle", False)]
    with pytest.raises(ModelError, match="trust=True"):
        autotrack.load_model("latest")
    loaded = autotrack.load_model("latest", trust=True)
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert is_classifier(loaded)


def test_net_is_loaded_with_trust(on, cancer) -> None:
    model = net().fit(*cancer)
    loaded = autotrack.load_model("latest", trust=True)
    assert np.array_equal(loaded.predict_proba(cancer[0]), model.predict_proba(cancer[0]))
    assert len(loaded.history) == 3
