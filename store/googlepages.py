"""After a publish or a change of the brand: which objects of a class read differently now, page by page.

The place reached is a column of the class's row, moved in the transaction that makes a page's objects due: killed
anywhere, it goes on there; published again on the way, it starts over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import Database, database_now
from store.googlebodies import Shared, cards_by_id, digest, object_of, shared_by_id
from store.googleintents import due_again
from store.jobs import Lane
from store.tables import brands, google_classes, google_objects

AnyRow = Any
"""A row of a SELECT, read by its columns' names."""
PAGE = 100
"""Objects looked at in one transaction: on SQLite that is time of the event loop."""


async def page(db: Database, issuer_id: str) -> bool:
    """Look at the next page of one class of this issuer; False when there is none to look at."""
    if not await db.fetch(_UNFINISHED, issuer_id):
        return False
    async with db.transaction() as conn:
        row = await _class_to_page(conn, issuer_id)
        if row is None:
            return False
        found = await _objects(conn, row)
        now = await database_now(conn)
        klass = (await shared_by_id(db, conn, [row["id"]]))[row["id"]]
        moved = [] if isinstance(klass, Exception) else await _moved(db, conn, klass, found, now)
        if moved:
            again = update(google_objects).where(google_objects.c.id.in_(moved))
            await conn.execute(again.values(**due_again(google_objects, Lane.CAMPAIGN)))
        is_last = len(found) < PAGE or isinstance(klass, Exception)  # a class that cannot be made is published anew
        position = None if is_last else found[-1]["id"]
        mine = update(google_classes).where(google_classes.c.id == row["id"])
        await conn.execute(mine.values(page_position=position))
        return True


_UNFINISHED = "SELECT 1 FROM google_classes WHERE issuer_id = ?1 AND page_position IS NOT NULL LIMIT 1"
"""Asked before each claim, so that it need not begin a transaction for nothing."""


async def _class_to_page(conn: AsyncConnection, issuer_id: str) -> AnyRow | None:
    classes = google_classes.c
    on = select(brands.c.id).where(brands.c.google_mode != "off", brands.c.revoked_at.is_(None))
    unfinished = select(google_classes).where(classes.issuer_id == issuer_id, classes.page_position.is_not(None))
    unfinished = unfinished.where(classes.brand_id.in_(on)).order_by(classes.id).limit(1)
    return (await conn.execute(unfinished.with_for_update(skip_locked=True))).mappings().first()


async def _objects(conn: AsyncConnection, row: AnyRow) -> Sequence[AnyRow]:
    objects = google_objects.c
    after = select(google_objects).where(objects.class_row_id == row["id"], objects.id > row["page_position"])
    after = after.order_by(objects.id).limit(PAGE).with_for_update()
    return (await conn.execute(after)).mappings().all()


async def _moved(
    db: Database, conn: AsyncConnection, klass: Shared, found: Sequence[AnyRow], now: datetime
) -> list[int]:
    """The objects whose body differs from what Google has, or that are on their way with an older one."""
    cards = await cards_by_id(db, conn, [row["card_id"] for row in found])
    moved = []
    for row in found:
        card = cards[row["card_id"]]
        try:
            is_same = (
                not isinstance(card, Exception)
                and row["lease_owner"] is None
                and digest(object_of(db, card, klass, row["object_id"], now)) == row["accepted_digest"]
            )
        except Exception:  # the claim says why on the object's row
            is_same = False
        if not is_same:
            moved.append(row["id"])
    return moved
