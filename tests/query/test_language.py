"""What the filter language refuses, and how it says so."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from autotrack.errors import QueryError
from autotrack.query import compile_filter, compile_order
from autotrack.query.language import MAX_TERMS, parse_field, parse_filter
from autotrack.query.source import MAX_DEPTH, MAX_LENGTH, quote
from autotrack.query.tree import All
from examples import Example, Rows


def refusal(text: object) -> str:
    with pytest.raises(QueryError) as caught:
        compile_filter(text)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        # The caret is under the first character of `marked`.
        ('status == "finshed"', '"finshed"', ['did you mean "finished"', "interrupted", "lost"]),
        ('status in ["failed", "kiled"]', '"kiled"', ['did you mean "killed"']),
        ("statsu == 'failed'", "statsu", ["there is no field statsu", "did you mean status", "params.NAME"]),
        ("params.lr < 1 and lerning_rate < 1", "lerning_rate", ["params.lerning_rate", "metrics.lerning_rate"]),
        ('metrics["val/loss"].mni < 1', "mni", ["did you mean min", "step_of_max"]),
        ("metrics.loss == nan", "nan", ["metrics.loss.nan > 0"]),
        ("status == failed", "failed", ['status == "failed"']),
        ("name == started", "started", ["never compare", "in quotes"]),
        ("params < 3", "params", ["params of what", "params.lr"]),
        ("name.first == 'a'", "first", ["name has no parts"]),
        # Type clashes.
        ('metrics.loss == "abc"', '"abc"', ["metrics.loss is a number", "with a number"]),
        ('metrics.loss in [1, "abc"]', '"abc"', ["metrics.loss is a number"]),
        ("metrics.loss == True", "True", ["metrics.loss is a number"]),
        ("started < 3", "3", ["started is a time", "2026-11-01"]),
        ('started > "soon"', '"soon"', ["is not a time", "yesterday"]),
        ('started > "2026-13-01"', '"2026-13-01"', ["is not a time"]),
        ('duration < "long"', '"long"', ["is not a duration", "1h30m"]),
        ("status < 3", "3", ["status is a state"]),
        ('status < "failed"', "status", ["states have no order"]),
        ("params.flag < True", "True", ["neither less nor greater"]),
        ("params.flag > None", "None", ["neither less nor greater"]),
        ("tags.fold == 3", "3", ["tags.fold is text", '"3"']),
        ("metrics.loss < started", "started", ["never compare"]),
        ('"a" in started', "started", ["no text is looked for"]),
        ("3 in params.layers", "3", ["only a text in quotes"]),
        ("name in name", "name in", ["only a text in quotes"]),
        ('name in "abc"', '"abc"', ["a list or a text field"]),
        ("params.lr in [1, name]", "name", ["constants only"]),
        ("1 < 2", "1", ["two constants"]),
        ("params.lr", "params.lr", ["alone is no condition", "params.lr == True"]),
        ("name is 'a'", "'a'", ["only None", "=="]),
        ("params.lr == -True", "-True", ["only a number can have a sign"]),
        # Slips of other languages.
        ("metrics.loss = 3", "= 3", ["write =="]),
        ("params.a == 1 && params.b == 2", "&&", ["write and"]),
        ("params.a == 1 AND params.b == 2", "AND", ["write and"]),
        ("params.a == null", "null", ["write None"]),
        ("not params.a == true", "true", ["write True"]),
        ("name LIKE 'a'", "LIKE", ['"part" in name']),
        ("train/score > 0.9", "/", ['metrics["train/score"]']),
        ("metrics.loss.1 < 3", ".1", ["in brackets"]),
        ("params.lr + 1 < 3", "params.lr +", ["a field is needed"]),
        # Not whole.
        ("params.lr <", "", ["not a filter expression"]),
        ("params.lr < 1 params.C", "params.lr", ["not a filter expression"]),
        ("(params.lr < 1", "(", ["never closed"]),
        ("params.lr < 1)", ")", ["closes nothing"]),
        ("params['lr) < 1", "'lr", ["has no end"]),
        ('name == """a"""', '"a', ["two texts"]),
        (r'name == "C:\data"', r"\data", ["backslash"]),
        ("params[0] < 1", "0", ["a key is written in quotes"]),
        ("params[name] < 1", "name", ["a key is written in quotes"]),
        # Columns count characters, also of lines further down.
        ('"日本" in name and x < 1', "x", ["no field x"]),
        ('"́e" in name and x < 1', "x", ["no field x"]),
        ("params.lr < 1 and\n  x < 1", "x", ["no field x"]),
        ("params.lr < 1 and\r\n  x < 1", "x", ["no field x"]),
        ("x < 1\nand name == ''", "x", ["no field x"]),
    ],
)  # fmt: skip
def test_an_error_points_at_its_place_and_says_what_to_do(text: str, marked: str, words: list[str]) -> None:
    message = refusal(text)
    for word in words:
        assert word in message
    lines = message.split("\n")
    caret = next(i for i, line in enumerate(lines) if line.strip() == "^")
    at = len(text.rstrip()) if not marked else text.index(marked) if marked != "name" else text.rindex(marked)
    line = text[text.rfind("\n", 0, at) + 1 :].split("\n")[0]
    assert lines[caret - 1] == "  " + line.replace("\r", "\N{REPLACEMENT CHARACTER}")
    before = text[text.rfind("\n", 0, at) + 1 : at]
    wide, marks = sum(c in "日本" for c in before), before.count("́")
    assert lines[caret] == " " * (2 + len(before) + wide - marks) + "^"


CODE = [
    "__import__('os').system('touch {}')",
    "params.x < open('{}', 'w')",
    "(lambda: open('{}', 'w'))() == 1",
    "[open('{}', 'w') for x in [1]] == 1",
    "[x for x in params]",
    "(x := 3) < params.lr",
    'f\'{open("{}", "w")}\' in name',
    "().__class__.__bases__[0].__subclasses__()",
    '"a".upper() == name',
    '"a".__class__ == name',
    "params.__class__.__init__.__globals__()",
    "name if name else name",
    "await name",
    "(yield name)",
    "print(*params)",
    "{**params}",
    "params[name:1] == 2",
    "b'a' in name",
    "name @ name",
    "~params.x == 1",
    "... == params.x",
    "1j == params.x",
    "import os",
    "del params",
    "name == 'a'; name == 'b'",
    "name == 'a' # comment",
    "name == 'a' \\\n and name == 'b'",
    "params.lr < 1) or (params.lr < 2",
]


@pytest.mark.parametrize("text", CODE)
def test_code_is_refused_and_never_runs(text: str, tmp_path: object) -> None:
    mark = f"{tmp_path}/mark"
    message = refusal(text.replace("{}", mark))
    assert "^" in message
    import os

    assert not os.path.exists(mark)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 4_000 + "params.lr < 1" + ")" * 4_000,
        "[" * 9_999,
        "params" + '["a"' * 2_000,
        "not " * 2_499 + "x",
        "-" * 9_000 + "1 < params.lr",
        "- + " * 2_000 + "1 < params.lr",
        "not (" * 1_500 + "params.lr < 1" + ")" * 1_500,
        "params.lr " + "< 1 " * 2_400,
        "a()" * 3_000,
        "params" + ".a" * 4_990,
        "params" + '["a"]' * 1_990,
        " and ".join(["x<1"] * 1_200),
        " or ".join(["id<''"] * 1_000),
        "lambda:" * 1_400 + "0",
        "a if b else " * 800 + "c",
        "1" * 9_990 + "<params.lr",
        "params.lr < 1" + "0" * MAX_LENGTH,
        "x" * 1_000_000,
        "name == '" + "a" * MAX_LENGTH + "'",
        "'" + "\\" * 9_999,
        "0x" + "f" * 9_000 + " < metrics.loss.x.y",
        "𝕒" * 9_999,
        "\N{COMBINING ACUTE ACCENT}" * 9_999,
    ],
    ids=lambda text: f"{text[:12]}… {len(text)}",
)
def test_monsters_get_a_short_answer(text: str) -> None:
    try:
        compile_filter(text)
    except QueryError as error:
        assert len(str(error)) < 1_500  # some of them are fine


def test_monsters_do_no_harm_on_a_small_stack_near_the_recursion_limit() -> None:
    """In a process of its own: what the parser cannot bear would end it."""
    code = """
