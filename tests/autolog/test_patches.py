"""Putting patches on, and taking them off without a trace."""

from __future__ import annotations

import gc
import sys
import types
import weakref
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
