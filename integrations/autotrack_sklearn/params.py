"""An estimator's params as plain values, and which of them are not the defaults."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Mapping
from types import GeneratorType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from autotrack_sklearn.quiet import generators_in, unmoved

_MANY = 1_000  # items of a list that are written out
_SMALL = 32  # elements of an array that are written out
_FREE = "**"
_CANDIDATES = frozenset({"param_grid", "param_distributions", "search_spaces"})
"""Params of searches: of estimators in them nothing else says what params they have."""

_defaults: weakref.WeakKeyDictionary[type, dict[str, Any]] = weakref.WeakKeyDictionary()


def params_of(params: Mapping[Any, Any]) -> dict[str, Any]:
    """Params under their own keys; estimators among them by class name, large arrays by shape."""
    found = {}
    for name, value in params.items():
        try:
            found[str(name)] = brief(value) if name in _CANDIDATES else plain(value)
        except Exception:  # noqa: BLE001 - an object of the user's that bears no looking at; its class says something
            found[str(name)] = type(value).__name__
    return found


def changed(estimator: Any, params: Mapping[Any, Any]) -> list[str]:
    """Names of the params, also nested ones, that differ from the default of their estimator's constructor."""
    names = []
    owners = {"": estimator}
    owners |= {f"{name}__": value for name, value in params.items() if is_estimator(value)}
    free = {prefix: owner for prefix, owner in owners.items() if _FREE in _defaults_of(type(owner))}
    for name, value in params.items():
        if not isinstance(name, str):
            continue
        prefix = next((prefix for prefix in free if name.startswith(prefix)), None)
        if prefix is None:
            outer, _, key = name.rpartition("__")
            owner = owners.get(f"{outer}__" if outer else "")
        else:
            owner, key = free[prefix], name.removeprefix(prefix)
        defaults = {} if owner is None else _defaults_of(type(owner))
        # Not in it are steps under their own names, and what was given beyond the constructor's own.
        if _differs(value, defaults[key]) if key in defaults else prefix is not None and _is_given(owner, key):
            names.append(name)
    return names


def _is_given(owner: Any, key: str) -> bool:
    """Whether a param that the constructor does not name was given: skorch also lists those of its usual callbacks."""
    return "__" not in key or key in vars(owner)


def read(estimator: Any) -> dict[Any, Any]:
    """`get_params(deep=True)`, as it is, but for a name of skorch's own."""
    with unmoved(generators_in(estimator)):
        try:
            found: dict[Any, Any] = estimator.get_params(deep=True)
        except Exception:  # noqa: BLE001 - a class in place of an estimator, and so on: `fit` will tell what is wrong
            found = estimator.get_params(deep=False)
    return {name: value for name, value in found.items() if not str(name).endswith("_params_to_validate")}


def is_estimator(value: Any) -> bool:
    """Whether `value` is an estimator object, not a class."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def plain(value: Any) -> Any:
    """A value as it is worth reading: numbers and text as they are, objects by name, large arrays by shape."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
        return value
    if is_estimator(value) and (isinstance(value, BaseEstimator) or hasattr(value, "fit")):
        return type(value).__name__
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()} if len(value) <= _MANY else _count(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value)) if type(value) in (list, tuple) and len(value) <= _MANY else _count(value)
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= _SMALL else f"{value.dtype} array of shape {value.shape}"
    return _by_name(value)


def _by_name(value: Any) -> Any:
    if isinstance(value, np.random.RandomState):
        return "RandomState"
    if isinstance(value, np.random.Generator):
        return f"Generator({type(value.bit_generator).__name__})"
    if isinstance(value, GeneratorType):  # e.g. of splits; not ours to go through
        return "generator"
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', value.__name__)}"
    if isinstance(value, functools.partial):
        return f"partial({plain(value.func)})"
    if hasattr(value, "rvs") and hasattr(value, "dist"):  # a frozen distribution of scipy's, to draw candidates from
        shown = [*map(repr, value.args), *(f"{name}={item!r}" for name, item in value.kwds.items())]
        return f"{value.dist.name}({', '.join(shown)})"
    if hasattr(value, "shape"):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    text: Any = type(value).__repr__
    if text is object.__repr__ or type(value).__module__.startswith("skorch."):
        return type(value).__name__  # not its address, which is another one in each process
    return value


def brief(value: Any) -> Any:
    """`plain`, but estimators with those of their params that are not the defaults: ``SVC(C=10)``."""
    if is_estimator(value):
        with unmoved(generators_in(value)):
            params = value.get_params(deep=False)
        shown = (f"{name}={brief(params[name])!r}" for name in changed(value, params))
        return _Code(f"{type(value).__name__}({', '.join(shown)})")
    if type(value) in (list, tuple) and len(value) <= _MANY:
        return type(value)(map(brief, value))
    if isinstance(value, Mapping) and len(value) <= _MANY:
        return {key: brief(item) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) else plain(value)


class _Code(str):
    """Text that stands in other texts without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _count(value: Any) -> str:
    return f"{type(value).__name__} of {len(value):,} items"


def _defaults_of(cls: type) -> dict[str, Any]:
    """Defaults by name; `_FREE` is among the names where the constructor takes others, too, by ``**`` or in a dict.

    What a constructor takes by ``**`` it hands on to that of its base.
    """
    if cls not in _defaults:
        found = _defaults[cls] = {_FREE: None} if _is_of_catboost(cls) else {}
        for base in cls.__mro__:
            if "__init__" not in vars(base):
                continue
            others = False
            for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items():
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    others = True
                else:
                    found.setdefault(name, parameter.default)
            if not others:
                break
            found[_FREE] = None
    return _defaults[cls]


def _is_of_catboost(cls: type) -> bool:
    return any(base.__module__ == "catboost.core" for base in cls.__mro__)


def _differs(value: Any, default: Any) -> bool:
    if value is default:
        return False
    if type(value) is not type(default):
        return True
    if isinstance(value, float) and value != value and default != default:  # noqa: PLR0124 - NaN
        return False
    if isinstance(value, (str, int, float, bool, tuple, list, dict, type(None))):
        try:
            return bool(value != default)
        except ValueError:  # holds arrays
            return True
    return True
