"""A weekly place for news: every Friday at 14:00 in the brand's or each holder's clock, the next text of its queue goes out.

An empty queue sends nothing, and the day before somebody is reminded. A slot whose moment was missed makes a news that asks a
person, as any other does (``store.newsschedule``). By the holders' clocks the news is made when that hour comes somewhere first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import schedule
from store import audit, livenews, newsalarms, newsrules, newsschedule, newswaves, randomness, tables
from store.audit import Actor
from store.clock import NOW
from store.dialect import Database, database_now
from store.errors import Conflict, Invalid, NotFound, StoreError
from store.news import create_in, revision_of, start_in
from store.newsrequests import NewsRequest, Said, checked
from store.problems import problem
from store.requests import asked as accepted
from store.tables import brands, news, templates
from store.tables import news_slot_texts as texts
from store.tables import news_slots as table

KEY_LENGTH = 10
DAY = timedelta(days=1)
"""Before its moment somebody is reminded of an empty one."""
KEPT = timedelta(days=1)
"""How long a text that was taken out can be put back."""
MOST_SLOTS, MOST_TEXTS, MOST_HOURS = 50, 200, 24 * 366
_DUE = "SELECT id FROM news_slots WHERE due_at <= (SELECT {now}) ORDER BY due_at LIMIT 20"
"""Asked twice a second: plain SQL, see ``store.hotreads``."""


@dataclass(frozen=True, slots=True)
class SlotText:
    """A text that waits; ``same_text``: cards will say the very same already, so that nobody would notice."""

    id: int
    text: Mapping[str, str]
    title: Mapping[str, str]
    url: str | None
    created_by: str
    same_text: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """``weekday``: Monday is 0; ``at`` and ``time_zone``: the brand's clock; ``lasts_hours`` None: each stays until cancelled.

    ``zone``: whether it comes then, "brand", or when it is ``at`` in each holder's clock, "holder".
    """

    id: str
    template: str
    weekday: int
    at: time
    time_zone: str
    zone: str
    kind: str
    topic: str | None
    audience: Mapping[str, Any] | None
    lasts_hours: int | None
    next_at: datetime
    texts: tuple[SlotText, ...]

    @property
    def remind_at(self) -> datetime:
        """When somebody is told that it is empty: a day before it comes to the first of its holders."""
        return _span(self.next_at, ZoneInfo(self.time_zone), by_holder=self.zone == "holder")[0] - DAY


async def add(
    db: Database,
    brand_id: int,
    template: str,
    weekday: int,
    at: time,
    *,
    kind: str = "service",
    topic: str | None = None,
    audience: Mapping[str, Any] | None = None,
    lasts_hours: int | None = None,
    zone: str = "brand",
    by: Actor,
    now: datetime,
) -> Slot:
    """A new one with an empty queue; Invalid at ``/template``, ``/weekday``, ``/audience`` or ``/lasts_hours``."""
    if not 0 <= weekday <= 6:
        raise Invalid([problem("/weekday", "There is no such day.", "0 is Monday, 6 is Sunday.")])
    if lasts_hours is not None and not 1 <= lasts_hours <= MOST_HOURS:
        raise Invalid([problem("/lasts_hours", "This is no number of hours.", f"From 1 to {MOST_HOURS}.")])
    async with db.joined() as conn:
        if len((await conn.execute(select(table.c.id).where(table.c.brand_id == brand_id))).all()) >= MOST_SLOTS:
            raise Conflict(f"A brand has at most {MOST_SLOTS} weekly slots.")
        row, revision = await revision_of(db, conn, brand_id, template)
        asked = {"template": template, "text": "", "kind": kind, "topic": topic, "audience": audience}
        checked(accepted(NewsRequest, asked), revision.template, is_draft=True)
        brands_zone = (await newsrules.of_brand(conn, brand_id)).zone
        at, by_holder = at.replace(second=0, microsecond=0, tzinfo=None), zone == "holder"
        moments = _moments(weekday, at, brands_zone, await database_now(conn), by_holder=by_holder)
        key = f"s_{randomness.text(KEY_LENGTH)}"
        values = {"brand_id": brand_id, "template_id": row.id, "key": key, "weekday": weekday, "at": f"{at:%H:%M}"}
        values |= {"kind": kind, "topic": topic, "audience": audience, "lasts_hours": lasts_hours}
        await conn.execute(insert(table).values(**values, **moments, by_holder=by_holder, created_at=now))
        await audit.record(db, brand_id, by, "news_slot.added", key, now=now)
        return await _slot(conn, await _needed(conn, brand_id, key))


async def listing(db: Database, brand_id: int) -> tuple[Slot, ...]:
    """The brand's, with what waits in each."""
    async with db.reading() as conn:
        rows = (await conn.execute(_rows().where(table.c.brand_id == brand_id).order_by(table.c.id))).all()
        return tuple([await _slot(conn, row) for row in rows])


