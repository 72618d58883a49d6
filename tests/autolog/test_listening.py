"""Calls that are heard of: after they have returned, outermost only, and never while something is observed."""

from __future__ import annotations

import pickle
import sys
import traceback
import weakref
from typing import Any

import pytest
import toys
from toys import Model, Wrapping, observing

from autotrack.autolog.integration import Heard, Patches


def test_what_is_heard(patches: Patches) -> None:
    heard: list[Heard] = []
    patches.after(toys, "train", heard.append)
    patches.after_subclasses(Model, "fit", heard.append)
    assert toys.train(4) == 8
    model = Model()
    assert model.fit(1, more=2) == [1]
    function, method = heard
    assert (function.name, function.instance, function.args, function.result) == ("train", None, (4,), 8)
    assert (method.name, method.instance, method.args, method.kwargs) == ("fit", model, (1,), {"more": 2})


def test_calls_inside_are_part_of_the_outer_one(patches: Patches) -> None:
    heard: list[Heard] = []
    patches.after_subclasses(Model, "fit", heard.append, within=True)
    model = Wrapping()
    model.fit(1)
    (outer,) = heard
    assert [(one.instance, one.site.owner) for one in outer.inner] == [(model, Model)]


@pytest.mark.parametrize("within", [False, True])
def test_what_calls_inside_return_is_not_kept_until_the_outer_one_returns(patches: Patches, within: bool) -> None:
    class Result:
        pass

    class Tree:
        def ask(self) -> Result:
            return Result()

    class Forest(Tree):
        def ask(self) -> int:  # type: ignore[override]
            gone = [weakref.ref(Tree().ask()) for _ in range(100)]
            return sum(result() is not None for result in gone)

    class Woods(Tree):
        def ask(self) -> int:  # type: ignore[override]
            return Forest().ask()

    patches.after_subclasses(Tree, "ask", lambda _: None, within=within)
    assert Forest().ask() <= (10 if within else 0)
    assert Woods().ask() == 0, "a call inside of one inside is nobody's business"


def test_nothing_is_heard_inside_an_observation(patches: Patches) -> None:
    heard: list[Heard] = []
    patches.after(toys, "train", heard.append)
    patches.around(Model, "fit", observing(after=lambda _: toys.train(1)))
    Model().fit()
    assert heard == []


def test_what_a_listener_calls_is_not_heard(patches: Patches) -> None:
    heard: list[Heard] = []

    def listen(one: Heard) -> None:
        heard.append(one)
        toys.train(2)

    patches.after(toys, "train", listen)
    toys.train(1)
    assert len(heard) == 1


def test_errors_pass_and_are_not_heard(patches: Patches) -> None:
    heard: list[Heard] = []
    patches.after_subclasses(Model, "fit", heard.append)
    error = ValueError("the user's")
    with pytest.raises(ValueError) as caught:
        Model().fit(error=error)
    assert caught.value is error and error.__context__ is None
    assert (
        len([frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<autolog")])
        == 1
    )
    assert heard == []
    Model().fit()
    assert len(heard) == 1


def test_an_error_of_the_listener_is_ours(patches: Patches, lenient: None, capsys: Any, caplog: Any) -> None:
    def listen(_: Heard) -> None:
        raise RuntimeError("ours")

    patches.after(toys, "train", listen)
    assert toys.train(3) == 6
    assert "after train: RuntimeError: ours" in caplog.text + capsys.readouterr().err


def test_undone_without_a_trace(patches: Patches) -> None:
    before = [dict(vars(owner)) for owner in (Model, Wrapping)]
    original = toys.train
    patches.after_subclasses(Model, "fit", lambda _: None)
    patches.after(toys, "train", lambda _: None)
    wrapper = toys.train
    assert pickle.loads(pickle.dumps(wrapper)) is wrapper
    patches.undo()
    assert [dict(vars(owner)) for owner in (Model, Wrapping)] == before
    assert toys.train is original
    assert wrapper(2) == 4, "whoever still holds the wrapper gets the plain call"


def test_mixins_of_the_same_package_are_patched_where_they_are(patches: Patches) -> None:
    heard: list[Heard] = []

    class Scoring:
        def mark(self) -> int:
            return 1

    class Base:
        pass

    class Child(Scoring, Base):
        pass

    class Grandchild(Child):
        def mark(self) -> int:
            return super().mark() + 1

    patches.after_subclasses(Base, "mark", heard.append)
    assert "mark" not in vars(Child)

    class Later(Scoring, Base):
        pass

    assert [Child().mark(), Grandchild().mark(), Later().mark()] == [1, 2, 1]
    assert [one.result for one in heard] == [1, 2, 1]
    patches.undo()
    assert type(vars(Scoring)["mark"]) is type(vars(Grandchild)["mark"]) is type(lambda: None)


def test_a_mixin_of_others_is_left_alone(patches: Patches) -> None:
    heard: list[Heard] = []
    foreign = type("Foreign", (), {"mark": lambda self: 1, "__module__": "elsewhere.mixins"})

    class Base:
        pass

    class Child(foreign, Base):  # type: ignore[valid-type,misc]
        pass

    patches.after_subclasses(Base, "mark", heard.append)
    assert Child().mark() == 1
    assert len(heard) == 1
    foreign().mark()
    assert len(heard) == 1
    patches.undo()
    assert "mark" not in vars(Child)


def test_options(patches: Patches) -> None:
    made = Patches("test", {"heldout": False})
    heard: list[Heard] = []
    made.after(sys.modules["toys"], "train", heard.append)
    toys.train(1)
    made.undo()
    assert heard[0].option("heldout", True) is False
    assert heard[0].option("other", 5) == 5
