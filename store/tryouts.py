"""Try on my phone: a real card of the draft with sample data, which disappears after 48 hours.

A tryout card belongs to a hidden template beside the real one, so that no count, audience, list or source ever meets it, and
the draft of a template can be on a phone before anything is published. Each template has one hidden twin, and each person one
living card of it: pressing the button again shows the same QR code, and the phone that holds the card gets the new draft.
After 48 hours the sweep voids the card, a week later it is deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.google.types import type_of
from passkit.model import CardState, Notify
from passkit.render import Revision
from store import (
    assets,
    audit,
    brands,
    compiled,
    googleobjects,
    googlepictures,
    hidden,
    issuing,
    jobs,
    publishing,
    randomness,
    tables,
)
from store.audit import Actor
from store.cardrows import CardRow, load
from store.changes import Change, apply_change
from store.dialect import Database
from store.errors import NotFound
from store.issuing import NewCard
from store.tables import cards, registrations, revisions, templates
from store.tables import tryouts as table

LIVES = timedelta(hours=48)
KEPT = timedelta(days=7)
"""After its end: phones need the time to fetch that it is over."""


@dataclass(frozen=True, slots=True)
class Tryout:
    """A card to try: ``install_token`` goes into ``/i/{token}``; ``is_new``: nobody can have it on a phone yet.

    ``expires_at`` is None where it stays (``store.operatorcards``); ``on_phones``: how many hold it, ``downloads`` how often it
    was fetched.
    """

    card_id: int
    serial_number: str
    install_token: str
    expires_at: datetime | None
    is_new: bool
    on_phones: int
    downloads: int


ROWS = 100
"""Cards voided or deleted in one transaction."""
CHANNEL = "tryout"


async def start(
    db: Database, brand_id: int, key: str, *, language: str | None = None, by: Actor, now: datetime
) -> Tryout:
    """Put the draft as it is now on this person's tryout card; Invalid with what keeps it from being built.

    The draft must have been checked in the limited process before: it is compiled here.
    """
    async with db.reading() as conn:
        template = await _template(conn, brand_id, key)
        files = await compiled.files_of(conn, template.draft)
        brand = brands.by_row(
            (await conn.execute(select(tables.brands).where(tables.brands.c.id == brand_id))).mappings().one()
        )
    ready = await asyncio.to_thread(publishing.checked, files, brands.model(brand, db.public_url), ())
    twin_id = await publish(db, template, brand, ready, now)
    async with db.joined() as conn:
        card = await living(db, conn, template.id, by, now)
        is_new = card is None or card.row["template_id"] != twin_id
        if card is None or card.row["template_id"] != twin_id:
            card = await issue(db, conn, template, ready, language, by, now)
        else:
            card = await _renew(db, conn, card, ready, language, now)
        await audit.record(db, brand_id, by, "tryout.started", key, now=now)
        return await told(db, conn, card, is_new=is_new)


async def status(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> Tryout | None:
    """This person's living card of the template's draft."""
    async with db.reading() as conn:
        template = await _template(conn, brand_id, key)
        card = await living(db, conn, template.id, by, now)
        return None if card is None else await told(db, conn, card, is_new=False)


async def end(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> None:
    """Void this person's card now."""
    async with db.transaction() as conn:
        template = await _template(conn, brand_id, key)
        card = await living(db, conn, template.id, by, now)
        if card is not None:
            await conn.execute(update(table).where(table.c.card_id == card.id).values(ends_at=now))
            await apply_change(db, conn, card, Change(state=CardState.VOIDED, notify=Notify.SILENT), now)


