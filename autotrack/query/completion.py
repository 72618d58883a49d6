"""What may come next in a filter that is being typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from autotrack.query import source
from autotrack.query.fields import COLLECTIONS, RUN_FIELDS, STATES, STATISTICS
from autotrack.query.source import Token

_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_STARTS = {"and", "or", "not", "(", "[", ",", "in", *_COMPARISONS}
_AFTER_FIELD = {
    "==": "equals", "!=": "is there and differs", "<": "", "<=": "", ">": "", ">=": "",
    "in": "is one of a list: in [1, 2]",
    "not in": "is there and none of a list", "is None": "is missing", "is not None": "is there",
}  # fmt: skip
_AFTER_COMPARISON = {"and": "both", "or": "either"}
_MEMBER = re.compile(
    r"""(?<![\w."'])(?P<home>params|metrics|tags)(?P<literal>\["(?:\\.|[^"\\])*"\])?\.(?P<key>(?:\w+\.)*)(?P<typed>\w*)$"""
)
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Completion:
    """Text to put in place of `begin` to `end` of the query. `help` says what it is, in a few words."""

    text: str
    begin: int
    end: int
    help: str = ""


def complete(text: str, cursor: int, known_keys: Mapping[str, Iterable[str]]) -> list[Completion]:
    """Return what may be typed at a position of a filter, most fitting first.

    `known_keys` are the keys of ``params``, ``metrics`` and ``tags`` in the store. Never raises, whatever the text.
    """
    cursor = min(max(cursor, 0), len(text))
    found = source.tokens(text[:cursor])
    opened = next((token for token in found if token.type == "wrong" and token.text in "\"'"), None)
    if opened is not None:
        before = [token for token in found if token.at < opened.at]
        return list(_texts(before, text[opened.end : cursor], opened.at, cursor, known_keys))
    if member := _MEMBER.search(text, 0, cursor):
        return list(_members(member, known_keys))
    begin = cursor
    if found and found[-1].text == ".":
        return []
    if found and found[-1].type == "name" and found[-1].end == cursor:
        begin = found.pop().at
    return [Completion(offer, begin, cursor, about) for offer, about in _matching(_words(found), text[begin:cursor])]


def _words(found: list[Token]) -> dict[str, str]:
    """Return what may stand after these tokens, with its meaning."""
    if found and (found[-1].text == "is" or [token.text for token in found[-2:]] == ["is", "not"]):
        return {"None": "missing"}
    if not found or found[-1].text in _STARTS:
        if _compared(found) == "status":
            return {source.quote(state): "state" for state in STATES}
        fields = {name: about for name, (_, about) in RUN_FIELDS.items()}
        fields |= {name: f"e.g. {example}" for name, (_, example) in COLLECTIONS.items()}
        return fields if found and found[-1].text in _COMPARISONS else {**fields, "not": "is not true"}
    return _AFTER_COMPARISON if _compared(found[:-1]) or found[-1].text in (")", "None") else _AFTER_FIELD


def _compared(found: list[Token]) -> str:
    """Return the last field in front of the comparison that these tokens end with, or nothing."""
    rest = list(found)
    while rest and (rest[-1].text in ("[", "(", ",", "-") or rest[-1].type in ("string", "number")):
        rest.pop()
    if not rest or rest[-1].text not in (*_COMPARISONS, "in", "is", "not"):
        return ""
    while rest and rest[-1].text in (*_COMPARISONS, "in", "is", "not"):
        rest.pop()
    return rest[-1].text if rest else ""


def _texts(
    found: list[Token], typed: str, begin: int, end: int, known_keys: Mapping[str, Iterable[str]]
) -> Iterator[Completion]:
    """Yield literals for a text that has been begun."""
    if len(found) > 1 and found[-1].text == "[" and found[-2].text in COLLECTIONS:
        for key, _ in _matching(_keys(known_keys, found[-2].text), typed):
            yield Completion(source.quote(key) + "]", begin, end)
    elif _compared(found) == "status":
        for state, about in _matching(dict.fromkeys(STATES, "state"), typed):
            yield Completion(source.quote(state), begin, end, about)


def _members(member: re.Match[str], known_keys: Mapping[str, Iterable[str]]) -> Iterator[Completion]:
    """Yield what may follow a dot: keys of a collection, statistics of a metric."""
    home, key, typed = member["home"], member["key"], member["typed"]
    if home == "metrics" and (key or member["literal"]):
        for name, about in _matching(STATISTICS, typed):
            yield Completion(name, member.start("typed"), member.end(), about)
    if member["literal"]:
        return
    for known, _ in _matching(_keys(known_keys, home), key + typed):
        if _is_plain(known, home):
            yield Completion(known, member.end("home") + 1, member.end())
        else:
            yield Completion(f"[{source.quote(known)}]", member.end("home"), member.end())


def _keys(known_keys: Mapping[str, Iterable[str]], home: str) -> dict[str, str]:
    return dict.fromkeys(sorted(known_keys.get(home, ())), "")


def _is_plain(key: str, home: str) -> bool:
    """Return whether a key can stand behind a dot."""
    parts = key.split(".")
    return all(part.isidentifier() and _NAME.fullmatch(part) for part in parts) and not (
        home == "metrics" and len(parts) > 1 and parts[-1] in STATISTICS
    )


def _matching(offers: Mapping[str, str], typed: str) -> list[tuple[str, str]]:
    """Return the offers that begin with what was typed, then those that have it inside; case does not matter."""
    typed = typed.lower()
    ranked = [
        (0 if offer.lower().startswith(typed) else 1, offer, about)
        for offer, about in offers.items()
        if typed in offer.lower()
    ]
    return [(offer, about) for _, offer, about in sorted(ranked, key=lambda found: found[0])]
