"""What the demo trains: plain scikit-learn code, without a word about autotrack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def trainings() -> list[tuple[str, Callable[[], Any]]]:
    """Return trainings with their titles, the most telling ones last."""
    digits: Any
    digits, classes = load_digits(return_X_y=True)
    images: Any
    images, _, labels, _ = train_test_split(digits, classes, random_state=0)
    patients, progressions = load_diabetes(return_X_y=True)
    search = GridSearchCV(SVC(), {"C": [0.3, 1, 3], "gamma": ["scale", 0.001]}, cv=3)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    network = MLPClassifier((32,), max_iter=300, early_stopping=True, random_state=0)
    return [
        ("Ridge on diabetes", lambda: Ridge(alpha=0.5).fit(patients, progressions)),
        ("GradientBoosting on diabetes", lambda: GradientBoostingRegressor(random_state=0).fit(patients, progressions)),
        ("KMeans on digits", lambda: KMeans(10, random_state=0).fit(images)),
        ("RandomForest on digits", lambda: RandomForestClassifier(random_state=0).fit(images, labels)),
        ("LogisticRegression on digits", lambda: LogisticRegression(C=0.3, max_iter=500).fit(images / 16, labels)),
        ("a cross-validation", lambda: cross_val_score(Ridge(), patients, progressions, cv=5)),
        ("a search of 6 candidates", lambda: search.fit(images, labels)),
        ("a pipeline", lambda: pipeline.fit(images, labels)),
        ("a neural network", lambda: network.fit(images / 16, labels)),
    ]
