"""Who a news would reach, or not, one by one and masked: what each number of its review opens."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newsaudience
from store.cardrows import CardRow
from store.dialect import Database
from store.googleledger import LIMIT, recent
from store.news import needed, wanted_of
from store.newsaudience import Wanted
from store.platforms import APPLE
from store.tables import devices, google_objects, registrations

GROUPS = (
    "cards",
    "iphones",
    "other_phones",
    "google",
    "google_silent",
    "no_consent",
    "holdout",
    "parked",
    "not_installed",
)
"""As the figures of ``newsaudience.Reach``."""
ON_A_PAGE = 50
LOOKED_AT = 40
"""Pages of cards looked at for one page of people."""


@dataclass(frozen=True, slots=True)
class Member:
    """A card of a group, its holder masked; ``serial`` leads to its page."""

    serial: str
    number: str
    language: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class People:
    """A page of a group; ``after`` asks for the next, None: this was the last."""

    members: tuple[Member, ...]
    after: int | None


async def members(db: Database, brand_id: int, key: str, group: str, *, after: int, now: datetime) -> People:
    """Those of a group behind this card's id, as the draft is saved now."""
    async with db.reading() as conn:
        wanted = await wanted_of(db, conn, await needed(conn, brand_id, key), now)
    found: list[Member] = []
    for _ in range(LOOKED_AT):
        async with db.reading() as conn:
            page = await newsaudience.candidates(db, conn, wanted.template_id, after)
            for card in await _of_group(conn, wanted, page, group, now):
                found.append(_member(card))
                if len(found) == ON_A_PAGE:
                    return People(tuple(found), card.id)
        if len(page) < newsaudience.PAGE:
            return People(tuple(found), None)
        after = page[-1].id
        await asyncio.sleep(0)
    return People(tuple(found), after)


async def _of_group(
    conn: AsyncConnection, wanted: Wanted, page: list[CardRow], group: str, now: datetime
) -> list[CardRow]:
    fit = await newsaudience.fitting(conn, wanted, page, now)
    if group == "cards":
        return fit
    if group == "no_consent":
        agree = {card.id for card in fit}
        everybody = Wanted(wanted.template_id, wanted.live, wanted.conditions, is_marketing=False)
        asked = await newsaudience.fitting(conn, everybody, page, now)
        return [card for card in asked if card.id not in agree and card.row["state"] == "active"]
    is_held = {card.id: wanted.live.for_card(card.row["serial_number"]) is None for card in fit}
    if group == "holdout":
        return [card for card in fit if is_held[card.id]]
    told = [card for card in fit if not is_held[card.id]]
    where = await _where(conn, [card.id for card in told], now)
    if group == "not_installed":
        return [card for card in told if not where.get(card.id)]
    return [card for card in told if group in where.get(card.id, ())]


async def _where(conn: AsyncConnection, ids: Collection[int], now: datetime) -> dict[int, set[str]]:
    """The groups of each card by what holds it."""
    found: dict[int, set[str]] = {}
    if not ids:
        return found
    held = select(registrations.c.card_id, devices.c.platform, devices.c.state)
    held = held.join(devices, devices.c.id == registrations.c.device_id).where(registrations.c.card_id.in_(ids))
    for row in await conn.execute(held):
        kind = "parked" if row.state != "active" else "iphones" if row.platform == APPLE else "other_phones"
        found.setdefault(row.card_id, set()).add(kind)
    objects = select(google_objects.c.card_id, google_objects.c.messages_at)
    objects = objects.where(google_objects.c.card_id.in_(ids), google_objects.c.present.is_(True))
    for one in await conn.execute(objects):
        silent = {"google_silent"} if len(recent(one.messages_at, now)) >= LIMIT else set()
        found.setdefault(one.card_id, set()).update({"google"} | silent)
    return found


def _member(card: CardRow) -> Member:
    row = card.row
    language = card.revision.template.language(row["language"])
    return Member(row["serial_number"], "•••• " + row["number"][-4:], language, row["created_at"])
