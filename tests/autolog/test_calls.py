"""The kernel: what happens around one call, whatever the observer does."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import traceback
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from toys import Model, Wrapping, boom, nothing, observing

from autotrack import active
from autotrack.autolog.calls import OPEN, Call
from autotrack.autolog.integration import Patches, recording
from autotrack.testing.journal import recorded


def test_observer_sees_the_call(patches: Patches) -> None:
    seen: list[Call] = []
    states: list[Any] = []
    after = observing(before=seen.append, after=lambda call: states.append((call.result, call.error)))
    patches.around(Model, "fit", after)
    model = Model()
    result = model.fit([1], extra=2)
    assert states == [([[1]], None)]
    assert result is states[0][0]
    (call,) = seen
    assert (call.instance, call.args, call.kwargs, call.owner, call.name) == (model, ([1],), {"extra": 2}, Model, "fit")
    assert 0 < call.duration < 1
    Model.fit(model, [2])
    assert (seen[1].instance, seen[1].args) == (model, ([2],))


def test_observer_changes_arguments(patches: Patches) -> None:
    def change(call: Call) -> None:
        call.args = ["changed"]  # type: ignore[assignment]
        call.kwargs["extra"] = 1

    patches.around(Model, "fit", observing(before=change))
    model = Model()
    model.fit("mine")
    assert model.seen == ("changed", {"extra": 1})


@pytest.mark.usefixtures("lenient")
def test_changes_of_a_failed_observer_are_dropped(patches: Patches) -> None:
    def change_and_fail(call: Call) -> None:
        call.args = ("changed",)
        call.kwargs["extra"] = 1
        raise RuntimeError("boom")

    patches.around(Model, "fit", observing(before=change_and_fail))
    model = Model()
    kwargs = {"mine": 1}
    model.fit("mine", **kwargs)
    assert model.seen == ("mine", {"mine": 1})
    assert Model.calls == 1


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("where", ["before", "after"])
def test_observer_that_fails(patches: Patches, where: str, caplog: pytest.LogCaptureFixture) -> None:
    patches.around(Model, "fit", observing(**{where: boom}))
    for _ in range(3):
        assert Model().fit("data") == ["data"]
    assert Model.calls == 3
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert lines == [f"autotrack: capture incomplete: {where} Model.fit: RuntimeError: boom (training is not affected)"]
    assert OPEN.get() is None


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(
    "observer",
    [
        lambda call: 3,
        boom,
        contextmanager(lambda call: iter(())),
        contextmanager(lambda call: iter((1, 2))),
        lambda: None,
    ],
    ids=["no context manager", "raises", "no yield", "two yields", "wrong signature"],
)
def test_observer_that_is_wrong(patches: Patches, observer: Any) -> None:
    patches.around(Model, "fit", observer)
    assert Model().fit("data") == ["data"]
    with pytest.raises(KeyError):
        Model().fit(error=KeyError("mine"))
    assert Model.calls == 2
    assert OPEN.get() is None


def test_strict_raises_our_errors(patches: Patches) -> None:
    patches.around(Model, "fit", observing(after=boom))
    with pytest.raises(RuntimeError, match="boom"):
        Model().fit()
    assert OPEN.get() is None


class OddError(Exception):
    """Equal to nothing, not even printable."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, OddError])
