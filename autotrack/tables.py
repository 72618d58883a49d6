"""What may be logged as a table: columns of equal length, any values; on their way into the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autotrack.journal.text import escape
from autotrack.journal.values import encode_float, encode_value


def checked_columns(columns: Any) -> dict[str, list[Any]]:
    """Return columns as journal data, types of cells kept; secrets are masked.

    `columns` is a mapping of names to sequences or arrays, or a data frame. TypeError, or ValueError for columns of
    different lengths, where it is anything else.
    """
    if hasattr(columns, "columns") and hasattr(columns, "shape"):  # a data frame
        columns = _of_frame(columns)
    if not isinstance(columns, Mapping):
        raise TypeError(f"log_table takes a dict of column names and values, not {type(columns).__name__}")
    found = {_name(name): _cells(name, values) for name, values in columns.items()}
    lengths = {name: len(cells) for name, cells in found.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns of a table have equal lengths, not {lengths}")
    return found


def _of_frame(frame: Any) -> dict[str, list[Any]]:
    """Return the columns of a data frame of pandas or polars; what is missing is None, NaN among floats stays NaN."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise ValueError("two columns of the data frame have the same name: rename one, or log a dict")
    return {str(name): _of_series(frame[name]) for name in frame.columns}


def _of_series(column: Any) -> list[Any]:
    cells: list[Any] = column.to_list()
    if not hasattr(column, "isna"):  # of polars, where it is None already
        return cells
    floats = getattr(column.dtype, "kind", "") == "f"
    pairs = zip(cells, column.isna(), strict=True)
    return [None if missing and not (floats and type(cell) is float) else cell for cell, missing in pairs]


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a column is text, not {type(name).__name__}")
    return escape(str(name))


def _cells(name: str, values: Any) -> list[Any]:
    from autotrack.capture import secrets

    kind = getattr(getattr(values, "dtype", None), "kind", "")
    plain = kind in ("b", "i", "f") and _ndim(values) == 1
    if plain and not secrets.is_secret_key(name):
        # What is masked in a masked array becomes None.
        cells: list[Any] = values.tolist()
        return cells if kind != "f" else [x if x is None or x - x == 0 else _odd(x) for x in cells]
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable) or _ndim(values) == 0:
        raise TypeError(f"column {name!r} is a sequence of values, not {type(values).__name__}")
    tolist = getattr(values, "tolist", None)
    items = list(values) if tolist is None else tolist()
    return [encode_value(cell) for cell in secrets.redact(items, name)]


def _ndim(values: Any) -> Any:
    return getattr(values, "ndim", None)


def _odd(value: float) -> dict[str, Any]:
    return {"$float": encode_float(value)}
