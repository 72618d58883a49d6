"""The user's random number generators stay where they are, whatever our own code draws.

States of `random`, of numpy's global generator and of torch's CPU generator (each only if it is loaded) are looked at
before and after our code and put back if they moved.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from autotrack.autolog.shield import guarded

_BYSTANDERS = frozenset({"IPython", "autotrack", "ipykernel", "joblib", "tornado", "tqdm", "zmq"})
"""Packages whose threads never draw from a global generator (notebook kernels, progress bars, process pools)."""


class _Generator(NamedTuple):
    state: Any
    frozen: object
    get: Callable[[], Any]
    put: Callable[[Any], object]


def snapshot() -> list[_Generator]:
    """The states of all loaded generators; empty if another thread of the user's is alive.

    The generators belong to the whole process: with other threads about, a move may be theirs, and to take back *their*
    draws would give them the same numbers twice. Then integrations answer for themselves.
    """
    if not _alone():
        return []
    states = []
    for module, read in _GENERATORS:
        if module in sys.modules:
            with guarded(f"looking at the state of {module}"):
                get, put = read(sys.modules[module])
                state = get()
                states.append(_Generator(state, _freeze(state), get, put))
    return states


def restore(states: list[_Generator]) -> None:
    """Put back what has moved since `snapshot`."""
    if states and _alone():
        for generator in states:
            with guarded("putting the state of a random number generator back"):
                if _freeze(generator.get()) != generator.frozen:
                    generator.put(generator.state)


def _numpy(module: Any) -> tuple[Callable[[], Any], Callable[[Any], object]]:
    return lambda: module.get_state(legacy=False), module.set_state  # legacy: warns about all generators but one


_GENERATORS: tuple[tuple[str, Callable[[Any], tuple[Callable[[], Any], Callable[[Any], object]]]], ...] = (
    ("random", lambda module: (module.getstate, module.setstate)),
    ("numpy.random", _numpy),
    ("torch", lambda module: (module.get_rng_state, module.set_rng_state)),
)


def _freeze(state: Any) -> object:
    """Something that compares by value, also where the state holds arrays or is a tensor."""
    if isinstance(state, dict):
        return {key: _freeze(value) for key, value in state.items()}
    if hasattr(state, "tobytes"):
        return state.tobytes()
    if hasattr(state, "numpy"):
        return state.numpy().tobytes()
    return state


def _alone() -> bool:
    if threading.active_count() == 1:
        return True
    me = threading.current_thread()
    return all(
        thread is me
        or thread.name.startswith("autotrack")
        or type(thread).__module__.partition(".")[0] in _BYSTANDERS
        for thread in threading.enumerate()
    )
