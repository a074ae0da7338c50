"""What a page with a card's link has for sending it: whether it can be sent from here, and what became of the last one."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from handlers.join import has_gateway
from handlers.studio import forms
from handlers.studio.me import Me, database
from passkit import phones
from store import outgoing
from store.outgoing import State, Status


@dataclass(frozen=True, slots=True)
class Sending:
    """What a page has for it: ``to`` is the masked phone, empty where nothing can be sent; ``letter`` what was."""

    to: str = ""
    letter: Status | None = None
    id: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is still on its way."""
        return self.letter is not None and self.letter.state is State.WAITING


async def sending(request: web.Request, me: Me, phone: str) -> Sending:
    """For a page of a card with this phone (E.164, or empty); ``?letter=`` is one that was sent before."""
    can = bool(phone) and await has_gateway(request, me.brand.id)
    given = request.query.get("letter", "")
    letter = await outgoing.status(database(request), me.brand.id, forms.checked_id(given)) if given else None
    return Sending(phones.masked(phone) if can else "", letter, given)
