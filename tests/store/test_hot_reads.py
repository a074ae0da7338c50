"""The two hot reads look up by index, whatever the databases know of their tables' sizes."""

from __future__ import annotations

import asyncpg
import pytest

from store import hotreads, listing, serving
from store.errors import Unavailable


async def plan(db, sql: str, *parameters: str) -> str:
    """How the database would run this on a reading connection, in its own words."""
    if not db.is_postgresql:
        return "\n".join(row[3] for row in await db.fetch(f"EXPLAIN QUERY PLAN {sql}", *parameters))
    url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(url, server_settings=hotreads.SETTINGS)
    rows = await connection.fetch(f"EXPLAIN {sql.replace('?', '$')}", *parameters)
    await connection.close()
    return "\n".join(row[0] for row in rows)


async def test_a_list_finds_its_device_by_the_hash_and_scans_nothing(db, card, phone) -> None:
    await phone().register(card.serial_number)
    shown = await plan(db, listing._select(1, db.engine.dialect.name), "pass.com.example.coffee", "f" * 64)
    assert "Seq Scan" not in shown
    assert "SCAN" not in shown
    wanted = (
        "uq_devices_device_hash"
        if db.is_postgresql
        else "SEARCH d USING COVERING INDEX sqlite_autoindex_devices_1 (device_hash=?"
    )
    assert wanted in shown


async def test_a_fetch_finds_its_card_by_the_serial_number_and_scans_nothing(db, card) -> None:
    shown = await plan(db, serving._SELECT[db.engine.dialect.name], card.serial_number, "pass.com.example.coffee")
    assert "Seq Scan" not in shown
    assert "SCAN" not in shown
    assert ("uq_cards_serial_number" if db.is_postgresql else "(serial_number=?)") in shown


async def test_reading_connections_cannot_write(db, card) -> None:
    with pytest.raises(Unavailable):
        await db.fetch("DELETE FROM cards RETURNING id")
    assert (await db.fetch("SELECT count(*) FROM cards"))[0][0] == 1
