"""Mappings of recorded values whose missing keys say what was meant."""

from __future__ import annotations

import difflib
from typing import Any, ClassVar, NoReturn, TypeVar

from autotrack.views.text import exact, printable, shorten

V = TypeVar("V")


class UnknownKey(KeyError):
    """A key that was not recorded; the text says which ones come close."""

    def __str__(self) -> str:
        return str(self.args[0])


class Values(dict[str, V]):
    """A plain dict of what a run recorded, in the order of recording. Changing it changes nothing in the store."""

    noun: ClassVar[str] = "value"
    owner: ClassVar[str] = "the run"

    def __missing__(self, key: object) -> NoReturn:
        raise UnknownKey(unknown_key(self.noun, key, list(self), self.owner))

    def __repr__(self) -> str:
        return exact(dict(self))


class Params(Values[V]):
    """Params by key."""

    noun = "param"


class Metrics(Values[V]):
    """Metrics by key."""

    noun = "metric"


class Columns(Values[list[Any]]):
    """Cells by column."""

    noun = "column"
    owner = "the table"


class Tags(Values[str]):
    """Tags by key."""

    noun = "tag"


def unknown_key(noun: str, key: object, known: list[str], owner: str = "the run") -> str:
    """Return one line: there is no such key, what comes close, what there is."""
    message = f"no {noun} {_short(key)} was recorded"
    if not known:
        return f"{message}: {owner} has {'any' if owner == 'no run' else 'no'} {noun}s"
    candidates = [k for k in known[:2000] if len(k) <= 200]
    close = difflib.get_close_matches(key, candidates, 3, 0.5) if isinstance(key, str) and len(key) <= 200 else []
    if isinstance(key, str) and (same := [k for k in candidates if k.lower() == key.lower()]):
        close = same[:3]
    if not close and isinstance(key, str) and key:
        close = [k for k in candidates if key.lower() in k.lower()][:3]
    if close:
        return f"{message}: did you mean {' or '.join(map(_short, close))}?"
    listed = ", ".join(map(_short, known[:8]))
    return f"{message}: there {'is' if len(known) == 1 else 'are'} {listed}{_more(len(known), 8)}"


def _more(count: int, shown: int) -> str:
    return f" … ({shown} of {count:,})" if count > shown else ""


def _short(key: object) -> str:
    return f"'{shorten(printable(key), 60)}'" if isinstance(key, str) else shorten(exact(key), 60)
