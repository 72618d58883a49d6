"""What the databases could stumble over, and rules that are easier told one by one."""

from __future__ import annotations

import math
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from autotrack.errors import QueryError
from autotrack.journal.text import escape
from autotrack.journal.values import Opaque
from autotrack.query import compile_filter, compile_order
from autotrack.query.language import MAX_PART, MAX_TERMS
from autotrack.query.source import MAX_DEPTH, quote
from autotrack.store import schema
from examples import Example, Rows


def test_missing_makes_comparisons_false_and_not_plain_negation(rows: Rows) -> None:
    rows.add(
        Example(name="low", metrics={"loss": [(0, 0.1)]}),
        Example(name="high", metrics={"loss": [(0, 0.9)]}),
        Example(name="nan", metrics={"loss": [(0, math.nan)]}),
        Example(name="none"),
    )
    assert rows.names("metrics.loss < 0.3") == ["low"]
    assert rows.names("metrics.loss >= 0.3") == ["high"]
    assert rows.names("not metrics.loss < 0.3") == ["high", "nan", "none"]
    assert rows.names("metrics.loss != 0.1") == ["high"]
    assert rows.names("metrics.loss is None") == ["none"]
    assert rows.names("metrics.loss.min is None") == ["nan", "none"]
    assert rows.names("metrics.loss.nan > 0") == ["nan"]
    assert rows.names("metrics.loss is not None and not metrics.loss < 0.3") == ["high", "nan"]
    assert rows.sort("metrics.loss")[:2] == rows.sort("-metrics.loss")[1::-1]


def test_params_keep_their_types(rows: Rows) -> None:
    values: dict[str, Any] = {
        "int": 1, "float": 1.0, "bool": True, "text": "1", "null": None, "list": [1, "relu"], "opaque": Opaque("1", "a.B"), "nan": math.nan,
    }  # fmt: skip
    rows.add(*(Example(name=name, params={"x": value}) for name, value in values.items()))
    rows.add(Example(name="without"))
    assert rows.names("params.x == 1") == ["float", "int"]
    assert rows.names("params.x == True") == ["bool"]
    assert rows.names('params.x == "1"') == ["opaque", "text"]
    assert rows.names("params.x < 2") == ["float", "int"]
    assert rows.names("params.x != 1") == ["bool", "list", "opaque", "text"]
    assert rows.names("params.x is None") == ["null", "without"]
    assert rows.names('"RELU" in params.x') == ["list"]
    assert rows.names('params.x in [True, "1"]') == ["bool", "opaque", "text"]


def test_both_spellings_of_a_nested_key(rows: Rows) -> None:
    rows.add(
        Example(name="dot", params={"opt.lr": 1}),
        Example(name="slash", params={"opt/lr": 2}),
        Example(name="both", params={"opt.lr": 3, "opt/lr": 0}),
        Example(name="neither", params={"opt": 1, "lr": 1}),
    )
    assert rows.names("params.opt.lr > 0") == ["both", "dot", "slash"]
    assert rows.names('params["opt.lr"] > 0') == ["both", "dot"]
    assert rows.names("params.opt.lr is None") == ["neither"]
    assert [rows.names(f"id == '{uid}'")[0] for uid in rows.sort("-params.opt.lr")] == [
        "both",
        "slash",
        "dot",
        "neither",
    ]


@pytest.mark.parametrize(
    "number", [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**400, -(2**53) - 1, -(2**63), -(2**63) - 1, -(10**400)]
)
def test_large_integers_are_told_apart(rows: Rows, number: int) -> None:
    for near in (number - 1, number, number + 1):
        rows.add(Example(name=str(near), params={"seed": near}))
    rows.add(Example(name="0", params={"seed": 0}), Example(name="1e999", params={"seed": math.inf}))
    assert rows.names(f"params.seed == {number}") == [str(number)]
    assert str(number) not in rows.names(f"params.seed != {number}")
    assert rows.names(f"params.seed in [{number}, 0]") == sorted([str(number), "0"])
    assert rows.names("params.seed == 1e999") == ["1e999"]
    assert rows.names(f"params.seed < {number - 10**390 if number < -(2**70) else -(10**401)}") == []


def test_a_leaf_of_a_nested_value_equals_a_large_integer_as_closely_as_it_is_known(rows: Rows) -> None:
    rows.add(Example(name="nested"))
    run = rows.connection.scalars(select(schema.runs.c.id)).one()
    leaf = {
        "run": run,
        "key": rows.key("opt/seed"),
        "kind": "int",
        "number": float(2**60),
        "value": None,
        "leaf": True,
        "clock": 1,
        "segment": 1,
        "offset": 1,
    }
    rows.connection.execute(insert(schema.params), leaf)
    assert rows.names(f"params.opt.seed == {2**60}") == ["nested"]
    assert rows.names(f"params.opt.seed == {2**61}") == []
    assert rows.names(f"params.opt.seed != {2**61}") == ["nested"]


