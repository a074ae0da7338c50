"""What a card's holder agreed to: which of the two, when, where, and the exact words that were shown.

A wording is kept once for each brand, kind and language, with a version that counts up; the newest row of a kind holds.
Nothing here is ever changed: taking back is a row of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.joinform import Asked
from store import audit
from store.audit import Actor
from store.cardrows import CardView
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.problems import problem
from store.tables import consent_wordings as wordings
from store.tables import consents as table
from store.tables import news, news_cards
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

    @property
    def asked(self) -> Asked:
        """The same words once more: what is taken back is what was read."""
        return Asked(self.kind, self.text, self.link, self.language)


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
        values = {"brand_id": brand_id, "card_id": card_id, "kind": one.kind, "wording_id": wording}
        await conn.execute(insert(table).values(**values, given=one.kind in given, place=place, at=now))
        if one.kind == MARKETING and one.kind not in given:
            await _leave_marketing(conn, card_id)


async def of_card(db: Database, card_id: int) -> Mapping[str, Consent]:
    """By kind the newest answer of a card's holder; a kind that nobody was asked is not there."""
    return {one.kind: one for one in await history(db, card_id)}


async def history(db: Database, card_id: int) -> list[Consent]:
    """Every answer of a card's holder, the newest last."""
    said = (wordings.c.language, wordings.c.version, wordings.c.text, wordings.c.link)
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


async def _leave_marketing(conn: AsyncConnection, card_id: int) -> None:
    """News of that kind leave the card with its next fetch."""
    theirs = select(news.c.id).where(news.c.kind == MARKETING)
    await conn.execute(delete(news_cards).where(news_cards.c.card_id == card_id, news_cards.c.news_id.in_(theirs)))


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
