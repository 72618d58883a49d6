"""Ask a fitted estimator something without a trace: on itself, on random generators, on the user's warnings."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator

from autotrack_sklearn.parts import parts, survey

_COUNTING = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
"""Modules whose search trees count the questions they are asked; a copy shares their arrays."""

_METHODS = frozenset(
    {"decision_function", "fit", "predict", "predict_log_proba", "predict_proba", "score", "transform"}
)

_asking: ContextVar[bool] = ContextVar("autotrack_sklearn_asking", default=False)


class _WhileAsking(type):
    def __subclasscheck__(cls, subclass: type) -> bool:
        return _asking.get()


class _OurDoing(Warning, metaclass=_WhileAsking):
    """Every category of warnings is a subclass of this one, but only where and while we ask."""


class _Filter(tuple[Any, ...]):
    """An item of `warnings.filters`. scikit-learn sends these to worker processes: there it matches nothing."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return tuple, (("ignore", re.compile("(?!)"), Warning, None, 0),)


_FILTER: Any = _Filter(("ignore", None, _OurDoing, None, 0))


@contextmanager
def asking() -> Iterator[None]:
    """Warnings of this thread are dropped inside; those of other threads, and what is shown once, stay as they are.

    `warnings.catch_warnings` would make every "once per location" warning of the user's appear again (it invalidates
    all registries), and would hide warnings of other threads. A filter put in place by hand does neither: a warning
    that is ignored leaves no mark in a registry.
    """
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    token = _asking.set(True)
    filters.insert(0, _FILTER)
    try:
        with (
            np.errstate(all="ignore"),
            sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
        ):
            yield
    finally:
        _asking.reset(token)
        if _FILTER in filters:
            filters.remove(_FILTER)


def generators_in(estimator: Any) -> list[Any]:
    """The random generators that an estimator holds, if code that is not scikit-learn's may draw from them."""
    kinds = (np.random.RandomState, np.random.Generator)
    held = [value for value, _ in parts(estimator) if isinstance(value, kinds)]
    return held if held and survey(estimator).stranger is not None else []


@contextmanager
def unmoved(generators: list[Any]) -> Iterator[None]:
    """Generators stay where they are: to read params or coefficients of xgboost draws from its `random_state`."""
    kept = [copy.deepcopy(generator) for generator in generators]
    try:
        yield
    finally:
        for generator, before in zip(generators, kept, strict=True):
            if isinstance(generator, np.random.RandomState):
                generator.set_state(before.get_state(legacy=False))
            else:
                generator.bit_generator.state = before.bit_generator.state


def twin(estimator: Any) -> Any:
    """A stand-in that shares the fitted arrays of `estimator` but none of its attributes, generators or chattiness.

    What a method sets on it, or draws from its `random_state`, does not reach the user's object.
    """
    return _twin(estimator, {})


def _twin(value: Any, memo: dict[int, Any]) -> Any:
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, BaseEstimator) and not isinstance(value, type):
        return _twin_of_estimator(value, memo)
    kind = type(value)
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        made = memo[id(value)] = copy.deepcopy(value)
        return made
    if kind.__module__ in _COUNTING:
        made = memo[id(value)] = copy.copy(value)
        return made
    if kind is dict or kind is list or kind is tuple:
        memo[id(value)] = value  # one that holds itself
        return _twin_of_container(value, memo)
    return value


def _twin_of_container(value: Any, memo: dict[int, Any]) -> Any:
    held = value.values() if isinstance(value, dict) else value
    items = [_twin(item, memo) for item in held]
    if all(new is old for new, old in zip(items, held, strict=True)):
        return value
    return dict(zip(value, items, strict=True)) if isinstance(value, dict) else type(value)(items)


def _twin_of_estimator(estimator: Any, memo: dict[int, Any]) -> Any:
    try:
        made = object.__new__(type(estimator))
    except TypeError:  # also derived from dict, an extension type, ...
        return estimator
    memo[id(estimator)] = made
    attributes = {}
    for name, value in vars(estimator).items():
        if name in _METHODS:  # a mock or the like that somebody has put over the class's method: it would notice
            continue
        if name == "verbose" and value:
            attributes[name] = type(value)() if isinstance(value, (bool, int)) else value
        elif name == "random_state" and value is None:
            attributes[name] = 0  # the global generator is the user's
        else:
            attributes[name] = _twin(value, memo)
    made.__dict__.update(attributes)
    return made
