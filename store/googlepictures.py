"""The pictures of a revision in Google's shapes: made by its publish, or once when they are first needed.

A publish makes them where the brand is on Google; a revision from before that, or from an older program, gets them from
``ensure``. They lie in ``assets`` by content, and ``/images/{hash}.png`` serves them to everybody.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.google.pictures import pictures
from passkit.schema import Template, parse_template
from store import assets, compiled, tables

OFF = "off"


async def made(conn: AsyncConnection, brand_id: int, template: Template) -> dict[str, bytes] | None:
    """The pictures for a publish, by Google's slot and the heroes of looks by name; None where the brand's Google is off."""
    mode = select(tables.brands.c.google_mode).where(tables.brands.c.id == brand_id)
    if (await conn.execute(mode)).scalar_one() == OFF:
        return None
    return await asyncio.to_thread(pictures, template)


async def ensure(conn: AsyncConnection, revision_id: int, now: datetime) -> dict[str, str]:
    """Google's slot, or a look's hero -> asset hash of a revision; what is missing is made now, in the caller's transaction.

    Raises TemplateError when an image cannot be read any more.
    """
    revisions = tables.revisions
    mine = revisions.c.id == revision_id
    row = (await conn.execute(select(revisions.c.files, revisions.c.google_pictures).where(mine))).one()
    if row.google_pictures is not None:
        return dict(row.google_pictures)
    template = parse_template(await compiled.files_of(conn, row.files))
    kept = await assets.keep(conn, await asyncio.to_thread(pictures, template), now)
    await conn.execute(update(revisions).where(mine).values(google_pictures=kept))
    return kept
