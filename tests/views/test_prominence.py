"""What comes first where params and metrics are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

import autotrack
from autotrack.views.overview import metric_columns, param_columns
from autotrack.views.prominence import in_order, last_models, params_in_order


def test_metrics_come_by_what_they_are_of() -> None:
    keys = [
        "fit_time",
        "n_iter_",
        "system/cpu",
        "train/score",
        "loss",
        "cv/candidates",
        "cv/best_score",
        "eval/X/score",
    ]
    expected = ["eval/X/score", "cv/best_score", "train/score", "loss", "fit_time", "n_iter_", "cv/candidates"]
    assert in_order(keys) == [*expected, "system/cpu"]
    assert in_order(["loss", "val_loss", "validation_0/logloss"]) == ["val_loss", "validation_0/logloss", "loss"]


def test_params_that_were_set_come_first(store: Path) -> None:
    run = autotrack.start_run("a", params={"tol": 0.1, "C": 2, "penalty": None, "best/C": 3})
    run.set_tag("params.changed", "C, penalty")
    run.finish()
    assert params_in_order(autotrack.runs()[0]) == ["best/C", "C", "penalty", "tol"]


def test_a_table_tells_of_every_kind_of_run(store: Path) -> None:
    def record(params: dict[str, object], changed: str, metrics: dict[str, float]) -> None:
        run = autotrack.start_run(params=params, tags={"params.changed": changed})
        run.log_metrics(metrics)
        run.finish()

    for c in (1, 2, 3):
        scores = {"n_features_in_": 4.0 + c, "train/score": 0.9, "train/accuracy_score": 0.9, "train/f1_score": 0.9}
        record({"C": c, "ccp_alpha": 0.0, "random_state": c}, "C, random_state", scores)
    record({"ccp_alpha": 0.0, "bins": 7, "verbose": c}, "bins", {"cv/mean_score": 0.8, "cv/score": 0.7})
    found = autotrack.runs()
    metrics = [column.title for column in metric_columns(found, "")]
    assert metrics[0] == "train/score"
    assert metrics.index("cv/mean_score") < metrics.index("train/f1_score") < metrics.index("cv/score")
    assert metrics[-1] == "n_features_in_"
    params = [column.title for column in param_columns(found, "")]
    assert params[0] == "C" and params.index("bins") < params.index("verbose")
    assert "ccp_alpha" not in params  # the same in all
    assert metric_columns(found, "cv/score > 0")[0].title == "cv/score"


def test_of_each_model_the_last_version_is_shown_and_how_many_there_are(store: Path) -> None:
    pytest.importorskip("cloudpickle")
    with autotrack.start_run() as run:
        for step in range(5):
            run.log_model({"step": step}, step=step)
        run.log_model({"other": 1}, "other")
    found = last_models(store.run(run.id).models)
    assert [(model.name, model.step, told) for model, told in found] == [
        ("model", 4, "5 versions, last at step 4"),
        ("other", None, ""),
    ]
