"""The contract of databases behind the index, as tests: subclass `StoreContract`, give an index, let pytest run it.

::

    class TestMyDatabase(StoreContract):
        @pytest.fixture
        def index(self) -> Iterator[Index]:
            with Index.open(...) as opened:
                yield opened

The index must be empty and its `Index.open` URL must be what its engine connects to. Runs are recorded with the real
`autotrack.start_run` into a folder of the test's own and come in with the real `autotrack.store.ingest.ingest`.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Table, func, select

from autotrack.active import start_run
from autotrack.config import current
from autotrack.journal import syncing
from autotrack.journal.folder import OPEN_SUFFIX, Folder
from autotrack.journal.segment import SegmentWriter
from autotrack.journal.text import escape
from autotrack.journal.values import encode_value
from autotrack.store import schema
from autotrack.store.engine import Index
from autotrack.store.ingest import IngestReport, ingest
from autotrack.store.series import decode_all

POINTS: tuple[tuple[float, float], ...] = (
    (0, 1.5),
    (1, math.nan),
    (2, math.inf),
    (3, -math.inf),
    (4, -0.0),
    (4, 0.0),  # the same step twice
    (-7, 5e-324),
    (-7.5, 1.7976931348623157e308),
    (3, 0.1),  # back
    (0.1, -2.2250738585072014e-308),
    (2**53, 1 / 3),
    (-(2**53), 1e-17),
)
"""Steps and values that a column of the wrong type or a lossy codec would change."""

PARAMS: dict[str, tuple[Any, str, float | None]] = {
    "int": (3, "int", 3.0),
    "large": (2**53 + 1, "int", float(2**53 + 1)),
    "float": (3.0, "float", 3.0),
    "tiny": (5e-324, "float", 5e-324),
    "true": (True, "bool", 1.0),
    "text": ("3", "str", None),
    "empty": ("", "str", None),
    "none": (None, "null", None),
    "list": ([1, 2.0, "x", None], "list", None),
    "dict": ({"a": {"b": 1}}, "dict", None),
}
"""Params by name: what is logged, the kind and the number that the index holds of it."""

KEYS = ("", "k" * 10_000, "nul\x00", "\ud800", "ключ/🦦", "quote'\"\n\\", "%_", " Case", " case", "\x10001")
"""Texts that databases cut, refuse, fold together or take for something else."""

_NUMBERED = {"id", "run", "key", "name", "series", "segment", "parent", "settled", "uid"}
_FREE = (schema.series.c.first_step,)  # of the segment that came first
_COMPARED = (schema.series, schema.chunks, schema.params, schema.param_history, schema.tags, schema.artifacts)

_KILLED = """
import autotrack, os
run = autotrack.start_run()
run.log_metric("loss", 1.0)
print(run.id, flush=True)
os.kill(os.getpid(), 9)
"""


class StoreContract:
    """What every database behind the index must keep. Subclasses define the fixture `index`."""

    # -- fixtures -----------------------------------------------------------------------------------------------------

    @pytest.fixture
    def index(self) -> Iterator[Index]:
        """Give an open and empty index."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _a_store_of_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "store"))
        monkeypatch.setenv("AUTOTRACK_STRICT", "1")
        current().folder().create()

    @pytest.fixture
    def folder(self, _a_store_of_its_own: None) -> Folder:
        """Give the folder into which the test records."""
        return current().folder()

    # -- values -------------------------------------------------------------------------------------------------------

    def test_points_are_exact(self, index: Index, folder: Folder) -> None:
        """Steps and values are the very same numbers, in the order in which they were logged."""
        with start_run() as run:
            for step, value in POINTS:
                run.log_metric("loss", value, step=step)
        take_in(index, folder)
        steps, values = points(index, run.id, "loss")
        assert steps == [float(step) for step, _ in POINTS]
        assert [value.hex() for value in values] == [float(value).hex() for _, value in POINTS]
        (series,) = rows(index, schema.series)
        assert (series.count, series.nan, series.inf) == (len(POINTS), 1, 2)
        finite = [value for _, value in POINTS if math.isfinite(value)]
        assert (series.min, series.max, series.last) == (min(finite), max(finite), 1e-17)

    @pytest.mark.parametrize("last", [math.nan, math.inf, -math.inf, -0.0])
    def test_the_last_value_may_be_any_number(self, index: Index, folder: Folder, last: float) -> None:
        """The last value of a series may be infinite, and zero has its sign; NaN is NULL there."""
        with start_run() as run:
            run.log_metric("loss", last)
        take_in(index, folder)
        (series,) = rows(index, schema.series)
        assert repr(series.last) == repr(None if math.isnan(last) else last)
        if last == 0:
            assert repr((series.min, series.max)) == repr((last, last))

    def test_chunks_fill_up(self, index: Index, folder: Folder) -> None:
        """Points that come in a few at a time are the same, in full chunks, as those that come at once."""
        run = start_run()
        expected: list[float] = []
        for size in (1, 1023, 1, 2050, 3):
            for _ in range(size):
                expected.append(len(expected) * 0.5)
                run.log_metric("loss", expected[-1])
            ingest(index, folder)
        run.finish()
        take_in(index, folder)
        assert points(index, run.id, "loss") == ([float(step) for step in range(len(expected))], expected)
        assert sorted(row.count for row in rows(index, schema.chunks)) == [len(expected) % 1024, 1024, 1024, 1024]

    def test_params_keep_their_types(self, index: Index, folder: Folder) -> None:
        """Kind, number and the exact value of each; leaves of nested ones can be searched."""
        with start_run(params={key: value for key, (value, _, _) in PARAMS.items()}):
            pass
        take_in(index, folder)
        found = {row.text: row for row in keyed(index, schema.params) if not row.leaf}
        assert {key: (row.kind, row.number) for key, row in found.items()} == {
            key: (kind, number) for key, (_, kind, number) in PARAMS.items()
        }
        for key, (value, _, _) in PARAMS.items():
            assert repr(msgspec.json.decode(found[key].value)) == repr(value)
        (leaf,) = (row for row in keyed(index, schema.params) if row.leaf)
        assert (leaf.text, leaf.kind, leaf.number) == ("dict/a/b", "int", 1.0)

    def test_corrected_params_keep_their_history(self, index: Index, folder: Folder) -> None:
        """The latest value wins, all are in the history, leaves of an earlier value are gone."""
        with start_run(params={"lr": {"a": 1}}) as run:
            take_in(index, folder)
            run.log_param("lr", {"b": 2})
            run.log_param("lr", 0.1)
        take_in(index, folder)
        assert [(row.text, row.kind, row.value) for row in keyed(index, schema.params)] == [("lr", "float", "0.1")]
        history = sorted(rows(index, schema.param_history), key=lambda row: row.offset)
        assert [row.value for row in history if row.value != "0.1"] == ['{"a":1}', '{"b":2}']

    def test_tags_are_set_and_removed(self, index: Index, folder: Folder) -> None:
        """The latest wins, also where it removes."""
        with start_run(tags={"stays": "1", "goes": "1"}) as run:
            take_in(index, folder)
            run.set_tags({"stays": "2", "goes": None, "comes": "3"})
        take_in(index, folder)
        found = {row.text: row.value for row in keyed(index, schema.tags) if row.value is not None}
        assert {key: value for key, value in found.items() if key in ("stays", "goes", "comes")} == {
            "stays": "2",
            "comes": "3",
        }

    def test_artifacts_are_replaced(self, index: Index, folder: Folder) -> None:
        """One row for each name: the latest."""
        with start_run() as run:
            run.log_artifact(b"first", "a.txt")
            take_in(index, folder)
            run.log_artifact(b"second!", "a.txt", kind="text", meta={"x": 1})
            run.log_artifact(b"other", "b.txt")
        take_in(index, folder)
        found = {row.text: row for row in keyed(index, schema.artifacts, schema.artifacts.c.name)}
        assert {name: row.size for name, row in found.items()} == {"a.txt": 7, "b.txt": 5}
        assert found["a.txt"].kind == "text"

    def test_documents_are_kept(self, index: Index, folder: Folder) -> None:
        """Starts, finishes and notes, as they are in the journal."""
        with start_run("one", experiment="e") as run:
            run.note("first \U0001f9a6", kind="warning")
            run.note("second")
        take_in(index, folder)
        documents = sorted(rows(index, schema.documents), key=lambda row: row.offset)
        notes = [msgspec.json.decode(row.body) for row in documents if row.event == "note"]
        assert [note["text"] for note in notes if note["text"] in ("first \U0001f9a6", "second")] == [
            "first \U0001f9a6",
            "second",
        ]
        assert {"start", "finish"} <= {row.event for row in documents}
        (row,) = rows(index, schema.runs)
        assert (row.uid, row.name, row.experiment) == (run.id, "one", "e")

    def test_tables_are_kept(self, index: Index, folder: Folder) -> None:
        """Whole and in parts, in order, under any name, with cells of all types as they are in the journal."""
        cells = [1, 2**70, -0.0, math.nan, True, None, "3", "nul\x00 \ud800", (1, [2]), {"a": 0.1}]
        encoded = [encode_value(cell) for cell in cells]
        with start_run() as run:
            run.log_table(
                "nul\x00 \ud800", {"\x10": cells, "n": list(range(10))}, kind="trials", meta={"auc": [["a", 0.5]]}
            )
            run.log_table("nul\x00 \ud800", {"n": [10]}, more=True)
            run.log_table("long", {"x": [0.1] * 100_000})
        take_in(index, folder)
        found = sorted(
            (row for row in rows(index, schema.documents) if row.event == "table"), key=lambda row: row.offset
        )
        assert [row.name for row in found] == [escape("nul\x00 \ud800")] * 2 + ["long"]
        first, second, third = (msgspec.json.decode(row.body) for row in found)
        assert repr(first["columns"]) == repr({escape("\x10"): encoded, "n": list(range(10))})
        assert (first["kind"], first["meta"], first.get("more")) == ("trials", {"auc": [["a", 0.5]]}, None)
        assert (second["columns"], second["more"]) == ({"n": [10]}, True)
        assert third["columns"] == {"x": [0.1] * 100_000}

    def test_damaged_tables_are_counted(self, index: Index, folder: Folder) -> None:
        """Columns of different lengths, cells and remarks that are no values: no writer writes those."""
        writer = SegmentWriter(folder, "r" * 26)
        for damage in (
            '"columns":{"a":[1],"b":[]}',
            '"columns":{"a":[{"$int":1}]}',
            '"columns":{},"meta":{"a":{"$float":"x"}}',
        ):
            writer.append(b'{"e":"table","t":2,"name":"x",' + damage.encode() + b"}\n")
        writer.close()
        take_in(index, folder)
        assert [row.corrupt for row in rows(index, schema.segments)] == [3]
        assert not [row for row in rows(index, schema.documents) if row.event == "table"]

    def test_unknown_events_are_kept(self, index: Index, folder: Folder) -> None:
        """Lines of a later version stay byte by byte; what is known of them counts."""
        raw = [b'{"e":"hologram","t":2,"x":"\xd0\xb6"}', b'{"e":"metrics","t":3,"v":{"loss":2.5},"unit":"nat"}']
        writer = SegmentWriter(folder, "r" * 26)
        for line in raw:
            writer.append(line + b"\n")
        writer.close()
        for _ in range(2):
            take_in(index, folder)
        kept = sorted(rows(index, schema.unknown_events), key=lambda row: row.offset)
        assert [bytes(row.raw) for row in kept] == raw
        assert points(index, "r" * 26, "loss") == ([0.0], [2.5])

    @pytest.mark.parametrize("key", KEYS, ids=lambda key: ascii(key)[:12])
    def test_any_text_is_a_key_and_a_value(self, index: Index, folder: Folder, key: str) -> None:
        """Of params, tags, metrics and artifacts."""
        with start_run(params={key: key}, tags={key: key}) as run:
            run.log_metric(key, 1.0)
            run.log_artifact(b"x", key)
        take_in(index, folder)
        text = escape(key)
        assert points(index, run.id, text) == ([0.0], [1.0])
        (param,) = (row for row in keyed(index, schema.params) if row.text == text)
        assert (param.kind, msgspec.json.decode(param.value)) == ("str", text)
        assert [row.value for row in keyed(index, schema.tags) if row.text == text] == [text]
        assert [row.size for row in keyed(index, schema.artifacts, schema.artifacts.c.name) if row.text == text] == [1]

    def test_keys_are_told_apart(self, index: Index, folder: Folder) -> None:
        """Keys that differ in case, in blanks or only after many characters are different keys."""
        names = [*KEYS, "k" * 9_999, "case", "case ", "é", "e\u0301"]
        with start_run() as run:
            run.log_metrics({name: number * 1.0 for number, name in enumerate(names)})
        take_in(index, folder)
        for number, name in enumerate(names):
            assert points(index, run.id, escape(name)) == ([0.0], [number * 1.0])

    # -- runs ---------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
    def test_how_a_run_ends(self, index: Index, folder: Folder, status: Any) -> None:
        """Running at first, then as its last line says."""
        run = start_run()
        ingest(index, folder)
        assert [(row.status, row.finished) for row in rows(index, schema.runs)] == [("running", None)]
        run.finish(status, ValueError("mine \x00") if status == "failed" else None)
        take_in(index, folder)
        (row,) = rows(index, schema.runs)
        assert (row.status, row.finished >= row.started, row.duration >= 0) == (status, True, True)
        if status == "failed":
            assert (row.error_type, row.error_message) == ("ValueError", escape("mine \x00"))

    def test_a_killed_run_goes_on(self, index: Index, folder: Folder) -> None:
        """Killed as soon as its process is gone; a resumed one goes on as another attempt of the same run."""
        done = subprocess.run([sys.executable, "-c", _KILLED], capture_output=True, text=True, check=False)
        uid = done.stdout.strip()
        take_in(index, folder)
        assert [(row.uid, row.status) for row in rows(index, schema.runs)] == [(uid, "killed")]
        with start_run(resume=uid) as run:
            ingest(index, folder)
            assert [row.status for row in rows(index, schema.runs)] == ["running"]
            run.log_metric("loss", 2.0, step=1)
        take_in(index, folder)
        assert [(row.status, row.attempt) for row in rows(index, schema.runs)] == [("finished", 2)]
        assert points(index, uid, "loss") == ([0.0, 1.0], [1.0, 2.0])

    # -- exactly once -------------------------------------------------------------------------------------------------

    def test_a_second_ingest_changes_nothing(self, index: Index, folder: Folder) -> None:
        """Nothing is read twice, also by a process that remembers nothing."""
        record_much(folder)
        take_in(index, folder)
        before = contents(index)
        for _ in range(2):
            assert ingest(index, folder).bytes == 0
            index.memory.clear()
        assert contents(index) == before

    def test_concurrent_ingests_count_everything_once(self, index: Index, folder: Folder) -> None:
        """Four indexes opened on the same database take in what a fifth thread writes."""
        place: Any = folder if index.path else index.engine.url.render_as_string(hide_password=False)
        runs = [start_run() for _ in range(3)]
        stop = threading.Event()
        errors: list[BaseException] = []

        def work() -> None:
            try:
                with Index.open(place) as own:
                    while not stop.is_set():
                        ingest(own, folder)
            except BaseException as error:  # noqa: BLE001 - told by the test
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for step in range(1100):
                for run in runs:
                    run.log_metrics({"a": step * 1.0, "b": -step * 1.0})
            for run in runs:
                run.log_params({"p": 1})
                run.finish()
            assert syncing.drain(30)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not errors
        take_in(index, folder)
        for run in runs:
            assert points(index, run.id, "a")[1] == [step * 1.0 for step in range(1100)]
            assert points(index, run.id, "b")[1] == [-step * 1.0 for step in range(1100)]
        assert [row.count for row in rows(index, schema.series)] == [1100] * 6

    def test_the_order_of_segments_does_not_matter(self, index: Index, tmp_path: Path) -> None:
        """Segments that are copied one by one in any order end as the same rows."""
        record_much(Folder(tmp_path / "elsewhere"))
        source = Folder(tmp_path / "elsewhere")
        files = [(run, segment) for run in source.run_ids() for segment in source.segments(run)]
        assert len(files) >= 4
        results = []
        for seed in range(4):
            empty(index)
            target = Folder(tmp_path / f"copy-{seed}")
            target.create()
            some = files[:]
            random.Random(seed).shuffle(some)
            for run, segment in some:
                target.run_folder(run).mkdir(exist_ok=True)
                (target.run_folder(run) / f"{segment.name}{OPEN_SUFFIX}").write_bytes(segment.read())
                index.memory.clear()
                ingest(index, target)
            results.append(contents(index))
        for result in results[1:]:
            for table, found in result.items():
                assert found == results[0][table], table