async def view(db: Database, brand_id: int, key: str) -> Slot:
    """One; NotFound."""
    async with db.reading() as conn:
        return await _slot(conn, await _needed(conn, brand_id, key))


async def put(
    db: Database,
    brand_id: int,
    key: str,
    text: Said,
    *,
    title: Said | None = None,
    url: str | None = None,
    by: Actor,
    now: datetime,
) -> Slot:
    """A text behind those that wait; Invalid at ``/text``, ``/title`` or ``/url``."""
    async with db.joined() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        if len(await _waiting(conn, row.id)) >= MOST_TEXTS:
            raise Conflict(f"At most {MOST_TEXTS} texts wait in a slot.")
        values = await _words(db, conn, brand_id, row.template, text, title, url)
        values |= {"slot_id": row.id, "created_by": by.name[:200], "created_at": now}
        await conn.execute(insert(texts).values(**values))
        await audit.record(db, brand_id, by, "news_slot.filled", key, now=now)
        return await _slot(conn, row)


async def rewrite(
    db: Database,
    brand_id: int,
    key: str,
    text_id: int,
    text: Said,
    *,
    title: Said | None = None,
    url: str | None = None,
    by: Actor,
    now: datetime,
) -> Slot:
    """Other words for a text that waits, at the same place; Invalid as of ``put``, NotFound."""
    async with db.joined() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        values = await _words(db, conn, brand_id, row.template, text, title, url)
        await _change(conn, row, text_id, texts.c.taken_at.is_(None), **values)
        await audit.record(db, brand_id, by, "news_slot.rewritten", key, now=now)
        return await _slot(conn, row)


async def move(db: Database, brand_id: int, key: str, text_id: int, to: int, *, by: Actor, now: datetime) -> Slot:
    """A text that waits to another place of the queue, 0 goes out next; NotFound."""
    async with db.joined() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        waiting = await _waiting(conn, row.id)
        order = [one.id for one in waiting]
        if text_id not in order:
            raise NotFound("No such text waits in this slot.", code="slot_not_found")
        order.remove(text_id)
        order.insert(max(0, min(to, len(order))), text_id)
        places = [one.id if one.place is None else one.place for one in waiting]
        for id_, place in zip(order, places, strict=True):
            await conn.execute(update(texts).where(texts.c.id == id_).values(place=place))
        await audit.record(db, brand_id, by, "news_slot.reordered", key, now=now)
        return await _slot(conn, row)


async def take_out(db: Database, brand_id: int, key: str, text_id: int, *, by: Actor, now: datetime) -> Slot:
    """A text that waits leaves the queue; NotFound. For ``KEPT`` it can be put back."""
    async with db.joined() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        old = (texts.c.slot_id == row.id, texts.c.news_id.is_(None), texts.c.taken_at < now - KEPT)
        await conn.execute(delete(texts).where(*old))
        await _change(conn, row, text_id, texts.c.taken_at.is_(None), taken_at=now)
        await audit.record(db, brand_id, by, "news_slot.emptied", key, now=now)
        return await _slot(conn, row)


