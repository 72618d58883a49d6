"""Nothing that users or scikit-learn look at changes: names, signatures, docstrings, requests, what is there at all."""

from __future__ import annotations

import inspect
from typing import Any

import sklearn.experimental.enable_halving_search_cv
import sklearn.experimental.enable_iterative_imputer  # noqa: F401 - brings an estimator
from sklearn.utils import all_estimators

from autotrack.autolog import autolog

METHODS = (
    "fit fit_predict fit_transform partial_fit predict predict_proba predict_log_proba decision_function score".split()
)


def looks() -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for name, cls in all_estimators():
        for method in METHODS:
            value = inspect.getattr_static(cls, method, None)
            shown = getattr(cls, method, None)
            if callable(shown):
                value = (
                    str(inspect.signature(shown)),
                    shown.__doc__,
                    shown.__name__,
                    shown.__qualname__,
                    shown.__module__,
                )
            found[name, method] = value
        found[name, "dir"] = dir(cls)
        found[name, "own"] = sorted(vars(cls))
        found[name, "requests"] = str(cls._get_default_requests()) if hasattr(cls, "_get_default_requests") else None
    return found


def test_classes_look_the_same_under_autologging_and_afterwards() -> None:
    before = looks()
    assert len(before) > 2000
    with autolog(only="sklearn"):
        during = looks()
    assert {place: value for place, value in during.items() if value != before[place]} == {}
    assert looks() == before
