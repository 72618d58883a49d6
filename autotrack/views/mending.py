"""Reading from an index that may be damaged: an SQLite index is derived, so that readers mend it and go on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from autotrack.errors import StoreError
from autotrack.store.engine import Index
from autotrack.store.ingest import ingest
from autotrack.store.series import DamagedChunk

if TYPE_CHECKING:
    from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")

# What decoding a damaged row may raise, besides what the database says.
_NONSENSE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class DamagedIndex(StoreError):
    """The index is damaged and must be replayed from the journals."""


@contextmanager
def connected(index: Index) -> Iterator[Connection]:
    """Open a connection for reading; what the database then complains about is a StoreError that says what to do."""
    try:
        with index.engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        if index.is_damaged(error):
            raise DamagedIndex(f"the index {index.path} is damaged: run `autotrack rebuild`") from error
        where = index.path or index.engine.url.render_as_string(hide_password=True)
        reason = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
        raise StoreError(f"the index {where} cannot be read ({reason}): see that it is there and answers") from error


def mended(index: Index, read: Callable[[], T]) -> T:
    """Return what `read` returns, which is called again where the index had to be made anew.

    A damaged SQLite index is replayed from the journals, and one whose place is full or read-only is given up for
    another in the user's cache. A server's index is never touched.
    """
    try:
        return read()
    except (StoreError, *_NONSENSE) as error:
        if index.folder is None or not index.folder.runs.is_dir():  # a store that vanished is not an empty one
            raise
        if not isinstance(error, StoreError) or isinstance(error, DamagedIndex | DamagedChunk):
            index.replace()
        elif not index.retreat(error.__cause__):
            raise
    ingest(index, index.folder)
    return read()


def mending(read: Callable[Concatenate[Index, P], T]) -> Callable[Concatenate[Index, P], T]:
    """Make a function that reads from an index mend it where need be. It must not be a generator."""

    @functools.wraps(read)
    def reading(index: Index, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return mended(index, lambda: read(index, *args, **kwargs))

    return reading
