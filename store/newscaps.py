"""How many news a card may be rung for: who has had as many as the brand's rule allows shows the next one silently.

Counted are news of the kinds that the rule is for, which the card was told aloud in the days before the news begins. A news
under the rule lists its cards, so that whom it rings is written down once, when it is started (``news_cards.capped``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.arms import arm
from store.newsrules import Rules
from store.tables import Instant, cards, news, news_cards, trigger_firings, triggers

COUNTING = ("scheduled", "running", "paused", "done", "cancelled")
"""States of news that have begun, or that will without being asked."""


async def capped(
    conn: AsyncConnection, rules: Rules, row: Any, card_ids: Sequence[int], at: datetime
) -> frozenset[int]:
    """Of these cards those that a news (its row) that begins at this moment must not ring."""
    if not rules.caps(row.kind) or not card_ids:
        return frozenset()
    told: Counter[int] = Counter()
    serials = select(cards.c.id, cards.c.serial_number, cards.c.created_at).where(cards.c.id.in_(card_ids))
    held = {card.id: card for card in await conn.execute(serials)}
    found = (await conn.execute(_before(rules, row, at))).all()
    listed = await _listed(conn, [one.id for one in found if one.is_listed], card_ids)
    for card_id in await _set_off(conn, rules, row, card_ids, at):
        told[card_id] += 1
    for one in found:
        shares = tuple(variant.get("share", 1) for variant in one.variants)
        mine = listed.get(one.id, ()) if one.is_listed else [id_ for id_, card in held.items() if _was_there(card, one)]
        told.update(id_ for id_ in mine if arm(one.key, held[id_].serial_number, one.holdout, shares) is not None)
    return frozenset(id_ for id_, times in told.items() if times >= rules.cap)


def _before(rules: Rules, row: Any, at: datetime) -> Any:
    """Other news on the template that began, or are to begin, within the rule's days before."""
    began = func.coalesce(news.c.live_at, news.c.starts_at, news.c.updated_at, type_=Instant())
    begun = or_(news.c.live_at.is_not(None), and_(news.c.state.in_(COUNTING[:3]), news.c.missed.is_(False)))
    near = and_(began > at - rules.cap_within, began <= at)
    wanted = select(news).where(news.c.template_id == row.template_id, news.c.id != row.id, begun, near)
    wanted = wanted.where(news.c.trigger_id.is_(None))
    return wanted.where(news.c.kind.in_(rules.cap_kinds), news.c.state.in_(COUNTING))


async def _set_off(
    conn: AsyncConnection, rules: Rules, row: Any, card_ids: Sequence[int], at: datetime
) -> Sequence[int]:
    """Of these cards those that a trigger has rung within the rule's days, once for each time."""
    kinds = select(triggers.c.id).join(news, news.c.id == triggers.c.news_id)
    kinds = kinds.where(triggers.c.template_id == row.template_id, news.c.kind.in_(rules.cap_kinds))
    table = trigger_firings.c
    near = (table.at > at - rules.cap_within, table.at <= at)
    rung = select(table.card_id).where(table.trigger_id.in_(kinds), table.card_id.in_(card_ids), *near)
    return (await conn.execute(rung.where(table.outcome == "told"))).scalars().all()


def _was_there(card: Any, one: Any) -> bool:
    return one.over_at is None or card.created_at <= one.over_at


async def _listed(conn: AsyncConnection, news_ids: Sequence[int], card_ids: Sequence[int]) -> dict[int, list[int]]:
    """News id -> those of these cards that it rang."""
    rang = select(news_cards.c.news_id, news_cards.c.card_id).where(news_cards.c.capped.is_(False))
    rang = rang.where(news_cards.c.news_id.in_(news_ids), news_cards.c.card_id.in_(card_ids))
    found: dict[int, list[int]] = {}
    for one in await conn.execute(rang):
        found.setdefault(one.news_id, []).append(one.card_id)
    return found
