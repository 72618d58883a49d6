"""The HTML diagram that scikit-learn draws of an estimator with others inside."""

from __future__ import annotations

import sys
import time
import weakref
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import estimator_html_repr

from autotrack_sklearn.params import is_estimator

_pages: OrderedDict[Hashable, bytes] = OrderedDict()
_MANY = 32  # pages that are remembered
_seconds: weakref.WeakKeyDictionary[type, float] = weakref.WeakKeyDictionary()

_DEEP = 32  # lists in lists and estimators in estimators; one that holds itself has no end


def is_worth_it(params: Mapping[Any, Any]) -> bool:
    """Whether an estimator with these params holds others: of a single one there is only a box with its name."""
    return any(is_estimator(value) and hasattr(value, "fit") for value in params.values())


def known(estimator: Any, params: Mapping[Any, Any]) -> bytes | None:
    """The diagram of an estimator of the same class with the same params, if there is one that was drawn lately."""
    return _pages.get(_key(estimator, params))


def seconds(kind: type) -> float:
    """What the last diagram of such an estimator took; 0 if there was none."""
    return _seconds.get(kind, 0.0)


def draw(estimator: Any, params: Mapping[Any, Any]) -> bytes:
    """The diagram as a page, the same for equal estimators: as before `fit`.

    scikit-learn 1.9 shows fitted attributes, too, which takes long, and asks each step for the names of features.
    """
    began = time.perf_counter()
    with _counted_from_zero():
        text: str = estimator_html_repr(_unfitted(estimator))
    page = text.encode("utf-8", "backslashreplace")
    _seconds[type(estimator)] = time.perf_counter() - began
    key = _key(estimator, params)
    if key is not None:
        _pages[key] = page
        if len(_pages) > _MANY:
            _pages.popitem(last=False)
    return page


def _key(estimator: Any, params: Mapping[Any, Any]) -> Hashable:
    """What a diagram shows, where all of that is plain; else None, which no page is known by."""
    try:
        return type(estimator), tuple((str(name), _plain(value)) for name, value in params.items())
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return type(value), value
    if is_estimator(value):
        return type(value)
    if type(value) in (list, tuple):
        return type(value), tuple(map(_plain, value))
    raise TypeError


def _unfitted(value: Any, depth: int = 0) -> Any:
    """A stand-in for an estimator, and for those in it, without what `fit` has set; its params are shared."""
    if depth > _DEEP or isinstance(value, type):
        return value
    if isinstance(value, BaseEstimator):
        try:
            made = object.__new__(type(value))
        except TypeError:  # also derived from dict, an extension type, ...
            return value
        own = {name: item for name, item in vars(value).items() if name[-1:] != "_" or name[:2] == "__"}
        if "initialized_" in vars(value):  # set in the constructor of skorch's nets, whose `repr` reads it
            own["initialized_"] = False
        made.__dict__.update({name: _unfitted(item, depth + 1) for name, item in own.items()})
        return made
    if type(value) in (list, tuple):
        return type(value)(_unfitted(item, depth + 1) for item in value)
    return {key: _unfitted(item, depth + 1) for key, item in value.items()} if type(value) is dict else value


@contextmanager
def _counted_from_zero() -> Iterator[None]:
    """Ids in the page do not go on from those in the user's notebook, nor the other way round."""
    home = vars(sys.modules[estimator_html_repr.__module__])
    counters = [home[name] for name in ("_CONTAINER_ID_COUNTER", "_ESTIMATOR_ID_COUNTER") if name in home]
    former = [counter.count for counter in counters]
    for counter in counters:
        counter.count = 0
    try:
        yield
    finally:
        for counter, count in zip(counters, former, strict=True):
            counter.count = count
