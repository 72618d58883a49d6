"""Param values as JSON, types kept.

Plain JSON values stand for themselves. What JSON lacks is an object with one ``$`` key:

========================================  ==========================================
``{"$float": "NaN"}``                     NaN, ``Infinity``, ``-Infinity``
``{"$int": "0x..."}``                     an integer outside the signed 64-bit range
``{"$bytes": "<base64>"}``                bytes
``{"$tuple": [...]}``                     a tuple
``{"$set": [...]}``, ``{"$frozenset": [...]}``  a set, a frozenset
``{"$dict": [[key, value], ...]}``        a mapping whose keys are not all plain text
``{"$repr": "...", "type": "..."}``       any other object: its `repr` and class path
========================================  ==========================================
"""

from __future__ import annotations

import base64
import builtins
import math
from collections.abc import Mapping
from typing import Any, Self

from autotrack.journal.text import escape, unescape

_INT64 = range(-(2**63), 2**63)
_MAX_DEPTH = 64
_MAX_REPR = 10_000


class Opaque(str):
    """The `repr` of a value whose type the journal cannot hold; `type` is its class path."""

    type: str

    def __new__(cls, text: str, class_path: str) -> Self:
        """Make the text of an object of class `class_path`."""
        self = super().__new__(cls, text)
        self.type = class_path
        return self

    def __reduce__(self) -> tuple[builtins.type[Opaque], tuple[str, str]]:
        return Opaque, (str(self), self.type)


def class_path(cls: builtins.type) -> str:
    """Return ``module.QualifiedName`` of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def encode_float(value: float) -> float | str:
    """Return a float as a JSON number, or as text where it is not finite."""
    if math.isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124


def scalar(value: Any) -> Any:
    """Return the Python number, bool or text inside a 0-d array or tensor or array scalar; others unchanged."""
    if isinstance(value, (str, bytes, Mapping)):
        return value
    try:
        if hasattr(value, "item") and (tuple(getattr(value, "shape", (1,))) == () or getattr(value, "ndim", None) == 0):
            return value.item()
    except Exception:  # noqa: BLE001 - a tensor on the meta device, a lazy object, any class of the user's
        return value
    return value


def encode_value(value: Any, _depth: int = 0) -> Any:
    """Encode any Python object as JSON-ready data in journal form."""
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is str:
        return escape(value)
    if kind is int:
        return value if value in _INT64 else {"$int": hex(value)}
    if kind is float:
        number = encode_float(value)
        return number if kind is type(number) else {"$float": number}
    if _depth >= _MAX_DEPTH:
        return _opaque(value)
    return _encode_compound(value, kind, _depth + 1)


def _encode_compound(value: Any, kind: type, depth: int) -> Any:
    if kind is list:
        return [encode_value(v, depth) for v in value]
    if kind is tuple:
        return {"$tuple": [encode_value(v, depth) for v in value]}
    if kind in (set, frozenset):
        return {f"${kind.__name__}": sorted((encode_value(v, depth) for v in value), key=repr)}
    if kind in (bytes, bytearray):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping) and (kind is dict or kind.__module__ in ("collections", "types")):
        if all(type(k) is str and k[:1] != "$" for k in value):
            return {escape(k): encode_value(v, depth) for k, v in value.items()}
        return {"$dict": [[encode_value(k, depth), encode_value(v, depth)] for k, v in value.items()]}
    if isinstance(value, Opaque):  # read from another run
        return {"$repr": escape(str(value)), "type": escape(value.type)}
    plain = _plain(scalar(value))
    return _opaque(value) if plain is None else encode_value(plain, depth)


def _plain(value: Any) -> bool | int | float | str | None:
    """Return what numpy's texts and numbers and the members of StrEnum and IntEnum are equal to; None for others."""
    if type(value) is bool:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else None


def _opaque(value: Any) -> dict[str, str]:
    try:
        text = repr(value)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a class of the user's may do anything
        text = f"<repr failed: {type(error).__name__}>"
    if len(text) > _MAX_REPR:
        text = f"{text[:_MAX_REPR]}… ({len(text):,} characters)"
    return {"$repr": escape(text), "type": escape(class_path(type(value)))}


def decode_value(data: Any) -> Any:  # noqa: C901, PLR0912 - one case a mark
    """Return the Python value of encoded data (inverse of `encode_value`; opaque objects as `Opaque`)."""
    if isinstance(data, str):
        return unescape(data)
    if isinstance(data, list):
        return [decode_value(v) for v in data]
    if not isinstance(data, dict):
        return data
    mark = next(iter(data), "")
    if mark[:1] != "$":
        return {unescape(k): decode_value(v) for k, v in data.items()}
    body = data[mark]
    match mark:
        case "$float":
            return float(body)
        case "$int":
            return int(body, 16)
        case "$bytes":
            return base64.b64decode(body)
        case "$tuple":
            return tuple(decode_value(v) for v in body)
        case "$set":
            return {_hashable(decode_value(v)) for v in body}
        case "$frozenset":
            return frozenset(_hashable(decode_value(v)) for v in body)
        case "$dict":
            return {_hashable(decode_value(k)): decode_value(v) for k, v in body}
        case "$repr":
            return Opaque(unescape(body), unescape(data.get("type", "")))
        case _:  # a mark of a later format: shown as it is
            return data


def _hashable(value: Any) -> Any:
    """Return what can be in a set, or a key, for a value that earlier versions wrote as a set there."""
    if isinstance(value, set):
        return frozenset(value)
    return tuple(map(_hashable, value)) if isinstance(value, tuple) else value
