"""The review before a publish or a roll-back: what people will see, as a frozen plan with an id.

``review`` counts and compares and keeps what it said as a plan; ``publish`` with the plan's id publishes exactly the files that
were seen, and refuses with Conflict ``plan_changed`` when the draft, the published revision or more than 1 % of the audience is
another by now. Publishing never touches a card's data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import limits
from passkit.differences import Difference, differences
from passkit.errors import Problem, Severity, TemplateError
from passkit.render import Revision
from passkit.schema import Template, parse_template
from store import audiences, audit, brands, compiled, drafts, effects, inuse, publishing, randomness, templates, uses
from store.audiences import Audience
from store.audit import Actor
from store.dialect import Database
from store.effects import Effect, Gone, Sample, Told
from store.errors import Conflict, Invalid, NotFound
from store.inuse import InUse
from store.tables import brands as brands_table
from store.tables import cards, plans, revisions
from store.tables import templates as table
from store.templates import RevisionRow

__all__ = [
    "Audience",
    "Comparison",
    "Difference",
    "Effect",
    "Gone",
    "InUse",
    "Review",
    "Sample",
    "Told",
    "compare",
    "publish",
    "review",
]

DRIFT = 0.01
"""Share of the audience that may come or go between the review and the publish."""
KEPT = timedelta(days=30)
"""How long a plan that nobody pressed is kept; one that became a revision stays as its record."""


@dataclass(frozen=True, slots=True)
class Review:
    """All that the screen shows; ``plan_id`` goes into ``publish``. ``blocking`` stop it (empty: it may go ahead).

    ``number``: the revision to roll back to; None: the draft is published. ``follows``: the revision published now.
    ``nothing_to_see``: no card changes.
    """

    plan_id: str
    key: str
    name: str
    number: int | None
    follows: int | None
    created_at: datetime
    audience: Audience
    effect: Effect
    samples: tuple[Sample, ...]
    differences: tuple[Difference, ...]
    in_use: tuple[InUse, ...]
    blocking: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def nothing_to_see(self) -> bool:
        """Whether nobody will notice."""
        return self.effect.changed == 0


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a review looks at: ``names`` are the files to publish, ``follows`` the published revision's id, number and files."""

    row: Any
    names: Mapping[str, str]
    files: Mapping[str, bytes]
    earlier: list[dict[str, bytes]]
    follows: tuple[int, int] | None
    published: Mapping[str, bytes]
    brand: brands.BrandRow
    uses: list[uses.Use]


async def review(
    db: Database, brand_id: int, key: str, *, number: int | None = None, by: Actor, now: datetime
) -> Review:
    """Look at what publishing the draft (or the revision ``number`` again) would do, and keep it as a plan.

    The draft must have been checked in the limited process before: it is compiled here.
    """
    await db.uses.flush()
    async with db.reading() as conn:
        ground = await _ground(conn, brand_id, key, number, now)
    audience = await audiences.count(db, ground.row.id, now)
    model = brands.model(ground.brand, db.public_url)
    ready, blocking = await asyncio.to_thread(_compiled, ground, model)
    before = publishing.parsed(ground.published) if ground.published else None
    found: tuple[InUse, ...] = ()
    effect = Effect()
    samples: tuple[Sample, ...] = ()
    told: tuple[Difference, ...] = ()
    warnings: tuple[Problem, ...] = ()
    if ready is not None:
        effect, samples = await effects.of(db, ground.row.id, audience.cards, ready, now)
        warnings = tuple(one for one in limits.check(ready.template) if one.severity is Severity.WARNING)
        if before is not None:
            found = inuse.in_use(ground.uses, before, ready.template, now)
            told = differences(before, ready.template)
    plan_id = await _keep(db, ground, audience, effect, number, by, now)
    return Review(
        plan_id=plan_id,
        key=key,
        name=ready.template.name if ready else ground.row.name,
        number=number,
        follows=ground.follows[1] if ground.follows else None,
        created_at=now,
        audience=audience,
        effect=effect,
        samples=samples,
        differences=told,
        in_use=found,
        blocking=(*blocking, *(one.problem for one in found)),
        warnings=warnings,
    )


