"""The contract of all integrations, for catboost."""

from __future__ import annotations

from typing import Any

import pytest

from autotrack.testing import IntegrationContract

pytestmark = pytest.mark.others


class TestCatBoost(IntegrationContract):
    module = "catboost"

    @staticmethod
    def train() -> Any:
        import catboost
        import numpy as np

        X = np.random.default_rng(0).normal(size=(40, 3))
        model = catboost.CatBoostClassifier(iterations=3, verbose=False, allow_writing_files=False, thread_count=1)
        return model.fit(X, X[:, 0] > 0).predict_proba(X)

    @staticmethod
    def fail() -> None:
        import catboost

        catboost.CatBoostClassifier(iterations=3, loss_function="no such loss").fit([[0.0], [1.0]], [0, 1])

    @staticmethod
    def pickled() -> list[Any]:
        import catboost

        model = catboost.CatBoostClassifier(iterations=3, verbose=False, allow_writing_files=False, thread_count=1)
        model.fit([[0.0], [1.0]], [0, 1])
        return [model.fit, catboost.CatBoostClassifier, catboost.CatBoostClassifier.fit, catboost.CatBoost.fit]
