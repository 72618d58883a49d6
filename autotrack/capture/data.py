"""What data a run used: kind, shape, types, columns, missing values, labels and a fingerprint; never the content.

Frameworks are recognized by modules that are loaded already and never imported. Nothing is changed, kept or drawn at
random.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from autotrack.capture import fingerprint as _fingerprint
from autotrack.capture.fingerprint import Stream

_MAX_COLUMNS = 1000  # named in a description
_MAX_PARTS = 1000
_NUMBERED = ("bool", "int", "uint")  # how the names of types begin whose values are no text
_SCALARS = (str, bytes, bool, int, float, complex, type(None))


@dataclass(slots=True)
class Description:
    """What is known of a data set.

    Attributes:
        kind: Class under its public name, e.g. ``numpy.ndarray``, ``pandas.DataFrame``, ``dict``.
        shape: Lengths of the axes; ``[n]`` for sequences.
        dtypes: Element types: one, or one for each column.
        columns: Names of columns or parts, as text.
        size: Bytes that the elements take; None where unknown.
        missing: Missing values (NaN, NaT, None, NA); None where they were not counted.
        labels: How often each class occurs, for 1-D data of few different integers, or texts that are the target.
        fingerprint: ``xxh3:<32 hex>``, ``xxh3-sampled:<32 hex>``, or empty (see `autotrack.capture.fingerprint`).
        complete: Whether the fingerprint covers all content.
        meta: Further facts, JSON-ready.

    """

    kind: str
    shape: list[int] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    size: int | None = None
    missing: int | None = None
    labels: dict[str, int] | None = None
    fingerprint: str = ""
    complete: bool = False
    meta: dict[str, Any] = field(default_factory=dict)

    def as_meta(self) -> dict[str, Any]:
        """Return what has no field of its own in the journal's `Data` event, JSON-ready, without what is unknown."""
        same = len(set(self.dtypes)) == 1
        facts: dict[str, Any] = {
            "dtype": self.dtypes[0] if same else None,
            "dtypes": None if same else self.dtypes[:_MAX_COLUMNS],
            "columns": self.columns[:_MAX_COLUMNS],
            "size": self.size,
            "missing": self.missing,
            "labels": self.labels,
        }
        if len(self.columns) > _MAX_COLUMNS:
            facts["columns_total"] = len(self.columns)
        result = {key: value for key, value in facts.items() if value is not None and value != []}
        return {**result, "complete": self.complete, **self.meta}


@dataclass(slots=True)
class _Source:
    """What an adapter makes of data: a description without a fingerprint, and the streams to make it from."""

    description: Description
    form: str  # the part of the type that counts as content
    streams: list[Stream]


def describe(data: Any, *, budget: float = 1.0, target: bool = False) -> Description:
    """Describe data of any kind. Never raises; what went wrong stands under ``meta["error"]``.

    Args:
        data: Arrays, series, frames, sparse matrices, tensors, sequences, mappings of them; anything else
            gives its kind and length.
        budget: Seconds that the fingerprint may take at the assumed speed; above it, a sample is taken.
        target: Whether these are what is to be learned: only then texts are names of classes. Others are content, and
            stay out of the description however few they are.

    """
    kind = kind_of(data)
    try:
        source = _source(data, kind)
        if source is None:
            return _unknown(data, kind)
        result = _fingerprint.fingerprint(source.form, source.streams, budget)
    except Exception as error:  # noqa: BLE001 - other people's objects; the caller's training goes on
        return Description(kind, meta={"error": f"{type(error).__name__}: {error}"[:500]})
    description = source.description
    if not target and not (description.dtypes and description.dtypes[0].lower().startswith(_NUMBERED)):
        description.labels = None
    description.fingerprint, description.complete = result.fingerprint, result.complete and description.complete
    if description.missing is None:
        description.missing = result.missing
    return description


def kind_of(data: Any) -> str:
    """Return the public class path of an object: ``pandas.DataFrame`` for ``pandas.core.frame.DataFrame``."""
    if data is None:
        return "None"
    kind = type(data)
    module, name = str(kind.__module__), kind.__qualname__
    if module == "builtins":
        return name
    public = ""
    for part in module.split("."):  # the shortest module that has the class under its own name
        public = f"{public}.{part}" if public else part
        if _names_of(sys.modules.get(public)).get(name) is kind:
            return f"{public}.{name}"
    return f"{module}.{name}"


def _names_of(module: Any) -> dict[str, Any]:
    """What a module holds by now. To ask a lazy one for a name would load it."""
    try:
        names: dict[str, Any] = object.__getattribute__(module, "__dict__")
    except AttributeError:
        return {}
    return names


def _unknown(data: Any, kind: str) -> Description:
    shape: list[int] = []
    if data is not None and hasattr(type(data), "shape"):
        lengths = data.shape
        if isinstance(lengths, tuple) and all(isinstance(length, int) for length in lengths):
            shape = list(lengths)
    elif data is not None and hasattr(type(data), "__len__"):
        shape = [len(data)]
    return Description(kind, shape=shape)


