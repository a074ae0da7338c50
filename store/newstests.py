"""A news on the phones of those who write it, before anybody else has it: rung the normal way, and in no count.

Each person has a test card of the template's published revision, with sample data, for 48 hours (``store.tryouts``). It
belongs to a hidden template, and a test is a news of that template, listed for the chosen cards alone: it goes through the
same timer, fan-out and channels as the real one, and leaves by itself with the cards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.model import CardState
from passkit.render import Revision
from store import audit, brands, compiled, hidden, publishing, randomness, tables, tryouts
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database, database_now
from store.errors import Conflict
from store.news import KEY_LENGTH, by_id, needed, start_in
from store.tables import cards, news, news_cards, registrations, templates
from store.tables import tryouts as table
from store.tryouts import LIVES, Tryout

KEY = f"{hidden.PREFIX}news."


@dataclass(frozen=True, slots=True)
class Tester:
    """Somebody's test card; ``is_on_phone``: a phone or Google holds it."""

    card_id: int
    name: str
    is_on_phone: bool
    ends_at: datetime


async def card(db: Database, brand: BrandRow, key: str, *, language: str, by: Actor, now: datetime) -> Tryout:
    """This person's test card for a news, made if there is none."""
    parent, ready = await _parent(db, brand, key, now)
    await tryouts.publish(db, parent, brand, ready, now)
    async with db.joined() as conn:
        living = await tryouts.living(db, conn, parent.id, by, now)
        if living is not None:
            return await tryouts.told(db, conn, living, is_new=False)
        issued = await tryouts.issue(db, conn, parent, ready, language, by, now)
        return await tryouts.told(db, conn, issued, is_new=True)


async def mine(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> Tryout | None:
    """This person's living test card."""
    async with db.reading() as conn:
        parent = await _known(conn, brand_id, (await needed(conn, brand_id, key)).template_id)
        living = None if parent is None else await tryouts.living(db, conn, parent.id, by, now)
        return None if living is None else await tryouts.told(db, conn, living, is_new=False)


async def testers(db: Database, brand_id: int, key: str, now: datetime) -> list[Tester]:
    """Everybody's living test cards for a news, by name."""
    async with db.reading() as conn:
        parent = await _known(conn, brand_id, (await needed(conn, brand_id, key)).template_id)
        return [] if parent is None else await _testers(conn, parent.id, now)


async def send(
    db: Database, brand: BrandRow, key: str, card_ids: Collection[int], *, arm: int = 0, by: Actor, now: datetime
) -> int:
    """Put this very news on these test cards and ring them; returns how many. Conflict without a text or a card."""
    parent, ready = await _parent(db, brand, key, now)
    twin_id = await tryouts.publish(db, parent, brand, ready, now)
    async with db.joined() as conn:
        row = await needed(conn, brand.id, key)
        chosen = [one for one in await _testers(conn, parent.id, now) if one.card_id in set(card_ids)]
        if not chosen:
            raise Conflict("Nobody was chosen who has a test card.")
        test = await by_id(conn, await _written(conn, row, twin_id, arm, by, now))
        started = await start_in(conn, test, by=by.name)
        await conn.execute(insert(news_cards), [{"card_id": one.card_id, "news_id": started.id} for one in chosen])
        clock = await database_now(conn)
        listed = {"list_position": None, "next_at": clock, "cards": len(chosen)}
        await conn.execute(update(news).where(news.c.id == started.id).values(**listed))
        names = ", ".join(one.name for one in chosen)
        await audit.record(db, brand.id, by, "news.tested", key, now=now, whom=names)
    return len(chosen)


async def _written(conn: AsyncConnection, row: Any, twin_id: int, arm: int, by: Actor, now: datetime) -> int:
    values = {
        "brand_id": row.brand_id,
        "template_id": twin_id,
        "key": f"n_{randomness.text(KEY_LENGTH)}",
        "kind": "service",
        "variants": [{**row.variants[min(arm, len(row.variants) - 1)], "share": 1}],
        "image": row.image,
        "pictures": row.pictures,
        "holdout": 0,
        "ends_at": await database_now(conn) + LIVES,
        "state": "draft",
        "stamp": randomness.stamp(),
        "is_listed": True,
        "is_test": True,
        "created_by": by.name[:200],
        "created_at": now,
        "updated_at": now,
    }
    return int((await conn.execute(insert(news).values(**values).returning(news.c.id))).scalar_one())


async def _testers(conn: AsyncConnection, parent_id: int, now: datetime) -> list[Tester]:
    held = select(registrations.c.id).where(registrations.c.card_id == table.c.card_id).exists()
    saved = tables.google_objects.c
    google = select(saved.id).where(saved.card_id == table.c.card_id, saved.present.is_(True)).exists()
    some = select(table.c.card_id, table.c.author, table.c.ends_at, (held | google).label("is_on_phone"))
    some = some.join(cards, cards.c.id == table.c.card_id).where(table.c.template_id == parent_id)
    some = some.where(table.c.ends_at > now, cards.c.state == CardState.ACTIVE.value)
    rows = await conn.execute(some.order_by(table.c.author, table.c.card_id))
    return [Tester(row.card_id, row.author, bool(row.is_on_phone), row.ends_at) for row in rows]


async def _known(conn: AsyncConnection, brand_id: int, template_id: int) -> Any | None:
    wanted = select(templates).where(templates.c.brand_id == brand_id, templates.c.key == f"{KEY}{template_id}")
    return (await conn.execute(wanted)).first()


async def _parent(db: Database, brand: BrandRow, key: str, now: datetime) -> tuple[Any, Revision]:
    """The hidden template of the tests, with the published files of the news's template."""
    async with db.reading() as conn:
        row = await needed(conn, brand.id, key)
        published = select(tables.revisions.c.files).where(tables.revisions.c.id == row.revision_id)
        names: Mapping[str, str] = (await conn.execute(published)).scalar_one()
        files = await compiled.files_of(conn, names)
    ready = await asyncio.to_thread(publishing.checked, files, brands.model(brand, db.public_url), ())
    async with db.joined() as conn:
        await conn.execute(select(templates.c.id).where(templates.c.id == row.template_id).with_for_update())
        found = await _known(conn, brand.id, row.template_id)
        if found is None:
            values = {"brand_id": brand.id, "key": f"{KEY}{row.template_id}", "name": ready.template.name}
            values |= {"style": ready.template.style, "draft": dict(names), "tryout_of": 0}
            made = insert(templates).values(**values, created_at=now, updated_at=now).returning(templates)
            return (await conn.execute(made)).one(), ready
        if found.draft != names:
            changed = update(templates).where(templates.c.id == found.id)
            await conn.execute(changed.values(draft=dict(names), updated_at=now))
            found = await _known(conn, brand.id, row.template_id)
        return found, ready
