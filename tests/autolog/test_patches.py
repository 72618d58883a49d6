"""Putting patches on, and taking them off without a trace."""

from __future__ import annotations

import functools
import gc
import inspect
import pickle
import subprocess
import sys
import types
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
import toys
from toys import Model, Wrapping, nothing, observing, train

from autotrack.autolog.integration import Patches


def test_undo_restores_the_very_objects(patches: Patches) -> None:
    this = toys
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


def test_dropped_classes_leave_nothing_behind(patches: Patches) -> None:
    class Base:
        def fit(self) -> None: ...

    patches.around_subclasses(Base, "fit", nothing)
    before = len(patches._undo)
    for _ in range(100):
        type("Own", (Base,), {"fit": lambda self: None, "__module__": "__main__"})
    gc.collect()
    assert len(patches._undo) == before
    assert not patches._again


def test_methods_of_foreign_mixins_are_observed(patches: Patches) -> None:
    Base = type("Base", (), {"fit": lambda self: "base", "__module__": "framework.base"})
    Within = type("Within", (), {"fit": lambda self: "within", "__module__": "framework.mixins"})

    class Mixin:
        def fit(self) -> str:
            return "mixin"

    seen: list[str] = []
    patches.around_subclasses(Base, "fit", observing(before=lambda call: seen.append(call.owner.__name__)))
    Mixed = type("Mixed", (Mixin, Base), {})
    Below = type("Below", (Mixed,), {})
    Framework = type("Framework", (Within, Base), {})  # as scikit-learn's mixins: what they call is observed
    assert [cls().fit() for cls in (Mixed, Below, Framework)] == ["mixin", "mixin", "within"]
    assert seen == ["Mixed", "Mixed"]
    patches.undo()
    assert "fit" not in vars(Mixed)


def test_hooks_that_end_the_chain_do_not_hide_later_classes(patches: Patches) -> None:
    class Base:
        def fit(self) -> str:
            return "base"

    class Closed(Base):
        def __init_subclass__(cls) -> None:
            """Call nobody."""

    seen: list[str] = []
    plain_hook = vars(Closed)["__init_subclass__"]
    patches.around_subclasses(Base, "fit", observing(before=lambda call: seen.append(type(call.instance).__name__)))

    class Below(Closed):
        def fit(self) -> str:
            return "below"

    class Again(Below):
        def __init_subclass__(cls) -> None:
            """Call nobody."""

    class Deep(Again):
        def fit(self) -> str:
            return "deep"

    assert [cls().fit() for cls in (Below, Deep)] == ["below", "deep"]
    assert seen == ["Below", "Deep"]
    patches.undo()
    assert vars(Closed)["__init_subclass__"] is plain_hook
    assert isinstance(vars(Deep)["fit"], types.FunctionType)


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
    patches.around(toys, "train", observing(before=lambda call: seen.append(call.args)))
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
        patches.around(toys, "nope", nothing)


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


def decorated(function: Any) -> Any:
    """As decorators are usually written."""
    limit = observed = original = 5  # names that somebody else could have use for, too

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        assert limit and observed and original
        warnings.warn("of the decorator", stacklevel=2)
        return function(*args, **kwargs)

    return wrapper


@decorated
def measure(value: int, *, more: int = 0) -> int:
    """Measure."""
    if value < 0:
        raise ValueError(value)
    return value + more


class TestDecoratedFunctions:
    """They stay the very objects, and are observed under every name."""

    this = sys.modules[__name__]

    def test_whoever_holds_it_is_observed(self, patches: Patches) -> None:
        held = [measure, functools.partial(measure, more=1)]
        seen: list[Any] = []
        patches.around(self.this, "measure", observing(after=lambda call: seen.append((call.args, call.result))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert [one(4) for one in held] == [4, 5]
        assert seen == [((4,), 4), ((4,), 5)]

    def test_nothing_can_be_seen(self, patches: Patches) -> None:
        def look() -> Any:
            about = (
                str(inspect.signature(measure)),
                measure.__doc__,
                measure.__name__,
                measure.__module__,
                repr(measure),
            )
            return about, inspect.getsource(measure), sorted(vars(measure)), pickle.dumps(measure)

        before, held, code = look(), measure, measure.__code__
        patches.around(self.this, "measure", nothing)
        assert self.this.measure is held
        assert look() == before
        assert pickle.loads(pickle.dumps(measure)) is held
        patches.undo()
        assert measure.__code__ is code

    def test_pickled_by_value_it_is_the_plain_function(self, patches: Patches, tmp_path: Path) -> None:
        cloudpickle = pytest.importorskip("cloudpickle")
        script = (
            "import pickle, sys; function = pickle.load(sys.stdin.buffer)\n"
            "assert function(4, more=1) == 5; assert not [name for name in sys.modules if 'autotrack' in name]"
        )
        closure = inspect.getclosurevars(measure)
        patches.around(self.this, "measure", nothing)
        assert inspect.getclosurevars(measure).nonlocals == closure.nonlocals
        cloudpickle.register_pickle_by_value(self.this)
        try:
            pickled = cloudpickle.dumps(measure)
        finally:
            cloudpickle.unregister_pickle_by_value(self.this)
        subprocess.run([sys.executable, "-W", "ignore", "-c", script], input=pickled, cwd=tmp_path, check=True)

    @pytest.mark.parametrize("first", [0, 1])
    def test_two_patches(self, first: int) -> None:
        code = measure.__code__
        seen: list[str] = []
        both = [Patches("one", {}), Patches("two", {})]
        both[0].around(self.this, "measure", observing(before=lambda _: seen.append("one")), nested=True)
        both[1].around(self.this, "measure", observing(before=lambda _: seen.append("two")), nested=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            measure(1)
            both[first].undo()
            measure(1)
            both[1 - first].undo()
            measure(1)
        assert seen == ["two", "one", ["two", "one"][first]]
        if first:  # the one that was put in last is undone first: nothing is left
            assert measure.__code__ is code
        else:
            measure.__code__ = code

    def test_errors_and_warnings_are_the_users(self, patches: Patches) -> None:
        patches.around(self.this, "measure", nothing)
        with warnings.catch_warnings(record=True) as seen, pytest.raises(ValueError, match="-1") as caught:
            warnings.simplefilter("always")
            measure(-1)
        assert [warning.filename for warning in seen] == [__file__]
        assert caught.value.__context__ is None
