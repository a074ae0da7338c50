"""Classes and objects as bodies: rows in, what Google should hold out. The only place that asks ``passkit.google``.

A body's digest says whether Google has it already; it leaves out messages, which come and go by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.errors import RenderError, TemplateError
from passkit.google.datatypes import image
from passkit.google.objects import Address, GooglePictures, class_body, object_body, patch_body
from passkit.google.types import GoogleType, type_of
from passkit.render import Revision, fill
from store import compiled, googlepictures, livenews, tables
from store.cardrows import CardRow, card_model, columns, complete
from store.dialect import Database, database_now
from store.errors import NotFound

Json = Mapping[str, Any]
AnyRow = Any
"""A row of a SELECT, read by its columns' names."""
UNFIT = (RenderError, TemplateError, NotFound, ValueError, KeyError, TypeError)
"""What one card, template or key of ours may raise; the others go on."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a class and all of its objects are made of."""

    row: AnyRow  # a google_classes row with the brand's and the revision's columns
    revision: Revision
    address: Address
    pictures: GooglePictures
    hero: str | None = None  # of a news that every card shows

    @property
    def type(self) -> GoogleType:
        """Frozen by the first publish."""
        return GoogleType(self.row["type"])

    @property
    def language(self) -> str:
        """The template's default."""
        return self.revision.template.default_language


def shared_columns() -> Select[Any]:
    """A class with what ``shared`` needs, to be narrowed by a WHERE."""
    classes, templates, revisions, brands = (
        tables.google_classes,
        tables.templates,
        tables.revisions,
        tables.brands,
    )
    return (
        select(
            classes,
            brands.c.key.label("brand_key"),
            brands.c.stamp.label("brand_stamp"),
            revisions.c.id.label("revision_id"),
            revisions.c.google_pictures,
            templates.c.news.label("template_news"),
        )
        .join(templates, templates.c.id == classes.c.template_id)
        .join(revisions, revisions.c.id == templates.c.published_revision_id)
        .join(brands, brands.c.id == classes.c.brand_id)
    )


async def shared(db: Database, conn: AsyncConnection, row: AnyRow) -> Shared:
    """The class of a row of ``shared_columns``; raises what ``UNFIT`` names."""
    revision = await compiled.revision(db, conn, revision_id=row["revision_id"], brand_stamp=row["brand_stamp"])
    live = livenews.of_class(row["template_news"])
    await livenews.load(db, conn, live)
    return Shared(row, revision, _address(db, row), pictures_of(db, row["google_pictures"]), _hero(db, live))


async def draw(db: Database, issuer_id: str) -> None:
    """Make the pictures of revisions that were published before their brand was on Google; no other lock is held then."""
    for (revision_id,) in await db.fetch(_UNDRAWN, issuer_id):
        async with db.transaction() as conn:
            try:
                await googlepictures.ensure(conn, revision_id, await database_now(conn))
            except TemplateError:  # an image that an older program took: the card goes without
                revisions = tables.revisions
                await conn.execute(update(revisions).where(revisions.c.id == revision_id).values(google_pictures={}))


_UNDRAWN = """
    SELECT r.id FROM google_classes c JOIN templates t ON t.id = c.template_id
    JOIN revisions r ON r.id = t.published_revision_id
    WHERE c.issuer_id = ?1 AND r.google_pictures IS NULL
"""


async def shared_by_id(
    db: Database, conn: AsyncConnection, class_row_ids: Collection[int]
) -> dict[int, Shared | Exception]:
    """These classes by row id; what cannot be compiled is there as what it raised."""
    found: dict[int, Shared | Exception] = {}
    if class_row_ids:
        wanted = shared_columns().where(tables.google_classes.c.id.in_(class_row_ids))
        for row in (await conn.execute(wanted)).mappings().all():
            try:
                found[row["id"]] = await shared(db, conn, row)
            except UNFIT as error:
                found[row["id"]] = error
    return found


async def cards_by_id(db: Database, conn: AsyncConnection, card_ids: Collection[int]) -> dict[int, CardRow | Exception]:
    """These cards by id; one that cannot be read is there as what it raised."""
    found: dict[int, CardRow | Exception] = {}
    if card_ids:
        wanted = columns().where(tables.cards.c.id.in_(card_ids))
        for row in (await conn.execute(wanted)).mappings().all():
            try:
                found[row["id"]] = await complete(db, conn, row)
            except UNFIT as error:
                found[row["id"]] = error
    return found


def class_of(klass: Shared, now: datetime) -> dict[str, Any]:
    """The class's body to insert."""
    pictures = replace(klass.pictures, hero=klass.hero) if klass.hero else klass.pictures
    return class_body(klass.revision, klass.address, pictures, now)


def object_of(
    db: Database, card: CardRow, klass: Shared, object_id: str, now: datetime, *, revision: Revision | None = None
) -> dict[str, Any]:
    """The card's body to insert; ``revision`` instead of its own. Raises RenderError."""
    model = card_model(db, card, ring=None)
    body = object_body(revision or card.revision, model, None, klass.address, object_id, klass.pictures, now)
    hero = _hero(db, card.shown)
    if hero and (hero != klass.hero or klass.type is GoogleType.GENERIC or "heroImage" in body):
        body["heroImage"] = image(hero)  # the class does not show it on this object
    return body


def _hero(db: Database, shown: livenews.Shown | None) -> str | None:
    """The address of a news's picture for Google."""
    picture = None if shown is None else getattr(livenews.text(db, shown), "picture", None)
    return None if picture is None else f"{db.public_url}/images/{picture.hero}.png"


def patch_of(type_: GoogleType, kind: str, body: Json) -> dict[str, Any]:
    """The same body to PATCH, with nulls for what we own and do not set."""
    return patch_body(type_.class_kind if kind == "class" else type_.object_kind, body)


def digest(body: Json) -> str:
    """What tells one body from another."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def pictures_of(db: Database, kept: Mapping[str, str] | None) -> GooglePictures:
    """The public addresses of a revision's pictures for Google, by slot."""
    return GooglePictures.of({slot: f"{db.public_url}/images/{name}.png" for slot, name in (kept or {}).items()})


def lock_screen_text(db: Database, card: CardRow, key: str, now: datetime) -> str | None:
    """What the field's change message says now; None without one.

    Neither may Google have it where the template keeps personal data from Google and the text rests on some.
    """
    template = card.revision.template
    values = card.given
    told = _told(db, card, key, now, values)
    if told is None or not template.google.private:
        return told
    impersonal = {name: value for name, value in values.items() if not template.variables[name].personal}
    try:
        return told if _told(db, card, key, now, impersonal) == told else None
    except RenderError:
        return None


def _told(db: Database, card: CardRow, key: str, now: datetime, values: Mapping[str, Any]) -> str | None:
    model = card_model(db, card, ring=None, values=values)
    shown = fill(card.revision, model, None, card.row["language"], now)
    field = next((one for one in shown.fields if one.key == key), None)
    if field is None or not field.change_message:
        return None
    return field.change_message.replace("%@", field.text)


def google_type(revision: Revision) -> GoogleType:
    """What a revision's template is for Google."""
    return type_of(revision.template)


def _address(db: Database, row: AnyRow) -> Address:
    callback = f"{db.public_url}/google/callback/{row['brand_key']}" if db.public_url else None
    return Address(row["issuer_id"], row["class_id"], db.public_url, callback)
