"""Call somebody when a module has been imported; leave no trace when nobody waits any more.

`wrapt.register_post_import_hook` does this too, but `import wrapt` takes 50 ms, its hooks cannot be taken back, and a
hook that raises makes the user's import fail.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Hook = Callable[[], object]

_waiting: dict[str, list[Hook]] = {}


def when_imported(name: str, hook: Hook) -> None:
    """Call `hook()` once module `name` has been imported: now, if it has been already. `hook` must not raise."""
    if name in sys.modules:
        hook()
        return
    _waiting.setdefault(name, []).append(hook)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget(name: str, hook: Hook) -> None:
    """Take back what `when_imported` was asked for."""
    hooks = _waiting.get(name, [])
    if hook in hooks:
        hooks.remove(hook)
    if not hooks:
        _waiting.pop(name, None)
    _leave_if_idle()


def _imported(name: str) -> None:
    hooks = _waiting.pop(name, [])
    _leave_if_idle()
    for hook in hooks:
        hook()


def _leave_if_idle() -> None:
    if not _waiting and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


class _Finder:
    """Asks the other finders, and puts itself between a module that is waited for and its loader."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                return spec
        return None

    def invalidate_caches(self) -> None:
        """Nothing is cached here."""


class _Loader:
    """The true loader, which is back in its place before the module's first line runs."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_loader"], name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        spec.loader = self._loader
        if module.__loader__ is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        _imported(spec.name)


_finder: Any = _Finder()
