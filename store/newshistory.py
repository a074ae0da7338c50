"""What a card was told, worked out from its template's news and its own issue: no row is kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from store import tables
from store.dialect import Database
from store.livenews import live_of
from store.tables import cards, news, news_cards

MOST = 50
"""News that an answer shows."""
LOOKED_AT = 500
"""The template's newest, held out and other audiences' among them."""


@dataclass(frozen=True, slots=True)
class Told:
    """A news on the card: its words are today's, after a correction; ``over_at`` None: the card shows it."""

    id: str
    at: datetime
    over_at: datetime | None
    text: Mapping[str, str]
    title: Mapping[str, str]


async def of_card(db: Database, brand_id: int, serial: str) -> tuple[Told, ...]:
    """Newest first; the withdrawn are not there, nor what was over before the card was issued. An unknown card has none."""
    if not tables.is_storable(serial):
        return ()
    own = (
        news_cards.c.card_id.label("listed"),
        news_cards.c.at.label("told_at"),
        news_cards.c.over_at.label("left_at"),
    )
    wanted = select(news, *own).join(cards, cards.c.template_id == news.c.template_id)
    mine = (news_cards.c.news_id == news.c.id) & (news_cards.c.card_id == cards.c.id)
    wanted = wanted.outerjoin(news_cards, mine)
    wanted = wanted.where(cards.c.serial_number == serial, cards.c.brand_id == brand_id)
    wanted = wanted.where(news.c.live_at.is_not(None), news.c.withdrawn_at.is_(None))
    wanted = wanted.where(or_(news_cards.c.wave_at.is_(None), news_cards.c.wave_at <= news.c.wave_at))
    wanted = wanted.where(or_(news.c.over_at.is_(None), news.c.over_at >= cards.c.created_at))
    found: list[Told] = []
    async with db.reading() as conn:
        for row in (await conn.execute(wanted.order_by(news.c.live_at.desc()).limit(LOOKED_AT))).all():
            shown = live_of(row).for_card(serial)
            if shown is not None and (not row.is_listed or row.listed is not None):
                words = row.variants[shown.arm]
                at, over_at = row.told_at or row.live_at, row.left_at or row.over_at
                found.append(Told(row.key, at, over_at, words["text"], words["title"]))
    return tuple(sorted(found, key=lambda one: one.at, reverse=True)[:MOST])
