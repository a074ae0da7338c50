"""Who asks: ``Me`` goes to every handler and into every page. And ``Refusal``, how a handler says no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from handlers import addresses
from handlers.keys import DATABASE, OPTIONS, root
from store import people
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.people import Role, Session, User


class Refusal(Exception):
    """A sentence of ours for whoever asked: ``refused_<key>`` of the texts, filled with ``values``."""

    def __init__(self, key: str, status: int = 409, **values: Any) -> None:
        self.key, self.status, self.values = key, status, values
        super().__init__(key)


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks, in which language and light."""

    session: Session | None
    language: str
    theme: str

    @property
    def brand(self) -> BrandRow:
        """The brand on the screen; every row that is read or written belongs to it."""
        if self.session is None or self.session.brand is None:
            raise Refusal("no_brand", 403)
        return self.session.brand

    @property
    def user(self) -> User | None:
        """The person with a password; None for an employee at a workplace, and for a stranger."""
        return self.session.user if self.session else None

    @property
    def actor(self) -> Actor:
        """As the audit trail names who asks."""
        return self.session.actor if self.session else Actor("")

    @property
    def role(self) -> Role | None:
        """The role in the brand on the screen."""
        return self.session.role if self.session else None

    @property
    def is_in(self) -> bool:
        """Whether the sign-in is complete."""
        return self.session is not None and not self.session.waits_for_code

    def may(self, needed: Role) -> bool:
        """Whether the role includes what ``needed`` may; for pages that show a button to some."""
        return self.is_in and people.may(self.role, needed)


def is_htmx(request: web.Request) -> bool:
    """Whether htmx asks, for a part of a page: https://htmx.org/reference/#request_headers."""
    return request.headers.get("HX-Request") == "true"


def client(request: web.Request) -> str | None:
    """The address to count failures by."""
    proxies = root(request)[OPTIONS].trusted_proxies
    return addresses.client(request.remote, request.headers.getall("X-Forwarded-For", []), proxies)


def database(request: web.Request) -> Database:
    """The database, for the one call a handler makes."""
    return root(request)[DATABASE]


def now(request: web.Request) -> datetime:
    """The time of the domain."""
    return root(request)[OPTIONS].clock()


def local_path(given: str, otherwise: str = "/studio/") -> str:
    """A path of the studio to lead to, whatever a stranger put into a link."""
    parts = urlsplit(given)
    is_ours = given.startswith("/studio/") and not parts.netloc and not parts.scheme
    return given if is_ours and given.isprintable() and "\\" not in given and len(given) < 500 else otherwise