@pytest.mark.parametrize("observer", ["plain", "swallowing", "replacing", "recording"])
@pytest.mark.usefixtures("lenient")
def test_users_error_is_the_same_object(
    patches: Patches, kind: type[BaseException], observer: str, tmp_path: Path
) -> None:
    @contextmanager
    def swallowing(call: Call) -> Iterator[None]:
        with suppress(BaseException):
            yield

    @contextmanager
    def replacing(call: Call) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            raise RuntimeError("ours") from error

    @contextmanager
    def in_a_run(call: Call) -> Iterator[None]:
        with recording(call):
            yield

    observers = {"plain": nothing, "swallowing": swallowing, "replacing": replacing, "recording": in_a_run}
    error = kind("mine")
    context, cause = KeyError("context"), KeyError("cause")

    def run() -> tuple[BaseException, list[str]]:
        try:
            try:
                raise context
            except KeyError:
                Model().fit(error=error)
        except BaseException as caught:
            frames = [frame.name for frame in traceback.extract_tb(caught.__traceback__) if frame.name != "autolog"]
            return caught, frames
        raise AssertionError("swallowed")

    error.__cause__ = cause
    plain_frames = run()[1]
    error.__traceback__ = None
    patches.around(Model, "fit", observers[observer])
    caught, frames = run()
    assert caught is error
    assert (error.__context__, error.__cause__) == (context, cause)
    assert frames == plain_frames == ["run", "fit"]
    assert error.args == ("mine",)
    assert Model.calls == 2
    assert OPEN.get() is None
    if observer == "recording":
        (run_,) = recorded(tmp_path / "store")
        assert run_.status == ("interrupted" if kind is KeyboardInterrupt else "failed")
        assert "toys.py" in run_.error["traceback"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_inside_the_observer_reaches_the_user(
    patches: Patches, kind: type[BaseException], tmp_path: Path
) -> None:
    @contextmanager
    def interrupted(call: Call) -> Iterator[None]:
        with recording(call):
            raise kind(2)
            yield

    patches.around(Model, "fit", interrupted)
    with pytest.raises(kind):
        Model().fit()
    assert Model.calls == 0
    assert OPEN.get() is None
    assert active.active_run() is None
    (run,) = recorded(tmp_path / "store")
    assert run.status != "running"


def test_data_is_not_kept_alive_by_an_error(patches: Patches) -> None:
    class Data:
        pass

    patches.around(Model, "fit", nothing)
    data = Data()
    gone = weakref.ref(data)
    gc.disable()
    try:
        with suppress(ValueError):
            Model().fit(data, error=ValueError)
        del data
        assert gone() is None, "only the garbage collector would free it"
    finally:
        gc.enable()


def test_warning_is_attributed_to_the_users_line(patches: Patches) -> None:
    def lines() -> list[tuple[str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Model().fit()
            Wrapping().fit()
            Model.fit(Model())
        return [(warning.filename, warning.lineno) for warning in caught]

    plain = lines()
    patches.around_subclasses(Model, "fit", nothing)
    assert lines() == plain
    assert plain[0][0] == __file__


def test_one_frame_between_caller_and_original(patches: Patches) -> None:
    frames: list[str] = []

    class Looking(Model):
        def fit(self, *args: Any, **kwargs: Any) -> None:
            frames.extend(frame.name for frame in traceback.extract_stack()[-3:])

    patches.around(Looking, "fit", nothing)
    Looking().fit()
    assert frames == ["test_one_frame_between_caller_and_original", "autolog", "fit"]


def test_children_and_hidden_calls(patches: Patches, tmp_path: Path) -> None:
    names: list[str] = []

    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        names.append(type(call.instance).__name__)
        with recording(call) as run:
            run.log_params({"kind": type(call.instance).__name__})
            yield

    class Study:
        def optimize(self) -> None:
            for model in (Model(), Wrapping()):
                model.fit()

    patches.around(Study, "optimize", observe, nested=True)
    patches.around_subclasses(Model, "fit", observe)
    Study().optimize()
    assert names == ["Study", "Model", "Wrapping"]
    study, first, second = recorded(tmp_path / "store")
    assert (study.parent, first.parent, second.parent) == (None, study.id, study.id)
    assert [run.status for run in (study, first, second)] == ["finished"] * 3


def test_observer_that_declines_does_not_hide(patches: Patches) -> None:
    seen: list[str] = []

    def observe(call: Call) -> Any:
        if type(call.owner) is type and call.owner is Wrapping:
            return None
        seen.append(call.owner.__name__)
        return nothing(call)

    patches.around_subclasses(Model, "fit", observe)
    Wrapping().fit()
    assert seen == ["Model"]


def test_options(patches: Patches) -> None:
    seen: list[Any] = []
    other = Patches("test", {"models": False})
    look = observing(before=lambda call: seen.append((call.option("models"), call.option("x", 3))))
    other.around(Model, "fit", look)
    Model().fit()
    other.undo()
    assert seen == [(False, 3)]


def test_threads_and_tasks_have_their_own_stack(patches: Patches, tmp_path: Path) -> None:
    together = threading.Barrier(2)

    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        with recording(call):
            together.wait(10)
            yield

    patches.around(Model, "fit", observe)
    threads = [threading.Thread(target=Model().fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.status for run in recorded(tmp_path / "store")] == ["finished"] * 2

    patches.undo()
    again = Patches("test", {})
    again.around(Model, "fit", observing())

    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(Model().fit) for _ in range(3)))

    asyncio.run(main())
    again.undo()
    assert OPEN.get() is None


def test_fork_inside_a_call_is_part_of_it(patches: Patches, tmp_path: Path) -> None:
    class Parent(Model):
        def fit(self, *args: Any, **kwargs: Any) -> int:
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    Model().fit()
                    code = 0
                finally:
                    os._exit(code)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        with recording(call):
            yield

    patches.around_subclasses(Model, "fit", observe)
    assert Parent().fit() == 0
    (run,) = recorded(tmp_path / "store")
    assert run.status == "finished"
