"""The database's clock: the one that timers and leases go by, so that hosts need not agree."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement

from store.tables import from_micros


class now_micros(FunctionElement[int]):  # noqa: N801 - reads as an SQL function
    """The database's clock, microseconds since the epoch (SQLite's ticks in milliseconds)."""

    type = BigInteger()
    inherit_cache = True


NOW = {
    "sqlite": "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
}
"""The same for plain SQL, by dialect."""


@compiles(now_micros, "sqlite")
@compiles(now_micros, "postgresql")
def _now(element: now_micros, compiler: SQLCompiler, **options: Any) -> str:
    return NOW[compiler.dialect.name]


async def database_now(conn: AsyncConnection) -> datetime:
    """The database's clock as an aware datetime."""
    return from_micros((await conn.execute(_ASK)).scalar_one())


_ASK = select(now_micros())  # made once: making a statement takes longer than running it
