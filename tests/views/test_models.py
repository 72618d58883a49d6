from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

import autotrack
from autotrack import ModelError, RunNotFound
from autotrack.journal import events
from autotrack.journal.segment import SegmentWriter, now

pytest.importorskip("cloudpickle")

MODEL = {"weights": [1, 2, 3]}


class Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def record(model: object = MODEL, name: str = "with a model"):
    with autotrack.start_run(name) as run:
        run.log_model(model)
    return run


def test_ways_to_name_a_model(store) -> None:
    run = record()
    view = store.run(run.id)
    for ref in (run, run.id, run.id[-8:], "with a model", "latest", view, view.models[0]):
        assert autotrack.load_model(ref, trust=True) == MODEL


def test_the_latest_model_is_meant(store) -> None:
    with autotrack.start_run() as run:
        run.log_model({"epoch": 1}, step=1)
        run.log_model({"epoch": 2}, step=2)
    view = store.run(run.id)
    assert autotrack.load_model(view, trust=True) == {"epoch": 2}
    assert autotrack.load_model(view.models[0], trust=True) == {"epoch": 1}


def test_a_model_that_came_after_the_view_was_read(store) -> None:
    run = autotrack.start_run()
    view = store.run(run.id)
    assert view.models == ()
    run.log_model(MODEL)
    assert autotrack.load_model(view, trust=True) == MODEL
    run.finish()


def test_unsafe_formats_need_trust(store, tmp_path: Path) -> None:
    run = record(Trap(tmp_path / "trapped"))
    with pytest.raises(ModelError, match=r"can run code from the file.*trust=True"):
        autotrack.load_model(run)
    assert not (tmp_path / "trapped").exists()
    autotrack.load_model(run, trust=True)
    assert (tmp_path / "trapped").exists()


@pytest.mark.parametrize("format", ["skops", "cloudpickle", "keras", "made up"])
@pytest.mark.parametrize("flavor", ["python", "", "sklearn"])
def test_a_store_that_lies_about_safety(tmp_path: Path, format: str, flavor: str) -> None:
    run = record(Trap(tmp_path / "trapped"))
    store = autotrack.open_store()
    (model,) = store.run(run.id).models
    lie = {"name": "lie", "format": format, "safe": True, "flavor": flavor, "sha256": model.sha256, "size": model.size}
    with closing(SegmentWriter(store.folder, run.id, role="edit")) as writer:
        writer.write(msgspec.convert(lie | {"t": now(), "e": "model"}, events.Model))
    assert store.run(run.id).models[-1].safe
    with pytest.raises(Exception):
        autotrack.load_model(run)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.sklearn
def test_safe_formats_need_no_trust(store) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    model = linear.LogisticRegression(C=0.3).fit([[0.0], [1.0]], [0, 1])
    run = record(model)
    (view,) = store.run(run.id).models
    assert (view.format, view.safe, view.flavor) == ("skops", True, "sklearn")
    again = autotrack.load_model(run)
    assert again.get_params() == model.get_params()
    assert again.coef_.tolist() == model.coef_.tolist()


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"x" + b[1:], lambda b: b + b"x", lambda b: b""])
def test_damaged_models(damage) -> None:
    run = record()
    path = autotrack.open_store().run(run.id).models[0].content
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(damage(data))
    with pytest.raises(ModelError, match="is damaged"):
        autotrack.load_model(run, trust=True)


def test_models_whose_bytes_are_elsewhere() -> None:
    run = record()
    autotrack.open_store().run(run.id).models[0].content.unlink()
    with pytest.raises(ModelError, match="copy the store's blobs folder"):
        autotrack.load_model(run, trust=True)


def test_described_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRACK_MODELS", "reference")
    run = record()
    with pytest.raises(ModelError, match="was described, not kept"):
        autotrack.load_model(run, trust=True)


def test_models_by_reference(tmp_path: Path) -> None:
    import hashlib

    cloudpickle = pytest.importorskip("cloudpickle")
    file = tmp_path / "model.pkl"
    file.write_bytes(cloudpickle.dumps(MODEL))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with autotrack.start_run() as run:
        pass
    with closing(SegmentWriter(autotrack.open_store().folder, run.id, role="edit")) as writer:
        writer.write(
            events.Model(
                t=now(), name="m", format="cloudpickle", safe=False, flavor="python", path=str(file), sha256=digest,
                size=file.stat().st_size,
            )
        )  # fmt: skip
    assert autotrack.load_model(run, trust=True) == MODEL
    file.write_bytes(cloudpickle.dumps({"other": 1}))
    with pytest.raises(ModelError, match="is damaged"):
        autotrack.load_model(run, trust=True)
    file.rename(tmp_path / "moved.pkl")
    with pytest.raises(ModelError, match="no such file any more"):
        autotrack.load_model(run, trust=True)


def test_runs_without_a_model() -> None:
    with autotrack.start_run("empty") as run:
        pass
    with pytest.raises(ModelError, match="recorded no model"):
        autotrack.load_model(run)
    with pytest.raises(RunNotFound):
        autotrack.load_model("nobody")


def test_a_flavor_that_is_not_installed() -> None:
    with autotrack.start_run() as run:
        pass
    store = autotrack.open_store()
    blob = store.blobs.put_bytes(b"x")
    with closing(SegmentWriter(store.folder, run.id, role="edit")) as writer:
        writer.write(
            events.Model(t=now(), name="m", format="x", safe=True, flavor="nowhere", sha256=blob.sha256, size=1)
        )
    with pytest.raises(ModelError, match=r"pip install 'autotrack-ml\[nowhere\]'"):
        autotrack.load_model(run, trust=True)
