"""The page behind an install link: an iPhone gets the card, an Android Google's button or the file, a desktop a code.

Where the template has people agree to something that this card's holder was not asked, that comes first; where an app shows
the page, the way into a real browser. It is one document, one style sheet and pictures: one round, and no script is needed;
one tells a phone's time zone, once, for news at an hour of the holder's clock.

Looking at it consumes nothing, whoever looks. A wrong link is the same friendly 404 whatever is wrong with it. Nothing of
the address leaves the page: no referrer, no index.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

import segno
from aiohttp import web

from handlers import body, cardface, forms, look, pages, passes
from handlers import consents as my_consents
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS, PAGES, STATIC
from handlers.middleware import refuse
from handlers.visitor import Platform, Visitor, visitor_of, way_out
from passkit import joinform, links
from passkit.joinform import Asked
from passkit.model import CardState
from store import cards, consents, google, showings, wallets, zones
from store.cards import Installation
from store.errors import Unavailable
from store.google import GoogleStatus

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
PICTURE_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Of pictures made for one visitor."""
CONSENT_LIMIT = 4096
"""Bytes of the form: two boxes."""
ZONE_LIMIT = 256
"""Bytes of a time zone's name, at most."""


async def page(request: web.Request) -> web.Response:
    """GET /i/{token}."""
    serving = await installation(request)
    visitor = visitor_of(request.headers.get("User-Agent", ""))
    if visitor.platform is not Platform.DESKTOP and request.method == "GET":  # messengers that look before say neither
        with suppress(Unavailable):
            await showings.note_opened(request.app[DATABASE], serving.card_id)
    return await _page(request, serving, visitor)


async def consents_page(request: web.Request) -> web.Response:
    """GET /i/{token}/consents: what this card's holder agreed to."""
    serving = await installation(request)
    return await my_consents.page(request, serving, language_for(request, serving))


async def agree(request: web.Request) -> web.Response:
    """POST /i/{token}/consents: the boxes of the page, then the page as it goes on; or one button of the holder's consents."""
    serving = await installation(request)
    given = forms.parse(await body.read(request, CONSENT_LIMIT))
    language = language_for(request, serving)
    if "change" in given:
        return await my_consents.change(request, serving, language, given)
    asked = joinform.consents(serving.source.revision.template, language)
    if any(one.required and given.get(f"consent.{one.kind}") != "yes" for one in asked):
        visitor = visitor_of(request.headers.get("User-Agent", ""))
        return await _page(request, serving, visitor, given=given, errors={"consent.processing": "consent_needed"})
    agreed = [one.kind for one in asked if given.get(f"consent.{one.kind}") == "yes"]
    brand_id, now = serving.card.brand_id, request.app[OPTIONS].clock()
    await consents.answer(request.app[DATABASE], brand_id, serving.card_id, asked, agreed, "install", now)
    raise web.HTTPSeeOther(f"/i/{request.match_info['token']}", headers=pages.PAGE_HEADERS)


async def note_zone(request: web.Request) -> web.Response:
    """POST /i/{token}/zone: the time zone of the phone that shows the page; whatever comes, nobody sees an error."""
    serving = await installation(request)
    name = (await body.read(request, ZONE_LIMIT)).decode("utf-8", "replace")
    if serving.card.time_zone is None:
        with suppress(Unavailable):
            await zones.note(request.app[DATABASE], serving.card_id, name)
    return web.Response(status=204, headers=pages.PAGE_HEADERS)


