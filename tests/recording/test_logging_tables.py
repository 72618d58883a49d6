"""What `log_table` takes, refuses and writes."""

from __future__ import annotations

import array
import math
from typing import Any

import numpy as np
import pytest

import autotrack
from autotrack.config import current
from autotrack.journal import events
from autotrack.journal.decoding import decode_lines


def written(run: Any) -> list[events.Table]:
    """The table events of a run, as they are in its journal."""
    lines = [event for segment in current().folder().segments(run.id) for event in decode_lines(segment.read(0, None))]
    return [event for event in lines if isinstance(event, events.Table)]


def columns(value: Any) -> dict[str, list[Any]]:
    with autotrack.start_run() as run:
        run.log_table("t", value)
    (table,) = written(run)
    return table.columns


def test_columns_of_any_sequence() -> None:
    masked = np.ma.masked_array([0.1, 2.0, 3.0], [False, True, False])
    found = columns(
        {
            "list": [1, 2, 3], "tuple": (1, "a", None), "range": range(3), "generator": (x for x in "abc"), "set": {7: 1, 8: 1, 9: 1}.keys(),
            "ints": np.arange(3, dtype="int8"), "floats": np.array([1, math.nan, math.inf]), "bools": np.array([True, False, True]),
            "texts": np.array(["a", "b", "c"]), "objects": np.array([None, (1,), "x"], object), "masked": masked,
            "big": np.array([2**64 - 1, 0, 1], "uint64"), "array": array.array("d", [0.5, 1, 2]), "times": np.array(["2026-01-01"] * 3, "datetime64[D]"),
            "rows": np.arange(6.0).reshape(3, 2),
        }
    )  # fmt: skip
    assert found == {
        "list": [1, 2, 3], "tuple": [1, "a", None], "range": [0, 1, 2], "generator": ["a", "b", "c"], "set": [7, 8, 9],
        "ints": [0, 1, 2], "floats": [1.0, {"$float": "NaN"}, {"$float": "Infinity"}], "bools": [True, False, True],
        "texts": ["a", "b", "c"], "objects": [None, {"$tuple": [1]}, "x"], "masked": [0.1, None, 3.0],
        "big": [{"$int": "0xffffffffffffffff"}, 0, 1], "array": [0.5, 1.0, 2.0],
        "times": [{"$repr": "datetime.date(2026, 1, 1)", "type": "datetime.date"}] * 3, "rows": [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
    }  # fmt: skip
    assert [type(x) for x in found["floats"][:1] + found["ints"][:1] + found["bools"][:1]] == [float, int, bool]


def test_a_data_frame_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"x": [1, 2], 3: ["a", None], "c": pandas.Categorical(["u", None]), "f": [0.1, math.nan], "b": [True, False],
         "i": pandas.array([1, None], "Int64"), "d": pandas.array([0.5, None], "Float64"), "o": [None, (1,)]}
    )  # fmt: skip
    assert columns(frame) == {
        "x": [1, 2], "3": ["a", None], "c": ["u", None], "f": [0.1, {"$float": "NaN"}], "b": [True, False], "i": [1, None],
        "d": [0.5, None], "o": [None, {"$tuple": [1]}],
    }  # fmt: skip
    with autotrack.start_run() as run, pytest.raises(ValueError, match="the same name"):
        run.log_table("t", pandas.DataFrame([[1, 2]], columns=["x", "x"]))


def test_a_data_frame_of_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": [1, None], "f": [0.5, math.inf], "t": ["a", None], "l": [[1], [2, 3]]})
    assert columns(frame) == {"x": [1, None], "f": [0.5, {"$float": "Infinity"}], "t": ["a", None], "l": [[1], [2, 3]]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "takes a dict"),
        ({1: [1]}, "name of a column is text"),
        ({"x": 1}, "column 'x' is a sequence"),
        ({"x": "text"}, "column 'x' is a sequence"),
        ({"x": {"a": 1}}, "column 'x' is a sequence"),
        ({"x": [1], "y": [1, 2]}, "equal lengths"),
        ({"x": np.float64(1)}, "column 'x' is a sequence"),
        ({"x": np.array(1.0)}, "column 'x' is a sequence"),
    ],
)
def test_what_is_no_table_is_refused_whole(value: Any, message: str) -> None:
    with autotrack.start_run() as run:
        with pytest.raises((TypeError, ValueError), match=message):
            run.log_table("t", value)
        with pytest.raises(TypeError):
            run.log_table(None, {"x": [1]})  # type: ignore[arg-type]
    assert written(run) == []


def test_secrets_are_not_written() -> None:
    token = "ghp_" + "a1B2" * 9
    with autotrack.start_run() as run:
        run.log_table(
            "t",
            {"password": ["hunter2", None], "api_key": [1, 2], "x": [token, {"token": "hunter2"}]},
            meta={"api_key": "hunter2"},
        )
    (segment,) = current().folder().segments(run.id)
    data = segment.read(0, None)
    assert b"hunter2" not in data
    assert token.encode() not in data
    (table,) = written(run)
    assert all(str(cell).startswith("***:") for cell in table.columns["api_key"])


def test_other_ranks_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with autotrack.start_run() as run:
        run.log_table("t", {"x": [1]})
    assert list(current().folder().run_ids()) == []


def test_through_the_active_run_and_after_its_end() -> None:
    with pytest.raises(autotrack.NoActiveRun):
        autotrack.log_table("t", {"x": [1]})
    with autotrack.start_run() as run:
        autotrack.log_table("t", {"x": [1]}, kind="trials", meta={"a": 1}, more=True)
    (table,) = written(run)
    assert (table.name, table.kind, table.meta, table.more) == ("t", "trials", {"a": 1}, True)
    with pytest.raises(autotrack.RunFinished):
        run.log_table("t", {"x": [1]})