async def sweep(db: Database, now: datetime) -> dict[str, int]:
    """Void what is over 48 hours old and delete what ended a week ago; returns ``{"voided": n, "deleted": n}``."""
    done = {"voided": 0, "deleted": 0}
    while True:
        async with db.transaction() as conn:
            over = exists().where(table.c.card_id == cards.c.id, table.c.ends_at <= now)
            some = select(cards.c.id).where(over, cards.c.state == CardState.ACTIVE.value).limit(ROWS)
            ids = (await conn.execute(some)).scalars().all()
            for card in await load(db, conn, cards.c.id.in_(ids), lock=True) if ids else ():
                await apply_change(db, conn, card, Change(state=CardState.VOIDED, notify=Notify.SILENT), now)
        done["voided"] += len(ids)
        if len(ids) < ROWS:
            break
    while True:
        async with db.transaction() as conn:
            old = select(table.c.card_id).where(table.c.ends_at <= now - KEPT).limit(ROWS)
            ids = (await conn.execute(old)).scalars().all()
            await _delete(conn, ids)
        done["deleted"] += len(ids)
        if len(ids) < ROWS:
            return done


# The twin.


async def publish(db: Database, template: Any, brand: brands.BrandRow, ready: Revision, now: datetime) -> int:
    """The hidden template with this revision as its only one; its cards follow it, silently."""
    key = hidden.key_of(template.id, ready.template.style, str(type_of(ready.template)))
    async with db.reading() as conn:
        googles = await googlepictures.made(conn, brand.id, ready.template)
    async with db.transaction() as conn:
        await conn.execute(select(templates.c.id).where(templates.c.id == template.id).with_for_update())
        twin = await _twin(conn, template, key, ready, now)
        published = await _files(conn, twin.published_revision_id)
        if published == template.draft:
            return int(twin.id)
        number = select(func.coalesce(func.max(revisions.c.number), 0) + 1).where(revisions.c.template_id == twin.id)
        values = {
            "brand_id": brand.id,
            "template_id": twin.id,
            "number": (await conn.execute(number)).scalar_one(),
            "files": dict(template.draft),
            "stamp": randomness.stamp(),
            "author": "",
            "note": "",
            "rings": False,
            "created_at": now,
            "pictures": await assets.keep(conn, ready.images.files, now),
            "google_pictures": None if googles is None else await assets.keep(conn, googles, now),
        }
        revision_id = (await conn.execute(insert(revisions).values(**values).returning(revisions.c.id))).scalar_one()
        mine = update(templates).where(templates.c.id == twin.id)
        await conn.execute(mine.values(published_revision_id=revision_id, draft=dict(template.draft), updated_at=now))
        await conn.execute(delete(revisions).where(revisions.c.template_id == twin.id, revisions.c.id != revision_id))
        await jobs.want_template(
            conn, brand_id=brand.id, pass_type_identifier=brand.pass_type_identifier, template_id=twin.id
        )
        await googleobjects.want_template(conn, brand.id, twin.id, key, ready)
    compiled.keep(db, revision_id, brand.stamp, ready)
    return int(twin.id)


async def _twin(conn: AsyncConnection, template: Any, key: str, ready: Revision, now: datetime) -> Any:
    wanted = select(templates).where(templates.c.brand_id == template.brand_id, templates.c.key == key)
    twin = (await conn.execute(wanted)).first()
    if twin is not None:
        return twin
    values = {
        "brand_id": template.brand_id,
        "key": key,
        "name": ready.template.name,
        "style": ready.template.style,
        "draft": dict(template.draft),
        "tryout_of": template.id,
        "created_at": now,
        "updated_at": now,
    }
    return (await conn.execute(insert(templates).values(**values).returning(templates))).one()


async def _files(conn: AsyncConnection, revision_id: int | None) -> Mapping[str, str] | None:
    found = await conn.execute(select(revisions.c.files).where(revisions.c.id == revision_id))
    files: Mapping[str, str] | None = found.scalar_one_or_none()
    return files


# The card.


