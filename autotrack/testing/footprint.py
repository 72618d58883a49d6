"""What a framework looks like: whatever can be patched in its modules and classes, to be compared before and after."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

Place = tuple[str, str]
"""Whose attribute (a module or `module.Class`), and its name."""

_CACHES = frozenset({"__slotnames__", "__warningregistry__", "__dict__", "__weakref__", "__static_attributes__"})
"""What Python itself adds to classes and modules as they are used."""


def take(module: str) -> dict[Place, Any]:
    """All functions, classes and descriptors in the loaded modules of `module`'s top-level package and their classes.

    Other values (submodules, caches) are left out: frameworks set those themselves as they are used.
    """
    places: dict[Place, Any] = {}
    for owner, namespace in _namespaces(module.partition(".")[0]):
        for name, value in namespace.items():
            if name not in _CACHES and (callable(value) or hasattr(type(value), "__get__")):
                places[owner, name] = value
    return places


def differences(before: dict[Place, Any], after: dict[Place, Any]) -> list[Place]:
    """Places that are not the same object any more, are gone, or are new in a class or a module that was there."""
    known = {owner for owner, _ in before}
    return [
        place
        for place in {**before, **after}
        if place[0] in known and before.get(place, _MISSING) is not after.get(place, _MISSING)
    ]


def looks(value: Any) -> tuple[object, ...]:
    """What users and frameworks see of a function or a class."""
    names = (*(getattr(value, name, None) for name in ("__name__", "__qualname__", "__doc__")), _home(value))
    if not isinstance(value, (FunctionType, classmethod, staticmethod, type)):
        return names  # other descriptors are not looked at before they are bound
    try:
        signature = str(inspect.signature(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        signature = ""
    kinds = (inspect.isfunction(value), inspect.isclass(value), callable(value), isinstance(value, classmethod))
    return signature, kinds, names


def _home(value: Any) -> str | None:
    """The module that a value says it comes from; its package, if it is found in that module under its name."""
    module = getattr(value, "__module__", None)
    found = getattr(sys.modules.get(module or ""), getattr(value, "__name__", ""), None)
    return str(module).partition(".")[0] if found is value else module


_MISSING = object()


def _namespaces(package: str) -> Iterator[tuple[str, dict[str, Any]]]:
    seen = set()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != package or not issubclass(type(module), ModuleType):
            continue
        namespace = dict(object.__getattribute__(module, "__dict__"))
        yield name, namespace
        for value in namespace.values():
            if issubclass(type(value), type) and value.__module__.partition(".")[0] == package and value not in seen:
                seen.add(value)
                yield f"{value.__module__}.{value.__qualname__}", dict(vars(value))
