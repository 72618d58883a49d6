"""How points are packed: a chunk is up to 1,024 points in three binary columns.

The first byte of a column says how the rest is to be read (all numbers little-endian):

===  =============================================================================
0    the numbers as they are, 8 bytes each
1    an arithmetic progression: first and difference, two int64
2    zstd frame over the byte-shuffled numbers (all first bytes, all second bytes, ...)
3    zstd frame over the byte-shuffled differences of int64 numbers (the first as it is)
===  =============================================================================

Times are int64 and values float64. Steps are float64, but under 1 and 3 they are int64 (whole numbers that convert to
float64 and back without loss). Every value comes back bit by bit, but for the payload of NaN. Behind the values stand
the four bytes of an XXH32 of all three columns: a database does not notice when a disk changes what it holds.
"""

from __future__ import annotations

import math
import operator
import struct
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import xxhash
import zstandard

from autotrack.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 1024
"""Points of a full chunk."""

_PLAIN, _PROGRESSION, _SHUFFLED, _DELTAS = range(4)
_SMALL = 16  # below, compression gains nothing
_FEW = 8  # up to here plain Python is faster than numpy
_EXACT = 2.0**53  # whole float64 numbers up to here are exact
_LARGEST = float(np.finfo(np.float64).max)
_FLOAT = np.dtype("<f8")
_first = operator.itemgetter(0)
_INT = np.dtype("<i8")

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Ints: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
_Numbers: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


class DamagedChunk(StoreError):
    """A packed column that cannot be read: the index is damaged and must be replayed from the journals."""


class Points(NamedTuple):
    """Points of one series, in order: float64 steps, int64 times in microseconds since 1970, float64 values."""

    steps: Floats
    times: Ints
    values: Floats

    def since(self, start: int, stop: int | None = None) -> Points:
        """Return the points `start` to `stop` as views."""
        return Points(self.steps[start:stop], self.times[start:stop], self.values[start:stop])


class Summary(NamedTuple):
    """What charts and tables need to know about some points; statistics are over finite values."""

    count: int  # type: ignore[assignment]  # nobody counts the fields of a summary
    first: float | None
    last: float | None
    min: float | None
    min_step: float | None
    max: float | None
    max_step: float | None
    total: float
    nan: int
    inf: int


_local = threading.local()


def _codec() -> tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor]:
    try:
        pair: tuple[zstandard.ZstdCompressor, zstandard.ZstdDecompressor] = _local.codec
    except AttributeError:
        pair = _local.codec = (zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor())
    return pair


def _shuffle(tag: int, numbers: _Numbers) -> bytes:
    plain = numbers.view(np.uint8).reshape(-1, 8).T.tobytes()
    packed = _codec()[0].compress(plain)
    return bytes((tag,)) + packed


def _shortest(numbers: _Numbers, packed: bytes) -> bytes:
    return packed if len(packed) <= 8 * numbers.size else b"\0" + numbers.tobytes()


def _encode_whole(numbers: Ints) -> bytes:
    deltas = np.diff(numbers)
    if (deltas == deltas[0]).all():
        return struct.pack("<Bqq", _PROGRESSION, int(numbers[0]), int(deltas[0]))
    return _shuffle(_DELTAS, np.concatenate([numbers[:1], deltas]))


class Encoder:
    """Packs columns. Series that were logged together share steps and times, which are packed once."""

    def __init__(self) -> None:
        self._packed: dict[tuple[bool, bytes], bytes] = {}

    def _shared(self, numbers: _Numbers, *, whole: bool) -> bytes:
        plain = numbers.tobytes()
        if numbers.size < _SMALL:
            return b"\0" + plain
        packed = self._packed.get((whole, plain))
        if packed is None:
            if len(self._packed) > 4096:  # a bound on memory, not on use
                self._packed.clear()
            packed = _encode_times(numbers) if whole else _encode_steps(numbers)
            self._packed[whole, plain] = packed
        return packed

    def steps(self, steps: Floats) -> bytes:
        """Pack float64 steps."""
        return self._shared(steps.astype(_FLOAT, copy=False), whole=False)

    def times(self, times: Ints) -> bytes:
        """Pack int64 times."""
        return self._shared(times.astype(_INT, copy=False), whole=True)

    def values(self, values: Floats) -> bytes:
        """Pack float64 values."""
        numbers = np.ascontiguousarray(values, _FLOAT)
        if numbers.size < _SMALL:
            return b"\0" + numbers.tobytes()
        return _shortest(numbers, _shuffle(_SHUFFLED, numbers))


def _encode_steps(steps: Floats) -> bytes:
    if np.abs(steps).max() <= _EXACT:  # also False where a step is not finite
        whole = steps.astype(_INT)
        if whole.astype(_FLOAT).tobytes() == steps.tobytes():  # by bytes: -0.0 is not 0
            return _shortest(steps, _encode_whole(whole))
    return _shortest(steps, _shuffle(_SHUFFLED, np.ascontiguousarray(steps)))


