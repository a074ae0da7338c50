"""The link to a card, sent again by the message gateway, from the card's page and from the desk; and what became of it."""

from __future__ import annotations

from aiohttp import web

from handlers.join import has_gateway
from handlers.keys import OPTIONS, root
from handlers.studio import desk, forms, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.sending import Sending
from passkit import links
from passkit.model import CardState
from store import cards, linkletters, outgoing, showings
from store.desk import phone_of
from store.errors import Conflict


async def from_card(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/cards/{serial}:send."""
    await forms.read(request, me)
    card = await cards.view(database(request), me.brand.id, request.match_info["serial"])
    letter = await _send(request, me, card)
    return page.go(f"/studio/cards/{card.serial_number}?letter={letter}#link")


async def from_desk(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk/codes/{showing}:send."""
    await forms.read(request, me)
    here = await desk.here_of(request, me)
    number = forms.checked_id(request.match_info["showing"])
    showing = await showings.look(database(request), me.brand.id, here.place, number)
    letter = await _send(request, me, await cards.view(database(request), me.brand.id, showing.serial_number))
    return page.go(f"/studio/desk/codes/{number}?letter={letter}")


async def fate(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/desk/letters/{letter}: the part of both pages that says what became of it."""
    number = request.match_info["letter"]
    letter = await outgoing.status(database(request), me.brand.id, forms.checked_id(number))
    return page.show(request, me, "letter_now.html", sending=Sending("", letter, number))


async def _send(request: web.Request, me: Me, card: cards.CardView) -> int:
    phone = await phone_of(database(request), me.brand.id, card.card_id)
    if card.state != CardState.ACTIVE or not phone or not await has_gateway(request, me.brand.id):
        raise Refusal("link_no_way", 409)
    address = links.install_url(root(request)[OPTIONS].public_url, card.install_token)
    text = desk.messages(me, address, phone).sms
    try:
        return await linkletters.send(database(request), me.brand.id, card.number, phone, text, me.actor, now(request))
    except Conflict:
        raise Refusal("too_many_links", 429) from None
