"""The news that a brand's first page tells of: the one that goes out now, else the next that is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, select

from store.dialect import Database
from store.tables import news, templates

RUNNING, SCHEDULED = "running", "scheduled"


@dataclass(frozen=True, slots=True)
class NextNews:
    """``text`` by language, of its first variant; ``at``: when it starts, None where it goes out already."""

    key: str
    text: Mapping[str, str]
    template: str
    at: datetime | None

    def said(self, language: str) -> str:
        """Its text in this language, else in the first that it has."""
        return self.text.get(language) or next(iter(self.text.values()), "")


async def of(db: Database, brand_id: int) -> NextNews | None:
    """One of the brand's, or none."""
    wanted = (
        select(news.c.key, news.c.variants, news.c.state, news.c.starts_at, templates.c.name)
        .join(templates, templates.c.id == news.c.template_id)
        .where(news.c.brand_id == brand_id, news.c.state.in_((RUNNING, SCHEDULED)), templates.c.tryout_of.is_(None))
        .where(news.c.trigger_id.is_(None))
        .order_by(case((news.c.state == RUNNING, 0), else_=1), news.c.starts_at, news.c.id)
        .limit(1)
    )
    async with db.reading() as conn:
        row = (await conn.execute(wanted)).first()
    if row is None:
        return None
    return NextNews(row.key, row.variants[0]["text"], row.name, row.starts_at if row.state == SCHEDULED else None)
