"""A model to observe, and observers that do what the tests need."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autotrack.autolog.calls import Call


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
