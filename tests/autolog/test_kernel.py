"""The kernel: what happens around one call, whatever the observer does."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import logging
import os
import pickle
import random
import subprocess
import sys
import threading
import traceback
import types
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from autotrack import active
from autotrack.autolog import shield
from autotrack.autolog.calls import OPEN, Call
from autotrack.autolog.integration import Patches, guarded, note, recording
from autotrack.testing.journal import recorded


class Model:
    calls = 0

    def fit(self, data: Any = (), *, error: BaseException | type[BaseException] | None = None, **more: Any) -> Any:
        """Train."""
        Model.calls += 1
        self.seen = (data, more)
        warnings.warn("look at your data", stacklevel=2)
        if error is not None:
            raise error
        return [data]

    @classmethod
    def load(cls, path: str) -> str:
        return f"{cls.__name__} {path}"

    @staticmethod
    def check(value: int) -> int:
        return value + 1

    @property
    def score(self) -> int:
        return 3


class Wrapping(Model):
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        return super().fit(*args, **kwargs)


def train(value: int) -> int:
    """Train at the top of a module."""
    return value * 2


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    Model.calls = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="look at your data")
        yield


@pytest.fixture
def patches() -> Iterator[Patches]:
    made = Patches("test", {})
    yield made
    made.undo()


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    monkeypatch.setattr(shield, "_logged", set())


@contextmanager
def nothing(call: Call) -> Iterator[None]:
    yield


def observing(*, before: Callable[[Call], object] = id, after: Callable[[Call], object] = id) -> Any:
    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        before(call)
        try:
            yield
        finally:
            after(call)

    return observe


def boom(call: Call) -> None:
    raise RuntimeError("boom")


# -- the call ---------------------------------------------------------------------------------------------------------


def test_observer_sees_the_call(patches: Patches) -> None:
    seen: list[Call] = []
    states: list[Any] = []
    patches.around(Model, "fit", observing(before=seen.append, after=lambda call: states.append((call.result, call.error))))
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
        lambda call: boom(call),
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
def test_users_error_is_the_same_object(patches: Patches, kind: type[BaseException], observer: str, tmp_path: Path) -> None:
    @contextmanager
    def swallowing(call: Call) -> Iterator[None]:
        try:
            yield
        except BaseException:  # noqa: BLE001, S110 - what a careless observer might do
            pass

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
        except BaseException as caught:  # noqa: BLE001
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
        assert "test_kernel.py" in run_.error["traceback"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_inside_the_observer_reaches_the_user(patches: Patches, kind: type[BaseException], tmp_path: Path) -> None:
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
        try:
            Model().fit(data, error=ValueError)
        except ValueError:
            pass
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
    other.around(Model, "fit", observing(before=lambda call: seen.append((call.option("models"), call.option("x", 3)))))
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


# -- random numbers -----------------------------------------------------------------------------------------------------


def _draw(call: Call) -> None:
    random.random()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.normal()
    if "torch" in sys.modules:
        sys.modules["torch"].rand(1)


@pytest.mark.parametrize("halves", [0, 1])
def test_observers_draws_are_taken_back(patches: Patches, halves: int) -> None:
    numpy = pytest.importorskip("numpy")

    def states() -> list[Any]:
        return [random.getstate(), pickle.dumps(numpy.random.get_state())]

    patches.around(Model, "fit", observing(before=_draw, after=_draw))
    random.seed(3)
    numpy.random.seed(3)
    random.gauss(0, 1)
    numpy.random.normal(size=halves)  # 1: the other half of a pair waits
    before = states()
    Model().fit()
    assert states() == before

    original = numpy.random.get_bit_generator()
    numpy.random.set_bit_generator(numpy.random.PCG64(5))
    try:
        first = numpy.random.get_state(legacy=False)
        Model().fit()
        assert numpy.random.get_state(legacy=False) == first
    finally:
        numpy.random.set_bit_generator(original)


def test_torch_generator_is_put_back(patches: Patches) -> None:
    torch = pytest.importorskip("torch")
    patches.around(Model, "fit", observing(before=_draw, after=_draw))
    before = torch.get_rng_state()
    Model().fit()
    assert torch.equal(torch.get_rng_state(), before)


def test_users_own_draws_stay(patches: Patches) -> None:
    class Drawing(Model):
        def fit(self, *args: Any, **kwargs: Any) -> float:
            return random.random()

    random.seed(1)
    plain = [Drawing().fit(), Drawing().fit()]
    patches.around(Drawing, "fit", observing(before=_draw, after=_draw))
    random.seed(1)
    assert [Drawing().fit(), Drawing().fit()] == plain


def test_draws_of_other_threads_are_not_taken_back(patches: Patches) -> None:
    drawn: list[float] = []
    go, done = threading.Event(), threading.Event()

    def draw_elsewhere(call: Call) -> None:
        go.set()
        done.wait(10)

    def other() -> None:
        go.wait(10)
        drawn.append(random.random())
        done.set()

    patches.around(Model, "fit", observing(before=draw_elsewhere))
    thread = threading.Thread(target=other)
    thread.start()
    Model().fit()
    thread.join()
    assert random.random() != drawn[0]


# -- the wrapper ----------------------------------------------------------------------------------------------------------


def test_looks_like_the_original(patches: Patches) -> None:
    plain, signature = vars(Model)["fit"], inspect.signature(Model.fit)
    patches.around(Model, "fit", nothing)
    for wrapper in (Model.fit, vars(Model)["fit"]):
        assert inspect.signature(wrapper) == signature
        assert isinstance(wrapper, types.FunctionType)
        assert inspect.isfunction(wrapper)
        assert (wrapper.__name__, wrapper.__qualname__, wrapper.__doc__) == ("fit", "Model.fit", "Train.")
        assert wrapper.__code__ is plain.__code__
        assert inspect.getsource(wrapper) == inspect.getsource(plain)
        assert wrapper == plain
        assert hash(wrapper) == hash(plain)
    assert inspect.ismethod(Model().fit)
    assert repr(Model.fit) == repr(plain)


def test_class_and_static_methods(patches: Patches) -> None:
    seen: list[Any] = []
    patches.around(Model, "load", observing(before=lambda call: seen.append(call.instance)))
    patches.around(Model, "check", observing(before=lambda call: seen.append(call.args)))
    assert (Model.load("x"), Wrapping.load("y"), Model().load("z")) == ("Model x", "Wrapping y", "Model z")
    assert (Model.check(1), Model().check(2)) == (2, 3)
    assert seen == [Model, Wrapping, Model, (1,), (2,)]
    assert pickle.loads(pickle.dumps(Wrapping.load))("a") == "Wrapping a"
    patches.undo()
    assert isinstance(vars(Model)["load"], classmethod)
    assert isinstance(vars(Model)["check"], staticmethod)


def test_copies_and_pickles(patches: Patches) -> None:
    plain = vars(Model)["fit"]
    this = sys.modules[__name__]
    patches.around_subclasses(Model, "fit", nothing)
    patches.around(this, "train", nothing)
    model = Wrapping()
    assert pickle.loads(pickle.dumps(train)) is train
    assert b"train" in pickle.dumps(train)
    assert copy.copy(train) is train
    assert copy.deepcopy({"a": train})["a"] is train
    assert pickle.loads(pickle.dumps(Model.fit)) == Model.fit
    assert pickle.loads(pickle.dumps(vars(Model)["fit"])) is vars(Model)["fit"]
    assert type(pickle.loads(pickle.dumps(model.fit)).__self__) is Wrapping
    copied = copy.deepcopy(model.fit)
    assert copied.__self__ is not model
    assert copied("x") == ["x"]
    assert copy.copy(model.fit).__self__ is model
    data = pickle.dumps([train, Model.fit, vars(Model)["fit"], model.fit, Model, model])
    assert b"autotrack" not in data
    assert b"wrapt" not in data
    held, method = train, Model.fit
    patches.undo()
    assert pickle.loads(pickle.dumps(held)) is train
    assert pickle.loads(pickle.dumps(method)) is plain


_MAIN = """
import sys, random
import autotrack
from contextlib import contextmanager
from autotrack.autolog.integration import Patches, recording

