"""What autologging costs a training."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from measures import processes
from measures.rows import Row, median, percentile

_FITS = """
import json, time, warnings
import numpy as np
import autotrack
from sklearn.linear_model import LogisticRegression
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(500, 20))
y = (X @ rng.normal(size=20) + rng.normal(size=500) > 0).astype(int)

def fit():
    began = time.perf_counter()
    LogisticRegression().fit(X, y)
    return time.perf_counter() - began

pairs = []
for i in range({pairs}):
    bare = fit()
    logging = autotrack.autolog()
    logged = fit()
    logging.stop()
    time.sleep(0.05)  # the background finishes the run
    if i == 0:
        time.sleep(5)  # the environment is collected
    pairs.append([bare, logged])
print(json.dumps(pairs))
"""


def logistic_regression(folder: Path, pairs: int) -> list[Row]:
    """Time fits with and without autologging in turns, in one process, model saved included."""
    what = "autolog cost of LogisticRegression.fit, 500x20"
    if importlib.util.find_spec("sklearn") is None:
        return [Row(what, None, "ms", 5, note="scikit-learn is not installed")]
    took = processes.run(
        _FITS.replace("{pairs}", str(pairs + 3)), AUTOTRACK_STORE=str(folder / "store"), OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1", AUTOTRACK_SILENT="1",
    )  # fmt: skip
    extra = [(logged - bare) * 1000 for bare, logged in took[3:]]
    bare = median(b * 1000 for b, _ in took[3:])
    note = f"median of {pairs} pairs; p90 {percentile(extra, 0.9):.3g}; a fit takes {bare:.3g} ms"
    first = (took[0][1] - took[0][0]) * 1000
    return [
        Row(what, median(extra), "ms", 5, note=note),
        Row("  the first fit of the process", first, "ms", note="imports skops and more"),
    ]
