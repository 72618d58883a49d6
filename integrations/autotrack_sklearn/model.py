"""How scikit-learn models are kept: in skops format (data, no code) where all types are known, else by cloudpickle."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle

from autotrack.errors import ModelError
from autotrack.flavors import Saved, require_trust
from autotrack_sklearn import structure

_ROOTS = frozenset({"builtins", "collections", "copyreg", "_codecs", "functools", "numpy", "scipy", "sklearn"})
"""Packages that skops knows types of; a model with anything else in it is not worth trying."""

_LARGE = 64 * 1024 * 1024  # bytes; skops takes ten times as long as pickle and half as much space again

_verdicts: dict[frozenset[str], bool] = {}


def save(model: Any, path: Path) -> Saved:
    """Write `model` to `path`. Format ``skops`` can be loaded by anybody, ``cloudpickle`` only with trust."""
    pickled = _Pickled()
    pickler = _Pickler(pickled)
    pickler.dump(model)
    names = frozenset(pickler.names)
    if _verdicts.get(names, True) and pickled.size <= _LARGE and all(map(_is_worth_trying, names)):
        data = _skops_bytes(model)
        if names not in _verdicts:
            _verdicts[names] = data is not None and not structure.strangers(_skops().get_untrusted_types(data=data))
        if data is not None and _verdicts[names]:
            path.write_bytes(data)
            return Saved("skops", safe=True)
    with path.open("wb") as file:
        if pickled.size <= _LARGE:
            file.writelines(pickled.parts)
        else:
            cloudpickle.dump(model, file)
    return Saved("cloudpickle", safe=False)


def load(path: Path, format: str, *, trust: bool) -> Any:  # noqa: A002 - the journal's word
    """Read a model. ModelError where the file could run code, or crash the process, and `trust` is false."""
    if format != "skops":
        require_trust(format, trust=trust)
        with path.open("rb") as file:
            return cloudpickle.load(file)
    skops = _skops()
    types = skops.get_untrusted_types(file=path)
    strangers = structure.strangers(types)
    if strangers and not trust:
        raise ModelError(
            f"this model holds {', '.join(strangers)}, which autotrack does not know to be harmless: "
            "if you trust whoever recorded the run, call autotrack.load_model(run, trust=True)"
        )
    model = skops.load(path, trusted=types)
    if not trust:
        structure.check(model)
    return model


class _Pickled:
    """A pickle in memory, unless it is large: then its size."""

    def __init__(self) -> None:
        self.size = 0
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Called by the pickler."""
        size = memoryview(data).nbytes
        self.size += size
        if self.size <= _LARGE:
            self.parts.append(bytes(data))
        else:
            self.parts.clear()
        return size


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Notes which classes and functions are in what it pickles."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.names: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        named = obj if hasattr(obj, "__qualname__") else type(obj)
        self.names.add(f"{named.__module__}.{named.__qualname__}")
        return super().reducer_override(obj)


def _is_worth_trying(name: str) -> bool:
    return name.partition(".")[0] in _ROOTS and name not in structure.UNSAFE


def _skops_bytes(model: Any) -> bytes | None:
    """The model in skops format; None where skops cannot hold it."""
    try:
        data: bytes = _skops().dumps(model)
    except Exception:  # noqa: BLE001 - unsupported types raise all kinds of errors; there is the pickle
        return None
    return data


def _skops() -> Any:
    module = sys.modules.get("skops.io")
    if module is None:
        with _without_backends():
            module = importlib.import_module("skops.io")
    return module


@contextmanager
def _without_backends() -> Iterator[None]:
    """While skops imports every module of scikit-learn (it asks for `all_estimators`), no array library comes along.

    scikit-learn's copy of array_api_compat has a subpackage for each, and to walk through it imports torch where that
    is installed. `None` in `sys.modules` makes that an ImportError, which the walk steps over.
    """
    names = [
        f"sklearn.externals.array_api_compat.{library}"
        for library in ("torch", "cupy", "dask")
        if library not in sys.modules
    ]
    blocked = [name for name in names if name not in sys.modules]
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in blocked:
            if sys.modules.get(name, blocked) is None:
                del sys.modules[name]