class Base:
    def fit(self, x):
        return x + 1

class Own(Base):
    def fit(self, x):
        return super().fit(x) * 2

def train(x):
    return Own().fit(x)

@contextmanager
def observe(call):
    with recording(call) as run:
        run.log_params({"name": call.name})
        yield

if __name__ == "__main__":
    patches = Patches("test", {})
    patches.around_subclasses(Base, "fit", observe)
    patches.around(sys.modules["__main__"], "train", observe)
    import cloudpickle, joblib, subprocess
    from autotrack.autolog import parallel
    parallel.install(patches)
    class Late(Own):
        def fit(self, x):
            return super().fit(x) + 0.5
    for one in (train, Own, Own(), Own().fit, Base, Late, Late().fit, vars(Late)["fit"], Late.fit):
        data = cloudpickle.dumps(one)
        assert b"autotrack" not in data and b"wrapt" not in data, one
        check = "import sys, pickle; sys.modules['autotrack'] = sys.modules['wrapt'] = None; f = pickle.loads(sys.stdin.buffer.read())"
        if one in (Own, Late):
            check += "; assert f().fit(1) == %r" % one().fit(1)
        subprocess.run([sys.executable, "-c", check], input=data, check=True)
    models = [Late(), Own()]
    for backend in ("loky", "threading", "multiprocessing", "sequential"):
        with autotrack.start_run(name=backend):
            tasks = [joblib.delayed(model.fit)(1) for model in models] + [joblib.delayed(train)(2)]
            assert joblib.Parallel(n_jobs=2, backend=backend)(tasks) == [4.5, 4, 6], backend
            assert joblib.Parallel(n_jobs=2, backend=backend)(task for task in tasks) == [4.5, 4, 6], backend
    joblib.externals.loky.get_reusable_executor().shutdown()
