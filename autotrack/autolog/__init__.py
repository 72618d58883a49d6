"""`autotrack.autolog()`: every training of every supported framework is recorded from here on.

>>> import autotrack
>>> autotrack.autolog()                           # doctest: +SKIP
>>> with autotrack.autolog(models=False): ...     # doctest: +SKIP

`autotrack.autolog` is this package and can be called: `autotrack.autolog(...)` is `autotrack.autolog.autolog(...)`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from autotrack.autolog.session import Autolog, Integration, autolog

__all__ = ["Autolog", "Integration", "autolog"]


class _Callable(ModuleType):
    """Python binds `autotrack.autolog` to this package as soon as anything in it is imported; so it is callable."""

    def __call__(self, *unnamed: Any, **options: Any) -> Autolog:
        if unnamed:
            raise TypeError(f"autolog() takes options by name, such as autolog(only='sklearn'), not {unnamed[0]!r}")
        return autolog(**options)

    def __reduce__(self) -> Any:
        """Pickled by name, like any module: cloudpickle asks for exactly the type of modules."""
        return importlib.import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Callable
