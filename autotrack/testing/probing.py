"""What the conformance suite needs: fresh interpreters, broken observers, errors and random states to compare."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autotrack.errors import StoreError

PROBE = """
from contextlib import contextmanager, suppress

def fit(function):
    return function()

@contextmanager
def observe(call):
    from autotrack.autolog.integration import recording
    with recording(call) as run:
        run.log_params({"probe": True})
        yield

def install(patches):
    import contract_probe
    patches.around(contract_probe, "fit", observe)
"""


def python(code: str, *arguments: str, **environment: str) -> str:
    """Run `code` in a fresh interpreter that finds what this one finds; return what it printed."""
    path = os.pathsep.join(place for place in sys.path if place)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def breaking(manager: Any, when: str) -> Iterator[None]:
    """The context manager `manager`, and an error before or after what it surrounds."""
    with manager:
        if when == "before":
            raise RuntimeError("boom before\nthe call")
        yield
        raise RuntimeError("boom after\nthe call")


def giving_up(method: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    """`method`, which raises StoreError once it has been called `left` times (shared by several methods)."""

    def log(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise StoreError("the store is away")
        return method(*args, **kwargs)

    return log


def error_of(function: Callable[[], object]) -> BaseException:
    """The error that `function` raises."""
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what the user would see
        return error
    raise AssertionError("fail() did not raise")


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, its cause or context, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def frames(error: BaseException) -> list[str]:
    """The frames of a traceback without the kernel's own, innermost last."""
    names, traceback = [], error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "_bootstrap" not in code.co_filename:
            names.append(f"{code.co_filename}:{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return names


def seed() -> None:
    """Seed every loaded generator."""
    random.seed(7)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(7)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(7)


def random_states() -> list[Any]:
    """The state of every loaded generator, to be compared."""
    states: list[Any] = [random.getstate()]
    if "numpy" in sys.modules:
        states.append(pickle.dumps(sys.modules["numpy"].random.get_state()))
    if "torch" in sys.modules:
        states.append(sys.modules["torch"].get_rng_state().numpy().tobytes())
    return states
