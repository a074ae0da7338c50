"""People of the brand: who they are, what they may, invitations, new passwords."""

from __future__ import annotations

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio import forms, page
from handlers.studio.me import Me, Refusal, database, now
from store import people
from store.errors import Conflict, Invalid
from store.people import Role

ROLES = (Role.VIEWER, Role.DESIGNER, Role.PUBLISHER, Role.ADMIN, Role.DESK)


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/people."""
    db = database(request)
    members = await people.users.members(db, me.brand.id)
    waiting = await people.invitations.waiting(db, me.brand.id, now(request))
    return page.show(request, me, "people.html", members=members, waiting=waiting)


async def new(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/people/invite."""
    return _form(request, me, forms.Form(), {})


async def invite(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/people/invite: the link is shown once, on the answer."""
    form = await forms.read(request, me)
    try:
        token = await people.invitations.invite(
            database(request),
            me.brand.id,
            email=form["email"],
            name=form["name"],
            role=_role(form["role"]),
            by=me.actor,
            now=now(request),
        )
    except (Invalid, Conflict) as error:
        return _form(request, me, form, forms.problems(error, me.language), 422)
    return _link(request, me, token, form["name"], "people_link_invite")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/people/{user}."""
    member = await people.users.member(database(request), me.brand.id, _user(request))
    return page.show(request, me, "person.html", member=member, roles=ROLES)


async def change_role(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/people/{user}:role."""
    form = await forms.read(request, me)
    db = database(request)
    member = await people.users.member(db, me.brand.id, _user(request))
    role = _role(form["role"])
    await people.users.grant(db, member.user.id, me.brand.id, role, me.actor, now(request))
    await page.say(request, me, "people_role_changed", name=member.user.name)
    return page.go("/studio/people" if member.user != me.user or role is Role.ADMIN else "/studio/")


async def reset(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/people/{user}:reset: a link for a new password, shown once."""
    await forms.read(request, me)
    db = database(request)
    member = await people.users.member(db, me.brand.id, _user(request))
    if me.user is not None and member.user.id == me.user.id:
        raise Refusal("reset_self", 409)
    token = await people.invitations.reset(db, me.brand.id, member.user.id, me.actor, now(request))
    return _link(request, me, token, member.user.name, "people_link_reset")


async def remove(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/people/{user}:remove."""
    await forms.read(request, me)
    db = database(request)
    member = await people.users.member(db, me.brand.id, _user(request))
    await people.users.dismiss(db, member.user.id, me.brand.id, me.actor, now(request))
    await page.say(request, me, "people_removed", name=member.user.name)
    return page.go("/studio/people")


async def withdraw(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/people/invitations/{invitation}:withdraw."""
    await forms.read(request, me)
    number = forms.checked_id(request.match_info["invitation"])
    await people.invitations.withdraw(database(request), me.brand.id, number, me.actor, now(request))
    await page.say(request, me, "people_withdrawn")
    return page.go("/studio/people")


def _form(
    request: web.Request, me: Me, form: forms.Form, errors: dict[str, str], status: int = 200
) -> web.StreamResponse:
    return page.show(request, me, "people_invite.html", status=status, form=form, errors=errors, roles=ROLES)


def _link(request: web.Request, me: Me, token: str, name: str, text: str) -> web.StreamResponse:
    link = f"{root(request)[OPTIONS].public_url}/studio/invite/{token}"
    return page.show(request, me, "people_link.html", link=link, name=name, text=text)


def _user(request: web.Request) -> int:
    return forms.checked_id(request.match_info["user"])


def _role(text: str) -> Role:
    if text not in {role.value for role in ROLES}:
        raise Refusal("other", 422)
    return Role(text)
