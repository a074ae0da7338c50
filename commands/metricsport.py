"""METRICS_BIND: the port at which a `worker` in a service of its own says how it is, since no web process tells for it.

Below ``serve --workers N`` it stays closed: there the web processes tell the sum, the worker's part included, and two workers
live at once while generations change.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

from commands import sockets
from commands.settings import Settings
from handlers import multiprocess
from handlers.keys import HandlerOptions
from handlers.listener import listen
from handlers.routes import is_exempt, metrics_application
from passkit.apple.signing import Signers
from store.dialect import Database

DRAIN_SECONDS = 1.0
"""A scrape that is under way at the end may take so long."""


@contextlib.asynccontextmanager
async def answering(
    db: Database, signers: Signers, settings: Settings, environ: Mapping[str, str]
) -> AsyncIterator[str | None]:
    """Answer /metrics and /healthz beside the body; where, or None where nobody asked for it."""
    if settings.metrics_bind is None or multiprocess.VARIABLE in environ:
        yield None
        return
    options = HandlerOptions(public_url=settings.needed("PUBLIC_URL"))
    with sockets.opened(settings.metrics_bind, "METRICS_BIND") as listening:
        where = sockets.address(listening)
        listener = await listen(
            metrics_application(db, signers, options),
            where.host,
            where.port,
            is_exempt=is_exempt(options),
            drain_seconds=DRAIN_SECONDS,
            listening=listening,
        )
        try:
            yield str(where) if where.path is not None else f"http://{where}"
        finally:
            await listener.close()