async def put_back(db: Database, brand_id: int, key: str, text_id: int, *, by: Actor, now: datetime) -> Slot:
    """A text that was taken out stands at its place again; NotFound when it is gone for good."""
    async with db.joined() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        await _change(conn, row, text_id, texts.c.taken_at >= now - KEPT, taken_at=None)
        await audit.record(db, brand_id, by, "news_slot.filled", key, now=now)
        return await _slot(conn, row)


async def remove(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> None:
    """The slot and what waits in it; news that it has made stay. NotFound."""
    async with db.joined() as conn:
        row = await _needed(conn, brand_id, key, lock=True)
        await conn.execute(delete(texts).where(texts.c.slot_id == row.id))
        await conn.execute(delete(table).where(table.c.id == row.id))
        await audit.record(db, brand_id, by, "news_slot.removed", key, now=now)


async def turn(db: Database) -> None:
    """Remind of slots that are empty the day before, and make news of those whose moment has come."""
    for (slot_id,) in await db.fetch(_DUE.format(now=NOW[db.engine.dialect.name])):
        try:
            async with db.joined() as conn:
                await _look_after(db, conn, slot_id)
        except (Conflict, Invalid, NotFound) as error:
            await _give_up(db, slot_id, error)


async def _look_after(db: Database, conn: AsyncConnection, slot_id: int) -> None:
    mine = _rows().where(table.c.id == slot_id).with_for_update(of=table, skip_locked=True)
    row = (await conn.execute(mine)).first()
    now = await database_now(conn)
    if row is None or row.due_at > now:
        return
    waiting = await _waiting(conn, row.id)
    goes_at, _ = _span(row.next_at, ZoneInfo(row.time_zone), by_holder=row.by_holder)
    if now < goes_at:
        if not waiting:
            await newsalarms.note(conn, row.brand_id, newsalarms.SLOT_EMPTY, row.key, now)
        await conn.execute(update(table).where(table.c.id == row.id).values(due_at=goes_at))
        return
    if waiting:
        await _send(db, conn, row, waiting[0], now)
    await _next_week(conn, row, now)


async def _send(db: Database, conn: AsyncConnection, row: Any, text: Any, now: datetime) -> None:
    """A news of the first text, as if it had been started at the slot's time."""
    _, last = _span(row.next_at, ZoneInfo(row.time_zone), by_holder=row.by_holder)
    ends = None if row.lasts_hours is None else last + timedelta(hours=row.lasts_hours)
    asked = {name: getattr(row, name) for name in ("template", "kind", "topic", "audience")}
    asked |= {"text": dict(text.text), "title": dict(text.title) or None, "url": text.url}
    asked |= {"ends_at": max(ends, now + DAY).isoformat()} if ends is not None else {}
    asked |= {"zone": "holder", "starts_at": row.next_at.isoformat()} if row.by_holder else {}
    made = await create_in(db, conn, row.brand_id, accepted(NewsRequest, asked), by=text.created_by, now=now)
    await start_in(conn, made, by=text.created_by)
    rules = await newsrules.of_brand(conn, row.brand_id)
    times = {"starts_at": row.next_at, "late_at": newsschedule.late_at(rules, row.next_at, None)}
    await conn.execute(update(news).where(news.c.id == made.id).values(**times))
    await conn.execute(update(texts).where(texts.c.id == text.id).values(news_id=made.id))


async def _next_week(conn: AsyncConnection, row: Any, now: datetime) -> None:
    at, zone, after = time.fromisoformat(row.at), ZoneInfo(row.time_zone), max(now, row.next_at)
    moments = _moments(row.weekday, at, zone, after, by_holder=row.by_holder)
    await conn.execute(update(table).where(table.c.id == row.id).values(**moments))


async def _give_up(db: Database, slot_id: int, error: StoreError) -> None:
    """The template fits its text no more: somebody is told, the text stays, and next week comes."""
    async with db.transaction() as conn:
        row = (await conn.execute(_rows().where(table.c.id == slot_id).with_for_update(of=table))).one()
        now = await database_now(conn)
        await newsalarms.note(conn, row.brand_id, newsalarms.SLOT_FAILED, row.key, now)
        await _next_week(conn, row, now)


def _moments(weekday: int, at: time, zone: ZoneInfo, after: datetime, *, by_holder: bool) -> dict[str, datetime]:
    """The first moment behind another of which somebody can still be told everywhere, and when to look at the slot before it."""
    next_at = schedule.weekly(weekday, at, zone, after)
    if _span(next_at, zone, by_holder=by_holder)[0] <= after:
        next_at = schedule.weekly(weekday, at, zone, next_at)
    return {"next_at": next_at, "due_at": _span(next_at, zone, by_holder=by_holder)[0] - DAY}


def _span(next_at: datetime, zone: ZoneInfo, *, by_holder: bool) -> tuple[datetime, datetime]:
    """When it goes out, first and last."""
    return newswaves.span(next_at, zone) if by_holder else (next_at, next_at)


def _rows() -> Any:
    named = select(table, templates.c.key.label("template"), templates.c.news.label("shown"), brands.c.time_zone)
    return named.join(templates, templates.c.id == table.c.template_id).join(brands, brands.c.id == table.c.brand_id)


async def _needed(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any:
    wanted = _rows().where(table.c.brand_id == brand_id, table.c.key == key)
    if lock:
        wanted = wanted.with_for_update(of=table)
    row = (await conn.execute(wanted)).first() if tables.is_storable(key) else None
    if row is None:
        raise NotFound("This brand has no weekly slot by that id.", code="slot_not_found")
    return row


async def _waiting(conn: AsyncConnection, slot_id: int) -> Sequence[Any]:
    mine = select(texts).where(texts.c.slot_id == slot_id, texts.c.news_id.is_(None), texts.c.taken_at.is_(None))
    return (await conn.execute(mine.order_by(func.coalesce(texts.c.place, texts.c.id), texts.c.id))).all()


async def _change(conn: AsyncConnection, row: Any, text_id: int, which: Any, **values: Any) -> None:
    """Change a text of the slot that has not gone out; NotFound."""
    mine = (texts.c.id == text_id, texts.c.slot_id == row.id, texts.c.news_id.is_(None), which)
    if not (await conn.execute(update(texts).where(*mine).values(**values))).rowcount:
        raise NotFound("No such text waits in this slot.", code="slot_not_found")


async def _words(
    db: Database, conn: AsyncConnection, brand_id: int, template: str, text: Said, title: Said | None, url: str | None
) -> dict[str, Any]:
    """What is kept of a text; Invalid."""
    _, revision = await revision_of(db, conn, brand_id, template)
    asked = accepted(NewsRequest, {"template": template, "text": text, "title": title, "url": url})
    own = checked(asked, revision.template)[0]
    return {"text": own["text"], "title": own["title"], "url": own["url"]}


async def _slot(conn: AsyncConnection, row: Any) -> Slot:
    waiting: list[SlotText] = []
    before = await _shown(conn, row.shown)
    for one in await _waiting(conn, row.id):
        waiting.append(SlotText(one.id, one.text, one.title, one.url, one.created_by, same_text=one.text == before))
        before = one.text
    return Slot(
        id=row.key,
        template=row.template,
        weekday=row.weekday,
        at=time.fromisoformat(row.at),
        time_zone=row.time_zone,
        zone="holder" if row.by_holder else "brand",
        kind=row.kind,
        topic=row.topic,
        audience=row.audience,
        lasts_hours=row.lasts_hours,
        next_at=row.next_at,
        texts=tuple(waiting),
    )


async def _shown(conn: AsyncConnection, kept: str | None) -> Mapping[str, str] | None:
    """What the newest live news of the template says."""
    newest = next(iter(livenews.parsed(kept).live), None) if kept else None
    if newest is None:
        return None
    found = (await conn.execute(select(news.c.variants).where(news.c.id == newest.id))).scalar_one()
    return dict(found[0]["text"])
