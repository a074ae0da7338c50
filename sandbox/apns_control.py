"""The push service's control API: a small JSON application to read what arrived and to order trouble.

| request | does |
|---|---|
| ``GET /`` | url, limits, totals |
| ``GET /pushes?token=&after=&limit=`` | what arrived, answered or not, oldest first |
| ``GET /rules``, ``POST /rules``, ``DELETE /rules``, ``DELETE /rules/{number}`` | scripts, as ``apns_rules.Rule`` |
| ``PUT /streams`` ``{"max": 1}`` | announce MAX_CONCURRENT_STREAMS |
| ``POST /goaway``, ``POST /cut`` | end every connection, politely or not |
| ``POST /forget`` | forget records and counts |
"""

from __future__ import annotations

import dataclasses
import json
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox.apns import PushRecord, PushService
from sandbox.apns_rules import Rule, rule_from_json

MAX_LISTED = 1000

_SERVICE: web.AppKey[PushService] = web.AppKey("push_service", PushService)


def control(service: PushService) -> web.Application:
    """The application, to be mounted anywhere."""
    app = web.Application()
    app[_SERVICE] = service
    app.add_routes(
        [
            web.get("/", _totals),
            web.get("/pushes", _pushes),
            web.get("/rules", _rules),
            web.post("/rules", _add_rule),
            web.delete("/rules", _clear_rules),
            web.delete("/rules/{number:[0-9]+}", _remove_rule),
            web.put("/streams", _streams),
            web.post("/goaway", _goaway),
            web.post("/cut", _cut),
            web.post("/forget", _forget),
        ]
    )
    return app


async def _totals(request: web.Request) -> web.Response:
    service = request.app[_SERVICE]
    return web.json_response(
        {"url": service.url, "max_streams": service.max_streams, **dataclasses.asdict(service.stats())}
    )


async def _pushes(request: web.Request) -> web.Response:
    service = request.app[_SERVICE]
    token = request.query.get("token", "").lower()
    try:
        after = int(request.query.get("after", "0"))
        limit = min(int(request.query.get("limit", "100")), MAX_LISTED)
    except ValueError:
        raise _bad("after and limit are numbers") from None
    wanted = (record for record in service.records if record.number > after and token in ("", record.token))
    return web.json_response({"pushes": [_as_json(record) for record in islice(wanted, max(limit, 0))]})


async def _rules(request: web.Request) -> web.Response:
    rules = request.app[_SERVICE].script.rules()
    return web.json_response({"rules": [_rule_as_json(number, rule) for number, rule in rules.items()]})


async def _add_rule(request: web.Request) -> web.Response:
    given = await _object(request)
    try:
        rule = rule_from_json(given)
    except ValueError as error:
        raise _bad(str(error)) from error
    number = request.app[_SERVICE].add_rule(rule)
    return web.json_response(_rule_as_json(number, rule), status=201)


async def _clear_rules(request: web.Request) -> web.Response:
    request.app[_SERVICE].script.clear()
    return web.Response(status=204)


async def _remove_rule(request: web.Request) -> web.Response:
    found = request.app[_SERVICE].script.remove(int(request.match_info["number"]))
    return web.Response(status=204 if found else 404)


async def _streams(request: web.Request) -> web.Response:
    maximum = (await _object(request)).get("max")
    if not isinstance(maximum, int) or isinstance(maximum, bool) or not 0 < maximum < 2**31:
        raise _bad("max is a positive number")
    request.app[_SERVICE].limit_streams(maximum)
    return web.Response(status=204)


async def _goaway(request: web.Request) -> web.Response:
    request.app[_SERVICE].go_away()
    return web.Response(status=204)


async def _cut(request: web.Request) -> web.Response:
    request.app[_SERVICE].cut()
    return web.Response(status=204)


async def _forget(request: web.Request) -> web.Response:
    request.app[_SERVICE].forget()
    return web.Response(status=204)


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.read())
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _bad("a JSON object is expected")
    return given


def _bad(detail: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"detail": detail}), content_type="application/json")


def _as_json(record: PushRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "time": record.time,
        "token": record.token,
        "topic": record.topic,
        "apns_id": record.apns_id,
        "headers": dict(record.headers),
        "body": record.body.decode("utf-8", "replace"),
        "connection": record.connection,
        "certificate": record.identity.fingerprint if record.identity else None,
        "status": record.status,
        "reason": record.reason,
    }


def _rule_as_json(number: int, rule: Rule) -> dict[str, Any]:
    return {"number": number, **dataclasses.asdict(rule)}