async def _page(
    request: web.Request,
    serving: Installation,
    visitor: Visitor,
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> web.Response:
    language = language_for(request, serving)
    face = cardface.face(serving.fill(request.app[OPTIONS].clock()), language, serving.brand.time_zone)
    offered, platform = is_active(request, serving), visitor.platform
    asked = await _asked(request, serving, language) if offered else []
    asks_zone = offered and not asked and _is_own_phone(visitor) and serving.card.time_zone is None
    on_phone = offered and platform is Platform.IPHONE and await _is_on_a_phone(request, serving)
    on_google = await _on_google(request, serving, platform) if offered and not asked else None
    url = links.install_url(request.app[OPTIONS].public_url, request.match_info["token"])
    return pages.render(
        request,
        "install.html",
        language,
        status=422 if errors else 200,
        headers=_headers(visitor, asked, asks_zone=asks_zone),
        face=face,
        google=_google_word(on_google),
        google_badge=_badge(request, "google", language),
        apple_badge=_badge(request, "apple", language),
        here=f"/i/{request.match_info['token']}",
        look=look.address(face.background, face.foreground, pages.version(request, look.BASE)),
        asks_zone=asks_zone,
        in_app=visitor.is_in_app and not asked and offered,
        browser=visitor.real_browser,
        way_out=way_out(visitor, url),
        address=url,
        asked=asked,
        has_consents=not asked and bool(joinform.consents(serving.source.revision.template, language)),
        given=given or {},
        errors=errors or {},
        on_phone=on_phone,
        opens_itself=(offered and platform is Platform.IPHONE and not visitor.is_in_app and not asked and not on_phone),
        platform=platform.value,
        state="active" if offered else _state(serving),
    )


def _is_own_phone(visitor: Visitor) -> bool:
    """Whether the page is where it stays: not on a desk, and not in an app's own browser, which it is to leave."""
    return visitor.platform is not Platform.DESKTOP and not visitor.is_in_app


def _headers(visitor: Visitor, asked: Sequence[Asked], *, asks_zone: bool) -> dict[str, str]:
    """A form may be sent to us where there is one; our scripts run where an address is to be copied, or the zone told."""
    policy = pages.PAGE_HEADERS["Content-Security-Policy"]
    if asked:
        policy = policy.replace("form-action 'none'", "form-action 'self'")
    elif visitor.is_in_app or asks_zone:
        policy += "; script-src 'self'"
    if asks_zone:
        policy += "; connect-src 'self'"
    return {"Content-Security-Policy": policy}


async def _asked(request: web.Request, serving: Installation, language: str) -> list[Asked]:
    """What this card's holder has yet to be asked: all of it, or nothing."""
    asked = joinform.consents(serving.source.revision.template, language)
    if not asked:
        return []
    known = await consents.of_card(request.app[DATABASE], serving.card_id)
    agreed = all(one.kind in known and (known[one.kind].given or not one.required) for one in asked)
    return [] if agreed else asked


async def _is_on_a_phone(request: web.Request, serving: Installation) -> bool:
    return (await wallets.holding(request.app[DATABASE], serving.card_id)).phones > 0


async def card(request: web.Request) -> web.StreamResponse:
    """GET and HEAD /i/{token}/card.pkpass: the signed pass."""
    serving = await installation(request)
    headers = {
        "Content-Disposition": 'inline; filename="card.pkpass"',
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return await passes.answer(request, serving, headers)


async def picture(request: web.Request) -> web.Response:
    """GET /i/{token}/card.svg: the card as the page shows it."""
    serving = await installation(request)
    language = language_for(request, serving)
    face = cardface.face(serving.fill(request.app[OPTIONS].clock()), language, serving.brand.time_zone)
    text = request.app[PAGES].get_template("card.svg").render(face=face)
    return web.Response(text=text, content_type="image/svg+xml", headers={**PICTURE_HEADERS, "Vary": "Accept-Language"})


async def qr(request: web.Request) -> web.Response:
    """GET /i/{token}/qr.svg: this page's address, dark on white with the quiet zone that scanners need."""
    await installation(request)
    address = links.install_url(request.app[OPTIONS].public_url, request.match_info["token"])
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", scale=8, border=4, light="#ffffff", dark="#000000"
    )
    return web.Response(body=drawn.getvalue(), content_type="image/svg+xml", headers=PICTURE_HEADERS)


def language_for(request: web.Request, serving: Installation) -> str:
    """The language to show this visitor the card in."""
    return pages.language_of(request, serving.card.language or "", *serving.brand.languages)


async def installation(request: web.Request) -> Installation:
    """The card of this link; the one friendly 404 for anything else."""
    token = request.match_info["token"]
    found = None
    if _TOKEN.fullmatch(token):
        found = await cards.by_install_token(request.app[DATABASE], token, request.app[OPTIONS].clock())
    if found is None:
        raise refuse(request, "install", ProblemError("not_found"))
    return found


def is_active(request: web.Request, serving: Installation) -> bool:
    """Whether there is still a card to be had."""
    expires_at = serving.card.expires_at
    is_over = expires_at is not None and expires_at <= request.app[OPTIONS].clock()
    return serving.card.state == CardState.ACTIVE and not is_over


async def _on_google(request: web.Request, serving: Installation, platform: Platform) -> GoogleStatus | None:
    """The card on Google, where this visitor may save it; an Android phone that looks has it brought there."""
    if platform is Platform.IPHONE:
        return None
    db = request.app[DATABASE]
    status = await google.status(db, serving.card_id)
    if status is None or not status.may_save or status.refused is not None:
        return None
    if platform is Platform.ANDROID and request.method == "GET" and not status.inserted:
        with suppress(Unavailable):  # the page is worth more, and whoever presses the button asks again
            await google.open_object(db, serving.card_id, request.app[OPTIONS].clock())
    return status


def _google_word(status: GoogleStatus | None) -> str:
    """What the page offers: ``add``, or ``saved`` where a phone has the card already, or nothing."""
    if status is None:
        return ""
    return "saved" if status.present else "add"


def _badge(request: web.Request, vendor: str, language: str) -> str:
    """The file with the vendor's own button in this language; empty where it is not there, and then a plain link stands."""
    name = f"{vendor}_wallet_{language}.svg"
    return name if name in request.app[STATIC] else ""


def _state(serving: Installation) -> str:
    return serving.card.state if serving.card.state != CardState.ACTIVE else CardState.EXPIRED.value
