"""The filter language: from text to a checked tree.

The syntax is that of Python expressions: `ast.parse` reads it and nothing is ever evaluated. What the language does not
have, and what can never be true, is refused here with an error that points at it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from itertools import pairwise

from autotrack.errors import QueryError
from autotrack.query.fields import Kind
from autotrack.query.operands import RUNS, Operands, Wording
from autotrack.query.tree import (
    All,
    Any,
    Compare,
    Constant,
    Contains,
    Field,
    Missing,
    Not,
    OneOf,
    Operator,
    Relate,
    Term,
)

MAX_TERMS = 300
"""Comparisons of one query (SQLite refuses expressions deeper than 1,000)."""
MAX_PART = 4_000
"""Characters of a text that is looked for in another (databases bound the length of patterns)."""

_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_MIRRORED: dict[Operator, Operator] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def parse_filter(text: str, read: Callable[[str], Conditions] | None = None) -> Term:
    """Return the tree of a filter, of runs unless `read` says of what. The empty filter is `All` of nothing.

    Raises `QueryError` for everything that is not a filter.
    """
    if not isinstance(text, str):
        raise QueryError(f"a filter is a text such as 'params.lr < 0.1', not {type(text).__name__}")
    if not text.strip():
        return All(())
    parser = (read or Conditions)(text)
    return parser.term(parser.tree())


def parse_field(text: str) -> Field:
    """Return the field that a text names, e.g. ``metrics["val/loss"].min``; `QueryError` where it names none."""
    parser = Operands(text)
    return parser.field(parser.tree())


class Conditions(Operands):
    """Reads conditions: what is true or false of a run."""

    def __init__(self, text: str, wording: Wording = RUNS, names: Collection[str] = ()) -> None:
        super().__init__(text, wording, names)
        self._terms = 0

    def term(self, node: ast.expr) -> Term:
        """Return the tree of a condition."""
        comparison = f"write a comparison, e.g. {self.wording.comparison}"
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
                raise self.error(node, "a filter cannot call anything", comparison)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                found = self.field(node)
                example = f"{found.text} == True" if found.kind is Kind.PARAM else f"{found.text} is not None"
                raise self.error(
                    node, f"{found.text} alone is no condition", f"compare it with something, e.g. {example}"
                )
            case _:
                raise self.error(node, "this is no condition", comparison)

    def _chain(self, node: ast.Compare) -> Term:
        operands = [node.left, *node.comparators]
        pairs = [
            self._comparison(left, operator, right)
            for (left, right), operator in zip(pairwise(operands), node.ops, strict=True)
        ]
        self._terms += len(pairs)
        if self._terms > MAX_TERMS:
            raise self.error(
                node,
                f"the query has too many comparisons: at most {MAX_TERMS} are allowed",
                "a list says it in one: id in [...]",
            )
        return pairs[0] if len(pairs) == 1 else All(tuple(pairs))

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Term:
        negated = isinstance(operator, ast.NotIn | ast.IsNot | ast.NotEq)
        if isinstance(operator, ast.In | ast.NotIn):
            return self._membership(left, right, negated=negated)
        if _is_constant(left) and _is_constant(right):
            raise self.error(left, "this compares two constants", f"one side must be a field; {self.wording.known}")
        if not _is_constant(left) and not _is_constant(right):
            return self._between(self.field(left), operator, self.field(right), right)
        node, mirrored = (right, True) if _is_constant(left) else (left, False)
        constant = left if mirrored else right
        found = self.field(node)
        if _is_none(constant):
            if not isinstance(operator, ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
                raise self.error(
                    constant, "None is neither less nor greater than anything", f"write {found.text} is None"
                )
            return Not(Missing(found)) if negated else Missing(found)
        if isinstance(operator, ast.Is | ast.IsNot):
            sign = "!=" if negated else "=="
            raise self.error(constant, "only None can be asked for with is", f"write {sign}")
        sign = _OPERATORS[type(operator)]
        return self._constant_comparison(found, _MIRRORED[sign] if mirrored else sign, constant)

    def _constant_comparison(self, found: Field, operator: Operator, node: ast.expr) -> Term:
        value = self.value(found, node)
        if operator not in ("==", "!="):
            if isinstance(value, bool):
                raise self.error(
                    node, f"{value} is neither less nor greater than anything", f"write {found.text} == {value}"
                )
            if found.kind is Kind.STATUS:
                raise self.error(
                    found.at,
                    "states have no order",
                    f'write {found.text} == "finished", or {found.text} in ["failed", "killed"]',
                )
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
            raise self.error(node, "only None can be asked for with is", "write == or !=")
        sign = _OPERATORS[type(operator)]
        groups = [{Kind.TEXT, Kind.PARAM}, {Kind.NUMBER, Kind.DURATION, Kind.PARAM}, {Kind.TIME}]
        if sign in ("==", "!="):
            groups += [{Kind.STATUS, Kind.TEXT}, {Kind.STATUS}]
        if not any(left.kind in group and right.kind in group for group in groups):
            hint = f'if a text is meant, put it in quotes: {left.text} {sign} "{right.text}"'
            raise self.error(
                right.at,
                f"{left.text} is {left.kind.value}, {right.text} is {right.kind.value}: they never compare",
                hint,
            )
        return Relate(left, sign, right)

    def _membership(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Term:
        if isinstance(right, ast.List | ast.Tuple):
            return self._one_of(self.field(left), right.elts, negated=negated)
        if _is_constant(right):
            raise self.error(right, "in needs a list or a text field on its right", f"e.g. {self.wording.membership}")
        found = self.field(right)
        part = left.value if isinstance(left, ast.Constant) else None
        if not isinstance(part, str):
            raise self.error(
                left, f"only a text in quotes can be looked for in {found.text}", f'e.g. "resnet" in {found.text}'
            )
        if found.kind not in (Kind.TEXT, Kind.PARAM):
            raise self.error(right, f"{found.text} is {found.kind.value}: no text is looked for in it")
        if len(part) > MAX_PART:
            raise self.error(left, f"the text is too long to look for: at most {MAX_PART:,} characters are allowed")
        return Contains(found, part, negated)

    def _one_of(self, found: Field, nodes: list[ast.expr], *, negated: bool) -> Term:
        values: list[Constant] = []
        terms: list[Term] = []
        for node in nodes:
            if not _is_constant(node):
                raise self.error(node, "a list may hold constants only", "compare fields with == and or")
            if _is_none(node):
                terms.append(Missing(found))
                continue
            term = self._constant_comparison(found, "==", node)
            if isinstance(term, Compare):
                values.append(term.value)
            else:
                terms.append(term)  # a day
        present = OneOf(found, tuple(values))
        if not terms:
            return OneOf(found, tuple(values), negated)
        if not negated:
            return Any((present, *terms))
        return All((Not(Missing(found)), OneOf(found, tuple(values), negated=True), *map(Not, terms)))


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
