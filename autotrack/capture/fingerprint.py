"""Fingerprints of data: xxh3 (128 bit) over all content, or over a sample of it that depends on size alone.

Data is read as *streams*: sequences of equal items (the numbers of an array in C order, the texts of a column) that can
be read piece by piece. The hash goes over, for each stream, its header (what the items are, how many) and its items
in a canonical form: little-endian numbers, no padding. Memory order, strides and byte order do not change it.

A full fingerprint reads ``xxh3:<32 hex>``. Where reading everything would take longer than the budget, at an *assumed*
speed (`RATE`; a constant, so that the decision does not depend on the machine or its load), evenly spaced blocks of
each stream are read, the first and the last among them, and it reads ``xxh3-sampled:<32 hex>``.
"""

from __future__ import annotations

import itertools
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

RATE = 2_000_000_000
"""Assumed speed: bytes of numbers hashed in a second."""

ITEM_COST = 1000
"""One Python object (a text, a number in a list) takes about as long as this many bytes of numbers."""

BLOCK = 1 << 20  # bytes read at a time
_ITEMS = 1 << 13  # Python objects read at a time (part of the format: they are hashed in groups of this many)
_SAMPLE = 1 << 16  # bytes (or their cost) of one block of a sample
_SAMPLE_ITEMS = 512
_MAX_DEPTH = 16
_LOOKED_AT = 16  # objects of a stream, and of each collection in it, whose size is taken for that of all
_LOOKED_INTO = 4

Read = Callable[[int, int], Any]


@dataclass(slots=True)
class Stream:
    """Items that can be read by position.

    `read(start, stop)` returns contiguous bytes in canonical form or, where `objects`, a list of Python objects.
    `step` is the number of items that are best read at a time.
    """

    header: str
    count: int
    read: Read
    cost: float  # of one item, in bytes of numbers
    step: int
    objects: bool = False
    missing: Callable[[Any], int] | None = None  # counts the missing values in what `read` returned


@dataclass(slots=True)
class Result:
    """A fingerprint, whether it covers all content, and the number of missing values (None: not counted)."""

    fingerprint: str
    complete: bool
    missing: int | None


