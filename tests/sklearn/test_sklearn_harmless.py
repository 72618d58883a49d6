"""Nothing that users look at changes: data, signatures, what objects hold, what is kept alive."""

from __future__ import annotations

import copy
import inspect
import weakref
from typing import Any
from unittest import mock

import joblib
import numpy as np
import pytest
import sklearn
from autotrack_sklearn.quiet import twin
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from autotrack.autolog import autolog


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
