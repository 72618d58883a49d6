"""The HTML diagram that scikit-learn draws of an estimator with others inside."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.utils import estimator_html_repr

from autotrack_sklearn.params import is_estimator


def is_worth_it(params: Mapping[Any, Any]) -> bool:
    """Whether an estimator with these params holds others: of a single one there is only a box with its name."""
    return any(is_estimator(value) and hasattr(value, "fit") for value in params.values())


def draw(estimator: Any) -> bytes:
    """The diagram as a page, the same for equal estimators."""
    with _counted_from_zero():
        page: str = estimator_html_repr(estimator)
    return page.encode("utf-8", "backslashreplace")


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