async def publish(
    db: Database,
    brand_id: int,
    key: str,
    *,
    plan_id: str,
    note: str = "",
    ring: bool = False,
    by: Actor,
    now: datetime,
) -> RevisionRow:
    """Publish what the plan showed. A roll-back's files become the draft too (its history keeps what was there).

    Conflict ``plan_changed`` (its detail says what is another now: ask for a review again), Invalid with what stops it.
    """
    async with db.reading() as conn:
        plan = await _plan(conn, brand_id, key, plan_id)
        await _refuse_changed(conn, plan)
    revision = await templates.publish(
        db, brand_id, key, author=by.name, note=note, ring=ring, names=plan.files, now=now
    )
    async with db.joined() as conn:
        pressed = update(plans).where(plans.c.id == plan_id)
        await conn.execute(pressed.values(pressed_by=by.name, pressed_at=now, revision_id=revision.id))
        if plan.kind == "rollback":
            await drafts.replace_in(conn, plan.template_id, plan.files, by, now)
        action = "template.rolled_back" if plan.kind == "rollback" else "template.published"
        detail = {"revision": revision.number, "plan": plan_id, "rings": ring, "cards": plan.audience}
        if plan.kind == "rollback":
            detail["to"] = plan.number
        await audit.record(db, brand_id, by, action, key, now=now, **detail)
    return revision


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states of a template side by side; ``pictures``: file name -> (before, after) contents, None where there is none."""

    before: str
    after: str
    differences: tuple[Difference, ...]
    pictures: Mapping[str, tuple[bytes | None, bytes | None]]


async def compare(db: Database, brand_id: int, key: str, before: int | None, after: int | None) -> Comparison:
    """What differs between two revisions by number, None for the draft."""
    sides = [await templates.export_files(db, brand_id, key, number) for number in (before, after)]
    parsed = await asyncio.to_thread(_parsed, sides)
    names = ["draft" if number is None else str(number) for number in (before, after)]
    every = sorted({name for files in sides for name in files if not name.endswith(".yaml")})
    pairs = {name: (sides[0].get(name), sides[1].get(name)) for name in every}
    pictures = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return Comparison(names[0], names[1], differences(*parsed), pictures)


def _parsed(sides: list[dict[str, bytes]]) -> list[Template]:
    try:
        return [parse_template(files) for files in sides]
    except TemplateError as error:
        raise Invalid(error.problems) from None


def _compiled(ground: _Ground, model: Any) -> tuple[Revision | None, tuple[Problem, ...]]:
    """The revision, or what stops it."""
    try:
        return publishing.checked(ground.files, model, ground.earlier), ()
    except Invalid as error:
        return None, error.problems


async def _ground(conn: AsyncConnection, brand_id: int, key: str, number: int | None, now: datetime) -> _Ground:
    row = await _template(conn, brand_id, key)
    published = None
    if row.published_revision_id is not None:
        wanted = select(revisions.c.id, revisions.c.number, revisions.c.files)
        published = (await conn.execute(wanted.where(revisions.c.id == row.published_revision_id))).one()
    names = row.draft if number is None else await _files(conn, row.id, number)
    brand = (await conn.execute(select(brands_table).where(brands_table.c.id == brand_id))).mappings().one()
    return _Ground(
        row=row,
        names=dict(names),
        files=await compiled.files_of(conn, names),
        earlier=await templates.earlier_files(conn, row.id),
        follows=(published.id, published.number) if published else None,
        published=await compiled.files_of(conn, published.files) if published else {},
        brand=brands.by_row(brand),
        uses=await uses.since(conn, row.id, now),
    )


async def _template(conn: AsyncConnection, brand_id: int, key: str) -> Any:
    wanted = select(table).where(table.c.brand_id == brand_id, table.c.key == key, table.c.tryout_of.is_(None))
    row = (await conn.execute(wanted)).first()
    if row is None:
        raise NotFound(f"There is no template {key!r}.", code="template_not_found")
    return row


async def _files(conn: AsyncConnection, template_id: int, number: int) -> Mapping[str, str]:
    wanted = select(revisions.c.files).where(revisions.c.template_id == template_id, revisions.c.number == number)
    files: Mapping[str, str] | None = (await conn.execute(wanted)).scalar_one_or_none()
    if files is None:
        raise NotFound(f"There is no revision {number}.")
    return files


# The plan.


async def _keep(
    db: Database, ground: _Ground, audience: Audience, effect: Effect, number: int | None, by: Actor, now: datetime
) -> str:
    plan_id = randomness.plan_id()
    values = {
        "id": plan_id,
        "brand_id": ground.row.brand_id,
        "template_id": ground.row.id,
        "kind": "publish" if number is None else "rollback",
        "number": number,
        "files": dict(ground.names),
        "follows_id": ground.follows[0] if ground.follows else None,
        "audience": audience.cards,
        "shown": {"audience": asdict(audience), "changed": effect.changed, "would_ring": effect.would_ring},
        "author": by.name[:200],
        "user_id": by.user_id,
        "created_at": now,
    }
    async with db.transaction() as conn:
        await conn.execute(insert(plans).values(**values))
    return plan_id


async def _plan(conn: AsyncConnection, brand_id: int, key: str, plan_id: str) -> Any:
    wanted = select(plans, table.c.draft, table.c.published_revision_id).join(table, table.c.id == plans.c.template_id)
    wanted = wanted.where(plans.c.id == plan_id, plans.c.brand_id == brand_id, table.c.key == key)
    plan = (await conn.execute(wanted)).first()
    if plan is None:
        raise Conflict("This review is not kept any more.", code="plan_changed")
    return plan


async def _refuse_changed(conn: AsyncConnection, plan: Any) -> None:
    """Conflict where what was seen is not what would happen."""
    if plan.pressed_at is not None:
        raise Conflict("This review has been published already.", code="plan_changed")
    if plan.published_revision_id != plan.follows_id:
        raise Conflict("Another revision has been published meanwhile.", code="plan_changed")
    if plan.kind == "publish" and plan.draft != plan.files:
        raise Conflict("The draft has changed meanwhile.", code="plan_changed")
    counted = select(func.count()).select_from(cards).where(cards.c.template_id == plan.template_id)
    number = (await conn.execute(counted)).scalar_one()
    if abs(number - plan.audience) > DRIFT * plan.audience:
        detail = f"{plan.audience:,} people had the card when it was reviewed, {number:,} have it now."
        raise Conflict(detail, code="plan_changed")


def old(now: datetime) -> Any:
    """The plans that the daily sweep deletes."""
    return plans.c.pressed_at.is_(None) & (plans.c.created_at < now - KEPT)
