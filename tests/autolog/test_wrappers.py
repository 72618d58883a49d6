"""What stands in a patched place: its looks, copies and pickles, and joblib's workers."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import Model, Wrapping, nothing, observing, train

from autotrack.autolog.calls import Call
from autotrack.autolog.integration import Patches, recording
from autotrack.testing.journal import recorded


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
    this = toys
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


def test_functions_that_another_module_exports(patches: Patches, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who held on to the plain function can pickle it, and who imports it now has the observed one, as it was."""
    shop = types.ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", shop)
    shop.train = train
    seen: list[Any] = []
    patches.around(shop, "train", observing(before=lambda call: seen.append(call.args)))
    assert pickle.loads(pickle.dumps(functools.partial(train, 1))).func is train
    assert pickle.loads(pickle.dumps(shop.train)) is shop.train
    assert b"autotrack" not in pickle.dumps(shop.train)
    assert (toys.train, shop.train.__module__, shop.train.__qualname__) == (train, "shop", "train")
    shop.train(1)
    toys.train(2)
    assert seen == [(1,)]
    held = shop.train
    patches.undo()
    assert shop.train is train
    assert pickle.loads(pickle.dumps(held)) is train


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
    blocked = "import sys, pickle; sys.modules['autotrack'] = sys.modules['wrapt'] = None"
    for one in (train, Own, Own(), Own().fit, Base, Late, Late().fit, vars(Late)["fit"], Late.fit):
        data = cloudpickle.dumps(one)
        assert b"autotrack" not in data and b"wrapt" not in data, one
        check = f"{blocked}; f = pickle.loads(sys.stdin.buffer.read())"
        if one in (Own, Late):
            check += "; assert f().fit(1) == %r" % one().fit(1)
        subprocess.run([sys.executable, "-c", check], input=data, check=True)
    models = [Late(), Own()]
    for backend in ("loky", "threading", "multiprocessing", "sequential"):
        with autotrack.start_run(name=backend):
            tasks = [joblib.delayed(model.fit)(1) for model in models] + [joblib.delayed(train)(2)]
            assert joblib.Parallel(n_jobs=2, backend=backend)(tasks) == [4.5, 4, 6], backend
            assert joblib.Parallel(n_jobs=2, backend=backend)(task for task in tasks) == [4.5, 4, 6], backend
    for one in (Own(), Late()):
        assert type(cloudpickle.loads(cloudpickle.dumps(one))) is type(one)
    joblib.Parallel(n_jobs=2, backend="loky")([joblib.delayed(Own)() for _ in range(2)])  # come back by value
    for one in (Own, Late):
        with autotrack.start_run(name=one.__name__):
            one().fit(1)
    joblib.externals.loky.get_reusable_executor().shutdown()
"""


def test_classes_of_main_under_joblib(tmp_path: Path) -> None:
    """By value through cloudpickle and loky: what arrives is the plain function, without autotrack."""
    pytest.importorskip("cloudpickle")
    pytest.importorskip("joblib")
    (tmp_path / "script.py").write_text(_MAIN)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    runs = {run.name: run for run in recorded(tmp_path / "store")}
    assert runs["threading"].params["name"] in {"fit", "train"}
    assert runs["loky"].params == {}
    assert runs["Own"].params["name"] == runs["Late"].params["name"] == "fit"  # they are observed still


def test_the_package_that_can_be_called_pickles_like_a_module() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    import autotrack

    for pickler in (pickle, cloudpickle):
        assert pickle.loads(pickler.dumps(autotrack.autolog)) is autotrack.autolog


def test_joblib_threads_carry_the_observation(patches: Patches, tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    from autotrack.autolog import parallel

    class Search:
        def fit(self) -> list[Any]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tasks = (joblib.delayed(Model().fit)(i) for i in range(6))
                return list(joblib.Parallel(n_jobs=2, backend="threading")(tasks))

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
