"""The whole thing on loopback: the real server on a real database, a stand-in for Apple over HTTP/2 and TLS, robot phones."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from commands import certsdev, serve
from commands.certsdir import read_directory
from commands.demo import STARTERS
from commands.offline import read_folder
from commands.settings import Settings, parse
from commands.signers import seed
from passkit import hooks
from sandbox.apns import PushService
from sandbox.phone import Phone
from sandbox.pkpass import load_roots
from store import brands, dialect, keys, migrations, sources, templates
from store.dialect import Database
from store.keyring import Keyring
from tests.conftest import PASS_TYPE, TEAM

SECRET = "k1:a-secret-of-the-journeys-and-of-nothing-else"
SOURCE = "till"


async def until(condition: Callable[[], Awaitable[object] | object], seconds: float = 10) -> None:
    """Wait until a condition holds; TimeoutError past ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if isinstance(held, Awaitable):
            held = await held
        if held:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {condition}")
        await asyncio.sleep(0.02)


@dataclass
class World:
    """What stays when the server stops: database, certificates, Apple, keys, phones."""

    folder: Path
    database_url: str
    apns: PushService
    session: aiohttp.ClientSession
    port: int
    roots: list[Any]
    api_key: str = ""
    hook_secret: str = ""
    brand_id: int = 0
    phones: list[Phone] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)  # settings of this world's own
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        """PUBLIC_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a production process of this world would be started with."""
        values = {
            "PUBLIC_URL": self.url,
            "BIND": f"127.0.0.1:{self.port}",
            "DATABASE_URL": self.database_url,
            "SECRET": SECRET,
            "CERTS_DIR": str(self.folder / "certs"),
            "APNS_URL": self.apns.url,
            "APNS_CA": str(self.folder / "certs" / "dev" / "root.pem"),
        }
        return {f"PASSBELL_{name}": value for name, value in (values | self.more).items()}

    @property
    def settings(self) -> Settings:
        """The same, read."""
        return parse(self.environment, lambda path: Path(path).read_text(encoding="utf-8"))

    @contextlib.asynccontextmanager
    async def server(self, *, with_worker: bool = True) -> AsyncIterator[serve.House]:
        """The web process, with its worker."""
        async with serve.running(self.settings, with_worker=with_worker) as house:
            yield house

    # The loyalty backend.

    async def api(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """A call of the REST API with the backend's key."""
        bearer = {"Authorization": f"Bearer {self.api_key}"} | headers
        async with self.session.request(method, f"{self.url}/api/v1{path}", json=body, headers=bearer) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def issue(self, template: str = "coffee", **fields: Any) -> dict[str, Any]:
        """A card for a new customer."""
        body = {"template": template, "data": {}, "external_id": f"client-{next(self._numbers)}"} | fields
        status, card = await self.api("POST", "/cards", body)
        assert status == 201, card
        return dict(card)

    async def hook(self, kind: str, data: dict[str, Any], **how: Any) -> tuple[int, Any]:
        """A signed webhook; ``how`` overrides id, moment, secret, body."""
        moment = how.get("moment") or datetime.now(UTC)
        event = {"type": kind, "timestamp": moment.isoformat().replace("+00:00", "Z"), "data": data}
        body = how.get("body") or json.dumps(event).encode()
        event_id = how.get("id") or f"evt_{secrets.token_hex(8)}"
        sent = how.get("sent") or datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(sent.timestamp())),
            "webhook-signature": hooks.sign(how.get("secret") or self.hook_secret, event_id, sent, body),
        }
        async with self.session.post(f"{self.url}/hooks/{SOURCE}", data=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def change(self, card: str, **values: Any) -> dict[str, Any]:
        """``card.changed`` with these values, which must be taken."""
        status, answer = await self.hook("card.changed", {"card": card, "set": values})
        assert status == 200, answer
        return dict(answer)

    # Customers.

    def phone(self, **how: Any) -> Phone:
        """A new phone, online, that does not wait long between its attempts."""
        how = {"roots": self.roots, "pushes": self.apns, "retry_after": (0.05, 0.2, 0.5), "language": "ru"} | how
        phone = Phone(self.session, **how)
        self.phones.append(phone)
        return phone

    async def holder(self, template: str = "coffee", **fields: Any) -> tuple[Phone, str]:
        """A customer with a card on the phone: the phone and the card's serial number."""
        card = await self.issue(template, **fields)
        phone = self.phone()
        await phone.install(card["install_url"])
        return phone, str(card["serial_number"])


async def prepare(db: Database, folder: Path, starters: tuple[str, ...] = ("coffee",)) -> tuple[int, str, str]:
    """A brand with its certificate, published starters, an API key and a hook source: (brand id, key, secret)."""
    now = datetime.now(UTC)
    await migrations.migrate(db)
    brand = await brands.add(
        db,
        key="cafe",
        name="Coffee club",
        pass_type_identifier=PASS_TYPE,
        team_identifier=TEAM,
        languages=("ru", "en"),
        time_zone="Europe/Moscow",
        now=now,
    )
    await seed(db, folder / "certs")
    for starter in starters:
        await templates.import_files(db, brand.id, read_folder(STARTERS / starter), now=now)
        await templates.publish(db, brand.id, starter, author="test", note="", now=now)
    key = await keys.add(db, brand.id, "backend", (), now)
    return brand.id, key, await sources.add(db, brand.id, SOURCE, now)


@contextlib.asynccontextmanager
async def world(
    database_url: str, folder: Path, certs: Path, starters: tuple[str, ...] = ("coffee",)
) -> AsyncIterator[World]:
    """A world with its database filled and Apple's stand-in running; the server is started by who needs it."""
    (folder / "certs").symlink_to(certs)
    root = (certs / "dev" / "root.pem").read_bytes()
    server_pem, server_key = (certs / "apns" / "server.pem").read_bytes(), (certs / "apns" / "server.key").read_bytes()
    async with (
        PushService(certificate=server_pem, key=server_key, client_ca=root) as apns,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session,
    ):
        made = World(folder, database_url, apns, session, _free_port(), list(load_roots(root)))
        db = await dialect.open(database_url, Keyring.parse(SECRET))
        db.public_url = made.url
        made.brand_id, made.api_key, made.hook_secret = await prepare(db, folder, starters)
        await db.close()
        try:
            yield made
        finally:
            for phone in made.phones:
                await phone.close()


def make_certificates(folder: Path) -> Path:
    """A CERTS_DIR of look-alikes."""
    certsdev.dev(folder, [PASS_TYPE], team=TEAM, now=datetime.now(UTC))
    assert read_directory(folder).stored
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
