"""What a change of a card is on Google: whether the object reads differently, and how its holder is told.

Only for cards that have an object. A change that asks to ring and rings on the Apple card notifies here too: by
NOTIFY_ON_UPDATE where a field on Google's allow-list changed, else by a TEXT_AND_NOTIFY message with the lock-screen text
(https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.change import Difference
from passkit.errors import RenderError
from passkit.google.notify import notifiable
from passkit.model import Notify
from store.cardrows import CardRow
from store.dialect import Database
from store.googlebodies import Shared, digest, object_of, shared, shared_columns
from store.googleintents import want_object
from store.tables import google_classes, google_objects
from store.timeline import Line


@dataclass(frozen=True, slots=True)
class Moved:
    """The object reads differently; how the holder is to be told, if at all."""

    update_ring: bool = False
    message_field: str | None = None

    @property
    def says(self) -> str:
        """For the timeline."""
        return "update" if self.update_ring else "message" if self.message_field else "silent"


async def moved(
    db: Database,
    conn: AsyncConnection,
    before: CardRow,
    after: CardRow,
    difference: Difference,
    notify: Notify,
    now: datetime,
) -> Moved | None:
    """What the change does to the card's object; None when it has none, or reads the same."""
    if not before.row.get("on_google"):
        return None
    found = await _shared(db, conn, before.id)
    if found is None:
        return None
    klass, object_id = found
    try:
        is_now = object_of(db, after, klass, object_id, now)
        was = _was(db, before, klass, object_id, now)
    except Exception:  # no reason to refuse the change: the claim says why on the object's row
        return Moved()
    if was is not None and digest(was) == digest(is_now):
        return None
    if notify is not Notify.RING or not difference.ring_candidates:
        return Moved()
    if notifiable(klass.type, was, is_now):
        return Moved(update_ring=True)
    return Moved(message_field=difference.ring_candidates[0])


async def want(conn: AsyncConnection, card: CardRow, change: Moved) -> Line:
    """The intent, and its line for the timeline."""
    await want_object(conn, card.id, update_ring=change.update_ring, message_field=change.message_field)
    return Line(card.row["brand_id"], card.id, "google_queued", {"notify": change.says})


async def _shared(db: Database, conn: AsyncConnection, card_id: int) -> tuple[Shared, str] | None:
    objects = google_objects.c
    mine = select(objects.class_row_id).where(objects.card_id == card_id).scalar_subquery()
    object_id = select(objects.object_id).where(objects.card_id == card_id).scalar_subquery()
    found = shared_columns().add_columns(object_id.label("object_id"))
    row = (await conn.execute(found.where(google_classes.c.id == mine))).mappings().first()
    return None if row is None else (await shared(db, conn, row), row["object_id"])


def _was(db: Database, card: CardRow, klass: Shared, object_id: str, now: datetime) -> Mapping[str, Any] | None:
    try:
        return object_of(db, card, klass, object_id, now)
    except RenderError:  # it could not be shown before: the change mends it
        return None
