from __future__ import annotations

import math
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import sqlalchemy

import autotrack
from autotrack.views import frame

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)> &amp;"


class Tags(HTMLParser):
    """Collects elements and attributes; raises on tables that are not well-formed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.stack: list[str] = []
        self.feed(html)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag != "line" and tag != "circle" and tag != "polyline":
            self.stack.append(tag)

    handle_startendtag = lambda self, tag, attrs: (self.names.add(tag), self.attributes.update(n for n, _ in attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def record(count: int = 3) -> None:
    for i in range(count):
        with autotrack.start_run(f"run-{i}", params={"lr": 10.0**-i, "same": 1, "solver": "ab"[i % 2]}) as run:
            run.log_metrics({"eval/score": i / 10, "loss": math.nan if i == 1 else 1.0})
            run.set_tag("owner", "ana")


def test_a_sequence(store) -> None:
    record(5)
    runs = store.runs()
    assert len(runs) == 5
    assert runs[0] in runs
    assert runs.index(runs[3]) == 3
    part = runs[1:3]
    assert isinstance(part, autotrack.Runs)
    assert [r.name for r in part] == ["run-3", "run-2"]
    assert part.total == 5
    assert runs == store.runs()
    assert [r.name for r in reversed(runs)] == [f"run-{i}" for i in range(5)]
    with pytest.raises(IndexError, match="there are 5 runs: no run at position 7"):
        runs[7]
    with pytest.raises(IndexError, match="no run matches"):
        store.runs("name == 'nobody'")[0]


def test_values_of_many_runs_take_few_queries(store) -> None:
    pytest.importorskip("pandas")
    record(50)
    runs = store.runs()
    seen: list[str] = []

    def executed(_connection, _cursor, statement: str, *_args) -> None:
        if statement != "BEGIN":
            seen.append(statement)

    sqlalchemy.event.listen(runs._index.engine, "before_cursor_execute", executed)
    for run in runs:
        assert (len(run.params), len(run.metrics), len(run.tags)) == (3, 2, 1)
    repr(runs)
    runs._repr_html_()
    assert len(seen) <= 9
    seen.clear()
    runs.to_pandas()
    assert len(seen) <= 9


def test_table_in_plain_text(store) -> None:
    record(30)
    lines = repr(store.runs(order_by="-metrics['eval/score']", limit=28)).split("\n")
    assert lines[0].split() == ["run", "id", "status", "started", "took", "lr", "solver", "eval/score", "loss"]
    assert len(lines) == 27
    assert lines[1].startswith("run-29")
    assert lines[-1] == "(25 of 30 runs)"
    assert len({line.index("finished") for line in lines[1:-1]}) == 1
    assert "NaN" not in "".join(lines)
    assert "NaN" in repr(store.runs("name == 'run-1'"))


def test_what_does_not_fit_is_counted(store) -> None:
    for i in range(2):
        with autotrack.start_run(params={f"param_{k:02}": i for k in range(40)} | {"wanted": i}) as run:
            run.log_metrics({f"metric_{k:02}": i for k in range(40)} | {"asked": i})
    runs = store.runs("params.wanted >= 0", order_by="metrics.asked")
    shown = repr(runs)
    assert " wanted" in shown.split("\n")[0]
    assert " asked" in shown.split("\n")[0]
    assert "of 41 params that differ" in shown
    assert "of 41 metrics" in shown
    assert max(map(len, shown.split("\n"))) <= 140
    assert "6 of 41 metrics" in runs._repr_html_()


def test_terminals_are_not_acted_upon(store) -> None:
    with autotrack.start_run("\x1b[31mred\u202e\r\n", params={"\x1b]0;t\x07": "\x1b[2J"}) as run:
        run.log_metric("\x1b[1m", 1)
    for shown in (repr(store.runs()), repr(store.runs()[0]), repr(store.runs()[0].series("\x1b[1m"))):
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(shown)


def test_wide_characters_stay_aligned(store) -> None:
    from rich.cells import cell_len

    for name in ("日本語の実験", "plain", "party 🎉🎉"):
        autotrack.start_run(name).finish()
    lines = repr(store.runs()).split("\n")[1:-1]
    assert len({cell_len(line[: line.index("finished")]) for line in lines}) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_html_is_well_formed_and_inert(store, count: int) -> None:
    pytest.importorskip("cloudpickle")
    for i in range(count):
        with (
            pytest.raises(ValueError),
            autotrack.start_run(EVIL, experiment=f"{EVIL}{i}", params={EVIL: f"{EVIL}{i}"}) as run,
        ):
            run.log_metric(EVIL, math.nan)
            run.log_metric(EVIL, 1.0)
            run.set_tag(EVIL, EVIL)
            run.note(EVIL, EVIL)
            run.log_artifact(b"x", EVIL)
            run.log_data([[1.0]], EVIL, role=EVIL)
            run.log_model({"a": 1}, EVIL)
            raise ValueError(EVIL)
    runs = store.runs()
    for html in (runs._repr_html_(), runs[0]._repr_html_(), runs[0].series(EVIL)._repr_html_()):
        found = Tags(html)
        assert found.names <= {
            "div", "span", "b", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "svg", "line",
            "text", "polyline", "circle",
        }  # fmt: skip
        assert found.attributes <= {
            "style", "title", "colspan", "viewbox", "width", "height", "role", "x", "y", "x1", "x2", "y1", "y2", "stroke",
            "stroke-opacity", "stroke-width", "stroke-linejoin", "text-anchor", "fill", "fill-opacity", "points", "cx",
            "cy", "r",
        }  # fmt: skip
        assert any("<script>" in text for text in found.texts)
        assert "url(" not in html
    assert f"{count} of {count} run" in runs._repr_html_()


def test_html_says_how_much_it_shows(store) -> None:
    record(60)
    html = store.runs()._repr_html_()
    assert "50 of 60 runs" in html
    assert html.count("<tr") == 52
    assert "0 of 60 runs" in store.runs(limit=0)._repr_html_()


def test_frame(store) -> None:
    pd = pytest.importorskip("pandas")
    record(3)
    with autotrack.start_run("odd", params={"lr": "auto", "n": 2, "flag": True, "opt": {"b": (1, 2)}, "x": None}):
        pass
    with autotrack.start_run("odder", params={"n": 2**60 + 1, "w": 1}) as run:
        run.log_param("mixed", 1)
    with autotrack.start_run("last", params={"mixed": 0.5}):
        pass
    runs = store.runs(order_by="started")
    df = runs.to_pandas()
    assert list(df.columns[:6]) == ["id", "name", "experiment", "status", "started", "duration"]
    assert df["id"].tolist() == [r.id for r in runs]
    assert df["params.lr"].tolist()[:4] == [1.0, 0.1, 0.01, "auto"]
    assert df["params.n"].dtype == "Int64"
    assert df["params.n"].dropna().tolist() == [2, 2**60 + 1]
    assert df["params.flag"].dtype == "boolean"
    assert df["params.same"].dtype == "Int64"
    assert df["params.opt"][3] == {"b": (1, 2)}
    assert df["params.mixed"].dtype == "float64"
    assert df["metrics.loss"].dtype == "float64"
    assert df["metrics.eval/score"].tolist()[:3] == [0.0, 0.1, 0.2]
    assert df["tags.owner"].tolist()[:3] == ["ana"] * 3
    assert isinstance(df["started"].dtype, pd.DatetimeTZDtype)
    assert str(df["started"].dt.tz) == "UTC"
    assert df["duration"].dtype.kind == "m"
    assert [t.to_pydatetime() for t in df["started"]] == [r.started for r in runs]
    only = store.runs("name in ['run-0', 'run-1']").to_pandas()
    assert only["params.same"].dtype == "int64"
    assert only["params.lr"].dtype == "float64"


def test_frame_of_more_runs_than_one_query_takes(store, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    from autotrack.views import rows

    monkeypatch.setattr(rows, "_PAGE", 7)
    record(20)
    df = store.runs().to_pandas()
    assert df["params.lr"].tolist() == [10.0**-i for i in range(19, -1, -1)]


def test_pandas_missing(store, monkeypatch: pytest.MonkeyPatch) -> None:
    record(1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'autotrack-ml\[pandas\]'"):
        store.runs().to_pandas()
    with pytest.raises(frame.MissingPandas):
        store.runs()[0].series("loss").to_pandas()


def test_pandas_is_imported_on_request_only() -> None:
    record(1)
    code = "import sys, autotrack; r = autotrack.runs(); repr(r), r._repr_html_(), repr(r[0].series('loss'));"
    code += "assert len(r) == 1 and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
