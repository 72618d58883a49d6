"""Where classes have their attributes from: themselves, a base, or a mixin of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MISSING: Any = object()
"""In place of an attribute that is not there."""


def defined(cls: type, name: str, base: type) -> tuple[type, Any]:
    """What a class defines under a name, or has from a mixin that is neither a `base` nor of its package."""
    owner, value = _owner(cls, name)
    if owner is cls or (owner is not object and not issubclass(owner, base) and _package(owner) != _package(base)):
        return cls, value
    return cls, MISSING


def found(cls: type, name: str, base: type) -> tuple[type, Any]:
    """What a class has under a name, and whose attribute it is; a mixin of others is left alone, its user counts."""
    owner, value = _owner(cls, name)
    if owner is object or issubclass(owner, base) or _package(owner) == _package(base):
        return owner, value
    return cls, value


def _owner(cls: type, name: str) -> tuple[type, Any]:
    """The class that an attribute comes from, and its value there."""
    for owner in cls.__mro__:
        value = vars(owner).get(name, MISSING)
        if value is not MISSING:
            return owner, value
    return object, MISSING


def _package(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def tree(base: type) -> Iterator[type]:
    """`base` and everything derived from it, each once."""
    seen = {base}
    todo = [base]
    while todo:
        cls = todo.pop()
        yield cls
        subclasses: list[type] = type.__subclasses__(cls)
        new = [sub for sub in subclasses if sub not in seen]
        seen.update(new)
        todo.extend(new)
