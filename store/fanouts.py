"""Ringing everyone: one intent per template, paged by the worker, and Google's classes beside it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import googleintents, jobs, tables


async def want_every_template(conn: AsyncConnection, brand_id: int, pass_type_identifier: str) -> None:
    """Ring, silently, everyone who holds a card of the brand, and bring its classes and objects to Google."""
    published = (tables.templates.c.brand_id == brand_id, tables.templates.c.published_revision_id.is_not(None))
    for template_id in (await conn.execute(select(tables.templates.c.id).where(*published))).scalars().all():
        await jobs.want_template(
            conn, brand_id=brand_id, pass_type_identifier=pass_type_identifier, template_id=template_id
        )
    await googleintents.want_brand(conn, brand_id)
