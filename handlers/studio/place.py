"""A workplace: paired once by a code, then people come and go by PIN."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import cookies, forms, page
from handlers.studio.me import Me, client, database, now
from handlers.studio.sign_in import wait_words
from handlers.studio.texts import TEXTS
from store import people


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/place: who is here, or the pairing code of a device that is no workplace yet."""
    return await _page(request, me, {})


async def pair(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/place:pair."""
    form = await forms.read(request, me)
    outcome = await people.workplaces.pair(database(request), form["code"], client(request), now(request))
    if not isinstance(outcome, str):
        return await _page(request, me, {"code": _words(me, outcome, "place_wrong_code")}, 429 if outcome else 422)
    answer = page.go("/studio/place")
    cookies.keep_workplace(request, answer, outcome)
    return answer


async def enter(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/place:pin."""
    form = await forms.read(request, me)
    db, at, token = database(request), now(request), cookies.workplace(request)
    here = await people.workplaces.by_token(db, token, at)
    if here is None:
        return page.go("/studio/place")
    employee_id = forms.checked_id(form["employee"])
    outcome = await people.workplaces.switch(db, here[0], employee_id, form["pin"], at)
    if not isinstance(outcome, str):
        errors = {"pin": _words(me, outcome, "place_wrong_pin")}
        return await _page(request, me, errors, 429 if outcome else 422, employee_id)
    if me.session is not None:
        await people.studiosessions.end(db, me.session)
    answer = page.go("/studio/desk")
    cookies.keep_session(request, answer, outcome)
    cookies.keep_workplace(request, answer, token)
    return answer


async def _page(
    request: web.Request, me: Me, errors: dict[str, str], status: int = 200, chosen: int = 0
) -> web.StreamResponse:
    db, at = database(request), now(request)
    here = await people.workplaces.by_token(db, cookies.workplace(request), at)
    if here is None:
        return page.show(request, me, "place_pair.html", status=status, errors=errors)
    workplace, outlet = here
    staff = await people.workplaces.staff(db, workplace.brand_id, outlet_id=outlet.id)
    values = {"workplace": workplace, "outlet": outlet, "staff": staff, "chosen": chosen}
    return page.show(request, me, "place.html", status=status, headers=None, errors=errors, **values)


def _words(me: Me, wait: int | None, key: str) -> str:
    texts = TEXTS[me.language]
    return page.fill(texts["place_wait"], seconds=wait_words(me.language, wait)) if wait else texts[key]
