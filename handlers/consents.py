"""A holder's own consents: what they agreed to, in which words and when; taken back or given with one button.

The page belongs to the card's install link and needs no script. Consent to processing is what the card rests on: how to take
it back is said there, and one of the brand notes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from babel import dates

from handlers import cardface, look, pages
from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS
from handlers.limits import Kind
from handlers.middleware import spend
from passkit import joinform
from passkit.joinform import Asked
from store import consents
from store.cards import Installation
from store.consents import MARKETING, Consent

HEADERS = {
    "Content-Security-Policy": pages.PAGE_HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    )
}
PLACE = "page"
"""Where an answer of this page was given."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A consent on the page: ``known`` is the newest answer, ``asked`` the words as the template has them now."""

    kind: str
    known: Consent | None
    asked: Asked | None
    at: str = ""

    @property
    def given(self) -> bool:
        """Whether it holds."""
        return self.known is not None and self.known.given

    @property
    def words(self) -> Asked:
        """What was agreed to while it holds, else what would be."""
        found = self.known.asked if self.known is not None and (self.known.given or self.asked is None) else self.asked
        if found is None:
            raise ProblemError("not_found")
        return found

    @property
    def can_change(self) -> bool:
        """Whether there is a button: news can always be left, and come back to while the template asks."""
        return self.kind == MARKETING and (self.given or self.asked is not None)


async def page(request: web.Request, serving: Installation, language: str) -> web.Response:
    """GET /i/{token}/consents."""
    face = cardface.face(serving.fill(request.app[OPTIONS].clock()), language, serving.brand.time_zone)
    return pages.render(
        request,
        "my_consents.html",
        language,
        headers=HEADERS,
        face=face,
        here=f"/i/{request.match_info['token']}",
        look=look.address(face.background, face.foreground, pages.version(request, look.BASE)),
        entries=await _entries(request, serving, language),
    )


async def change(request: web.Request, serving: Installation, language: str, given: Mapping[str, str]) -> web.Response:
    """POST /i/{token}/consents with ``change``: the kind, and ``given`` yes or no."""
    if wait := spend(request, Kind.JOIN):
        raise ProblemError("rate_limited", headers={"Retry-After": str(wait)})
    entry = next((one for one in await _entries(request, serving, language) if one.kind == given["change"]), None)
    if entry is None or not entry.can_change:
        raise ProblemError("not_found")
    wanted = given.get("given") == "yes"
    if wanted != entry.given:
        agreed = [entry.kind] if wanted else []
        now = request.app[OPTIONS].clock()
        brand_id = serving.card.brand_id
        await consents.answer(request.app[DATABASE], brand_id, serving.card_id, [entry.words], agreed, PLACE, now)
    raise web.HTTPSeeOther(f"/i/{request.match_info['token']}/consents", headers=pages.PAGE_HEADERS)


async def _entries(request: web.Request, serving: Installation, language: str) -> list[Entry]:
    known = await consents.of_card(request.app[DATABASE], serving.card_id)
    asked = {one.kind: one for one in joinform.consents(serving.source.revision.template, language)}
    zone = dates.get_timezone(serving.brand.time_zone)
    found = []
    for kind in joinform.CONSENTS:
        if kind in known or kind in asked:
            one = known.get(kind)
            at = dates.format_datetime(one.at.astimezone(zone), "d MMMM y, HH:mm", locale=language) if one else ""
            found.append(Entry(kind, one, asked.get(kind), at))
    return found
