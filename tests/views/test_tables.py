"""Tables come back as they were logged; views of their rows and what notebooks show of them."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autotrack
from autotrack.journal.values import Opaque

SCORES = {
    "candidate": [0, 1, 2, 3],
    "param_C": [0.1, 1, 10, None],
    "param_kernel": ["rbf", "rbf", "linear", "linear"],
    "mean_test_score": [0.5, 0.9, math.nan, 0.7],
    "rank_test_score": [3, 1, 4, 2],
}


def logged(columns: dict[str, Any], **options: Any) -> autotrack.TableView:
    with autotrack.start_run("search") as run:
        run.log_table("t", columns, **options)
    return autotrack.open_store().run(run.id).tables["t"]


def test_cells_keep_their_types(store) -> None:
    columns = {
        "int": [1, -(2**63), 2**70], "float": [0.1, -0.0, 1.0], "odd": [math.inf, -math.inf, 5e-324], "bool": [True, False, None],
        "text": ["", "nul\0 \ud800 \x10", "x\x10001"], "mixed": [1, 1.0, True], "tuple": [(1, 2), [1, {"a": 2}], b"\0"],
        "lone \ud800": [None, None, None], "": ["a", "b", "c"],
    }  # fmt: skip
    with autotrack.start_run("na\0me") as run:
        run.log_table("tab\0le", columns, kind="ki\0nd", meta={"auc": [["a", 0.5]], "t": (1, 2)})
    table = store.run(run.id).tables["tab\0le"]
    assert (table.name, table.kind, table.run, table.run_name) == ("tab\0le", "ki\0nd", run.id, "na\0me")
    assert table.meta == {"auc": [["a", 0.5]], "t": (1, 2)}
    assert repr(dict(table.columns)) == repr(columns), "types, signs of zeros and order of columns too"
    assert (len(table), table.total) == (3, 3)
    assert next(iter(table)) == {name: cells[0] for name, cells in columns.items()}


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.tuples(st.integers())
)


names = st.text("xyz_/ é日\0\x10\ud800", max_size=3)  # no words that name secrets


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.integers(0, 3).flatmap(
            lambda n: st.dictionaries(names, st.lists(cells, min_size=n, max_size=n), max_size=3)
        ),
        min_size=1,
        max_size=4,
    )
)
def test_parts_are_one_table(parts: list[dict[str, list[Any]]]) -> None:
    with autotrack.start_run() as run:
        for part in parts:
            run.log_table("t", part, more=True)
    rows = [
        {name: cells[at] for name, cells in part.items()}
        for part in parts
        for at in range(max(map(len, part.values()), default=0))
    ]
    columns = list(dict.fromkeys(name for part in parts for name in part))
    table = autotrack.open_store().run(run.id).tables["t"]
    assert list(table.columns) == columns
    assert len(table) == len(rows)
    if columns:
        assert repr(list(table)) == repr([{name: row.get(name) for name in columns} for row in rows])


def test_a_later_table_replaces(store) -> None:
    with autotrack.start_run() as run:
        run.log_table("a", {"x": [1]}, kind="trials", meta={"m": 1, "n": 1})
        run.log_table("b", {"x": [1]})
        run.log_table("a", {"x": [2]}, kind="trials", meta={"m": 2})
        run.log_table("a", {"x": [3], "y": [4]}, more=True, meta={"k": 3})
    tables = store.run(run.id).tables
    assert list(tables) == ["a", "b"]
    assert tables["a"].columns == {"x": [2, 3], "y": [None, 4]}
    assert (tables["a"].kind, tables["a"].meta) == ("trials", {"m": 2, "k": 3})
    with autotrack.start_run(resume=run.id) as again:
        again.log_table("a", {"x": [5]}, more=True)
        again.log_table("b", {})
    assert tables["a"]["x"] == [2, 3], "as it was when it was read"
    tables = store.run(run.id).tables
    assert tables["a"]["x"] == [2, 3, 5]
    assert (len(tables["b"]), tables["b"].columns) == (0, {})


def test_unknown_names_say_what_was_meant(store) -> None:
    with autotrack.start_run() as run:
        run.log_table("train/roc_curve", {"fpr": [0.0], "tpr": [0.0]})
    view = store.run(run.id)
    with pytest.raises(KeyError, match="no table 'train/roc' was recorded: did you mean 'train/roc_curve'"):
        view.tables["train/roc"]
    with pytest.raises(KeyError, match="no column 'fp' was recorded: did you mean 'fpr'"):
        view.tables["train/roc_curve"]["fp"]
    assert repr(view.tables) == "<Tables train/roc_curve (1 row)>"
    autotrack.start_run("none").finish()
    assert repr(store.run("none").tables) == "<Tables: none>"


def test_trials(store) -> None:
    autotrack.start_run("fit").finish()
    nothing = store.run("fit").trials
    assert (len(nothing), nothing.name, nothing.columns, list(nothing), repr(nothing)) == (
        0, "trials", {}, [], "<TableView trials of fit, trials, 0 of 0 rows>",
    )  # fmt: skip
    assert "0 of 0 rows" in nothing._repr_html_()
    with autotrack.start_run("search") as run:
        run.log_table("trials", SCORES, kind="trials")
    trials = store.run(run.id).trials
    assert trials.columns.keys() == SCORES.keys()
    found = trials.where("mean_test_score > 0.6 and param_C != 10").sort("-mean_test_score")
    assert (found["candidate"], len(found), found.total) == ([1], 1, 4)
    assert trials.where("not mean_test_score > 0.6").sort("-mean_test_score").where("param_C is not None")[
        "candidate"
    ] == [0, 2]
    assert trials.sort("param_kernel, -candidate").head(3)["candidate"] == [3, 2, 1]
    assert [len(trials.head(n)) for n in (-1, 0, 2, 100)] == [0, 0, 2, 4]
    with pytest.raises(autotrack.QueryError, match="did you mean param_C"):
        trials.where("param_c > 1")
    assert pickle.loads(pickle.dumps(found)).columns == found.columns


def test_to_pandas_keeps_numbers() -> None:
    pytest.importorskip("pandas")
    frame = logged(
        {"int": [1, 2, 3], "gap": [1, None, 3], "float": [0.1, None, math.nan], "both": [1, 2.5, None], "text": ["a", None, "c"],
         "bool": [True, False, True], "wide": [2**53 + 1, None, 1], "opaque": [object, None, (1,)], "none": [None] * 3}
    ).to_pandas()  # fmt: skip
    types = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert types == {
        "int": "int64", "gap": "float64", "float": "float64", "both": "float64", "text": "object", "bool": "bool",
        "wide": "Int64", "opaque": "object", "none": "object",
    }  # fmt: skip
    assert frame["gap"].tolist()[::2] == [1.0, 3.0]
    assert np.isnan(frame["gap"][1])
    assert frame["wide"][0] == 2**53 + 1
    assert frame["text"].tolist() == ["a", None, "c"]
    assert logged({"x": np.arange(3)}).where("x > 0").to_pandas()["x"].tolist() == [1, 2]
    assert list(logged({"x": []}).to_pandas().columns) == ["x"]


def test_what_is_shown_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    wide = {f"a_rather_long_name_{i:02}": list(range(50)) for i in range(40)}
    table = logged(wide)
    shown = repr(table)
    assert shown.startswith("<TableView t of search, table>\n")
    assert shown.endswith("(20 of 50 rows, 7 of 40 columns)")
    assert max(map(len, shown.split("\n"))) <= 100
    assert repr(table.where("a_rather_long_name_00 < 30")).endswith("(20 of 30 rows out of 50, 7 of 40 columns)")
    assert repr(logged({"x": [1]})).endswith("(1 of 1 row)")
    html = logged({f"c{i}": list(range(50)) for i in range(60)})._repr_html_()
    assert "20 of 50 rows, 40 of 60 columns" in html
    assert html.count("<tr") == 21


def test_the_telling_columns_of_trials_come_first() -> None:
    table = logged(
        {
            "candidate": [0, 1], "mean_fit_time": [0.1, 0.1], "param_same": [1, 1], "param_C": [0.1, 1],
            "mean_test_f1": [0.5, 0.6], "rank_test_f1": [2, 1], "std_test_f1": [0, 0], "mean_test_auc": [1, 2],
        },
        kind="trials",
    )  # fmt: skip
    head = repr(table).split("\n")[1].split()
    assert head == [
        "rank_test_f1", "mean_test_f1", "std_test_f1", "param_C", "param_same", "mean_test_auc", "candidate", "mean_fit_time",
    ]  # fmt: skip


class Inert(HTMLParser):
    """Fails where something would act, or is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"div", "table", "thead", "tbody", "tr", "th", "td", "span", "b"}
        assert {name for name, _ in attrs} <= {"style", "title", "colspan"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_inert() -> None:
    nasty = "<script>alert(1)</script>\x1b[2J\0\u202e"
    with autotrack.start_run(nasty) as run:
        run.log_table(
            nasty, {nasty: [nasty, Opaque(nasty, nasty), None], "x": [(nasty,), {nasty: nasty}, math.nan]}, kind=nasty
        )
    view = autotrack.open_store().run(run.id)
    table = view.tables[nasty]
    parser = Inert()
    parser.feed(table._repr_html_())
    assert parser.open == []
    for shown in (repr(table), repr(view.tables), table._repr_html_(), view._repr_html_()):
        assert "<script" not in shown or shown.startswith(("<TableView", "<Tables"))
        assert not {"\x1b", "\0", "\u202e"} & set(shown)


def test_the_card_lists_tables() -> None:
    with autotrack.start_run() as run:
        for i in range(10):
            run.log_table(f"table-{i}", {"x": list(range(i))}, kind="roc_curve")
    card = autotrack.open_store().run(run.id)._repr_html_()
    assert "table-7" in card
    assert "7 rows" in card
    assert "8 of 10" in card


def test_reading_needs_neither_pandas_nor_matplotlib() -> None:
    with autotrack.start_run("one") as run:
        run.log_table("t", {"x": [1, 2]})
    code = (
        "import autotrack, sys\n"
        f"table = autotrack.open_store().run({run.id!r}).tables['t']\n"
        "repr(table.where('x > 1').sort('-x')), table._repr_html_()\n"
        "assert not {'pandas', 'matplotlib'} & sys.modules.keys()\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
