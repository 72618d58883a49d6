"""The user's random number generators stay where they are, whatever our own code draws.

States of `random`, of numpy's global generator and of torch's CPU generator (each only if it is loaded) are looked at
before and after our code and put back if they moved.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Protocol

from autotrack.autolog.shield import guarded

_BYSTANDERS = (
    "IPython.", "autotrack.", "concurrent.futures.process.", "ipykernel.", "joblib.", "multiprocessing.queues.",
    "tornado.", "tqdm.", "zmq.",
)  # fmt: skip
"""Modules whose threads never draw from a global generator: notebook kernels, progress bars, process pools."""


class Generator(Protocol):
    """One generator and the state that it had."""

    def moved(self) -> bool:
        """Whether it has another state now."""
        ...

    def put_back(self) -> None:
        """Give it the state that it had."""
        ...


def snapshot(earlier: list[Generator] | None = None) -> list[Generator]:
    """The states of all loaded generators; empty if another thread of the user's is alive.

    The generators belong to the whole process: with other threads about, a move may be theirs, and to take back *their*
    draws would give them the same numbers twice. Then integrations answer for themselves. What has not moved since
    `earlier` is not read again.
    """
    if not alone():
        return []
    known = {type(generator): generator for generator in earlier or ()}
    states: list[Generator] = []
    for name, kind in _KINDS.items():
        if name in sys.modules:
            with guarded(f"looking at the state of {name}"):
                before = known.get(kind)
                states.append(kind() if before is None or before.moved() else before)
    return states


def restore(states: list[Generator]) -> None:
    """Put back what has moved since `snapshot`."""
    if states and alone():
        for generator in states:
            with guarded("putting the state of a random number generator back"):
                if generator.moved():
                    generator.put_back()


class _Python:
    def __init__(self) -> None:
        self._module: Any = sys.modules["random"]
        self._state = self._module.getstate()

    def moved(self) -> bool:
        # Words and position of the Mersenne Twister: a draw moves the position, a refill or a seed changes every word.
        _, words, gauss = self._module.getstate()
        return bool(words[-16:] != self._state[1][-16:] or gauss != self._state[2])

    def put_back(self) -> None:
        self._module.setstate(self._state)


class _Numpy:
    def __init__(self) -> None:
        self._module: Any = sys.modules["numpy.random"]
        self._state = self._module.get_state(legacy=False)  # 30 µs, so `moved` looks at the memory where it can
        self._memory = None if self._state.get("has_gauss", 1) else self._read()

    def moved(self) -> bool:
        if self._memory is not None:
            return self._read() != self._memory
        return _frozen(self._module.get_state(legacy=False)) != _frozen(self._state)

    def put_back(self) -> None:
        self._module.set_state(self._state)

    def _read(self) -> bytes | None:
        """The generator's 624 words and position. All its state, unless half of a pair of normals waits in `gauss`."""
        generator = self._module.get_bit_generator()
        if type(generator).__name__ != "MT19937":
            return None
        import ctypes

        return ctypes.string_at(generator.ctypes.state_address, 4 * 625)


class _Torch:
    def __init__(self) -> None:
        self._module: Any = sys.modules["torch"]
        self._state = self._module.get_rng_state()

    def moved(self) -> bool:
        return bool(self._module.get_rng_state().numpy().tobytes() != self._state.numpy().tobytes())

    def put_back(self) -> None:
        self._module.set_rng_state(self._state)


_KINDS: dict[str, type[_Python | _Numpy | _Torch]] = {"random": _Python, "numpy.random": _Numpy, "torch": _Torch}


def _frozen(state: Any) -> object:
    """Something that compares by value, also where the state holds arrays."""
    if isinstance(state, dict):
        return {key: _frozen(value) for key, value in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state


def alone() -> bool:
    """Whether no other thread of the user's is alive that may draw."""
    if threading.active_count() == 1:
        return True
    me = threading.current_thread()
    return all(thread is me or _is_bystander(thread) for thread in threading.enumerate())


def _is_bystander(thread: threading.Thread) -> bool:
    """Whether a thread is autotrack's, or runs code of one of the modules that never draw."""
    work: Any = type(thread) if type(thread) is not threading.Thread else getattr(thread, "_target", None)
    module = f"{getattr(work, '__module__', None)}."
    return thread.name.startswith("autotrack") or module.startswith(_BYSTANDERS)
