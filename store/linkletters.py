"""The link to a card, sent to its holder's phone by the message gateway: by somebody of the brand who asked for it.

A phone does not ring for fun: a card's link goes out ``A_CARD_AN_HOUR`` times at most, a brand's ``A_BRAND_AN_HOUR``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from store import audit, outgoing
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict
from store.locks import lock_external_id
from store.outgoing import Channel, Letter
from store.tables import audit as lines
from store.tables import outgoing as table

KIND = "link"
ACTION = "card.link_sent"
A_CARD_AN_HOUR, A_BRAND_AN_HOUR = 3, 500
HOUR = timedelta(hours=1)
GOOD_FOR = timedelta(hours=1)
"""How long whoever asked for the link still waits for it."""


async def send(db: Database, brand_id: int, number: str, phone: str, text: str, by: Actor, now: datetime) -> int:
    """Queue the link of card ``number`` to ``phone`` (E.164); the letter's id. Conflict ``too_many_links``."""
    async with db.joined() as conn:
        await lock_external_id(conn, brand_id, f"link {number}")
        mine = (lines.c.brand_id == brand_id, lines.c.action == ACTION, lines.c.subject == number)
        to_card = select(func.count()).select_from(lines).where(*mine, lines.c.at > now - HOUR)
        ours = (table.c.brand_id == brand_id, table.c.kind == KIND, table.c.created_at > now - HOUR)
        of_brand = select(func.count()).select_from(table).where(*ours)
        for counted, most in ((to_card, A_CARD_AN_HOUR), (of_brand, A_BRAND_AN_HOUR)):
            if (await conn.execute(counted)).scalar_one() >= most:
                raise Conflict("This link was sent often enough within an hour.", code="too_many_links")
        letter = Letter(KIND, Channel.GATEWAY, phone, text, good_for=GOOD_FOR)
        (letter_id,) = await outgoing.want(db, conn, brand_id, [letter], now)
        await audit.record(db, brand_id, by, ACTION, number, now=now)
        return letter_id
