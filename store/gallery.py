"""The brand's templates as people see them: made of a starter or of another one, named, put away and taken back.

A template's key comes from its name and stays; putting one away takes it out of the lists only, its cards live on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import edit
from passkit.edit import EditError, Set
from passkit.errors import Problem, Severity, TemplateError
from passkit.schema import parse_template
from store import assets, audit, drafts, tables, templates
from store.audit import Actor
from store.dialect import Database
from store.drafts import Draft
from store.errors import Conflict, Invalid, NotFound
from store.outlets import slug
from store.templates import TemplateRow
from store.users import checked_name

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """A template in the gallery. ``has_changes``: the draft is not what is published; ``cards``: how many were issued."""

    key: str
    name: str
    style: str
    published_revision: int | None
    has_changes: bool
    cards: int
    updated_at: datetime
    archived_at: datetime | None


async def listing(db: Database, brand_id: int, *, archived: bool = False) -> list[Shown]:
    """The brand's templates, the last changed first; those put away instead with ``archived``."""
    own, revisions, cards = tables.templates, tables.revisions, tables.cards
    counted = select(cards.c.template_id, func.count().label("n")).where(cards.c.brand_id == brand_id)
    counts = counted.group_by(cards.c.template_id).subquery()
    wanted = (
        select(own, revisions.c.number, revisions.c.files, counts.c.n)
        .outerjoin(revisions, revisions.c.id == own.c.published_revision_id)
        .outerjoin(counts, counts.c.template_id == own.c.id)
        .where(own.c.brand_id == brand_id, own.c.tryout_of.is_(None))
        .where(own.c.archived_at.is_not(None) if archived else own.c.archived_at.is_(None))
        .order_by(own.c.updated_at.desc(), own.c.id.desc())
    )
    async with db.reading() as conn:
        return [
            Shown(
                key=row.key,
                name=row.name,
                style=row.style,
                published_revision=row.number,
                has_changes=row.number is None or row.files != row.draft,
                cards=row.n or 0,
                updated_at=row.updated_at,
                archived_at=row.archived_at,
            )
            for row in await conn.execute(wanted)
        ]


async def add(
    db: Database, brand_id: int, files: Mapping[str, bytes], name: str, by: Actor, now: datetime
) -> TemplateRow:
    """A template of these files under a name and a free key; Invalid says what is wrong with the name or the files."""
    name = checked_name(name)
    kept = await asyncio.to_thread(templates.normalised, files)
    for _ in range(ATTEMPTS):
        async with db.reading() as conn:
            key = await _free_key(conn, brand_id, name)
        renamed = _renamed(kept, key, name)
        async with db.joined() as conn:
            if await _is_taken(conn, brand_id, key):
                continue
            row = await templates.import_files(db, brand_id, renamed, now, are_normal=True)
            await audit.record(db, brand_id, by, "template.added", name, now=now)
            return row
    raise Conflict("Many templates with this name are being made at once: try again.")


async def copy(db: Database, brand_id: int, key: str, name: str, by: Actor, now: datetime) -> TemplateRow:
    """A template like another one's draft."""
    return await add(db, brand_id, await templates.export_files(db, brand_id, key), name, by, now)


async def rename(db: Database, brand_id: int, key: str, name: str, by: Actor, now: datetime) -> Draft:
    """Call a template otherwise; its key stays."""
    name = checked_name(name)
    for _ in range(ATTEMPTS):
        base = (await drafts.get(db, brand_id, key)).number
        saved = await drafts.save_edits(db, brand_id, key, base=base, edits=[Set("/name", name)], by=by, now=now)
        if isinstance(saved, Draft):
            return saved
    raise Conflict("Somebody else is writing the name at the same time: reload the page.")


async def archive(db: Database, brand_id: int, key: str, by: Actor, now: datetime) -> str:
    """Put a template away; its cards live on. Returns its name."""
    return await _file(db, brand_id, key, by, now, archived=True)


