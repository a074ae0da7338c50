"""Join links: a form that gives out cards, for whoever scanned a poster.

Everything works without a script. What a person types is in no address and no log; how often an address may send a form is
limited, and a wrong code counts as a failure. Who gets which card is ``store.joining``'s to say.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from handlers import body, cardface, forms, look, pages
from handlers.cardface import Face
from handlers.errors import ProblemError
from handlers.install import PICTURE_HEADERS
from handlers.keys import DATABASE, OPTIONS, PAGES, root
from handlers.limits import Kind
from handlers.middleware import refuse, spend
from passkit import data, joinform
from passkit.model import Card
from passkit.render import fill
from store import joining, joinlinks, messaging
from store.errors import Conflict, Invalid
from store.joining import CodeSent, Form, Joined, Over, TooMany, Wrong
from store.joinlinks import OpenLink

FORM_LIMIT = 32 * body.KIB
MAX_FORM_ID = 64

HEADERS = {
    **pages.PAGE_HEADERS,
    "Content-Security-Policy": pages.PAGE_HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    ),
    "X-Robots-Tag": "noindex",
}


async def page(request: web.Request) -> web.Response:
    """GET /j/{slug}: the form."""
    opened = await _opened(request)
    if opened is None:
        return _end(request, "join_gone", 404)
    return _form_page(request, opened, {}, {})


async def join(request: web.Request) -> web.Response:
    """POST /j/{slug}: a filled form; the card, a code's page, or the form with what to mend."""
    opened = await _opened(request)
    if opened is None:
        return _end(request, "join_gone", 404)
    if wait := spend(request, Kind.JOIN):
        return _end(request, "join_busy", 429, headers={"Retry-After": str(wait)})
    given = forms.parse(await body.read(request, FORM_LIMIT))
    brand = opened.revision.brand
    answers = joinform.read(opened.revision.template, opened.link.questions, given, opened.region, brand.time_zone)
    if answers.errors:
        return _form_page(request, opened, given, answers.errors)
    language = _language(request, opened)
    asked = tuple(joinform.consents(opened.revision.template, language))
    form = Form(given.get("form", "")[:MAX_FORM_ID] or secrets.token_urlsafe(16), answers, asked, language)
    db, now = request.app[DATABASE], request.app[OPTIONS].clock()
    try:
        outcome = await joining.join(
            db, opened, form, has_gateway=await has_gateway(request, opened.link.brand_id), now=now
        )
    except (Invalid, Conflict):  # the template has changed meanwhile, or cannot show what was typed
        return _end(request, "join_refused", 422, back=_here(request))
    return _answer(request, opened, outcome)


async def code(request: web.Request) -> web.Response:
    """POST /j/{slug}/code: the code that came, or the wish for another."""
    opened = await _opened(request)
    if opened is None:
        return _end(request, "join_gone", 404)
    given = forms.parse(await body.read(request, FORM_LIMIT))
    db, now, token = request.app[DATABASE], request.app[OPTIONS].clock(), given.get("token", "")
    try:
        if given.get("again"):
            return _answer(request, opened, await joining.send_again(db, opened, token, now))
        outcome = await joining.prove(db, opened, token, given.get("code", "").replace(" ", ""), now)
    except (Invalid, Conflict):
        return _end(request, "join_refused", 422, back=_here(request))
    if isinstance(outcome, Wrong | Over):
        problem = refuse(request, "join", ProblemError("not_found"))
        if problem.kind.status == 429:
            raise problem
    return _answer(request, opened, outcome)


async def picture(request: web.Request) -> web.Response:
    """GET /j/{slug}/card.svg: the card as a new one looks."""
    opened = await _opened(request)
    if opened is None:
        raise ProblemError("not_found")
    wanted = request.query.get("language", "")
    face = face_of(opened, wanted[:20], request.app[OPTIONS].clock())
    text = request.app[PAGES].get_template("card.svg").render(face=face)
    return web.Response(text=text, content_type="image/svg+xml", headers=PICTURE_HEADERS)


def _answer(
    request: web.Request, opened: OpenLink, outcome: Joined | CodeSent | Wrong | Over | TooMany
) -> web.Response:
    match outcome:
        case Joined():
            raise web.HTTPSeeOther(f"/i/{outcome.card.install_token}", headers=HEADERS)
        case CodeSent():
            return _code_page(request, opened, outcome)
        case Wrong():
            return _code_page(request, opened, outcome.sent, is_wrong=True)
        case TooMany():
            return _end(request, "join_sms", 429, back=_here(request), headers={"Retry-After": str(outcome.wait)})
        case Over():
            return _end(request, "join_over", 410, back=_here(request))


async def _opened(request: web.Request) -> OpenLink | None:
    return await joinlinks.opened(request.app[DATABASE], request.match_info["slug"])


async def has_gateway(request: web.Request, brand_id: int) -> bool:
    """Whether this brand's short messages have a way out, its own or the settings'."""
    if root(request)[OPTIONS].messages.gateway:
        return True
    return await messaging.has_gateway(root(request)[DATABASE], brand_id)


def _form_page(
    request: web.Request, opened: OpenLink, given: Mapping[str, str], errors: Mapping[str, str]
) -> web.Response:
    language = _language(request, opened)
    template = opened.revision.template
    return _render(
        request,
        opened,
        "join.html",
        status=422 if errors else 200,
        fields=joinform.fields(template, opened.link.questions, language, opened.region),
        asked=joinform.consents(template, language),
        given=given,
        errors=errors,
        form_id=given.get("form", "")[:MAX_FORM_ID] or secrets.token_urlsafe(16),
    )


def _code_page(request: web.Request, opened: OpenLink, sent: CodeSent, *, is_wrong: bool = False) -> web.Response:
    return _render(request, opened, "join_code.html", status=422 if is_wrong else 200, sent=sent, wrong=is_wrong)


def _render(request: web.Request, opened: OpenLink, name: str, *, status: int, **values: Any) -> web.Response:
    language = _language(request, opened)
    face = face_of(opened, language, request.app[OPTIONS].clock())
    return pages.render(
        request,
        name,
        language,
        status=status,
        headers=HEADERS,
        face=face,
        look=look.address(face.background, face.foreground, pages.version(request, look.BASE)),
        here=_here(request),
        **values,
    )


def _end(
    request: web.Request, words: str, status: int, *, back: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """A page that ends the way here, with what to do next."""
    given = {**HEADERS, **(headers or {})}
    return pages.render(
        request, "join_end.html", pages.language_of(request), status=status, headers=given, words=words, back=back
    )


def _here(request: web.Request) -> str:
    return f"/j/{request.match_info['slug']}"


def _language(request: web.Request, opened: OpenLink) -> str:
    """One of ours that the template speaks too, if the browser knows any."""
    return pages.language_of(request, *opened.revision.template.languages, *opened.revision.brand.languages)


def face_of(opened: OpenLink, language: str, now: datetime) -> Face:
    """A card of this template as nobody's: defaults, and samples where a card cannot be without."""
    template, brand = opened.revision.template, opened.revision.brand
    samples = data.sample(template)
    values = data.with_defaults(template, {})
    values |= {name: samples[name] for name, variable in template.variables.items() if variable.required}
    card = Card("preview", "0000 0000 0000 0000", "x" * 16, values, language=template.language(language))
    return cardface.face(fill(opened.revision, card, None, None, now), language, brand.time_zone)
