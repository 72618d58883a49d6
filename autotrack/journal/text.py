"""Text that any JSON parser and any SQL database can hold.

Python strings may hold lone surrogates (undecodable file names) and NUL, which UTF-8 or PostgreSQL refuse. In the
journal and in the index such characters, and the escape character itself, are written as U+0010 (DATA LINK ESCAPE)
followed by four hexadecimal digits. Escaping happens where user text comes in (`Run`, query literals), unescaping
where it goes out (`RunView`); everything between handles escaped text only.
"""

from __future__ import annotations

import re

ESCAPE = "\x10"
_UNSAFE = re.compile("[\x00\x10\ud800-\udfff]")
_ESCAPED = re.compile("\x10([0-9a-f]{4})")


def escape(text: str) -> str:
    """Return `text` in journal form (the same object where nothing needs escaping)."""
    return _UNSAFE.sub(lambda m: f"{ESCAPE}{ord(m[0]):04x}", text)


def unescape(text: str) -> str:
    """Return the original of a text in journal form."""
    if ESCAPE not in text:
        return text
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text)
