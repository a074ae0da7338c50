"""A whole web side on a free port of loopback, with a brand, a published template, a key and a hook source."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import re
import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from multidict import CIMultiDictProxy
from PIL import Image

from handlers.guard import GuardOptions
from handlers.keys import HandlerOptions
from handlers.listener import Listener, listen
from handlers.routes import application, is_exempt
from passkit.apple.signing import Signers
from store import brands, dialect, keys, sources, templates
from store.dialect import Database
from store.keyring import Keyring
from tests.conftest import PASS_TYPE, TEAM
from tests.databases import PUBLIC_URL
from tests.handlers.rendering import Here
from tests.scenes import laid

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


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a phone does that loses interest."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def event(type_: str = "card.changed", **data: Any) -> dict[str, Any]:
    """An event of now."""
    return {"type": type_, "timestamp": datetime.now(UTC).isoformat(), "data": data}


async def open_house(
    db: Database, signers: Signers, template: Mapping[str, bytes], guard: GuardOptions | None = None, **options: Any
) -> House:
    """A brand with a published template, and its web side on a free port."""
    arranged = partial(_arranged, db, template)
    brand_id, api_key, secret = await laid(db, ("house", *template.items()), arranged)
    renderer = options.pop("renderer", None) or Here()
    given = HandlerOptions(public_url=db.public_url, **options)
    app = application(db, signers, given, renderer)
    listener = await listen(app, "127.0.0.1", 0, options=guard, is_exempt=is_exempt(given), drain_seconds=2)
    return House(db, listener, aiohttp.ClientSession(), brand_id, api_key, secret, options=given)


async def _arranged(db: Database, template: Mapping[str, bytes]) -> tuple[int, str, str]:
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
    return brand.id, await keys.add(db, brand.id, "backend", [], now), await sources.add(db, brand.id, "till", now)


@pytest.fixture(scope="session")
def lean(coffee: dict[str, bytes]) -> dict[str, bytes]:
    """The coffee template with an icon of one colour instead of its pictures: quick to publish."""
    drawn = io.BytesIO()
    Image.new("RGB", (87, 87), "#3a2a1e").save(drawn, "PNG")
    text = re.sub(rb"(?m)^images:.*$", b"images: {icon: icon.png}", coffee["template.yaml"])
    return {"template.yaml": text, "strings/ru.yaml": coffee["strings/ru.yaml"], "icon.png": drawn.getvalue()}


@pytest_asyncio.fixture
async def house(db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """The web side, on both databases."""
    async with opened(db, signers, lean) as house:
        yield house


@pytest_asyncio.fixture
async def small_house(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """The same on SQLite alone, for what does not touch the database's ways."""
    async with opened(local_db, signers, lean) as house:
        yield house


@pytest_asyncio.fixture
async def local_db(sqlite_url: str, keyring: Keyring) -> AsyncIterator[Database]:
    """An open SQLite database."""
    db = await dialect.open(sqlite_url, keyring)
    db.public_url = PUBLIC_URL
    yield db
    await db.close()


@asynccontextmanager
async def opened(
    db: Database, signers: Signers, template: Mapping[str, bytes], guard: GuardOptions | None = None, **options: Any
) -> AsyncIterator[House]:
    """A house for the length of a block."""
    house = await open_house(db, signers, template, guard, **options)
    try:
        yield house
    finally:
        await house.close()
