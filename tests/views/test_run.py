from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import autotrack
from autotrack import StoreError

LONG = "k" * 10_000
ODD = ["", "with space", "qu\"ote's", "new\nline", "a/b/c", "emoji 🎉", "nul\0", "lone \ud800", "\x10", "日本語", LONG]


def test_params_come_back_with_their_types(store) -> None:
    params = {
        "int": 3, "big": 2**70, "edge": 2**53 + 1, "float": 0.1, "neg": -0.0, "nan": math.nan, "inf": -math.inf, "true": True,
        "none": None, "text": "3", "empty": "", "list": [1, [2.5, "x"]], "tuple": (1, 2), "bytes": b"\0\xff",
        "nested": {"opt": {"lr": 1e-3, "betas": (0.9, 0.999)}}, "float1": 1.0, "keys": {1: "a", (2, 3): None},
    }  # fmt: skip
    with autotrack.start_run(params=params) as run:
        pass
    found = store.run(run.id).params
    nan = found.pop("nan")
    assert isinstance(nan, float)
    assert math.isnan(nan)
    del params["nan"]
    assert found == params
    assert {k: type(v) for k, v in found.items()} == {k: type(v) for k, v in params.items()}
    assert math.copysign(1, found["neg"]) == -1


def test_odd_keys_and_texts(store) -> None:
    with autotrack.start_run("na\0me \ud800", experiment="ex🎉") as run:
        run.log_params(dict.fromkeys(ODD, "v\0\ud83d"))
        run.log_metrics(dict.fromkeys(ODD, 1.5))
        run.set_tags({key: key for key in ODD})
        run.note("note \ud800")
        run.log_artifact(b"x", "art\0ifact")
    view = store.run(run.id)
    assert (view.name, view.experiment) == ("na\0me \ud800", "ex🎉")
    assert view.params == dict.fromkeys(ODD, "v\0\ud83d")
    assert view.metrics == dict.fromkeys(ODD, 1.5)
    assert view.tags == {key: key for key in ODD}
    assert [n.text for n in view.notes] == ["note \ud800"]
    assert [a.name for a in view.artifacts] == ["art\0ifact"]
    for key in ODD:
        assert view.series(key).values.tolist() == [1.5]
        assert "\n" not in repr(view.series(key))
    for shown in (repr(view), repr(store.runs()), repr(view.artifacts)):
        assert "\0" not in shown
        assert len(shown) < 5000
        shown.encode()
    view._repr_html_().encode()
    assert LONG not in view._repr_html_()


def test_order_of_recording(store) -> None:
    with autotrack.start_run() as run:
        for key in ("z", "a", "m"):
            run.log_param(key, 1)
            run.log_metric(key, 1.0)
            run.set_tag(key, "t")
            run.log_artifact(key.encode(), key)
    view = store.run(run.id)
    for found in (view.params, view.metrics, view.metric_summaries, view.tags):
        assert list(found) == ["z", "a", "m"]
    assert [a.name for a in view.artifacts] == ["z", "a", "m"]


def test_times_and_states(store) -> None:
    before = datetime.now(UTC)
    with pytest.raises(ValueError, match="bad input"), autotrack.start_run("fails") as run:
        live = store.run(run.id)
        assert (live.status, live.finished, live.error) == ("running", None, None)
        assert live.duration is not None
        raise ValueError("bad input")
    view = store.run(run.id)
    assert view.status == "failed"
    assert before <= view.started <= view.finished <= datetime.now(UTC)
    assert view.started.tzinfo is not None
    assert timedelta(0) < view.duration < timedelta(minutes=1)
    assert (view.error.type, view.error.message) == ("ValueError", "bad input")
    assert "Traceback" in view.error.traceback
    assert view.attempt == 1
    assert [(a.number, a.status) for a in view.attempts] == [(1, "failed")]


def test_attempts(store) -> None:
    run = autotrack.start_run("goes on", params={"lr": 1, "same": 0})
    run.log_metric("loss", 3.0)
    run.finish("interrupted")
    with autotrack.start_run(resume=run.id) as again:
        again.log_param("lr", 2)
        again.log_metric("loss", 2.0, step=1)
    view = store.run(run.id)
    assert (view.name, view.status, view.attempt) == ("goes on", "finished", 2)
    assert [(a.number, a.status) for a in view.attempts] == [(1, "interrupted"), (2, "finished")]
    assert view.params == {"lr": 2, "same": 0}
    assert [c.value for c in view.history("lr")] == [1, 2]
    assert [c.value for c in view.history("same")] == [0]
    assert view.history("lr")[0].time < view.history("lr")[1].time
    assert view.series("loss").values.tolist() == [3.0, 2.0]


def test_corrections_within_one_attempt(store) -> None:
    with autotrack.start_run() as run:
        for value in (1, "two", [3], {"a": 4}):
            run.log_param("p", value)
    assert [c.value for c in store.run(run.id).history("p")] == [1, "two", [3], {"a": 4}]


