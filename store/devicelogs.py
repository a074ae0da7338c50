"""``POST /v1/log``: what phones complain of, a bounded ring, with identifiers and tokens taken out.

The endpoint is open to everyone, so a line is believed in nothing: kept short, and put on a card's timeline only while that
card has few such lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.dialect import Database
from store.timeline import Line, record

KEPT = 10_000
"""Lines kept of all devices."""
LINES_A_CARD = 20
"""Lines a day on one card's timeline."""
MAX_LINE = 500
_SERIAL = re.compile(r"\b[A-Za-z0-9]{22}\b")
_PASS_TYPE = re.compile(r"\bpass\.[A-Za-z0-9.-]{1,190}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,32}\.[0-9]+\.[A-Za-z0-9_-]{43}|(?<=/i/)[A-Za-z0-9_-]{20,}")
_DEVICE = re.compile(r"\b[0-9A-Fa-f]{32,}\b|(?<=device )[^,;\s]+")


async def log(db: Database, messages: Sequence[str], now: datetime, *, kept: int = KEPT) -> None:
    """Keep these lines; past ``kept`` the oldest go."""
    lines = [scrubbed(db, message)[:MAX_LINE] for message in messages]
    if not lines:
        return
    table = tables.device_logs
    async with db.transaction() as conn:
        newest = 0
        for line in lines:
            card = await _card(conn, line)
            pass_type = _PASS_TYPE.search(line)
            values = {"at": now, "message": line, "pass_type_identifier": pass_type[0] if pass_type else None}
            card_id = card[0] if card else None
            added = await conn.execute(insert(table).values(**values, card_id=card_id).returning(table.c.id))
            newest = added.scalar_one()
            if card and await _has_room(conn, card[0], now):
                await record(db, conn, [Line(card[1], card[0], "log", {"message": line})], now)
        await conn.execute(delete(table).where(table.c.id <= newest - kept))


async def recent(db: Database, limit: int = 200) -> list[tuple[datetime, str]]:
    """The newest lines first."""
    table = tables.device_logs
    async with db.reading() as conn:
        rows = await conn.execute(select(table.c.at, table.c.message).order_by(table.c.id.desc()).limit(limit))
        return [(row.at, row.message) for row in rows]


def scrubbed(db: Database, message: str) -> str:
    """The line without tokens, and with a short hash for each device identifier: lines of one phone stay together."""
    text = _SECRET.sub("(token)", message)
    return _DEVICE.sub(lambda found: "~" + db.keyring.digest("device", found[0])[:8], text)


async def _card(conn: AsyncConnection, line: str) -> tuple[int, int] | None:
    serials = set(_SERIAL.findall(line))
    if not serials:
        return None
    cards = tables.cards.c
    wanted = select(cards.id, cards.brand_id).where(cards.serial_number.in_(serials)).limit(1)
    row = (await conn.execute(wanted)).first()
    return (row.id, row.brand_id) if row else None


async def _has_room(conn: AsyncConnection, card_id: int, now: datetime) -> bool:
    table = tables.timeline.c
    today = (table.card_id == card_id, table.kind == "log", table.at > now - timedelta(days=1))
    count = (await conn.execute(select(func.count()).where(*today))).scalar_one()
    return bool(count < LINES_A_CARD)
