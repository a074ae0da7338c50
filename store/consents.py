"""What a card's holder agreed to: which of the two, when, where, and the exact words that were shown.

A wording is kept once for each brand, kind and language, with a version that counts up; the newest row of a kind holds.
Of marketing there may be a word about one topic, beside the word about all of it (``agreed``).
Nothing here is ever changed: taking back is a row of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.joinform import Asked
from store import audit, newsobjects
from store.audit import Actor
from store.cardrows import CardView
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.jobs import want_card
from store.problems import problem
from store.tables import brands, cards, news, news_cards
from store.tables import consent_wordings as wordings
from store.tables import consents as table
from store.upserts import insert_into

MARKETING = "marketing"
STUDIO = "studio"
"""The place of an answer that one of the brand has noted."""
MIN_REASON, MAX_REASON = 3, 500


@dataclass(frozen=True, slots=True)
class Consent:
    """The newest answer of a kind: to which words, in which version, given or not."""

    kind: str
    given: bool
    at: datetime
    place: str
    language: str
    version: int
    text: str
    link: str | None = None
    topic: str | None = None

    @property
    def asked(self) -> Asked:
        """The same words once more: what is taken back is what was read."""
        return Asked(self.kind, self.text, self.link, self.language, self.topic)


async def record(
    db: Database,
    conn: AsyncConnection,
    brand_id: int,
    card_id: int,
    asked: Sequence[Asked],
    given: Collection[str],
    place: str,
    now: datetime,
) -> None:
    """Write the answers to what was asked; ``given`` are the kinds that were ticked."""
    for one in asked:
        wording = await _wording(db, conn, brand_id, one, now)
        values = {"brand_id": brand_id, "card_id": card_id, "kind": one.kind, "topic": one.topic, "wording_id": wording}
        await conn.execute(insert(table).values(**values, given=one.kind in given, place=place, at=now))
        if one.kind == MARKETING and one.kind not in given:
            await _leave_marketing(conn, card_id, one.topic)


async def of_card(db: Database, card_id: int) -> Mapping[str, Consent]:
    """By kind the newest answer of a card's holder about all of it; a kind that nobody was asked is not there."""
    return {one.kind: one for one in await history(db, card_id) if one.topic is None}


async def choose_topic(
    db: Database, brand_id: int, card_id: int, topic: str, *, given: bool, place: str, now: datetime
) -> None:
    """The holder wants marketing about this topic, or no more of it; in the words that they agreed to. Conflict without any."""
    known = (await of_card(db, card_id)).get(MARKETING)
    if known is None:
        raise Conflict("Nobody has asked this holder about marketing.", code="consent_not_given")
    asked = replace(known.asked, topic=topic)
    async with db.transaction() as conn:
        await record(db, conn, brand_id, card_id, [asked], {MARKETING} if given else (), place, now)


async def agreed(conn: AsyncConnection, card_ids: Collection[int], topic: str | None) -> set[int]:
    """Cards whose holder agrees to marketing about this topic.

    The newest word about the topic decides, unless all marketing was refused after it; without one the newest about all of it.
    """
    if not card_ids:
        return set()
    about = table.c.topic.is_(None) if topic is None else or_(table.c.topic.is_(None), table.c.topic == topic)
    mine = (table.c.card_id.in_(card_ids), table.c.kind == MARKETING, about)
    newest = select(func.max(table.c.id)).where(*mine).group_by(table.c.card_id, table.c.topic)
    said: dict[int, dict[bool, tuple[int, bool]]] = {}
    rows = select(table.c.id, table.c.card_id, table.c.topic, table.c.given).where(table.c.id.in_(newest))
    for row in await conn.execute(rows):
        said.setdefault(row.card_id, {})[row.topic is None] = (row.id, row.given)
    return {card_id for card_id, words in said.items() if _stands(words.get(True), words.get(False))}


def _stands(about_all: tuple[int, bool] | None, about_it: tuple[int, bool] | None) -> bool:
    if about_it is None:
        return about_all is not None and about_all[1]
    is_refused_since = about_all is not None and not about_all[1] and about_all[0] > about_it[0]
    return about_it[1] and not is_refused_since


