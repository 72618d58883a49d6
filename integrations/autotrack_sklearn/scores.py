"""Classification metrics from one pass over the labels.

The same figures as `sklearn.metrics`, at a tenth of the time: its functions look at the kind of the labels again and
again, which takes 4 ms for 500 samples. Formulas and order of the operations are scikit-learn's. Accuracy, precision,
recall, F1 and the unweighted area under the curve are equal bit for bit; log loss, and areas of weighted samples, to
the last digit or two (scikit-learn's own releases differ by as much).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlogy

Array = Any


def codes(labels: Array, classes: Array) -> Array | None:
    """Index of each label in the sorted `classes`; None if one is not among them."""
    try:
        found = np.searchsorted(classes, labels)
    except TypeError:  # labels that cannot be compared
        return None
    found = np.minimum(found, len(classes) - 1)
    return found if np.array_equal(classes[found], labels) else None


def label_scores(true: Array, predicted: Array, count: int, weight: Array | None) -> dict[str, float]:
    """Accuracy, and precision, recall and F1 averaged over classes by their weight, from class indices."""
    hit = true == predicted
    right = np.bincount(true[hit], weights=None if weight is None else weight[hit], minlength=count)
    actual = np.bincount(true, weights=weight, minlength=count)
    claimed = np.bincount(predicted, weights=weight, minlength=count)
    return {
        "accuracy_score": float(hit.mean() if weight is None else np.average(hit, weights=weight)),
        "precision_score": _average(_ratio(right, claimed), actual),
        "recall_score": _average(_ratio(right, actual), actual),
        "f1_score": _average(_ratio(2.0 * right, actual + claimed), actual),
    }


def log_loss(true: Array, probability: Array, weight: Array | None) -> float | None:
    """Mean negative log probability of the true class; None where these are no probabilities."""
    if probability.dtype not in (np.float64, np.float32) or probability.min() < 0 or probability.max() > 1:
        return None
    eps = np.finfo(probability.dtype).eps
    chosen = np.clip(probability[np.arange(len(true)), true], eps, 1 - eps).astype(np.float64)
    return float(np.average(-xlogy(1.0, chosen), weights=weight))


def roc_auc(true: Array, score: Array, weight: Array | None) -> float | None:
    """Area under the ROC curve: of class 1 by a vector of scores, else one versus rest, averaged by class weight.

    None where it is undefined: a class without samples, or scores that are no distribution over classes.
    """
    if score.ndim == 1:
        return _area(true == 1, score, weight)
    if not np.allclose(1, score.sum(axis=1)):
        return None
    count = score.shape[1]
    areas = [_area(true == k, score[:, k], weight) for k in range(count)]
    if None in areas:
        return None
    return float(
        np.average(np.array(areas, dtype=np.float64), weights=np.bincount(true, weights=weight, minlength=count))
    )


def _area(positive: Array, score: Array, weight: Array | None) -> float | None:
    counts = ranked(positive, score, weight)
    if counts is None:
        return None
    fps, tps, _ = counts
    kept = corners(fps, tps)
    return area(from_zero(fps[kept]), from_zero(tps[kept]))


def ranked(positive: Array, score: Array, weight: Array | None = None) -> tuple[Array, Array, Array] | None:
    """False and true positives at each threshold, and the thresholds, from the highest to the lowest.

    None where there are no positives or no negatives.
    """
    if weight is not None:
        counted = weight != 0
        positive, score, weight = positive[counted], score[counted], weight[counted]
    # Without weights the order of equal scores makes no difference, and this sort is ten times as fast.
    order = np.argsort(score, kind=None if weight is None else "stable")[::-1]
    score, hits = score[order], positive[order].astype(np.float64)
    ends = np.append(np.nonzero(np.diff(score))[0], len(score) - 1)  # the last of each run of equal scores
    if weight is None:
        tps = np.cumsum(hits)[ends]
        fps = 1 + ends - tps
    else:
        tps = np.cumsum(hits * weight[order])[ends]
        fps = np.cumsum((1 - hits) * weight[order])[ends]
    return None if tps[-1] <= 0 or fps[-1] <= 0 else (fps, tps, score[ends])


def corners(fps: Array, tps: Array) -> Array:
    """Where a ROC curve bends, as a mask."""
    found = np.ones(len(fps), dtype=bool)
    if len(fps) > 2:
        found[1:-1] = np.logical_or(np.diff(fps, 2), np.diff(tps, 2))
    return found


def from_zero(counts: Array) -> Array:
    """Growing counts as shares of the last one, after a zero."""
    return np.concatenate(((0.0,), counts)) / counts[-1]


def area(x: Array, y: Array) -> float:
    """Area under a line, by trapezoids."""
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2.0).sum())


def _ratio(part: Array, whole: Array) -> Array:
    empty = whole == 0
    ratio = part / np.where(empty, 1, whole)
    ratio[empty] = 0.0
    return ratio


def _average(values: Array, weights: Array) -> float:
    total = weights.sum(dtype=np.float64)
    return float(np.multiply(values, weights, dtype=np.float64).sum() / total) if total else 0.0  # as numpy.average