def objects(header: str, items: Sequence[Any]) -> Stream:
    """Return a list or tuple as a stream."""
    looked_at = items[:: max(1, len(items) // _LOOKED_AT)]
    return Stream(
        header, len(items), lambda start, stop: list(items[start:stop]), cost_of(looked_at), _ITEMS, objects=True
    )


def cost_of(items: Sequence[Any]) -> float:
    """What one of the Python objects costs on average: by the number of objects in it, and the length of texts."""
    return ITEM_COST * max(1.0, sum(_weight(item) for item in items) / len(items)) if len(items) else ITEM_COST


def _weight(item: Any, depth: int = 0) -> float:
    kind = type(item)
    if kind is str or kind is bytes:
        return 1 + len(item) / ITEM_COST
    if kind not in (list, tuple, dict) or not item or depth >= _MAX_DEPTH:
        return 1
    inside = list(item.values()) if kind is dict else item
    looked_at = inside[:: max(1, len(inside) // _LOOKED_INTO)]
    return 1 + len(inside) * (1 + (kind is dict)) * sum(_weight(one, depth + 1) for one in looked_at) / len(looked_at)


def fingerprint(kind: str, streams: Sequence[Stream], budget: float) -> Result:
    """Hash streams within about `budget` seconds. `kind` and the order of the streams are part of the content.

    Objects other than text, bytes, numbers, dates, None and collections of them count by their type only; the result
    is then not `complete`.
    """
    total = sum(s.count * s.cost for s in streams)
    allowed = budget * RATE
    whole = total <= allowed
    hasher = xxhash.xxh3_128()
    hasher.update(f"{kind}\n{len(streams)}\n".encode("utf-8", "surrogatepass"))
    exact = True
    missing: int | None = 0 if whole else None
    for stream in streams:
        hasher.update(f"{stream.header}\n{stream.count}\n".encode("utf-8", "surrogatepass"))
        for start, stop in _pieces(stream) if whole else _sample(stream, allowed / total):
            piece = stream.read(start, stop)
            if stream.objects:
                known, absent = hash_items(hasher, piece)
                exact = exact and known
            else:
                hasher.update(piece)
                absent = 0 if stream.missing is None else stream.missing(piece)
            if missing is not None:
                missing += absent
    name = "xxh3" if whole else "xxh3-sampled"
    return Result(f"{name}:{hasher.hexdigest()}", whole and exact, missing)


def _pieces(stream: Stream) -> Iterable[tuple[int, int]]:
    step = stream.step
    if stream.count <= step:
        return ((0, stream.count),) if stream.count else ()
    return ((start, min(start + step, stream.count)) for start in range(0, stream.count, step))


def _sample(stream: Stream, fraction: float) -> Iterable[tuple[int, int]]:
    size = max(1, int((_SAMPLE_ITEMS * ITEM_COST if stream.objects else _SAMPLE) / stream.cost))
    blocks = max(2, int(stream.count * fraction / size))
    if blocks * size >= stream.count:
        yield from _pieces(stream)
        return
    last = stream.count - size
    for i in range(blocks):
        start = i * last // (blocks - 1)
        yield start, start + size


# -- Python objects ----------------------------------------------------------------------------------------------------


def hash_items(hasher: Any, items: list[Any], depth: int = 0) -> tuple[bool, int]:
    """Add a group of Python objects to a hash: which type stands where, then for each type its values.

    Returns whether every object's content was covered, and how many stand for a missing value. No method of an object
    is called unless its class is one of those known here.
    """
    types = list(map(type, items))
    kinds = sorted({(_label(t), id(t)): t for t in set(types)}.items())
    labels = [label for (label, _), _ in kinds]
    hasher.update(f"{len(items)}:{','.join(labels)}\n".encode("utf-8", "surrogatepass"))
    if len(kinds) > 1:
        number = {t: i for i, (_, t) in enumerate(kinds)}
        hasher.update(array("H", [min(number[t], 65535) for t in types]).tobytes())
    exact, missing = True, 0
    for (label, _), kind in kinds:
        values = items if len(kinds) == 1 else [x for x, t in zip(items, types, strict=True) if t is kind]
        if label in _ABSENT:
            missing += len(values)
        elif label in _NESTED:
            known, inside = _hash_nested(hasher, label, values, depth)
            exact, missing = exact and known, missing + inside
        else:
            encode = _ENCODERS.get(label) or (_encode_numpy if label.startswith("numpy.") else None)
            data = None if encode is None else encode(values)
            if data is None:
                exact = False
            else:
                hasher.update(data)
            if label == "float":
                missing += sum(x != x for x in values)  # noqa: PLR0124
    return exact, missing


def _label(kind: type) -> str:
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if name.startswith("pandas."):  # where its scalars live differs between versions
        return f"pandas.{kind.__qualname__}"
    # A class of the user's that calls itself "str", or a renamed one, is not what its name says.
    if name in _ENCODERS and kind.__module__ == "builtins" and kind not in _BUILTIN:
        return f"?{name}"
    return name


_BUILTIN = frozenset({str, bytes, bool, int, float, complex, bytearray, list, tuple, dict, type(None)})
_ABSENT = frozenset({"NoneType", "pandas.NAType", "pandas.NaTType"})
_NESTED = frozenset({"list", "tuple", "dict"})


def _hash_nested(hasher: Any, label: str, values: list[Any], depth: int) -> tuple[bool, int]:
    hasher.update(_lengths(values))
    if depth >= _MAX_DEPTH:
        return False, 0
    exact, missing = True, 0
    parts = (values, [v.values() for v in values]) if label == "dict" else (values,)
    for part in parts:
        flat = list(itertools.chain.from_iterable(part))
        for start in range(0, len(flat), _ITEMS):
            known, inside = hash_items(hasher, flat[start : start + _ITEMS], depth + 1)
            exact, missing = exact and known, missing + inside
    return exact, missing


def _little(numbers: array[Any]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _lengths(values: Iterable[Any]) -> bytes:
    return _little(array("q", map(len, values)))


def _encode_text(values: list[str]) -> bytes:
    return _lengths(values) + "".join(values).encode("utf-8", "surrogatepass")


def _encode_bytes(values: list[bytes]) -> bytes:
    return _lengths(values) + b"".join(values)


def _encode_int(values: list[int]) -> bytes:
    try:
        return b"q" + _little(array("q", values))
    except OverflowError:
        return b"x" + _encode_text([hex(v) for v in values])


def _encode_float(values: list[float]) -> bytes:
    return _little(array("d", values))


def _encode_complex(values: list[complex]) -> bytes:
    return b"".join(struct.pack("<dd", v.real, v.imag) for v in values)


def _by(text: Callable[[Any], str]) -> Callable[[list[Any]], bytes]:
    return lambda values: _encode_text([text(v) for v in values])


def _encode_numpy(values: list[Any]) -> bytes | None:
    """Numpy's scalars by their bytes; arrays inside of collections by type, shape and bytes."""
    numpy = sys.modules["numpy"]
    if isinstance(values[0], numpy.generic) and values[0].dtype.kind in "biufc" and values[0].dtype.char not in "gG":
        return _encode_numbers(numpy, values)
    parts = []
    for value in values:
        if type(value) is not numpy.ndarray and not isinstance(value, numpy.generic):
            return None
        dtype = value.dtype
        if dtype.hasobject or dtype.names or dtype.char in "gGT":
            return None
        parts += [
            f"{dtype.newbyteorder('<').str}{value.shape}".encode(),
            value.astype(dtype.newbyteorder("<")).tobytes(),
        ]
    return _encode_bytes(parts)


def _encode_numbers(numpy: Any, values: list[Any]) -> bytes:
    """Scalars of one type, as `_encode_numpy` writes them: each after the name of the type, and the lengths of all."""
    dtype = values[0].dtype.newbyteorder("<")
    name = f"{dtype.str}()".encode()
    pairs = numpy.empty((len(values), len(name) + dtype.itemsize), dtype=numpy.uint8)
    pairs[:, : len(name)] = numpy.frombuffer(name, dtype=numpy.uint8)
    pairs[:, len(name) :] = numpy.array(values, dtype=dtype).view(numpy.uint8).reshape(len(values), -1)
    return _little(array("q", [len(name), dtype.itemsize] * len(values))) + bytes(pairs.tobytes())


_ENCODERS: dict[str, Callable[[list[Any]], bytes | None]] = {
    "str": _encode_text,
    "numpy.str_": _encode_text,
    "bytes": _encode_bytes,
    "numpy.bytes_": _encode_bytes,
    "bytearray": _encode_bytes,
    "bool": bytes,
    "int": _encode_int,
    "float": _encode_float,
    "complex": _encode_complex,
    "datetime.datetime": _by(lambda v: v.isoformat()),
    "datetime.date": _by(lambda v: v.isoformat()),
    "datetime.time": _by(lambda v: v.isoformat()),
    "datetime.timedelta": _by(lambda v: f"{v.days},{v.seconds},{v.microseconds}"),
    "decimal.Decimal": _by(str),
    "fractions.Fraction": _by(str),
    "uuid.UUID": _by(str),
    "pandas.Timestamp": _by(lambda v: v.isoformat()),
    "pandas.Timedelta": _by(lambda v: v.isoformat()),
    "pandas.Period": _by(lambda v: f"{v.freqstr} {v}"),
    "pandas.Interval": _by(lambda v: f"{v.closed} {v}"),
}
