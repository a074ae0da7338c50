"""A card's object: made when its page is opened, asked for by the page, and its brand's Google switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.google.types import GoogleType
from passkit.render import Revision
from store import compiled, randomness
from store.clock import database_now
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.googlebodies import UNFIT, cards_by_id, class_of, google_type, object_of, shared_by_id
from store.googleintents import due_again, mark, want_classes
from store.googlework import Bodies, GoogleStatus, Mode
from store.jobs import Lane
from store.tables import brands, cards, google_classes, google_objects, revisions, templates
from store.timeline import Line, record
from store.upserts import insert_into

SUFFIX_LENGTH = 12
"""Letters and digits behind the template's key in a class id: no suffix is ever made twice, whatever was restored."""

Row = Any
"""A row of a SELECT, read by its columns' names."""


async def open_object(db: Database, card_id: int, now: datetime) -> None:
    """The install page was opened: the card gets its object's row, due now, urgent; nothing where it may not save.

    Opened again, only an object that Google has refused, or never had, is tried anew.
    """
    async with db.reading() as conn:
        row = (await conn.execute(_state().where(cards.c.id == card_id))).mappings().first()
    if row is None or _mode(row) is Mode.OFF or not _may_save(row):
        return
    if row["object_row_id"] is not None and (row["object_digest"] is not None or row["object_due_at"] is not None):
        return
    async with db.transaction() as conn:
        row = (await conn.execute(_state().where(cards.c.id == card_id).with_for_update(of=cards))).mappings().one()
        class_row_id = await _class_of(db, conn, row)
        if row["object_row_id"] is None:
            await _add_object(db, conn, row, class_row_id, now)
        else:
            mine = update(google_objects).where(google_objects.c.id == row["object_row_id"])
            await conn.execute(mine.values(**due_again(google_objects, Lane.URGENT)))
        await mark(conn)


async def status(db: Database, card_id: int) -> GoogleStatus | None:
    """The card on Google; None when its brand's Google is off."""
    async with db.reading() as conn:
        row = (await conn.execute(_state().where(cards.c.id == card_id))).mappings().first()
        if row is None or _mode(row) is Mode.OFF:
            return None
        kind = row["class_type"] or await _type(db, conn, row)
    refused = [row[f"{one}_reason"] for one in ("class", "object") if row[f"{one}_reason"] and not row[f"{one}_due_at"]]
    return GoogleStatus(
        issuer_id=row["issuer_id"],
        type=str(kind),
        mode=row["google_mode"],
        may_save=_may_save(row),
        object_id=row["object_id"],
        class_id=row["class_id"],
        inserted=row["object_digest"] is not None and row["class_digest"] is not None,
        present=row["present"],
        refused=refused[0] if refused else None,
    )


async def bodies(db: Database, card_id: int, now: datetime) -> Bodies | None:
    """The card's class and object for a fat save link; None when the page was never opened or Google is off.

    None too where they cannot be made: then the claim says so on the object's row.
    """
    async with db.reading() as conn:
        row = (await conn.execute(_state().where(cards.c.id == card_id))).mappings().first()
        if row is None or _mode(row) is Mode.OFF or row["object_id"] is None:
            return None
        klass = (await shared_by_id(db, conn, [row["class_row_id"]])).get(row["class_row_id"])
        card = (await cards_by_id(db, conn, [card_id])).get(card_id)
    if klass is None or card is None or isinstance(klass, Exception) or isinstance(card, Exception):
        return None
    try:
        return Bodies(str(klass.type), class_of(klass, now), object_of(db, card, klass, row["object_id"], now))
    except UNFIT:
        return None