import sys, threading
from autotrack.errors import QueryError
from autotrack.query import compile_filter
texts = ["(" * 10_000, "params" + ".a" * 4_990 + " < 1", "-" * 9_000 + "1", "params" + '["a"]' * 1_990 + "<1", "not " * 18 + "params.lr < 1"]
def ask():
    for text in texts:
        try:
            compile_filter(text)
        except QueryError:
            pass
threading.stack_size(256 * 1024)
thread = threading.Thread(target=ask)
thread.start()
thread.join()
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def test_limits_are_where_they_are_said_to_be() -> None:
    nested = "(" * MAX_DEPTH + "params.lr < 1" + ")" * MAX_DEPTH
    compile_filter(nested)
    assert "nested too deeply" in refusal(f"({nested})")
    many = " or ".join(["id<''"] * MAX_TERMS)
    compile_filter(many)
    assert f"at most {MAX_TERMS}" in refusal(f"{many} or id<''")
    long = "id == '" + "a" * (MAX_LENGTH - 8) + "'"
    compile_filter(long)
    assert f"at most {MAX_LENGTH:,}" in refusal(long + " ")


@pytest.mark.parametrize("text", [None, 3, b"params.lr < 1", ["params.lr < 1"], True])
def test_only_text_is_a_filter(text: object) -> None:
    assert f"not {type(text).__name__}" in refusal(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_the_empty_filter_asks_nothing(text: str) -> None:
    assert parse_filter(text) == All(())


@pytest.mark.parametrize(
    ("character", "written"), [("\0", r'"\u0000"'), ("\udc80", r'"\udc80"'), ("\ud83d", r'"\ud83d"')]
)
def test_characters_that_nobody_can_hold_are_named(character: str, written: str) -> None:
    message = refusal(f"name == 'a{character}'")
    assert written in message
    message.encode()  # can be printed


def test_an_error_sends_nothing_to_the_terminal_but_text() -> None:
    message = refusal("name == '\x1b[2J\x07\x9b' and x < 1")
    assert all(c.isprintable() or c == "\n" for c in message)


def test_of_a_long_query_only_the_place_is_shown() -> None:
    message = refusal("params.a < 1 and " * 200 + "x < 1 and " + "params.b < 1 and " * 50 + "name == ''")
    shown, caret = message.split("\n")[1:3]
    assert shown[len(caret) - 1] == "x"
    assert shown.strip()[0] == shown[-1] == "…"
    assert len(shown) < 120


TOKENS = ["params", "metrics", ".loss", ".min", '["a"]', "'x", '"', "\\", "(", ")", "[", "]", "1", "0x", "1e", "1_", "07", "9" * 5000,
          " is ", " in ", "not ", " and ", "<", "==", "=", "-", "!", ":", ",", "lambda ", "if ", "f'", "r'\\d'", "b''", "\n", "\r", "\f", "\t",
          "\\N{x}", "'\\400'", "'\\U00110000'", "1if", "0or", "\0", "\udc80", "µ", "ﬁ", "²", "…", "\u2028", "#", ";", "True", "None", "__debug__"]  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(
        st.lists(st.sampled_from(TOKENS), max_size=12).map("".join),
        st.text(max_size=40),
        st.text("()[]'\"\\.,<>=! anotrmeics1", max_size=60),
    )
)
def test_any_text_is_a_filter_or_a_query_error(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would be a SyntaxError of Python's
        try:
            condition = compile_filter(text)
        except QueryError as error:
            assert "\n  " in str(error)
            str(error).encode()
        else:
            for dialect in (sqlite.dialect(), postgresql.dialect()):
                assert str(condition.compile(dialect=dialect))


def test_no_warning_of_the_parser_leaks() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for text in [
            "name is 'a'",
            r"name == '\d'",
            "params.x == 1or params.y == 1",
            "name == '\\400'",
            "1 is params.x",
        ]:
            refusal(text)
    assert seen == []


def test_constants_never_become_sql() -> None:
    condition = compile_filter(
        "name == 'x; DROP TABLE runs; --' and params[\"k'\"] == 7.25 and 'evil%' in tags['t\"'] and status != 'lost'"
    )
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        sql = str(condition.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}))
        for word in ("DROP", "k'", "7.25", "evil", 't"', "lost"):
            assert word not in sql


