"""Filters and orders over rows in memory find what plain Python finds; errors point at the place."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrack.errors import QueryError
from autotrack.journal.values import Opaque
from autotrack.query.rows import matching, ordered

COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NAMES = ["param_C", "class", "odd name", "q\"'\\", "split0/score", "in", "columns", "µ", ""]
WORDS = ["", "rbf", "RBF", "ä", "Äpfel", "0.1", "None", "\\", "'", '"', "日本"]
NUMBERS = [0, 1, -1, 0.1, 0.5, -0.0, 2.5, math.inf, -math.inf, 1e308, 2**53, 2**53 + 1, 10**400]

constant = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.booleans())
cell = st.one_of(constant, st.sampled_from([math.nan, None, Opaque("RBF(1)", "m.RBF"), (1, 2), ["rbf", 1], {"a": 0.1}]))
tables = st.integers(0, 6).flatmap(
    lambda count: st.fixed_dictionaries({name: st.lists(cell, min_size=count, max_size=count) for name in NAMES})
)


class Filter(NamedTuple):
    text: str
    holds: Callable[[dict[str, Any]], bool]


def spelled(name: str) -> str:
    return name if name.isidentifier() and name != "in" else f"columns[{name!r}]"


def literal(value: Any) -> str:
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)


def family(value: Any) -> str:
    for kind, name in ((bool, "bool"), ((int, float), "number"), (str, "text")):
        if isinstance(value, kind):
            return name
    return "other"


def compare(a: Any, sign: str, b: Any) -> bool:
    """Two-valued, typed: what is missing or NaN is in no relation to anything."""
    if a is None or b is None or a != a or b != b:
        return False
    if family(a) != family(b) or family(a) == "other" or (family(a) == "bool" and sign not in ("==", "!=")):
        return sign == "!="
    return bool(COMPARE[sign](a, b))


names = st.sampled_from(NAMES)


@st.composite
def comparisons(draw: st.DrawFn) -> Filter:
    name, sign, value = draw(names), draw(st.sampled_from(list(COMPARE))), draw(constant)
    if isinstance(value, bool) and sign not in ("==", "!="):
        sign = "=="
    if draw(st.booleans()):
        return Filter(f"{spelled(name)} {sign} {literal(value)}", lambda row: compare(row[name], sign, value))
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
    return Filter(f"{literal(value)} {mirrored} {spelled(name)}", lambda row: compare(row[name], sign, value))


@st.composite
def relations(draw: st.DrawFn) -> Filter:
    left, right, sign = draw(names), draw(names), draw(st.sampled_from(list(COMPARE)))
    text = f"{spelled(left)} {sign} {spelled(right)}"
    return Filter(text, lambda row: compare(row[left], sign, row[right]))


@st.composite
def memberships(draw: st.DrawFn) -> Filter:
    name, values, negated, none = (
        draw(names),
        draw(st.lists(constant, max_size=3)),
        draw(st.booleans()),
        draw(st.booleans()),
    )
    listed = ", ".join([*map(literal, values), *(["None"] if none else [])])

    def holds(row: dict[str, Any]) -> bool:
        found = row[name]
        equal = any(compare(found, "==", value) for value in values)
        if negated:
            return found is not None and found == found and not equal
        return equal or (none and found is None)

    return Filter(f"{spelled(name)} {'not in' if negated else 'in'} [{listed}]", holds)


@st.composite
def searches(draw: st.DrawFn) -> Filter:
    name, part, negated = draw(names), draw(st.sampled_from(["", "rb", "ä", "0.1", "日"])), draw(st.booleans())
    shown = {(1, 2): '{"$tuple":[1,2]}'}

    def holds(row: dict[str, Any]) -> bool:
        found = row[name]
        if isinstance(found, (list, dict)):
            found = {list: '["rbf",1]', dict: '{"a":0.1}'}[type(found)]
        elif isinstance(found, tuple):
            found = shown[found]
        return isinstance(found, str) and (part.lower() in found.lower()) != negated

    return Filter(f"{part!r} {'not in' if negated else 'in'} {spelled(name)}", holds)


absences = st.tuples(names, st.sampled_from(["is", "==", "is not", "!="])).map(
    lambda p: Filter(f"{spelled(p[0])} {p[1]} None", lambda row: (row[p[0]] is None) == (p[1] in ("is", "==")))
)
filters = st.recursive(
    st.one_of(comparisons(), relations(), memberships(), searches(), absences),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: Filter(f"({p[0].text}) and ({p[1].text})", lambda r: p[0].holds(r) and p[1].holds(r))),
        st.tuples(inner, inner).map(lambda p: Filter(f"({p[0].text}) or ({p[1].text})", lambda r: p[0].holds(r) or p[1].holds(r))),
        inner.map(lambda f: Filter(f"not ({f.text})", lambda r: not f.holds(r))),
    ),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(columns=tables, asked=filters)
def test_filters_agree_with_python(columns: dict[str, list[Any]], asked: Filter) -> None:
    count = len(columns["class"])
    rows = [{name: cells[at] for name, cells in columns.items()} for at in range(count)]
    assert matching(asked.text, columns, count) == [at for at, row in enumerate(rows) if asked.holds(row)], asked.text


def rank(found: Any, *, descending: bool) -> tuple[Any, ...]:
    if found is None or found != found:
        return (2, 0)
    if isinstance(found, str):
        return (1, (*(-ord(c) for c in found), 1) if descending else tuple(map(ord, found)))
    return (0, -found if descending else found)


@settings(max_examples=200, deadline=None)
@given(
    cells=st.lists(st.tuples(*[st.one_of(constant, st.sampled_from([math.nan, None]))] * 2), max_size=8),
    directions=st.tuples(st.booleans(), st.booleans()),
)
def test_orders_agree_with_python(cells: list[tuple[Any, Any]], directions: tuple[bool, bool]) -> None:
    columns = {"a": [a for a, _ in cells], "b c": [b for _, b in cells]}
    text = f"{'-' * directions[0]}a, {'-' * directions[1]}columns['b c']"
    expected = sorted(
        range(len(cells)),
        key=lambda at: [rank(cells[at][i], descending=descending) for i, descending in enumerate(directions)],
    )
    assert ordered(text, columns, len(cells)) == expected


def test_a_name_as_it_is_sorts() -> None:
    columns = {"a, b": [2, 1], "-x": [1, 2], "x": [1, 2], "train/score": [1, 2]}
    assert ordered("a, b", columns, 2) == [1, 0]
    assert ordered("-a, b", columns, 2) == [0, 1]
    assert ordered("-x", columns, 2) == [0, 1], "a column of that name, not the other one descending"
    assert ordered("-train/score", columns, 2) == [1, 0]
    assert ordered("", columns, 2) == ordered(" ", columns, 2) == [0, 1]


def test_an_empty_filter_finds_all() -> None:
    assert matching("", {"a": [1, 2]}, 2) == [0, 1]


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("param_D > 1", 0, "there is no column param_D"),
        ("param_D > 1", 0, 'did you mean param_C, or the text "param_D"? known: param_C, class, columns["odd name"]'),
        ("c > 1", 0, 'did you mean param_C, or the text "c"?'),
        ('param_C > 1 and columns["odd nam"] == 1', 24, 'did you mean columns["odd name"], or'),
        ("param_C == rbf", 11, 'the text "rbf"'),
        ("param_C", 0, "param_C alone is no condition"),
        ("open('x')", 0, "cannot call anything"),
        ("__import__('os').system('x') == 1", 0, "cannot call anything"),
        ("param_C % 2 == 1", 8, 'columns["train/score"]'),
        ("lambda > 1", 0, "lambda is not part of the filter language"),
        ("param_C >", 9, "e.g. param_C > 0.9"),
        ("1 < 2", 0, "one side must be a field; known: param_C"),
        ("columns[0] > 1", 8, 'e.g. columns["odd name"]'),
        ("param_C > True", 10, "neither less nor greater"),
    ],
)
def test_errors_point_at_the_place(text: str, at: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        matching(text, {"param_C": [1], "class": ["a"], "odd name": [2]}, 1)
    lines = str(caught.value).split("\n")
    assert message in str(caught.value)
    assert lines[2] == " " * (at + 2) + "^"


def test_what_is_known_is_counted() -> None:
    with pytest.raises(QueryError, match=r"\(8 of 30\)"):
        matching("x > 1", {f"column{i}": [] for i in range(30)}, 0)
    with pytest.raises(QueryError, match="has no columns"):
        matching("x > 1", {}, 0)


@pytest.mark.parametrize("order", ["scor", "-scor", "score, scor", "a b", "-", "score, "])
def test_orders_that_are_none(order: str) -> None:
    with pytest.raises(QueryError):
        ordered(order, {"score": [1, 2]}, 2)


def test_what_is_no_text() -> None:
    with pytest.raises(QueryError, match="not int"):
        matching(1, {"a": [1]}, 1)
    with pytest.raises(QueryError, match="not list"):
        ordered(["a"], {"a": [1]}, 1)
