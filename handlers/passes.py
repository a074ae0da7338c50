"""A signed pass as an answer: filled, built (or kept), sent in one piece, and counted as served only when it was taken."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial

import structlog
from aiohttp import web

from handlers import metrics
from handlers.guard import when_taken
from handlers.keys import DATABASE, OPTIONS, SIGNERS
from handlers.overload import LOAD
from handlers.signed import SIGNED
from passkit.apple import bundle, webservice
from passkit.apple.signing import Identity
from passkit.errors import CertificateError, RenderError
from store import cards
from store.cards import Serving

log = structlog.get_logger("passbell.http")

CACHE = "private, no-cache"
"""Kept by nobody but the phone itself, and asked again each time."""


async def answer(request: web.Request, serving: Serving, headers: dict[str, str] | None = None) -> web.StreamResponse:
    """200 with the pass, or 304 where the phone has exactly this edition; HEAD has the same headers."""
    last_modified = webservice.http_date(serving.last_modified)
    common = {"Cache-Control": CACHE, "Last-Modified": last_modified, **(headers or {})}
    if _is_unmodified(request, serving.last_modified):
        metrics.passes.labels("unchanged").inc()
        return web.Response(status=304, headers=common)
    body = build(request, serving, request.app[OPTIONS].clock())
    response = web.Response(body=body, content_type=bundle.MEDIA_TYPE, headers=common)
    await response.prepare(request)
    await response.write_eof()
    if request.method == "GET":
        _follow(request, serving)
    return response


def build(request: web.Request, serving: Serving, now: datetime) -> bytes:
    """The signed bytes of the card as it is now; signed anew only where they would be others than before.

    Under too much load nothing is signed anew.
    """
    try:
        identity = request.app[SIGNERS].newest(serving.pass_type_identifier, now)
        kept, key = request.app[SIGNED], (serving.made_of, identity.fingerprint)
        if key not in kept:
            request.app[LOAD].refuse()
        metrics.signed.labels("kept" if key in kept else "made").inc()
        return kept.get(key, partial(_sign, serving, identity, now))
    except (RenderError, CertificateError) as error:
        metrics.passes.labels("failed").inc()
        log.error(
            "pass_failed", card=serving.card_id, error=type(error).__name__, pointer=getattr(error, "pointer", None)
        )
        raise


def _sign(serving: Serving, identity: Identity, now: datetime) -> bytes:
    started = time.perf_counter()
    body = b"".join(bundle.pkpass(serving.fill(now), identity))
    metrics.build_seconds.observe(time.perf_counter() - started)
    metrics.pass_bytes.observe(len(body))
    return body


def _is_unmodified(request: web.Request, last_modified: int) -> bool:
    """Whether a conditional request is answered 304; If-None-Match overrides, and we give out no entity tags.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
    """
    dates = request.headers.getall("If-Modified-Since", [])
    if len(dates) != 1 or "If-None-Match" in request.headers:
        return False
    return webservice.not_modified(dates[0], last_modified)


def _follow(request: web.Request, serving: Serving) -> None:
    """Count the pass as served as soon as it is taken, and no more if it turns out to have been thrown away."""
    db = request.app[DATABASE]

    def taken() -> None:
        metrics.passes.labels("served").inc()
        cards.note_served(db, serving.card_id, serving.edition, has_news=serving.has_news)

    def cut() -> None:
        metrics.passes.labels("cut").inc()
        cards.note_cut(db, serving.card_id, serving.edition, has_news=serving.has_news)

    when_taken(request, taken, cut)
