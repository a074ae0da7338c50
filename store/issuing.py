"""Issuing a card: once per (template, external id), however often and by however many it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.errors import DataError, Problem, RenderError, Severity
from passkit.model import CardState
from store import compiled, handouts, livenews, outlettexts, phones, randomness, tables, waiting, words
from store.cardrows import TEMPLATE_PART, CardRow, CardView, edition_of, load, seal, view
from store.dialect import Database
from store.editions import filled
from store.errors import Conflict, Invalid
from store.locks import lock_external_id
from store.newscounts import NEVER
from store.timeline import Line, record

ATTEMPTS = 8
"""Tries to find a free card number, or to see the card that another request has just issued."""


@dataclass(frozen=True, slots=True)
class NewCard:
    """What ``POST /api/v1/cards`` says; ``store.requests.new_card`` makes it from JSON, with the pointers of what is wrong."""

    template: str
    external_id: str | None = None
    number: str | None = None
    language: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    tags: tuple[str, ...] = ()
    outlet: str | None = None
    issued_by: str | None = None
    channel: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """What a card that was lost is made anew with: its tokens are the ones that phones have."""

    serial_number: str
    generation: int
    secret_id: str


@dataclass(frozen=True, slots=True)
class Issued:
    """The card, and whether it is new."""

    card: CardView
    created: bool


async def issue(db: Database, brand_id: int, new: NewCard, now: datetime) -> Issued:
    """Issue a card; a known (template, external id) gives the same card, its data untouched.

    Changes that came for the external id before the card are applied to it. Invalid where the data does not fit or the card
    cannot be filled; Conflict ``already_exists`` when the given number is another card's.
    """
    for _ in range(ATTEMPTS):
        try:
            async with db.transaction() as conn:
                return await issue_in(db, conn, brand_id, new, now)
        except IntegrityError:
            await _refuse_taken_number(db, brand_id, new)
    raise Conflict("The card was issued by several requests at once; send this one again.")


async def issue_in(
    db: Database, conn: AsyncConnection, brand_id: int, new: NewCard, now: datetime, again: Again | None = None
) -> Issued:
    """The same in the caller's transaction, where a number or external id taken meanwhile is an IntegrityError."""
    template = await _template(conn, brand_id, new.template)
    if new.external_id is not None:
        await lock_external_id(conn, brand_id, new.external_id)
        cards = tables.cards.c
        known = (cards.template_id == template["template_id"]) & (cards.external_id == new.external_id)
        for card in await load(db, conn, known):
            return Issued(view(db, card), created=False)
    revision = await compiled.revision(
        db, conn, revision_id=template["revision_id"], brand_stamp=template["brand_stamp"]
    )
    try:
        accepted = data.accept(revision.template, new.data)
    except DataError as error:
        raise Invalid(error.problems) from None
    stored = data.to_json(revision.template, accepted)
    early = await waiting.take(db, conn, brand_id, new.external_id, new.template, revision.template)
    stored |= data.to_json(revision.template, early.values)
    template["outlet_text"] = await outlettexts.of_key(conn, brand_id, new.outlet)
    row = _row(db, template, new, stored, now, again)
    await livenews.load(db, conn, livenews.of_row({**template, **row}))
    card = CardRow({**template, **row, "id": 0}, revision, stored)
    _refuse_unfillable(db, card, now)
    added = await conn.execute(insert(tables.cards).values(**row).returning(tables.cards.c.id))
    card = CardRow({**card.row, "id": added.scalar_one()}, revision, stored)
    await phones.keep(db, conn, card)
    await words.keep(db, conn, card)
    await handouts.keep(db, conn, card, now)
    await waiting.settle(conn, card.id, early)
    detail = {"template": new.template, "channel": new.channel, "waited": sorted(early.values)}
    await record(db, conn, [Line(brand_id, card.id, "issued", {k: v for k, v in detail.items() if v})], now)
    return Issued(view(db, card), created=True)


async def _template(conn: AsyncConnection, brand_id: int, key: str) -> dict[str, Any]:
    """The published template's part of a card's row."""
    templates, revisions, brands = tables.templates, tables.revisions, tables.brands
    wanted = (
        select(*TEMPLATE_PART, templates.c.id.label("template_id"), templates.c.brand_id)
        .select_from(templates)
        .join(brands, brands.c.id == templates.c.brand_id)
        .outerjoin(revisions, revisions.c.id == templates.c.published_revision_id)
        .where(templates.c.brand_id == brand_id, templates.c.key == key)
    )
    row = (await conn.execute(wanted)).mappings().first()
    if row is None:
        problem = Problem(Severity.ERROR, "/template", f"there is no template {key!r}")
        raise Invalid([problem])
    if row["revision_id"] is None:
        raise Conflict(f"The template {key!r} has not been published yet.", code="not_published")
    return dict(row)


def _row(
    db: Database,
    template: Mapping[str, Any],
    new: NewCard,
    stored: Mapping[str, Any],
    now: datetime,
    again: Again | None = None,
) -> dict[str, Any]:
    known = again or Again(randomness.serial_number(), 0, db.keyring.current)
    serial, stamp = known.serial_number, randomness.stamp()
    stamps = {**template, "serial_number": serial, "stamp": stamp}
    news = livenews.of_row(stamps)
    install = db.keyring.install_token(serial, known.generation, known.secret_id)
    return {
        "brand_id": template["brand_id"],
        "template_id": template["template_id"],
        "serial_number": serial,
        "number": new.number or randomness.card_number(),
        "external_id": new.external_id,
        "language": new.language,
        "state": CardState.ACTIVE.value,
        "data_encrypted": seal(db, stored, serial),
        "secret_id": known.secret_id,
        "generation": known.generation,
        "install_hash": install_hash(install),
        "version": 1,
        "stamp": stamp,
        "ring": [],
        "ring_waiting": [],
        "ring_text_hash": None,
        "modified_edition": edition_of(stamps),
        "news_id": news.id or None if news else None,
        "news_at": news and news.at,
        "news_fetched": NEVER if news and news.id else 0,
        "last_modified": int(now.timestamp()),
        "served_edition": None,
        "served_count": 0,
        "expires_at": new.expires_at,
        "tags": list(new.tags),
        "outlet": new.outlet,
        "issued_by": new.issued_by,
        "channel": new.channel,
        "time_zone": new.time_zone,
        "created_at": now,
        "updated_at": now,
    }


def install_hash(token: str) -> str:
    """How an install token is kept: 168 random bits need no slower hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _refuse_unfillable(db: Database, card: CardRow, now: datetime) -> None:
    """A card that no phone could be given is not issued."""
    try:
        tuple(filled(db, card, now, ring=None).fields)
    except RenderError as error:
        detail = f"the template's {error.pointer} cannot show this data: {error.detail}"
        raise Invalid([Problem(Severity.ERROR, "/data", detail)]) from None


async def _refuse_taken_number(db: Database, brand_id: int, new: NewCard) -> None:
    if new.number is None:
        return
    cards, templates = tables.cards.c, tables.templates.c
    taken = (
        select(cards.external_id)
        .join(tables.templates, templates.id == cards.template_id)
        .where(templates.brand_id == brand_id, templates.key == new.template, cards.number == new.number)
    )
    async with db.reading() as conn:
        row = (await conn.execute(taken)).first()
    if row is not None and (row.external_id is None or row.external_id != new.external_id):
        raise Conflict("Another card of this template has this number.", code="already_exists")
