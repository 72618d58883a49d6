"""The text of a query: errors that point into it, and its tokens, checked before Python's own parser sees them.

The check keeps out what could harm the parser (deep nesting, NUL, lone surrogates), what it would warn about, and the
parts of Python that a filter does not have, so that each gets a message of its own.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

from autotrack.errors import QueryError

MAX_LENGTH = 10_000
"""Characters of a query."""
MAX_DEPTH = 20
"""Brackets and `not` inside one another."""

WORDS = frozenset({"and", "or", "not", "in", "is", "None", "True", "False"})
"""Python's keywords that the language has."""

_WINDOW = 100  # characters of a line that an error shows
_MESSAGE = 500  # characters of its other lines
_LONG_WORD = re.compile(r"(\S{30})\S{40,}(\S{10})")
_TOKEN = re.compile(
    r"""
    (?P<space>   [ \t\r\n\f]+ )
  | (?P<string>  [A-Za-z]{0,2} (?: "(?:\\[\s\S]|[^"\\\r\n])*" | '(?:\\[\s\S]|[^'\\\r\n])*' ) )
  | (?P<number>  0[xXoObB]\w* | (?:\d|\.\d) (?: [eE][+-](?=\d) | [\w.] )* )
  | (?P<name>    [^\W\d]\w* )
  | (?P<op>      == | != | <= | >= | [<>()\[\],.+-] )
  | (?P<wrong>   && | \|\| | <> | := | \*\* | // | [\s\S] )
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(
    r"0[xX](?:_?[\da-fA-F])+ | 0[oO](?:_?[0-7])+ | 0[bB](?:_?[01])+"
    r"| (?:0(?:_?0)*|[1-9](?:_?\d)*)"
    r"| (?:\d(?:_?\d)*)? \.? (?:\d(?:_?\d)*)? (?:[eE][+-]?\d(?:_?\d)*)?",
    re.VERBOSE | re.ASCII,
)
_ESCAPES = re.compile(
    r"""(?: [^\\] | \\ (?: [\\'"abfnrtv\n] | (?![4-7][0-7]{2})[0-7]{1,3} | x[\da-fA-F]{2} | u[\da-fA-F]{4}
    | U00(?:0[\da-fA-F]|10)[\da-fA-F]{4} | N\{[^}]*\} ) )*""",
    re.VERBOSE | re.ASCII,
)
_ARITHMETIC = 'a filter compares, it does not calculate; a name with odd characters is written {}["train/score"]'
_HINTS = {
    "=": "write == to compare",
    "&&": "write and",
    "||": "write or",
    "&": "write and",
    "|": "write or",
    "!": "write not, or != for unequal",
    "~": "write not",
    "<>": "write !=",
    ":=": "write == to compare",
    "{": "a list is written [1, 2, 3]",
    "#": "a filter has no comments",
    '"': "the text that begins here has no end: close it with the same quote",
    "'": "the text that begins here has no end: close it with the same quote",
    **dict.fromkeys(["+", "-", "*", "**", "/", "//", "%", "@", "^"], _ARITHMETIC),
}
_OTHER_WORDS = {
    "AND": "and", "OR": "or", "NOT": "not", "IN": "in", "IS": "is", "LIKE": 'in, as in "part" in name',
    "like": 'in, as in "part" in name', "contains": 'in, as in "part" in name', "NULL": "None", "null": "None",
    "none": "None", "true": "True", "false": "False", "TRUE": "True", "FALSE": "False",
}  # fmt: skip


class Token(NamedTuple):
    """A piece of a query: its type (string, number, name, op, wrong), where it begins, and the text."""

    type: str
    at: int
    text: str

    @property
    def end(self) -> int:
        """Position behind the token."""
        return self.at + len(self.text)


def error(text: str, at: int, message: str, hint: str = "") -> QueryError:
    """Return an error that shows the line of `text` around position `at` and a caret under it."""
    at = min(max(at, 0), len(text))
    begin = max(text.rfind("\n", 0, at) + 1, at - _WINDOW // 2)
    end = text.find("\n", at)
    end = min(len(text) if end < 0 else end, begin + _WINDOW)
    line = _printable(text[begin:end])
    before = "…" if begin and text[begin - 1] != "\n" else ""
    after = "…" if end < len(text) and text[end] != "\n" else ""
    caret = " " * (len(before) + sum(map(_width, line[: at - begin]))) + "^"
    lines = [_short(message), f"  {before}{line}{after}", f"  {caret}", _short(hint)]
    return QueryError("\n".join(filter(None, lines)))


def _short(message: str) -> str:
    # What a message quotes may be of any length.
    return _LONG_WORD.sub(r"\1…\2", _printable(message))[:_MESSAGE]


def _printable(text: str) -> str:
    # Control characters could move the terminal's cursor, surrogates cannot be printed at all.
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def quote(text: str) -> str:
    """Return a text as a literal of the language: in double quotes, on one line, in printable characters."""
    return '"' + "".join(map(_literal, text)) + '"'


def _literal(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def lower(text: str) -> str:
    """Return a text in lower case, letter by letter: letters that would become several stay."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def other_cases(text: str) -> dict[str, str]:
    """Return the letters outside of ASCII of a text in lower case, each with its upper case where that is another."""
    letters = {c: c.upper() for c in sorted(set(lower(text))) if not c.isascii()}
    return {small: large for small, large in letters.items() if len(large) == 1 and large != small}


def tokens(text: str) -> list[Token]:
    """Split any text into tokens without spaces. Never fails: what is not of the language is of type ``wrong``."""
    return [Token(m.lastgroup or "", m.start(), m[0]) for m in _TOKEN.finditer(text) if m.lastgroup != "space"]


def check(text: str, home: str = "metrics", names: Collection[str] = ()) -> list[Token]:
    """Return the tokens of a query; raise `QueryError` unless Python's parser can be given the text.

    `home` is the collection that hints about odd names show. Of `names`, also Python's keywords may stand as they are.
    """
    if len(text) > MAX_LENGTH:
        raise error(
            text, MAX_LENGTH, f"the query is too long: {len(text):,} characters, at most {MAX_LENGTH:,} are allowed"
        )
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise error(
                text,
                at,
                f"the query holds the character U+{ord(character):04X}",
                f'inside quotes write it as "\\u{ord(character):04x}"',
            )
    found = tokens(text)
    previous: Token | None = None
    for token in found:
        if not (token.type == "name" and token.text in names and token.text not in WORDS):
            _check_token(text, token, previous, home)
        previous = token
    _check_nesting(text, found)
    return found


def _check_token(text: str, token: Token, previous: Token | None, home: str) -> None:
    touches = previous is not None and previous.end == token.at
    match token.type:
        case "wrong":
            hint = _HINTS.get(token.text, "").format(home)
            raise error(text, token.at, f"{token.text} is not part of the filter language", hint)
        case "string":
            _check_string(text, token)
            if touches and previous is not None and previous.type == "string":
                raise error(
                    text, token.at, "two texts without anything between them", 'write a quote inside a text as \\"'
                )
        case "number":
            if not _NUMBER.fullmatch(token.text) or (touches and previous is not None and previous.type == "name"):
                hint = f'a key like this is written in brackets: {home}["{token.text.strip(".")}"]'
                raise error(text, token.at, f"{token.text} is not a number", hint)
        case "name" if not (previous is not None and previous.text == "."):
            if keyword.iskeyword(token.text) and token.text not in WORDS:
                raise error(
                    text,
                    token.at,
                    f"{token.text} is not part of the filter language",
                    "there are: " + ", ".join(sorted(WORDS, key=str.lower)),
                )
            if token.text in _OTHER_WORDS:
                raise error(
                    text,
                    token.at,
                    f"{token.text} is not part of the filter language",
                    f"write {_OTHER_WORDS[token.text]}",
                )
        case _:
            pass


def _check_string(text: str, token: Token) -> None:
    prefix = token.text[: min(i for i in (token.text.find('"'), token.text.find("'")) if i >= 0)]
    if prefix.lower() not in ("", "r"):
        raise error(text, token.at, f"a text cannot have the prefix {prefix}", "write it in plain quotes")
    if prefix:
        return
    good = _ESCAPES.match(token.text)
    if good is not None and good.end() < len(token.text):
        raise error(text, token.at + good.end(), "this backslash does not begin an escape", "write it as \\\\")


def _check_nesting(text: str, found: list[Token]) -> None:
    opened: list[tuple[Token, int]] = []
    depth = prefixes = 0
    for token in found:
        if token.text in ("not", "-", "+"):
            prefixes += 1
        elif token.text in ("(", "["):
            opened.append((token, prefixes + 1))
            depth += prefixes + 1
            prefixes = 0
        else:
            prefixes = 0
            if token.text in (")", "]"):
                if not opened or opened[-1][0].text + token.text not in ("()", "[]"):
                    raise error(text, token.at, f"{token.text} closes nothing that is open")
                depth -= opened.pop()[1]
        if depth + prefixes > MAX_DEPTH:
            raise error(text, token.at, f"the query is nested too deeply: at most {MAX_DEPTH} levels are allowed")
    if opened:
        raise error(text, opened[-1][0].at, f"{opened[-1][0].text} is never closed")


def parseable(text: str, found: list[Token], names: Collection[str] = ()) -> str:
    """Return the text with Python's keywords that are keys (``params.lambda``) replaced by names of equal length."""
    parts = list(text.replace("\r", " "))  # which Python would take for the end of a line
    for before, token in pairwise([Token("op", 0, ""), *found]):
        named = before.text == "." or (token.text in names and token.text not in WORDS)
        if named and keyword.iskeyword(token.text):
            parts[token.at : token.end] = "_" * len(token.text)
    return "".join(parts)
