"""The numbers of plots, as tables: they can be overlaid and compared, where a picture could only be looked at.

Each function makes one table from arrays. Values are those of scikit-learn's `confusion_matrix`, `roc_curve`,
`precision_recall_curve` and `calibration_curve`, bit for bit (of weighted samples to the last digit or two), at a tenth
of the time. What is left out of a table is said in its meta: "points" of "of", "classes_shown" of "classes_of".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autotrack_sklearn import scores

if TYPE_CHECKING:
    from autotrack import Run

Array = Any

CLASSES = 20
"""So many have curves."""
_CELLS = 50  # classes up to which a confusion matrix has all cells
_POINTS = 200  # of a curve ...
_ALL_POINTS = 1_000  # ... and about so many of all curves in a table
_BINS = 10
_EDGES = np.linspace(0.0, 1.0, _BINS + 1)[1:-1]
_RESIDUALS = 1_000
_FEATURES = 1_000


class Table(NamedTuple):
    """What `Run.log_table` takes; the kind is also the last part of its name."""

    kind: str
    columns: dict[str, Any]
    meta: dict[str, Any]


def log_plots(  # noqa: PLR0913 - what metrics are computed from
    run: Run,
    prefix: str,
    true: Any,
    classes: Any = None,
    *,
    predicted: Any = None,
    score: Any = None,
    weight: Any = None,
) -> None:
    """Record the tables that can be made of true values and predictions.

    Args:
        run: Where they are recorded, as ``<prefix>/roc_curve`` and so on.
        prefix: ``train``, ``eval/<data name>`` or ``cv``.
        true: Labels, or numbers of a regression; a vector or one column, anything else gives no table.
        classes: The sorted labels that a classifier knows. None for a regression, and where they are not known: then
            these are numbers if `true` or `predicted` are floats.
        predicted: Predicted labels or numbers.
        score: Probabilities or decisions of each class in the order of `classes`, or a vector for the second of two.
        weight: Of each sample.

    """
    log_tables(run, prefix, tables(true, classes, predicted=predicted, score=score, weight=weight))


def log_tables(run: Run, prefix: str, found: Iterable[Table]) -> None:
    """Record tables under names of their kind."""
    for table in found:
        run.log_table(f"{prefix}/{table.kind}", table.columns, kind=table.kind, meta=table.meta)


def tables(
    true: Any, classes: Any = None, *, predicted: Any = None, score: Any = None, weight: Any = None
) -> Iterator[Table]:
    """Every table that can be made of them."""
    true = _vector(true)
    predicted = None if predicted is None else _vector(predicted)
    if true.ndim != 1 or not len(true) or (predicted is not None and predicted.shape != true.shape):
        return
    if classes is None and score is None and _are_numbers(true, predicted):
        yield residuals(true, predicted)
        return
    weight = None if weight is None else np.asarray(weight, dtype=np.float64)
    known = None if classes is None else np.asarray(classes)
    index = None if known is None or known.ndim != 1 else scores.codes(true, known)
    guess = None if index is None or predicted is None else scores.codes(predicted, known)
    if guess is not None:
        yield confusion_matrix(index, guess, known, weight)
    elif predicted is not None:
        yield from _confusion_of_labels(true, predicted, weight)
    if score is not None and index is not None and known is not None:
        yield from curves(index, known, np.asarray(score), weight)


def _vector(values: Any) -> Array:
    array = np.asarray(values)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def of_classes(
    true: Array, classes: Array, predicted: Array, score: Array | None, weight: Array | None
) -> Iterator[Table]:
    """The tables of a classification; `true` and `predicted` are indices of `classes`."""
    yield confusion_matrix(true, predicted, classes, weight)
    if score is not None:
        yield from curves(true, classes, score, weight)


def _are_numbers(true: Array, predicted: Array | None) -> bool:
    """Whether these are outcomes of a regression, where nobody says that they are labels."""
    kinds = {true.dtype.kind, "" if predicted is None else predicted.dtype.kind}
    return "f" in kinds and kinds <= set("iuf")


def residuals(true: Array, predicted: Array) -> Table:
    """Differences between true and predicted numbers, of rows at even distances."""
    count = len(true)
    if count > _RESIDUALS:
        rows = np.linspace(0, count - 1, _RESIDUALS).astype(np.intp)
        true, predicted = true[rows], predicted[rows]
    true, predicted = true.astype(np.float64), predicted.astype(np.float64)
    columns = {"predicted": predicted, "residual": true - predicted}
    return Table("residuals", columns, {"shown": len(true), "of": count})


def _confusion_of_labels(true: Array, predicted: Array, weight: Array | None) -> Iterator[Table]:
    """Where the classes are not known, or not all of them: those that occur."""
    if (true.dtype.kind in "biuf") != (predicted.dtype.kind in "biuf"):  # numbers and texts
        return
    try:
        classes = np.unique(np.concatenate((true, predicted)))
    except TypeError:  # labels that cannot be compared
        return
    index, guess = scores.codes(true, classes), scores.codes(predicted, classes)
    if index is not None and guess is not None:
        yield confusion_matrix(index, guess, classes, weight)


def confusion_matrix(true: Array, predicted: Array, classes: Array, weight: Array | None = None) -> Table:
    """How often which class was taken for which, from class indices; of many classes only what has occurred."""
    count = len(classes)
    if count <= _CELLS:
        cells = np.bincount(true * count + predicted, weights=weight, minlength=count * count)
        rows, columns = np.divmod(np.arange(count * count), count)
    else:
        pairs, place = np.unique(true * count + predicted, return_inverse=True)
        cells = np.bincount(place, weights=weight, minlength=len(pairs))
        rows, columns = np.divmod(pairs, count)
    return Table(
        "confusion_matrix",
        {"true": classes[rows], "predicted": classes[columns], "count": cells},
        {"classes": classes.tolist(), "normalized": None},
    )


def curves(true: Array, classes: Array, score: Array, weight: Array | None = None) -> Iterator[Table]:
    """ROC, precision-recall and calibration: of the second class by a vector of scores, else of each versus the rest.

    `true` are indices of `classes`. A class without samples, or without others, has no curve.
    """
    count = len(classes)
    if score.shape == (len(true), 2) and count == 2:
        score = score[:, 1]
    if score.shape != (len(true), count) and (score.shape != (len(true),) or count != 2):
        return
    if score.dtype.kind not in "biuf" or not np.isfinite(score).all():
        return
    chosen = [1] if score.ndim == 1 else list(range(len(classes)))
    meta: dict[str, Any] = {}
    if len(chosen) > CLASSES:
        sizes = np.bincount(true, weights=weight, minlength=len(classes))
        chosen = np.sort(np.argsort(-sizes, kind="stable")[:CLASSES]).tolist()
        meta = {"classes_shown": CLASSES, "classes_of": len(classes)}
    by_class = {k: np.ascontiguousarray(score if score.ndim == 1 else score[:, k]) for k in chosen}
    ranked = {k: scores.ranked(true == k, column, weight) for k, column in by_class.items()}
    counted = {k: counts for k, counts in ranked.items() if counts is not None}
    if counted:
        yield _roc(counted, classes, meta)
        yield _precision_recall(counted, classes, meta)
    if score.min() >= 0 and score.max() <= 1 and (score.ndim == 1 or np.allclose(1, score.sum(axis=1))):
        yield _calibration(true, by_class, classes, meta)


_Line = tuple[Array, Array, Array]
_Lines = dict[int, _Line]
"""Three arrays of equal length for each class, by its index."""


def _roc(counted: _Lines, classes: Array, meta: dict[str, Any]) -> Table:
    lines, areas = {}, []
    for k, (fps, tps, thresholds) in counted.items():
        corners = scores.corners(fps, tps)
        x, y = scores.from_zero(fps[corners]), scores.from_zero(tps[corners])
        lines[k] = x, y, np.concatenate(((np.inf,), thresholds[corners]))
        areas.append(scores.area(x, y))
    columns, thinned = _joined(lines, classes, ("fpr", "tpr", "threshold"))
    return Table("roc_curve", columns, {"auc": _pairs(counted, areas, classes), **thinned, **meta})


def _precision_recall(counted: _Lines, classes: Array, meta: dict[str, Any]) -> Table:
    lines, means = {}, []
    for k, (fps, tps, thresholds) in counted.items():
        claimed = tps + fps
        precision = np.divide(tps, claimed, out=np.zeros_like(claimed), where=claimed != 0)
        precision = np.concatenate((precision[::-1], (1.0,)))
        recall = np.concatenate(((tps / tps[-1])[::-1], (0.0,)))
        lines[k] = recall, precision, np.concatenate((thresholds[::-1], (np.nan,)))  # nothing is claimed at the end
        means.append(float(max(0.0, -np.sum(np.diff(recall) * precision[:-1]))))
    columns, thinned = _joined(lines, classes, ("recall", "precision", "threshold"))
    columns["threshold"] = np.ma.masked_array(columns["threshold"], np.isnan(columns["threshold"]))
    meta = {"average_precision": _pairs(counted, means, classes), **thinned, **meta}
    return Table("precision_recall_curve", columns, meta)


def _calibration(true: Array, by_class: dict[int, Array], classes: Array, meta: dict[str, Any]) -> Table:
    lines = {}
    for k, chance in by_class.items():
        bins: Array = np.searchsorted(_EDGES, chance)
        total = np.bincount(bins, minlength=_BINS)
        some = total != 0
        count = total[some]
        predicted = np.bincount(bins, weights=chance, minlength=_BINS)[some] / count
        observed = np.bincount(bins[true == k], minlength=_BINS)[some] / count
        lines[k] = predicted, observed, count
    columns, _ = _joined(lines, classes, ("predicted", "observed", "count"))
    return Table("calibration_curve", columns, meta)


def _joined(lines: _Lines, classes: Array, names: tuple[str, str, str]) -> tuple[dict[str, Array], dict[str, int]]:
    """Lines one below the other, each beside the label of its class; and how many of how many points, if not all.

    The points of a long line are at even distances along it.
    """
    limit = max(_POINTS // 4, min(_POINTS, _ALL_POINTS // len(lines)))
    kept = {k: _thinned(line, limit) for k, line in lines.items()}
    sizes = [len(line[0]) for line in kept.values()]
    columns = {"class": np.repeat(classes[list(kept)], sizes)}
    for name, parts in zip(names, zip(*kept.values(), strict=True), strict=True):
        columns[name] = np.concatenate(parts)
    whole = sum(len(line[0]) for line in lines.values())
    return columns, {} if whole == sum(sizes) else {"points": sum(sizes), "of": whole}


def _thinned(line: _Line, limit: int) -> _Line:
    x, y = line[:2]
    if len(x) <= limit:
        return line
    way = np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))
    spots = np.searchsorted(way, np.linspace(0.0, way[-1], limit)[1:-1]) + 1
    spots = np.unique(np.concatenate(((0,), spots, (len(x) - 1,))))
    return x[spots], y[spots], line[2][spots]


def _pairs(keys: Iterable[int], values: list[float], classes: Array) -> list[list[Any]]:
    return [list(pair) for pair in zip(classes[list(keys)].tolist(), values, strict=True)]
