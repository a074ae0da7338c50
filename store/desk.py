"""The issue desk: find a client's card by exact phone, or give a new one out; nobody here is shown a value of a card.

A phone that has a card of the template gets that card, whoever asks and however often: ``give`` is done once for each phone
and template, also when a key is pressed twice. What is shown is a ``store.showings``; what counts is a ``store.handouts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import phones as numbers
from passkit.errors import Problem, Severity
from passkit.model import CardState
from passkit.render import Revision
from passkit.schema import Template
from passkit.variables import Variable
from store import audit, compiled, phones, showings, tables
from store.audit import Actor
from store.cardrows import CardRow, load
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.issuing import NewCard, issue_in
from store.locks import lock_external_id
from store.showings import Kind
from store.tables import is_storable

CHANNEL = "desk"
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A variable that the desk may fill in for a new client: it is written, never read."""

    name: str
    question: str
    variable: Variable

    @property
    def is_required(self) -> bool:
        """Whether there is no card without it."""
        return self.variable.required or bool(self.variable.ask and self.variable.ask.required)


@dataclass(frozen=True, slots=True)
class DeskTemplate:
    """A template that can be given out by phone; ``missing``: variables without which it cannot, then it is not offered."""

    key: str
    name: str
    phone: str
    asks: tuple[Asked, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeskCard:
    """A client's card as the desk sees it: which, whether it works, and on how many phones it is; no values."""

    serial_number: str
    template: str
    template_name: str
    is_active: bool
    created_at: datetime
    on_phones: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a card is given out, and by whom: ``issued_by`` and ``outlet`` as in ``cards``, ``place`` as in showings."""

    brand_id: int
    place: str
    issued_by: str
    outlet: str | None
    actor: Actor


async def templates(db: Database, brand_id: int, language: str) -> list[DeskTemplate]:
    """The brand's published templates that have a holder's phone, by name; questions in this language where there is one."""
    table, brands = tables.templates.c, tables.brands.c
    some = select(table.key, table.name, table.published_revision_id, brands.stamp)
    some = some.join(tables.brands, brands.id == table.brand_id).where(*_offered(brand_id))
    found = []
    async with db.reading() as conn:
        for row in (await conn.execute(some.order_by(table.name, table.id))).all():
            ready = await compiled.revision(db, conn, revision_id=row.published_revision_id, brand_stamp=row.stamp)
            made = _desk_template(row.key, row.name, ready, language)
            if made is not None:
                found.append(made)
    return found


async def find(db: Database, brand_id: int, phone: str) -> list[DeskCard]:
    """The client's cards, those that work first, then the newest; Invalid for what is no phone number."""
    async with db.reading() as conn:
        offered = (await conn.execute(select(tables.templates.c.id).where(*_real(brand_id)))).scalars().all()
        rows = [row for row in await phones.find(db, conn, brand_id, phone) if row.row["template_id"] in offered]
        found = [await _desk_card(conn, row) for row in rows]
    return sorted(found, key=lambda card: not card.is_active)


async def give(
    db: Database, desk: Desk, template: str, phone: str, data: Mapping[str, Any], language: str | None, now: datetime
) -> int:
    """A new card for this phone on the screen, or the one it has already; the showing's id.

    Invalid where the phone or the data does not fit, NotFound for a template that is not offered here.
    """
    for _ in range(ATTEMPTS):
        try:
            async with db.joined() as conn:
                return await _give(db, conn, desk, template, phone, data, language, now)
        except IntegrityError:  # its random number was another card's
            continue
    raise Conflict("The card was issued by several requests at once; send this one again.")


async def again(db: Database, desk: Desk, serial: str, kind: Kind, now: datetime) -> int:
    """The code of a card that exists, on the screen once more; the showing's id. NotFound; Conflict for one that is over."""
    async with db.joined() as conn:
        mine = (tables.cards.c.brand_id == desk.brand_id) & (tables.cards.c.serial_number == serial)
        rows = (
            await load(db, conn, mine & tables.cards.c.template_id.in_(_ids(desk.brand_id)))
            if is_storable(serial)
            else []
        )
        if not rows:
            raise NotFound("There is no card with this serial number.", code="card_not_found")
        if rows[0].row["state"] != CardState.ACTIVE:
            raise Conflict("This card is not active any more: give a new one out.", code="card_over")
        return await _shown(db, conn, desk, rows[0], kind, now)


async def phone_of(db: Database, brand_id: int, card_id: int) -> str:
    """The holder's phone in E.164, for a link into a messenger; empty where the card has none."""
    async with db.reading() as conn:
        rows = await load(db, conn, (tables.cards.c.brand_id == brand_id) & (tables.cards.c.id == card_id))
    for row in rows:
        given, brand = row.given, row.revision.brand
        region = numbers.region_of(brand.time_zone, brand.languages)
        for name in numbers.of_holder(row.revision.template):
            if number := numbers.e164(str(given.get(name) or ""), region):
                return number
    return ""


async def _give(
    db: Database,
    conn: AsyncConnection,
    desk: Desk,
    template: str,
    phone: str,
    data: Mapping[str, Any],
    language: str | None,
    now: datetime,
) -> int:
    offered = next((one for one in await templates(db, desk.brand_id, "en") if one.key == template), None)
    if offered is None or offered.missing:
        raise NotFound("There is no such template at the desk.", code="template_not_found")
    number = numbers.e164(phone, await phones.region(db, desk.brand_id))
    if number is None:
        fix = "Write it with its country, such as +7 916 123-45-67."
        raise Invalid([Problem(Severity.ERROR, "/phone", "this is no phone number", fix)], code="bad_phone")
    await lock_external_id(conn, desk.brand_id, f"desk {phones.digests(db, desk.brand_id, number)[0]}")
    known = await phones.find(db, conn, desk.brand_id, number, template=template)
    if living := [card for card in known if card.row["state"] == CardState.ACTIVE]:
        return await _shown(db, conn, desk, living[0], Kind.AGAIN, now)
    asked = {one.name: data[one.name] for one in offered.asks if data.get(one.name) is not None}
    new = NewCard(
        template=template,
        data={**asked, offered.phone: number},
        language=language,
        outlet=desk.outlet,
        issued_by=desk.issued_by,
        channel=CHANNEL,
    )
    async with conn.begin_nested():
        card = (await issue_in(db, conn, desk.brand_id, new, now)).card
    showing = await showings.show(conn, desk.brand_id, card.card_id, desk.place, Kind.NEW)
    await audit.record(db, desk.brand_id, desk.actor, "card.given", card.number, now=now, outlet=desk.outlet or "")
    return showing


async def _shown(db: Database, conn: AsyncConnection, desk: Desk, card: CardRow, kind: Kind, now: datetime) -> int:
    showing = await showings.show(conn, desk.brand_id, card.id, desk.place, kind)
    await audit.record(db, desk.brand_id, desk.actor, "card.shown", card.row["number"], now=now, kind=kind.value)
    return showing


def _desk_template(key: str, name: str, ready: Revision, language: str) -> DeskTemplate | None:
    template = ready.template
    holders = numbers.of_holder(template)
    if not holders:
        return None
    asked = tuple(
        Asked(one, _question(template, one, it, language), it)
        for one, it in template.variables.items()
        if it.ask is not None and it.owner is None and one not in holders
    )
    named = {one.name for one in asked} | {holders[0]}
    missing = tuple(it.label or one for one, it in template.variables.items() if it.required and one not in named)
    return DeskTemplate(key, name, holders[0], asked, missing)


def _question(template: Template, name: str, variable: Variable, language: str) -> str:
    text = (variable.ask.question if variable.ask else None) or variable.label or name
    return template.strings.get(template.language(language), {}).get(text, text)


async def _desk_card(conn: AsyncConnection, card: CardRow) -> DeskCard:
    held, saved = tables.registrations.c, tables.google_objects.c
    phones_ = (await conn.execute(select(held.id).where(held.card_id == card.id))).all()
    on_google = select(saved.id).where(saved.card_id == card.id, saved.present.is_(True))
    row = card.row
    return DeskCard(
        serial_number=row["serial_number"],
        template=row["template_key"],
        template_name=row["template_name"],
        is_active=row["state"] == CardState.ACTIVE,
        created_at=row["created_at"],
        on_phones=len(phones_) + len((await conn.execute(on_google)).all()),
    )


def _real(brand_id: int) -> tuple[Any, ...]:
    table = tables.templates.c
    return table.brand_id == brand_id, table.tryout_of.is_(None)


def _offered(brand_id: int) -> tuple[Any, ...]:
    table = tables.templates.c
    return (*_real(brand_id), table.archived_at.is_(None), table.published_revision_id.is_not(None))


def _ids(brand_id: int) -> Any:
    return select(tables.templates.c.id).where(*_real(brand_id))
