"""Templates: a draft being edited, and revisions frozen by publishing.

Files live in ``assets`` by content. Texts are kept byte for byte, images after their first normalisation, so that an export
imports as itself. All cards follow the published revision; publishing rings nobody by sound, it only has the phones fetch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import images
from passkit.errors import ImageError, Problem, Severity, TemplateError
from passkit.google.loss import Loss, loss
from passkit.limits_reading import shows_history
from passkit.render import Revision
from passkit.schema import Template, parse_template
from store import (
    assets,
    brands,
    compiled,
    googleobjects,
    googlepictures,
    inuse,
    jobs,
    newstimer,
    publishing,
    randomness,
    tables,
)
from store import uses as store_uses
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.upserts import insert_into

TEXTS = (".yaml",)
IMAGES = (".png", ".jpg", ".jpeg", ".webp")
MAX_FILES = 200
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """A template; ``published_revision`` is the number of the revision that its cards follow."""

    id: int
    brand_id: int
    key: str
    name: str
    style: str
    published_revision: int | None
    published_revision_id: int | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A frozen revision; ``is_new`` is False when publishing found the same files published already."""

    id: int
    template_id: int
    number: int
    stamp: str
    author: str
    note: str
    created_at: datetime
    is_new: bool = True


async def import_files(
    db: Database, brand_id: int, files: Mapping[str, bytes], now: datetime, *, are_normal: bool = False
) -> TemplateRow:
    """Make these files the draft of the template whose key they name; Invalid carries every problem.

    ``are_normal``: they come out of ``normalised`` already.
    """
    kept = dict(files) if are_normal else await asyncio.to_thread(normalised, files)
    template = _parsed(kept)
    async with db.transaction() as conn:
        names = await assets.keep(conn, kept, now)
        values = {"name": template.name, "style": template.style, "draft": names, "updated_at": now}
        row = await _by_key(conn, brand_id, template.key, lock=True)
        if row is None:
            new = {"brand_id": brand_id, "key": template.key, "created_at": now, **values}
            await conn.execute(_insert(db, tables.templates).values(**new).on_conflict_do_nothing())
        await conn.execute(
            update(tables.templates)
            .where(tables.templates.c.brand_id == brand_id, tables.templates.c.key == template.key)
            .values(**(values if row is None or row.published_revision_id is None else values | {"style": row.style}))
        )
        return await _needed(conn, brand_id, template.key)


async def publish(
    db: Database,
    brand_id: int,
    key: str,
    *,
    author: str = "",
    note: str = "",
    ring: bool = False,
    names: Mapping[str, str] | None = None,
    now: datetime,
) -> RevisionRow:
    """Freeze the draft as the revision that all cards of the template follow from now on.

    Compiles it and fills it with its samples first, outside the transaction; Invalid carries what stops it. The style and
    the variables' types are kept, what is new has a default, what a source still sets is not taken away. The same files as
    published already: nothing happens. Phones fetch silently, unless ``ring`` asks for a lock-screen text where a field that can
    ring reads differently now. ``names``: kept files (name -> asset) to publish instead of the draft, which stays as it is.
    """
    async with db.reading() as conn:
        row = await _needed(conn, brand_id, key)
        draft = dict(names) if names is not None else await _draft(conn, row.id)
        files = await compiled.files_of(conn, draft)
        earlier = await earlier_files(conn, row.id)
        brand = await _brand(conn, brand_id)
    ready = await asyncio.to_thread(publishing.checked, files, brands.model(brand, db.public_url), earlier)
    await _refuse_broken_sources(db, row.id, earlier, ready.template, now)
    async with db.reading() as conn:
        googles = await googlepictures.made(conn, brand_id, ready.template)
    async with db.transaction() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        if names is None and await _draft(conn, row.id) != draft:
            raise Conflict("The draft has changed while it was being published: publish again.")
        published = await _published(conn, row)
        if published is not None and await _files(conn, published.id) == draft:
            return published
        pictures = {"pictures": await assets.keep(conn, ready.images.files, now)}
        if googles is not None:
            pictures["google_pictures"] = await assets.keep(conn, googles, now)
        revision = await _freeze(conn, row, ready, draft, pictures, (author, note, ring), now)
        await jobs.want_template(
            conn, brand_id=brand_id, pass_type_identifier=brand.pass_type_identifier, template_id=row.id
        )
        await googleobjects.want_template(conn, brand_id, row.id, key, ready)
    compiled.keep(db, revision.id, brand.stamp, ready)
    return revision