@pytest.mark.parametrize(
    "number", ["9" * 4_000, "-" + "9" * 4_000, "1e999", "-1e999", "1e-999", "0x" + "f" * 300, "18446744073709551616"]
)
@pytest.mark.parametrize(
    "field",
    ["metrics.m", "metrics.m.mean", "metrics.m.count", "metrics.m.last_step", "params.p", "attempt", "duration"],
)
def test_no_number_is_too_large_for_a_driver(rows: Rows, field: str, number: str) -> None:
    rows.add(Example(name="run", metrics={"m": [(1, 1)]}, params={"p": 1}, attempt=1, duration=1))
    expected = ["run"] if number.startswith("-") or number == "1e-999" else []
    assert rows.names(f"{field} > {number}") == expected
    assert rows.names(f"{field} == {number}") == []
    assert rows.names(f"{field} in [{number}]") == []


def test_a_mean_of_the_smallest_numbers_is_no_error(rows: Rows) -> None:
    rows.add(
        Example(name="tiny", metrics={"m": [(0, 5e-324), (1, 0.0)]}),
        Example(name="minus", metrics={"m": [(0, -5e-324), (1, 0.0), (2, 0.0)]}),
        Example(name="inf", metrics={"m": [(0, math.inf)]}),
        Example(name="mid", metrics={"m": [(0, 1), (1, 4), (2, math.nan), (3, math.inf)]}),
    )
    assert rows.names("metrics.m.mean > 0") == ["mid", "tiny"]
    assert rows.names("metrics.m.mean < 0") == ["minus"]
    assert rows.names("metrics.m.mean == 2.5") == ["mid"]
    assert rows.names("metrics.m.mean is None") == ["inf"]
    assert rows.names("metrics.m == 1e999") == ["inf", "mid"]


