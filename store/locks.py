"""Locks that several rows or names need, for PostgreSQL; SQLite has one writer at a time, and nobody to wait for.

Who locks more than one thing takes them in one order: the name of a card to come, cards by id, devices by id, push intents,
Google's classes by id, Google's objects by id.
Two transactions that want the same ones then never wait for each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import cards, devices


async def lock_devices(conn: AsyncConnection, device_ids: Collection[int]) -> None:
    """These devices, until the transaction ends."""
    if conn.dialect.name == "postgresql" and len(device_ids) > 1:
        mine = select(devices.c.id).where(devices.c.id.in_(device_ids)).order_by(devices.c.id)
        await conn.execute(mine.with_for_update(key_share=True))


async def lock_external_id(conn: AsyncConnection, brand_id: int, external_id: str) -> None:
    """An external id that may have no card yet: its change and its issue must see each other."""
    if conn.dialect.name == "postgresql":
        digest = hashlib.sha256(f"external id {brand_id} {external_id}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


async def share_cards(conn: AsyncConnection, card_ids: Collection[int]) -> None:
    """These cards may change but not go, until the transaction ends: before rows of Google's that a change locks too."""
    if conn.dialect.name == "postgresql" and card_ids:
        mine = select(cards.c.id).where(cards.c.id.in_(card_ids)).order_by(cards.c.id)
        await conn.execute(mine.with_for_update(read=True, key_share=True))
