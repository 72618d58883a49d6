"""Recorded models, loaded again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from autotrack import flavors
from autotrack.errors import ModelError, StoreError
from autotrack.views import ModelView, RunView
from autotrack.views.store import default_store

_BLOCK = 1 << 20
_SAFE = frozenset({"skops", "safetensors", "keras"})
"""Formats that hold data, not code. What a store says of itself is not believed: anybody can write a journal."""


def load_model(ref: Any, *, trust: bool = False) -> Any:
    """Load a recorded model.

    Args:
        ref: A run (`RunView`, `Run`, its id or name, ``"latest"``), whose latest model is meant, or one of
            ``run.models``.
        trust: Allow formats whose loading runs code from the file (cloudpickle). Only for files of people you trust.

    Raises:
        ModelError: There is no model, it is not here, it is not the bytes that were recorded, or it needs `trust`.
        RunNotFound: No run, or more than one, answers to `ref`.

    """
    model = ref if isinstance(ref, ModelView) else _latest(ref)
    if not trust and not (model.safe and model.format in _SAFE):
        flavors.require_trust(model.format, trust=trust)
    path = _file(model)
    _verify(path, model)
    return flavors.load_flavor(model.flavor or flavors.GENERIC).load(path, model.format, trust=trust)


def _latest(ref: Any) -> ModelView:
    run = ref if isinstance(ref, RunView) else default_store().run(ref)
    models = run.models
    if not models and isinstance(ref, RunView):  # it may have been recorded since the view was read
        models = run.refresh().models
    if not models:
        raise ModelError(f"run {run.name!r} ({run.id}) recorded no model: log one with run.log_model(model)")
    return models[-1]


def _file(model: ModelView) -> Path:
    """Return where the bytes of a model are."""
    if model.sha256 is not None:
        try:
            kept = model.content
        except StoreError as error:
            if model.path is None:
                raise ModelError(f"model {model.name!r} cannot be loaded: {error}") from error
        else:
            return kept
    if model.path is None:
        raise ModelError(
            f"model {model.name!r} of {model.size:,} bytes was described, not kept: "
            "record it with models='copy', or keep its file with log_artifact(path)"
        )
    path = Path(model.path)
    if not path.is_file():
        raise ModelError(
            f"model {model.name!r} was recorded by reference to {path}, where there is no such file any more: "
            "put it back there"
        )
    return path


def _verify(path: Path, model: ModelView) -> None:
    """Raise ModelError where the file is not the one that was recorded."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = 0
            while block := file.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise ModelError(f"model {model.name!r} cannot be read: {path} ({error.strerror})") from error
    if size != model.size or model.sha256 not in (None, digest.hexdigest()):
        raise ModelError(
            f"model {model.name!r} is damaged: {path} is not the file that was recorded; "
            "take it from another copy of the store"
        )
