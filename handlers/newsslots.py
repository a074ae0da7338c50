"""Weekly slots for the backend: ``/api/v1/news-slots``; and a second system's word on news that wait for it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, time
from typing import TypedDict

from aiohttp import web

from handlers import body, idempotency, models, news, slotmodels
from handlers.api import authorized, respond
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS
from store import newsapproving, newsslots
from store.audit import Actor
from store.dialect import Database
from store.keys import ApiKey
from store.newsslots import Slot


class Signed(TypedDict):
    """Who asks, and when: what each operation of the store is given."""

    by: Actor
    now: datetime


async def add(request: web.Request) -> web.Response:
    """POST /api/v1/news-slots: 201 with an empty one."""
    key = await authorized(request, "news:write")
    content = await body.read(request, body.API_LIMIT)

    async def run() -> web.Response:
        asked = models.accept(slotmodels.SlotRequest, body.parse_json(content))
        given = dict(asked) | {"at": time.fromisoformat(asked.at)}
        return respond(_shown(await newsslots.add(_db(request), key.brand_id, **given, **_by(request, key))), 201)

    return await idempotency.once(request, key, content, run)


async def listing(request: web.Request) -> web.Response:
    """GET /api/v1/news-slots: all, with what waits in each."""
    key = await authorized(request, "news:read")
    found = await newsslots.listing(_db(request), key.brand_id)
    return respond(slotmodels.SlotListAnswer(slots=[_shown(one) for one in found]))


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/news-slots/{id}."""
    key = await authorized(request, "news:read")
    return respond(_shown(await newsslots.view(_db(request), key.brand_id, request.match_info["id"])))


async def remove(request: web.Request) -> web.Response:
    """POST /api/v1/news-slots/{id}:remove: with what waits in it."""
    key = await authorized(request, "news:write")
    id_ = request.match_info["id"]
    await newsslots.remove(_db(request), key.brand_id, id_, **_by(request, key))
    return respond(slotmodels.SlotRemoved(id=id_))


async def put(request: web.Request) -> web.Response:
    """POST /api/v1/news-slots/{id}/texts: a text behind those that wait; 201 with the slot."""
    key = await authorized(request, "news:write")
    content, id_ = await body.read(request, body.API_LIMIT), request.match_info["id"]

    async def run() -> web.Response:
        asked = models.accept(slotmodels.SlotTextRequest, body.parse_json(content))
        slot = await newsslots.put(
            _db(request), key.brand_id, id_, asked.text, title=asked.title, url=asked.url, **_by(request, key)
        )
        return respond(_shown(slot), 201)

    return await idempotency.once(request, key, id_.encode("utf-8", "surrogatepass") + b"\0" + content, run)


async def move(request: web.Request) -> web.Response:
    """POST /api/v1/news-slots/{id}/texts/{text}:move: to another place of the queue."""
    key = await authorized(request, "news:write")
    asked = models.accept(slotmodels.SlotMove, body.parse_json(await body.read(request, body.API_LIMIT)))
    id_, text = request.match_info["id"], _text(request)
    return respond(_shown(await newsslots.move(_db(request), key.brand_id, id_, text, asked.to, **_by(request, key))))


async def take_out(request: web.Request) -> web.Response:
    """POST /api/v1/news-slots/{id}/texts/{text}:remove: out of the queue."""
    key = await authorized(request, "news:write")
    id_, text = request.match_info["id"], _text(request)
    return respond(_shown(await newsslots.take_out(_db(request), key.brand_id, id_, text, **_by(request, key))))


async def waiting(request: web.Request) -> web.Response:
    """GET /api/v1/news-approvals: news that wait for a second person."""
    key = await authorized(request, "news:read")
    found = await newsapproving.waiting(_db(request), key.brand_id)
    return respond(slotmodels.ApprovalListAnswer(news=[news.answer(one) for one in found]))


async def approve(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:approve: sent, or scheduled; not by the key that has started it."""
    key = await authorized(request, "news:approve")
    id_ = request.match_info["id"]
    done = await newsapproving.approve(_db(request), key.brand_id, id_, is_key=True, **_by(request, key))
    return respond(news.answer(done))


async def refuse(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:refuse: a draft again."""
    key = await authorized(request, "news:approve")
    content, id_ = await body.read(request, body.API_LIMIT), request.match_info["id"]
    asked = models.accept(slotmodels.NewsRefusal, body.parse_json(content) if content.strip() else {})
    done = await newsapproving.refuse(_db(request), key.brand_id, id_, asked.reason, is_key=True, **_by(request, key))
    return respond(news.answer(done))


def _db(request: web.Request) -> Database:
    return request.app[DATABASE]


def _by(request: web.Request, key: ApiKey) -> Signed:
    return {"by": Actor(news.by(key)), "now": request.app[OPTIONS].clock()}


def _text(request: web.Request) -> int:
    given = request.match_info["text"]
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise ProblemError("slot_not_found")
    return int(given)


def _shown(slot: Slot) -> slotmodels.SlotAnswer:
    return slotmodels.SlotAnswer.model_validate(asdict(slot) | {"at": f"{slot.at:%H:%M}"})
