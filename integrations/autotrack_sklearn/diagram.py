"""The HTML diagram that scikit-learn draws of an estimator with others inside."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import estimator_html_repr

from autotrack_sklearn.params import is_estimator

_DEEP = 32  # lists in lists and estimators in estimators; one that holds itself has no end


def is_worth_it(params: Mapping[Any, Any]) -> bool:
    """Whether an estimator with these params holds others: of a single one there is only a box with its name."""
    return any(is_estimator(value) and hasattr(value, "fit") for value in params.values())


def draw(estimator: Any) -> bytes:
    """The diagram as a page, the same for equal estimators: as before `fit`.

    scikit-learn 1.9 shows fitted attributes, too, which takes long, and asks each step for the names of features.
    """
    with _counted_from_zero():
        page: str = estimator_html_repr(_unfitted(estimator))
    return page.encode("utf-8", "backslashreplace")


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
