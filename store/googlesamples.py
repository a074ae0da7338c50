"""A brand's classes as Google should hold them now, each with a made-up object: for who checks, nobody's data in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from passkit.data import sample
from passkit.google.objects import object_body
from passkit.model import SAMPLE_OUTLET, Card
from store.dialect import Database
from store.googlebodies import UNFIT, Shared, class_of, shared, shared_columns
from store.tables import google_classes

SERIAL = "sample"
NUMBER = "0000000000000000"


@dataclass(frozen=True, slots=True)
class Sample:
    """A class, an object of it with every variable's sample, and whether Google has accepted the class."""

    template: str
    type: str
    class_id: str
    is_accepted: bool
    class_body: Mapping[str, Any] = field(repr=False)
    object_body: Mapping[str, Any] = field(repr=False)


async def samples(db: Database, brand_id: int, now: datetime) -> list[Sample]:
    """One for each template on Google; what cannot be made into a body is left out: `template lint` says why."""
    found = []
    async with db.reading() as conn:
        wanted = shared_columns().where(google_classes.c.brand_id == brand_id).order_by(google_classes.c.id)
        for row in (await conn.execute(wanted)).mappings().all():
            try:
                found.append(_sample(await shared(db, conn, row), now))
            except UNFIT:
                continue
    return found


def _sample(klass: Shared, now: datetime) -> Sample:
    template = klass.revision.template
    card = Card(
        SERIAL, NUMBER, SERIAL, sample(template), language=None, created_at=now, ring=None, outlet=SAMPLE_OUTLET
    )
    object_id = f"{klass.address.issuer_id}.{SERIAL}"
    body = object_body(klass.revision, card, None, klass.address, object_id, klass.pictures, now)
    is_accepted = klass.row["accepted_digest"] is not None
    return Sample(template.key, str(klass.type), klass.address.class_id, is_accepted, class_of(klass, now), body)
