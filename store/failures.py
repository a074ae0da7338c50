"""What the drivers' errors mean: the one place where they become ``Unavailable``.

Locked, full, read-only, unreadable and away pass by themselves or by the operator's hand, and the same request may
succeed later. Everything else (a broken constraint, wrong SQL) goes on as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from store.errors import Unavailable

SQLITE_PASSING = frozenset({5, 6, 7, 8, 10, 13, 14})
"""SQLITE_BUSY LOCKED NOMEM READONLY IOERR FULL CANTOPEN, https://sqlite.org/rescode.html"""
POSTGRESQL_PASSING = ("08", "40", "53", "57", "58")
"""Classes connection, rollback (serialization, deadlock), resources, operator and system,
https://www.postgresql.org/docs/current/errcodes-appendix.html"""
POSTGRESQL_PASSING_CODES = frozenset({"25006", "25P03", "55P03"})
"""read_only_sql_transaction, idle_in_transaction_session_timeout, lock_not_available."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise ``Unavailable`` where the database is locked, full, read-only or away."""
    try:
        yield
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise Unavailable(f"The database does not answer: {reason}") from error


def _reason(error: Exception) -> str | None:
    """The driver's word for a failure that passes, None for every other error."""
    if isinstance(error, PoolTimeout):
        return "no free connection"
    if isinstance(error, DBAPIError):
        if error.connection_invalidated or isinstance(error, InterfaceError):
            return str(error.orig)
        return _reason(error.orig) if isinstance(error.orig, Exception) else None
    if isinstance(error, OSError):  # refused, reset, timed out (TimeoutError is one of them)
        return str(error) or type(error).__name__
    if _passes(error):
        return str(error)
    cause = error.__cause__  # SQLAlchemy's asyncpg adapter wraps the driver's own
    return _reason(cause) if isinstance(cause, Exception) and _is_driver(error) else None


def _passes(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in SQLITE_PASSING
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(POSTGRESQL_PASSING) or state in POSTGRESQL_PASSING_CODES
    module = type(error).__module__
    return module.startswith("asyncpg.") and type(error).__name__ in ("InterfaceError", "InternalClientError")


def _is_driver(error: Exception) -> bool:
    return type(error).__module__.startswith(("asyncpg.", "sqlalchemy."))