async def _refuse_broken_sources(
    db: Database, template_id: int, earlier: Sequence[Mapping[str, bytes]], draft: Template, now: datetime
) -> None:
    """Invalid ``variable_in_use`` where a source would be refused from now on for what it has sent all the time."""
    if not earlier:
        return
    await db.uses.flush()
    async with db.reading() as conn:
        uses = await store_uses.since(conn, template_id, now)
    published = publishing.parsed(earlier[0]) if uses else None
    found = inuse.in_use(uses, published, draft, now) if published else ()
    if found:
        raise Invalid([one.problem for one in found], code="variable_in_use")


async def export_files(db: Database, brand_id: int, key: str, number: int | None = None) -> dict[str, bytes]:
    """The draft's files, or those of a revision: what ``import_files`` takes."""
    async with db.reading() as conn:
        row = await _needed(conn, brand_id, key)
        if number is None:
            return await compiled.files_of(conn, await _draft(conn, row.id))
        revisions = tables.revisions.c
        wanted = select(revisions.files).where(revisions.template_id == row.id, revisions.number == number)
        names = (await conn.execute(wanted)).scalar_one_or_none()
        if names is None:
            raise NotFound(f"The template {key!r} has no revision {number}.")
        return await compiled.files_of(conn, names)


async def listing(db: Database, brand_id: int) -> list[TemplateRow]:
    """The brand's templates by key, archived ones too."""
    async with db.reading() as conn:
        mine = (tables.templates.c.brand_id == brand_id) & tables.templates.c.tryout_of.is_(None)
        rows = await conn.execute(_columns().where(mine).order_by("key"))
        return [TemplateRow(**row) for row in rows.mappings()]


async def by_key(db: Database, brand_id: int, key: str) -> TemplateRow | None:
    """The brand's template with this key."""
    async with db.reading() as conn:
        return await _by_key(conn, brand_id, key)


async def revisions(db: Database, brand_id: int, key: str) -> list[RevisionRow]:
    """A template's revisions, newest first."""
    async with db.reading() as conn:
        row = await _needed(conn, brand_id, key)
        table = tables.revisions
        rows = await conn.execute(select(table).where(table.c.template_id == row.id).order_by(table.c.number.desc()))
        return [_revision(found, is_new=False) for found in rows.mappings()]


async def revision(db: Database, conn: AsyncConnection | None, revision_id: int) -> Revision:
    """A revision ready to fill (``store.compiled`` keeps it)."""
    revisions_, brand = tables.revisions.c, tables.brands
    found = select(brand.c.stamp).join(tables.revisions, revisions_.brand_id == brand.c.id)
    if conn is None:
        async with db.reading() as reading:
            return await revision(db, reading, revision_id)
    stamp = (await conn.execute(found.where(revisions_.id == revision_id))).scalar_one_or_none()
    if stamp is None:
        raise NotFound("There is no such revision.")
    return await compiled.revision(db, conn, revision_id=revision_id, brand_stamp=stamp)


async def losses(db: Database, brand_id: int, key: str) -> tuple[int, list[Loss]]:
    """What either wallet cannot show of the published revision, and that revision's number."""
    async with db.reading() as conn:
        row = await _needed(conn, brand_id, key)
        if row.published_revision_id is None or row.published_revision is None:
            raise Conflict(f"The template {key!r} has not been published yet.", code="not_published")
        ready = await revision(db, conn, row.published_revision_id)
    return row.published_revision, await asyncio.to_thread(loss, ready.template)


