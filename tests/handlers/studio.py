"""A browser for the studio's tests: keeps its cookies, says where its requests come from, and reads pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from html import unescape
from http.cookies import SimpleCookie
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import update

from store import people
from store.people import COMMAND_LINE, Role
from store.tables import studio_sessions, users
from tests.handlers.conftest import Answer, House

PASSWORD = "correct horse battery"
COOKIE, PLACE = "__Host-passbell", "__Host-passbell-place"


@dataclass
class Browser:
    """Somebody's browser: pages by ``get``, forms by ``post``."""

    house: House
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: dict[str, Any] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        return await self.ask("POST", path, data=form or {}, **{"Sec-Fetch-Site": "same-origin", **headers})

    async def ask(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        given = {"Accept": "text/html", "Accept-Language": self.language, **headers}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.house.ask(method, path, data=data, headers=given)
        for line in answer.headers.getall("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.set_cookies[name] = morsel
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    async def sign_in(self, email: str, password: str = PASSWORD, **given: str) -> Answer:
        return await self.post("/studio/sign-in", {"email": email, "password": password, **given})


async def user(house: House, email: str, role: Role | None, brand_id: int | None = None, **given: Any) -> people.User:
    """A user with the tests' password and a role in the house's brand."""
    now = datetime.now(UTC)
    made = {"name": email.split("@")[0].title(), "password": PASSWORD, **given}
    if made["password"] != PASSWORD:
        found = await people.users.add(house.db, email=email, now=now, **made)
    else:
        found = await people.users.add(house.db, email=email, now=now, **made | {"password": None})
        found = await _with_password(house, found)
    if role is not None:
        await people.users.grant(house.db, found.id, brand_id or house.brand_id, role, COMMAND_LINE, now)
    return found


async def _with_password(house: House, found: people.User) -> people.User:
    async with house.db.transaction() as conn:
        await conn.execute(update(users).where(users.c.id == found.id).values(password_hash=_hash(PASSWORD)))
    return replace(found, has_password=True)


@cache
def _hash(password: str) -> str:
    """With parameters that take no time; the hash itself says how it is checked, so that checking takes none either."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


async def browser_of(house: House, who: people.User, *, verified: bool = False) -> Browser:
    """A browser that is signed in as this user, past the second step if asked."""
    now = datetime.now(UTC)
    async with house.db.joined() as conn:
        signed_in = await people.studiosessions.begin(house.db, conn, who, now)
        if verified:
            await conn.execute(
                update(studio_sessions).where(studio_sessions.c.user_id == who.id).values(verified_at=now)
            )
    name = COOKIE if house.options.public_url.startswith("https://") else COOKIE.removeprefix("__Host-")
    return Browser(house, cookies={name: signed_in.token})


def text(answer: Answer) -> str:
    """What a page says, without tags."""
    plain = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", answer.body.decode())
    return unescape(re.sub(r"\s+", " ", plain))
