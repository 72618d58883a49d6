"""numpy arrays as streams of canonical bytes, block by block, without a copy of the whole."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autotrack.capture.fingerprint import BLOCK, Stream, cost_of

if TYPE_CHECKING:
    import numpy as np

_MAX_CLASSES = 100
_MAX_RANGE = 10_000
_MAX_LABELED = 20_000_000  # rows
_MAX_LABELED_OBJECTS = 1_000_000
_CACHE_LINE = 64
_SCATTERED = 8  # long rows whose items lie far apart take about this many times as long
_FIRST_LOOK = 10_000
_MAX_LABEL = 200  # characters


def array_streams(array: np.ndarray[Any, Any], header: str = "") -> list[Stream]:
    """Return an array as streams: one, or one for each field of a structured type (so that padding does not count)."""
    dtype = array.dtype
    if dtype.names is not None:
        streams: list[Stream] = []
        for name in dtype.names:
            streams += array_streams(array[name], f"{header}.{name!r}")
        return streams
    return [_stream(array, f"{header}{array.shape} {_type_name(dtype)}")]


def _type_name(dtype: np.dtype[Any]) -> str:
    if dtype.kind in "OT":
        return "object"
    if dtype.kind == "V" and dtype.type.__name__ != "void":  # types of extension packages, e.g. bfloat16
        return dtype.name
    return dtype.newbyteorder("<").str


def _stream(array: np.ndarray[Any, Any], header: str) -> Stream:
    dtype, count = array.dtype, array.size
    take = _taker(array)
    if dtype.kind in "OT":
        cost = cost_of([*take(0, min(8, count)).tolist(), *take(max(0, count - 8), count).tolist()])
        return Stream(header, count, lambda i, j: take(i, j).tolist(), cost, 1 << 13, objects=True)
    if dtype.itemsize == 0:
        return Stream(header, 0, take, 1, 1)
    step, cost = max(1, BLOCK // dtype.itemsize), float(dtype.itemsize)
    if not array.flags.c_contiguous and array.ndim > 1:
        row = math.prod(array.shape[1:])
        if 0 < row <= step:  # whole rows at a time are faster to gather
            step = step // row * row
        elif abs(array.strides[-1]) >= _CACHE_LINE:
            cost *= _SCATTERED
    canonical = _canonical(dtype)
    read = take if canonical is None else lambda i, j: canonical(take(i, j))
    if dtype.kind not in "fcMm":
        return Stream(header, count, read, cost, step)
    missing = _missing_counter(array.dtype)
    if canonical is None:
        return Stream(header, count, read, cost, step, missing=missing)

    counted = 0

    def read_and_count(i: int, j: int) -> Any:
        nonlocal counted
        block = take(i, j)
        counted = missing(block)
        return canonical(block)

    return Stream(header, count, read_and_count, cost, step, missing=lambda _: counted)


def _taker(array: np.ndarray[Any, Any]) -> Callable[[int, int], np.ndarray[Any, Any]]:
    """Return a function that gives items i to j of the array in C order, contiguous: a view where possible."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        return lambda i, j: flat[i:j]
    return lambda i, j: _gather(array, i, j)


def _gather(array: np.ndarray[Any, Any], start: int, stop: int) -> np.ndarray[Any, Any]:
    if array.ndim == 1:
        return array[start:stop].copy()
    row = math.prod(array.shape[1:])
    first, begin = divmod(start, row)
    last, end = divmod(stop, row)
    if first == last:
        return _gather(array[first], begin, end)
    if not begin and not end:
        return array[first:last].flatten()
    import numpy as np

    parts = [_gather(array[first], begin, row), array[first + 1 : last].flatten()]
    if end:
        parts.append(_gather(array[last], 0, end))
    return np.concatenate(parts)


def _canonical(dtype: np.dtype[Any]) -> Callable[[np.ndarray[Any, Any]], Any] | None:
    """Return what makes a contiguous block's bytes canonical; None where they are."""
    import numpy as np

    kind = dtype.kind
    if dtype.char in "gG":  # x87: ten bytes of number, the rest is whatever was in memory
        used = 10 if np.finfo(np.longdouble).nmant == 63 else dtype.itemsize // (2 if dtype.char == "G" else 1)
        size = dtype.itemsize // (2 if dtype.char == "G" else 1)
        native = dtype.newbyteorder("=")
        return lambda block: block.astype(native).view(np.uint8).reshape(-1, size)[:, :used].copy()
    swap = not dtype.isnative if sys.byteorder == "little" else dtype.byteorder != "<" and dtype.itemsize > 1
    little = dtype.newbyteorder("<")
    if kind in "biufc":
        return (lambda block: block.astype(little)) if swap else None
    if kind in "MmU":
        raw = np.dtype(np.uint32 if kind == "U" else np.int64)
        return (lambda block: block.astype(little).view(raw)) if swap else (lambda block: block.view(raw))
    return lambda block: block.view(np.uint8)


def _missing_counter(dtype: np.dtype[Any]) -> Callable[[np.ndarray[Any, Any]], int]:
    import numpy as np

    if dtype.kind in "Mm":
        return lambda block: int(np.count_nonzero(np.isnat(block)))

    def count(block: np.ndarray[Any, Any]) -> int:
        if dtype.kind == "f" and block.size:
            with np.errstate(invalid="ignore"):
                least = block.min()  # NaN where there is any: several times as fast as looking at each
            if least == least:  # noqa: PLR0124
                return 0
        return int(np.count_nonzero(np.isnan(block)))

    return count


# -- labels ------------------------------------------------------------------------------------------------------------


def label_counts(array: np.ndarray[Any, Any]) -> dict[str, int] | None:
    """Count each class in a 1-D array of integers, booleans or texts; None where it is not like labels."""
    import numpy as np

    kind, size = array.dtype.kind, array.size
    if array.ndim != 1 or size == 0:
        return None
    if kind in "biu" and size <= _MAX_LABELED:
        if kind == "b":
            true = int(np.count_nonzero(array))
            return {k: n for k, n in (("False", size - true), ("True", true)) if n}
        low, high = int(array.min()), int(array.max())
        if high - low >= _MAX_RANGE:
            return None
        # For uint64 the difference first, for int64 too: both fit, as the range is small.
        counts = np.bincount((array - array.dtype.type(low)).astype(np.intp), minlength=1)
        present = np.flatnonzero(counts)
        return None if present.size > _MAX_CLASSES else {str(low + int(i)): int(counts[i]) for i in present}
    if kind in "OSTU" and size <= _MAX_LABELED_OBJECTS:
        return count_labels(array)
    return None


def count_labels(items: Any) -> dict[str, int] | None:
    """Count each text, integer or boolean; None where there are other things, or too many different ones."""
    from collections import Counter

    counts: Counter[Any] = Counter()
    for part in (items[:_FIRST_LOOK], items[_FIRST_LOOK:]):
        values = part.tolist() if hasattr(part, "tolist") else part
        if not set(map(type, values)) <= {str, int, bool, bytes}:
            return None
        counts.update(values)
        if len(counts) > _MAX_CLASSES:
            return None
    result = {v.decode("utf-8", "backslashreplace") if isinstance(v, bytes) else str(v): n for v, n in counts.items()}
    if not result or any(len(label) > _MAX_LABEL for label in result):
        return None
    return dict(sorted(result.items()))
