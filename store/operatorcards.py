"""The operator's own card: it lies in an admin's wallet, shows the brand's certificate and rings with its alarms.

It is hidden like a card that tries a draft (``store.tryouts``): its template is in no gallery, itself in no list, count or
audience. The template comes with Passbell (templates/operator). The card follows the certificate as the sweep sees it, and is
void when its holder is no admin of the brand any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import operatorcard
from passkit.model import CardState, Notify
from store import alarms, assets, audit, brands, hidden, messaging, publishing, tables, tryouts
from store.audit import Actor
from store.brands import BrandRow
from store.cardrows import CardRow, load
from store.changes import Change, apply_change
from store.dialect import Database
from store.tables import cards, templates
from store.tables import tryouts as table
from store.tryouts import Tryout

KEY = f"{hidden.PREFIX}operator"
FOREVER = datetime(2200, 1, 1, tzinfo=UTC)
"""When the card ends by itself: it does not."""


async def start(
    db: Database, brand: BrandRow, files: Mapping[str, bytes], *, language: str, by: Actor, now: datetime
) -> Tryout:
    """This admin's card, made if there is none; ``files`` are the template that comes with Passbell."""
    template = await _template(db, brand.id, files, now)
    ready = await asyncio.to_thread(publishing.checked, files, brands.model(brand, db.public_url), ())
    await tryouts.publish(db, template, brand, ready, now)
    values = await _values(db, brand.id, language, now)
    async with db.joined() as conn:
        card = await tryouts.living(db, conn, template.id, by, now)
        if card is not None:
            return await tryouts.told(db, conn, card, is_new=False)
        given = {**values, "page": f"{db.public_url}/studio/certificates"}
        card = await tryouts.issue(db, conn, template, ready, language, by, now, given, FOREVER)
        await audit.record(db, brand.id, by, "operatorcard.added", brand.pass_type_identifier, now=now)
        return await tryouts.told(db, conn, card, is_new=True)


async def status(db: Database, brand_id: int, *, by: Actor, now: datetime) -> Tryout | None:
    """This person's card, if there is one."""
    async with db.reading() as conn:
        found = await conn.execute(
            select(templates.c.id).where(templates.c.brand_id == brand_id, templates.c.key == KEY)
        )
        template_id = found.scalar_one_or_none()
        card = None if template_id is None else await tryouts.living(db, conn, template_id, by, now)
        return None if card is None else await tryouts.told(db, conn, card, is_new=False)


async def end(db: Database, brand_id: int, *, by: Actor, now: datetime) -> None:
    """Void this person's card."""
    async with db.transaction() as conn:
        for row in await _living(conn, brand_id, now):
            if row.user_id == by.user_id:
                await _void(db, conn, row.card_id, now)


async def refresh(db: Database, now: datetime) -> int:
    """Bring every card up to its brand's certificate, void those whose holder is no admin any more; returns how many changed."""
    async with db.reading() as conn:
        rows = await _living(conn, None, now)
    changed = 0
    for row in rows:
        values = await _values(db, row.brand_id, row.language or "en", now)
        async with db.transaction() as conn:
            if row.email not in await messaging.admins(conn, row.brand_id):
                await _void(db, conn, row.card_id, now)
                changed += 1
                continue
            (card,) = await load(db, conn, cards.c.id == row.card_id, lock=True)
            if _differs(card, values):
                notify = Notify.RING if card.given.get("alarm") != values["alarm"] else Notify.SILENT
                await apply_change(db, conn, card, Change(data=values, notify=notify), now)
                changed += 1
    return changed


def _differs(card: CardRow, values: Mapping[str, Any]) -> bool:
    return any(card.given.get(name) != value for name, value in values.items())


async def _values(db: Database, brand_id: int, language: str, now: datetime) -> dict[str, Any]:
    newest = next((one for one in await alarms.certificates(db, now, brand_id) if one.is_newest), None)
    if newest is None:
        return operatorcard.values(language, None, now, None)
    return operatorcard.values(language, newest.not_after, now, newest.threshold)


async def _living(conn: AsyncConnection, brand_id: int | None, now: datetime) -> list[Any]:
    """(card_id, brand_id, user_id, email, language) of the cards that are in use, of one brand or of all."""
    users = tables.users
    some = (
        select(table.c.card_id, table.c.brand_id, table.c.user_id, users.c.email, cards.c.language)
        .join(templates, templates.c.id == table.c.template_id)
        .join(cards, cards.c.id == table.c.card_id)
        .outerjoin(users, users.c.id == table.c.user_id)
        .where(templates.c.key == KEY, table.c.ends_at > now, cards.c.state == CardState.ACTIVE.value)
    )
    if brand_id is not None:
        some = some.where(table.c.brand_id == brand_id)
    return list((await conn.execute(some.order_by(table.c.card_id))).all())


async def _void(db: Database, conn: AsyncConnection, card_id: int, now: datetime) -> None:
    """Its end is now, so that the sweep deletes it a week later like any tried card."""
    await conn.execute(update(table).where(table.c.card_id == card_id).values(ends_at=now))
    for card in await load(db, conn, cards.c.id == card_id, lock=True):
        await apply_change(db, conn, card, Change(state=CardState.VOIDED, notify=Notify.SILENT), now)


async def _template(db: Database, brand_id: int, files: Mapping[str, bytes], now: datetime) -> Any:
    """The brand's row of the template, with the files of this version of Passbell as its draft."""
    async with db.joined() as conn:
        await conn.execute(select(tables.brands.c.id).where(tables.brands.c.id == brand_id).with_for_update())
        names = dict(await assets.keep(conn, files, now))
        mine = (templates.c.brand_id == brand_id) & (templates.c.key == KEY)
        row = (await conn.execute(select(templates).where(mine))).first()
        if row is None:
            values = {"brand_id": brand_id, "key": KEY, "name": "Operator", "style": "generic", "draft": names}
            values |= {"tryout_of": 0, "created_at": now, "updated_at": now}  # hidden, and the twin of no other
            return (await conn.execute(insert(templates).values(**values).returning(templates))).one()
        if row.draft != names:
            await conn.execute(update(templates).where(mine).values(draft=names, updated_at=now))
            row = (await conn.execute(select(templates).where(mine))).one()
        return row
