"""autotrack: one line records every training.

>>> import autotrack
>>> autotrack.autolog()  # doctest: +SKIP

The public names are resolved on first use, so that ``import autotrack`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrack.active import (
        active_run,
        log_artifact,
        log_data,
        log_metric,
        log_metrics,
        log_model,
        log_param,
        log_params,
        log_table,
        set_tag,
        set_tags,
        start_run,
    )
    from autotrack.autolog import Autolog, autolog
    from autotrack.config import configure
    from autotrack.errors import (
        AutotrackError,
        ModelError,
        NoActiveRun,
        QueryError,
        RunFinished,
        RunNotFound,
        StoreError,
    )
    from autotrack.models import load_model
    from autotrack.run import Run
    from autotrack.views import Runs, RunView, Series, TableView
    from autotrack.views.store import Store, open_store, runs

__version__ = "0.1.0"

_HOMES = {
    "autotrack.active": (
        "active_run log_artifact log_data log_metric log_metrics log_model log_param log_params log_table "
        "set_tag set_tags start_run"
    ),
    "autotrack.autolog": "Autolog autolog",
    "autotrack.config": "configure",
    "autotrack.errors": "AutotrackError ModelError NoActiveRun QueryError RunFinished RunNotFound StoreError",
    "autotrack.models": "load_model",
    "autotrack.run": "Run",
    "autotrack.views": "Runs RunView Series Store TableView open_store runs",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Autolog",
    "AutotrackError",
    "ModelError",
    "NoActiveRun",
    "QueryError",
    "Run",
    "RunFinished",
    "RunNotFound",
    "RunView",
    "Runs",
    "Series",
    "Store",
    "StoreError",
    "TableView",
    "active_run",
    "autolog",
    "configure",
    "load_model",
    "log_artifact",
    "log_data",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "open_store",
    "runs",
    "set_tag",
    "set_tags",
    "start_run",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'autotrack' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(home)
    if name not in globals():  # `autolog` is bound to its package by that import already; the package can be called
        globals()[name] = getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
