"""Google Wallet on the web side: its callbacks, the way to the save link, public pictures, and what robots may read.

Nothing here asks Google for anything. The way to the save link waits on our own database until a worker has brought the
card to Google; where that takes too long, the link carries what Google needs to make the card itself, and where that does
not fit either, a page tries again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson
import structlog
from aiohttp import web

from handlers import body, install, metrics, pages
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS
from handlers.middleware import refuse
from passkit.errors import CertificateError
from passkit.google import callback as callbacks
from passkit.google import savelink
from passkit.google.callback import Reason, Refusal
from passkit.google.savelink import Account
from store import assets, brands, google
from store.dialect import Database
from store.google import GoogleStatus
from store.serving import Installation

log = structlog.get_logger("passbell.google")

CALLBACK_LIMIT = 16 * body.KIB
"""Google's callbacks have about 1.5 KiB."""
WAIT_SECONDS = 5.0
"""How long the way to the save link waits for a worker: an insert takes well under a second when nothing is in its way."""
FIRST_LOOK, LAST_LOOK = 0.05, 0.5
"""Seconds between two looks at the database: the second is twice the first, up to the last."""
MAX_WAITING = 200
"""Visitors who wait at once; whoever comes then is answered with what there is."""
TRIES = 6
"""How often the waiting page comes back by itself: half a minute, and then a person decides."""
SECONDS_BETWEEN = 4

FOREVER = "public, max-age=31536000, immutable"
ROBOTS = """\
User-agent: *
Allow: /images/
Allow: /google/callback/
Disallow: /
"""
"""Google fetches pictures and calls back only where robots.txt lets it; install links are nobody's to index."""


@dataclass(slots=True)
class Waiting:
    """How long a visitor may wait for Google, and how many do."""

    seconds: float = WAIT_SECONDS
    count: int = 0


WAITING = web.AppKey("google_waiting", Waiting)


async def callback(request: web.Request) -> web.Response:
    """POST /google/callback/{brand}: a card was saved or removed. 4xx for whatever Google did not sign for us.

    What it did sign is answered 200 whatever it changes: the same callback again would change nothing more.
    """
    content = await body.read(request, CALLBACK_LIMIT)
    db, now, key = request.app[DATABASE], request.app[OPTIONS].clock(), request.match_info["brand"]
    brand = await brands.by_key(db, key) if len(key) <= 64 and "\0" not in key else None
    if brand is None or brand.google_issuer_id is None or brand.revoked_at is not None:
        raise refuse(request, "callback", ProblemError("not_found"))
    judged = callbacks.verify(content, brand.google_issuer_id, await google.root_keys(db), now)
    if isinstance(judged, Refusal) and judged.reason is not Reason.EVENT:
        raise _refused(request, judged)
    result = "unknown_event" if isinstance(judged, Refusal) else await google.apply_callback(db, key, judged, now)
    metrics.callbacks.labels(result).inc()
    return web.Response(
        body=orjson.dumps({"result": result}), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def save(request: web.Request) -> web.Response:
    """GET /i/{token}/google: to Google's page that saves the card. HEAD looks and changes nothing."""
    serving = await install.installation(request)
    db, card_id = request.app[DATABASE], serving.card_id
    if not install.is_active(request, serving):
        raise web.HTTPSeeOther(f"/i/{request.match_info['token']}", headers=pages.PAGE_HEADERS)
    status = await google.status(db, card_id)
    if status is None or not status.may_save:
        return _page(request, serving, "google_off", 404)
    if request.method == "HEAD":
        return web.Response(headers=pages.PAGE_HEADERS)
    await google.open_object(db, card_id, request.app[OPTIONS].clock())
    status = await _accepted(request, card_id) or status
    if status.refused is not None:
        return _page(request, serving, "google_failed", 503)
    link = await _link(request, serving, status)
    if link is None:
        return _page(request, serving, "google_wait", 202)
    metrics.save_links.labels("skinny" if status.inserted else "fat").inc()
    return web.Response(status=302, headers={**pages.PAGE_HEADERS, "Location": link})


async def image(request: web.Request) -> web.Response:
    """GET /images/{hash}.png: a picture for Google, to everybody, for good; its name is its content."""
    content = await assets.picture(request.app[DATABASE], request.match_info["hash"])
    if content is None:
        raise refuse(request, "images", ProblemError("not_found"))
    return web.Response(body=content, content_type="image/png", headers={"Cache-Control": FOREVER})


async def robots(request: web.Request) -> web.Response:
    """GET /robots.txt."""
    return web.Response(text=ROBOTS, content_type="text/plain", headers={"Cache-Control": "public, max-age=86400"})


def _refused(request: web.Request, refusal: Refusal) -> ProblemError:
    """Without any root key of Google's we cannot tell: then Google is asked to come again."""
    metrics.callbacks.labels("refused").inc()
    code = "callback_keys_missing" if refusal.reason is Reason.ROOT_KEYS else "callback_refused"
    problem = refuse(request, "callback", ProblemError(code))
    if problem.kind.code == code:
        brand = request.match_info["brand"]
        log.warning("callback_refused", brand=brand, reason=refusal.reason.value, detail=refusal.detail)
    return problem


async def _accepted(request: web.Request, card_id: int) -> GoogleStatus | None:
    """The card's state as soon as Google has it or refuses it, or when the visitor has waited long enough."""
    db, waiting = request.app[DATABASE], request.app[WAITING]
    until = asyncio.get_running_loop().time() + (waiting.seconds if waiting.count < MAX_WAITING else 0.0)
    pause = FIRST_LOOK
    waiting.count += 1
    try:
        while True:
            status = await google.status(db, card_id)
            left = until - asyncio.get_running_loop().time()
            if status is None or status.inserted or status.refused is not None or left <= 0:
                return status
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LAST_LOOK)
    finally:
        waiting.count -= 1


