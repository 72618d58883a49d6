"""Compare classifiers of handwritten digits; every training becomes a run.

python examples/sklearn_digits.py && autotrack runs --sort -train/score
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import autotrack

autotrack.autolog()

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

models = [
    make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)),
    RandomForestClassifier(100, random_state=0),
    GridSearchCV(SVC(), {"C": [1, 10], "gamma": [1e-4, 1e-3]}, cv=3),
]
for model in models:
    model.fit(X_train, y_train)
    print(f"{type(model).__name__:24} accuracy on the test data {model.score(X_test, y_test):.3f}")
