"""Fits of one kind, timed: run by `benchmarks/sklearn_overhead.py` in a fresh interpreter.

    python sklearn_fits.py WAY FIT TIMES ANSWER.json

WAY is "plain", "autotrack" or "mlflow". The working directory is a temporary folder, and both trackers keep their
stores there, as they do when nobody configures anything.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def logistic_regression() -> Callable[[], Any]:
    from sklearn.linear_model import LogisticRegression

    data, target = labelled(500)
    return lambda: LogisticRegression().fit(data, target)


def random_forest() -> Callable[[], Any]:
    from sklearn.ensemble import RandomForestClassifier

    data, target = labelled(2000)
    return lambda: RandomForestClassifier(100, random_state=0).fit(data, target)


def grid_search() -> Callable[[], Any]:
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    data, target = labelled(500)
    return lambda: GridSearchCV(SVC(), {"C": [0.1, 1, 10], "gamma": [0.01, 0.1, 1]}, cv=5).fit(data, target)


def kmeans() -> Callable[[], Any]:
    from sklearn.cluster import KMeans

    data, _ = labelled(2000)
    return lambda: KMeans(8, n_init=10, random_state=0).fit(data)


def pipeline() -> Callable[[], Any]:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data, target = labelled(500)
    return lambda: make_pipeline(StandardScaler(), PCA(10), LogisticRegression()).fit(data, target)


FITS: dict[str, Callable[[], Callable[[], Any]]] = {
    "LogisticRegression, 500x20": logistic_regression,
    "RandomForest, 100 trees, 2,000x20": random_forest,
    "GridSearchCV, 9 candidates x 5 folds, SVC, 500x20": grid_search,
    "KMeans, 8 clusters, n_init=10, 2,000x20": kmeans,
    "Pipeline, 3 steps, 500x20": pipeline,
}


def labelled(rows: int) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    data = generator.normal(size=(rows, 20))
    return data, (data @ generator.normal(size=20) + generator.normal(size=rows) > 0).astype(int)


def turn_on(way: str) -> str:
    """Turn autologging on; gives the version."""
    if way == "autotrack":
        import importlib.metadata

        import autotrack

        autotrack.autolog()
        return importlib.metadata.version("autotrack-ml")
    if way == "mlflow":
        import mlflow
        import mlflow.sklearn

        mlflow.sklearn.autolog(silent=True)
        return str(mlflow.__version__)
    import sklearn

    return str(sklearn.__version__)


def main(way: str, name: str, times: int, answer: Path) -> int:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    fit = FITS[name]()
    try:
        version = turn_on(way)
    except ImportError:
        return 3
    took = []
    for number in range(times + 1):
        began = time.perf_counter()
        fit()
        took.append((time.perf_counter() - began) * 1e3)
        time.sleep(2.0 if number == 0 else 0.05)  # what goes on in the background after a fit is not part of the next
    answer.write_text(json.dumps({"version": version, "first": took[0], "fits": took[1:]}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