async def restore(db: Database, brand_id: int, key: str, by: Actor, now: datetime) -> str:
    """Take a template back into the gallery. Returns its name."""
    return await _file(db, brand_id, key, by, now, archived=False)


async def _file(db: Database, brand_id: int, key: str, by: Actor, now: datetime, *, archived: bool) -> str:
    own = tables.templates
    values = {"archived_at": now if archived else None}
    async with db.joined() as conn:
        wanted = update(own).where(own.c.brand_id == brand_id, own.c.key == key, own.c.tryout_of.is_(None))
        name = (await conn.execute(wanted.values(**values).returning(own.c.name))).scalar_one_or_none()
        if name is None:
            raise NotFound(f"There is no template {key!r}.", code="template_not_found")
        done = "template.archived" if archived else "template.restored"
        await audit.record(db, brand_id, by, done, str(name), now=now)
        return str(name)


def _renamed(files: Mapping[str, bytes], key: str, name: str) -> Mapping[str, bytes]:
    try:
        return edit.apply(files, [Set("/key", key), Set("/name", name)]).files
    except EditError as error:
        raise Invalid(error.problems) from None


async def _free_key(conn: AsyncConnection, brand_id: int, name: str) -> str:
    wanted = slug(name)
    own = tables.templates.c
    taken = set((await conn.execute(select(own.key).where(own.brand_id == brand_id))).scalars())
    if wanted not in taken:
        return wanted
    return next(key for number in range(2, len(taken) + 3) if (key := f"{wanted}-{number}") not in taken)


async def _is_taken(conn: AsyncConnection, brand_id: int, key: str) -> bool:
    """Whether somebody has taken the key meanwhile; the brand is locked from here on, so that nobody does any more."""
    brands, own = tables.brands.c, tables.templates.c
    await conn.execute(select(brands.id).where(brands.id == brand_id).with_for_update())
    found = await conn.execute(select(own.id).where(own.brand_id == brand_id, own.key == key))
    return found.first() is not None


# Files that come whole: from a zip, or out of the expert's text box.


async def take_in(db: Database, brand_id: int, files: Mapping[str, bytes], by: Actor, now: datetime) -> TemplateRow:
    """A template of exactly these files; where its key is taken already, a copy under a key of its own.

    Pictures are as ``images.intake`` gives them.
    """
    key, name = edit.value_at(files, "/key"), edit.value_at(files, "/name")
    if not isinstance(key, str) or not isinstance(name, str):
        raise Invalid(
            [Problem(Severity.ERROR, "", "There is no template in these files.", "Pack the template's folder.")]
        )
    async with db.joined() as conn:
        if not await _is_taken(conn, brand_id, key):
            row = await templates.import_files(db, brand_id, files, now, are_normal=True)
            await audit.record(db, brand_id, by, "template.added", row.name, now=now)
            return row
    return await add(db, brand_id, files, name, by, now)


async def replace(
    db: Database, brand_id: int, key: str, files: Mapping[str, bytes], *, base: int, by: Actor, now: datetime
) -> Draft:
    """Make these files the draft, as one step that can be undone; the key stays what it is.

    Invalid where they are no template, Conflict when somebody has saved since ``base``.
    """
    kept = dict(files)
    if edit.value_at(kept, "/key") != key:
        kept = dict(_with_key(kept, key))
    await asyncio.to_thread(_checked, kept)
    async with db.joined() as conn:
        current = await drafts.get(db, brand_id, key)
        if current.number != base and (current.author != by.name or current.number < base):
            raise Conflict("Somebody else has saved meanwhile: look at it first.")
        names = await assets.keep(conn, kept, now)
        await drafts.replace_in(conn, current.template_id, names, by, now)
        return await drafts.get(db, brand_id, key)


def _checked(files: Mapping[str, bytes]) -> None:
    try:
        parse_template(files)
    except TemplateError as error:
        raise Invalid(error.problems) from None


def _with_key(files: Mapping[str, bytes], key: str) -> Mapping[str, bytes]:
    try:
        return edit.apply(files, [Set("/key", key)]).files
    except EditError as error:
        raise Invalid(error.problems) from None