def test_unknown_keys_say_what_was_meant(store) -> None:
    with autotrack.start_run(params={"learning_rate": 1, "C": 2}, tags={"owner": "ana"}) as run:
        run.log_metric("train/accuracy_score", 1.0)
        run.log_artifact(b"x", "report.html")
    view = store.run(run.id)
    for mapping, key, meant in (
        (view.params, "learning_rat", "learning_rate"),
        (view.metrics, "accuracy", "train/accuracy_score"),
        (view.metric_summaries, "train/acuracy_score", "train/accuracy_score"),
        (view.tags, "Owner", "owner"),
        (view.artifacts, "repot.html", "report.html"),
    ):
        with pytest.raises(KeyError) as caught:
            mapping[key]
        assert f"did you mean '{meant}'?" in str(caught.value)
    with pytest.raises(KeyError, match="did you mean 'train/accuracy_score'"):
        view.series("train/accuracy_scor")
    with pytest.raises(KeyError, match="no param 'zzz' was recorded: there are 'learning_rate', 'C'"):
        view.history("zzz")
    assert view.params.get("zzz") is None
    assert "zzz" not in view.params
    with pytest.raises(KeyError) as caught:
        view.params["x" * 10_000]
    assert len(str(caught.value)) < 300


def test_children_and_parent(store) -> None:
    with autotrack.start_run("outer") as outer:
        with autotrack.start_run("inner 1"):
            pass
        with autotrack.start_run("inner 2") as inner:
            pass
    view = store.run(outer.id)
    assert [r.name for r in view.children] == ["inner 2", "inner 1"]
    assert view.parent is None
    assert store.run(inner.id).parent == view
    orphan = autotrack.start_run("orphan", parent="0" * 26)
    orphan.finish()
    assert store.run(orphan.id).parent is None
    assert store.run(orphan.id).parent_id == "0" * 26


def test_artifacts(store, tmp_path: Path) -> None:
    source = tmp_path / "data.bin"
    source.write_bytes(bytes(range(256)) * 100)
    with autotrack.start_run() as run:
        run.log_artifact(source)
        run.log_artifact(b"in a folder", "plots/one.txt", kind="plot", meta={"dpi": 100})
    artifacts = store.run(run.id).artifacts
    first, second = artifacts
    assert (first.name, first.size, first.kind, len(first.sha256)) == ("data.bin", 25_600, "file", 64)
    assert first.read_bytes() == source.read_bytes() == first.path.read_bytes()
    with second.open() as file:
        assert file.read() == b"in a folder"
    assert (second.kind, second.meta) == ("plot", {"dpi": 100})
    assert artifacts["plots/one.txt"] is second
    assert artifacts[-1] is second
    saved = second.save(tmp_path / "out")
    assert saved == tmp_path / "out" / "plots" / "one.txt"
    assert saved.read_bytes() == b"in a folder"
    with pytest.raises(FileExistsError):
        second.save(tmp_path / "out")
    second.path.unlink()
    for use in (lambda: second.path, second.read_bytes, second.open, lambda: second.save(tmp_path / "other")):
        with pytest.raises(StoreError, match="copy the store's blobs folder"):
            use()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a//b", ".", "a\\..\\b"])
def test_artifacts_are_never_saved_outside(tmp_path: Path, name: str) -> None:
    with autotrack.start_run() as run:
        run.log_artifact(b"x", name)
    (artifact,) = autotrack.open_store().run(run.id).artifacts
    with pytest.raises(StoreError, match="no path below a folder"):
        artifact.save(tmp_path / "deep" / "out")


def test_artifacts_are_never_saved_through_a_link(tmp_path: Path) -> None:
    with autotrack.start_run() as run:
        run.log_artifact(b"x", "link/file")
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    (artifact,) = autotrack.open_store().run(run.id).artifacts
    with pytest.raises(StoreError, match="is not below"):
        artifact.save(tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_data_environment_and_code(store) -> None:
    import numpy as np

    with autotrack.start_run() as run:
        run.log_data(np.zeros((3, 2)), "zeros", role="train")
    import time

    view = store.run(run.id)
    deadline = time.monotonic() + 60
    while not view.code and time.monotonic() < deadline:  # collected in the background
        time.sleep(0.1)
        view.refresh()
    (data,) = view.datasets
    assert (data.name, data.role, data.kind, data.shape) == ("zeros", "train", "numpy.ndarray", (3, 2))
    assert data.fingerprint.startswith("xxh3:")
    assert data.meta == {"dtype": "float64", "size": 48, "missing": 0, "complete": True}
    assert view.environment.complete
    assert "packages" in view.environment
    assert view.code["argv"]
    import shutil

    shutil.rmtree(store.folder.blobs)
    summary = view.refresh().environment
    assert not summary.complete
    assert summary


def test_params_are_listed_as_they_were_logged() -> None:
    with autotrack.start_run(params={"zeta": 1, "p10": 2, "p2": {"b": 1, "a": 2}}) as run:
        run.log_params({"later": 3, "alpha": 4})
    view = autotrack.open_store().run(run.id)
    assert list(view.params) == ["zeta", "p10", "p2", "later", "alpha"]
    assert list(view.params["p2"]) == ["b", "a"]


def test_hidden_points_count() -> None:
    with autotrack.start_run() as run:
        run.log_artifact(b"x", "a")
        for i in range(30):
            run.log_artifact(b"x", f"a{i}")
    assert "(10 of 31)" in repr(autotrack.open_store().run(run.id).artifacts)