def normalised(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files as they are kept: images through their first normalisation, texts as they are; raises Invalid."""
    kept: dict[str, bytes] = {}
    problems: list[Problem] = []
    if len(files) > MAX_FILES:
        problems.append(Problem(Severity.ERROR, "", f"{len(files)} files are more than {MAX_FILES}"))
    for name, content in sorted(files.items()):
        problem = _name_problem(name)
        if problem:
            problems.append(Problem(Severity.ERROR, f"/files/{_escaped(name)}", problem))
        elif name.lower().endswith(TEXTS):
            kept[name] = bytes(content)
        else:
            try:
                kept[name] = images.intake(name, content)
            except ImageError as error:
                problems.append(Problem(Severity.ERROR, f"/files/{_escaped(name)}", str(error)))
    if problems:
        raise Invalid(problems)
    return kept


def _name_problem(name: str) -> str | None:
    parts = name.split("/")
    if len(name) > MAX_NAME or not all(parts) or any(part.startswith(".") for part in parts) or "\\" in name:
        return "this cannot be the name of a template's file"
    if not name.lower().endswith(TEXTS + IMAGES):
        return "a template is made of .yaml files and of PNG, JPEG and WebP images"
    return None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _parsed(files: Mapping[str, bytes]) -> Template:
    try:
        return parse_template(files)
    except TemplateError as error:
        raise Invalid(error.problems) from None


async def _freeze(
    conn: AsyncConnection,
    row: TemplateRow,
    ready: Revision,
    draft: Mapping[str, str],
    pictures: Mapping[str, Mapping[str, str]],
    asked: tuple[str, str, bool],
    now: datetime,
) -> RevisionRow:
    table = tables.revisions
    last = (await conn.execute(select(func.max(table.c.number)).where(table.c.template_id == row.id))).scalar()
    values = {
        "brand_id": row.brand_id,
        "template_id": row.id,
        "number": (last or 0) + 1,
        "files": dict(draft),
        **pictures,
        "stamp": randomness.stamp(),
        **dict(zip(("author", "note", "rings"), asked, strict=True)),
        "created_at": now,
    }
    frozen = _revision((await conn.execute(insert(table).values(**values).returning(table))).mappings().one())
    await conn.execute(
        update(tables.templates)
        .where(tables.templates.c.id == row.id)
        .values(published_revision_id=frozen.id, style=ready.template.style, name=ready.template.name)
    )
    await newstimer.show_history(conn, row.id, wanted=shows_history(ready.template))
    return frozen


async def _published(conn: AsyncConnection, row: TemplateRow) -> RevisionRow | None:
    if row.published_revision_id is None:
        return None
    table = tables.revisions
    found = await conn.execute(select(table).where(table.c.id == row.published_revision_id))
    return _revision(found.mappings().one(), is_new=False)


async def earlier_files(conn: AsyncConnection, template_id: int) -> list[dict[str, bytes]]:
    """The files of every revision, newest first, images without their content: which data cards may hold."""
    table = tables.revisions
    rows = await conn.execute(
        select(table.c.files).where(table.c.template_id == template_id).order_by(table.c.number.desc())
    )
    distinct: list[dict[str, str]] = []
    for names in rows.scalars():
        if names not in distinct:
            distinct.append(names)
    earlier = []
    for names in distinct:
        texts = {name: digest for name, digest in names.items() if name.endswith(TEXTS)}
        earlier.append(dict.fromkeys(names, b"") | await compiled.files_of(conn, texts))
    return earlier


async def _draft(conn: AsyncConnection, template_id: int) -> dict[str, str]:
    draft = (await conn.execute(select(tables.templates.c.draft).where(tables.templates.c.id == template_id))).scalar()
    return dict(draft or {})


async def _files(conn: AsyncConnection, revision_id: int) -> dict[str, str]:
    files = (await conn.execute(select(tables.revisions.c.files).where(tables.revisions.c.id == revision_id))).scalar()
    return dict(files or {})


async def _brand(conn: AsyncConnection, brand_id: int) -> brands.BrandRow:
    row = (await conn.execute(select(tables.brands).where(tables.brands.c.id == brand_id))).mappings().one()
    return brands.by_row(row)


async def _needed(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> TemplateRow:
    row = await _by_key(conn, brand_id, key, lock=lock)
    if row is None:
        raise NotFound(f"There is no template {key!r}.", code="template_not_found")
    return row


async def _by_key(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> TemplateRow | None:
    table = tables.templates
    wanted = _columns().where(table.c.brand_id == brand_id, table.c.key == key)
    if lock:
        wanted = wanted.with_for_update(of=table)
    row = (await conn.execute(wanted)).mappings().first()
    return TemplateRow(**row) if row else None


def _columns() -> Any:
    table, published = tables.templates, tables.revisions
    own = (name for name in TemplateRow.__slots__ if name != "published_revision")
    return select(*(table.c[name] for name in own), published.c.number.label("published_revision")).outerjoin(
        published, published.c.id == table.c.published_revision_id
    )


def _revision(row: Any, *, is_new: bool = True) -> RevisionRow:
    return RevisionRow(**{name: row[name] for name in RevisionRow.__slots__ if name != "is_new"}, is_new=is_new)


def _insert(db: Database, table: Any) -> Any:
    return insert_into(table, is_postgresql=db.is_postgresql)