# -- helpers ----------------------------------------------------------------------------------------------------------


def record_much(folder: Folder) -> None:
    """Record something of every kind, in several segments that contradict each other.

    Values are sums of few powers of two: totals are exact in whichever order they are added up.
    """
    for _ in range(2):
        with start_run("one", params={"lr": {"a": 1}, "x": 1}, tags={"t": "1"}, store=folder.root) as run:
            for step in range(30):
                run.log_metrics({"loss": 2.0 ** -(step % 20), "odd": math.nan if step % 7 else math.inf}, step)
            run.log_artifact(b"first", "a")
        assert syncing.drain(30)
        with start_run(resume=run.id, store=folder.root) as again:
            again.log_params({"lr": 2, "y": "new"})
            again.set_tags({"t": None, "u": "2"})
            again.log_artifact(b"second", "a")
            again.log_metrics({"loss": -1.0}, 30)
        assert syncing.drain(30)


def take_in(index: Index, folder: Folder) -> IngestReport:
    """Wait until everything recorded is written, and ingest it."""
    assert syncing.drain(30)
    return ingest(index, folder)


def rows(index: Index, table: Table) -> list[Any]:
    """Return all rows of a table."""
    with index.engine.connect() as connection:
        return list(connection.execute(select(table)))


def keyed(index: Index, table: Table, key: Any = None) -> list[Any]:
    """Return all rows of a table with the texts of their keys."""
    key = table.c.key if key is None else key
    query = select(table, schema.keys.c.text).join(schema.keys, schema.keys.c.id == key)
    with index.engine.connect() as connection:
        return list(connection.execute(query))


