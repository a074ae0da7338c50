"""The certificate by which phones trust a brand's cards: days left, what breaks when, and the way to the next one.

The key is made here and stays; Apple's answer is tried out before it is used. Whoever wants to know that alarms arrive sends a
test to themselves.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import cache

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.pages import ROOT
from handlers.studio import forms, page, tryout
from handlers.studio.me import Me, Refusal, database, now
from passkit import links
from store import alarms, certificates, messaging, operatorcards
from store.errors import Invalid
from store.people import Role

OPERATOR = ROOT / "operator"


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/certificates."""
    return await _page(request, me)


async def ask(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/certificates:request: a key and the request for Apple; ``again`` for another."""
    form = await forms.read(request, me)
    await certificates.new_request(database(request), me.brand, me.actor, now(request), again=bool(form["again"]))
    return page.go("/studio/certificates#request")


async def download(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/certificates/{request}.csr."""
    number = forms.checked_id(request.match_info["request"])
    found = await certificates.request_of(database(request), me.brand.id, number)
    name = f"{me.brand.pass_type_identifier}.csr"
    headers = {**page.HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=found.pem, content_type="application/pkcs10", headers=headers)


async def take_in(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/certificates: Apple's answer, as base64 or PEM."""
    form = await forms.read(request, me)
    try:
        taken = await certificates.take_in(
            database(request), me.brand, _content(form["file"]), me.actor, now(request), password=form["password"]
        )
    except Invalid as error:
        return await _page(request, me, errors=forms.problems(error, me.language))
    await page.say(request, me, "certificate_taken", days=taken.days_left)
    return page.go("/studio/certificates")


async def add_card(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/certificates:card: alarms in my wallet."""
    await forms.read(request, me)
    files, at = operator_files(), now(request)
    await operatorcards.start(database(request), me.brand, files, language=me.language, by=me.actor, now=at)
    return page.go("/studio/certificates#card")


async def end_card(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/certificates:end-card."""
    await forms.read(request, me)
    await operatorcards.end(database(request), me.brand.id, by=me.actor, now=now(request))
    return page.go("/studio/certificates#card")


async def card_qr(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/certificates/card.svg: the way onto this admin's phone."""
    found = await operatorcards.status(database(request), me.brand.id, by=me.actor, now=now(request))
    if found is None:
        raise Refusal("not_found", 404)
    return tryout.drawn(links.install_url(root(request)[OPTIONS].public_url, found.install_token))


@cache
def operator_files() -> Mapping[str, bytes]:
    """The template of an operator's own card."""
    return {one.relative_to(OPERATOR).as_posix(): one.read_bytes() for one in OPERATOR.rglob("*") if one.is_file()}


def _content(text: str) -> bytes:
    """PEM as it is, else what the base64 holds; anything else is no certificate, which the store says."""
    if "-----BEGIN" in text:
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


async def _page(request: web.Request, me: Me, errors: Mapping[str, str] | None = None) -> web.StreamResponse:
    db, at = database(request), now(request)
    rows = await certificates.certificates(db, at, me.brand.id)
    requests = await certificates.waiting(db, me.brand.id, at)
    named = await messaging.contacts(db, me.brand.id)
    card = await operatorcards.status(db, me.brand.id, by=me.actor, now=at) if me.may(Role.ADMIN) else None
    return page.show(
        request,
        me,
        "certificates.html",
        status=422 if errors else 200,
        certificates=rows,
        newest=rows[0] if rows else None,
        requests=requests[:1],
        raised=await certificates.raised(db, me.brand.id),
        thresholds=alarms.THRESHOLDS,
        named=[*named.mails, *named.phones],
        errors=errors or {},
        card=card,
        card_link=links.install_url(root(request)[OPTIONS].public_url, card.install_token) if card else "",
    )
