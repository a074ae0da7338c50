"""The page behind an install link: iPhones get the card, Androids the file, desktops a code to scan.

Looking at it consumes nothing, whoever looks. A wrong link is the same friendly 404 whatever is wrong with it. Nothing of
the address leaves the page: no referrer, no index, no script.
"""

from __future__ import annotations

import io
import re
from enum import StrEnum

import segno
from aiohttp import web

from handlers import cardface, pages, passes
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS, PAGES
from handlers.middleware import refuse
from passkit import links
from passkit.model import CardState
from store import cards
from store.cards import Installation

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
_PICTURE_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
_IN_APP = re.compile(r"FBAN|FBAV|Instagram|Telegram|VKAndroid|VKClient|Line/|MicroMessenger|OKApp", re.IGNORECASE)


class Platform(StrEnum):
    """What the visitor holds in the hand."""

    IPHONE = "iphone"
    ANDROID = "android"
    DESKTOP = "desktop"


async def page(request: web.Request) -> web.Response:
    """GET /i/{token}."""
    serving = await _serving(request)
    user_agent = request.headers.get("User-Agent", "")
    platform = platform_of(user_agent)
    language = _language(request, serving)
    face = cardface.face(serving.fill(request.app[OPTIONS].clock()), language, serving.brand.time_zone)
    is_active = serving.card.state == CardState.ACTIVE and not _is_over(request, serving)
    in_app_browser = platform is Platform.IPHONE and bool(_IN_APP.search(user_agent))
    return pages.render(
        request,
        "install.html",
        language,
        face=face,
        here=f"/i/{request.match_info['token']}",
        in_app_browser=in_app_browser,
        opens_itself=is_active and platform is Platform.IPHONE and not in_app_browser,
        platform=platform.value,
        state="active" if is_active else _state(serving),
    )


async def card(request: web.Request) -> web.StreamResponse:
    """GET and HEAD /i/{token}/card.pkpass: the signed pass."""
    serving = await _serving(request)
    headers = {
        "Content-Disposition": 'inline; filename="card.pkpass"',
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return await passes.answer(request, serving, headers)


async def picture(request: web.Request) -> web.Response:
    """GET /i/{token}/card.svg: the card as the page shows it."""
    serving = await _serving(request)
    language = _language(request, serving)
    face = cardface.face(serving.fill(request.app[OPTIONS].clock()), language, serving.brand.time_zone)
    text = request.app[PAGES].get_template("card.svg").render(face=face)
    return web.Response(
        text=text, content_type="image/svg+xml", headers={**_PICTURE_HEADERS, "Vary": "Accept-Language"}
    )


async def qr(request: web.Request) -> web.Response:
    """GET /i/{token}/qr.svg: this page's address, dark on white with the quiet zone that scanners need."""
    await _serving(request)
    address = links.install_url(request.app[OPTIONS].public_url, request.match_info["token"])
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", scale=8, border=4, light="#ffffff", dark="#000000"
    )
    return web.Response(body=drawn.getvalue(), content_type="image/svg+xml", headers=_PICTURE_HEADERS)


def platform_of(user_agent: str) -> Platform:
    """The platform by the browser's own words; an iPad in desktop mode says Macintosh and gets the code to scan."""
    if re.search(r"iPhone|iPod|iPad", user_agent):
        return Platform.IPHONE
    return Platform.ANDROID if "Android" in user_agent else Platform.DESKTOP


def _language(request: web.Request, serving: Installation) -> str:
    return pages.language_of(request, serving.card.language or "", *serving.brand.languages)


async def _serving(request: web.Request) -> Installation:
    token = request.match_info["token"]
    found = None
    if _TOKEN.fullmatch(token):
        found = await cards.by_install_token(request.app[DATABASE], token, request.app[OPTIONS].clock())
    if found is None:
        raise refuse(request, "install", ProblemError("not_found"))
    return found


def _is_over(request: web.Request, serving: Installation) -> bool:
    expires_at = serving.card.expires_at
    return expires_at is not None and expires_at <= request.app[OPTIONS].clock()


def _state(serving: Installation) -> str:
    return serving.card.state if serving.card.state != CardState.ACTIVE else CardState.EXPIRED.value
