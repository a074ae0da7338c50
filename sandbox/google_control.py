"""The control API of Google's stand-in: a small JSON application to read what was asked and to order trouble.

| request | does |
|---|---|
| ``GET /`` | addresses, switches, totals |
| ``GET /requests?after=&limit=&method=&resource=`` | what was asked of the API, oldest first |
| ``GET /resources/{id}``, ``GET /classes/{id}`` | an object or a class as it is kept, with its holders |
| ``POST /resources/{id}/remove`` ``{"account"}`` | a person deletes the pass |
| ``GET /callbacks`` | the callbacks that were sent, and what came back |
| ``GET /faults``, ``POST /faults``, ``DELETE /faults``, ``DELETE /faults/{number}`` | scripts, as ``google_faults.Fault`` |
| ``POST /clock`` ``{"advance": 86400}`` | let time pass for the quotas |
| ``PUT /switches`` | ``rate too_fast_status legacy_echo check_images callbacks_silent callback_repeats`` |
| ``POST /forget`` | forget the requests and every access token |
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from itertools import islice
from typing import Any

from aiohttp import web

from sandbox.google import GoogleService
from sandbox.google_faults import fault_from_json

MAX_LISTED = 1000

_GOOGLE: web.AppKey[GoogleService] = web.AppKey("google_service", GoogleService)


def control(google: GoogleService) -> web.Application:
    """The application, to be mounted anywhere."""
    app = web.Application()
    app[_GOOGLE] = google
    app.add_routes(
        [
            web.get("/", _totals),
            web.get("/requests", _requests),
            web.get("/resources/{id}", _resource),
            web.get("/classes/{id}", _class),
            web.post("/resources/{id}/remove", _remove),
            web.get("/callbacks", _callbacks),
            web.get("/faults", _faults),
            web.post("/faults", _add_fault),
            web.delete("/faults", _clear_faults),
            web.delete("/faults/{number:[0-9]+}", _remove_fault),
            web.post("/clock", _advance),
            web.put("/switches", _switch),
            web.post("/forget", _forget),
        ]
    )
    return app


async def _totals(request: web.Request) -> web.Response:
    google = request.app[_GOOGLE]
    switches = {name: read(google) for name, (read, _, _) in _SWITCHES.items()}
    places = {"url": google.url, "token_url": google.token_url, "keys_url": google.keys_url}
    return web.json_response(places | {"switches": switches, "requests": len(google.requests), "shift": google.shift})


async def _requests(request: web.Request) -> web.Response:
    query = request.query
    try:
        after, limit = int(query.get("after", "0")), min(int(query.get("limit", "100")), MAX_LISTED)
    except ValueError:
        raise _bad("after and limit are numbers") from None
    wanted = (
        asked
        for asked in request.app[_GOOGLE].requests
        if asked.number > after
        and asked.method.startswith(query.get("method", ""))
        and asked.resource.startswith(query.get("resource", ""))
    )
    return web.json_response({"requests": [dataclasses.asdict(asked) for asked in islice(wanted, max(limit, 0))]})


async def _resource(request: web.Request) -> web.Response:
    return _kept(request, is_class=False)


async def _class(request: web.Request) -> web.Response:
    return _kept(request, is_class=True)


def _kept(request: web.Request, *, is_class: bool) -> web.Response:
    stored = request.app[_GOOGLE].wallet.find(request.match_info["id"], is_class=is_class)
    if stored is None:
        raise web.HTTPNotFound
    return web.json_response({"kind": stored.kind.segment, "body": stored.body, "holders": sorted(stored.holders)})


async def _remove(request: web.Request) -> web.Response:
    request.app[_GOOGLE].remove(request.match_info["id"], str((await _object(request)).get("account", "")))
    return web.Response(status=204)


async def _callbacks(request: web.Request) -> web.Response:
    sent = request.app[_GOOGLE].callbacks.sent
    rows = [dataclasses.asdict(one) | {"body": one.body.decode()} for one in sent[-MAX_LISTED:]]
    return web.json_response({"callbacks": rows})


async def _faults(request: web.Request) -> web.Response:
    rules = request.app[_GOOGLE].faults.rules()
    return web.json_response({"faults": [{"number": number, **dataclasses.asdict(it)} for number, it in rules.items()]})


async def _add_fault(request: web.Request) -> web.Response:
    try:
        fault = fault_from_json(await _object(request))
    except ValueError as error:
        raise _bad(str(error)) from error
    number = request.app[_GOOGLE].faults.add(fault)
    return web.json_response({"number": number, **dataclasses.asdict(fault)}, status=201)


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[_GOOGLE].faults.clear()
    return web.Response(status=204)


async def _remove_fault(request: web.Request) -> web.Response:
    found = request.app[_GOOGLE].faults.remove(int(request.match_info["number"]))
    return web.Response(status=204 if found else 404)


async def _advance(request: web.Request) -> web.Response:
    seconds = (await _object(request)).get("advance")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
        raise _bad("advance is a number of seconds")
    request.app[_GOOGLE].advance(seconds)
    return web.json_response({"shift": request.app[_GOOGLE].shift})


async def _switch(request: web.Request) -> web.Response:
    given = await _object(request)
    for name, value in given.items():
        if name not in _SWITCHES:
            raise _bad(f"switches are {', '.join(_SWITCHES)}")
        if not isinstance(value, _SWITCHES[name][2]) or (isinstance(value, bool) and _SWITCHES[name][2] is not bool):
            raise _bad(f"{name} has another type")
    for name, value in given.items():
        _SWITCHES[name][1](request.app[_GOOGLE], value)
    return web.Response(status=204)


async def _forget(request: web.Request) -> web.Response:
    google = request.app[_GOOGLE]
    google.requests.clear()
    google.accounts.forget_tokens()
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


_Switch = tuple[Callable[[GoogleService], Any], Callable[[GoogleService, Any], None], Any]

_SWITCHES: dict[str, _Switch] = {
    "rate": (lambda it: it.rates.rate, lambda it, value: setattr(it.rates, "rate", value), int | float),
    "too_fast_status": (lambda it: it.too_fast_status, lambda it, value: setattr(it, "too_fast_status", value), int),
    "legacy_echo": (lambda it: it.legacy_echo, lambda it, value: setattr(it, "legacy_echo", value), bool),
    "check_images": (lambda it: it.check_images, lambda it, value: setattr(it, "check_images", value), bool),
    "callbacks_silent": (
        lambda it: it.callbacks.is_silent,
        lambda it, value: setattr(it.callbacks, "is_silent", value),
        bool,
    ),
    "callback_repeats": (
        lambda it: it.callbacks.repeats,
        lambda it, value: setattr(it.callbacks, "repeats", value),
        int,
    ),
}
