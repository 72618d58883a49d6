"""The open index: where it lies, how it is made, and what happens when it is damaged or deleted.

An SQLite index is derived from the journals, so that whatever is wrong with it is mended by replaying them. It lies in
the store, or in the user's cache where the store cannot take it (full, read-only, a network file system). Its file is
named after the schema's version: two versions of autotrack on one store do not fight.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from autotrack.errors import StoreError
from autotrack.journal.folder import Folder
from autotrack.store import schema

_BUSY = 30.0  # seconds that a writer waits for another
_CONNECT = 5  # seconds to wait for a server
_NETWORK = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs 9p afs ceph glusterfs lustre gpfs beegfs panfs fuse.sshfs fuse.glusterfs "
    "fuse.ceph fuse.gcsfuse fuse.s3fs fuse.rclone".split()
)

# What it says of damage that it takes for something else.
_DAMAGE = re.compile("no such (table|column)|malformed|decode to UTF-8")
# What SQLite says where the fault is with the place of a file, not with what is in it.
_STRANDED = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN))


class Index:
    """An open index. Use `Index.open`; as a context manager it is closed at the end."""

    def __init__(self, engine: Engine, path: Path | None, folder: Folder | None = None) -> None:
        self.engine = engine
        self.path = path
        """File of an SQLite index; None: PostgreSQL."""
        self.folder = folder
        """The store whose journals an SQLite index is made from; None: PostgreSQL."""
        self.memory: dict[str, Any] = {}
        """What `ingest` remembers between two looks at the journals."""
        self._inode = _inode(path)

    @classmethod
    def open(cls, place: Folder | str, *, patience: int = _CONNECT) -> Self:
        """Open, and make where need be, the index of a store folder or at a database URL.

        A server is waited for `patience` seconds (two at least).

        Raises StoreError where neither the store nor the user's cache can hold it, or the server does not answer.
        """
        if isinstance(place, Folder):
            path = _prepared(index_paths(place))
            return cls(_sqlite_engine(path), path, place)
        return cls(_server_engine(place, patience), None)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes."""
        with self.engine.connect().execution_options(autotrack_writes=True) as connection, connection.begin():
            yield connection

    def refresh(self) -> None:
        """Notice that the file was deleted or replaced meanwhile."""
        if self.path is not None and (self._inode is None or _inode(self.path) != self._inode):
            self._move([self.path, *self._elsewhere()])

    def replace(self) -> None:
        """Throw a damaged SQLite index away and begin with an empty one."""
        if self.path is None:
            raise StoreError("only an index on SQLite can be made anew: the server's is migrated, never dropped")
        self.engine.dispose()
        with _locked(self.path):
            if _inode(self.path) == self._inode:  # nobody else has done it meanwhile
                _remove(self.path)
        self._move([self.path, *self._elsewhere()])

    def retreat(self, error: BaseException | None) -> bool:
        """Go on with an index in the user's cache where an error says that this one's place is full or read-only.

        Returns False where the error says something else, or where there is no other place.
        """
        original = getattr(error, "orig", error)
        code = getattr(original, "sqlite_errorcode", None)
        stranded = isinstance(original, OSError) or (code is not None and code & 0xFF in _STRANDED)
        others = self._elsewhere() if stranded else []
        if others:
            self._move(others)
        return bool(others)

    def is_damaged(self, error: Exception) -> bool:
        """Return whether an error says that the SQLite file is damaged."""
        original = getattr(error, "orig", error)
        # SQLite reports damage (SQLITE_CORRUPT, SQLITE_NOTADB) as the base class; its subclasses are other faults.
        return self.path is not None and (
            type(original) is sqlite3.DatabaseError
            or (isinstance(original, sqlite3.OperationalError) and _DAMAGE.search(str(original)) is not None)
        )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _elsewhere(self) -> list[Path]:
        """Return where the index may lie if not where it is."""
        paths = [] if self.folder is None else index_paths(self.folder)
        return paths[paths.index(self.path) + 1 :] if self.path in paths else paths

    def _move(self, paths: Sequence[Path]) -> None:
        self.engine.dispose()
        self.path = _prepared(paths)
        self.engine = _sqlite_engine(self.path)
        self._inode = _inode(self.path)
        self.memory.clear()


# -- SQLite -----------------------------------------------------------------------------------------------------------


def index_paths(folder: Folder) -> list[Path]:
    """Return where the SQLite index of a store may lie, the best place first: in it, in the user's cache."""
    name = f"index-{schema.VERSION}.sqlite"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autotrack"
    paths = [cache / hashlib.sha256(os.fsencode(folder.root)).hexdigest()[:16] / name]
    if os.access(folder.root, os.W_OK) and filesystem(folder.root) not in _NETWORK:
        paths.insert(0, folder.root / name)
    return paths


def filesystem(path: Path, mounts: str = "/proc/mounts") -> str:
    """Return the type of the file system that holds a path; empty where the system does not say."""
    best, found = "", ""
    real = os.path.realpath(path)
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # a later mount hides an earlier one at the same place
            best, found = point, fields[2]
    return found


def _prepared(paths: Sequence[Path]) -> Path:
    """Return the first of some places that can hold a usable index, which is made there where need be."""
    errors: dict[Path, Exception] = {}
    for path in paths:
        try:
            _prepare_sqlite(path)
            return path
        except (OSError, sqlite3.Error, DBAPIError) as error:
            errors[path] = error
    reasons = "; ".join(f"{path}: {getattr(error, 'orig', error)}" for path, error in errors.items())
    raise StoreError(
        f"the index cannot be made ({reasons}): free space, or name another cache folder with XDG_CACHE_HOME"
    ) from errors[paths[-1]]


def _prepare_sqlite(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_usable(path):
        return
    with _locked(path):
        if not _is_usable(path):
            _remove(path)
            _create(path)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock against other processes that make the same index."""
    with path.with_suffix(".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_usable(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # not a database, or damaged
        return False
    return bool(version == schema.VERSION)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _create(path: Path) -> None:
    engine = _sqlite_engine(path)
    try:
        with engine.begin() as connection:
            schema.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {schema.VERSION}")
    except BaseException:
        engine.dispose()
        _remove(path)  # half an index helps nobody, least of all on a full disk
        raise
    engine.dispose()


def _sqlite_engine(path: Path) -> Engine:
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite+pysqlite", database=str(path)), connect_args={"timeout": _BUSY}
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = MEMORY")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("autotrack_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _inode(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_ino
    except OSError:
        return None


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _server_engine(text: str, patience: int) -> Engine:
    try:
        url = sqlalchemy.make_url(text)
    except ArgumentError:
        raise StoreError(
            "the store is neither a folder nor a URL like postgresql+psycopg://user@host/database: mend AUTOTRACK_STORE"
        ) from None
    if url.get_backend_name() != "postgresql":
        raise StoreError(f"{url.get_backend_name()} cannot hold an index: use a folder or postgresql+psycopg://…")
    shown = url.render_as_string(hide_password=True)
    try:
        from autotrack.store.migrations import upgrade

        engine = sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": patience})

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            # Compiling the plan of a long filter to machine code takes longer (seconds) than running it.
            connection.execute("SET jit = off")
            connection.commit()

    except ImportError as error:
        raise StoreError(f"{shown} needs {error.name}: pip install 'autotrack-ml[postgres]'") from error
    try:
        upgrade(engine)
    except BaseException as error:
        engine.dispose()
        if not isinstance(error, OperationalError):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        raise StoreError(f"{shown} does not answer ({reason}): start the server or mend AUTOTRACK_STORE") from None
    return engine