async def issue(
    db: Database,
    conn: AsyncConnection,
    template: Any,
    ready: Revision,
    language: str | None,
    by: Actor,
    now: datetime,
    values: Mapping[str, Any] | None = None,
    ends: datetime | None = None,
) -> CardRow:
    """This person's hidden card: with samples for 48 hours, or with ``values`` until ``ends``, which it does not say."""
    key = hidden.key_of(template.id, ready.template.style, str(type_of(ready.template)))
    data_ = _samples(ready) if values is None else values
    expires = now + LIVES if ends is None else None
    new = NewCard(template=key, language=language, data=data_, expires_at=expires, channel=CHANNEL)
    card = (await issuing.issue_in(db, conn, template.brand_id, new, now)).card
    row = {
        "card_id": card.card_id,
        "brand_id": template.brand_id,
        "template_id": template.id,
        "author": by.name[:200],
        "user_id": by.user_id,
        "created_at": now,
        "ends_at": ends or now + LIVES,
    }
    await conn.execute(insert(table).values(**row))
    return (await load(db, conn, cards.c.id == card.card_id))[0]


async def _renew(
    db: Database, conn: AsyncConnection, card: CardRow, ready: Revision, language: str | None, now: datetime
) -> CardRow:
    """The same card with the samples of today, for 48 hours from now."""
    ends = now + LIVES
    patch = Change(data=_samples(ready), language=language, expires_at=ends, notify=Notify.SILENT)
    await conn.execute(update(table).where(table.c.card_id == card.id).values(ends_at=ends))
    return (await apply_change(db, conn, card, patch, now)).card


def _samples(ready: Revision) -> dict[str, Any]:
    values = data.to_json(ready.template, data.sample(ready.template))
    return {name: value for name, value in values.items() if value is not None}


async def living(db: Database, conn: AsyncConnection, template_id: int, by: Actor, now: datetime) -> CardRow | None:
    """This person's newest card that is not over."""
    mine = (table.c.template_id == template_id) & (table.c.ends_at > now)
    mine &= table.c.author == by.name[:200] if by.user_id is None else table.c.user_id == by.user_id
    newest = select(table.c.card_id).where(mine).order_by(table.c.card_id.desc()).limit(1)
    card_id = (await conn.execute(newest)).scalar_one_or_none()
    found = await load(db, conn, cards.c.id == card_id) if card_id is not None else []
    return found[0] if found and found[0].row["state"] == CardState.ACTIVE.value else None


async def told(db: Database, conn: AsyncConnection, card: CardRow, *, is_new: bool) -> Tryout:
    """How it is with a hidden card."""
    row = card.row
    held = select(func.count()).select_from(registrations).where(registrations.c.card_id == card.id)
    saved = tables.google_objects.c
    on_google = select(func.count()).select_from(tables.google_objects)
    on_google = on_google.where(saved.card_id == card.id, saved.present.is_(True))
    return Tryout(
        card_id=card.id,
        serial_number=row["serial_number"],
        install_token=db.keyring.install_token(row["serial_number"], row["generation"], row["secret_id"]),
        expires_at=row["expires_at"],
        is_new=is_new,
        on_phones=int((await conn.execute(held)).scalar_one()) + int((await conn.execute(on_google)).scalar_one()),
        downloads=int(row["served_count"]),
    )


async def _template(conn: AsyncConnection, brand_id: int, key: str) -> Any:
    wanted = select(templates).where(templates.c.brand_id == brand_id, templates.c.key == key)
    row = (await conn.execute(wanted.where(templates.c.tryout_of.is_(None)))).first()
    if row is None:
        raise NotFound(f"There is no template {key!r}.", code="template_not_found")
    return row


async def _delete(conn: AsyncConnection, ids: Sequence[int]) -> None:
    """The cards with every row that names them, and phones that hold nothing else."""
    if not ids:
        return
    held = select(registrations.c.device_id).where(registrations.c.card_id.in_(ids)).distinct()
    devices = (await conn.execute(held)).scalars().all()
    for one in reversed(tables.metadata.sorted_tables):
        if "card_id" in one.c:
            await conn.execute(delete(one).where(one.c.card_id.in_(ids)))
    await conn.execute(delete(cards).where(cards.c.id.in_(ids)))
    empty = tables.devices.c.id.in_(devices) & ~exists().where(registrations.c.device_id == tables.devices.c.id)
    if devices:
        await conn.execute(delete(tables.devices).where(empty))
