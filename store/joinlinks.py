"""Join links: ``/j/{slug}`` gives out cards of one template, for one outlet, person and campaign.

A link is public by its nature, it hangs on a wall; what it can do is give out new cards and nothing else. Its slug never
changes and is never used again: it is printed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from passkit import joinform, phones
from passkit.joinform import MAX_QUESTIONS, Question
from passkit.render import Revision
from passkit.variables import text_problem
from store import audit, compiled, tables
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.problems import problem
from store.tables import is_storable, joins
from store.tables import join_links as table

VERIFY = ("known", "always", "never")
"""When a code proves the phone, where there is a gateway: known phones, every phone, none."""
UTM = ("source", "medium", "campaign", "term", "content")
SLUG_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
SLUG_LENGTH = 8
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38}[a-z0-9])?")
_KINDS = ("text", "choice", "yesno")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """What a person sets; ``outlet`` and ``issued_by`` are as cards say them."""

    template: str
    name: str
    slug: str = ""
    outlet: str | None = None
    issued_by: str | None = None
    utm: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[Question] = ()
    verify: str = "known"


@dataclass(frozen=True, slots=True)
class Link:
    """A link with what has come of it: ``joined`` cards given out, ``known`` people who had theirs already."""

    id: int
    brand_id: int
    slug: str
    template: str
    name: str
    outlet: str | None
    issued_by: str | None
    utm: Mapping[str, str]
    questions: tuple[Question, ...]
    verify: str
    created_at: datetime
    archived_at: datetime | None
    joined: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that people may use now, with the published template behind it."""

    link: Link
    revision: Revision
    brand_name: str

    @property
    def region(self) -> str | None:
        """Whose way of writing phone numbers its people use."""
        brand = self.revision.brand
        return phones.region_of(brand.time_zone, brand.languages)


async def add(db: Database, brand_id: int, given: NewLink, by: Actor, now: datetime) -> Link:
    """A new link; Invalid by field, Conflict ``already_exists`` for a slug that somebody has or had."""
    template_id = await _template(db, brand_id, given.template)
    values = {**_checked(given), "brand_id": brand_id, "template_id": template_id, "created_at": now}
    slug = given.slug or "".join(secrets.choice(SLUG_ALPHABET) for _ in range(SLUG_LENGTH))
    try:
        async with db.joined() as conn:
            added = await conn.execute(insert(table).values(**values, slug=slug).returning(table.c.id))
            link_id = added.scalar_one()
            await audit.record(db, brand_id, by, "link.added", values["name"], now=now)
    except IntegrityError:
        raise Conflict("This address is taken: choose another.", code="already_exists") from None
    return await get(db, brand_id, link_id)


async def change(db: Database, brand_id: int, link_id: int, given: NewLink, by: Actor, now: datetime) -> Link:
    """Set all but slug and template anew."""
    async with db.joined() as conn:
        done = await conn.execute(update(table).where(*_mine(brand_id, link_id)).values(**_checked(given)))
        if not done.rowcount:
            raise NotFound("There is no such link.")
        await audit.record(db, brand_id, by, "link.changed", given.name, now=now)
    return await get(db, brand_id, link_id)


async def archive(db: Database, brand_id: int, link_id: int, by: Actor, now: datetime) -> None:
    """Give out no more cards by it; whoever opens it reads a friendly page."""
    async with db.joined() as conn:
        ended = update(table).where(*_mine(brand_id, link_id), table.c.archived_at.is_(None)).values(archived_at=now)
        name = (await conn.execute(ended.returning(table.c.name))).scalar_one_or_none()
        if name is None:
            raise NotFound("There is no such link.")
        await audit.record(db, brand_id, by, "link.archived", name, now=now)


async def get(db: Database, brand_id: int, link_id: int) -> Link:
    """One link of this brand; NotFound."""
    found = await _listed(db, *_mine(brand_id, link_id))
    if not found:
        raise NotFound("There is no such link.")
    return found[0]


async def listing(db: Database, brand_id: int, *, archived: bool = False) -> list[Link]:
    """The brand's links, the newest first."""
    mine = [table.c.brand_id == brand_id]
    return await _listed(db, *mine, *([] if archived else [table.c.archived_at.is_(None)]))


async def opened(db: Database, slug: str) -> OpenLink | None:
    """The link that people may use by this slug now; None also where its template or brand is no more."""
    if not _SLUG.fullmatch(slug):
        return None
    templates, brands = tables.templates.c, tables.brands.c
    some = select(table.c.id, table.c.brand_id, templates.published_revision_id, brands.stamp, brands.name)
    some = some.join(tables.templates, templates.id == table.c.template_id)
    some = some.join(tables.brands, brands.id == table.c.brand_id)
    usable = (table.c.archived_at.is_(None), templates.archived_at.is_(None), brands.revoked_at.is_(None))
    some = some.where(table.c.slug == slug, templates.published_revision_id.is_not(None), *usable)
    async with db.reading() as conn:
        row = (await conn.execute(some)).first()
    if row is None:
        return None
    revision = await compiled.revision(db, None, revision_id=row.published_revision_id, brand_stamp=row.stamp)
    if joinform.missing(revision.template):
        return None
    return OpenLink(await get(db, row.brand_id, row.id), revision, row.name)