async def history(db: Database, card_id: int) -> list[Consent]:
    """Every answer of a card's holder, the newest last."""
    said = (wordings.c.language, wordings.c.version, wordings.c.text, wordings.c.link, table.c.topic)
    some = select(table.c.kind, table.c.given, table.c.at, table.c.place, *said)
    some = some.join(wordings, wordings.c.id == table.c.wording_id).where(table.c.card_id == card_id)
    async with db.reading() as conn:
        return [Consent(*row) for row in await conn.execute(some.order_by(table.c.id))]


async def answer(
    db: Database, brand_id: int, card_id: int, asked: Sequence[Asked], given: Collection[str], place: str, now: datetime
) -> None:
    """``record`` in a transaction of its own, for what was not answered the same way before."""
    known = await of_card(db, card_id)
    changed = [one for one in asked if one.kind not in known or known[one.kind].given != (one.kind in given)]
    async with db.transaction() as conn:
        await record(db, conn, brand_id, card_id, changed, given, place, now)


async def withdraw(
    db: Database, brand_id: int, card: CardView, kind: str, reason: str, by: Actor, now: datetime
) -> None:
    """What a holder took back in person or in writing, noted by one of the brand with how it came. Invalid; Conflict."""
    reason = " ".join(reason.split())
    if not MIN_REASON <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise Invalid([problem("/reason", "A reason is needed here.", f"{MIN_REASON} to {MAX_REASON} characters.")])
    async with db.joined() as conn:
        known = (await of_card(db, card.card_id)).get(kind)
        if known is None or not known.given:
            raise Conflict("This consent is not given.", code="consent_not_given")
        await record(db, conn, brand_id, card.card_id, [known.asked], (), STUDIO, now)
        told = {"reason": reason, "kind": kind}
        await audit.record(db, brand_id, by, "card.consent_withdrawn", card.number, now=now, **told)


async def _leave_marketing(conn: AsyncConnection, card_id: int, topic: str | None) -> None:
    """News of that kind, or of the topic, leave the card and Google's object silently; the phone is asked to come."""
    mine = select(news.c.id).join(news_cards, news_cards.c.news_id == news.c.id)
    mine = mine.where(news_cards.c.card_id == card_id, news.c.kind == MARKETING)
    if topic is not None:
        mine = mine.where(news.c.topic == topic)
    ids = sorted((await conn.execute(mine)).scalars())
    if not ids:
        return
    await newsobjects.leave_card(conn, card_id, ids)
    await conn.execute(delete(news_cards).where(news_cards.c.card_id == card_id, news_cards.c.news_id.in_(ids)))
    of_card_ = select(brands.c.id, brands.c.pass_type_identifier).join(cards, cards.c.brand_id == brands.c.id)
    brand = (await conn.execute(of_card_.where(cards.c.id == card_id))).one()
    pass_type = brand.pass_type_identifier
    await want_card(conn, brand_id=brand.id, pass_type_identifier=pass_type, card_id=card_id)


async def _wording(db: Database, conn: AsyncConnection, brand_id: int, asked: Asked, now: datetime) -> int:
    digest = hashlib.sha256(f"{asked.text}\0{asked.link or ''}".encode("utf-8", "surrogatepass")).hexdigest()
    mine = (wordings.c.brand_id == brand_id, wordings.c.kind == asked.kind, wordings.c.language == asked.language)
    known = select(wordings.c.id).where(*mine, wordings.c.hash == digest)
    found = (await conn.execute(known)).scalar_one_or_none()
    if found is not None:
        return int(found)
    newest = (await conn.execute(select(func.max(wordings.c.version)).where(*mine))).scalar() or 0
    row = insert_into(wordings, is_postgresql=db.is_postgresql).values(
        brand_id=brand_id,
        kind=asked.kind,
        language=asked.language,
        version=newest + 1,
        hash=digest,
        text=asked.text,
        link=asked.link,
        at=now,
    )
    await conn.execute(row.on_conflict_do_nothing())
    return int((await conn.execute(known)).scalar_one())