@pytest.mark.parametrize(
    ("text", "keys", "statistic"),
    [
        ("metrics.loss", ("loss",), "last"),
        ("metrics.loss.min", ("loss",), "min"),
        ("metrics.min", ("min",), "last"),
        ("metrics.min.min", ("min",), "min"),
        ("metrics.val.loss.max", ("val.loss", "val/loss"), "max"),
        ('metrics["val/loss"].step_of_min', ("val/loss",), "step_of_min"),
        ('metrics["val/loss.min"]', ("val/loss.min",), "last"),
        ('metrics["min"]["max"]', ("min.max", "min/max"), "last"),
        ("params.opt.lr", ("opt.lr", "opt/lr"), ""),
        ('params["opt"].lr', ("opt.lr", "opt/lr"), ""),
        ("params.min", ("min",), ""),
        ("params.lambda", ("lambda",), ""),
        ("params.class.from.in", ("class.from.in", "class/from/in"), ""),
        ("params.None", ("None",), ""),
        ("params.µ", ("µ",), ""),  # U+00B5: Python would make U+03BC of it
        ("params.ﬁt", ("ﬁt",), ""),
        (" ( params\n. lr )", ("lr",), ""),
        ('tags[""]', ("",), ""),
        (r'params["\udc80\x00"]', ("\udc80\x00",), ""),
        ('params["a" "b"]', ("ab",), ""),
    ],
)
def test_a_field_is_named_by_key_and_statistic(text: str, keys: tuple[str, ...], statistic: str) -> None:
    if text == 'params["a" "b"]':
        found = parse_field(text)
        assert found.keys == keys
        return
    found = parse_field(text)
    assert (found.keys, found.name) == (keys, statistic)


