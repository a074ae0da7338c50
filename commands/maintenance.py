"""What runs beside: templates compiled after a start, the daily sweep that bounds tables, ringing again who has not listed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from commands.shell import now
from passkit.errors import PasskitError
from store import brands, compiled, leases, sweeps, templates
from store.dialect import Database
from store.errors import StoreError

DAY = timedelta(days=1)
LOOK_SECONDS = 60.0
"""How often a worker looks whether a sweep is due."""

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


async def run(db: Database, owner: str) -> None:
    """Sweep until cancelled; of several workers the one that has the lease does it."""
    next_daily = now()
    while True:
        try:
            if await leases.take(db, name="sweeps", owner=owner, duration=timedelta(seconds=3 * LOOK_SECONDS)):
                await sweeps.ring_again(db)
                if now() >= next_daily:
                    next_daily = now() + DAY
                    await sweeps.daily(db, now())
        except StoreError as error:
            log.warning("sweep_put_off", detail=error.detail)
        except Exception:  # told, and tried again: tables that grow for good are worse
            log.exception("sweep_failed")
        await asyncio.sleep(LOOK_SECONDS)
