"""News: written, looked at before they are sent, started, paused, taken back, and how far they are.

A news is one row. To everyone on a template it stays one: when it is live its template's row says so, and each card mixes it
in when its phone comes (``store.livenews``). One with conditions, or with marketing, lists its cards first. What happens at a
moment is done by the timer (``store.newstimer``); the operations here only say what is wanted. Nothing here speaks to anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.audience import NotAnAudience
from passkit.change import compare, ring_order
from passkit.errors import Problem, RenderError, Severity
from passkit.masking import masked
from passkit.model import News
from passkit.render import fill
from passkit.schema import Template
from store import compiled, livenews, newsaudience, newspictures, newspushes, newstimer, randomness, tables
from store.cardrows import CardRow, card_model
from store.dialect import Database, database_now
from store.errors import Conflict, Invalid, NotFound, StoreError
from store.googleintents import mark
from store.newsaudience import Reach
from store.newsrequests import NewsRequest, checked
from store.newssays import Says, says
from store.tables import brands, news_counts, news_waiting, templates
from store.tables import news as table

KEY_LENGTH = 10
DRIFT = 0.01
"""Share of the audience that may come or go between the dry run and the start."""
PUSHES_A_SECOND = 500
"""A careful guess for the dry run: as fast as the fetches that come back."""
GOOGLE_A_SECOND = 18
MAX_LIMIT = 500
Files = Mapping[str, bytes] | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, in (device, pass type) pairs and Google objects; ``fetched`` have the text on the card.

    ``targets`` were counted when it went live, and are exact when it is done; ``waiting`` have no verdict yet.
    """

    targets: int = 0
    accepted: int = 0
    gone: int = 0
    waiting: int = 0
    failed: int = 0
    fetched: int = 0


@dataclass(frozen=True, slots=True)
class NewsView:
    """A news as answers show it. ``is_live``: cards show it, or will when their phones come."""

    id: str
    template: str
    state: str
    is_live: bool
    kind: str
    topic: str | None
    text: Mapping[str, str]
    title: Mapping[str, str]
    url: str | None
    image: str | None
    variants: tuple[Mapping[str, Any], ...]
    audience: Mapping[str, Any] | None
    holdout: int
    starts_at: datetime | None
    ends_at: datetime | None
    live_at: datetime | None
    over_at: datetime | None
    undo_until: datetime | None
    corrected_at: datetime | None
    withdrawn_at: datetime | None
    reason: str
    created_by: str
    started_by: str | None
    created_at: datetime
    updated_at: datetime
    progress: Progress
    result: Mapping[str, Any] | None
    says: Says | None = None


