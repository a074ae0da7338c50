"""Finding a card by its holder's phone, exactly, without opening what is encrypted.

``card_phones`` holds an HMAC under SECRET of brand and number: whoever has the database alone cannot try numbers. It is
written in the transaction that issues or changes a card, for templates that have such a variable
(``passkit.phones.of_holder``). When a publish makes another variable the holder's phone, when the brand moves to another
country, or when SECRET is replaced, ``index_again`` goes through the cards, page by page; until it is done the newest
cards are found and some of the older ones are not yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import names as holders
from passkit import phones
from passkit.errors import Problem, Severity
from passkit.model import Value
from passkit.render import Revision
from store import compiled, hidden, tables, words
from store.cardrows import CardRow, CardView, load, view
from store.dialect import Database
from store.errors import Invalid
from store.upserts import insert_into

PURPOSE = "card-phone"
PAGE = 100
"""Cards gone through in one transaction."""
MAX_FOUND = 20
_END = f',"{words.MADE}"]'
"""How the ``meaning`` of an index ends that is made as it is now."""


async def by_phone(db: Database, brand_id: int, text: str, *, template: str | None = None) -> list[CardView]:
    """The brand's cards of exactly this phone, the newest first; Invalid where the text is no phone number."""
    async with db.reading() as conn:
        return [view(db, card) for card in await find(db, conn, brand_id, text, template=template)]


async def find(
    db: Database, conn: AsyncConnection, brand_id: int, text: str, *, template: str | None = None, lock: bool = False
) -> list[CardRow]:
    """The same in the caller's transaction."""
    number = phones.e164(text, await _region(conn, brand_id))
    if number is None:
        fix = "Write it with its country, such as +7 916 123-45-67."
        raise Invalid([Problem(Severity.ERROR, "/phone", "this is no phone number", fix)], code="bad_phone")
    table, cards = tables.card_phones.c, tables.cards.c
    known = select(table.card_id).where(table.brand_id == brand_id, table.digest.in_(digests(db, brand_id, number)))
    mine = and_(cards.brand_id == brand_id, cards.id.in_(known))
    if template is not None:
        mine &= tables.templates.c.key == template
    found = await load(db, conn, mine, lock=lock)
    return found[: -MAX_FOUND - 1 : -1]


def digests(db: Database, brand_id: int, number: str) -> tuple[str, ...]:
    """The digests of a number in E.164 under every SECRET, the current first; brands cannot be compared by them."""
    return db.keyring.digests(PURPOSE, f"{brand_id}:{number}")


async def keep(db: Database, conn: AsyncConnection, card: CardRow, before: Mapping[str, Value] | None = None) -> None:
    """Write by which phones a new or changed card is found; ``before`` is the data that it had."""
    given = card.given
    if before is not None:
        if all(before.get(name) == given.get(name) for name in phones.of_holder(card.revision.template)):
            return
        await conn.execute(delete(tables.card_phones).where(tables.card_phones.c.card_id == card.id))
    await _write(db, conn, _rows(db, card))


def _rows(db: Database, card: CardRow) -> list[dict[str, Any]]:
    """The rows of ``card_phones`` that a card should have."""
    if hidden.is_hidden(card.row["template_key"]):
        return []
    given, brand_id, region = card.given, int(card.row["brand_id"]), _region_of(card.revision)
    names = phones.of_holder(card.revision.template)
    numbers = {phones.e164(str(given.get(name) or ""), region) for name in names} - {None}
    return [
        {"card_id": card.id, "brand_id": brand_id, "digest": digests(db, brand_id, number)[0]}
        for number in numbers
        if number is not None
    ]


async def _write(db: Database, conn: AsyncConnection, wanted: Sequence[Mapping[str, Any]]) -> None:
    if wanted:
        insert = insert_into(tables.card_phones, is_postgresql=db.is_postgresql)
        await conn.execute(insert.on_conflict_do_nothing(), wanted)


async def index_again(db: Database) -> int:
    """Go on through the cards of templates whose index was made with something else; returns how many were looked at."""
    looked = 0
    for template_id in await _outdated(db):
        async with db.transaction() as conn:
            looked += await _one_page(db, conn, template_id)
    return looked


