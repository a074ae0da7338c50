"""What runs beside: templates compiled after a start, daily bounds, ringing again, alarms; and apart, Google's root keys."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import structlog

from commands import googlekeys, letters, reporting
from commands.settings import Settings
from commands.shell import now
from passkit.errors import PasskitError
from store import (
    brands,
    compiled,
    firing,
    handouts,
    heldalarms,
    leases,
    letting,
    newsresults,
    newsslots,
    newstimer,
    phones,
    sweeps,
    templates,
    triggerdays,
    triggerevents,
    tryouts,
)
from store.dialect import Database
from store.errors import StoreError

DAY = timedelta(days=1)
LOOK_SECONDS = 60.0
"""How often a worker looks whether a sweep is due."""
NEWS_SECONDS = 0.5
"""How often a worker looks whether the moment of a news has come, unless it is woken."""
HELD_SECONDS = 2.0
"""How often a worker looks whether held changes were let go, or have begun."""
BREATH_SECONDS = 0.02
"""Between two pages of a long sweep."""

log = structlog.get_logger("passbell.sweeps")


async def warm(db: Database) -> None:
    """Compile every published revision once, so that no phone or till waits for it after a restart."""
    for brand in await brands.listing(db):
        for row in await templates.listing(db, brand.id):
            if row.published_revision_id is None:
                continue
            try:
                await compiled.revision(db, None, revision_id=row.published_revision_id, brand_stamp=brand.stamp)
            except (PasskitError, StoreError) as error:
                log.warning("template_not_ready", template=row.key, detail=str(error))


async def run(db: Database, owner: str, settings: Settings) -> None:
    """Sweep until cancelled; of several workers the one that has the lease does it."""
    next_daily = now()
    while True:
        try:
            if await _has_the_lease(db, owner):
                await sweeps.ring_again(db)
                await tryouts.sweep(db, now())
                await newsresults.turn(db)
                await _index_phones(db, owner)
                await _judge_handouts(db, owner)
                await letters.raise_alarms(db, settings)
                await reporting.compare(db)
                if now() >= next_daily:
                    next_daily = now() + DAY
                    await sweeps.daily(db, now())
        except StoreError as error:
            log.warning("sweep_put_off", detail=error.detail)
        except Exception:  # told, and tried again: tables that grow for good are worse
            log.exception("sweep_failed")
        await asyncio.sleep(LOOK_SECONDS)


async def tell_news(db: Database) -> None:
    """Look whether the moment of a news has come, until cancelled; several workers may, each step is one's alone."""
    woken = asyncio.Event()
    db.on_jobs.append(woken.set)
    try:
        while True:
            woken.clear()
            try:
                await newsslots.turn(db)
                if await newstimer.turn(db):
                    woken.set()
            except StoreError as error:
                log.warning("news_put_off", detail=error.detail)
            except Exception:
                log.exception("news_failed")
                await asyncio.sleep(NEWS_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), NEWS_SECONDS)
            await asyncio.sleep(BREATH_SECONDS)
    finally:
        db.on_jobs.remove(woken.set)


async def set_off(db: Database) -> None:
    """Tell the cards whose occasion it is, and take texts off those whose time is over, until cancelled."""
    while True:
        more = False
        try:
            for turn in (triggerevents.turn, triggerdays.turn, firing.leave):
                more |= await turn(db)
        except StoreError as error:
            log.warning("triggers_put_off", detail=error.detail)
        except Exception:
            log.exception("triggers_failed")
        await asyncio.sleep(BREATH_SECONDS if more else NEWS_SECONDS)


async def let_go(db: Database, owner: str, settings: Settings) -> None:
    """Apply the held changes that somebody let go, and tell of those that begin to be held, until cancelled."""
    while True:
        more = 0
        try:
            for source in await heldalarms.raise_alarms(db, letters.ways_of(settings), now()):
                log.warning("changes_held", source=source)
            more = await letting.run(db, owner, now())
        except StoreError as error:
            log.warning("held_put_off", detail=error.detail)
        except Exception:
            log.exception("held_failed")
        await asyncio.sleep(BREATH_SECONDS if more else HELD_SECONDS)


async def look_after_google(db: Database, settings: Settings) -> None:
    """Read Google's root keys at once and whenever they are due, until cancelled: beside the sweeps, which wait for no network.

    Several workers may: the list is the same, and who comes second finds that it is not due.
    """
    while True:
        try:
            await googlekeys.look_after_root_keys(db, settings)
        except StoreError as error:
            log.warning("google_root_keys_put_off", detail=error.detail)
        except Exception:
            log.exception("google_root_keys_failed")
        await asyncio.sleep(LOOK_SECONDS)


async def _has_the_lease(db: Database, owner: str) -> bool:
    return await leases.take(db, name="sweeps", owner=owner, duration=timedelta(seconds=3 * LOOK_SECONDS))


async def _index_phones(db: Database, owner: str) -> None:
    """Bring the index of phone numbers up to date; over a million cards it takes a while, and tills go first."""
    while await _has_the_lease(db, owner):
        if not await phones.index_again(db):
            return
        await asyncio.sleep(BREATH_SECONDS)


async def _judge_handouts(db: Database, owner: str) -> None:
    """See which cards that were given out have come onto a phone, and which of them count."""
    while await _has_the_lease(db, owner):
        if await handouts.settle(db, now()) < handouts.PAGE:
            return
        await asyncio.sleep(BREATH_SECONDS)