"""


def test_classes_of_main_under_joblib(tmp_path: Path) -> None:
    """By value through cloudpickle and loky: what arrives is the plain function, without autotrack."""
    pytest.importorskip("cloudpickle")
    pytest.importorskip("joblib")
    (tmp_path / "script.py").write_text(_MAIN)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    runs = {run.name: run for run in recorded(tmp_path / "store") if run.name in ("loky", "threading", "multiprocessing")}
    assert runs["threading"].params == {"name": "fit"} or runs["threading"].params == {"name": "train"}
    assert runs["loky"].params == {}


def test_joblib_threads_carry_the_observation(patches: Patches, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    from autotrack.autolog import parallel

    class Search:
        def fit(self) -> list[Any]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return list(joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(Model().fit)(i) for i in range(6)))

    @contextmanager
    def observe(call: Call) -> Iterator[None]:
        with recording(call):
            yield

    plain = vars(joblib.Parallel)["__call__"]
    parallel.install(patches)
    patches.around(Search, "fit", observe)
    patches.around_subclasses(Model, "fit", observe)
    assert Search().fit() == [[i] for i in range(6)]
    assert [run.status for run in recorded(tmp_path / "store")] == ["finished"]
    patches.undo()
    assert vars(joblib.Parallel)["__call__"] is plain


# -- putting on and taking off ------------------------------------------------------------------------------------------


def test_undo_restores_the_very_objects(patches: Patches) -> None:
    this = sys.modules[__name__]
    before = [dict(vars(owner)) for owner in (Model, Wrapping, this)]
    patches.around_subclasses(Model, "fit", nothing)
    patches.around(Wrapping, "load", nothing)  # inherited
    patches.around(this, "train", nothing)
    assert "load" in vars(Wrapping)
    patches.undo()
    assert [dict(vars(owner)) for owner in (Model, Wrapping, this)] == before
    assert list(vars(Wrapping)) == list(before[1])


def test_classes_defined_later(patches: Patches) -> None:
    seen: list[str] = []
    hooked: list[Any] = []

    class Base:
        def __init_subclass__(cls, *, tag: str = "", **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            hooked.append((cls.__name__, tag))

        def fit(self) -> str:
            return "base"

    plain_hook = vars(Base)["__init_subclass__"]
    patches.around_subclasses(Base, "fit", observing(before=lambda call: seen.append(call.owner.__name__)))

    class Later(Base, tag="x"):
        def fit(self) -> str:
            return "later " + super().fit()

    class Alias(Later):
        fit = Later.fit

    class Other(Base):
        fit = property(lambda self: 3)  # type: ignore[assignment]

    with pytest.raises(TypeError, match="no keyword"):

        class Wrong(Base, wrong=1):
            pass

    assert Later().fit() == "later base"
    assert Alias().fit() == "later base"
    assert Other().fit == 3  # type: ignore[comparison-overlap]
    assert seen == ["Later", "Alias"]
    assert hooked == [("Later", "x"), ("Alias", ""), ("Other", "")]
    patches.undo()
    assert vars(Base)["__init_subclass__"] is plain_hook
    assert isinstance(vars(Later)["fit"], types.FunctionType)
    assert vars(Alias)["fit"] is vars(Later)["fit"]
    assert type(vars(Alias)["fit"]) is types.FunctionType

    class Last(Base):
        def fit(self) -> str:
            return "last"

    assert type(vars(Last)["fit"]) is types.FunctionType


def test_dropped_classes_are_freed(patches: Patches) -> None:
    class Base:
        def fit(self) -> None: ...

    patches.around_subclasses(Base, "fit", nothing)

    class Own(Base):
        def fit(self) -> None:
            super().fit()

    gone = weakref.ref(Own)
    del Own
    gc.collect()
    assert gone() is None


def test_foreign_patch_on_top_stays(patches: Patches) -> None:
    class Toy:
        def fit(self) -> str:
            return "toy"

    seen: list[int] = []
    patches.around(Toy, "fit", observing(before=lambda call: seen.append(1)))
    ours = Toy.fit

    def theirs(self: Toy) -> str:
        return "their " + ours(self)

    Toy.fit = theirs  # type: ignore[method-assign]
    assert Toy().fit() == "their toy"
    patches.undo()
    assert vars(Toy)["fit"] is theirs
    assert Toy().fit() == "their toy"
    assert seen == [1]


def test_function_is_observed_where_it_was_imported(patches: Patches, monkeypatch: pytest.MonkeyPatch) -> None:
    user, late = types.ModuleType("user"), types.ModuleType("late")
    user.train = train  # type: ignore[attr-defined]
    user.other = train  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "user", user)
    monkeypatch.setitem(sys.modules, "late", late)
    plain, seen = train, []
    patches.around(sys.modules[__name__], "train", observing(before=lambda call: seen.append(call.args)))
    late.train = train  # type: ignore[attr-defined]
    assert user.train(1) == 2
    assert late.train(2) == 4
    assert seen == [(1,), (2,)]
    patches.undo()
    assert user.train is plain
    assert late.train is plain
    assert user.other is plain


def test_wrong_place_is_an_error(patches: Patches) -> None:
    with pytest.raises(AttributeError, match="nope"):
        patches.around(Model, "nope", nothing)
    with pytest.raises(AttributeError, match="nope"):
        patches.around(sys.modules[__name__], "nope", nothing)


@pytest.mark.usefixtures("lenient")
def test_on_stop(caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []
    patches = Patches("test", {})
    patches.on_stop(lambda: told.append(1))
    patches.on_stop(lambda: 1 / 0)
    patches.undo()
    patches.undo()
    assert told == [1]
    assert "stopping test: ZeroDivisionError" in caplog.text


# -- the shield ----------------------------------------------------------------------------------------------------------


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
    assert first.incomplete == second.incomplete == [
        "capture incomplete: reading the history: ValueError: several lines",
        "capture incomplete: no metrics: 10 GB of data",
        "capture incomplete: on_epoch_end: ZeroDivisionError: integer division or modulo by zero",
    ]
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
