"""Alive, ready, counted: ``/healthz`` touches nothing, ``/readyz`` asks the database and the signer, never Apple or Google.

If readiness depended on a vendor, an outage there would take our own web service out of the load balancer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import orjson
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from handlers import metrics, multiprocess
from handlers.guard import GUARD
from handlers.keys import DATABASE, LIFECYCLE, OPTIONS, READINESS, SIGNERS, STANDING
from store import migrations, probe
from store.errors import StoreError
from store.standing import standing

PROBE_SECONDS = 3.0
"""Longer than a healthy write ever takes, shorter than a load balancer's patience."""

KEPT_SECONDS = 1.0
"""How long an answer is kept, so that asking often costs no writes."""
STANDING_SECONDS = 10.0
"""How long ``/metrics`` keeps what it has read of the queues."""

log = structlog.get_logger("passbell.metrics")


async def healthz(request: web.Request) -> web.Response:
    """The event loop runs."""
    return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})


async def readyz(request: web.Request) -> web.Response:
    """Whether this process should get requests: 200, or 503 with the names of what is missing."""
    readiness = request.app[READINESS]
    async with readiness.lock:
        if time.monotonic() - readiness.at >= KEPT_SECONDS:
            readiness.checks = await _checks(request.app)
            readiness.at = time.monotonic()
    draining = request.app[LIFECYCLE].draining
    checks = {**readiness.checks, "lifecycle": "draining" if draining else "ok"}
    ready = all(check == "ok" for check in checks.values())
    return web.Response(
        body=orjson.dumps({"ready": ready, "checks": checks}),
        status=200 if ready else 503,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def prometheus(request: web.Request) -> web.Response:
    """Everything that is counted in this process, the worker's too where it runs here; or in all that count together."""
    metrics.note_certificates(request.app[SIGNERS].all())
    note_connections(request.app)
    await _note_standing(request.app)
    folder = request.app[OPTIONS].metrics_folder
    text = generate_latest() if folder is None else await asyncio.to_thread(multiprocess.exposition, folder)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})


async def _note_standing(application: web.Application) -> None:
    """Read how the queues stand, unless that was a moment ago; with the database away the last figures stay, and their time."""
    read = application[STANDING]
    async with read.lock:
        if time.monotonic() - read.at < STANDING_SECONDS:
            return
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                metrics.note_standing(await standing(application[DATABASE]), application[OPTIONS].clock().timestamp())
            read.at = time.monotonic()
        except (StoreError, TimeoutError) as error:
            log.warning("queues_not_read", detail=str(error))


def note_connections(application: web.Application) -> None:
    """Count the guard's connections."""
    guard = application.get(GUARD)
    if guard is not None:
        metrics.connections.set(len(guard))
        metrics.reaped.labels("deadline").set(guard.reaped)
        metrics.reaped.labels("room").set(guard.evicted)


async def _checks(application: web.Application) -> dict[str, str]:
    db = application[DATABASE]
    database = await _within("unavailable", probe.write_probe(db))
    schema = await _within("unavailable", _schema(application)) if database == "ok" else "unknown"
    now = application[OPTIONS].clock()
    signer = "ok" if any(identity.is_valid(now) for identity in application[SIGNERS].all()) else "no valid certificate"
    return {"database": database, "schema": schema, "signer": signer}


async def _schema(application: web.Application) -> None:
    if await migrations.schema_version(application[DATABASE]) != migrations.head():
        raise LookupError("the schema is another version's: run migrate")


async def _within(failed: str, check: Awaitable[None]) -> str:
    """``ok``, or what to say when the check fails or takes too long."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await check
    except LookupError:
        return "migrate"
    except Exception:  # whatever is wrong with the database: this process is not ready
        return failed
    return "ok"
