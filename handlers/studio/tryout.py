"""Try on my phone: a QR code of the draft with sample data. The page says beforehand whether a real phone can take the card."""

from __future__ import annotations

import io
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

import segno
from aiohttp import web

from handlers.keys import OPTIONS, SIGNERS, root
from handlers.studio import forms, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.problems import problem_words
from handlers.studio.rendering import brand_model, renderer
from handlers.studio.templates import needed
from passkit import links
from passkit.apple.signing import Signers
from passkit.errors import CertificateError, Severity
from store import drafts, tryouts
from store.errors import Invalid
from store.google import Mode

APPLE = "O=Apple Inc."
"""The issuer of every certificate that an iPhone believes."""
LOCAL = ("localhost", "local", "internal", "invalid", "test", "example")


@dataclass(frozen=True, slots=True)
class Can:
    """Whether a kind of phone can take the card: ``sentence`` says why not and what to do, or that it can."""

    kind: str
    is_able: bool
    sentence: str


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/tryout."""
    return await _page(request, me, [])


async def start(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:try."""
    form = await forms.read(request, me)
    row = await needed(request, me)
    db, at = database(request), now(request)
    draft = await drafts.get(db, me.brand.id, row.key)
    found = await renderer(request).problems(draft.files, brand_model(request, me))
    wrong = [one for one in found if one.problem.severity is Severity.ERROR]
    if wrong:
        return await _page(
            request, me, [" ".join(problem_words(one.problem, me.language)).strip() for one in wrong], 422
        )
    language = form["language"] or me.language
    try:
        await tryouts.start(db, me.brand.id, row.key, language=language, by=me.actor, now=at)
    except Invalid as error:
        return await _page(
            request, me, [" ".join(problem_words(one, me.language)).strip() for one in error.problems], 422
        )
    return page.go(f"/studio/templates/{row.key}/tryout")


async def end(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:end-tryout."""
    await forms.read(request, me)
    row = await needed(request, me)
    await tryouts.end(database(request), me.brand.id, row.key, by=me.actor, now=now(request))
    await page.say(request, me, "tryout_ended")
    return page.go(f"/studio/templates/{row.key}/tryout")


async def qr(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/tryout/qr.svg."""
    row = await needed(request, me)
    found = await tryouts.status(database(request), me.brand.id, row.key, by=me.actor, now=now(request))
    if found is None:
        raise Refusal("not_found", 404)
    return drawn(links.install_url(root(request)[OPTIONS].public_url, found.install_token))


def drawn(address: str) -> web.Response:
    """An address as a QR code."""
    picture = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        picture, kind="svg", scale=8, border=4, light="#ffffff", dark="#000000"
    )
    return web.Response(body=picture.getvalue(), content_type="image/svg+xml", headers=page.HEADERS)


async def _page(request: web.Request, me: Me, problems: list[str], status: int = 200) -> web.StreamResponse:
    row = await needed(request, me)
    db = database(request)
    found = await tryouts.status(db, me.brand.id, row.key, by=me.actor, now=now(request))
    public = root(request)[OPTIONS].public_url
    return page.show(
        request,
        me,
        "tryout.html",
        status=status,
        row=row,
        tryout=found,
        link=links.install_url(public, found.install_token) if found else "",
        can=[iphone(request, me, public), android(me, public)],
        problems=problems,
    )


def iphone(request: web.Request, me: Me, public_url: str) -> Can:
    """Whether an iPhone would take a card that this server signs."""
    if (why := unreachable(public_url)) is not None:
        return Can("iphone", False, f"tryout_{why}")
    signers: Signers = root(request)[SIGNERS]
    try:
        identity = signers.newest(me.brand.pass_type_identifier, now(request))
    except CertificateError:
        return Can("iphone", False, "tryout_no_certificate")
    if APPLE not in identity.certificate.issuer.rfc4514_string().split(","):
        return Can("iphone", False, "tryout_look_alike")
    return Can("iphone", True, "tryout_iphone_yes")


def android(me: Me, public_url: str) -> Can:
    """Whether Google Wallet would take it."""
    mode = Mode(me.brand.google_mode)
    if mode is Mode.OFF:
        return Can("android", False, "tryout_google_off")
    if (why := unreachable(public_url)) is not None:
        return Can("android", False, f"tryout_{why}")
    return Can("android", True, "tryout_google_test" if mode is Mode.TEST else "tryout_google_yes")


def unreachable(public_url: str) -> str | None:
    """Why a phone cannot come to this address: ``local`` or ``plain_http``; None when it can."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    try:
        is_local = not ipaddress.ip_address(host).is_global
    except ValueError:
        is_local = host.rpartition(".")[2] in LOCAL
    if is_local:
        return "local"
    return None if parts.scheme == "https" else "plain_http"
