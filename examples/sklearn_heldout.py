"""Judge models by data that they have not seen; each metric goes to the run of the model that predicted.

python examples/sklearn_heldout.py && autotrack runs --sort eval/X_test/log_loss
"""

from __future__ import annotations

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

autotrack.autolog()

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

models = [
    make_pipeline(StandardScaler(), LogisticRegression(C=0.5)),
    RandomForestClassifier(50, random_state=0),
    HistGradientBoostingClassifier(max_iter=50, random_state=0),
]
for model in models:
    model.fit(X_train, y_train)

for model in models:  # all have ended: the metrics find their runs
    probabilities = model.predict_proba(X_test)
    f1_score(y_test, model.predict(X_test))
    log_loss(y_test, probabilities)
    roc_auc_score(y_test, probabilities[:, 1])

for run in autotrack.runs(order_by="eval/X_test/log_loss", limit=len(models)):
    held_out = {key: round(value, 3) for key, value in run.metrics.items() if key.startswith("eval/")}
    print(run.name, held_out)
