"""What join links brought, by their marks for advertising (UTM): how many joined, and how many of those have the card on a phone.

A link counts under the marks that it has now. Who had a card already is no new client of a campaign, and is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, func, select

from store import tables
from store.dialect import Database
from store.handouts import COMES


@dataclass(frozen=True, slots=True)
class Campaign:
    """What one set of marks brought; an empty mark: the links name none."""

    source: str
    medium: str
    campaign: str
    links: int
    joined: int
    installed: int
    known: int


async def between(db: Database, brand_id: int, since: datetime, until: datetime) -> list[Campaign]:
    """By marks, most new clients first; links that brought nobody in this time are not there."""
    joins, links, lines = tables.joins.c, tables.join_links, tables.timeline.c
    came = exists().where(lines.card_id == joins.card_id, lines.kind.in_(COMES))
    counts = select(
        joins.link_id,
        func.sum(case((joins.is_new, 1), else_=0)).label("joined"),
        func.sum(case((and_(joins.is_new, came), 1), else_=0)).label("installed"),
        func.sum(case((joins.is_new, 0), else_=1)).label("known"),
    )
    counts = counts.where(joins.brand_id == brand_id, joins.at >= since, joins.at < until).group_by(joins.link_id)
    sums = counts.subquery()
    some = select(links.c.utm, sums.c.joined, sums.c.installed, sums.c.known).join(links, links.c.id == sums.c.link_id)
    found: dict[tuple[str, str, str], Campaign] = {}
    async with db.reading() as conn:
        for row in await conn.execute(some):
            marks = _marks(row.utm)
            one = found.get(marks, Campaign(*marks, 0, 0, 0, 0))
            numbers = (one.joined + row.joined, one.installed + row.installed, one.known + row.known)
            found[marks] = Campaign(*marks, one.links + 1, *map(int, numbers))
    return sorted(found.values(), key=lambda one: (-one.joined, -one.known, one.source, one.medium, one.campaign))


def _marks(utm: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(utm.get("source") or ""), str(utm.get("medium") or ""), str(utm.get("campaign") or "")
