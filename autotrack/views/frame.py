"""Runs as a pandas DataFrame; the only module that knows pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autotrack.errors import AutotrackError
from autotrack.views.rows import last_values, param_rows, tag_rows

if TYPE_CHECKING:
    import pandas as pd

    from autotrack.store.engine import Index
    from autotrack.views.run import RunView

_EXACT = 2**53


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


def _values(index: Index, ids: list[str], pd: Any) -> dict[str, Any]:
    """Return the columns of params and tags by name and of metrics in the order in which they first came."""
    import numpy as np

    place = {run: i for i, run in enumerate(ids)}
    absent = object()
    found: dict[str, Any] = {}
    params: dict[str, list[Any]] = {}
    for row in param_rows(index, ids):
        if row.key not in params:
            params[row.key] = [absent] * len(ids)
        params[row.key][place[row.run]] = row.value
    for key in sorted(params):
        found[f"params.{key}"] = _typed(params[key], absent, pd)
    metrics: dict[str, Any] = {}
    for run, key, last in last_values(index, ids):
        if key not in metrics:
            metrics[key] = np.full(len(ids), np.nan)
        metrics[key][place[run]] = last
    found |= {f"metrics.{key}": values for key, values in metrics.items()}
    tags: dict[str, list[str | None]] = {}
    for run, key, value in tag_rows(index, ids):
        tags.setdefault(key, [None] * len(ids))[place[run]] = value
    found |= {f"tags.{key}": pd.Series(values, dtype="object") for key, values in sorted(tags.items())}
    return found


def _typed(values: list[Any], absent: object, pd: Any) -> Any:
    """Return values of one param as a column that keeps their types; what a run does not have is missing.

    Whole numbers stay whole (``Int64`` where some are missing); whole numbers beside floats become floats where that
    changes none of them; everything else that is mixed stays as it is.
    """
    types = {type(v) for v in values}
    missing = absent in values
    kinds = types - {object}
    plain = [None if v is absent else v for v in values]
    if kinds == {bool}:
        return pd.Series(plain, dtype="boolean" if missing else "bool")
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in plain):
        return pd.Series(plain, dtype="Int64" if missing else "int64")
    if kinds == {float} or (kinds == {int, float} and all(abs(v) <= _EXACT for v in plain if type(v) is int)):
        return pd.Series([float("nan") if v is None else float(v) for v in plain], dtype="float64")
    return pd.Series(plain, dtype="object")