async def _template(db: Database, brand_id: int, key: str) -> int:
    """The template of a link; Invalid where its cards need what the form does not ask."""
    templates, brands = tables.templates.c, tables.brands.c
    some = select(templates.id, templates.published_revision_id, brands.stamp)
    some = some.join(tables.brands, brands.id == templates.brand_id)
    some = some.where(templates.brand_id == brand_id, templates.key == key, templates.archived_at.is_(None))
    async with db.reading() as conn:
        row = (await conn.execute(some)).first()
    if row is None or row.published_revision_id is None:
        raise Invalid([problem("/template", "This template is not published.", "Publish it first.")])
    revision = await compiled.revision(db, None, revision_id=row.published_revision_id, brand_stamp=row.stamp)
    if lacking := joinform.missing(revision.template):
        fix = f"Give {', '.join(lacking)} a default, `optional` or `ask`."
        raise Invalid([problem("/template", "Its cards need what the form does not ask.", fix)], code="not_asked")
    return int(row.id)


def _checked(given: NewLink) -> dict[str, Any]:
    problems = []
    name = " ".join(given.name.split())
    if not name or len(name) > 200 or not name.isprintable() or not is_storable(name):
        problems.append(problem("/name", "A name is needed here.", "At most 200 characters."))
    if given.slug and not _SLUG.fullmatch(given.slug):
        problems.append(problem("/slug", "Small letters, digits and hyphens, up to 40.", "Such as nevsky-12."))
    if given.verify not in VERIFY:
        problems.append(problem("/verify", "Choose one of known, always and never."))
    utm = {key: " ".join(word.split()) for key, word in given.utm.items() if word.strip()}
    if not set(utm) <= set(UTM) or any(len(word) > 100 or not word.isprintable() for word in utm.values()):
        problems.append(problem("/utm", "Marks are source, medium, campaign, term and content, up to 100 letters."))
    problems += [problem("/questions", detail) for detail in _question_problems(given.questions)]
    if problems:
        raise Invalid(problems)
    return {
        "name": name,
        "outlet": given.outlet or None,
        "issued_by": given.issued_by or None,
        "utm": utm,
        "questions": [_stored(one) for one in given.questions],
        "verify": given.verify,
    }


def _question_problems(questions: Sequence[Question]) -> list[str]:
    if len(questions) > MAX_QUESTIONS or len({one.key for one in questions}) < len(questions):
        return [f"At most {MAX_QUESTIONS} questions, each with a key of its own."]
    found = []
    for one in questions:
        words = [*one.text.values(), *(word for choice in one.choices for word in choice.values())]
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", one.key) or one.kind not in _KINDS or not one.text:
            found.append(f"The question {one.key[:31]!r} is not complete.")
        elif any(not word.strip() or text_problem(word, 200) for word in words):
            found.append(f"The question {one.key!r} has an empty or too long text.")
        elif (one.kind == "choice") != (2 <= len(one.choices) <= 20):
            found.append(f"The question {one.key!r} needs from 2 to 20 choices, or none.")
    return found


def _stored(one: Question) -> dict[str, Any]:
    return {**asdict(one), "text": dict(one.text), "choices": [dict(choice) for choice in one.choices]}


async def _listed(db: Database, *conditions: Any) -> list[Link]:
    counted = select(
        joins.c.link_id,
        func.sum(case((joins.c.is_new, 1), else_=0)).label("joined"),
        func.sum(case((joins.c.is_new, 0), else_=1)).label("known"),
    )
    counts = counted.group_by(joins.c.link_id).subquery()
    some = select(table, tables.templates.c.key.label("template"), counts.c.joined, counts.c.known)
    some = some.join(tables.templates, tables.templates.c.id == table.c.template_id)
    some = some.outerjoin(counts, counts.c.link_id == table.c.id).where(*conditions).order_by(table.c.id.desc())
    async with db.reading() as conn:
        return [_link(dict(row)) for row in (await conn.execute(some)).mappings()]


def _link(row: Mapping[str, Any]) -> Link:
    values = {name: row[name] for name in Link.__slots__ if name not in ("questions", "joined", "known")}
    questions = tuple(Question(**{**one, "choices": tuple(one["choices"])}) for one in row["questions"])
    return Link(**values, questions=questions, joined=int(row["joined"] or 0), known=int(row["known"] or 0))


def _mine(brand_id: int, link_id: int) -> tuple[Any, Any]:
    return table.c.brand_id == brand_id, table.c.id == link_id
