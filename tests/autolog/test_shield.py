"""Our failure is a log line and a note, never the user's problem."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from toys import Model, boom, observing

from autotrack.autolog.calls import Call
from autotrack.autolog.integration import Patches, guarded, note, recording
from autotrack.testing.journal import recorded


@pytest.mark.usefixtures("lenient")
def test_guarded_and_note_speak_on_the_run(patches: Patches, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @guarded("on_epoch_end")
    def callback(value: int) -> int:
        return 10 // value

    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        with recording(call):
            yield
            with guarded("reading the history"):
                raise ValueError("several\nlines")
            note("no metrics: 10 GB of data")
            assert callback(5) == 2
            for _ in range(100):
                assert callback(0) is None

    patches.around(Model, "fit", observe)
    Model().fit()
    Model().fit()
    first, second = recorded(tmp_path / "store")
    assert (
        first.incomplete
        == second.incomplete
        == [
            "capture incomplete: reading the history: ValueError: several lines",
            "capture incomplete: no metrics: 10 GB of data",
            "capture incomplete: on_epoch_end: ZeroDivisionError: integer division or modulo by zero",
        ]
    )
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 3, "once for each place"
    with pytest.raises(KeyboardInterrupt), guarded("x"):
        raise KeyboardInterrupt


@pytest.mark.usefixtures("lenient")
def test_observer_that_fails_leaves_the_run_to_the_training(patches: Patches, tmp_path: Path) -> None:
    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        with recording(call):
            raise RuntimeError("boom")
            yield

    patches.around(Model, "fit", observe)
    Model().fit()
    with pytest.raises(ValueError, match="mine"):
        Model().fit(error=ValueError("mine"))
    good, bad = recorded(tmp_path / "store")
    assert (good.status, bad.status) == ("finished", "failed")
    assert bad.error["message"] == "mine"
    assert good.incomplete == ["capture incomplete: before Model.fit: RuntimeError: boom"]


@pytest.mark.usefixtures("lenient")
def test_broken_configuration_harms_nobody(patches: Patches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRACK_STRICT", "perhaps")
    patches.around(Model, "fit", observing(before=boom, after=boom))
    assert Model().fit("data") == ["data"]
