"""Every object in a model, and whose code it is."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.special
from sklearn.base import BaseEstimator

_OWN = frozenset({"sklearn", "numpy", "scipy", "joblib", "collections", "functools"})
"""Packages whose code is as harmless as scikit-learn's own."""

_PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None)})
_BUILTIN = _PLAIN | {bytearray, list, tuple, dict, set, frozenset, range, slice, type(...), types.MethodType}
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type)


class Survey(NamedTuple):
    """Whose code a model is made of."""

    stranger: str | None
    """Something in it that is not scikit-learn's, numpy's or scipy's: the name of its class or function."""
    functions: bool
    """Whether it holds functions, which may take any time."""


def survey(model: Any) -> Survey:
    """Look through a model; nothing of what is foreign is called or looked into."""
    functions = False
    for value, _ in parts(model):
        if not is_own(value):
            return Survey(name_of(value), functions=True)
        functions = functions or (callable(value) and not isinstance(value, (type, BaseEstimator)))
    return Survey(None, functions)


def is_own(value: Any) -> bool:
    """Whether an object (without what it holds) is made of scikit-learn's code, or of that it stands on."""
    if isinstance(value, np.ufunc):  # numpy.frompyfunc makes them of anything
        return any(vars(home).get(value.__name__) is value for home in (np, scipy.special))
    if type(value) in _BUILTIN or (isinstance(value, type) and value in _BUILTIN):
        return True
    name = name_of(value)
    return name.partition(".")[0] in _OWN and ".tests." not in name  # where classes are like those of users


def name_of(value: Any) -> str:
    """The full name of a class or function; of anything else, that of its class."""
    # Compiled functions have a class of their own in each release of Cython.
    named = isinstance(value, _FUNCTIONS) or type(value).__name__ == "cython_function_or_method"
    source = value if named else type(value)
    return f"{source.__module__}.{source.__qualname__}"


def parts(model: Any) -> Iterator[tuple[Any, Any]]:
    """Every object in the model but plain numbers and texts, with the estimator that holds it.

    An object comes before what it holds, which is looked at only when the next one is asked for.
    """
    seen: dict[int, Any] = {}  # the objects too: another one must not get the same id meanwhile
    todo = [(model, model)]
    while todo:
        value, owner = todo.pop()
        if type(value) in _PLAIN or id(value) in seen:
            continue
        seen[id(value)] = value
        yield value, owner
        inner = value if isinstance(value, BaseEstimator) else owner
        todo += [(item, inner) for item in _inside(value) if type(item) not in _PLAIN]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, type):
        return ()
    found: list[Any] = []
    if isinstance(value, dict):
        found += [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        found += value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        found += value.ravel().tolist()
    elif isinstance(value, functools.partial):
        found += [value.func, value.args, value.keywords]
    elif isinstance(value, types.MethodType):
        found += [value.__self__, value.__func__]
    attributes = getattr(value, "__dict__", None)
    if type(attributes) is dict:
        found += attributes.values()
    return found