TEXTS = [
    "",
    " ",
    "a'b",
    'a"b',
    "a\\b",
    "a%b",
    "a_b",
    "\x00",
    "\x10",
    "\x100000",
    "\udc80",
    "\ud83d",
    "\n",
    "日本",
    "e\u0301",
    "é",
    "\U0001f600",
    "x" * 9_000,
    "--",
    ";",
    ":p",
    "%(p)s",
    "?",
    "$1",
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_any_text_is_found_as_key_and_value_and_nothing_else_is(rows: Rows, text: str) -> None:
    others = [t for t in TEXTS if t != text]
    rows.add(Example(name=text, params={text: text}, tags={text: text}, metrics={text: [(0, 1)]}))
    rows.add(*(Example(name=t, params={t: t}, tags={"k": t}) for t in others))
    wanted = [escape(text)]
    literal = quote(text)
    for question in (
        f"name == {literal}",
        f"params[{literal}] == {literal}",
        f"metrics[{literal}] == 1",
        f"tags[{literal}] in [{literal}]",
    ):
        if len(question) < 10_000:
            assert rows.names(question) == wanted
    if len(text) < MAX_PART:
        assert wanted[0] in rows.names(f"{literal} in name")
        assert wanted[0] not in rows.names(f"{literal} not in name")


@pytest.mark.parametrize(
    ("part", "text", "found"),
    [
        ("resnet", "my-ResNet50", True),
        ("ÄPFEL", "zwei äpfel", True),
        ("äpfel", "zwei ÄPFEL", True),
        ("ПРИВЕТ", "привет", True),
        ("привет", "ПРИВЕТ", True),
        ("σ", "ΟΔΟΣ", True),
        ("straße", "STRASSE", False),  # one letter for one
        ("İ", "i", False),
        ("a%", "abc", False),
        ("a_c", "abc", False),
        ("a*c", "abc", False),
        ("a?c", "abc", False),
        ("[b]", "abc", False),
        ("a*?[]%_/c", "A*?[]%_/C", True),
        ("[Ä^-]", "[ä^-]", True),
        ("\\", "a\\b", True),
        ("/", "a/b", True),
        ("", "", True),
    ],
)
def test_a_part_is_found_whatever_the_case(rows: Rows, part: str, text: str, found: bool) -> None:
    rows.add(Example(name=text, params={"p": text}, tags={"t": text}))
    for field in ("name", "params.p", "tags.t"):
        assert bool(rows.find(f"{quote(part)} in {field}")) is found
        assert bool(rows.find(f"{quote(part)} not in {field}")) is not found


def test_texts_compare_and_sort_by_code_point_everywhere(rows: Rows) -> None:
    words = ["B", "a", "a b", "ab", "Ä", "z", "ä", "日"]
    rows.add(*(Example(id=f"{i:026}", name=word, params={"p": word}, tags={"t": word}) for i, word in enumerate(words)))
    for field in ("name", "params.p", "tags.t"):
        assert rows.sort(field) == [f"{words.index(w):026}" for w in sorted(words)]
        assert rows.names(f'{field} > "a b"') == sorted(w for w in words if w > "a b")
        assert rows.names(f'{field} <= "Z"') == ["B"]


def test_runs_that_are_equal_come_newest_first(rows: Rows) -> None:
    ids = [f"01{i:024}" for i in range(5)]
    rows.add(*(Example(id=uid, started=7) for uid in reversed(ids)))
    for order in ("", [], "started", "-started", "metrics.nope", ["-params.x", "tags.y"]):
        assert rows.sort(order) == ids[::-1]
    assert rows.sort("id") == ids


def test_missing_and_nan_come_last_in_both_directions(rows: Rows) -> None:
    rows.add(
        Example(id="1", params={"x": 2}, metrics={"a/b": [(0, 2.0)]}),
        Example(id="2", params={"x": math.nan}, metrics={"a/b": [(0, math.nan)]}),
        Example(id="3", params={"x": None}),
        Example(id="4", params={"x": 1}, metrics={"a/b": [(0, math.inf)]}),
        Example(id="5", params={"x": "text"}, metrics={"a/b": [(0, -math.inf)]}),
    )
    assert rows.sort("params.x") == ["4", "1", "5", "3", "2"]
    assert rows.sort("-params.x") == ["1", "4", "5", "3", "2"]
    assert rows.sort("a/b") == ["5", "1", "4", "3", "2"]
    assert rows.sort("-a/b") == rows.sort('-metrics["a/b"]') == ["4", "1", "5", "3", "2"]
    assert rows.sort(["a/b", "id"]) == rows.sort("a/b, id") == ["5", "1", "4", "2", "3"]


def test_the_largest_queries_run(rows: Rows) -> None:
    rows.add(Example(name="run", params={"p": 0.5, "one": 1}, metrics={"m": [(0, 1)]}, tags={"t": "x"}))
    many = [f"params.p < {i + 1}" for i in range(MAX_TERMS)]
    assert rows.names(" and ".join(many)) == ["run"]
    assert rows.names(" or ".join(["tags.t < 'a'"] * (MAX_TERMS - 1) + ["metrics.m == 1"])) == ["run"]
    assert rows.names("params.p < 1" + " > params.p < 1" * 140) == ["run"]
    for level in (
        "not ({})",
        "(params.p > 1 or ({}))",
        "params.p < 1 and ({})",
        "not params.p > 1 and ({})",
        "params.p > 1 or not ({})",
    ):
        deep = "metrics.m.mean == params.one"
        while deep.count("(") + deep.count("not (") < MAX_DEPTH - 3:
            deep = level.format(deep)
        assert sorted([rows.names(deep), rows.names(f"not ({deep})")]) == [[], ["run"]]
    assert rows.names(f"params.p in [{', '.join(['1'] * 3_000)}, 0.5]") == ["run"]
    letters = "".join(chr(0x10428 + i % 40) for i in range(MAX_PART))  # Deseret: two cases of four bytes
    rows.add(Example(name=letters.upper()))
    assert rows.names(f"'{letters}' in name") == [letters.upper()]
    assert rows.sort(["params.p", "-metrics.m.mean"] * 10)


def test_a_part_that_is_too_long_is_refused_before_the_database_does() -> None:
    with pytest.raises(QueryError, match="at most 4,000"):
        compile_filter(f"'{'a' * (MAX_PART + 1)}' in name")


def test_ten_thousand_runs_are_found_by_index(engine: Engine) -> None:
    """The rows of a run are looked up by run and key, not searched."""
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by statistics, which an empty table has not")
    query = (
        select(schema.runs.c.id)
        .where(compile_filter("metrics.a.min < 1 and params.b == 'x' and tags.c == 'y'"))
        .order_by(*compile_order("-a/b"))
    )
    with engine.connect() as connection:
        compiled = query.compile(engine, compile_kwargs={"render_postcompile": True})
        arguments = tuple(compiled.params[name] for name in compiled.positiontup or ())
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", arguments)]
    searched = [step for step in plan if step.startswith("SEARCH") and "keys" not in step]
    assert len(searched) == 4
    assert all("(run=? AND key=?)" in step for step in searched)
    assert sum(step.startswith("SCAN runs") for step in plan) == sum(step.startswith("SCAN") for step in plan) == 1
