"""One value, off the calling thread, shared, and anew in a forked child."""

from __future__ import annotations

import os
import threading
import time

import pytest

from autotrack.capture.background import Background


def test_value_is_collected_once_and_shared() -> None:
    threads: list[threading.Thread] = []
    begun, go = threading.Event(), threading.Event()

    def collect() -> int:
        threads.append(threading.current_thread())
        begun.set()
        assert go.wait(10)
        return 7

    background = Background(collect)
    answers: list[int] = []
    background.request(answers.append)
    assert begun.wait(10)
    background.request(answers.append)  # while it is being collected
    assert not background.wait(0.01)
    go.set()
    assert background.wait(10)
    background.request(answers.append)  # at once
    assert answers == [7, 7, 7]
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon
    threads[0].join(10)  # no thread stays behind
    assert not threads[0].is_alive()


def test_a_value_that_is_not_fresh_is_collected_again_after_the_request() -> None:
    count = iter(range(100))
    background = Background(lambda: next(count), fresh=0.0)
    answers: list[int] = []
    for expected in range(3):
        time.sleep(0.001)
        background.request(answers.append)
        assert background.wait(10)
        assert answers[-1] == expected


def test_request_while_collecting_gets_a_value_begun_later() -> None:
    begun, go = threading.Event(), threading.Event()
    state = ["old"]

    def collect() -> str:
        seen = state[0]
        begun.set()
        assert go.wait(10)
        return seen

    background = Background(collect, fresh=0.0)
    first: list[str] = []
    second: list[str] = []
    background.request(first.append)
    assert begun.wait(10)
    state[0] = "new"
    background.request(second.append)
    go.set()
    assert background.wait(10)
    assert (first, second) == (["old"], ["new"])


def test_failure_is_told_and_the_next_request_tries_again() -> None:
    attempts: list[int] = []

    def collect() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            message = "no"
            raise ValueError(message)
        return "yes"

    background = Background(collect)
    errors: list[Exception] = []
    answers: list[str] = []
    background.request(answers.append, errors.append)
    assert background.wait(10)
    assert [str(e) for e in errors] == ["no"]
    background.request(answers.append, errors.append)
    assert background.wait(10)
    assert answers == ["yes"]


def test_a_raising_listener_does_not_silence_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    go = threading.Event()
    background = Background(lambda: go.wait(10))
    answers: list[bool] = []

    def bad(_: bool) -> None:
        message = "listener"
        raise RuntimeError(message)

    background.request(bad)
    background.request(answers.append)
    go.set()
    assert background.wait(10)
    assert answers == [True]
    assert [a.exc_type for a in reported] == [RuntimeError]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_starts_anew() -> None:
    begun, go = threading.Event(), threading.Event()

    def collect() -> int:
        if os.getpid() == parent:
            begun.set()
            go.wait(30)
        return os.getpid()

    parent = os.getpid()
    background = Background(collect)
    answers: list[int] = []
    background.request(answers.append)
    assert begun.wait(10)
    with background._lock:
        child = os.fork()
    if child == 0:
        code = 1
        try:
            mine: list[int] = []
            background.request(mine.append)
            if background.wait(10) and mine == [os.getpid()] and answers == []:
                code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    go.set()
    assert background.wait(10)
    assert answers == [parent]


def test_delay_leaves_the_caller_alone_and_wait_cuts_it_short() -> None:
    answers: list[int] = []
    background = Background(lambda: 1, delay=60.0)
    background.request(answers.append)
    assert answers == []
    assert background.wait(10)
    assert answers == [1]
