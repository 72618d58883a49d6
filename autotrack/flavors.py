"""How kinds of models are saved and loaded.

An integration offers a module under the entry-point group ``autotrack.models``; the entry's name is the top-level
package that the classes of its models come from (``sklearn``). A model that no flavor knows is pickled with
cloudpickle and marked unsafe.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol

import msgspec

from autotrack.errors import ModelError

GROUP = "autotrack.models"
GENERIC = "python"


class Saved(msgspec.Struct, frozen=True):
    """What a flavor says of a file that it wrote."""

    format: str
    safe: bool
    """False: loading the file can run code from it."""
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class Flavor(Protocol):
    """A module that saves and loads one kind of model."""

    def save(self, model: Any, path: Path) -> Saved:
        """Write `model` to the file `path`."""
        ...

    def load(self, path: Path, format: str, *, trust: bool) -> Any:  # noqa: A002 - the journal's word
        """Read a model; ModelError where that would run code from the file and `trust` is false."""


class _Generic:
    """Any Python object."""

    def save(self, model: Any, path: Path) -> Saved:
        with path.open("wb") as file:
            _cloudpickle().dump(model, file)
        return Saved("cloudpickle", safe=False)

    def load(self, path: Path, format: str, *, trust: bool) -> Any:  # noqa: A002 - the journal's word
        require_trust(format, trust=trust)
        with path.open("rb") as file:
            return _cloudpickle().load(file)


def require_trust(format: str, *, trust: bool) -> None:  # noqa: A002 - the journal's word
    """Raise ModelError unless the user trusts a file of an unsafe format."""
    if not trust:
        raise ModelError(
            f"this model is stored as {format}, and loading it can run code from the file: "
            "if you trust whoever recorded the run, call autotrack.load_model(run, trust=True)"
        )


def flavor_of(model: Any) -> str:
    """Return the name of the flavor that saves a model."""
    known = _entry_points()
    for cls in type(model).__mro__:
        top = cls.__module__.partition(".")[0]
        if top in known:
            return top
    return GENERIC


def load_flavor(name: str) -> Flavor:
    """Return a flavor by name; ModelError where the package that offers it is not installed."""
    if name == GENERIC:
        return _Generic()
    entry = _entry_points().get(name)
    if entry is None:
        raise ModelError(f"this model needs an integration for {name}: pip install 'autotrack-ml[{name}]'")
    try:
        return entry.load()  # type: ignore[no-any-return]
    except ImportError as error:
        raise ModelError(f"this model needs {error.name}: pip install 'autotrack-ml[{name}]'") from error


@functools.cache
def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _cloudpickle() -> Any:
    try:
        import cloudpickle
    except ImportError as error:
        raise ModelError("this model needs cloudpickle: pip install cloudpickle") from error
    return cloudpickle
