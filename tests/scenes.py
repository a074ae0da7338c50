"""What a fixture arranges for many tests is arranged once, and laid into their empty databases row by row.

To publish a template takes 40 ms of the processor, to lay its rows 3. Whoever arranges something uses the store's own operations;
what is laid later is what they have written, and the open database remembers what was compiled for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.render import Revision
from store import compiled
from store.dialect import Database
from store.tables import metadata

T = TypeVar("T")
TABLES = tuple(table.name for table in metadata.sorted_tables)
"""Parents before children."""


@dataclass(frozen=True)
class Scene:
    """What whoever arranged it knows of it, the rows of each table that has any, and the revisions that are ready."""

    value: Any
    rows: dict[str, Any]
    revisions: dict[compiled.Key, Revision]


_SCENES: dict[Hashable, Scene] = {}


async def laid(db: Database, name: Hashable, arrange: Callable[[], Awaitable[T]]) -> T:
    """What ``arrange`` answers; it runs for the first empty database of each kind, the others get the same rows."""
    key = name, db.is_postgresql
    read, write = (_read_json, _write_json) if db.is_postgresql else (_read, _write)
    if (scene := _SCENES.get(key)) is None:
        value = await arrange()
        async with db.reading() as conn:
            found = {table: await read(conn, table) for table in TABLES}
        rows = {table: content for table, content in found.items() if content}
        scene = _SCENES[key] = Scene(value, rows, dict(db.kept(compiled.Cache)._ready))
        return value
    async with db.transaction() as conn:
        await write(conn, scene.rows)
    for revision, ready in scene.revisions.items():
        db.kept(compiled.Cache).put(revision, ready)
    return scene.value


async def _read(conn: AsyncConnection, table: str) -> list[tuple[Any, ...]]:
    return [*map(tuple, await conn.exec_driver_sql(f"SELECT * FROM {table}"))]


async def _write(conn: AsyncConnection, rows: dict[str, Any]) -> None:
    for table, those in rows.items():
        places = ", ".join("?" for _ in those[0])
        await conn.exec_driver_sql(f"INSERT INTO {table} VALUES ({places})", those)


async def _read_json(conn: AsyncConnection, table: str) -> str | None:
    """PostgreSQL writes all its types into JSON and reads them out of it again."""
    return (await conn.exec_driver_sql(f"SELECT jsonb_agg(to_jsonb({table}))::text FROM {table}")).scalar()


async def _write_json(conn: AsyncConnection, rows: dict[str, Any]) -> None:
    script = "; ".join(
        f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(null::{table}, $scene${those}$scene$)"
        for table, those in rows.items()
    )
    driver = (await conn.get_raw_connection()).driver_connection
    await driver.execute(script)
