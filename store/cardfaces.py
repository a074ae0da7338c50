"""A card as both wallets would be given it now, built and not signed: for the people who look at it, not for phones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.apple import passjson
from passkit.errors import PasskitError
from passkit.google.objects import Address, GooglePictures, class_body, object_body
from passkit.google.types import type_of
from store import tables
from store.cardrows import CardRow, card_model, load
from store.compiled import files_of
from store.dialect import Database
from store.editions import filled
from store.errors import NotFound
from store.googlebodies import UNFIT
from store.tables import is_storable

ISSUER = "0"
PICTURES = "/images/"


@dataclass(frozen=True, slots=True)
class Built:
    """``files``: the unzipped pass; ``google``: class and object by their own names, empty where Google is off.

    The pictures of the latter are at ``/images/<slot>.png`` and in ``google_pictures`` by slot. ``fault``: why there is nothing.
    """

    language: str
    time_zone: str
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    google: Mapping[str, Any] = field(default_factory=dict, repr=False)
    google_pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    fault: str = ""


async def built(db: Database, brand_id: int, serial: str, now: datetime) -> Built:
    """The card as it would be served; NotFound."""
    async with db.reading() as conn:
        mine = (tables.cards.c.brand_id == brand_id) & (tables.cards.c.serial_number == serial)
        for card in await load(db, conn, mine) if is_storable(serial) else ():
            return await _built(db, conn, card, now)
    raise NotFound("There is no card with this serial number.", code="card_not_found")


async def _built(db: Database, conn: AsyncConnection, card: CardRow, now: datetime) -> Built:
    brand, template = card.revision.brand, card.revision.template
    language = template.language(card.row["language"])
    try:
        shown = filled(db, card, now, ring=None)
        files = {**passjson.files(shown), **shown.images.files}
    except PasskitError as error:
        return Built(language, brand.time_zone, fault=str(error))
    if card.row["google_mode"] == "off":
        return Built(language, brand.time_zone, files)
    revisions = tables.revisions.c
    kept = select(revisions.google_pictures).where(revisions.id == card.row["revision_id"])
    pictures = await files_of(conn, (await conn.execute(kept)).scalar() or {})
    try:
        return Built(language, brand.time_zone, files, _google(db, card, pictures, now), pictures)
    except UNFIT as error:
        return Built(language, brand.time_zone, files, fault=str(error))


def _google(db: Database, card: CardRow, pictures: Mapping[str, bytes], now: datetime) -> dict[str, Any]:
    revision = card.revision
    kind = type_of(revision.template)
    address = Address(ISSUER, f"{ISSUER}.{revision.template.key}", db.public_url, None)
    places = GooglePictures.of({slot: f"{PICTURES}{slot}.png" for slot in pictures})
    model = replace(card_model(db, card, ring=None), ring=frozenset())
    object_id = f"{ISSUER}.{card.row['serial_number']}"
    return {
        kind.class_kind: class_body(revision, address, places, now),
        kind.object_kind: object_body(revision, model, None, address, object_id, places, now),
    }
