"""What models predicted: an array that a metric is given leads back to the run of the model that made it.

An array is known by identity, also through views of it (slices, columns, reshaped), and by its content, for copies,
lists and series; a copy of one column of probabilities too. Of equal contents the latest counts. Not known is what was
computed from predictions (``proba > 0.3``), or chosen from them by a mask.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import xxhash

from autotrack_sklearn.tracked import Track

_MANY = 256  # contents that are remembered
_COLUMNS = 100  # of a matrix whose columns are remembered one by one
_OBJECTS = 100_000  # elements of an array of objects whose content is remembered


class Prediction(NamedTuple):
    """One array of predictions."""

    track: Track
    model: weakref.ref[Any]
    prefix: str
    """Of what is recorded about it: ``eval/X_test``."""
    method: str
    samples: int
    """How many it was asked about."""
    data: weakref.ref[Any] | None
    """What it was predicted for; None where that cannot be referred to weakly."""
    drawn: set[str]
    """Prefixes under which its curves are recorded."""


class Found(NamedTuple):
    """A prediction, and which part of its samples an array is: "" for all, else like ``[10:20]``."""

    prediction: Prediction
    part: str


_arrays: dict[int, tuple[weakref.ref[Any], Prediction]] = {}
_contents: OrderedDict[bytes, Prediction] = OrderedDict()


def remember(values: Any, prediction: Prediction) -> None:
    """Remember an array, or each of a list of arrays (probabilities of several targets)."""
    if isinstance(values, list):
        for one in values:
            if isinstance(one, np.ndarray):
                remember(one, prediction)
        return
    if not isinstance(values, np.ndarray) or values.ndim == 0:
        return
    root = _root(values)
    place = id(root)
    _arrays[place] = weakref.ref(root, lambda dead: _forget(place, dead)), prediction
    if values.dtype.hasobject and values.size > _OBJECTS:
        return
    columns = list(values.T) if values.ndim == 2 and 1 < values.shape[1] <= _COLUMNS else []
    for content in (values, *columns):
        digest = _digest(content)
        _contents[digest] = prediction
        _contents.move_to_end(digest)
    while len(_contents) > _MANY:
        _contents.popitem(last=False)


def find(values: Any) -> Found | None:
    """Return the prediction that an array, a list or a series is (part of)."""
    if not _contents:
        return None
    known = find_array(values)
    if known is not None:
        return known
    array = _as_array(values)
    if array is None or array.ndim == 0 or (array.dtype.hasobject and array.size > _OBJECTS):
        return None
    prediction = _contents.get(_digest(array))
    return None if prediction is None else Found(prediction, "")


def find_array(values: Any) -> Found | None:
    """`find` by identity only."""
    if not isinstance(values, np.ndarray):
        return None
    root = _root(values)
    entry = _arrays.get(id(root))
    if entry is None or entry[0]() is not root:
        return None
    return Found(entry[1], _part(values, root, entry[1].samples))


def _as_array(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, (list, tuple)) or hasattr(values, "to_numpy"):
        try:
            return np.asarray(values)
        except Exception:  # noqa: BLE001 - ragged lists, objects of the user's: nothing that a model returned
            return None
    return None


def _root(array: Any) -> Any:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _part(values: Any, root: Any, count: int) -> str:
    """Which of the samples a view shows, where these are along the first axis of both."""
    if values.ndim == 0 or len(values) == count or root.ndim == 0 or root.strides[0] == 0 or not len(values):
        return ""
    offset = values.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    start, step = offset // root.strides[0], values.strides[0] // root.strides[0]
    if step == 0:
        return f"[{len(values)}]"
    stop = start + step * len(values)
    ends = "" if start == 0 and step > 0 else str(start), "" if stop >= count or stop < 0 else str(stop)
    return f"[{ends[0]}:{ends[1]}{'' if step == 1 else f':{step}'}]"


def _digest(array: Any) -> bytes:
    if array.dtype.hasobject:
        content: Any = "\0".join(f"{type(item).__name__} {item}" for item in array.ravel().tolist()).encode(
            errors="surrogatepass"
        )
    else:
        content = np.ascontiguousarray(array).reshape(-1).view("u1")
    return xxhash.xxh3_128_digest(content) + f"{array.dtype.kind}{array.shape}".encode()


def _forget(place: int, dead: weakref.ref[Any]) -> None:
    entry = _arrays.get(place)
    if entry is not None and entry[0] is dead:
        del _arrays[place]