@dataclass(frozen=True, slots=True)
class NewsPage:
    """A page of news, newest first; ``next_cursor`` is None on the last."""

    news: tuple[NewsView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class NewsSample:
    """A real card of the audience, its holder masked: ``lock_screen`` is what an iPhone says, None: it stays silent."""

    number: str
    language: str
    lock_screen: str | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What starting it now would do; ``plan`` is to be given to ``start``. ``seconds``: about how long it takes."""

    plan: str
    revision: int
    reach: Reach
    google: str  # "message" to everyone, "messages" one by one, "off"
    samples: tuple[NewsSample, ...]
    warnings: tuple[str, ...]
    seconds: int


async def create(db: Database, brand_id: int, request: NewsRequest, *, by: str, now: datetime) -> NewsView:
    """Write a draft; Invalid with pointers, Conflict ``not_published``."""
    files = await pictures_of(db, brand_id, request)
    async with db.transaction() as conn:
        row = await create_in(db, conn, brand_id, request, by=by, now=now, files=files)
        return await view_of(conn, row)


async def create_in(
    db: Database,
    conn: AsyncConnection,
    brand_id: int,
    request: NewsRequest,
    *,
    by: str,
    now: datetime,
    files: Files = None,
) -> Any:
    """The same in the caller's transaction: the draft's row; ``files`` are what ``pictures_of`` has made of its image."""
    template, revision = await revision_of(db, conn, brand_id, request.template)
    if request.ends_at is not None and request.ends_at <= now:
        raise Invalid([Problem(Severity.ERROR, "/ends_at", "it has ended already")])
    variants = checked(request, revision.template)
    if request.image is not None and files is None:
        raise Invalid([Problem(Severity.ERROR, "/image", "a picture cannot come this way", "Send it to /api/v1/news.")])
    kept = await newspictures.keep(conn, files, now) if files else None
    values = {
        "image": kept and kept[newspictures.SOURCE],
        "pictures": kept,
        "brand_id": brand_id,
        "template_id": template.id,
        "key": f"n_{randomness.text(KEY_LENGTH)}",
        "kind": request.kind,
        "topic": request.topic,
        "variants": variants,
        "audience": request.audience,
        "holdout": request.holdout,
        "starts_at": request.starts_at,
        "ends_at": request.ends_at,
        "state": "draft",
        "stamp": randomness.stamp(),
        "is_listed": request.audience is not None or request.kind == "marketing",
        "created_by": by[:200],
        "created_at": now,
        "updated_at": now,
    }
    added = await conn.execute(insert(table).values(**values).returning(table.c.id))
    return await by_id(conn, added.scalar_one())


async def pictures_of(db: Database, brand_id: int, request: NewsRequest) -> Files:
    """What a request's image becomes, before any transaction: it takes a moment. None without one; Invalid."""
    if request.image is None:
        return None
    async with db.reading() as conn:
        _, revision = await revision_of(db, conn, brand_id, request.template)
    return await newspictures.made(revision.template, request.image)


async def view(db: Database, brand_id: int, key: str) -> NewsView:
    """One news; NotFound."""
    async with db.reading() as conn:
        return await view_of(conn, await needed(conn, brand_id, key))


async def listing(
    db: Database, brand_id: int, *, template: str | None = None, cursor: str | None = None, limit: int = 100
) -> NewsPage:
    """The brand's news, newest first; StoreError ``bad_cursor`` for a cursor that is not ours."""
    limit = max(1, min(limit, MAX_LIMIT))
    wanted = _rows().where(table.c.brand_id == brand_id)
    if template is not None:
        wanted = wanted.where(templates.c.key == template)
    if cursor is not None:
        mine = select(table.c.id).where(table.c.brand_id == brand_id, table.c.key == cursor).scalar_subquery()
        wanted = wanted.where(table.c.id < mine)
    async with db.reading() as conn:
        if cursor is not None and not (tables.is_storable(cursor) and await _find(conn, brand_id, cursor)):
            raise StoreError("This cursor is not one of ours.", code="bad_cursor")
        rows = (await conn.execute(wanted.order_by(table.c.id.desc()).limit(limit + 1))).all()
        views = [await view_of(conn, row) for row in rows[:limit]]
    return NewsPage(tuple(views), views[-1].id if len(rows) > limit else None)


async def dry_run(db: Database, brand_id: int, key: str, now: datetime) -> DryRun:
    """What starting it now would do, kept as its plan; Conflict when it has been started."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        _refuse_unless(row, ("draft",), "looked at before it is sent")
        _, revision = await revision_of(db, conn, brand_id, row.template_key)
        wanted = await _wanted(db, conn, row, now)
        way = await _google_way(conn, row)
    found = await newsaudience.look(db, wanted, now)
    reach = found.reach if way != "off" else _without_google(found.reach)
    samples = tuple(_sample(db, card, row, wanted, now) for card in found.samples)
    plan = {"id": randomness.plan_id(), "cards": reach.cards, "says": _says(row), "revision_id": row.revision_id}
    async with db.transaction() as conn:
        kept = update(table).where(table.c.id == row.id, table.c.state == "draft")
        await conn.execute(kept.values(plan=plan, updated_at=now))
    phones = reach.iphones + reach.other_phones
    seconds = max(1, round(phones / PUSHES_A_SECOND), round(reach.google / GOOGLE_A_SECOND) if way == "messages" else 0)
    warnings = tuple(_warnings(row, revision.template, reach, samples))
    return DryRun(str(plan["id"]), row.revision_number, reach, way, samples, warnings, seconds)


async def start(
    db: Database,
    brand_id: int,
    key: str,
    *,
    plan: str | None = None,
    by: str = "",
    undo_seconds: int = 0,
    now: datetime,
) -> NewsView:
    """Send it, or schedule it for its ``starts_at``, or for ``undo_seconds`` from now: until then a cancel makes it a draft.

    Started already: nothing happens, but what could still be undone goes out now, if ``undo_seconds`` is 0.
    With the ``plan`` of a dry run, Conflict ``plan_changed`` when that is not what would happen now.
    """
    if plan is not None:
        await _refuse_drift(db, brand_id, key, plan, now)
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state == "draft":
            row = await start_in(conn, row, by=by, undo_seconds=undo_seconds)
        else:
            _refuse_unless(row, ("scheduled", "running"), "started")
            if row.undo_until is not None and not undo_seconds:
                clock = await database_now(conn)
                await to_state(conn, row, row.state, undo_until=None, next_at=clock)
                await mark(conn)
                row = await by_id(conn, row.id)
        return await view_of(conn, row)


async def start_in(conn: AsyncConnection, row: Any, *, by: str, undo_seconds: int = 0) -> Any:
    """The same in the caller's transaction, for a draft that it has just written or locked."""
    clock = await database_now(conn)
    if row.ends_at is not None and row.ends_at <= clock:
        raise Conflict("It would have ended already: give it another end.")
    is_later = row.starts_at is not None and row.starts_at > clock
    undo_until = clock + timedelta(seconds=undo_seconds) if undo_seconds and not is_later else None
    at = row.starts_at if is_later else undo_until or clock
    values = {
        "state": "scheduled" if is_later or undo_until else "running",
        "next_at": clock if row.is_listed else at,
        "undo_until": undo_until,
        "list_position": 0 if row.is_listed else None,
        "started_by": by[:200],
        "updated_at": clock,
    }
    await conn.execute(update(table).where(table.c.id == row.id).values(**values))
    await mark(conn)
    return await by_id(conn, row.id)


async def pause(db: Database, brand_id: int, key: str) -> NewsView:
    """Push to nobody more; who has it keeps it, and a phone that asks by itself gets it. Paused already: nothing happens."""
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != "paused":
            _refuse_unless(row, ("running",), "paused")
            await to_state(conn, row, "paused")
            await newspushes.stop(conn, row)
        return await view_of(conn, await by_id(conn, row.id), await says(conn, row, "kept"))


async def resume(db: Database, brand_id: int, key: str) -> NewsView:
    """Go on where it was paused."""
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != "running":
            _refuse_unless(row, ("paused",), "resumed")
            await to_state(conn, row, "running")
            await newspushes.go_on(conn, row)
        return await view_of(conn, await by_id(conn, row.id), await says(conn, row, "kept"))


async def cancel(db: Database, brand_id: int, key: str) -> NewsView:
    """Over now, silently: cards go back to what they showed, Google's message leaves. Cancelled already: nothing happens.

    Within its time to undo it becomes a draft again, and nobody is told anything.
    """
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        told = await says(conn, row, "reverts")
        if row.state == "scheduled" and row.undo_until is not None:
            await conn.execute(delete(tables.news_cards).where(tables.news_cards.c.news_id == row.id))
            nothing = {"next_at": None, "list_position": None, "undo_until": None, "started_by": None, "plan": None}
            await to_state(conn, row, "draft", **nothing)
        elif row.state != "cancelled":
            if row.state in ("done", "failed") and not row.is_live:
                raise Conflict(f"A news that is {row.state} and shown no more cannot be cancelled.")
            await end(conn, row)
        return await view_of(conn, await by_id(conn, row.id), told)


async def end(conn: AsyncConnection, row: Any) -> None:
    """Cancelled, in the transaction that has locked the row."""
    if row.is_live:
        await newstimer.over(conn, row, state="cancelled")
    else:
        await to_state(conn, row, "cancelled", next_at=None, list_position=None, undo_until=None)


async def to_state(conn: AsyncConnection, row: Any, state: str, **more: Any) -> None:
    """Another state, and what goes with it."""
    values = {"state": state, "updated_at": await database_now(conn), **more}
    await conn.execute(update(table).where(table.c.id == row.id).values(**values))


def _refuse_unless(row: Any, states: tuple[str, ...], done: str) -> None:
    if row.state not in states:
        raise Conflict(f"A news that is {row.state} cannot be {done}.")


def _rows() -> Any:
    rows = select(
        table,
        templates.c.key.label("template_key"),
        templates.c.published_revision_id.label("revision_id"),
        tables.revisions.c.number.label("revision_number"),
        brands.c.pass_type_identifier,
        brands.c.google_mode,
        brands.c.revoked_at.label("brand_revoked_at"),
    )
    rows = rows.join(templates, templates.c.id == table.c.template_id).join(brands, brands.c.id == table.c.brand_id)
    return rows.outerjoin(tables.revisions, tables.revisions.c.id == templates.c.published_revision_id)


async def by_id(conn: AsyncConnection, news_id: int) -> Any:
    """Its row with what belongs to it."""
    return (await conn.execute(_rows().where(table.c.id == news_id))).one()


async def _find(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any | None:
    wanted = _rows().where(table.c.brand_id == brand_id, table.c.key == key)
    if lock:
        wanted = wanted.with_for_update(of=table)
    return (await conn.execute(wanted)).first()


async def needed(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any:
    """The row of a brand's news; NotFound."""
    row = await _find(conn, brand_id, key, lock=lock) if tables.is_storable(key) else None
    if row is None:
        raise NotFound("This brand has no news by that id.", code="news_not_found")
    return row


async def revision_of(db: Database, conn: AsyncConnection, brand_id: int, key: str) -> tuple[Any, Any]:
    """The template's row and its published revision."""
    wanted = select(templates.c.id, templates.c.published_revision_id, brands.c.stamp)
    wanted = wanted.join(brands, brands.c.id == templates.c.brand_id)
    row = (await conn.execute(wanted.where(templates.c.brand_id == brand_id, templates.c.key == key))).first()
    if row is None:
        raise Invalid([Problem(Severity.ERROR, "/template", f"there is no template {key!r}")])
    if row.published_revision_id is None:
        raise Conflict(f"The template {key!r} has not been published yet.", code="not_published")
    return row, await compiled.revision(db, conn, revision_id=row.published_revision_id, brand_stamp=row.stamp)


async def view_of(conn: AsyncConnection, row: Any, says: Says | None = None) -> NewsView:
    """The row as answers show it; ``says`` after an operation."""
    own = row.variants[0]
    return NewsView(
        id=row.key,
        template=row.template_key,
        state=row.state,
        is_live=row.is_live,
        kind=row.kind,
        topic=row.topic,
        text=own["text"],
        title=own["title"],
        url=own["url"],
        image=row.pictures and row.pictures[newspictures.GOOGLE],
        variants=tuple(row.variants[1:]),
        audience=row.audience,
        holdout=row.holdout,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        live_at=row.live_at,
        over_at=row.over_at,
        undo_until=row.undo_until,
        corrected_at=row.corrected_at,
        withdrawn_at=row.withdrawn_at,
        reason=row.reason,
        created_by=row.created_by,
        started_by=row.started_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        progress=await _progress(conn, row),
        result=row.result,
        says=says,
    )


async def _progress(conn: AsyncConnection, row: Any) -> Progress:
    counts = (await conn.execute(select(news_counts).where(news_counts.c.news_id == row.id))).first()
    if counts is None:
        return Progress()
    told = counts.accepted + counts.gone + counts.failed
    targets, waiting = row.targets + row.google_targets, 0
    if row.state in ("running", "paused"):
        waits = select(news_waiting.c.device_id).where(news_waiting.c.news_id == row.id)
        written_down = len((await conn.execute(waits.limit(1000))).all())
        waiting = max(targets - told, written_down)
        targets = told + waiting
    return Progress(targets, counts.accepted, counts.gone, waiting, counts.failed, counts.fetched)


# Before it is sent.


def _live(row: Any, now: datetime) -> livenews.Live:
    """As it would be on its template's row if it went live now."""
    shares = tuple(variant["share"] for variant in row.variants)
    return livenews.Live(row.id, row.key, row.stamp, tables.to_micros(now), row.holdout, shares, row.is_listed)


async def _wanted(db: Database, conn: AsyncConnection, row: Any, now: datetime) -> newsaudience.Wanted:
    try:
        return await newsaudience.wanted(db, conn, row, _live(row, now))
    except NotAnAudience as error:
        problems = [Problem(one.severity, f"/audience{one.pointer}", one.detail, one.fix) for one in error.problems]
        raise Invalid(problems) from None


def _says(row: Any) -> str:
    """What tells its words, audience and times from others."""
    told = [row.variants, row.audience, row.holdout, row.kind, row.image, _iso(row.starts_at), _iso(row.ends_at)]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


async def _refuse_drift(db: Database, brand_id: int, key: str, plan: str, now: datetime) -> None:
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        if row.state != "draft":
            return
        wanted = await _wanted(db, conn, row, now)
    seen = row.plan or {}
    if seen.get("id") != plan:
        raise Conflict("This is not the plan of its last dry run.", code="plan_changed")
    if seen["says"] != _says(row) or seen["revision_id"] != row.revision_id:
        raise Conflict("Its words or the template's revision are others by now.", code="plan_changed")
    cards = (await newsaudience.look(db, wanted, now)).reach.cards
    if abs(cards - seen["cards"]) > DRIFT * max(seen["cards"], 1):
        raise Conflict(f"Its audience is {cards} cards by now, not {seen['cards']}.", code="plan_changed")


async def _google_way(conn: AsyncConnection, row: Any) -> str:
    if row.google_mode == "off" or row.brand_revoked_at is not None:
        return "off"
    return "message" if newstimer.is_for_everyone(row) else "messages"


def _without_google(reach: Reach) -> Reach:
    return Reach(
        cards=reach.cards,
        holdout=reach.holdout,
        no_consent=reach.no_consent,
        iphones=reach.iphones,
        other_phones=reach.other_phones,
        parked=reach.parked,
        not_installed=reach.not_installed,
    )


def _sample(db: Database, card: CardRow, row: Any, wanted: newsaudience.Wanted, now: datetime) -> NewsSample:
    """The lock-screen text on a real card, nobody's name in it."""
    template = card.revision.template
    language = template.language(card.row["language"])
    number = "•••• " + card.row["number"][-4:]
    shown = wanted.live.for_card(card.row["serial_number"])
    said = livenews.news(row.variants[shown.arm if shown else 0])
    model = card_model(db, card, ring=None, values=masked(template, card.given))
    try:
        before = fill(card.revision, model, _shown_now(db, card), card.row["language"], now)
        after = fill(card.revision, model, said, card.row["language"], now)
    except RenderError:
        return NewsSample(number, language, None)
    difference = compare(before, after)
    candidates = set(difference.ring_candidates)
    key = next((one for one in ring_order(after) if one in candidates), None)
    text = next((one.lock_screen for one in difference.fields if one.field == key), None)
    return NewsSample(number, language, text)


def _shown_now(db: Database, card: CardRow) -> News | None:
    return livenews.text(db, card.shown)


def _warnings(row: Any, template: Template, reach: Reach, samples: tuple[NewsSample, ...]) -> list[str]:
    """Codes of what somebody should look at before it goes out."""
    found = []
    if not reach.targets:
        found.append("nobody_reached")
    if samples and not any(sample.lock_screen for sample in samples):
        found.append("silent")  # the text is what the cards show already, or no field has a change message
    missing = [language for language in template.languages if language not in row.variants[0]["text"]]
    if missing:
        found.append("language_missing")
    if reach.google_silent:
        found.append("google_silent")
    if row.ends_at is None:
        found.append("no_end")
    return found