def points(index: Index, run: str, key: str) -> tuple[list[float], list[float]]:
    """Return steps and values of a series (its key in journal form)."""
    c = schema.chunks.c
    query = (
        select(c.count, c.steps, c.times, c.points)
        .join(schema.segments, schema.segments.c.id == c.segment)
        .join(schema.series, schema.series.c.id == c.series)
        .join(schema.runs, schema.runs.c.id == schema.series.c.run)
        .join(schema.keys, schema.keys.c.id == schema.series.c.key)
        .where(schema.runs.c.uid == run, schema.keys.c.text == key)
        .order_by(schema.segments.c.name, c.number)
    )
    with index.engine.connect() as connection:
        found = decode_all([tuple(row) for row in connection.execute(query)])
    return [float(step) for step in found.steps.tolist()], found.values.tolist()


def contents(index: Index) -> dict[str, list[str]]:
    """Return what tables hold, without the numbers that an index gives to rows in the order in which they come."""
    found = {}
    with index.engine.connect() as connection:
        for table in (schema.runs, *_COMPARED):
            columns = [
                column
                for column in table.c
                if column.name not in _NUMBERED and not any(column is free for free in _FREE)
            ]
            found[table.name] = sorted(repr(tuple(row)) for row in connection.execute(select(*columns)))
            assert len(found[table.name]) == connection.execute(select(func.count()).select_from(table)).scalar_one()
    return found


def empty(index: Index) -> None:
    """Delete all rows."""
    with index.writing() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    index.memory.clear()
