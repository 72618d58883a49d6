"""Random number generators stay where they are."""

from __future__ import annotations

import multiprocessing
import pickle
import random
import sys
import threading
from typing import Any

import pytest
from toys import Model, observing

from autotrack.autolog.calls import Call
from autotrack.autolog.integration import Patches


def _draw(call: Call) -> None:
    random.random()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.normal()
    if "torch" in sys.modules:
        sys.modules["torch"].rand(1)


@pytest.mark.parametrize("when", [{"before": _draw}, {"after": _draw}, {"before": _draw, "after": _draw}])
@pytest.mark.parametrize("halves", [0, 1])
def test_observers_draws_are_taken_back(patches: Patches, halves: int, when: Any) -> None:
    numpy = pytest.importorskip("numpy")

    def states() -> list[Any]:
        return [random.getstate(), pickle.dumps(numpy.random.get_state())]

    patches.around(Model, "fit", observing(**when))
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


def test_threads_of_process_pools_do_not_draw(patches: Patches) -> None:
    """A pool's helper threads live as long as the pool: observers' draws are taken back all the same."""
    queue: Any = multiprocessing.get_context("spawn").Queue()
    queue.put(1)  # starts the thread that feeds the pipe
    try:
        patches.around(Model, "fit", observing(before=_draw))
        before = random.getstate()
        Model().fit()
        assert random.getstate() == before
        assert queue.get(timeout=30) == 1
    finally:
        queue.close()
        queue.join_thread()
