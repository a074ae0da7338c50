"""Links that are good once: an invitation into a brand, a new password after a reset."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import cookies, forms, page
from handlers.studio.me import Me, database, now
from store import people
from store.errors import Invalid
from store.people import Opened, SignedIn


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/invite/{token}: looking uses nothing up."""
    link = await _link(request)
    return _over(request, me) if link is None else _page(request, me, link, {})


async def accept(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/invite/{token}."""
    link = await _link(request)
    if link is None:
        return _over(request, me)
    form = await forms.read(request, me)
    if link.kind == "invite" and link.user is not None:
        return await _join(request, me, link)
    try:
        signed_in = await _set_up(request, me, link, form)
    except Invalid as error:
        return _page(request, me, link, forms.problems(error, me.language), 422, form["name"])
    answer = page.go("/studio/totp" if signed_in.waits_for_code else "/studio/")
    cookies.keep_session(request, answer, signed_in.token)
    return answer


async def _set_up(request: web.Request, me: Me, link: Opened, form: forms.Form) -> SignedIn:
    """A new account, or a new password for the one that was reset; whoever was signed in here is not any more."""
    db, at = database(request), now(request)
    if link.kind == "reset":
        signed_in = await people.invitations.accept_reset(db, link, password=form["password"], now=at)
    else:
        name, password = form["name"], form["password"]
        signed_in = await people.invitations.accept_new(
            db, link, name=name, password=password, language=me.language, now=at
        )
    if me.session is not None:
        await people.studiosessions.end(db, me.session)
    return signed_in


async def _join(request: web.Request, me: Me, link: Opened) -> web.StreamResponse:
    if me.user is None or not me.is_in or me.session is None:
        return page.go(f"/studio/sign-in?next={request.path}")
    db = database(request)
    await people.invitations.accept_known(db, link, me.user, now(request))
    await people.studiosessions.switch_brand_to(db, me.session, link.brand.id)
    await page.say(request, me, "invite_joined", brand=link.brand.name)
    return page.go("/studio/")


async def _link(request: web.Request) -> Opened | None:
    return await people.invitations.open_link(database(request), request.match_info["token"], now(request))


def _page(
    request: web.Request, me: Me, link: Opened, errors: dict[str, str], status: int = 200, name: str = ""
) -> web.Response:
    return page.show(
        request,
        me,
        "invite.html",
        status=status,
        link=link,
        errors=errors,
        minimum=people.MINIMUM_LENGTH,
        given_name=name or link.name,
    )


def _over(request: web.Request, me: Me) -> web.Response:
    return page.show(request, me, "invite_over.html", status=410)
