"""What a worker does beside its pushes: the daily sweep that bounds every table, and ringing again who has not listed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from commands.shell import now
from store import leases, sweeps
from store.dialect import Database
from store.errors import StoreError

DAY = timedelta(days=1)
LOOK_SECONDS = 60.0
"""How often a worker looks whether a sweep is due."""

log = structlog.get_logger("passbell.sweeps")


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
        await asyncio.sleep(LOOK_SECONDS)
