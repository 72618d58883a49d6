"""Lines of the journal, read back. What this version does not know is kept, what is damaged is handed over as it is."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec

from autotrack.journal.events import Corrupt, Event, Unknown

_decoder = msgspec.json.Decoder(Event)


def decode_lines(data: bytes) -> list[Event | Unknown | Corrupt]:
    """Decode complete lines (`data` ends with a newline, or is empty)."""
    try:
        return _decoder.decode_lines(_without_nul(data))
    except _UNREADABLE:
        return [decode_line(line) for line in data.split(b"\n") if line.strip()]


def decode_line(line: bytes) -> Event | Unknown | Corrupt:
    """Decode one line without its newline. What this version does not know is kept as `Unknown`."""
    text = _without_nul(line)
    try:
        event: Event = _decoder.decode(text)
    except _UNREADABLE:
        pass
    else:
        return event
    try:
        fields: Any = msgspec.json.decode(text)
    except _UNREADABLE:
        return Corrupt(line)
    if not isinstance(fields, dict) or not isinstance(fields.get("e"), str) or not isinstance(fields.get("t"), int):
        return Corrupt(line)
    return Unknown(line, _known_part(fields))


def _without_nul(data: bytes) -> bytes:
    """Write NUL, which another writer may have left in a text, in journal form: no database holds it."""
    return _NUL.sub(rb"\1\\u00100000", data) if b"\\u0000" in data else data


def _known_part(fields: dict[str, Any]) -> Event | None:
    struct = _STRUCTS.get(fields["e"])
    if struct is None:
        return None
    known = {name: fields[name] for name in struct.__struct_fields__ if name in fields}
    try:
        event: Event = msgspec.convert({"e": fields["e"], **known}, struct)
    except msgspec.ValidationError:
        return None
    return event


_STRUCTS: dict[str, Any] = {struct.__struct_config__.tag: struct for struct in get_args(Event)}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # not after a backslash that is itself escaped
