"""Which card a push is about, for channels whose message names one.

A phone of the company's own app is told the serial number and the edition where the push is about one card: it need not ask
for what it has already. Where it holds several and any may have changed, nothing is named, and it asks for the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import livenews, outlettexts
from store.cardrows import edition_of
from store.tables import brands, cards, registrations, revisions, templates


@dataclass(frozen=True, slots=True)
class Named:
    """A card as a message names it; ``edition`` is what a phone would be served when the push was made."""

    serial_number: str
    edition: str


async def names(conn: AsyncConnection, rung: Mapping[int, tuple[int, ...]]) -> dict[int, Named]:
    """Device -> the one card it is rung for: of ``rung`` (device -> cards, none: any that it holds), if that is one."""
    if not rung:
        return {}
    held = (
        select(registrations.c.device_id, cards.c.id, cards.c.serial_number, cards.c.stamp)
        .add_columns(revisions.c.stamp.label("revision_stamp"), brands.c.stamp.label("brand_stamp"))
        .add_columns(templates.c.news.label("template_news"), livenews.listed_column(), outlettexts.column())
        .join(cards, cards.c.id == registrations.c.card_id)
        .join(templates, templates.c.id == cards.c.template_id)
        .join(revisions, revisions.c.id == templates.c.published_revision_id)
        .join(brands, brands.c.id == cards.c.brand_id)
        .where(registrations.c.device_id.in_(list(rung)))
    )
    found: dict[int, list[Named]] = {}
    for row in (await conn.execute(held)).mappings():
        meant = rung[row["device_id"]]
        if not meant or row["id"] in meant:
            found.setdefault(row["device_id"], []).append(Named(row["serial_number"], edition_of(dict(row))))
    return {device_id: cards[0] for device_id, cards in found.items() if len(cards) == 1}
