"""The migrated schema is the one that tables.py describes, on both databases."""

from __future__ import annotations

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from store import dialect, migrations
from store.dialect import Database
from store.keyring import Keyring
from store.tables import metadata


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": metadata})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_is_the_one_of_the_tables(db: Database) -> None:
    async with db.reading() as conn:
        assert await conn.run_sync(_differences) == []


async def test_a_migrated_database_is_at_the_head_and_migrating_again_changes_nothing(db: Database) -> None:
    assert await migrations.schema_version(db) == migrations.head()
    await migrations.migrate(db)
    assert await migrations.schema_version(db) == migrations.head()


async def test_hosts_that_start_at_once_migrate_once(empty_url: str, keyring: Keyring) -> None:
    hosts = [await dialect.open(empty_url, keyring) for _ in range(3)]
    assert await migrations.schema_version(hosts[0]) is None
    await asyncio.gather(*(migrations.migrate(host) for host in hosts))
    assert [await migrations.schema_version(host) for host in hosts] == [migrations.head()] * 3
    for host in hosts:
        await host.close()


async def test_ids_of_registrations_are_not_used_again_on_sqlite(sqlite_url: str, keyring: Keyring) -> None:
    opened = await dialect.open(sqlite_url, keyring)
    rows = await opened.fetch("SELECT sql FROM sqlite_master WHERE name = ?1", "registrations")
    await opened.close()
    assert "AUTOINCREMENT" in rows[0][0]
