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


async def want_outlets(conn: AsyncConnection, brand_id: int) -> None:
    """The same for the templates whose published revision may show something of an outlet: no other pass reads differently."""
    templates, revisions, brands = tables.templates.c, tables.revisions.c, tables.brands.c
    published = (
        select(templates.id, revisions.files, brands.pass_type_identifier)
        .join(tables.revisions, revisions.id == templates.published_revision_id)
        .join(tables.brands, brands.id == templates.brand_id)
        .where(templates.brand_id == brand_id)
    )
    for row in (await conn.execute(published)).all():
        texts = {asset for name, asset in row.files.items() if name.endswith(".yaml")}
        contents = await conn.execute(select(tables.assets.c.content).where(tables.assets.c.hash.in_(texts)))
        if any(b"outlet" in content for content in contents.scalars()):
            await jobs.want_template(
                conn, brand_id=brand_id, pass_type_identifier=row.pass_type_identifier, template_id=row.id
            )
            await googleintents.want_classes(conn, tables.google_classes.c.template_id == row.id)
