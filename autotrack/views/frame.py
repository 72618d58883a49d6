"""Runs and tables as pandas DataFrames; the only module that knows pandas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select

from autotrack.errors import AutotrackError
from autotrack.journal.text import unescape
from autotrack.journal.values import decode_value
from autotrack.store.schema import params, series, tags
from autotrack.views.mending import connected, mending
from autotrack.views.rows import key_texts, number, row_numbers

if TYPE_CHECKING:
    import pandas as pd

    from autotrack.store.engine import Index
    from autotrack.views.run import RunView

_EXACT = 2**53
_ABSENT = object()  # stands where a run has no such value: None is one


class MissingPandas(AutotrackError, ImportError):
    """pandas is not installed."""

    def __init__(self) -> None:
        super().__init__("to_pandas() needs pandas: pip install 'autotrack-ml[pandas]'")


def pandas() -> Any:
    """Import pandas; an ImportError that says what to install."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingPandas from error
    return pd


def to_frame(index: Index | None, runs: Sequence[RunView]) -> pd.DataFrame:
    """Return one row per run: what identifies it, ``params.*``, ``metrics.*`` (last values) and ``tags.*``."""
    module = pandas()
    ids = [run.id for run in runs]
    columns: dict[str, Any] = {
        "id": module.Series(ids, dtype="object"),
        "name": module.Series([run.name for run in runs], dtype="object"),
        "experiment": module.Series([run.experiment for run in runs], dtype="object"),
        "status": module.Series([run.status for run in runs], dtype="object"),
        "started": module.to_datetime(module.Series([run.started for run in runs], dtype="object"), utc=True),
        "duration": module.to_timedelta(module.Series([run.duration for run in runs], dtype="object")),
    }
    if index is not None and ids:
        columns |= _values(index, ids, module)
    frame: pd.DataFrame = module.DataFrame(columns)
    return frame


def table_frame(columns: Mapping[str, list[Any]], count: int) -> pd.DataFrame:
    """Return the columns of a table; numbers keep numeric types, what is missing among them is NaN."""
    module = pandas()
    frame: pd.DataFrame = module.DataFrame(
        {name: _column(cells, module) for name, cells in columns.items()}, index=module.RangeIndex(count)
    )
    return frame


def _column(cells: list[Any], pd: Any) -> Any:
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds and kinds <= {int, float} and None in cells and all(abs(c) <= _EXACT for c in cells if type(c) is int):
        return pd.Series([math.nan if cell is None else float(cell) for cell in cells], dtype="float64")
    return _typed([_ABSENT if cell is None else cell for cell in cells], pd)


@mending
def _values(index: Index, ids: list[str], pd: Any) -> dict[str, Any]:
    """Return the columns of params and tags by name and of metrics in the order in which they first came."""
    import numpy as np

    place = {run: i for i, run in enumerate(ids)}
    p, m, t = params.c, series.c, tags.c
    queries: dict[str, tuple[Any, Any]] = {
        "params": (select(p.run, p.key, p.value).where(p.leaf.is_(False)), _Decoded().__getitem__),
        "metrics": (select(m.run, m.key, m.last).order_by(m.id), number),
        "tags": (select(t.run, t.key, t.value).where(t.value.is_not(None)), unescape),
    }
    columns: dict[str, dict[int, list[Any]]] = {home: {} for home in queries}
    with connected(index) as connection:
        for numbers in row_numbers(connection, ids):
            places = {row: place[run] for row, run in numbers.items()}
            for home, (query, read) in queries.items():
                found = columns[home]
                rows: Any = connection.execute(query.where(query.selected_columns.run.in_(places)))
                for run, key, value in rows:
                    if (column := found.get(key)) is None:
                        column = found[key] = [_ABSENT] * len(ids)
                    column[places[run]] = read(value)
        texts = key_texts(connection, {key for found in columns.values() for key in found})
    named = {home: {texts[key]: column for key, column in found.items()} for home, found in columns.items()}
    return {
        **{f"params.{key}": _typed(column, pd) for key, column in sorted(named["params"].items())},
        **{f"metrics.{key}": np.array(_filled(column, math.nan)) for key, column in named["metrics"].items()},
        **{f"tags.{key}": pd.Series(_filled(c, None), dtype="object") for key, c in sorted(named["tags"].items())},
    }


class _Decoded(dict[str, Any]):
    """Params by their encoded text; equal texts, of which there are many, are decoded once."""

    def __missing__(self, text: str) -> Any:
        value = decode_value(msgspec.json.decode(text))
        if isinstance(value, str | int | float | None):  # others are not shared: users may change what they get
            self[text] = value
        return value


def _filled(column: list[Any], missing: Any) -> list[Any]:
    return [missing if v is _ABSENT else v for v in column]


def _typed(values: list[Any], pd: Any) -> Any:
    """Return values of one param as a column that keeps their types; what a run does not have is missing.

    Whole numbers stay whole (``Int64`` where some are missing); whole numbers beside floats become floats where that
    changes none of them; everything else that is mixed stays as it is.
    """
    types = {type(v) for v in values}
    missing = object in types
    kinds = types - {object}
    plain = _filled(values, None)
    if kinds == {bool}:
        return pd.Series(plain, dtype="boolean" if missing else "bool")
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in plain):
        return pd.Series(plain, dtype="Int64" if missing else "int64")
    if kinds == {float} or (kinds == {int, float} and all(abs(v) <= _EXACT for v in plain if type(v) is int)):
        return pd.Series([float("nan") if v is None else float(v) for v in plain], dtype="float64")
    return pd.Series(plain, dtype="object")
