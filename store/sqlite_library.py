"""Which SQLite library the store runs on.

Python's own ``sqlite3`` links the system's SQLite, which in most distributions has the WAL-reset bug (lost commits
with two or more connections, 3.7.0 to 3.51.2, https://sqlite.org/wal.html#walresetbug). ``pysqlite3`` brings a newer
one. aiosqlite and SQLAlchemy bind the module named ``sqlite3`` when they are first imported, so the newer one is put
in that place while they are, and everything else keeps Python's own.
"""

from __future__ import annotations

import sys
from types import ModuleType

SAFE_WAL = (3, 51, 3)
"""The first release in which several connections may share a WAL database."""


def library() -> ModuleType:
    """The DB-API module that aiosqlite runs on."""
    return _library


def version() -> tuple[int, ...]:
    """The version of the SQLite library in use."""
    return tuple(int(part) for part in _library.sqlite_version.split("."))


def is_safe_wal() -> bool:
    """Whether the write-ahead log may be used with several connections."""
    return version() >= SAFE_WAL


def note() -> str:
    """What to say at the start: the library's version, and what it means for the journal."""
    text = ".".join(str(part) for part in version())
    if is_safe_wal():
        return f"SQLite {text}, write-ahead log"
    return (
        f"SQLite {text} has the WAL-reset bug (fixed in 3.51.3), so the rollback journal is used instead: "
        "safe, but slower. Install pysqlite3 for a newer SQLite."
    )


def _bind() -> ModuleType:
    """Import aiosqlite on the newest library there is."""
    try:
        from pysqlite3 import dbapi2 as newer
    except ImportError:
        import sqlite3 as newer
    own = {name: sys.modules.get(name) for name in ("sqlite3", "sqlite3.dbapi2")}
    sys.modules["sqlite3"] = sys.modules["sqlite3.dbapi2"] = newer
    try:
        import aiosqlite.core
    finally:
        for name, module in own.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    bound: ModuleType = vars(aiosqlite.core)["sqlite3"]
    return bound


_library: ModuleType = _bind()
