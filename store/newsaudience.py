"""Whom a news reaches: everyone on a template, or the cards that fit its conditions, found page by page.

A card's data is encrypted, so conditions are looked at card by card; a page is a short transaction, and between two of them
others have their turn.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.audience import Audience, Facts, parse
from store import compiled, consents, newscaps, newsrules, newswaves
from store.cardrows import CardRow, load
from store.dialect import Database
from store.googleledger import LIMIT, recent
from store.livenews import Live
from store.newsrules import Rules
from store.platforms import APPLE
from store.tables import brands, cards, devices, google_objects, registrations, templates

PAGE = 500
"""Cards looked at in one transaction: on SQLite that is time of the event loop."""
DEVICES = 5_000
SAMPLES = 200
"""Cards kept of a walk, for who wants to look at a few of them."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a news finds. ``cards`` are in its audience, ``holdout`` of them are not told, ``no_consent`` would be but for that.

    ``iphones`` and ``other_phones`` are phones that get a push, ``google`` objects in a wallet, ``google_silent`` of those have
    had their three notifications today, ``capped`` cards as many news as they may be rung for: they show it silently.
    ``parked``: phones that the vendor no longer takes; ``not_installed``: cards. Of ``hour_gone`` cards the holders' clocks are
    past the hour of a news that goes by them: they are not told.
    """

    cards: int = 0
    holdout: int = 0
    no_consent: int = 0
    iphones: int = 0
    other_phones: int = 0
    google: int = 0
    google_silent: int = 0
    parked: int = 0
    not_installed: int = 0
    capped: int = 0
    hour_gone: int = 0

    def __add__(self, other: Reach) -> Reach:
        """Two parts of one audience."""
        return Reach(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def targets(self) -> int:
        """Pushes and Google objects."""
        return self.iphones + self.other_phones + self.google


@dataclass(slots=True)
class Found:
    """What a walk over the audience has come to."""

    reach: Reach = field(default_factory=Reach)
    samples: list[CardRow] = field(default_factory=list)
    zones: Counter[str | None] = field(default_factory=Counter)
    """Cards that are told, by their holders' time zones; None: nobody has said."""
    _devices: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A news as far as its audience goes."""

    template_id: int
    live: Live
    conditions: Audience | None
    is_marketing: bool
    topic: str | None = None
    row: Any = None
    rules: Rules | None = None

    @property
    def is_listed(self) -> bool:
        """Whether its cards have to be listed one by one."""
        return self.conditions is not None or self.is_marketing


async def wanted(db: Database, conn: AsyncConnection, row: Any, live: Live) -> Wanted:
    """The audience of a news's row; raises ``NotAnAudience`` when the template has changed so that it fits no more."""
    conditions = None
    if row.audience is not None:
        published = select(templates.c.published_revision_id, brands.c.stamp)
        published = published.join(brands, brands.c.id == templates.c.brand_id).where(templates.c.id == row.template_id)
        revision_id, stamp = (await conn.execute(published)).one()
        revision = await compiled.revision(db, conn, revision_id=revision_id, brand_stamp=stamp)
        conditions = parse(row.audience, revision.template)
    rules = await newsrules.of_brand(conn, row.brand_id)
    return Wanted(row.template_id, live, conditions, row.kind == "marketing", row.topic, row, rules)


async def look(db: Database, news: Wanted, now: datetime, found: Found | None = None) -> Found:
    """Count the audience as it is now, with a few of its cards; ``found`` is what somebody watches meanwhile."""
    found, after = found or Found(), 0
    while True:
        async with db.reading() as conn:
            page = await candidates(db, conn, news.template_id, after)
            fit, refused = await _fitting(conn, news, page, now)
            await _add(conn, found, news, fit, refused, now)
        if len(page) < PAGE:
            return found
        after = page[-1].id
        await asyncio.sleep(0)


async def candidates(db: Database, conn: AsyncConnection, template_id: int, after: int) -> list[CardRow]:
    """The next page of a template's cards, by id."""
    return await load(db, conn, (cards.c.template_id == template_id) & (cards.c.id > after), limit=PAGE)


async def fitting(conn: AsyncConnection, news: Wanted, page: Sequence[CardRow], now: datetime) -> list[CardRow]:
    """Of a page of cards those that the news is for, the held out among them."""
    return (await _fitting(conn, news, page, now))[0]


async def capped(conn: AsyncConnection, news: Wanted, fit: Sequence[CardRow], now: datetime) -> frozenset[int]:
    """Of cards that fit those that it must not ring."""
    if news.rules is None:
        return frozenset()
    at = max(news.row.starts_at or now, now)
    return await newscaps.capped(conn, news.rules, news.row, [card.id for card in fit], at)


