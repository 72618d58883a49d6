"""Columns of pandas, polars and pyarrow data as streams.

The same values give the same streams wherever they are stored: texts as Python texts (in pandas they may lie in Python
objects or in Arrow memory), nullable numbers as numbers and a mask, dates with a time zone as instants and the zone's
name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from autotrack.capture.arrays import array_streams, count_labels, label_counts
from autotrack.capture.fingerprint import ITEM_COST, Stream, cost_of

_BLOCK = 1 << 13  # Python objects made at a time
_NUMBERS = 1 << 17  # numbers converted at a time
_SMALL = 1 << 24  # bytes
_NESTED = ("array", "list", "map", "struct")  # in the names of types of polars and pyarrow
_MAX_LABELED = 1_000_000  # rows


@dataclass(slots=True)
class Columns:
    """What a frame or a series consists of."""

    form: str
    shape: list[int]
    names: list[Any] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    size: int | None = None
    labels: dict[str, int] | None = None


def columns(data: Any) -> Columns | None:
    """Return the columns of a frame, series or index; None for other objects of these packages."""
    for base in type(data).__mro__:
        top, name = str(base.__module__).partition(".")[0], base.__name__
        match top, name:
            case "pandas", "DataFrame":
                return _pandas_frame(data)
            case "pandas", "Series" | "Index":
                return _pandas_series(data, name)
            case "pandas", "ExtensionArray":
                import pandas as pd

                return _pandas_series(pd.Series(data, copy=False), "Series")
            case "polars", "DataFrame":
                return _arrow_like(
                    [(s.name, s) for s in data.get_columns()], list(data.shape), data.estimated_size(), _polars
                )
            case "polars", "Series":
                return _arrow_like([(data.name, data)], [len(data)], data.estimated_size(), _polars)
            case "pyarrow", "Table" | "RecordBatch":
                pairs = zip(data.schema.names, data.columns, strict=True)
                return _arrow_like(pairs, [data.num_rows, data.num_columns], data.nbytes, _arrow)
            case "pyarrow", "ChunkedArray" | "Array":
                return _arrow_like([("", data)], [len(data)], data.nbytes, _arrow)
            case _:
                continue
    return None


# -- pandas ------------------------------------------------------------------------------------------------------------


def _pandas_frame(frame: Any) -> Columns:
    import numpy as np

    rows, width = (int(n) for n in frame.shape)
    dtypes = frame.dtypes.tolist()
    names = {dtype: str(dtype) for dtype in set(dtypes)}
    result = Columns("frame", [rows, width], frame.columns.tolist(), [names[dtype] for dtype in dtypes])
    result.streams += _pandas_index(frame.index)
    plain = sum(rows * dtype.itemsize for dtype in dtypes if isinstance(dtype, np.dtype))
    whole = all(isinstance(dtype, np.dtype) for dtype in names)
    result.size = plain if whole else int(frame.memory_usage(index=False).sum())
    grouped: dict[int, list[Stream]] = {}
    if len(names) < width and plain <= _SMALL:  # a column at a time costs more than a copy of all of a type
        for dtype in names:
            if isinstance(dtype, np.dtype):
                places = [i for i, one in enumerate(dtypes) if one == dtype]
                values = frame.iloc[:, places].to_numpy()
                grouped |= {place: array_streams(values[:, k]) for k, place in enumerate(places)}
    for i in range(width):
        result.streams += grouped[i] if i in grouped else _pandas_streams(frame.iloc[:, i])
    return result


def _pandas_series(series: Any, name: str) -> Columns:
    result = Columns(name.lower(), [len(series)], [series.name], [str(series.dtype)])
    if name == "Index":
        result.streams = _pandas_index(series)
        return result
    result.size = int(series.memory_usage(index=False))
    result.streams = [*_pandas_index(series.index), *_pandas_streams(series)]
    result.labels = _pandas_labels(series)
    return result


def _pandas_index(index: Any) -> list[Stream]:
    import numpy as np
    import pandas as pd

    if isinstance(index, pd.RangeIndex):  # never its values as a whole: pandas would keep them
        start, step = index.start, index.step

        def read(i: int, j: int) -> Any:
            return np.arange(start + i * step, start + j * step, step, dtype="<i8")

        return [Stream(f"({len(index)},) <i8", len(index), read, 8, _NUMBERS)]
    if isinstance(index, pd.MultiIndex):
        streams = []
        for level, codes in zip(index.levels, index.codes, strict=True):
            streams += [*_pandas_index(level), *array_streams(np.asarray(codes).astype("<i8"))]
        return streams
    return _pandas_streams(index)


def _pandas_streams(values: Any) -> list[Stream]:
    """Return the streams of one column."""
    import numpy as np
    import pandas as pd

    dtype, count = values.dtype, len(values)
    if isinstance(dtype, np.dtype):
        return array_streams(values.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype):
        return _pandas_categories(values)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return array_streams(values.to_numpy(f"datetime64[{dtype.unit}]"), f"zone {dtype.tz}")  # instants: a view
    cut = values.iloc if hasattr(values, "iloc") else values
    number = getattr(dtype, "numpy_dtype", None)
    if isinstance(number, np.dtype) and number.kind in "biuf" and not isinstance(dtype, pd.ArrowDtype):
        return _pandas_nullable(cut, count, number.newbyteorder("<"))
    return [_pandas_objects(cut, count, dtype)]


def _pandas_objects(cut: Any, count: int, dtype: Any) -> Stream:
    import numpy as np
    import pandas as pd

    sparse, text = isinstance(dtype, pd.SparseDtype), isinstance(dtype, pd.StringDtype)

    def read(i: int, j: int) -> list[Any]:
        block = cut[i:j]
        if sparse:
            return list(np.asarray(block).tolist())
        array = block.to_numpy(dtype=object)
        absent = np.asarray(block.isna()) if text else None
        if absent is not None and absent.any():  # the missing value is NaN or NA depending on the storage
            array = array.copy()
            array[absent] = None
        return list(array)

    kind = "text" if text else f"sparse {dtype.subtype}" if sparse else str(dtype)
    return Stream(f"{kind} ({count},)", count, read, ITEM_COST, _BLOCK, objects=True)


def _pandas_categories(values: Any) -> list[Stream]:
    import numpy as np

    dtype = values.dtype
    codes = np.asarray(values.cat.codes if hasattr(values, "cat") else values.codes)
    streams = array_streams(codes, f"category {'ordered' if dtype.ordered else 'unordered'}")
    for stream in streams:
        stream.missing = lambda block: int(np.count_nonzero(block == -1))
    return [*streams, *_pandas_index(dtype.categories)]


def _pandas_nullable(cut: Any, count: int, little: Any) -> list[Stream]:
    import numpy as np

    def mask(i: int, j: int) -> Any:
        return np.asarray(cut[i:j].isna())

    def numbers(i: int, j: int) -> Any:
        return cut[i:j].to_numpy(dtype=little, na_value=0)

    def missing(block: Any) -> int:
        return int(np.count_nonzero(block))

    header = f"nullable ({count},) {little.str}"
    return [
        Stream(f"{header} mask", count, mask, 2, _NUMBERS, missing=missing),
        Stream(header, count, numbers, 2 * little.itemsize, _NUMBERS),
    ]


def _pandas_labels(series: Any) -> dict[str, int] | None:
    import numpy as np
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return label_counts(series.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype):
        counts = label_counts(np.asarray(series.cat.codes))
        names = dtype.categories
        return None if counts is None else {str(names[int(c)]): n for c, n in counts.items() if c != "-1"}
    if len(series) <= _MAX_LABELED and (
        isinstance(dtype, (pd.StringDtype, pd.BooleanDtype)) or str(dtype)[:4] in ("Int6", "Int3")
    ):
        return count_labels(_present(series))
    return None


def _present(series: Any) -> Any:
    return series[series.notna()].to_numpy(dtype=object)


# -- polars and pyarrow
# --------------------------------------------------------------------------------------------------


def _arrow_like(
    pairs: Iterable[tuple[Any, Any]], shape: list[int], size: int, streams: Callable[[Any], list[Stream]]
) -> Columns:
    result = Columns("frame" if len(shape) > 1 else "series", [int(n) for n in shape], size=int(size))
    for name, column in pairs:
        result.names.append(name)
        result.dtypes.append(str(column.dtype if hasattr(column, "dtype") else column.type))
        result.streams += streams(column)
    if len(shape) == 1 and shape[0] <= _MAX_LABELED:
        column = next(iter(result.streams))
        if column.objects:
            result.labels = count_labels(column.read(0, column.count))
    return result


def _polars(series: Any) -> list[Stream]:
    dtype = series.dtype
    if (dtype.is_numeric() and not dtype.is_decimal()) and series.null_count() == 0:
        return _numbers(series, lambda part: part.to_numpy(), str(dtype))
    return _objects(series, lambda part: part.to_list(), str(dtype))


def _arrow(column: Any) -> list[Stream]:
    pyarrow: Any = sys.modules["pyarrow"]
    kind = column.type
    if column.null_count == 0 and (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
        return _numbers(column, lambda part: part.to_numpy(zero_copy_only=False), str(kind))
    return _objects(column, lambda part: part.to_pylist(), str(kind))


def _numbers(column: Any, convert: Callable[[Any], Any], dtype: str) -> list[Stream]:
    import numpy as np

    count = len(column)
    size = convert(column.slice(0, 1)).dtype.itemsize if count else 1

    def read(i: int, j: int) -> Any:
        block = np.ascontiguousarray(convert(column.slice(i, j - i)))
        return block.astype(block.dtype.newbyteorder("<"), copy=False)

    def missing(block: Any) -> int:
        return int(np.count_nonzero(np.isnan(block))) if block.dtype.kind == "f" else 0

    return [Stream(f"{dtype} ({count},)", count, read, size, _NUMBERS, missing=missing)]


def _objects(column: Any, convert: Callable[[Any], list[Any]], dtype: str) -> list[Stream]:
    count = len(column)

    def read(i: int, j: int) -> list[Any]:
        return convert(column.slice(i, j - i))

    cost = cost_of(read(0, min(8, count))) if any(name in dtype.lower() for name in _NESTED) else ITEM_COST
    return [Stream(f"{dtype} ({count},)", count, read, cost, _BLOCK, objects=True)]
