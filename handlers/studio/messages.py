"""Messages: who hears of alarms, by which ways mails and short messages go, and whether they arrive.

What the server's settings say is shown and not changed here. A brand's own gateway is written and never read again.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio import forms, page
from handlers.studio.me import Me, database, now
from handlers.studio.texts import TEXTS
from passkit import gateways, phones
from passkit.gateways import Gateway, GatewayError
from store import alarms, messaging, outgoing, people
from store.errors import Conflict, NotFound
from store.outgoing import Channel, State, Status

MAX_ADDRESS = 254
"""Characters of an e-mail address: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.3."""
GATEWAY_FIELDS = ("url", "body", "headers", "expect")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/messages?letter=: also what became of a test message."""
    return await _page(request, me)


async def add_contact(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/messages/contacts: one more who hears of alarms."""
    form = await forms.read(request, me)
    to = address_of(form["to"], me)
    if not to:
        return await _page(request, me, {"to": TEXTS[me.language]["problem_bad_address"]}, form)
    db, at = database(request), now(request)
    try:
        async with db.joined():
            await messaging.add_contact(db, me.brand.id, to, at)
            await people.record(db, me.brand.id, me.actor, "messages.contact_added", _named(to), now=at)
    except Conflict:
        words = page.fill(TEXTS[me.language]["messages_too_many_contacts"], n=messaging.MAX_CONTACTS)
        return await _page(request, me, {"to": words}, form)
    await page.say(request, me, "messages_contact_added", to=_shown(to))
    return page.go("/studio/messages#contacts")


async def remove_contact(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/messages/contacts:remove: one less; the answer has a button that brings them back."""
    form = await forms.read(request, me)
    db, at, to = database(request), now(request), form["to"]
    async with db.joined():
        await messaging.remove_contact(db, me.brand.id, to, at)
        await people.record(db, me.brand.id, me.actor, "messages.contact_removed", _named(to), now=at)
    return await _page(request, me, removed=to)


async def set_gateway(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/messages/gateway: the brand's own way for short messages, in place of any before."""
    form = await forms.read(request, me)
    try:
        given = _gateway(form)
    except GatewayError as error:
        place = {"headers": "headers", "json": "body"}.get(error.key, "url")
        return await _page(request, me, {place: TEXTS[me.language][f"messages_gateway_bad_{error.key}"]}, form)
    db, at = database(request), now(request)
    async with db.joined():
        await messaging.set_gateway(db, me.brand.id, gateways.stored(given), at)
        await people.record(db, me.brand.id, me.actor, "messages.gateway_set", given.host, now=at)
    await page.say(request, me, "messages_gateway_kept", host=given.host)
    return page.go("/studio/messages#gateway")


async def drop_gateway(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/messages/gateway:remove: back to the settings'."""
    await forms.read(request, me)
    db, at = database(request), now(request)
    async with db.joined():
        await messaging.set_gateway(db, me.brand.id, None, at)
        await people.record(db, me.brand.id, me.actor, "messages.gateway_removed", now=at)
    await page.say(request, me, "messages_gateway_gone")
    return page.go("/studio/messages#gateway")


async def test(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/messages:test: a message to an e-mail address or a phone; the page says what became of it."""
    form = await forms.read(request, me)
    to = address_of(form["to"], me)
    if not to:
        return await _page(request, me, {"test": TEXTS[me.language]["problem_bad_address"]}, form)
    channel = Channel.MAIL if "@" in to else Channel.GATEWAY
    letter = await alarms.want_test(database(request), me.brand.id, channel, to, me.language, now(request))
    return page.go(f"/studio/messages?letter={letter}#test")


def address_of(text: str, me: Me) -> str:
    """An e-mail address, or a phone in E.164; empty for what is neither."""
    text = text.strip()
    if "@" not in text:
        return phones.e164(text, phones.region_of(me.brand.time_zone, me.brand.languages), strict=True) or ""
    name, _, host = text.rpartition("@")
    is_one = bool(name) and "." in host and len(text) <= MAX_ADDRESS and text.isprintable() and "@" not in name
    return text if is_one and not set(text) & set(" <>,;") else ""


async def letter_of(request: web.Request, me: Me, number: str) -> Status | None:
    """What became of a message; None for a number that is none of this brand's."""
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    try:
        return await outgoing.status(database(request), me.brand.id, int(number))
    except NotFound:
        return None


def _gateway(form: forms.Form) -> Gateway:
    url, body, headers, expect = (form[name].strip() for name in GATEWAY_FIELDS)
    return gateways.checked(url, body or None, headers or None, expect or None, public=True)


async def _page(
    request: web.Request,
    me: Me,
    errors: Mapping[str, str] | None = None,
    form: forms.Form | None = None,
    *,
    removed: str = "",
) -> web.StreamResponse:
    db = database(request)
    named = await messaging.contacts(db, me.brand.id)
    own = await messaging.gateway(db, me.brand.id)
    letter = await letter_of(request, me, request.query.get("letter", ""))
    return page.show(
        request,
        me,
        "messages.html",
        status=422 if errors else 200,
        errors=errors or {},
        form=form or forms.Form(),
        ways=root(request)[OPTIONS].messages,
        admins=[one.user for one in await people.users.members(db, me.brand.id) if one.role is people.Role.ADMIN],
        contacts=[(to, _shown(to)) for to in (*named.mails, *named.phones)],
        removed=removed,
        gateway=None if own is None else gateways.of_brand(own),
        letter=letter,
        waits=letter is not None and letter.state is State.WAITING,
        recent=await outgoing.recent(db, me.brand.id),
        shown=_shown,
    )


def _shown(to: str) -> str:
    return to if "@" in to else phones.shown(to)


def _named(to: str) -> str:
    """As the audit trail names a contact: a phone is hidden but for its end."""
    return to if "@" in to else phones.masked(to)
