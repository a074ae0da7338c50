"""Finding cards for people: by number, external id, serial number, phone, or words of the holder's name, the newest first.

What is encrypted is not searched: a phone is found by its digest, whole (``store.phones``), a name by those of its words and
their beginnings (``store.words``).
Cards that try out a draft are nobody's and not listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, false, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import names
from passkit import phones as numbers
from store import phones, tables, words
from store.cardrows import CardRow, CardView, columns, complete, view
from store.dialect import Database
from store.platforms import APPLE
from store.tables import is_storable

PAGE = 50
MAX_TEXT = 200
EXACT = 500
"""Cards of one exact name: an external id may be on a card of each template, a phone on those of a family."""
WALLETS = ("apple", "google", "other", "none")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; empty means any. ``wallet`` is one of ``WALLETS``, ``before`` the last card's id of the page before."""

    text: str = ""
    template: str = ""
    state: str = ""
    wallet: str = ""
    outlet: str = ""
    before: int | None = None


@dataclass(frozen=True, slots=True)
class FoundCard:
    """A card in the list: its holder's name if it has one, and the wallets that have it."""

    card: CardView
    holder: str
    wallets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page; ``before`` leads to the next one, None on the last."""

    cards: tuple[FoundCard, ...]
    before: int | None


async def search(db: Database, brand_id: int, wanted: Wanted, limit: int = PAGE) -> Found:
    """A page of the brand's cards."""
    cards, templates = tables.cards.c, tables.templates.c
    async with db.reading() as conn:
        some = columns().where(cards.brand_id == brand_id, templates.tryout_of.is_(None), *_filters(wanted))
        if wanted.text.strip():
            some = some.where(await _says(db, conn, brand_id, wanted.text.strip()[:MAX_TEXT]))
        rows = (await conn.execute(some.order_by(cards.id.desc()).limit(limit + 1))).mappings().all()
        found = [await complete(db, conn, row) for row in rows[:limit]]
        where = await _wallets(conn, [card.id for card in found])
    listed = tuple(FoundCard(view(db, card), holder(card), where.get(card.id, ())) for card in found)
    return Found(listed, found[-1].id if len(rows) > limit else None)


def holder(card: CardRow) -> str:
    """The first personal text of the card: its holder's name, where it has one."""
    given = card.given
    return next((str(given[name]) for name in names.of_holder(card.revision.template) if given.get(name)), "")


async def outlets(db: Database, brand_id: int) -> Sequence[str]:
    """What the brand's cards name as their outlets, for the filter; of many the first."""
    table = tables.handouts.c
    some = select(table.outlet).where(table.brand_id == brand_id, table.outlet.is_not(None)).distinct()
    async with db.reading() as conn:
        return [str(one) for one in (await conn.execute(some.order_by(table.outlet).limit(200))).scalars()]


async def _says(db: Database, conn: AsyncConnection, brand_id: int, text: str) -> Any:
    """The condition that a card goes by this text: exactly by one of its names, else by words of its holder's."""
    if not is_storable(text):
        return false()
    cards = tables.cards.c
    by_words = words.having_all(db, brand_id, text)
    ids: set[int] = set()
    for condition in await _exactly(db, conn, brand_id, text):
        newest = select(cards.id).where(condition).order_by(cards.id.desc()).limit(EXACT)
        ids |= set((await conn.execute(newest)).scalars())
    if not ids:
        return by_words
    newest = select(cards.id).where(by_words).order_by(cards.id.desc()).limit(EXACT)
    return cards.id.in_(ids | set((await conn.execute(newest)).scalars()))


async def _exactly(db: Database, conn: AsyncConnection, brand_id: int, text: str) -> list[Any]:
    cards, index, brands = tables.cards.c, tables.card_phones.c, tables.brands.c
    plain = "".join(text.split())
    found = [
        and_(cards.brand_id == brand_id, cards.number.in_({text, plain})),
        and_(cards.brand_id == brand_id, cards.external_id == text),
        and_(cards.brand_id == brand_id, cards.serial_number == text),
    ]
    row = (await conn.execute(select(brands.time_zone, brands.languages).where(brands.id == brand_id))).one()
    number = numbers.e164(text, numbers.region_of(row.time_zone, row.languages))
    if number is not None:
        digests = phones.digests(db, brand_id, number)
        known = select(index.card_id).where(index.brand_id == brand_id, index.digest.in_(digests))
        found.append(cards.id.in_(known))
    return found


def _filters(wanted: Wanted) -> list[Any]:
    cards = tables.cards.c
    found: list[Any] = []
    if wanted.template:
        found.append(tables.templates.c.key == wanted.template)
    if wanted.state:
        found.append(cards.state == wanted.state)
    if wanted.outlet:
        found.append(cards.outlet == wanted.outlet)
    if wanted.before is not None:
        found.append(cards.id < wanted.before)
    if wanted.wallet in WALLETS:
        found.append(_in_wallet(wanted.wallet))
    return found


def _in_wallet(wallet: str) -> Any:
    cards, held, device = tables.cards.c, tables.registrations.c, tables.devices.c
    saved = tables.google_objects.c
    on_google = exists().where(saved.card_id == cards.id, saved.present.is_(True))
    on_phone = exists().where(held.card_id == cards.id)
    if wallet == "google":
        return on_google
    if wallet == "none":
        return and_(~on_google, ~on_phone)
    with_device = exists().where(held.card_id == cards.id, device.id == held.device_id)
    return with_device.where(device.platform == APPLE if wallet == "apple" else device.platform != APPLE)


async def _wallets(conn: AsyncConnection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    held, device, saved = tables.registrations.c, tables.devices.c, tables.google_objects.c
    found: dict[int, set[str]] = {}
    phones_ = select(held.card_id, device.platform).join(tables.devices, device.id == held.device_id)
    for row in await conn.execute(phones_.where(held.card_id.in_(ids)).distinct()):
        found.setdefault(row.card_id, set()).add("apple" if row.platform == APPLE else "other")
    on_google = select(saved.card_id).where(saved.card_id.in_(ids), saved.present.is_(True))
    for card_id in (await conn.execute(on_google)).scalars():
        found.setdefault(card_id, set()).add("google")
    return {card_id: tuple(one for one in WALLETS if one in some) for card_id, some in found.items()}
