"""Random filters and orders over random runs find what plain Python finds, on both databases.

The oracle knows nothing of the language's tree: every random filter is a text and a Python predicate, made together.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from examples import Example, Rows, as_float

SETTINGS = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KEYS = ["lr", "val/loss", "opt.lr", "a b", "lambda", "q\"'\\", "", "µ", "\udc80\x00\x10", "日本"]
WORDS = [
    "",
    "adam",
    "Adam",
    "ADAMW",
    "ä",
    "Äpfel",
    "0.1",
    "True",
    "a_b",
    "100%",
    "z\x00\x10\udcff",
    "日本",
    "\\",
    "'",
    '"',
]
NUMBERS = [0, 1, -1, 2, 0.1, 1e-3, 0.5, -0.0, 1.0, 2.5, math.inf, -math.inf, 1e308, 5e-324]
HUGE = [2**53, 2**53 + 1, -(2**53) - 1, 2**63, 2**64 + 1, 10**400, -(10**400), float(2**53), float(2**63)]
STATUSES = ["running", "finished", "failed", "interrupted", "killed", "lost"]
TIMES = [0, 1, 86_400_000_000, 1_700_000_000_123_456, 1_700_000_000_123_457]

number = st.sampled_from(NUMBERS)
value = st.one_of(number, st.sampled_from([*HUGE, math.nan, None]), st.sampled_from(WORDS), st.booleans())
points = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.5, -1.0]), st.sampled_from([*NUMBERS[:10], math.nan, math.inf])),
    min_size=1,
    max_size=4,
)
example = st.builds(
    Example,
    name=st.sampled_from(WORDS),
    experiment=st.sampled_from(WORDS),
    parent=st.sampled_from([None, "p1", "p2"]),
    status=st.sampled_from(STATUSES),
    started=st.sampled_from([None, *TIMES]),
    finished=st.sampled_from([None, *TIMES]),
    duration=st.sampled_from([None, 0.0, 2.5, 60.0, 5400.0]),
    attempt=st.integers(1, 3),
    host=st.sampled_from(["", "ä", "h1"]),
    params=st.dictionaries(st.sampled_from(KEYS), value, max_size=6),
    metrics=st.dictionaries(st.sampled_from(KEYS), points, max_size=6),
    tags=st.dictionaries(st.sampled_from(KEYS), st.sampled_from([None, *WORDS]), max_size=4),
)


class Operand(NamedTuple):
    text: str
    kind: str  # text, number, param, time, status
    get: Callable[[Example], Any]  # None: missing


class Filter(NamedTuple):
    text: str
    holds: Callable[[Example], bool]


def literal(constant: Any) -> str:
    if isinstance(constant, float) and math.isinf(constant):
        return "1e999" if constant > 0 else "-1e999"
    return repr(constant)


def statistic(name: str, series: list[tuple[float, float]] | None) -> Any:
    if series is None:
        return None
    finite = [(v, s) for s, v in series if math.isfinite(v)]
    least, most = (
        min(finite, key=lambda p: p[0], default=(None, None)),
        max(finite, key=lambda p: p[0], default=(None, None)),
    )
    return {
        "last": series[-1][1], "count": len(series), "first_step": series[0][0], "last_step": series[-1][0],
        "nan": sum(math.isnan(v) for _, v in series), "inf": sum(math.isinf(v) for _, v in series),
        "min": least[0], "step_of_min": least[1], "max": most[0], "step_of_max": most[1],
        "mean": math.fsum(v for v, _ in finite) / len(finite) if finite else None,
    }[name]  # fmt: skip


@st.composite
def operands(draw: st.DrawFn) -> Operand:
    kind = draw(st.sampled_from(["params", "metrics", "tags", "run"]))
    if kind == "run":
        name = draw(
            st.sampled_from(
                ["name", "experiment", "parent", "status", "started", "finished", "duration", "attempt", "host"]
            )
        )
        of = {"status": "status", "started": "time", "finished": "time", "duration": "number", "attempt": "number"}
        return Operand(name, of.get(name, "text"), operator.attrgetter(name))
    key = draw(st.sampled_from(KEYS))
    plain = key.isidentifier() and draw(st.booleans())
    text = f"{kind}.{key}" if plain else f"{kind}[{key!r}]"
    if kind == "metrics":
        name = draw(
            st.sampled_from(
                [
                    "",
                    "last",
                    "min",
                    "max",
                    "mean",
                    "count",
                    "nan",
                    "inf",
                    "first_step",
                    "last_step",
                    "step_of_min",
                    "step_of_max",
                ]
            )
        )
        return Operand(
            f"{text}.{name}" if name else text, "number", lambda run: statistic(name or "last", run.metrics.get(key))
        )
    return Operand(text, "param" if kind == "params" else "text", lambda run: getattr(run, kind).get(key))


def compare(a: Any, sign: str, b: Any) -> bool:
    """Two-valued, typed: what is missing or NaN is in no relation to anything."""
    if a is None or b is None or a != a or b != b:
        return False
    kinds = ["bool" if isinstance(v, bool) else "number" if isinstance(v, int | float) else "text" for v in (a, b)]
    if kinds[0] != kinds[1] or (kinds[0] == "bool" and sign not in ("==", "!=")):
        return sign == "!="
    if kinds[0] == "number" and sign not in ("==", "!="):
        a, b = as_float(a), as_float(b)
    return bool(COMPARE[sign](a, b))


def instant(microseconds: int) -> str:
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat()


@st.composite
def constants(draw: st.DrawFn, kind: str, *, ordered: bool = False) -> tuple[str, Any]:
    """Return the text of a constant and the value that it is compared as."""
    if kind == "time":
        at = draw(st.sampled_from(TIMES))
        return repr(instant(at)), at
    if kind == "status":
        word = draw(st.sampled_from(STATUSES))
        return repr(word), word
    if kind == "text":
        word = draw(st.sampled_from([*WORDS, "p1", "h1"]))
        return repr(word), word
    pool = st.one_of(number, st.sampled_from([5400, 60]))
    if kind == "param":
        pool = st.one_of(
            pool, st.sampled_from(HUGE), st.sampled_from([w for w in WORDS if "\x00" not in w] if ordered else WORDS)
        )
        if not ordered:
            pool = st.one_of(pool, st.booleans())
    found = draw(pool)
    return literal(found), found


@st.composite
def comparisons(draw: st.DrawFn) -> Filter:
    left = draw(operands())
    sign = draw(st.sampled_from(["==", "!="] if left.kind == "status" else list(COMPARE)))
    text, constant = draw(constants(left.kind, ordered=sign not in ("==", "!=")))
    assume(not (sign not in ("==", "!=") and "\x00" in str(constant)))
    if draw(st.booleans()):
        return Filter(f"{left.text} {sign} {text}", lambda run: compare(left.get(run), sign, constant))
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
    return Filter(f"{text} {mirrored} {left.text}", lambda run: compare(left.get(run), sign, constant))


@st.composite
def relations(draw: st.DrawFn) -> Filter:
    left, right = draw(operands()), draw(operands())
    sign = draw(st.sampled_from(list(COMPARE)))
    together = {left.kind, right.kind}
    assume(together in ({"text"}, {"param"}, {"number"}, {"time"}, {"text", "param"}, {"number", "param"})
           or (sign in ("==", "!=") and together in ({"status"}, {"status", "text"})))  # fmt: skip

    def holds(run: Example) -> bool:
        a, b = left.get(run), right.get(run)
        # Two params compare in double precision.
        a, b = (as_float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in (a, b))
        return compare(a, sign, b)

    return Filter(f"{left.text} {sign} {right.text}", holds)


@st.composite
def chains(draw: st.DrawFn) -> Filter:
    middle = draw(operands().filter(lambda o: o.kind in ("number", "param")))
    low, high = draw(number), draw(number)
    return Filter(
        f"{literal(low)} < {middle.text} <= {literal(high)}",
        lambda run: compare(middle.get(run), ">", low) and compare(middle.get(run), "<=", high),
    )


@st.composite
def memberships(draw: st.DrawFn) -> Filter:
    left = draw(operands())
    pairs = draw(st.lists(constants(left.kind), max_size=4))
    none, negated, square = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    texts = [*(text for text, _ in pairs), *(["None"] if none else [])]
    listed = f"[{', '.join(texts)}]" if square else f"({''.join(t + ', ' for t in texts)})"

    def holds(run: Example) -> bool:
        found = left.get(run)
        absent = missing(left, run)
        if negated:
            return (
                found is not None
                and found == found
                and not (none and absent)
                and not any(compare(found, "==", c) for _, c in pairs)
            )
        return any(compare(found, "==", c) for _, c in pairs) or (none and absent)

    return Filter(f"{left.text} {'not in' if negated else 'in'} {listed}", holds)


def missing(of: Operand, run: Example) -> bool:
    found = of.get(run)
    return found is None or (found == "" and of.text in ("name", "experiment", "parent", "host"))


@st.composite
def absences(draw: st.DrawFn) -> Filter:
    of = draw(operands())
    sign = draw(st.sampled_from(["is", "==", "is not", "!="]))
    return Filter(f"{of.text} {sign} None", lambda run: missing(of, run) != (sign in ("is not", "!=")))


@st.composite
def searches(draw: st.DrawFn) -> Filter:
    within = draw(operands().filter(lambda o: o.kind in ("text", "param")))
    part = draw(st.sampled_from([*WORDS, "DAM", "äP", "%", "_", "a", "\x00"]))
    negated = draw(st.booleans())

    def holds(run: Example) -> bool:
        found = within.get(run)
        return isinstance(found, str) and (part.lower() in found.lower()) != negated

    return Filter(f"{part!r} {'not in' if negated else 'in'} {within.text}", holds)


filters = st.recursive(
    st.one_of(comparisons(), relations(), chains(), memberships(), absences(), searches()),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: Filter(f"({p[0].text}) and ({p[1].text})", lambda r: p[0].holds(r) and p[1].holds(r))),
        st.tuples(inner, inner).map(lambda p: Filter(f"({p[0].text}) or ({p[1].text})", lambda r: p[0].holds(r) or p[1].holds(r))),
        inner.map(lambda f: Filter(f"not ({f.text})", lambda r: not f.holds(r))),
    ),
    max_leaves=5,
)  # fmt: skip


@SETTINGS
@given(runs=st.lists(example, max_size=5), asked=st.lists(filters, min_size=1, max_size=6))
def test_filters_agree_with_python(engine: Engine, runs: list[Example], asked: list[Filter]) -> None:
    with engine.connect() as connection:  # never committed
        rows = Rows(connection)
        rows.add(*runs)
        for each in asked:
            assert rows.find(each.text) == {run.id for run in runs if each.holds(run)}, each.text


def rank(found: Any, *, descending: bool) -> tuple[Any, ...]:
    """Return what makes Python sort like the index: numbers before texts, what is missing or NaN last."""
    if found is None or found != found:
        return (2, 0)
    if isinstance(found, str):
        return (1, (*(-ord(c) for c in found), 1) if descending else tuple(map(ord, found)))
    return (0, -as_float(found) if descending else as_float(found))


@SETTINGS
@given(runs=st.lists(example, max_size=8), fields=st.lists(st.tuples(operands(), st.booleans()), max_size=3))
def test_orders_agree_with_python(engine: Engine, runs: list[Example], fields: list[tuple[Operand, bool]]) -> None:
    # The escape character of a text that is stored escaped sorts as itself.
    assume(not any("\x00" in str(of.get(run)) for of, _ in fields for run in runs))
    with engine.connect() as connection:
        rows = Rows(connection)
        rows.add(*runs)
        text = ", ".join(("-" if descending else "") + of.text for of, descending in fields)
        expected = sorted(runs, key=lambda run: run.id, reverse=True)
        expected.sort(key=lambda run: [rank(of.get(run), descending=descending) for of, descending in fields])
        assert rows.sort(text) == [run.id for run in expected]