def _encode_times(times: Ints) -> bytes:
    return _shortest(times, _encode_whole(times))


def _decode(column: bytes, count: int, dtype: np.dtype[Any]) -> _Numbers:
    tag = column[0]
    if tag in (_SHUFFLED, _DELTAS):
        plain = _codec()[1].decompress(column[1:])
        rows = np.frombuffer(plain, np.uint8).reshape(8, count).T.copy()
        numbers: _Numbers = rows.view(dtype if tag == _SHUFFLED else _INT).reshape(count)
        return numbers if tag == _SHUFFLED else np.cumsum(numbers, dtype=np.int64)
    if tag == _PLAIN:
        return np.frombuffer(column, dtype, count, offset=1)
    if tag == _PROGRESSION:
        first, delta = struct.unpack_from("<qq", column, 1)
        whole: Ints = first + delta * np.arange(count, dtype=np.int64)
        return whole
    raise ValueError(f"unknown packing {tag}")


def with_checksum(steps: bytes, times: bytes, values: bytes) -> bytes:
    """Return a packed column of values with the checksum of its chunk."""
    return values + _checksum(steps, times, values)


def _checksum(*columns: bytes) -> bytes:
    digest = xxhash.xxh32()
    for column in columns:
        digest.update(column)
    return digest.digest()


def decode(count: int, steps: bytes, times: bytes, values: bytes) -> Points:
    """Unpack the columns of a chunk of `count` points."""
    values, checksum = values[:-4], values[-4:]
    if _checksum(steps, times, values) != checksum:
        raise DamagedChunk("the index is damaged (a checksum differs): run `autotrack rebuild`")
    try:
        return Points(
            _decode(steps, count, _FLOAT).astype(np.float64, copy=False),
            _decode(times, count, _INT).astype(np.int64, copy=False),
            _decode(values, count, _FLOAT).astype(np.float64, copy=False),
        )
    except (ValueError, IndexError, struct.error, zstandard.ZstdError) as error:
        raise DamagedChunk(f"the index is damaged ({error}): run `autotrack rebuild`") from error


def decode_all(rows: Sequence[tuple[int, bytes, bytes, bytes]]) -> Points:
    """Unpack and join chunks given as (count, steps, times, values)."""
    total = sum(row[0] for row in rows)
    joined = Points(np.empty(total), np.empty(total, np.int64), np.empty(total))
    at = 0
    for row in rows:
        part = decode(*row)
        stop = at + row[0]
        joined.steps[at:stop], joined.times[at:stop], joined.values[at:stop] = part
        at = stop
    return joined


def join(parts: Sequence[Points]) -> Points:
    """Return several stretches of points as one."""
    if len(parts) == 1:
        return parts[0]
    return Points(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def summarize(steps: Floats, values: Floats) -> Summary:
    """Summarize points; of several smallest or largest values the earliest counts."""
    count = len(values)
    if count <= _FEW:
        return _summarize_few(steps.tolist(), values.tolist())
    low, high = int(values.argmin()), int(values.argmax())  # NaN wins both
    smallest, largest = float(values[low]), float(values[high])
    if math.isfinite(smallest) and math.isfinite(largest):
        return Summary(
            count, float(values[0]), float(values[-1]), smallest, float(steps[low]), largest, float(steps[high]),
            _total(values), 0, 0,
        )  # fmt: skip
    finite = np.isfinite(values)
    nan = int(np.isnan(values).sum())
    inf = count - nan - int(finite.sum())
    if not finite.any():
        return Summary(count, None, None, None, None, None, None, 0.0, nan, inf)
    return summarize(steps[finite], values[finite])._replace(count=count, nan=nan, inf=inf)


def _summarize_few(steps: list[float], values: list[float]) -> Summary:
    finite = [(value, step) for value, step in zip(values, steps, strict=True) if math.isfinite(value)]
    count, nan = len(values), sum(value != value for value in values)  # noqa: PLR0124 - NaN
    inf = count - nan - len(finite)
    if not finite:
        return Summary(count, None, None, None, None, None, None, 0.0, nan, inf)
    low, high = min(finite, key=_first), max(finite, key=_first)
    total = add_totals(0.0, *(value for value, _ in finite))
    return Summary(count, finite[0][0], finite[-1][0], low[0], low[1], high[0], high[1], total, nan, inf)


def _total(values: Floats) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
    if math.isfinite(total):
        return total
    return add_totals(0.0, *(float(v) for v in values))


def add_totals(total: float, *more: float) -> float:
    """Return the sum of finite numbers, kept within the range of float64 (so that it never becomes NaN)."""
    for number in more:
        total = min(max(total + number, -_LARGEST), _LARGEST)
    return total