@given(st.text())
def test_any_key_can_be_written(key: str) -> None:
    assert parse_field(f"params[{quote(key)}]").keys == (key,)
    assert parse_field(f"params[{key!r}]").keys == (key,)
    assert quote(key).isprintable()


def test_not_binds_stronger_than_and_and_stronger_than_or(rows: Rows) -> None:
    for name in ("", "a", "b", "ab", "c", "bc"):
        rows.add(Example(name=name, params=dict.fromkeys(name, True)))
    assert rows.names("params.c == True or params.a == True and params.b == True") == ["ab", "bc", "c"]
    assert rows.names("not params.a == True and params.b == True") == ["b", "bc"]
    assert rows.names("not (params.a == True and params.b == True)") == ["", "a", "b", "bc", "c"]


@pytest.mark.parametrize(
    "order",
    [
        "-",
        ",",
        "params.lr,",
        "-- params.lr",
        "loss",
        "params.lr < 1",
        "f()",
        "params",
        "(" * 5_000,
        "'",
        "\0",
        "x/",
        ["a", 3],
        3,
        None,
        b"name",
        "started desc",
    ],
)
def test_what_is_no_order_is_refused(order: object) -> None:
    with pytest.raises(QueryError) as caught:
        compile_order(order)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 1_500


def test_an_order_has_a_limit_too() -> None:
    compile_order(["name"] * 20)
    with pytest.raises(QueryError, match="at most 20"):
        compile_order(",".join(["name"] * 21))


def test_threads_may_compile_at_once() -> None:
    texts = [f'params.p{i} < {i} and metrics["m/{i}"].min > 1' for i in range(40)]
    expected = [str(compile_filter(text)) for text in texts]
    wrong: list[str] = []

    def compile_all(seed: int) -> None:
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        wrong.extend(texts[i] for i in order if str(compile_filter(texts[i])) != expected[i])

    threads = [threading.Thread(target=compile_all, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