async def _link(request: web.Request, serving: Installation, status: GoogleStatus) -> str | None:
    """The save link: skinny where Google has the card, else fat; None where neither can be made now."""
    db, now = request.app[DATABASE], request.app[OPTIONS].clock()
    payload = None
    if status.inserted and status.object_id and status.class_id:
        payload = savelink.skinny(status.type, status.class_id, status.object_id)
    elif (bodies := await google.bodies(db, serving.card_id, now)) is not None:
        payload = savelink.fat(bodies.type, bodies.class_body, bodies.object_body)
    if payload is None:
        return None
    origin = savelink.origin(request.app[OPTIONS].public_url)
    for account in await _accounts(db, serving.card.brand_id):
        try:
            return savelink.save_link(account, payload, now, [origin] if origin else [])
        except CertificateError as error:
            log.error("google_key_unreadable", account=account.email, detail=str(error))
    log.error("google_key_missing", brand=serving.brand.key)
    return None


async def _accounts(db: Database, brand_id: int) -> list[Account]:
    """The brand's readable service accounts, the newest key first."""
    found = [one.info for one in await google.keys(db, brand_id)]
    return [
        Account(str(info["client_email"]), str(info.get("private_key_id", "")), str(info["private_key"]))
        for info in found
        if "client_email" in info and "private_key" in info
    ]


def _page(request: web.Request, serving: Installation, words: str, status: int) -> web.Response:
    """A page that says why there is no way to Google now; the waiting one comes back by itself a few times."""
    here = f"/i/{request.match_info['token']}"
    tried = request.query.get("try", "0")
    again = int(tried) + 1 if tried.isascii() and tried.isdigit() and len(tried) == 1 else 1
    waits = words == "google_wait"
    return pages.render(
        request,
        "google.html",
        install.language_for(request, serving),
        status=status,
        headers={"Retry-After": str(SECONDS_BETWEEN)} if waits else None,
        words=words,
        card=here,
        again=f"{here}/google?try={again}" if waits else "",
        refresh=SECONDS_BETWEEN if waits and again <= TRIES else 0,
    )