async def _fitting(
    conn: AsyncConnection, news: Wanted, page: Sequence[CardRow], now: datetime
) -> tuple[list[CardRow], int]:
    """Those that fit, and how many more would if they agreed to marketing."""
    if not news.is_listed or not page:
        return list(page), 0
    active = [card for card in page if card.row["state"] == "active"]
    if news.conditions is not None:
        wallets = await _wallets(conn, [card.id for card in active])
        active = [card for card in active if news.conditions.holds(_facts(card, wallets), now)]
    if not news.is_marketing:
        return active, 0
    agreed = await consents.agreed(conn, [card.id for card in active], news.topic)
    return [card for card in active if card.id in agreed], len(active) - len(agreed)


def _facts(card: CardRow, wallets: dict[int, set[str]]) -> Facts:
    row = card.row
    return Facts(
        card.values, row["tags"], row["outlet"], row["created_at"], row["updated_at"], wallets.get(card.id, set())
    )


async def _wallets(conn: AsyncConnection, card_ids: Collection[int]) -> dict[int, set[str]]:
    held: dict[int, set[str]] = {}
    if card_ids:
        phones = select(registrations.c.card_id, devices.c.platform)
        phones = phones.join(devices, devices.c.id == registrations.c.device_id)
        for row in await conn.execute(phones.where(registrations.c.card_id.in_(card_ids))):
            held.setdefault(row.card_id, set()).add("apple" if row.platform == APPLE else "other")
        objects = select(google_objects.c.card_id).where(google_objects.c.present.is_(True))
        for card_id in (await conn.execute(objects.where(google_objects.c.card_id.in_(card_ids)))).scalars():
            held.setdefault(card_id, set()).add("google")
    return held


async def _add(
    conn: AsyncConnection, found: Found, news: Wanted, fit: Sequence[CardRow], refused: int, now: datetime
) -> None:
    told = [card for card in fit if news.live.for_card(card.row["serial_number"])]
    found.samples += told[: SAMPLES - len(found.samples)]
    found.zones.update(card.row["time_zone"] for card in told)
    found.reach += Reach(cards=len(fit), holdout=len(fit) - len(told), no_consent=refused)
    if news.row is not None and newswaves.goes_by_holders(news.row) and news.rules is not None:
        clock, all_ = newswaves.Clock(news.row, news.rules, now), len(told)
        told = [card for card in told if not clock.of(card.row["time_zone"])[1]]
        found.reach += Reach(hour_gone=all_ - len(told))
    if not told:
        return
    ids = [card.id for card in told]
    found.reach += Reach(capped=len(await capped(conn, news, told, now)))
    held = select(registrations.c.card_id, devices.c.id, devices.c.platform, devices.c.state)
    held = held.join(devices, devices.c.id == registrations.c.device_id).where(registrations.c.card_id.in_(ids))
    installed: set[int] = set()
    phones = {"iphones": 0, "other_phones": 0, "parked": 0}
    for row in await conn.execute(held):
        installed.add(row.card_id)
        if row.id not in found._devices:  # a phone with two of the cards is rung once
            found._devices.add(row.id)
            kind = "parked" if row.state != "active" else "iphones" if row.platform == APPLE else "other_phones"
            phones[kind] += 1
    objects = select(google_objects.c.card_id, google_objects.c.messages_at)
    objects = objects.where(google_objects.c.card_id.in_(ids), google_objects.c.present.is_(True))
    silent = google = 0
    for one in await conn.execute(objects):
        installed.add(one.card_id)
        google += 1
        silent += len(recent(one.messages_at, now)) >= LIMIT
    found.reach += Reach(**phones, google=google, google_silent=silent, not_installed=len(told) - len(installed))


async def count_devices(db: Database, news: Wanted, pass_type: str, now: datetime) -> int:
    """(device, pass type) pairs that a fan-out will meet, counted page by page."""
    if news.is_listed or news.live.holdout:
        reach = (await look(db, news, now)).reach
        return reach.iphones + reach.other_phones
    total, after = 0, 0
    template_of = select(cards.c.template_id).where(cards.c.id == registrations.c.card_id).scalar_subquery()
    holds = select(registrations.c.id).where(registrations.c.device_id == devices.c.id, template_of == news.template_id)
    while True:
        page = select(devices.c.id, devices.c.state, holds.exists().label("holds"))
        page = page.where(devices.c.pass_type_identifier == pass_type, devices.c.id > after)
        async with db.reading() as conn:
            rows = (await conn.execute(page.order_by(devices.c.id).limit(DEVICES))).all()
        total += sum(1 for row in rows if row.holds and row.state == "active")
        if len(rows) < DEVICES:
            return total
        after = rows[-1].id
        await asyncio.sleep(0)
