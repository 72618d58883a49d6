"""The operands of a filter: which field a Python expression names, what a constant means to a field."""

from __future__ import annotations

import ast
from collections.abc import Collection
from difflib import get_close_matches
from typing import NamedTuple

from autotrack.errors import QueryError
from autotrack.query import source, times
from autotrack.query.fields import COLLECTIONS, RUN_FIELDS, STATES, STATISTICS, Kind
from autotrack.query.tree import Constant, Field


class Wording(NamedTuple):
    """What errors say of the things that a query is about."""

    known: str
    example: str
    comparison: str
    membership: str
    key: str
    home: str


RUNS = Wording(
    known=f"known: {', '.join(RUN_FIELDS)}, params.NAME, metrics.NAME, tags.NAME",
    example='metrics["val/loss"].min < 0.3 and params.lr <= 1e-3',
    comparison="params.lr < 0.1",
    membership='params.C in [0.1, 1], or "resnet" in name',
    key='metrics["val/loss"]',
    home="metrics",
)


class Part(NamedTuple):
    """One step behind the name that a field begins with."""

    key: str
    at: int
    attribute: bool  # .key, not ["key"]


class Operands:
    """A query's text, read by Python's parser, with errors that point into it."""

    def __init__(self, text: str, wording: Wording = RUNS, names: Collection[str] = ()) -> None:
        self.text = text
        self.wording = wording
        found = source.check(text, wording.home, names)
        self._words = {token.end: token.text for token in found}
        # In brackets a query may have several lines and begin with spaces.
        self._code = f"({source.parseable(text, found, names)}\n)"
        self._lines = self._code.split("\n")

    def tree(self) -> ast.expr:
        """Return the whole query as Python understands it."""
        try:
            return ast.parse(self._code, mode="eval").body
        except SyntaxError as e:
            at = self._position(e.lineno or 1, (e.offset or 1) - 1)
            message = "this is not a filter expression" if e.msg.startswith("invalid syntax") else e.msg
            at = min(at, len(self.text.rstrip()))
            raise source.error(self.text, at, message, f"e.g. {self.wording.example}") from None
        except (RecursionError, MemoryError):
            raise source.error(self.text, 0, "the query is nested too deeply") from None

    def _position(self, line: int, column: int) -> int:
        before = sum(len(part) + 1 for part in self._lines[: line - 1])
        return max(before + column - 1, 0)

    def at(self, node: ast.expr) -> int:
        """Return where a node begins in the text."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr) -> int:
        """Return where a node ends in the text."""
        return self._offset(node.end_lineno or 1, node.end_col_offset or 0)

    def _offset(self, line: int, column: int) -> int:
        # Columns of the tree count bytes of UTF-8.
        return self._position(line, len(self._lines[line - 1].encode()[:column].decode(errors="ignore")))

    def error(self, node: ast.expr | int, message: str, hint: str = "") -> QueryError:
        """Return the error that something is wrong at a node or a position."""
        return source.error(self.text, node if isinstance(node, int) else self.at(node), message, hint)

    def value(self, found: Field, node: ast.expr) -> Constant | tuple[int, int]:
        """Return the constant as `found` compares with it; a time as the interval that it means."""
        value = self._constant(node)
        match found.kind, value:
            case Kind.TIME, str():
                span = times.interval(value)
                if span is None:
                    raise self.error(
                        node, f"{source.quote(value)} is not a time", f"times look like {times.TIME_FORMS}"
                    )
                return span
            case Kind.DURATION, str():
                length = times.seconds(value)
                if length is None:
                    raise self.error(
                        node, f"{source.quote(value)} is not a duration", f"durations look like {times.DURATION_FORMS}"
                    )
                return length
            case Kind.STATUS, str() if value not in STATES:
                close = get_close_matches(value.lower(), STATES, 1)
                guess = f"did you mean {source.quote(close[0])}? " if close else ""
                raise self.error(
                    node, f"there is no status {source.quote(value)}", f"{guess}known: {', '.join(STATES)}"
                )
            case (Kind.TEXT | Kind.STATUS | Kind.PARAM, str()) | (Kind.PARAM, bool()):
                return value
            case Kind.NUMBER | Kind.DURATION | Kind.PARAM, int() | float() if not isinstance(value, bool):
                return value
            case _:
                shown = source.quote(value) if isinstance(value, str) else repr(value)
                raise self.error(
                    node,
                    f"{found.text} is {found.kind.value}: it never compares with {shown}",
                    self._fitting(found, value),
                )

    def _constant(self, node: ast.expr) -> Constant:
        match node:
            case ast.UnaryOp():
                value = self._constant(node.operand)
                if isinstance(value, bool | str):
                    raise self.error(node, "only a number can have a sign")
                return -value if isinstance(node.op, ast.USub) else value
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case _:
                raise self.error(node, "a constant is needed here")

    def _fitting(self, found: Field, value: Constant) -> str:
        match found.kind:
            case Kind.TEXT:
                return f"write the text in quotes: {source.quote(str(value))}"
            case Kind.TIME:
                return f"times look like {times.TIME_FORMS}"
            case Kind.STATUS:
                return f"known: {', '.join(STATES)}"
            case Kind.DURATION:
                return f"durations look like {times.DURATION_FORMS}"
            case _:
                return "compare it with a number"

    def field(self, node: ast.expr) -> Field:
        """Return the field that a node names."""
        parts, root = self.parts(node)
        text = self.text[self.at(root) : self.end(node)]
        at = self.at(root)
        name = self.written(root)
        if name in RUN_FIELDS:
            if parts:
                raise self.error(parts[0].at, f"{name} has no parts", self.wording.known)
            return Field("run", name, (), RUN_FIELDS[name][0], text, at)
        if name not in COLLECTIONS:
            raise self._unknown(root, name)
        kind = COLLECTIONS[name][0]
        statistic = ""
        if name == "metrics":
            statistic = self._statistic(parts)
        if not parts:
            raise self.error(node, f"{name} of what?", f"e.g. {COLLECTIONS[name][1]}")
        keys = [part.key for part in parts]
        return Field(name, statistic, tuple(dict.fromkeys([".".join(keys), "/".join(keys)])), kind, text, at)

    def _statistic(self, parts: list[Part]) -> str:
        if len(parts) < 2 or not parts[-1].attribute:
            return "last"
        name, at, _ = parts[-1]
        if name in STATISTICS:
            parts.pop()
            return name
        if not parts[-2].attribute:  # metrics["val/loss"].mni
            close = get_close_matches(name, STATISTICS, 1)
            guess = f"did you mean {close[0]}? " if close else ""
            raise self.error(at, f"a metric has no {name}", f"{guess}known: {', '.join(STATISTICS)}")
        return "last"

    def parts(self, node: ast.expr) -> tuple[list[Part], ast.Name]:
        """Return key, position and whether it is an attribute for each part behind the root, and the root."""
        parts: list[Part] = []
        while True:
            match node:
                case ast.Name():
                    return parts[::-1], node
                case ast.Attribute():
                    key = self.written(node)
                    parts.append(Part(key, self.end(node) - len(key), attribute=True))
                    node = node.value
                case ast.Subscript(slice=ast.Constant(value=str() as key)):
                    parts.append(Part(key, self.at(node.slice), attribute=False))
                    node = node.value
                case ast.Subscript():
                    raise self.error(node.slice, "a key is written in quotes", f"e.g. {self.wording.key}")
                case ast.Call():
                    raise self.error(node, "a filter cannot call anything", self.wording.known)
                case ast.Constant() if parts:
                    raise self.error(node, "a constant has no parts", self.wording.known)
                case _:
                    raise self.error(node, "a field is needed here", self.wording.known)

    def written(self, node: ast.Name | ast.Attribute) -> str:
        """Return the name that a node ends with."""
        # As the user wrote it: Python normalizes identifiers (µ becomes μ), and keywords were replaced.
        return self._words[self.end(node)]

    def _unknown(self, root: ast.Name, name: str) -> QueryError:
        if name in ("nan", "inf"):
            return self.error(
                root, f"there is no constant {name}", f"ask for the number of such points: metrics.loss.{name} > 0"
            )
        if name in STATES:
            return self.error(root, f"there is no field {name}", f'put a text in quotes: status == "{name}"')
        close = get_close_matches(name, [*RUN_FIELDS, *COLLECTIONS], 1)
        guess = f"did you mean {close[0]}" if close else f"did you mean params.{name} or metrics.{name}"
        return self.error(root, f"there is no field {name}", f'{guess}, or the text "{name}"? {self.wording.known}')
