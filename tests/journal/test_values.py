"""Param values keep their types, texts their characters."""

from __future__ import annotations

import enum
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.journal.text import escape, unescape
from autotrack.journal.values import Opaque, decode_value, encode_value

texts = st.text(st.characters(exclude_categories=[]))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(texts, inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | texts, inner)
        | st.frozensets(st.integers() | texts)
        | st.sets(st.frozensets(st.integers()) | st.tuples(st.frozensets(st.integers()), texts))
        | st.dictionaries(st.frozensets(st.integers()), inner)
    ),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return (a != a and b != b) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(values)
def test_values_survive_the_journal(value: Any) -> None:
    line = msgspec.json.encode(encode_value(value))
    assert same(decode_value(msgspec.json.decode(line)), value)
    json.loads(line)  # any JSON parser reads it


@given(texts)
def test_escaped_text_is_plain_and_comes_back(text: str) -> None:
    plain = escape(text)
    plain.encode()
    assert "\x00" not in plain
    assert unescape(plain) == text


def test_other_objects_become_their_repr() -> None:
    decoded = decode_value(encode_value(range(3)))
    assert isinstance(decoded, Opaque)
    assert (decoded, decoded.type) == ("range(0, 3)", "builtins.range")


def test_a_broken_repr_and_a_circle_do_no_harm() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert decode_value(encode_value(Broken())) == "<repr failed: RuntimeError>"
    circle: list[Any] = []
    circle.append(circle)
    encode_value(circle)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**5000], ids=["over", "under", "5000 digits"])
def test_huge_integers(number: int) -> None:
    assert decode_value(msgspec.json.decode(msgspec.json.encode(encode_value(number)))) == number


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def test_subclasses_of_plain_types_are_what_they_are_equal_to() -> None:
    assert encode_value(Colour.RED) == "red"
    assert encode_value(Level.HIGH) == 3
    assert encode_value([Colour.RED]) == ["red"]


def test_numpys_texts_and_numbers_are_plain() -> None:
    numpy = pytest.importorskip("numpy")
    assert encode_value(numpy.str_("adam")) == "adam"
    assert encode_value(numpy.float64(0.5)) == 0.5
    assert encode_value(numpy.int32(7)) == 7
    assert encode_value(numpy.bool_(True)) is True


def test_what_could_not_be_held_is_held_the_same_when_it_is_copied() -> None:
    opaque = decode_value(encode_value(object))
    assert isinstance(opaque, Opaque)
    again = decode_value(encode_value(opaque))
    assert (again, again.type) == (opaque, opaque.type)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), RecursionError()])
def test_a_repr_that_raises_is_no_end(error: BaseException) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise error

    assert encode_value(Odd())["$repr"] == f"<repr failed: {type(error).__name__}>"
