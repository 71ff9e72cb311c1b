"""The database of the outbox: opened whole and for one process alone, or set aside."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from monitor.errors import SinkError

_VERSION = 1
_MEMORY = ":memory:"
_TABLES = """
CREATE TABLE waiting (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload TEXT NOT NULL, put_unix REAL NOT NULL) STRICT;
CREATE TABLE open (event TEXT PRIMARY KEY, topic TEXT NOT NULL, payload TEXT NOT NULL) STRICT;
CREATE TABLE ended (number INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

log = structlog.get_logger(__name__)


def in_memory() -> sqlite3.Connection:
    """A database that lives as long as the process."""
    database = _connect(_MEMORY)
    database.executescript(_TABLES)
    return database


def on_disk(path: Path) -> sqlite3.Connection | None:
    """The database at a path; one that is damaged is set aside; none if it cannot be had. Raises SinkError if another process has it."""
    try:
        return _opened(path)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise SinkError(f"{path}: another process has it; two daemons need two state folders") from None
        log.error("outbox.failed", reason=f"{path}: {error}", expected="a folder that can be written; events wait in memory alone")
    except sqlite3.DatabaseError as error:
        log.error("outbox.damaged", reason=f"{path}: {error}", kept=str(aside := _aside(path)))
        try:
            _set_aside(path, aside)
        except OSError as refused:
            log.error("outbox.failed", reason=f"{aside}: {refused.strerror}", expected="a folder that can be written")
        else:
            return on_disk(path)
    return None


def _opened(path: Path) -> sqlite3.Connection:
    """The database, whole and ours alone. Raises sqlite3.Error."""
    database = _connect(str(path))
    try:
        # Held until the end: a second daemon on it would send everything twice.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        with transaction(database):
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for table in filter(str.strip, _TABLES.split(";")):
                    database.execute(table)
                database.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise sqlite3.DatabaseError(f"version {version}, expected {_VERSION}")
        told = database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise sqlite3.DatabaseError(told)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _connect(name: str) -> sqlite3.Connection:
    # Transactions are ours to begin and to end; the condition keeps threads apart.
    return sqlite3.connect(name, timeout=1.0, isolation_level=None, check_same_thread=False)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:  # Ctrl-C too: half a transaction must not stay open
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _aside(path: Path) -> Path:
    """A name for a damaged database."""
    return path.with_name(f"{path.name}.damaged-{time.time_ns()}")


def _set_aside(path: Path, aside: Path) -> None:
    """Gives a database another name, with what belongs to it. Raises OSError."""
    for suffix in ("-wal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
