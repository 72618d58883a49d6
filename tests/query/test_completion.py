"""What is offered while a filter is being typed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrack.query import compile_filter
from autotrack.query.completion import complete
from autotrack.query.fields import COLLECTIONS, RUN_FIELDS, STATES, STATISTICS

KEYS = {
    "params": ["lr", "opt.lr", "lambda", "Loss"],
    "metrics": ["loss", "val/loss", "train/score", 'q"'],
    "tags": ["owner", "a b"],
}
FIELDS = [*RUN_FIELDS, *COLLECTIONS]


def after(text: str, cursor: int | None = None) -> list[str]:
    """Return the query after each completion at its end (or at the cursor)."""
    at = len(text) if cursor is None else cursor
    return [text[: c.begin] + c.text + text[c.end :] for c in complete(text, at, KEYS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [*FIELDS, "not"]),
        ("na", ["name"]),
        ("me", ["metrics", "name", "experiment"]),
        ("params.l", ["params.lambda", "params.lr", "params.Loss", "params.opt.lr"]),
        ("params.opt.", ["params.opt.lr"]),
        ("metrics.lo", ["metrics.loss", 'metrics["val/loss"]']),
        ("metrics.t", ['metrics["train/score"]']),
        ('metrics["va', ['metrics["val/loss"]']),
        ("metrics['q", [r'metrics["q\""]']),
        ("metrics.loss.me", ["metrics.loss.mean"]),
        ('metrics["val/loss"].', [f'metrics["val/loss"].{name}' for name in STATISTICS]),
        ("params.lr.m", []),
        ("tags.", ['tags["a b"]', "tags.owner"]),
        ("status == ", [f'status == "{state}"' for state in STATES]),
        ('status == "fi', ['status == "finished"']),
        ('status in ["failed", "k', ['status in ["failed", "killed"']),
        ('name == "', []),
        ("params.lr < 1 ", ["params.lr < 1 and", "params.lr < 1 or"]),
        ("params.lr < 1 and dur", ["params.lr < 1 and duration"]),
        ("name is ", ["name is None"]),
        ("name is not ", ["name is not None"]),
        ("name is None ", ["name is None and", "name is None or"]),
        ("(params.lr < 1) ", ["(params.lr < 1) and", "(params.lr < 1) or"]),
        ("params.lr < at", ["params.lr < attempt", "params.lr < status", "params.lr < duration"]),
        ("name.", []),
        ("nosuch.", []),
    ],
)
def test_completions(text: str, expected: list[str]) -> None:
    found = after(text)
    assert sorted(found) == sorted(expected) if text == "params.l" else found == expected


def test_operators_follow_a_field() -> None:
    offered = {c.text for c in complete("params.lr ", 10, KEYS)}
    assert offered >= {"<", "==", "in", "is None"}
    for operator in offered - {"in", "not in", "is None", "is not None"}:
        compile_filter(f"params.lr {operator} 1")
    for operator in ("is None", "is not None"):
        compile_filter(f"params.lr {operator}")
    for operator in ("in", "not in"):
        compile_filter(f"params.lr {operator} [1]")


def test_only_what_is_before_the_cursor_counts() -> None:
    assert after("sta < 1", 3)[0] == "status < 1"
    assert after('metrics["va"] < 1', 11)[0].startswith('metrics["val/loss"]')


@given(st.dictionaries(st.sampled_from(["params", "metrics", "tags"]), st.lists(st.text(min_size=1), max_size=4)))
def test_every_offered_key_is_understood_as_that_key(keys: dict[str, list[str]]) -> None:
    from autotrack.query.language import parse_field

    for home, known in keys.items():
        text = f"{home}."
        found = [text[: c.begin] + c.text + text[c.end :] for c in complete(text, len(text), keys)]
        assert sorted({parse_field(f).keys[0] for f in found}) == sorted(set(known))
        assert all(parse_field(f).name in ("", "last") for f in found)


PIECES = [
    "params",
    "metrics",
    ".",
    "[",
    '"',
    "'",
    "a",
    "val/loss",
    "]",
    "(",
    ")",
    " ",
    "==",
    "status",
    "in",
    "not ",
    "is",
    ",",
    "\\",
    "\0",
    "\udc80",
    "1",
    "and",
    "\n",
]


@settings(max_examples=500)
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=10).map("".join), st.text()), st.integers(-5, 60))
def test_any_text_can_be_completed(text: str, cursor: int) -> None:
    for completion in complete(text, cursor, KEYS):
        assert 0 <= completion.begin <= completion.end <= max(0, min(cursor, len(text)))
        assert completion.text


def test_a_filter_can_be_written_with_first_completions_alone() -> None:
    text = ""
    for typed in ["metr", ".va", ".mi", " < 0.3", " an", " stat", " == ", '"fi']:
        offered = after(text + typed) if typed.strip()[-1:].isalpha() else []
        text = offered[0] if offered else text + typed
    assert text == 'metrics["val/loss"].min < 0.3 and status == "finished"'
    compile_filter(text)
