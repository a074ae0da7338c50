"""Apple's web service: five endpoints that phones call, and wallets on Android that speak the same protocol.

https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes. Whatever a stranger sends is
401, 204 or 400, never more; an unknown serial number and a wrong token are the same 401, decided before any row is read.
"""

from __future__ import annotations

import orjson
from aiohttp import web

from handlers import body, metrics, passes
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS
from handlers.limits import Kind
from handlers.middleware import refuse, spend
from passkit.apple import webservice
from passkit.apple.webservice import Malformed, Scheme
from store import cards, lost, registrations

NO_STORE = {"Cache-Control": "no-store"}


async def register(request: web.Request) -> web.Response:
    """POST .../devices/{device}/registrations/{pass_type}/{serial}: 201 for a new registration, 200 for a known one.

    PassWallet posts to ``registrations_attido`` instead; the scheme says who it is, and the body how it is rung.
    """
    scheme, generation = _authenticated(request)
    platform = webservice.platform(scheme, request.headers.get("X-Pass-Client"))
    registration = webservice.registration(await body.read(request, body.WALLET_LIMIT), platform)
    device = request.match_info["device"]
    if isinstance(registration, Malformed):
        raise ProblemError("bad_request", registration.reason)
    if not webservice.is_identifier(device):
        raise ProblemError("bad_request", "This cannot be a device library identifier.")
    registered = await registrations.register(
        request.app[DATABASE],
        pass_type=request.match_info["pass_type"],
        serial=request.match_info["serial"],
        generation=generation,
        device_library_identifier=device,
        push_token=registration.push_token,
        platform=registration.platform,
        now=request.app[OPTIONS].clock(),
    )
    if registered is None:
        raise await _missed(request, generation)
    return web.Response(status=201 if registered.new else 200, headers=NO_STORE)


async def unregister(request: web.Request) -> web.Response:
    """DELETE of the same: 200, also when it was gone already."""
    _, generation = _authenticated(request)
    known = await registrations.unregister(
        request.app[DATABASE],
        pass_type=request.match_info["pass_type"],
        serial=request.match_info["serial"],
        generation=generation,
        device_library_identifier=request.match_info["device"],
        now=request.app[OPTIONS].clock(),
    )
    if not known:
        raise _unauthorized(request)
    return web.Response(status=200, headers=NO_STORE)


async def changed(request: web.Request) -> web.Response:
    """GET .../devices/{device}/registrations/{pass_type}: what this device should fetch; 204 without a body if nothing."""
    tags = request.query.getall("passesUpdatedSince", [])
    device, pass_type = request.match_info["device"], request.match_info["pass_type"]
    listing = None
    if webservice.is_identifier(device) and webservice.is_identifier(pass_type):
        tag = tags[0] if len(tags) == 1 else None
        listing = await registrations.changed(request.app[DATABASE], pass_type, device, tag)
    if listing is None:
        wait = spend(request, Kind.UNKNOWN_DEVICE)
        if wait:
            raise ProblemError("rate_limited", headers={"Retry-After": str(wait)})
    if listing is None or not listing.serial_numbers:
        return web.Response(status=204, headers=NO_STORE)
    answer = {"serialNumbers": list(listing.serial_numbers), "lastUpdated": listing.last_updated}
    return web.Response(body=orjson.dumps(answer), content_type="application/json", headers=NO_STORE)


async def fetch(request: web.Request) -> web.StreamResponse:
    """GET and HEAD .../passes/{pass_type}/{serial}: the pass. No registration is needed; the token is enough."""
    _, generation = _authenticated(request)
    serving = await cards.serve(
        request.app[DATABASE],
        request.match_info["pass_type"],
        request.match_info["serial"],
        generation,
        request.app[OPTIONS].clock(),
    )
    if serving is None:
        raise await _missed(request, generation)
    return await passes.answer(request, serving)


async def log(request: web.Request) -> web.Response:
    """POST .../log: always 200 for what can be read; a flood is dropped."""
    lines = webservice.logs(await body.read(request, body.LOG_LIMIT))
    kept = bool(lines) and not spend(request, Kind.LOG)
    metrics.log_messages.labels("kept" if kept else "dropped").inc(len(lines))
    if kept:
        await registrations.log(request.app[DATABASE], lines, request.app[OPTIONS].clock())
    return web.Response(status=200, headers=NO_STORE)


def _authenticated(request: web.Request) -> tuple[Scheme, int]:
    """The scheme and the token's generation, checked by computation alone; the one 401 otherwise."""
    pass_type, serial = request.match_info["pass_type"], request.match_info["serial"]
    values = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
    credentials = webservice.credentials(values)
    if credentials is not None and webservice.is_identifier(pass_type) and webservice.is_identifier(serial):
        generation = request.app[DATABASE].keyring.check_token(pass_type, serial, credentials[1])
        if generation is not None:
            return credentials[0], generation
    raise _unauthorized(request)


async def _missed(request: web.Request, generation: int) -> ProblemError:
    """The same 401 for a true token whose card is not here; it is counted, because a restore may have lost the card."""
    pass_type, serial = request.match_info["pass_type"], request.match_info["serial"]
    values = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
    credentials = webservice.credentials(values)
    token = credentials[1] if credentials is not None else b""
    now = request.app[OPTIONS].clock()
    given = (pass_type, serial, generation, token.split(b".")[0].decode())
    if await lost.note(request.app[DATABASE], *given, now):
        metrics.lost.inc()
    return _unauthorized(request)


def _unauthorized(request: web.Request) -> ProblemError:
    """The same words whether the serial number, the pass type or the token is wrong."""
    problem = ProblemError("unauthorized", headers={"WWW-Authenticate": 'ApplePass realm="passbell"'})
    return refuse(request, "wallet", problem)
