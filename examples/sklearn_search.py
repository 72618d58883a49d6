"""Search the best params of a pipeline; the search is one run with a table of all candidates.

python examples/sklearn_search.py && autotrack show latest --trials
"""

from __future__ import annotations

from scipy.stats import loguniform
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import autotrack

autotrack.autolog()

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

space = {"svc__C": loguniform(0.01, 100), "svc__gamma": loguniform(1e-4, 1)}
search = RandomizedSearchCV(make_pipeline(StandardScaler(), SVC()), space, n_iter=20, cv=3, random_state=0)
search.fit(X_train, y_train)
search.score(X_test, y_test)

run = autotrack.runs(limit=1)[0]
print(f"best of {len(run.trials)} candidates: {run.metrics['cv/best_score']:.3f}, C={run.params['best/svc__C']:.3g}")
print(f"held out: {run.metrics['eval/X_test/score']:.3f}")
weak = run.trials.where("param_svc__C < 0.1").sort("-mean_test_score").head(1)
print(f"best of those with C < 0.1: {weak['mean_test_score'][0]:.3f}")