async def configure(
    db: Database,
    brand_key: str,
    *,
    issuer_id: str | None = None,
    mode: Mode | str | None = None,
    testers: Sequence[str] | None = None,
) -> None:
    """Set a brand's issuer, mode and testers (cards' external ids, numbers or serial numbers); None leaves it as it is.

    Switched on, every published template gets its class, due now. Conflict when the issuer would change and Google has
    classes under the old one, or when Google is switched on without an issuer.
    """
    async with db.transaction() as conn:
        brand = (
            (await conn.execute(select(brands).where(brands.c.key == brand_key).with_for_update())).mappings().first()
        )
        if brand is None:
            raise NotFound(f"There is no brand {brand_key!r}.")
        values: dict[str, Any] = {}
        if issuer_id is not None and issuer_id != brand["google_issuer_id"]:
            await _leave_issuer(conn, brand)
            values["google_issuer_id"] = issuer_id
        if mode is not None:
            values["google_mode"] = Mode(mode).value
        if testers is not None:
            values["google_testers"] = list(testers)
        after = {**brand, **values}
        if after["google_mode"] != Mode.OFF and not after["google_issuer_id"]:
            raise Conflict("Google needs an issuer id first: the number that the Pay & Wallet Console shows.")
        if values:
            await conn.execute(update(brands).where(brands.c.id == brand["id"]).values(**values))
        if after["google_mode"] != Mode.OFF:
            await _ensure_classes(db, conn, brand["id"])


async def want_template(
    conn: AsyncConnection, brand_id: int, template_id: int, template_key: str, revision: Revision
) -> None:
    """The template has been published: its class is due, made where the brand is on Google and there is none."""
    await want_classes(conn, google_classes.c.template_id == template_id)
    mine = select(brands.c.google_issuer_id).where(brands.c.id == brand_id, brands.c.google_mode != Mode.OFF)
    issuer_id = (await conn.execute(mine)).scalar_one_or_none()
    if issuer_id:
        row = {"brand_id": brand_id, "template_id": template_id, "issuer_id": issuer_id, "template_key": template_key}
        await _add_class(conn, row, google_type(revision), Lane.CAMPAIGN)


def _state() -> Select[Any]:
    """A card with all that decides whether and how it is on Google, to be narrowed by a WHERE."""
    classes, objects = google_classes.c, google_objects.c
    return (
        select(
            cards.c.id,
            cards.c.brand_id,
            cards.c.template_id,
            cards.c.serial_number,
            cards.c.number,
            cards.c.external_id,
            brands.c.google_issuer_id.label("issuer_id"),
            brands.c.google_mode,
            brands.c.google_testers,
            brands.c.revoked_at,
            brands.c.stamp.label("brand_stamp"),
            templates.c.key.label("template_key"),
            templates.c.published_revision_id,
            classes.id.label("class_row_id"),
            classes.class_id,
            classes.type.label("class_type"),
            classes.accepted_digest.label("class_digest"),
            classes.due_at.label("class_due_at"),
            classes.reason.label("class_reason"),
            objects.id.label("object_row_id"),
            objects.object_id,
            objects.accepted_digest.label("object_digest"),
            objects.due_at.label("object_due_at"),
            objects.reason.label("object_reason"),
            objects.present,
        )
        .join(brands, brands.c.id == cards.c.brand_id)
        .join(templates, templates.c.id == cards.c.template_id)
        .outerjoin(google_classes, classes.template_id == cards.c.template_id)
        .outerjoin(google_objects, objects.card_id == cards.c.id)
    )


def _mode(row: Row) -> Mode:
    if row["revoked_at"] is not None or not row["issuer_id"] or row["published_revision_id"] is None:
        return Mode.OFF
    return Mode(row["google_mode"])


def _may_save(row: Row) -> bool:
    """Live: everybody; in test the cards that the brand names."""
    if _mode(row) is not Mode.TEST:
        return _mode(row) is Mode.LIVE
    named = set(row["google_testers"] or ())
    return not named.isdisjoint({row["serial_number"], row["number"], row["external_id"]} - {None})


async def _type(db: Database, conn: AsyncConnection, row: Row) -> GoogleType:
    revision_id, stamp = row["published_revision_id"], row["brand_stamp"]
    return google_type(await compiled.revision(db, conn, revision_id=revision_id, brand_stamp=stamp))


