"""Everything that happened to one card, as encrypted lines.

Kinds: ``issued changed published voided registered unregistered evicted queued pushed listed fetched log``, and of Google
``google_queued google_accepted google_waits google_refused google_saved google_deleted``. A line's
detail holds names, values and vendors' words, so it is encrypted; what is asked of the database (card, device, time,
kind) is not. ``read`` answers ``GET /api/v1/cards/{serial}/timeline``; the sentence it ends in is made by
``store.diagnosis``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.clock import database_now
from store.diagnosis import Diagnosis, Holder, diagnosis
from store.errors import NotFound
from store.googlediagnosis import google_diagnosis

if TYPE_CHECKING:
    from store.dialect import Database

PURPOSE = "timeline"
LIMIT = 500
"""The newest lines that an answer shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to be written; ``detail`` is JSON values."""

    brand_id: int
    card_id: int
    kind: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    device_id: int | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A line as it was written; ``device`` is our number of the phone, never its identifier."""

    at: datetime
    kind: str
    detail: Mapping[str, Any]
    device: int | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A card's lines, oldest first, the phones that hold it, and the sentence it all comes to."""

    entries: tuple[TimelineEntry, ...]
    holders: tuple[Holder, ...]
    diagnosis: Diagnosis


async def record(db: Database, conn: AsyncConnection, lines: Sequence[Line], now: datetime) -> None:
    """Write lines in the caller's transaction."""
    if not lines:
        return
    rows = [
        {
            "brand_id": line.brand_id,
            "card_id": line.card_id,
            "device_id": line.device_id,
            "at": now,
            "kind": line.kind,
            "detail_encrypted": db.keyring.encrypt(PURPOSE, orjson.dumps(dict(line.detail))) if line.detail else b"",
        }
        for line in lines
    ]
    await conn.execute(insert(tables.timeline), rows)


async def read(db: Database, brand_id: int, serial: str, now: datetime | None = None) -> Timeline:
    """The card's newest lines, oldest first, with the diagnosis; NotFound in another brand.

    ``now`` is the database's clock unless given: the lines were written by it.
    """
    async with db.reading() as conn:
        now = now or await database_now(conn)
        mine = (tables.cards.c.brand_id == brand_id, tables.cards.c.serial_number == serial)
        found = select(tables.cards.c.id).where(*mine)
        card_id = (await conn.execute(found)).scalar_one_or_none() if tables.is_storable(serial) else None
        if card_id is None:
            raise NotFound("There is no card with this serial number.", code="card_not_found")
        entries = await _entries(db, conn, card_id)
        holders = await _holders(conn, card_id)
    on_google = google_diagnosis(entries, on_phones=bool(holders), now=now)
    return Timeline(entries, holders, on_google or diagnosis(entries, holders, now))


async def _entries(db: Database, conn: AsyncConnection, card_id: int) -> tuple[TimelineEntry, ...]:
    table = tables.timeline
    newest = select(table).where(table.c.card_id == card_id).order_by(table.c.id.desc()).limit(LIMIT)
    rows = reversed((await conn.execute(newest)).all())
    return tuple(TimelineEntry(row.at, row.kind, _detail(db, row.detail_encrypted), row.device_id) for row in rows)


def _detail(db: Database, sealed: bytes) -> dict[str, Any]:
    detail: dict[str, Any] = orjson.loads(db.keyring.decrypt(PURPOSE, sealed)) if sealed else {}
    return detail


async def _holders(conn: AsyncConnection, card_id: int) -> tuple[Holder, ...]:
    device, registration = tables.devices.c, tables.registrations.c
    held = (
        select(device.id, device.platform, device.state, device.state_reason, device.accepted_at, device.listed_at)
        .add_columns(registration.created_at.label("since"))
        .join(tables.registrations, registration.device_id == device.id)
        .where(registration.card_id == card_id)
        .order_by(device.id)
    )
    return tuple(Holder(**row) for row in (await conn.execute(held)).mappings())