async def _outdated(db: Database) -> Sequence[int]:
    templates, brands, index = tables.templates.c, tables.brands.c, tables.phone_indexes.c
    differs = or_(
        index.template_id.is_(None),
        index.position.is_not(None),
        index.revision_id != templates.published_revision_id,
        index.brand_stamp != brands.stamp,
        index.secret_id != db.keyring.current,
        ~index.meaning.endswith(_END),
    )
    wanted = (
        select(templates.id)
        .join(tables.brands, brands.id == templates.brand_id)
        .outerjoin(tables.phone_indexes, index.template_id == templates.id)
        .where(templates.published_revision_id.is_not(None), brands.revoked_at.is_(None), differs)
        .order_by(templates.id)
    )
    async with db.reading() as conn:
        return (await conn.execute(wanted)).scalars().all()


async def _one_page(db: Database, conn: AsyncConnection, template_id: int) -> int:
    state = await _state(db, conn, template_id)
    if state["position"] is None:
        return 0
    cards = tables.cards.c
    ids = select(cards.id).where(cards.template_id == template_id, cards.id > state["position"])
    page = (await conn.execute(ids.order_by(cards.id).limit(PAGE))).scalars().all()
    if page:
        found = await load(db, conn, cards.id.in_(page), lock=True)
        for table in (tables.card_phones, tables.card_words):
            await conn.execute(delete(table).where(table.c.card_id.in_(page)))
        await _write(db, conn, [row for card in found for row in _rows(db, card)])
        await words.write(db, conn, [row for card in found for row in words.rows(db, card)])
    done = update(tables.phone_indexes).where(tables.phone_indexes.c.template_id == template_id)
    await conn.execute(done.values(position=page[-1] if len(page) == PAGE else None))
    return len(page)


async def _state(db: Database, conn: AsyncConnection, template_id: int) -> Mapping[str, Any]:
    """How far the template's index is; begun anew where it would be made with something else now."""
    templates, brands, table = tables.templates.c, tables.brands.c, tables.phone_indexes
    published = select(templates.published_revision_id.label("revision_id"), brands.stamp.label("brand_stamp"))
    published = published.join(tables.brands, brands.id == templates.brand_id).where(templates.id == template_id)
    now = dict((await conn.execute(published.with_for_update(of=tables.templates, read=True))).mappings().one())
    revision = await compiled.revision(db, conn, **now)
    now |= {"secret_id": db.keyring.current, "meaning": _meaning(revision)}
    known = (await conn.execute(select(table).where(table.c.template_id == template_id))).mappings().first()
    made_with = ("secret_id", "meaning")
    if known is not None and all(known[name] == now[name] for name in made_with):
        now["position"] = known["position"]
    else:
        never = known is None and not _searched(revision)
        now["position"] = None if never else 0
    insert = insert_into(table, is_postgresql=db.is_postgresql).values(template_id=template_id, **now)
    await conn.execute(insert.on_conflict_do_update(index_elements=["template_id"], set_=now))
    return now


def _meaning(revision: Revision) -> str:
    """What the index says, in short: by which variables, written in which country, by beginnings of words too."""
    told = [
        ",".join(named)[:200] for named in (phones.of_holder(revision.template), holders.of_holder(revision.template))
    ]
    return orjson.dumps([*told, _region_of(revision), words.MADE]).decode()


def _searched(revision: Revision) -> bool:
    return bool(phones.of_holder(revision.template) or holders.of_holder(revision.template))


def _region_of(revision: Revision) -> str | None:
    return phones.region_of(revision.brand.time_zone, revision.brand.languages)


async def region(db: Database, brand_id: int) -> str | None:
    """The country whose way of writing numbers this brand's people use."""
    async with db.reading() as conn:
        return await _region(conn, brand_id)


async def _region(conn: AsyncConnection, brand_id: int) -> str | None:
    brands = tables.brands.c
    row = (await conn.execute(select(brands.time_zone, brands.languages).where(brands.id == brand_id))).first()
    return None if row is None else phones.region_of(row.time_zone, row.languages)
