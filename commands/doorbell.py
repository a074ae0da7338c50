"""The doorbell of a process, where NATS_URL is set: rings for what it commits, heard by its workers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commands import reporting
from commands.settings import Settings
from pushes.doorbell import Doorbell, Ear
from store.dialect import Database

if TYPE_CHECKING:
    from pushes.nats import Nats


@dataclass(frozen=True, slots=True)
class Bell:
    """What rings, and what carries it."""

    doorbell: Doorbell
    carrier: Nats

    def is_heard(self) -> bool:
        """Whether other processes' work is told of now."""
        return self.doorbell.is_heard()


@contextlib.asynccontextmanager
async def doorbell(db: Database, settings: Settings) -> AsyncIterator[Bell | None]:
    """Ring beside the body; None where there is no NATS."""
    carrier = carrier_of(settings)
    if carrier is None:
        yield None
        return
    bell = Doorbell(db, carrier)
    keeping = asyncio.create_task(carrier.run())
    db.on_places.append(bell.ring)
    try:
        yield Bell(bell, carrier)
    finally:
        db.on_places.remove(bell.ring)
        await bell.aclose()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@contextlib.asynccontextmanager
async def listening(bell: Bell | None, ears: Sequence[Ear]) -> AsyncIterator[None]:
    """Have these workers hear what others ring for, if there is a bell."""
    if bell is None:
        yield
        return
    async with bell.carrier.listening(bell.doorbell.hear, ears):
        yield


def carrier_of(settings: Settings) -> Nats | None:
    """The way to NATS; its library is loaded only where there is one."""
    if not settings.nats_url:
        return None
    from pushes.nats import Nats, NatsOptions

    name = reporting.name("passbell")
    servers = tuple(item.strip() for item in settings.nats_url.split(",") if item.strip())
    return Nats(NatsOptions(servers, settings.nats_credentials_file, settings.nats_ca, name))
