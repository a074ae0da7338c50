"""A news's pushes stopped and let go on; what it says stays on the cards meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import googletelling, newsobjects
from store.claims import device_intent
from store.clock import database_now
from store.googleintents import mark
from store.jobs import insert_into_jobs, want_news, want_template
from store.platforms import Route
from store.tables import brands, devices, google_classes, jobs, news, news_waiting, other_jobs

NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""When a paused fan-out is due."""


async def stop(conn: AsyncConnection, row: Any) -> None:
    """No page more, and no second try for whoever waits for paused news alone; what is being sent is finished."""
    now = await database_now(conn)
    going = select(news.c.id).where(news.c.state == "running", news.c.id != row.id)
    for queue in (jobs, other_jobs):
        await conn.execute(update(queue).where(queue.c.news_id == row.id).values(due_at=NEVER))
        mine = select(news_waiting.c.device_id).where(news_waiting.c.news_id == row.id)
        others = select(news_waiting.c.device_id).where(news_waiting.c.news_id.in_(going))
        is_free = or_(queue.c.lease_until.is_(None), queue.c.lease_until < now)
        waits = and_(queue.c.for_news == 2, is_free, queue.c.device_id.in_(mine), queue.c.device_id.not_in(others))
        await conn.execute(delete(queue).where(waits))
    if row.google_state == "waiting" and not await is_on_google(conn, row):
        await googletelling.unsay_in(conn, row.template_id, newsobjects.message_id(row))


async def go_on(conn: AsyncConnection, row: Any) -> None:
    """The pages go on where they stopped; whoever waited gets an intent again."""
    now = await database_now(conn)
    pass_type = select(brands.c.pass_type_identifier).where(brands.c.id == row.brand_id)
    route_of = (await conn.execute(pass_type)).scalar_one()
    for queue in (jobs, other_jobs):
        paused = update(queue).where(queue.c.news_id == row.id, queue.c.due_at == NEVER)
        await conn.execute(paused.values(due_at=now, wanted_at=now))
    waits = select(news_waiting.c.device_id, news_waiting.c.platform)
    waits = waits.join(devices, devices.c.id == news_waiting.c.device_id).where(news_waiting.c.news_id == row.id)
    for platform, ids in _by_platform((await conn.execute(waits.order_by(news_waiting.c.device_id))).all()).items():
        route = Route(route_of, platform)
        queue = jobs if platform == "ApplePass" else other_jobs
        rows = [device_intent(route, row.brand_id, one, now, now) | {"for_news": 2} for one in ids]
        insert = insert_into_jobs(conn, queue)
        await conn.execute(insert.on_conflict_do_nothing(index_elements=["device_id"]), rows)
    if row.corrected_at is not None:
        await _ring_holders(conn, row)
    if row.google_state == "waiting" and not await is_on_google(conn, row):
        await say(conn, row)
    elif row.google_state == newsobjects.TELLING:
        await conn.execute(update(news).where(news.c.id == row.id).values(google_position=0))
    await mark(conn)


async def say(conn: AsyncConnection, row: Any, *, notify: bool = True) -> bool:
    """The message on the template's class; False where the template is not on Google."""
    brand = await newsobjects.brand_name(conn, row.brand_id)
    message = newsobjects.message(newsobjects.message_id(row), row.variants[0], brand, row.ends_at)
    return await googletelling.say_in(conn, row.template_id, replace(message, notify=notify))


async def corrected(conn: AsyncConnection, before: Any, row: Any) -> None:
    """Phones come for the new words; Google's message is replaced by one that notifies only who was not told yet.

    Paused, only who asks by itself: a push would bring the news to those who are to wait for it.
    """
    if row.state == "done":
        await ring_audience(conn, row)
    elif row.state == "running":
        await _ring_holders(conn, row)
    if row.google_state in newsobjects.BY_OBJECT:
        await conn.execute(update(news).where(news.c.id == row.id).values(google_position=0))
    elif row.google_state:
        was_sent = await is_on_google(conn, before)
        await googletelling.unsay_in(conn, row.template_id, newsobjects.message_id(before))
        if was_sent or row.state != "paused":
            await say(conn, row, notify=not was_sent)


async def ring_audience(conn: AsyncConnection, row: Any) -> None:
    """Who was told comes and looks again; the news is sent no more, so these pushes count for it no more."""
    await want_news(conn, brand_id=row.brand_id, pass_type_identifier=row.pass_type_identifier, news_id=row.id)


async def _ring_holders(conn: AsyncConnection, row: Any) -> None:
    """Everyone on the template: these pushes count for no news."""
    pass_type = row.pass_type_identifier
    await want_template(conn, brand_id=row.brand_id, pass_type_identifier=pass_type, template_id=row.template_id)


async def is_on_google(conn: AsyncConnection, row: Any) -> bool:
    """Whether Google holds the news's message."""
    sent = select(google_classes.c.sent_messages).where(google_classes.c.template_id == row.template_id)
    return newsobjects.message_id(row) in ((await conn.execute(sent)).scalar_one_or_none() or ())


def _by_platform(rows: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.platform, []).append(row.device_id)
    return found
