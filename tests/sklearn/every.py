"""One small instance of every estimator of scikit-learn, and data that it takes. The same for all versions."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401 - makes them known
from sklearn.feature_selection import RFE
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

_X = np.abs(np.random.RandomState(0).normal(size=(48, 5))) + 0.01
_LABELS = np.arange(48) % 3
_NUMBERS = 1 + _X[:, 0] + np.sin(9 * _X[:, 1])
_TWO_NUMBERS = np.column_stack([_NUMBERS, _X[:, 2]])
_TWO_LABELS = np.column_stack([_LABELS > 0, np.arange(48) % 2]).astype(int)
_WORDS = [f"word{i % 5} and word{i % 7}" for i in range(48)]

_NAMED: dict[str, dict[str, Any]] = {
    "estimator": {"estimator": LogisticRegression(C=0.5)},
    "base_estimator": {"base_estimator": LogisticRegression(C=0.5)},
    "estimators": {"estimators": [("one", DecisionTreeClassifier(max_depth=2)), ("two", LogisticRegression())]},
    "transformers": {"transformers": [("one", StandardScaler(), [0, 1]), ("two", MinMaxScaler(), [2])]},
    "transformer_list": {"transformer_list": [("one", StandardScaler()), ("two", MinMaxScaler())]},
    "steps": {"steps": [("scaler", StandardScaler()), ("model", DecisionTreeClassifier(max_features=2))]},
    "param_grid": {"param_grid": {"C": [0.1, 1.0]}},
    "param_distributions": {"param_distributions": {"C": [0.1, 1.0, 2.0]}},
    "dictionary": {"dictionary": np.eye(5)[:3]},
}
"""Arguments that some classes require, by name."""

_OF_REGRESSORS: dict[str, dict[str, Any]] = {
    "estimator": {"estimator": Ridge()},
    "base_estimator": {"base_estimator": Ridge()},
    "estimators": {"estimators": [("one", DecisionTreeRegressor(max_depth=2)), ("two", LinearRegression())]},
}

_SMALL = {
    "n_estimators": 2,  # the sum of two trees is the same whichever thread is faster
    "cv": 2, "n_resampling": 5, "n_init": 1, "min_resources": 12, "n_quantiles": 10, "n_restarts_optimizer": 0,
    "max_subpopulation": 20,
}  # fmt: skip
"""Params that are set wherever they exist: little work."""

_OWN: dict[str, dict[str, Any]] = {
    "BernoulliRBM": {"n_components": 4, "n_iter": 2},
    "CCA": {"n_components": 1},
    "GaussianRandomProjection": {"n_components": 2},
    "GridSearchCV": {"return_train_score": True},
    "HalvingRandomSearchCV": {"n_candidates": 3},
    "HistGradientBoostingClassifier": {"max_iter": 3},
    "HistGradientBoostingRegressor": {"max_iter": 3},
    "LatentDirichletAllocation": {"n_components": 2, "max_iter": 2},
    "LogisticRegressionCV": {"Cs": [0.1, 1.0]},
    "MLPClassifier": {"hidden_layer_sizes": (4,), "max_iter": 20},
    "MLPRegressor": {"hidden_layer_sizes": (4,), "max_iter": 20},
    "DictionaryLearning": {"n_components": 3, "max_iter": 5},
    "MiniBatchDictionaryLearning": {"n_components": 3, "max_iter": 5},
    "MiniBatchSparsePCA": {"n_components": 3, "max_iter": 5},
    "RandomizedSearchCV": {"n_iter": 2},
    "SequentialFeatureSelector": {"n_features_to_select": 1},
    "SparseRandomProjection": {"n_components": 2},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "TSNE": {"perplexity": 5.0, "max_iter": 250, "n_iter": 250},
}
"""Params of single classes, as far as this version has them."""

COMPOSED: dict[str, Any] = {
    "a search among forests": GridSearchCV(RandomForestClassifier(2), {"max_depth": [1, 2]}, cv=2),
    "a pipeline that draws": make_pipeline(StandardScaler(), SGDClassifier()),
    "many that draw": OneVsRestClassifier(SGDClassifier()),
    "a selection by trees": RFE(DecisionTreeClassifier()),
    "steps of a pipeline in a search": GridSearchCV(
        make_pipeline(StandardScaler(), SGDClassifier()), {"sgdclassifier__alpha": [0.1, 1.0]}, cv=2
    ),
}
"""More than one estimator each, with parts that draw random numbers."""

_PAIRWISE = ("KernelCenterer",)
_BINARY = ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
_TEXTS = ("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")
_TARGETS = ("LabelBinarizer", "LabelEncoder")
_MULTI_LABEL = ("ClassifierChain", "MultiOutputClassifier")
_MULTI_NUMBER = ("RegressorChain", "MultiOutputRegressor", "CCA", "PLSCanonical", "PLSRegression", "PLSSVD")


def names() -> list[str]:
    """Of all classes."""
    return list(_classes())


@functools.cache
def _classes() -> dict[str, type]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports everything, also what is deprecated
        return dict(all_estimators())


def accepted(name: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of the class."""
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    arguments = inspect.signature(_classes()[name]).parameters.items()
    return {key: argument for key, argument in arguments if argument.kind in kinds}


def make(name: str) -> Any:
    """A new instance of the class of this name, or what is composed under it."""
    if name in COMPOSED:
        return clone(COMPOSED[name])
    cls = _classes()[name]
    required = [param.name for param in accepted(name).values() if param.default is param.empty]
    given: dict[str, Any] = {}
    for one in required:
        given |= _OF_REGRESSORS[one] if "Regressor" in name and one in _OF_REGRESSORS else _NAMED[one]

    given |= {key: value for key, value in {**_SMALL, **_OWN.get(name, {})}.items() if key in accepted(name)}
    if name == "FrozenEstimator":
        return cls(LogisticRegression().fit(_X, _LABELS))
    return cls(**{key: clone(value, safe=False) for key, value in given.items()})


def data(name: str, estimator: Any) -> tuple[Any, ...]:
    """What `fit` of this class is called with."""
    if name in _TEXTS:
        return (_WORDS,)
    if name in _TARGETS:
        return (_LABELS.copy(),)
    if name == "MultiLabelBinarizer":
        return ([{i % 3, i % 2} for i in range(48)],)
    if name in {"DictVectorizer", "FeatureHasher"}:
        return ([{f"key{i % 4}": float(i)} for i in range(48)],)
    if name in _PAIRWISE:
        return (_X @ _X.T,)
    if name == "IsotonicRegression":
        return _X[:, 0].copy(), _NUMBERS.copy()
    if name in _BINARY:
        return _X.copy(), _TWO_LABELS[:, 0].copy()
    if name in _MULTI_LABEL:
        return _X.copy(), _TWO_LABELS.copy()
    if name in _MULTI_NUMBER or name.startswith("MultiTask"):
        return _X.copy(), _TWO_NUMBERS.copy()
    if sklearn.base.is_regressor(estimator):
        return _X.copy(), _NUMBERS.copy()
    return _X.copy(), _LABELS.copy()
