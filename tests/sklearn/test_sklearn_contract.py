"""The contract of all integrations, for scikit-learn."""

from __future__ import annotations

from typing import Any

from autotrack.testing import IntegrationContract


class TestSklearn(IntegrationContract):
    module = "sklearn"

    @staticmethod
    def train() -> Any:
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier

        X, y = load_iris(return_X_y=True)
        model = RandomForestClassifier(3).fit(X, y)
        return model.predict_proba(X)

    @staticmethod
    def fail() -> None:
        from sklearn.linear_model import LogisticRegression

        LogisticRegression(C=-1.0).fit([[0.0], [1.0]], [0, 1])

    @staticmethod
    def pickled() -> list[Any]:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        return [
            model,
            model.fit,
            LogisticRegression,
            LogisticRegression.fit,
            make_pipeline(StandardScaler(), LogisticRegression()),
            GridSearchCV(LogisticRegression(), {"C": [1, 2]}),
            cross_val_score,
        ]


class TestValidation(IntegrationContract):
    """Functions, and names that were imported before autologging began."""

    module = "sklearn"

    @staticmethod
    def train() -> Any:
        from sklearn.datasets import load_iris
        from sklearn.model_selection import cross_val_score
        from sklearn.tree import DecisionTreeClassifier

        X, y = load_iris(return_X_y=True)
        return cross_val_score(DecisionTreeClassifier(splitter="random"), X, y, cv=3)

    @staticmethod
    def fail() -> None:
        from sklearn.model_selection import cross_val_score
        from sklearn.tree import DecisionTreeClassifier

        cross_val_score(DecisionTreeClassifier(), [[0.0], [1.0]], [0, 1], cv=3)
