"""What a model is asked in place of the user's own objects: views that cannot be written to, or copies."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import cloudpickle
import numpy as np
import xxhash

from autotrack_sklearn.curves import is_pool
from autotrack_sklearn.outreach import reaches_out

LARGE = 64 * 1024 * 1024
"""Bytes, of model and data together, that are copied."""

_CHECKED = 1_000  # rows of frames and lists that are compared
_COPYING = ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__")


class CannotCopy(Exception):
    """Why there is no copy that could stand in for the user's object."""


def read_only(data: Any) -> Any:
    """The same data under arrays that cannot be written to; frames, lists and other objects as they are."""
    if isinstance(data, np.ndarray):
        data = data.view()
        data.flags.writeable = False
    elif hasattr(data, "tocsr") and type(data).__module__.startswith("scipy."):
        data = copy.copy(data)  # shares the arrays
        for name, value in vars(data).items():
            held = tuple(map(read_only, value)) if isinstance(value, tuple) else read_only(value)
            vars(data)[name] = held
    return data


def separate(*values: Any, limit: float = LARGE) -> tuple[Any, ...]:
    """Deep copies that share with the originals classes only. CannotCopy where that is too large or not possible.

    Shared is also data of catboost's (a `Pool`): it cannot be copied, and to ask a model does not write to it.
    """
    sink = _Sink(limit)
    pickler = _Pickler(sink)
    try:
        pickler.dump(values)
    except (CannotCopy, MemoryError):
        raise
    except Exception as error:
        raise CannotCopy(f"it cannot be copied ({type(error).__name__}: {error})") from error
    reader = _Unpickler(sink.joined())
    reader.shared = pickler.shared
    made: tuple[Any, ...] = reader.load()
    return made


class _Sink:
    """A file in memory that is full at `limit` bytes."""

    def __init__(self, limit: float) -> None:
        self.left = limit
        self.parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Called by the pickler."""
        size = memoryview(data).nbytes
        self.left -= size
        if self.left < 0:
            raise CannotCopy(f"it is larger than {LARGE >> 20} MiB, its data included")
        self.parts.append(bytes(data))
        return size

    def joined(self) -> io.BytesIO:
        """What was written, as a file."""
        return io.BytesIO(b"".join(self.parts))


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Functions of the user's by value, with what they refer to; classes by reference, as they can be set anew only."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, protocol=5)
        self.shared: list[Any] = []

    def persistent_id(self, value: Any) -> int | None:
        """Called by the pickler for every object."""
        if isinstance(value, type) and (method := reaches_out(value)) is not None:
            raise CannotCopy(f"{method} changes variables outside of the model")
        if isinstance(value, type) or (type(value).__name__ == "Pool" and is_pool(value)):
            self.shared.append(value)
            return len(self.shared) - 1
        if hasattr(type(value), "__del__") and not _says_how_to_copy(type(value)):
            raise CannotCopy(f"the end of a copy would run {type(value).__qualname__}.__del__")
        return None


class _Unpickler(pickle.Unpickler):
    shared: list[Any]

    def persistent_load(self, pid: int) -> Any:
        return self.shared[pid]


def _says_how_to_copy(kind: type) -> bool:
    """Whether a class that ends something in `__del__` knows what a copy of it holds (as boosters of xgboost do)."""
    return any(
        name in vars(base)
        for base in kind.__mro__
        if base is not object and not base.__module__.startswith("sklearn.")
        for name in _COPYING
    )


def checksum(data: Any) -> str | None:
    """Something that tells whether data was written to; None where it is too large, or of a kind that is not known.

    Arrays count as a whole, of frames and lists up to a thousand rows.
    """
    if isinstance(data, np.ndarray):
        arrays = [data]
    elif hasattr(data, "tocsr"):
        arrays = [value for value in vars(data).values() if isinstance(value, np.ndarray)]
    elif hasattr(data, "iloc"):
        arrays = [np.asarray(data.iloc[:: max(1, len(data) // _CHECKED)])]
    elif isinstance(data, list):
        content = _pickled(data[:: max(1, len(data) // _CHECKED)])
        return None if content is None else xxhash.xxh3_64_hexdigest(content)
    else:
        return None
    if sum(array.nbytes for array in arrays) > LARGE:
        return None
    hasher = xxhash.xxh3_64()
    for array in arrays:
        flat: Any = np.ascontiguousarray(array).reshape(-1)
        content = _pickled(flat.tolist()) if array.dtype.hasobject else flat.view("u1")
        if content is None:
            return None
        hasher.update(content)
    return hasher.hexdigest()


def _pickled(values: list[Any]) -> Any:
    """The bytes of a pickle; None where objects of the user's do not want to be in one."""
    try:
        return pickle.dumps(values)
    except Exception:  # noqa: BLE001 - code of the user's
        return None
