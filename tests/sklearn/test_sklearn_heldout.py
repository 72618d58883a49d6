"""What users compute of a model's predictions goes to the run of that model."""

from __future__ import annotations

import copy
import functools
import inspect
import json
import pickle
import subprocess
import sys
import warnings
import weakref
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from autotrack_sklearn import predictions
from autotrack_sklearn.tracked import Track, track_of
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    RocCurveDisplay,
    accuracy_score,
    adjusted_rand_score,
    classification_report,
    cohen_kappa_score,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_fscore_support,
    r2_score,
    roc_auc_score,
    silhouette_score,
)
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack import additions
from autotrack.autolog import autolog
from autotrack.journal import syncing

pytestmark = pytest.mark.usefixtures("plenty")


@pytest.fixture
def split(load: Any) -> Any:
    X, y = load("breast_cancer")
    return train_test_split(X / X.max(axis=0), y, random_state=0)


def test_score_and_metrics_after_the_run_has_ended(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    assert runs()[0].status == "finished"
    score = model.score(X_test, y_test)
    predicted = model.predict(X_test)
    f1, macro = f1_score(y_test, predicted), f1_score(y_test, predicted, average="macro")
    area = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    loss = log_loss(y_test, model.predict_proba(X_test))
    (run,) = runs()
    assert run.metrics["eval/X_test/log_loss"] == loss
    assert run.status == "finished"
    assert run.metrics["eval/X_test/score"] == score
    assert run.metrics["eval/X_test/f1_score"] == f1
    assert run.metrics["eval/X_test/f1_score(average=macro)"] == macro
    assert run.metrics["eval/X_test/roc_auc_score"] == area
    assert "eval/X_test/accuracy_score" not in run.metrics, "score calls it, the user did not"
    assert [(data.name, data.role) for data in run.data[2:]] == [("X_test", "eval"), ("y_test", "eval")]


def test_inside_an_active_run_it_is_that_run(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    with autotrack.start_run():
        model = LogisticRegression().fit(X_train, y_train)
        score = model.score(X_test, y_test)
    (run,) = runs()
    assert run.metrics["eval/X_test/score"] == score


def test_the_model_counts_not_the_order(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    first = LogisticRegression().fit(X_train, y_train)
    second = DummyClassifier().fit(X_train, y_train)
    of_second, of_first = second.predict(X_test), first.predict(X_test)
    accuracy_score(y_test, of_second)
    accuracy_score(y_test, of_first)
    one, two = runs()
    assert one.metrics["eval/X_test/accuracy_score"] == accuracy_score(y_test, of_first)
    assert two.metrics["eval/X_test/accuracy_score"] == accuracy_score(y_test, of_second)


@pytest.mark.parametrize(
    "change",
    [
        np.copy,
        list,
        np.ndarray.tolist,
        tuple,
        pd.Series,
        lambda values: pd.Series(values, index=range(5, 5 + len(values))),
        lambda values: values.reshape(-1, 1)[:, 0],
        np.asfortranarray,
    ],
    ids="copy list tolist tuple series indexed reshaped fortran".split(),
)
def test_copies_by_value(on, runs, split, change: Any) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    value = accuracy_score(y_test, change(model.predict(X_test)))
    assert runs()[0].metrics["eval/X_test/accuracy_score"] == value


@pytest.mark.parametrize("change", [lambda p: p[:, 1], lambda p: p[:, 1].copy(), lambda p: pd.Series(p[:, 1])])
def test_probabilities_of_one_class(on, runs, split, change: Any) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    value = roc_auc_score(y_test, change(model.predict_proba(X_test)))
    assert runs()[0].metrics["eval/X_test/roc_auc_score"] == value


@pytest.mark.parametrize("method", ["decision_function", "predict_proba", "predict_log_proba"])
def test_scores_of_all_kinds(on, runs, split, method: str) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    values = getattr(model, method)(X_test)
    value = roc_auc_score(y_test, values if values.ndim == 1 else values[:, 1])
    assert runs()[0].metrics["eval/X_test/roc_auc_score"] == value


def test_slices_say_which_samples_they_are(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    predicted = model.predict(X_test)
    expected = {
        "eval/X_test[:50]/accuracy_score": accuracy_score(y_test[:50], predicted[:50]),
        "eval/X_test[50:]/accuracy_score": accuracy_score(y_test[50:], predicted[50:]),
        "eval/X_test[20:80]/accuracy_score": accuracy_score(y_test[20:80], predicted[20:80]),
        "eval/X_test[::2]/accuracy_score": accuracy_score(y_test[::2], predicted[::2]),
        "eval/X_test/accuracy_score": accuracy_score(y_test[::-1], predicted[::-1]),
    }
    model.score(X_test[:30], y_test[:30])
    metrics = runs()[0].metrics
    assert {key: metrics[key] for key in expected} == expected
    assert "eval/X_test[:30]/score" in metrics


def test_names_of_data(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)

    def evaluate(model: Any, X: Any, y: Any) -> float:
        return model.score(X, y)

    evaluate(model, X_test, y_test)
    model.score(X_test + 0, y_test)
    model.score(X_test + 0, y_test)
    model.score(X_test + 1, y_test)
    series = runs()[0].series
    assert len(series["eval/X_test/score"]) == 1, "the caller's name says more than the parameter's"
    assert len(series["eval/data/score"]) == 2, "equal content is the same data"
    assert len(series["eval/data-2/score"]) == 1


def test_frames_and_lists(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    holdout, listed = pd.DataFrame(X_test), X_test.tolist()
    model = LogisticRegression().fit(X_train, y_train)
    model.score(X=holdout, y=pd.Series(y_test))
    accuracy_score(y_pred=model.predict(listed), y_true=y_test)
    assert {"eval/holdout/score", "eval/listed/accuracy_score"} <= runs()[0].metrics.keys()


def test_keyword_arguments_are_part_of_the_name(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    weight = np.linspace(0, 1, len(y_test))
    model = LogisticRegression().fit(X_train, y_train)
    predicted = model.predict(X_test)
    f1_score(y_test, predicted, pos_label=1, average="binary")
    f1_score(y_test, predicted, average="micro", sample_weight=weight)
    f1_score(y_test, predicted, labels=[0, 1], average="weighted")
    model.score(X_test, y_test, sample_weight=weight)
    metrics = runs()[0].metrics
    assert "eval/X_test/f1_score" in metrics, "arguments that are the defaults are not named"
    assert "eval/X_test/f1_score(average=micro, sample_weight)" in metrics
    assert "eval/X_test/f1_score(average=weighted, labels=[0, 1])" in metrics
    assert "eval/X_test/score(sample_weight)" in metrics


def test_outcomes_that_are_more_than_a_number(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    predicted = model.predict(X_test)
    precision, recall, fscore, _ = precision_recall_fscore_support(y_test, predicted, average="binary")
    text = classification_report(y_test, predicted)
    classification_report(y_test, predicted, output_dict=True)
    f1_score(y_test, predicted, average=None)
    (run,) = runs()
    assert run.metrics["eval/X_test/precision(average=binary)"] == precision
    assert run.metrics["eval/X_test/recall(average=binary)"] == recall
    assert run.metrics["eval/X_test/fscore(average=binary)"] == fscore
    assert run.content("eval/X_test/classification_report.txt").decode() == text
    assert run.metrics["eval/X_test/classification_report(output_dict=True)/1/recall"] == recall
    assert run.tables["eval/X_test/f1_score(average=None)"].columns["value"][1] == fscore


def test_scorers(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    loss = get_scorer("neg_log_loss")(model, X_test, y_test)
    make_scorer(f1_score, average="macro")(model, X_test, y_test)
    make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", normalize=False)(
        model, X_test, y_test
    )
    metrics = runs()[0].metrics
    assert metrics["eval/X_test/neg_log_loss"] == loss
    assert "eval/X_test/f1_score(average=macro)" in metrics
    assert "eval/X_test/neg_log_loss(normalize=False)" in metrics


def test_displays(on, runs, split) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    RocCurveDisplay.from_estimator(model, X_test, y_test)
    ConfusionMatrixDisplay.from_predictions(y_test, model.predict(X_test))
    assert {"eval/X_test/roc_curve", "eval/X_test/confusion_matrix"} <= runs()[0].tables.keys()


def test_curves_of_held_out_data(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    model.score(X_test, y_test)
    matrix = runs()[0].tables["eval/X_test/confusion_matrix"]
    expected = sklearn.metrics.confusion_matrix(y_test, model.predict(X_test))
    assert matrix.columns["count"] == expected.ravel().tolist()
    area = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    roc = runs()[0].tables["eval/X_test/roc_curve"]
    assert roc.meta["auc"] == [[1, area]]


def test_regression_and_clusters(on, runs, load) -> None:
    X, y = load("diabetes")
    model = LinearRegression().fit(X[:300], y[:300])
    rest, truth = X[300:], y[300:]
    error, share = mean_squared_error(truth, model.predict(rest)), r2_score(truth, model.predict(rest))
    clusters = KMeans(3, n_init=1, random_state=0)
    labels = clusters.fit_predict(X)
    agreement = adjusted_rand_score(y > 100, labels)
    silhouette = silhouette_score(X, clusters.labels_)
    one, two = runs()
    assert one.metrics["eval/rest/mean_squared_error"] == error
    assert one.metrics["eval/rest/r2_score"] == share
    assert one.tables["eval/rest/residuals"].columns["residual"][0] == truth[0] - model.predict(rest)[0]
    assert two.metrics["train/adjusted_rand_score"] == agreement
    assert two.metrics["train/silhouette_score"] == silhouette


def test_parts_of_what_was_fitted(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1]})
    search.fit(X_train, y_train)
    search.score(X_test, y_test)
    accuracy_score(y_test, search.best_estimator_.predict(X_test))
    search.best_estimator_[-1].score(search.best_estimator_[:-1].transform(X_test), y_test)
    (run,) = runs()
    assert {"eval/X_test/score", "eval/X_test/accuracy_score", "eval/data/score"} <= run.metrics.keys()


def test_what_nobody_recorded_is_no_ones(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    accuracy_score(y_test, 1 - model.predict(X_test))
    autolog().stop()
    stranger = RandomForestClassifier(3).fit(X_train, y_train)
    autolog(only="sklearn")
    stranger.score(X_test, y_test)
    accuracy_score(y_test, y_test)
    accuracy_score([0, 1], [0, 1])
    (run,) = runs()
    assert not [key for key in run.metrics if key.startswith("eval/")]


class Naive(RegressorMixin, BaseEstimator):
    """Tomorrow will be as today."""

    def fit(self, X: Any, y: Any) -> Naive:
        self.fitted_ = True
        return self

    def predict(self, X: Any) -> Any:
        return X[:, 0]


def test_data_is_no_prediction_because_one_is_a_view_of_it(on, runs, load) -> None:
    table = load("diabetes")[0].copy()
    past, today = table[:, :-1], table[:, -1]
    predicted = Naive().fit(past, today).predict(past)
    mean_squared_error(today, np.linspace(0, 1, len(today)))
    mean_absolute_error(today, predicted)
    evaluated = [key for key in runs()[0].metrics if key.startswith("eval/")]
    assert evaluated == ["eval/past/mean_absolute_error"]


def test_what_anybody_could_have_predicted_is_known_by_identity_only(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    predicted = DummyClassifier().fit(X_train, y_train).predict(X_test)
    accuracy_score(y_train[: len(y_test)], np.ones(len(y_test), dtype=int))
    assert not [key for key in runs()[0].metrics if key.startswith("eval/")]
    accuracy_score(y_test, predicted)
    assert "eval/X_test/accuracy_score" in runs()[0].metrics


def test_how_far_models_agree_is_no_quality_of_theirs(on, runs, split) -> None:
    X_train, X_test, y_train, _y_test = split
    one, two = (LogisticRegression(C=C).fit(X_train, y_train).predict(X_test) for C in (0.01, 1))
    cohen_kappa_score(one, two)
    assert not [key for run in runs() for key in run.metrics if key.startswith("eval/")]


@pytest.mark.parametrize("change", [list, pd.Series, lambda labels: labels.astype(object), lambda labels: labels + ""])
def test_copies_of_labels_that_are_text(on, runs, split, change: Any) -> None:
    X_train, X_test, y_train, y_test = split
    names = np.array(["no", "yes, it is"])
    model = LogisticRegression().fit(X_train, names[y_train])
    value = accuracy_score(names[y_test], change(model.predict(X_test)))
    assert runs()[0].metrics["eval/X_test/accuracy_score"] == value


def test_predictions_that_are_objects_of_the_user_are_not_asked(on) -> None:
    class Answer:
        def __str__(self) -> str:
            raise AssertionError("nobody may ask")

        __eq__ = __hash__ = __reduce__ = __str__  # type: ignore[assignment]

    class Oracle(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Oracle:
            self.fitted_ = True
            return self

        def predict(self, X: Any) -> Any:
            answers = np.empty(2, dtype=object)
            answers[:] = Answer(), Answer()
            return answers

    assert len(Oracle().fit([[0], [1]], [0, 1]).predict([Answer(), Answer()])) == 2


@pytest.mark.parametrize("kind", [list, pd.Series], ids=["list", "series"])
def test_predictions_that_are_no_arrays(on, runs, split, kind: Any) -> None:
    X_train, X_test, y_train, y_test = split

    class Own(LogisticRegression):
        def predict(self, X: Any) -> Any:
            return kind(super().predict(X))

    value = accuracy_score(y_test, Own().fit(X_train, y_train).predict(X_test))
    assert runs()[0].metrics["eval/X_test/accuracy_score"] == value


def test_short_arguments_of_numpy_are_part_of_the_name(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    predicted = LogisticRegression().fit(X_train, y_train).predict(X_test)
    for beta in np.array([0.5, 2.0]):
        fbeta_score(y_test, predicted, beta=beta)
    f1_score(y_test, predicted, labels=np.array([1]), average="macro")
    f1_score(y_test[:3], predicted[:3], sample_weight=[1, 2, 3])
    evaluated = {key for key in runs()[0].metrics if key.startswith("eval/")}
    assert evaluated == {
        "eval/X_test/fbeta_score(beta=0.5)",
        "eval/X_test/fbeta_score(beta=2.0)",
        "eval/X_test/f1_score(average=macro, labels=[1])",
        "eval/X_test[:3]/f1_score(sample_weight)",
    }


def test_reversed_views(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split

    class Reversed(LogisticRegression):
        def predict(self, X: Any) -> Any:
            return np.array(super().predict(X)[::-1])[::-1]

    predicted = Reversed().fit(X_train, y_train).predict(X_test)
    accuracy_score(y_test[:50], predicted[:50])
    assert "eval/X_test[:50]/accuracy_score" in runs()[0].metrics


def test_a_million_questions_leave_nothing_behind(on, split) -> None:
    X_train, X_test, y_train, _y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    row = X_test[:1].tolist()
    for number in range(300):
        row[0][0] = float(number)
        model.predict([*row])
    track = track_of(model)
    assert track is not None and not track.unnamed
    assert len(predictions._contents) <= predictions._MANY and len(predictions._arrays) <= 10


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(0),
        np.zeros((0, 3)),
        np.zeros(3, dtype=[("a", "i4"), ("b", "O")]),
        np.ma.array([1, 2, 3], mask=[0, 1, 0]),
        np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
        np.broadcast_to(1.0, (5,)),
        np.array([b"a", b"b"]),
        np.array([{"a": 1}, {"b": 2}]),
        np.array([np.nan, np.nan]),
    ],
    ids="empty no-rows records masked dates broadcast bytes dicts nan".split(),
)
def test_odd_predictions(on, values: Any) -> None:
    class Odd(RegressorMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Odd:
            self.fitted_ = True
            return self

        def predict(self, X: Any) -> Any:
            return values

    with autolog(only="sklearn", metrics=False):
        assert Odd().fit([[1], [2]], [1, 2]).predict([[1], [2]]) is values


def test_long_texts_are_compared_as_texts(on, runs, split) -> None:
    """The bytes of numpy's array of variable-width texts say where these are, not what."""
    if not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"):
        return
    kind = np.dtypes.StringDType()
    one, two = (np.array([letter * 40, "c" * 41], dtype=kind) for letter in "ab")
    prediction = predictions.Prediction(
        Track.__new__(Track), weakref.ref(kind.__class__), str, "predict", 2, None, set()
    )
    predictions.remember(one, prediction)
    assert predictions.find(one.copy()) is not None
    assert predictions.find(two) is None


def test_arguments_in_the_wrong_order(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    predicted = LogisticRegression().fit(X_train, y_train).predict(X_test)
    value = accuracy_score(predicted, y_test)
    assert runs()[0].metrics["eval/X_test/accuracy_score"] == value


def test_metrics_inside_of_trainings_are_not_held_out(on, runs, split) -> None:
    X_train, _X_test, y_train, _y_test = split
    cross_val_score(LogisticRegression(), X_train, y_train, scoring=make_scorer(f1_score))
    (run,) = runs()
    assert not [key for key in run.metrics if key.startswith("eval/")]


def test_one_may_turn_it_off(runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    with autolog(only="sklearn", sklearn={"heldout": False}):
        model = LogisticRegression().fit(X_train, y_train)
        model.score(X_test, y_test)
        accuracy_score(y_test, model.predict(X_test))
    assert not [key for key in runs()[0].metrics if key.startswith("eval/")]


def test_refitted_and_copied_models(on, runs, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    model.set_params(C=0.01).fit(X_train, y_train)
    model.score(X_test, y_test)
    clone(model).fit(X_train, y_train).score(X_test, y_test)
    copy.deepcopy(model).score(X_test, y_test)  # of the copy nobody knows where it comes from
    counts = [len(run.series.get("eval/X_test/score", ())) for run in runs()]
    assert counts == [0, 1, 1]


def test_a_store_that_is_gone_harms_nobody(split, tmp_path, monkeypatch) -> None:
    import shutil

    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    X_train, X_test, y_train, y_test = split
    with autolog(only="sklearn"):
        model = LogisticRegression().fit(X_train, y_train)
        shutil.rmtree(tmp_path / "store")
        (tmp_path / "store").write_text("a file in its place")
        assert model.score(X_test, y_test) > 0.9
        assert accuracy_score(y_test, model.predict(X_test)) > 0.9
    (tmp_path / "store").unlink()  # what waits is written now, and keeps nobody waiting any more
    additions.close()
    assert syncing.drain(30)


def test_metrics_stay_what_they_are(split) -> None:
    names = [name for name in sklearn.metrics.__all__ if inspect.isfunction(getattr(sklearn.metrics, name))]
    before = {
        name: (str(inspect.signature(getattr(sklearn.metrics, name))), getattr(sklearn.metrics, name)) for name in names
    }
    mean = functools.partial(f1_score, average="macro")
    with autolog(only="sklearn"):
        for name, (signature, function) in before.items():
            now = getattr(sklearn.metrics, name)
            assert str(inspect.signature(now)) == signature
            assert (now.__name__, now.__doc__) == (function.__name__, function.__doc__)
            assert now.__module__ == (function.__module__ if now is function else "sklearn.metrics")
            assert pickle.loads(pickle.dumps(now)) is now
            assert copy.deepcopy(now) is now
            assert repr(now) == repr(function)
        assert mean([0, 1], [0, 1]) == 1
        assert pickle.loads(pickle.dumps(mean))([0, 1], [0, 1]) == 1
        assert b"autotrack" not in pickle.dumps(make_scorer(f1_score))
    assert all(getattr(sklearn.metrics, name) is function for name, (_, function) in before.items())


def test_functions_imported_before_and_after(tmp_path) -> None:
    script = """
import json, os
from sklearn.metrics import accuracy_score
import sklearn.metrics as m
import autotrack
autotrack.autolog()
from sklearn.metrics import f1_score
from sklearn.linear_model import LogisticRegression
from sklearn.datasets import load_iris
X, y = load_iris(return_X_y=True)
p = LogisticRegression(max_iter=500).fit(X, y).predict(X)
accuracy_score(y, p); f1_score(y, p, average="micro"); m.zero_one_loss(y, p)
print(json.dumps(sorted(k for k in autotrack.runs()[0].metrics if k.startswith("eval/"))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout) == [
        "eval/X/accuracy_score",
        "eval/X/f1_score(average=micro)",
        "eval/X/zero_one_loss",
    ]


def test_errors_and_warnings_are_the_users(on, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    predicted = model.predict(X_test)
    with pytest.raises(ValueError, match="inconsistent numbers of samples") as caught:
        accuracy_score(y_test, predicted[:5])
    assert caught.value.__context__ is None
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        sklearn.metrics.precision_score(np.zeros(5, int), np.zeros(5, int))
    assert [warning.filename for warning in seen] == [__file__] or len(seen) == 1


def test_predictions_are_not_kept_alive(on, split) -> None:
    import gc
    import weakref

    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)
    predicted = model.predict(X_test)
    accuracy_score(y_test, predicted)
    gone = weakref.ref(predicted), weakref.ref(model)
    del predicted, model
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_transformers_and_outliers_are_left_alone(on, runs, load) -> None:
    X, _ = load("iris")
    PCA(2).fit(X).score(X)
    (run,) = runs()
    assert "eval/X/score" in run.metrics


def test_scoring_leaves_the_model_as_it_was(on, split) -> None:
    X_train, X_test, y_train, y_test = split
    model = SGDClassifier(random_state=0).fit(X_train, y_train)
    before = pickle.dumps(model)
    model.score(X_test, y_test)
    f1_score(y_test, model.predict(X_test))
    assert pickle.dumps(model) == before


def test_looking_for_names_keeps_nothing_and_takes_nothing(on, split) -> None:
    import weakref

    X_train, X_test, y_train, y_test = split
    model = LogisticRegression().fit(X_train, y_train)

    def evaluate() -> Any:
        large = np.ones(1000)
        gone = weakref.ref(large)
        model.score(X_test, y_test)
        del large
        return gone()

    def look() -> dict[str, Any]:
        mine = 1
        namespace = locals()
        model.score(X_test, y_test)
        assert mine
        return namespace

    assert evaluate() is None, "the frame's own dict of variables still holds it"
    assert look()["mine"] == 1
