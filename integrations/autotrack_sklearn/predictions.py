"""What models predicted: an array that a metric is given leads back to the run of the model that made it.

An array is known by identity, also through views of it (slices, columns, reshaped), and by its content, for copies,
lists and series; a copy of one column of probabilities too. Of equal contents the latest counts. Not known is what was
computed from predictions (``proba > 0.3``), or chosen from them by a mask; nor a copy of what is large, or of what
anybody could have, the same value over and over.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import xxhash

from autotrack_sklearn.tracked import Track

_MANY = 256  # contents that are remembered
_LARGE = 64 * 1024 * 1024  # bytes of an array whose content is remembered
_MATRIX = 16 * 1024 * 1024  # bytes of a matrix whose columns are remembered one by one ...
_COLUMNS = 100  # ... if there are not more
_OBJECTS = 100_000  # elements of an array of text whose content is remembered
_NUMBERS = "biufcmM"  # kinds of arrays whose bytes are their content
_PLAIN = (str, bytes, bool, int, float, type(None), np.generic)  # objects that are no code of the user's


class Prediction(NamedTuple):
    """One array of predictions."""

    track: Track
    model: weakref.ref[Any]
    prefix: Callable[[], str]
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


class _Known(NamedTuple):
    """An array that holds a prediction."""

    array: weakref.ref[Any]
    prediction: Prediction
    start: int
    """Address of the first sample."""
    stride: int
    """Bytes from one sample to the next."""


_arrays: dict[int, _Known] = {}
_contents: OrderedDict[bytes, Prediction] = OrderedDict()


def remember(values: Any, prediction: Prediction, data: Any = None) -> None:
    """Remember an array, or each of a list of arrays (probabilities of several targets), predicted for `data`."""
    if isinstance(values, list) and any(isinstance(one, np.ndarray) for one in values):
        for one in values:
            if isinstance(one, np.ndarray):
                remember(one, prediction, data)
        return
    if values is data:
        return
    if isinstance(values, np.ndarray):
        if values.ndim:
            _remember_array(values, prediction, data)
    elif hasattr(values, "to_numpy") or (isinstance(values, list) and _are_plain(values)):
        array = _as_array(values)
        if array is not None and array.ndim:
            _remember_content(array, prediction)


def _remember_array(values: Any, prediction: Prediction, data: Any) -> None:
    # Of what belongs to a larger array, or to the data, the rest is no prediction.
    root = _root(values)
    holder = root if root.size == values.size and not (isinstance(data, np.ndarray) and root is _root(data)) else values
    place = id(holder)
    known = weakref.ref(holder, lambda dead: _forget(place, dead))
    _arrays[place] = _Known(known, prediction, values.__array_interface__["data"][0], values.strides[0])
    _remember_content(values, prediction)


def _remember_content(values: Any, prediction: Prediction) -> None:
    for digest in _digests(values):
        _contents.pop(digest, None)
        _contents[digest] = prediction
    while len(_contents) > _MANY:
        _contents.popitem(last=False)


def find(values: Any) -> Found | None:
    """Return the prediction that an array, a list or a series is (part of)."""
    known = find_array(values)
    if known is not None or not _contents:
        return known
    array = _as_array(values)
    digest = None if array is None or array.ndim == 0 else _digest(array)
    prediction = None if digest is None else _contents.get(digest)
    return None if prediction is None else Found(prediction, "")


def find_array(values: Any) -> Found | None:
    """`find` by identity only."""
    if not isinstance(values, np.ndarray):
        return None
    for holder in (values, _root(values)):
        known = _arrays.get(id(holder))
        if known is not None and known.array() is holder:
            return Found(known.prediction, _part(values, known))
    return None


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


def _part(values: Any, known: _Known) -> str:
    """Which of the samples a view shows, where these are along the first axis of both."""
    count = known.prediction.samples
    if values.ndim == 0 or len(values) == count or known.stride == 0 or not len(values):
        return ""
    start = (values.__array_interface__["data"][0] - known.start) // known.stride
    step = values.strides[0] // known.stride
    if step == 0:
        return f"[{len(values)}]"
    stop = start + step * len(values)
    ends = "" if start == 0 and step > 0 else str(start), "" if stop >= count or stop < 0 else str(stop)
    return f"[{ends[0]}:{ends[1]}{'' if step == 1 else f':{step}'}]"


def _digests(values: Any) -> Iterator[bytes]:
    """Of an array and, of a matrix, of each column; of those that tell one from another."""
    columns = []
    if values.ndim == 2 and 1 < values.shape[1] <= _COLUMNS and values.nbytes <= _MATRIX:
        columns = list(np.ascontiguousarray(values.T))
    for content in (values, *columns):
        digest = _digest(content)
        if digest is not None:
            yield digest


def _digest(array: Any) -> bytes | None:
    kind = array.dtype.kind
    if kind in _NUMBERS and array.nbytes <= _LARGE:
        flat = np.ascontiguousarray(array).reshape(-1)
        if not _varies(flat[:1_000]) and not _varies(flat):
            return None
        content: Any = flat.view("u1")
    elif kind in "OSTU" and array.size <= _OBJECTS:
        items = array.ravel().tolist()
        if not _are_plain(items) or len({*items}) < 2:
            return None
        texts = items if {*map(type, items)} == {str} else (f"{type(item).__name__} {item}" for item in items)
        kind, content = "O", "\0".join(texts).encode(errors="surrogatepass")
    else:
        return None
    return xxhash.xxh3_128_digest(content) + f"{kind}{array.shape}".encode()


def _are_plain(items: list[Any]) -> bool:
    return all(issubclass(kind, _PLAIN) for kind in {*map(type, items)})


def _varies(flat: Any) -> bool:
    return bool((flat != flat[:1]).any())


def _forget(place: int, dead: weakref.ref[Any]) -> None:
    known = _arrays.get(place)
    if known is not None and known.array is dead:
        del _arrays[place]
