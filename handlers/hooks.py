"""The loyalty backend's webhooks: ``POST /hooks/{source}``, Standard Webhooks.

Whatever is wrong with a delivery's proof, the sender gets the same 401; the true reason is kept for ``hooks log``.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from handlers import body, errors, metrics, models
from handlers.api import NO_STORE, visible_rows
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS
from handlers.middleware import refuse
from passkit import hooks
from passkit.hooks import Refusal
from store import sources
from store.errors import Unavailable
from store.sources import HookAnswer, HookEvent, Source

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NOT_YET = ("no_card", "held")
NO_SOURCE = "There is no hook source by this name."


async def deliver(request: web.Request) -> web.Response:
    """Verify, apply, answer ``{result, visible}``: 202 where the card does not exist yet, or the brake holds the change."""
    content = await body.read(request, body.HOOK_LIMIT)
    source, event_id, now = *await _verified(request, content), request.app[OPTIONS].clock()
    try:
        answer, status = await _apply(request, source, _event(event_id, content), now)
    except Unavailable:
        raise
    except Exception as error:
        problem = errors.from_exception(error)
        metrics.webhooks.labels("failed").inc()
        await _record(request, source.name, event_id, problem.kind.status, problem.kind.code, _reason(problem))
        raise
    metrics.webhooks.labels(answer.result).inc()
    return _respond(answer, status)


async def _apply(request: web.Request, source: Source, event: HookEvent, now: datetime) -> tuple[HookAnswer, int]:
    """The event's effect and its line in ``hooks log``: one transaction, both or neither."""
    db = request.app[DATABASE]
    async with db.joined():
        answer = await sources.deliver(db, source, event, now)
        status = 202 if answer.result in NOT_YET else 200
        await _record(request, source.name, event.id, status, answer.result, "")
    return answer, status


async def _verified(request: web.Request, content: bytes) -> tuple[Source, str]:
    """The source and the event's id; the one 401 otherwise."""
    name = request.match_info["source"]
    now = request.app[OPTIONS].clock()
    source = await sources.by_name(request.app[DATABASE], name, now) if _NAME.fullmatch(name) else None
    judged = hooks.verify(request.raw_headers, content, source.secrets if source is not None else (), now)
    if source is not None and not isinstance(judged, Refusal):
        return source, judged.id
    metrics.webhooks.labels("refused").inc()
    problem = refuse(request, "hooks", ProblemError("webhook_refused"))
    if problem.kind.code == "webhook_refused" and _NAME.fullmatch(name):
        refusal = judged if isinstance(judged, Refusal) else None
        reason = f"{refusal.reason}: {refusal.detail}" if source is not None and refusal is not None else NO_SOURCE
        await _record(request, name, refusal.id if refusal is not None else "", 401, "refused", reason)
    raise problem


def _event(event_id: str, content: bytes) -> HookEvent:
    """The envelope ``{type, timestamp, data}``."""
    event = models.accept(models.Event, body.parse_json(content))
    return HookEvent(id=event_id, type=event.type, timestamp=event.timestamp, data=event.data)


async def _record(request: web.Request, source: str, event_id: str, status: int, result: str, reason: str) -> None:
    now = request.app[OPTIONS].clock()
    await sources.record_delivery(
        request.app[DATABASE], source=source, event_id=event_id, status=status, result=result, reason=reason, now=now
    )


def _reason(problem: ProblemError) -> str:
    """What was wrong, with the places and without the values."""
    found = "; ".join(f"{place.pointer}: {place.detail}" for place in problem.errors)
    return f"{problem.detail} {found}".strip()


def _respond(answer: HookAnswer, status: int) -> web.Response:
    rows: list[Any] = [row.model_dump() for row in visible_rows(answer.visible)]
    content = orjson.dumps({"result": answer.result, "visible": rows})
    return web.Response(body=content, status=status, content_type="application/json", headers=NO_STORE)
