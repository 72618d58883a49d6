"""How scikit-learn models are kept: in skops format (data, no code) where all types are known, else by cloudpickle."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import xxhash

from autotrack.errors import ModelError
from autotrack.flavors import Saved, require_trust
from autotrack_sklearn import budget, structure
from autotrack_sklearn.parts import name_of, parts

_ROOTS = frozenset({"builtins", "collections", "copyreg", "_codecs", "functools", "numpy", "scipy", "sklearn"})
"""Packages that skops knows types of; a model with anything else in it is not worth trying."""

_LARGE = 64 * 1024 * 1024  # bytes; what is larger is not kept

_ENTRY, _ITEM, _OBJECT, _BYTE = 1.5e-5, 3e-6, 5e-5, 5e-9
"""Seconds that skops needs for an entry of a dict, an item of a list, an array or estimator, and a byte."""

_UNIMPORTANT = re.compile(rb'"(?:JsonNode","content":"(?:[^"\\]|\\.)*"|__id__":\d+|file":"[^"]*")')
"""What a schema says that does not decide about trust: identities, names of files, plain values."""

_verdicts: dict[int, bool] = {}
"""Whether a schema names only types that are known, by a hash of it."""
_MANY = 1_000  # verdicts that are remembered


def save(model: Any, path: Path) -> Saved:
    """Write `model` to `path`. Format ``skops`` can be loaded by anybody, ``cloudpickle`` only with trust.

    Of a model above 64 MiB only the size is made known, by a file of holes: nobody keeps its content.
    """
    if _is_worth_trying(model) and _save_as_data(model, path):
        return Saved("skops", safe=True)
    try:
        pickled = _pickled(model, cloudpickle.Pickler)
    except Exception as error:  # `__reduce__` of a user's class may raise anything
        raise ModelError(f"it cannot be pickled: {type(error).__name__}: {error}") from error
    with path.open("wb") as file:
        file.writelines(pickled.parts)
        file.truncate(pickled.size)
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


def _pickled(model: Any, kind: Any) -> _Pickled:
    pickled = _Pickled()
    kind(pickled, protocol=5).dump(model)
    return pickled


def _is_worth_trying(model: Any) -> bool:
    """Whether skops knows all types in the model, and gives all dicts in it back as they are."""
    for value, _ in parts(model):
        name = name_of(value)
        if name.partition(".")[0] not in _ROOTS or name in structure.UNSAFE:
            return False
        if isinstance(value, dict) and not _comes_back(value):
            return False
    return True


def _comes_back(value: dict[Any, Any]) -> bool:
    """Keys are kept as texts, of which some types are not made again, and different keys may have the same one."""
    sound = all(type(key) in (str, int, float) or isinstance(key, np.generic) for key in value)
    return sound and len(set(map(str, value))) == len(value)


def _save_as_data(model: Any, path: Path) -> bool:
    """Write the model in skops format; False where skops cannot hold it, or would take too long, or it needs trust."""
    try:
        size = _pickled(model, pickle.Pickler).size
        if size > _LARGE or not budget.may_be_saved(_effort(model) + size * _BYTE):
            return False
        archive = _imported("autotrack_sklearn.archive").Archive(model)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "skops":
            budget.remark("skops is not installed: pip install 'autotrack-ml[sklearn]'")
        return False
    except Exception:  # noqa: BLE001 - unsupported types raise all kinds of errors; there is the pickle
        return False
    archive.write(path)
    return _is_harmless(archive.schema, path)


def _effort(model: Any) -> float:
    """About how many seconds skops needs for what is in the model, without its bytes."""
    seconds = 0.0
    for value, _ in parts(model):
        if isinstance(value, dict):
            seconds += _ENTRY * len(value)
        elif isinstance(value, (list, tuple, set, frozenset)) or (
            isinstance(value, np.ndarray) and value.dtype.hasobject
        ):
            seconds += _ITEM * len(value)
        else:
            seconds += _OBJECT
    return seconds


def _is_harmless(schema: bytes, path: Path) -> bool:
    """Whether `load` will accept a file without trust."""
    outline = xxhash.xxh3_128_intdigest(_UNIMPORTANT.sub(b"", schema))
    if outline not in _verdicts:
        if len(_verdicts) >= _MANY:
            _verdicts.clear()
        _verdicts[outline] = not structure.strangers(_skops().get_untrusted_types(file=path))
    return _verdicts[outline]


def _skops() -> Any:
    return _imported("skops.io")


def _imported(name: str) -> Any:
    module = sys.modules.get(name)
    if module is None:
        with _without_backends():
            module = importlib.import_module(name)
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
