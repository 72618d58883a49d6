"""The filter language: from text to a checked tree.

The syntax is that of Python expressions: `ast.parse` reads it and nothing is ever evaluated. What the language does not
have, and what can never be true, is refused here with an error that points at it.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from autotrack.errors import QueryError
from autotrack.query import source, times
from autotrack.query.fields import COLLECTIONS, RUN_FIELDS, STATES, STATISTICS, Kind
from autotrack.query.tree import All, Any, Compare, Constant, Contains, Field, Missing, Not, OneOf, Operator, Term

MAX_TERMS = 300
"""Comparisons of one query (SQLite refuses expressions deeper than 1,000)."""
MAX_LETTERS = 100
"""Different letters outside of ASCII in a text that is looked for whatever the case."""

_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_MIRRORED: dict[Operator, Operator] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_KNOWN = f"known: {', '.join(RUN_FIELDS)}, params.NAME, metrics.NAME, tags.NAME"


def parse_filter(text: str) -> Term:
    """Return the tree of a filter. The empty filter is `All` of nothing.

    Raises `QueryError` for everything that is not a filter.
    """
    if not isinstance(text, str):
        raise QueryError(f"a filter is a text such as 'params.lr < 0.1', not {type(text).__name__}")
    if not text.strip():
        return All(())
    parser = _Parser(text)
    return parser.term(parser.tree())


def parse_field(text: str) -> Field:
    """Return the field that a text names, e.g. ``metrics["val/loss"].min``; `QueryError` where it names none."""
    parser = _Parser(text)
    return parser.field(parser.tree())


class _Part(NamedTuple):
    """One step behind ``params``, ``metrics`` or ``tags``."""

    key: str
    at: int
    attribute: bool  # .key, not ["key"]


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.terms = 0
        found = source.check(text)
        self._words = {token.end: token.text for token in found}
        # In brackets a query may have several lines and begin with spaces.
        self._code = f"({source.parseable(text, found)}\n)"
        self._lines = self._code.split("\n")

    def tree(self) -> ast.expr:
        try:
            return ast.parse(self._code, mode="eval").body
        except SyntaxError as e:
            at = self._position(e.lineno or 1, (e.offset or 1) - 1)
            message = "this is not a filter expression" if e.msg.startswith("invalid syntax") else e.msg
            at = min(at, len(self.text.rstrip()))
            raise source.error(self.text, at, message, 'e.g. metrics["val/loss"].min < 0.3 and params.lr <= 1e-3') from None
        except (RecursionError, MemoryError):
            raise source.error(self.text, 0, "the query is nested too deeply") from None

    def _position(self, line: int, column: int) -> int:
        before = sum(len(part) + 1 for part in self._lines[: line - 1])
        return max(before + column - 1, 0)

    def at(self, node: ast.expr) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr) -> int:
        return self._offset(node.end_lineno or 1, node.end_col_offset or 0)

    def _offset(self, line: int, column: int) -> int:
        # Columns of the tree count bytes of UTF-8.
        return self._position(line, len(self._lines[line - 1].encode()[:column].decode(errors="ignore")))

    def fail(self, node: ast.expr | int, message: str, hint: str = "") -> NoReturn:
        raise source.error(self.text, node if isinstance(node, int) else self.at(node), message, hint)

    # Conditions

    def term(self, node: ast.expr) -> Term:
        match node:
            case ast.BoolOp(op=ast.And()):
                return All(tuple(map(self.term, node.values)))
            case ast.BoolOp():
                return Any(tuple(map(self.term, node.values)))
            case ast.UnaryOp(op=ast.Not()):
                return Not(self.term(node.operand))
            case ast.Compare():
                return self._chain(node)
            case ast.Call():
                self.fail(node, "a filter cannot call anything", "write a comparison, e.g. params.lr < 0.1")
            case ast.Name() | ast.Attribute() | ast.Subscript():
                found = self.field(node)
                example = f"{found.text} == True" if found.kind is Kind.PARAM else f"{found.text} is not None"
                self.fail(node, f"{found.text} alone is no condition", f"compare it with something, e.g. {example}")
            case _:
                self.fail(node, "this is no condition", "write a comparison, e.g. params.lr < 0.1")

    def _chain(self, node: ast.Compare) -> Term:
        operands = [node.left, *node.comparators]
        pairs = [
            self._comparison(left, operator, right)
            for left, operator, right in zip(operands, node.ops, operands[1:], strict=False)
        ]
        self.terms += len(pairs)
        if self.terms > MAX_TERMS:
            self.fail(node, f"the query has too many comparisons: at most {MAX_TERMS} are allowed", "a list says it in one: id in [...]")
        return pairs[0] if len(pairs) == 1 else All(tuple(pairs))

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Term:
        negated = isinstance(operator, ast.NotIn | ast.IsNot | ast.NotEq)
        if isinstance(operator, ast.In | ast.NotIn):
            return self._membership(left, right, negated=negated)
        if _is_constant(left) and _is_constant(right):
            self.fail(left, "this compares two constants", f"one side must be a field; {_KNOWN}")
        if not _is_constant(left) and not _is_constant(right):
            return self._between(self.field(left), operator, self.field(right), right)
        node, mirrored = (right, True) if _is_constant(left) else (left, False)
        constant = left if mirrored else right
        found = self.field(node)
        if _is_none(constant):
            if not isinstance(operator, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                self.fail(constant, "None is neither less nor greater than anything", f"write {found.text} is None")
            return Not(Missing(found)) if negated else Missing(found)
        if isinstance(operator, ast.Is | ast.IsNot):
            sign = "!=" if negated else "=="
            self.fail(constant, "only None can be asked for with is", f"write {sign}")
        sign = _OPERATORS[type(operator)]
        return self._constant_comparison(found, _MIRRORED[sign] if mirrored else sign, constant)

    def _constant_comparison(self, found: Field, operator: Operator, node: ast.expr) -> Term:
        value = self._value(found, node)
        if operator not in ("==", "!="):
            if isinstance(value, bool):
                self.fail(node, f"{value} is neither less nor greater than anything", f"write {found.text} == {value}")
            if found.kind is Kind.STATUS:
                self.fail(found.at, "states have no order", f'write {found.text} == "finished", or {found.text} in ["failed", "killed"]')
        if not isinstance(value, tuple):
            return Compare(found, operator, value)
        begin, end = value
        match operator:
            case "==" | "!=" if end - begin > 1:
                within = All((Compare(found, ">=", begin), Compare(found, "<", end)))
                return within if operator == "==" else Any((Compare(found, "<", begin), Compare(found, ">=", end)))
            case _:
                return Compare(found, operator, begin)

    def _between(self, left: Field, operator: ast.cmpop, right: Field, node: ast.expr) -> Term:
        if isinstance(operator, ast.Is | ast.IsNot):
            self.fail(node, "only None can be asked for with is", "write == or !=")
        sign = _OPERATORS[type(operator)]
        groups = [{Kind.TEXT, Kind.PARAM}, {Kind.NUMBER, Kind.DURATION, Kind.PARAM}, {Kind.TIME}]
        if sign in ("==", "!="):
            groups += [{Kind.STATUS, Kind.TEXT}, {Kind.STATUS}]
        if not any(left.kind in group and right.kind in group for group in groups):
            hint = f'if a text is meant, put it in quotes: {left.text} {sign} "{right.text}"'
            self.fail(right.at, f"{left.text} is {left.kind.value}, {right.text} is {right.kind.value}: they never compare", hint)
        return Compare(left, sign, right)

    def _membership(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Term:
        if isinstance(right, ast.List | ast.Tuple):
            return self._one_of(self.field(left), right.elts, negated=negated)
        if _is_constant(right):
            self.fail(right, "in needs a list or a text field on its right", 'e.g. params.C in [0.1, 1], or "resnet" in name')
        found = self.field(right)
        part = left.value if isinstance(left, ast.Constant) else None
        if not isinstance(part, str):
            self.fail(left, f"only a text in quotes can be looked for in {found.text}", f'e.g. "resnet" in {found.text}')
        if found.kind not in (Kind.TEXT, Kind.PARAM):
            self.fail(right, f"{found.text} is {found.kind.value}: no text is looked for in it")
        if len({c for c in part.lower() if not c.isascii()}) > MAX_LETTERS:
            self.fail(left, f"the text has too many different letters outside of ASCII: at most {MAX_LETTERS} are allowed")
        return Contains(found, part, negated)

    def _one_of(self, found: Field, nodes: list[ast.expr], *, negated: bool) -> Term:
        values: list[Constant] = []
        terms: list[Term] = []
        for node in nodes:
            if not _is_constant(node):
                self.fail(node, "a list may hold constants only", "compare fields with == and or")
            if _is_none(node):
                terms.append(Missing(found))
                continue
            term = self._constant_comparison(found, "==", node)
            if isinstance(term, Compare) and not isinstance(term.right, Field):
                values.append(term.right)
            else:
                terms.append(term)  # a day
        present = OneOf(found, tuple(values))
        if not terms:
            return OneOf(found, tuple(values), negated)
        if not negated:
            return Any((present, *terms))
        return All((Not(Missing(found)), OneOf(found, tuple(values), True), *map(Not, terms)))

    # Operands

    def _value(self, found: Field, node: ast.expr) -> Constant | tuple[int, int]:
        """Return the constant as `found` compares with it; a time as the interval that it means."""
        value = self._constant(node)
        match found.kind, value:
            case Kind.TIME, str():
                span = times.interval(value)
                if span is None:
                    self.fail(node, f"{source.quote(value)} is not a time", f"times look like {times.TIME_FORMS}")
                return span
            case Kind.DURATION, str():
                length = times.seconds(value)
                if length is None:
                    self.fail(node, f"{source.quote(value)} is not a duration", f"durations look like {times.DURATION_FORMS}")
                return length
            case Kind.STATUS, str() if value not in STATES:
                close = get_close_matches(value.lower(), STATES, 1)
                guess = f"did you mean {source.quote(close[0])}? " if close else ""
                self.fail(node, f"there is no status {source.quote(value)}", f"{guess}known: {', '.join(STATES)}")
            case (Kind.TEXT | Kind.STATUS | Kind.PARAM, str()) | (Kind.PARAM, bool()):
                return value
            case Kind.NUMBER | Kind.DURATION | Kind.PARAM, int() | float() if not isinstance(value, bool):
                return value
            case _:
                shown = source.quote(value) if isinstance(value, str) else repr(value)
                self.fail(node, f"{found.text} is {found.kind.value}: it never compares with {shown}", self._fitting(found, value))

    def _constant(self, node: ast.expr) -> Constant:
        match node:
            case ast.UnaryOp():
                value = self._constant(node.operand)
                if isinstance(value, bool | str):
                    self.fail(node, "only a number can have a sign")
                return -value if isinstance(node.op, ast.USub) else value
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case _:
                self.fail(node, "a constant is needed here")

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
        parts, root = self._parts(node)
        text = self.text[self.at(root) : self.end(node)]
        at = self.at(root)
        name = self._written(root)
        if name in RUN_FIELDS:
            if parts:
                self.fail(parts[0].at, f"{name} has no parts", _KNOWN)
            return Field("run", name, (), RUN_FIELDS[name][0], text, at)
        if name not in COLLECTIONS:
            self._unknown(root, name)
        kind = COLLECTIONS[name][0]
        statistic = ""
        if name == "metrics":
            statistic = self._statistic(parts)
        if not parts:
            self.fail(node, f"{name} of what?", f"e.g. {COLLECTIONS[name][1]}")
        keys = [part.key for part in parts]
        return Field(name, statistic, tuple(dict.fromkeys([".".join(keys), "/".join(keys)])), kind, text, at)

    def _statistic(self, parts: list[_Part]) -> str:
        if len(parts) < 2 or not parts[-1].attribute:
            return "last"
        name, at, _ = parts[-1]
        if name in STATISTICS:
            parts.pop()
            return name
        if not parts[-2].attribute:  # metrics["val/loss"].mni
            close = get_close_matches(name, STATISTICS, 1)
            guess = f"did you mean {close[0]}? " if close else ""
            self.fail(at, f"a metric has no {name}", f"{guess}known: {', '.join(STATISTICS)}")
        return "last"

    def _parts(self, node: ast.expr) -> tuple[list[_Part], ast.Name]:
        """Return key, position and whether it is an attribute for each part behind the root, and the root."""
        parts: list[_Part] = []
        while True:
            match node:
                case ast.Name():
                    return parts[::-1], node
                case ast.Attribute():
                    key = self._written(node)
                    parts.append(_Part(key, self.end(node) - len(key), attribute=True))
                    node = node.value
                case ast.Subscript(slice=ast.Constant(value=str() as key)):
                    parts.append(_Part(key, self.at(node.slice), attribute=False))
                    node = node.value
                case ast.Subscript():
                    self.fail(node.slice, "a key is written in quotes", 'e.g. metrics["val/loss"]')
                case ast.Call():
                    self.fail(node, "a filter cannot call anything", _KNOWN)
                case ast.Constant() if parts:
                    self.fail(node, "a constant has no parts", _KNOWN)
                case _:
                    self.fail(node, "a field is needed here", _KNOWN)

    def _written(self, node: ast.Name | ast.Attribute) -> str:
        # As the user wrote it: Python normalizes identifiers (µ becomes μ), and keywords were replaced.
        return self._words[self.end(node)]

    def _unknown(self, root: ast.Name, name: str) -> NoReturn:
        if name in ("nan", "inf"):
            self.fail(root, f"there is no constant {name}", f"ask for the number of such points: metrics.loss.{name} > 0")
        if name in STATES:
            self.fail(root, f"there is no field {name}", f'put a text in quotes: status == "{name}"')
        close = get_close_matches(name, [*RUN_FIELDS, *COLLECTIONS], 1)
        guess = f"did you mean {close[0]}" if close else f"did you mean params.{name} or metrics.{name}"
        self.fail(root, f"there is no field {name}", f'{guess}, or the text "{name}"? {_KNOWN}')


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