async def _class_of(db: Database, conn: AsyncConnection, row: Row) -> int:
    """The row of the template's class, made where there is none, due first where Google does not have it."""
    if row["class_row_id"] is None:
        await _add_class(conn, row, await _type(db, conn, row), Lane.URGENT)
    else:
        missing = (google_classes.c.id == row["class_row_id"], google_classes.c.accepted_digest.is_(None))
        await conn.execute(update(google_classes).where(*missing).values(**due_again(google_classes, Lane.URGENT)))
    mine = select(google_classes.c.id).where(google_classes.c.template_id == row["template_id"])
    return int((await conn.execute(mine)).scalar_one())


async def _add_class(conn: AsyncConnection, row: Row, type_: GoogleType, lane: Lane) -> None:
    suffix = f"{row['template_key']}-{randomness.text(SUFFIX_LENGTH)}"
    now = await database_now(conn)
    values = {
        "brand_id": row["brand_id"],
        "template_id": row["template_id"],
        "issuer_id": row["issuer_id"],
        "type": type_.value,
        "class_id": f"{row['issuer_id']}.{suffix}",
        "due_at": now,
        "wanted_at": now,
        "lane": int(lane),
    }
    added = insert_into(google_classes, is_postgresql=conn.dialect.name == "postgresql").values(**values)
    await conn.execute(added.on_conflict_do_nothing())
    await mark(conn)


async def _add_object(db: Database, conn: AsyncConnection, row: Row, class_row_id: int, now: datetime) -> None:
    at = await database_now(conn)
    values = {
        "brand_id": row["brand_id"],
        "card_id": row["id"],
        "class_row_id": class_row_id,
        "issuer_id": row["issuer_id"],
        "object_id": f"{row['issuer_id']}.{row['serial_number']}",
        "due_at": at,
        "wanted_at": at,
        "lane": int(Lane.URGENT),
    }
    await conn.execute(insert(google_objects).values(**values))
    await conn.execute(update(cards).where(cards.c.id == row["id"]).values(on_google=True))
    await record(db, conn, [Line(row["brand_id"], row["id"], "google_queued", {"first": True})], now)


async def _leave_issuer(conn: AsyncConnection, brand: Row) -> None:
    """An issuer's ids are its own: what Google has under one cannot move to another. What it never had is forgotten."""
    brand_id = brand["id"]
    mine = (google_classes.c.brand_id == brand_id, google_classes.c.accepted_digest.is_not(None))
    if (await conn.execute(select(exists().where(*mine)))).scalar_one():
        old = brand["google_issuer_id"]
        raise Conflict(f"Google has classes of this brand under the issuer {old}: they cannot move to another issuer.")
    await conn.execute(delete(google_objects).where(google_objects.c.brand_id == brand_id))
    await conn.execute(delete(google_classes).where(google_classes.c.brand_id == brand_id))
    on_google = (cards.c.brand_id == brand_id, cards.c.on_google.is_(True))
    await conn.execute(update(cards).where(*on_google).values(on_google=False))


async def _ensure_classes(db: Database, conn: AsyncConnection, brand_id: int) -> None:
    missing = (
        select(
            templates.c.id.label("template_id"),
            templates.c.key.label("template_key"),
            templates.c.published_revision_id,
            brands.c.id.label("brand_id"),
            brands.c.stamp.label("brand_stamp"),
            brands.c.google_issuer_id.label("issuer_id"),
        )
        .join(brands, brands.c.id == templates.c.brand_id)
        .join(revisions, revisions.c.id == templates.c.published_revision_id)
        .outerjoin(google_classes, google_classes.c.template_id == templates.c.id)
        .where(templates.c.brand_id == brand_id, templates.c.archived_at.is_(None), google_classes.c.id.is_(None))
    )
    for row in (await conn.execute(missing)).mappings().all():
        await _add_class(conn, row, await _type(db, conn, row), Lane.CAMPAIGN)
