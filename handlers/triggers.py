"""Triggers for the backend: ``/api/v1/triggers``. Each handler reads the request, calls one thing, writes the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypedDict

from aiohttp import web

from handlers import body, idempotency, models, news, triggermodels
from handlers.api import authorized, respond
from handlers.keys import DATABASE, OPTIONS
from store import triggerdays, triggerfigures, triggers
from store.audit import Actor
from store.dialect import Database
from store.keys import ApiKey
from store.triggerrows import TriggerRequest, TriggerSettings, TriggerView


class Signed(TypedDict):
    """Who asks, and when: what each operation of the store is given."""

    by: Actor
    now: datetime


async def create(request: web.Request) -> web.Response:
    """POST /api/v1/triggers: 201 with one that is off."""
    key = await authorized(request, "news:write")
    content = await body.read(request, body.API_LIMIT)

    async def run() -> web.Response:
        asked = models.accept(TriggerRequest, body.parse_json(content))
        return respond(_shown(await triggers.create(_db(request), key.brand_id, asked, **_by(request, key))), 201)

    return await idempotency.once(request, key, content, run)


async def listing(request: web.Request) -> web.Response:
    """GET /api/v1/triggers: all, with their figures."""
    key = await authorized(request, "news:read")
    found = await triggers.listing(_db(request), key.brand_id)
    return respond(triggermodels.TriggerListAnswer(triggers=[_shown(one) for one in found]))


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/triggers/{id}."""
    key = await authorized(request, "news:read")
    return respond(_shown(await triggers.view(_db(request), key.brand_id, _id(request))))


async def change(request: web.Request) -> web.Response:
    """PATCH /api/v1/triggers/{id}: what is given is other from now on."""
    key = await authorized(request, "news:write")
    asked = models.accept(TriggerSettings, body.parse_json(await body.read(request, body.API_LIMIT)))
    return respond(_shown(await triggers.save(_db(request), key.brand_id, _id(request), asked, **_by(request, key))))


async def switch_on(request: web.Request) -> web.Response:
    """POST /api/v1/triggers/{id}:on: from now on."""
    return await _operate(request, triggers.switch_on)


async def pause(request: web.Request) -> web.Response:
    """POST /api/v1/triggers/{id}:pause: tell and ring nobody more until it is switched on again."""
    return await _operate(request, triggers.pause)


async def switch_off(request: web.Request) -> web.Response:
    """POST /api/v1/triggers/{id}:off: tell nobody more."""
    key = await authorized(request, "news:write")
    content = await body.read(request, body.API_LIMIT)
    asked = models.accept(triggermodels.TriggerOff, body.parse_json(content) if content.strip() else {})
    off = triggers.switch_off(_db(request), key.brand_id, _id(request), take_off=asked.take_off, **_by(request, key))
    return respond(_shown(await off))


async def remove(request: web.Request) -> web.Response:
    """POST /api/v1/triggers/{id}:remove: one that is off, with its history."""
    key = await authorized(request, "news:write")
    await triggers.remove(_db(request), key.brand_id, _id(request), **_by(request, key))
    return respond(triggermodels.TriggerRemoved(id=_id(request)))


async def today(request: web.Request) -> web.Response:
    """GET /api/v1/triggers/{id}/today: whom it would tell."""
    key = await authorized(request, "news:read")
    found = await triggerdays.today(_db(request), key.brand_id, _id(request), request.app[OPTIONS].clock())
    return respond(triggermodels.TriggerTodayAnswer(**asdict(found)))


async def history(request: web.Request) -> web.Response:
    """GET /api/v1/triggers/{id}/history: its last days, the last cards that it told, and what came of it."""
    key = await authorized(request, "news:read")
    db, id_ = _db(request), _id(request)
    days = await triggerfigures.runs(db, key.brand_id, id_)
    fired = await triggerfigures.firings(db, key.brand_id, id_)
    result = await triggerfigures.result(db, key.brand_id, id_)
    found = {"days": [asdict(one) for one in days], "firings": [asdict(one) for one in fired]}
    shown = {**found, "result": None if result is None else asdict(result)}
    return respond(triggermodels.TriggerHistoryAnswer.model_validate(shown))


async def _operate(request: web.Request, run: Callable[..., Awaitable[TriggerView]]) -> web.Response:
    key = await authorized(request, "news:write")
    return respond(_shown(await run(_db(request), key.brand_id, _id(request), **_by(request, key))))


def _db(request: web.Request) -> Database:
    return request.app[DATABASE]


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def _by(request: web.Request, key: ApiKey) -> Signed:
    return {"by": Actor(news.by(key)), "now": request.app[OPTIONS].clock()}


def _shown(one: TriggerView) -> triggermodels.TriggerAnswer:
    shown: dict[str, Any] = asdict(one) | {"at": None if one.at is None else f"{one.at:%H:%M}"}
    return triggermodels.TriggerAnswer.model_validate(shown)
