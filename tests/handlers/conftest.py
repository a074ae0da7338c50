"""A whole web side on a free port of loopback, with a brand, a published template, a key and a hook source."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest_asyncio
from multidict import CIMultiDictProxy

from handlers.guard import GuardOptions, Listener, listen
from handlers.keys import HandlerOptions
from handlers.routes import application, is_exempt
from passkit.apple.signing import Signers
from store import brands, keys, sources, templates
from store.dialect import Database
from tests.conftest import PASS_TYPE, TEAM

PUSH_TOKEN = "ab" * 32


@dataclass(frozen=True)
class Answer:
    """What came back, read to the end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class House:
    """A running web side and the ways in."""

    db: Database
    listener: Listener
    session: aiohttp.ClientSession
    brand_id: int
    api_key: str
    hook_secret: str
    clock: datetime | None = None
    options: HandlerOptions = field(repr=False, default_factory=lambda: HandlerOptions(public_url="http://x"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.port}"

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, self.url + path, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def api(self, method: str, path: str, document: Any = None, key: str | None = None, **headers: str) -> Answer:
        given = {"Authorization": f"Bearer {self.api_key if key is None else key}"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask(method, "/api/v1" + path, json=document, headers=given)

    async def hook(self, document: Any, *, id: str | None = None, source: str = "till", **changed: str) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = signed(self.hook_secret, body, id or f"msg_{secrets.token_hex(8)}")
        return await self.ask("POST", f"/hooks/{source}", data=body, headers={**headers, **changed})

    async def issue(self, **body: Any) -> Card:
        answer = await self.api("POST", "/cards", {"template": "coffee", **body})
        assert answer.status in (200, 201), answer.body
        made = answer.json
        token = self.db.keyring.authentication_token(PASS_TYPE, made["serial_number"], 0)
        return Card(self, made["serial_number"], token, made)

    async def close(self) -> None:
        await self.session.close()
        await self.listener.close()


@dataclass(frozen=True)
class Card:
    """An issued card as its phone knows it."""

    house: House
    serial: str
    token: str
    answer: Mapping[str, Any]

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"ApplePass {self.token}"}

    @property
    def path(self) -> str:
        return f"/passkit/v1/passes/{PASS_TYPE}/{self.serial}"

    def registration(self, device: str) -> str:
        return f"/passkit/v1/devices/{device}/registrations/{PASS_TYPE}/{self.serial}"

    @property
    def install_path(self) -> str:
        return "/i/" + str(self.answer["install_url"]).rsplit("/", 1)[1]

    async def fetch(self, method: str = "GET", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.house.ask(method, self.path, headers={**self.authorization, **given})

    async def register(self, device: str, push_token: str = PUSH_TOKEN, **headers: str) -> Answer:
        given = {**self.authorization, **headers}
        return await self.house.ask("POST", self.registration(device), json={"pushToken": push_token}, headers=given)

    async def listed(self, device: str, tag: str | None = None) -> Answer:
        path = f"/passkit/v1/devices/{device}/registrations/{PASS_TYPE}"
        query = {} if tag is None else {"passesUpdatedSince": tag}
        return await self.house.ask("GET", path, params=query)


def signed(secret: str, body: bytes, id: str, timestamp: int | None = None) -> dict[str, str]:
    """Headers of Standard Webhooks, made from its specification."""
    at = int(time.time()) if timestamp is None else timestamp
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        "content-type": "application/json",
    }


def event(type_: str = "card.changed", **data: Any) -> dict[str, Any]:
    """An event of now."""
    return {"type": type_, "timestamp": datetime.now(UTC).isoformat(), "data": data}


async def open_house(
    db: Database, signers: Signers, template: Mapping[str, bytes], guard: GuardOptions | None = None, **options: Any
) -> House:
    """A brand with a published template, and its web side on a free port."""
    now = datetime.now(UTC)
    brand = await brands.add(
        db,
        key="coffee",
        name="Coffee club",
        pass_type_identifier=PASS_TYPE,
        team_identifier=TEAM,
        languages=["ru", "en"],
        time_zone="Europe/Moscow",
        now=now,
    )
    await templates.import_files(db, brand.id, template, now)
    await templates.publish(db, brand.id, "coffee", author="test", note="", now=now)
    api_key = await keys.add(db, brand.id, "backend", [], now)
    secret = await sources.add(db, brand.id, "till", now)
    given = HandlerOptions(public_url=db.public_url, **options)
    app = application(db, signers, given)
    listener = await listen(app, "127.0.0.1", 0, options=guard, is_exempt=is_exempt(given), drain_seconds=2)
    return House(db, listener, aiohttp.ClientSession(), brand.id, api_key, secret, options=given)


@pytest_asyncio.fixture
async def house(db: Database, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[House]:
    """The web side on both databases."""
    opened = await open_house(db, signers, coffee)
    yield opened
    await opened.close()
