"""Files by their content: what templates are made of, and the pictures made from them. What is kept never changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.dialect import Database
from store.upserts import insert_into

PNG = b"\x89PNG\r\n\x1a\n"
UNNAMED = timedelta(days=1)
RENEWED = timedelta(hours=1)
"""A content that is named again is as good as new, unless it is nearly."""
ROWS = 200
_NAMING = (
    tables.templates.c.draft,
    tables.draft_history.c.files,
    tables.plans.c.files,
    tables.revisions.c.files,
    tables.revisions.c.pictures,
    tables.revisions.c.google_pictures,
    tables.news.c.pictures,
)
"""Everything that names contents: file name -> hash."""
_HASH = re.compile(r"[0-9a-f]{64}")


async def keep(conn: AsyncConnection, files: Mapping[str, bytes], now: datetime) -> dict[str, str]:
    """Keep the contents that are new; name -> hash, by name."""
    assets = tables.assets
    names = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    known = select(assets.c.hash, assets.c.created_at).where(assets.c.hash.in_(set(names.values())))
    ages = {row.hash: now - row.created_at for row in await conn.execute(known)}
    missing = set(names.values()) - ages.keys()
    if old := [digest for digest, age in ages.items() if age > RENEWED]:  # named again: the sweep must not take it
        await conn.execute(update(assets).where(assets.c.hash.in_(old)).values(created_at=now))
    rows = {names[name]: content for name, content in files.items() if names[name] in missing}
    if rows:
        insert = insert_into(tables.assets, is_postgresql=conn.dialect.name == "postgresql").on_conflict_do_nothing()
        await conn.execute(
            insert, [{"hash": digest, "content": content, "created_at": now} for digest, content in rows.items()]
        )
    return dict(sorted(names.items()))


async def sweep(db: Database, now: datetime) -> int:
    """Delete contents that nothing has named for a day: states of drafts that undo reaches back to no more."""
    assets, before = tables.assets, now - UNNAMED
    async with db.reading() as conn:
        named: set[str] = set()
        for column in _NAMING:
            for names in (await conn.execute(select(column).where(column.is_not(None)))).scalars():
                named.update((names or {}).values())
        old = (await conn.execute(select(assets.c.hash).where(assets.c.created_at < before))).scalars().all()
    unnamed = sorted(set(old) - named)
    for start in range(0, len(unnamed), ROWS):
        some = assets.c.hash.in_(unnamed[start : start + ROWS])
        async with db.transaction() as conn:  # what has been kept again since is younger now
            await conn.execute(delete(assets).where(some, assets.c.created_at < before))
    return len(unnamed)


async def picture(db: Database, digest: str) -> bytes | None:
    """The PNG with this SHA-256 in hex; None when there is none, or what there is is no PNG."""
    if _HASH.fullmatch(digest) is None:
        return None
    async with db.reading() as conn:
        content = (await conn.execute(select(tables.assets.c.content).where(tables.assets.c.hash == digest))).scalar()
    return content if content is not None and content.startswith(PNG) else None