def _source(data: Any, kind: str) -> _Source | None:
    numpy = sys.modules.get("numpy")
    if data is None:
        return None
    if isinstance(data, (list, tuple)):
        return _sequence(data, kind)
    if numpy is not None and isinstance(data, (numpy.ndarray, numpy.generic)):
        return _array(data, kind)
    tops = {c.__module__.partition(".")[0] for c in type(data).__mro__ if isinstance(c.__module__, str)}
    if "pandas" in tops or "polars" in tops or "pyarrow" in tops:
        from autotrack.capture import frames

        columns = frames.columns(data)
        return None if columns is None else _frame(columns, kind)
    if "scipy" in tops and hasattr(data, "tocsr"):
        return _sparse(data, kind)
    if isinstance(data, dict):
        return _parts(kind, list(data), list(data.values()))
    if "torch" in tops and isinstance(data, sys.modules["torch"].Tensor):
        from autotrack.capture import tensors

        streams, shape, dtype, size, device = tensors.streams(data)
        description = Description(kind, shape, [dtype], size=size, complete=bool(streams), meta={"device": device})
        if device == "cpu" and streams and len(shape) == 1:
            description.labels = tensors.labels(data)
        return _Source(description, "array", streams) if streams else None
    return None


def _array(data: Any, kind: str) -> _Source | None:
    import numpy as np

    from autotrack.capture import arrays

    array = np.asarray(data)
    description = Description(kind, list(array.shape), _dtypes(array.dtype), size=array.nbytes, complete=True)
    if array.dtype.names is not None:
        description.columns = list(array.dtype.names)
    if isinstance(data, np.ma.MaskedArray):  # what lies under the mask is no content
        mask = np.ma.getmaskarray(data)
        description.missing = int(np.count_nonzero(mask)) if mask.dtype.names is None else None
        description.complete = False
        return _Source(description, "mask", arrays.array_streams(mask))
    description.labels = arrays.label_counts(array)
    return _Source(description, "array", arrays.array_streams(array))


def _dtypes(dtype: Any) -> list[str]:
    if dtype.names is None:
        return [str(dtype)]
    return [str(dtype.fields[name][0]) for name in dtype.names]


def _frame(columns: Any, kind: str) -> _Source:
    description = Description(
        kind,
        columns.shape,
        columns.dtypes,
        [str(name) for name in columns.names],
        columns.size,
        labels=columns.labels,
        complete=True,
    )
    names = _fingerprint.objects("names", list(columns.names))
    return _Source(description, columns.form, [names, *columns.streams])


def _sparse(data: Any, kind: str) -> _Source:
    """Go by rows, columns ascending, duplicates added up; other formats than CSR are converted in a copy."""
    from autotrack.capture import arrays

    rows = data.tocsr()
    # An object of our own around the same arrays: checks would leave their result in the user's.
    rows = type(rows)((rows.data, rows.indices, rows.indptr), shape=rows.shape, copy=False)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    streams: list[Stream] = []
    for name in ("indptr", "indices"):  # 32 or 64 bits depending on where the matrix comes from
        index = getattr(rows, name)
        (stream,) = arrays.array_streams(index)
        streams.append(Stream(name, index.size, _as_int64(index), 8, stream.step))
    description = Description(
        kind,
        [int(n) for n in data.shape],
        [str(data.dtype)],
        size=sum(a.nbytes for a in (rows.data, rows.indices, rows.indptr)),
        complete=True,
        meta={"format": str(data.format), "stored": int(rows.nnz)},
    )
    return _Source(
        description, f"sparse{tuple(description.shape)}", [*streams, *arrays.array_streams(rows.data, "data")]
    )


def _as_int64(index: Any) -> Callable[[int, int], Any]:
    return lambda i, j: index[i:j].astype("<i8")


def _sequence(data: Sequence[Any], kind: str) -> _Source | None:
    """Lists of numbers or texts (nested ones too) are content; short ones of arrays or frames are sets of parts."""
    if data and not isinstance(data[0], (*_SCALARS, list, tuple, dict)) and len(data) <= _MAX_PARTS:
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(data[0], numpy.generic):
            return _parts(kind, list(range(len(data))), list(data))
    from autotrack.capture import arrays

    items = list(data[:1])
    types = sorted({type(item).__name__ for item in (data[:1000] if items else ())})
    description = Description(kind, [len(data)], types if len(types) == 1 else [], complete=True)
    description.labels = arrays.count_labels(data) if len(data) <= 1_000_000 else None
    return _Source(description, "sequence", [_fingerprint.objects("items", data)])


def _parts(kind: str, names: Sequence[Any], values: Sequence[Any]) -> _Source | None:
    """Several things under names: `{"train": X, "test": Y}`, `(X, y)`, columns as lists, a dict of numbers."""
    if len(names) > _MAX_PARTS:
        return None
    streams = [_fingerprint.objects("parts", list(names))]
    description = Description(kind, [len(names)], columns=[str(n) for n in names], complete=True)
    sizes: list[int | None] = []
    loose: list[Any] = []  # single numbers and texts
    for value in values:
        source = None if isinstance(value, _SCALARS) else _source(value, kind_of(value))
        if source is None:
            loose.append(value)
            description.dtypes.append(kind_of(value))
            description.complete &= isinstance(value, _SCALARS)
            continue
        streams.append(_fingerprint.objects("form", [source.form, len(source.streams)]))
        streams += source.streams
        sizes.append(source.description.size)
        description.complete &= source.description.complete
        shape = "x".join(map(str, source.description.shape))
        description.dtypes.append(f"{source.description.kind}[{shape}]")
    streams.append(_fingerprint.objects("loose", loose))
    if sizes and all(s is not None for s in sizes):
        description.size = sum(s for s in sizes if s is not None)
    return _Source(description, "parts", streams)
