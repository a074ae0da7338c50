"""Revisions ready to fill: compiled once per process, kept while they are used.

The key is (revision, brand stamp): what a revision compiles to also depends on its brand. Its pictures are those that its
publish has made. Compiling takes tens of milliseconds, so it runs in a thread, once for all who wait for the same one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.model import Brand
from passkit.pictures import Pictures
from passkit.render import Revision, compile_revision
from passkit.schema import parse_template
from store import tables
from store.brands import by_row, model
from store.dialect import Database
from store.errors import NotFound

KEPT = 64
"""Compiled revisions kept in memory: with images, some hundred KB each."""
Key = tuple[int, str]


class Cache:
    """The least recently used revisions of one open database go first."""

    def __init__(self) -> None:
        self._ready: OrderedDict[Key, Revision] = OrderedDict()
        self._locks: dict[Key, asyncio.Lock] = {}

    def get(self, key: Key) -> Revision | None:
        """The revision, if it is compiled."""
        revision = self._ready.get(key)
        if revision is not None:
            self._ready.move_to_end(key)
        return revision

    def put(self, key: Key, revision: Revision) -> None:
        """Keep it, and let the least used go."""
        self._ready[key] = revision
        self._ready.move_to_end(key)
        while len(self._ready) > KEPT:
            self._ready.popitem(last=False)

    def forget(self) -> None:
        """Compile again what is asked for next."""
        self._ready.clear()

    def images(self, revision_id: int) -> Pictures | None:
        """The pictures of the same revision under an earlier stamp of its brand."""
        return next((kept.images for (id_, _), kept in self._ready.items() if id_ == revision_id), None)

    def lock(self, key: Key) -> asyncio.Lock:
        """One compiles, the others wait."""
        return self._locks.setdefault(key, asyncio.Lock())

    def unlock(self, key: Key) -> None:
        """Forget the lock once nobody can need it."""
        self._locks.pop(key, None)


async def revision(db: Database, conn: AsyncConnection | None, *, revision_id: int, brand_stamp: str) -> Revision:
    """The compiled revision; ``conn`` is the caller's transaction, None for a reading of its own."""
    key = (revision_id, brand_stamp)
    cache = _cache(db)
    found = cache.get(key)
    if found is not None:
        return found
    if conn is None:  # had before the lock is: who holds the lock never waits for one of those who wait for it
        async with db.reading() as reading:
            return await revision(db, reading, revision_id=revision_id, brand_stamp=brand_stamp)
    async with cache.lock(key):
        found = cache.get(key)
        if found is None:
            brand, files, pictures = await _read(db, conn, revision_id)
            images = cache.images(revision_id) or (Pictures(pictures) if pictures is not None else None)
            found = await asyncio.to_thread(compiled, files, brand, images)
            cache.put(key, found)
    cache.unlock(key)
    return found


def keep(db: Database, revision_id: int, brand_stamp: str, ready: Revision) -> None:
    """Spare the first card the compiling: a publish has just done it."""
    _cache(db).put((revision_id, brand_stamp), ready)


def compiled(files: Mapping[str, bytes], brand: Brand, images: Pictures | None = None) -> Revision:
    """Parse and compile, every picture drawn; raises TemplateError."""
    ready = compile_revision(parse_template(files), brand, images)
    ready.images.draw()
    return ready


async def files_of(conn: AsyncConnection, names: Mapping[str, str]) -> dict[str, bytes]:
    """The contents of a draft's or revision's files: name -> bytes."""
    assets = tables.assets.c
    rows = await conn.execute(select(assets.hash, assets.content).where(assets.hash.in_(set(names.values()))))
    contents = {row.hash: row.content for row in rows}
    return {name: contents[digest] for name, digest in names.items()}


async def _read(
    db: Database, conn: AsyncConnection, revision_id: int
) -> tuple[Brand, dict[str, bytes], dict[str, bytes] | None]:
    """The brand, the template's files, and the finished pictures if they are kept."""
    revisions, brands = tables.revisions, tables.brands
    found = select(revisions.c.files.label("revision_files"), revisions.c.pictures, brands)
    found = found.join(brands, brands.c.id == revisions.c.brand_id)
    row = (await conn.execute(found.where(revisions.c.id == revision_id))).mappings().first()
    if row is None:
        raise NotFound("There is no such revision.")
    pictures = None if row["pictures"] is None else await files_of(conn, row["pictures"])
    return model(by_row(row), db.public_url), await files_of(conn, row["revision_files"]), pictures


def _cache(db: Database) -> Cache:
    return db.kept(Cache)
