"""A little demo server for the phones page: Apple's web service, a REST interface and a signed hook, none of them ours."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.apns import PushService
from sandbox.apns_answers import ClientIdentity, PushRequest
from tests.sandbox.certificates import TOPIC
from tests.sandbox.wallet_server import WalletServer

API_KEY = "pb_test_key"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
IDENTITY = ClientIdentity(TOPIC, None, "00" * 32)


@dataclass
class DemoServer:
    """Cards of one template; a change pushes to every registered phone through the stand-in's own desk."""

    wallet: WalletServer
    pushes: PushService
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    is_down: bool = False

    def application(self) -> web.Application:
        app = self.wallet.application()
        app.add_routes(
            [
                web.get("/api/v1/templates", self._templates),
                web.post("/api/v1/cards", self._issue),
                web.get("/api/v1/cards/{serial}", self._show),
                web.post("/hooks/shop", self._hook),
            ]
        )
        return app

    async def _templates(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        rows = [
            {"key": "coffee", "name": "Coffee club", "published_revision": 1, "archived": False},
            {"key": "draft", "name": "A draft", "published_revision": None, "archived": False},
            {"key": "old", "name": "An old one", "published_revision": 3, "archived": True},
        ]
        return web.json_response({"templates": rows})

    async def _issue(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        asked = await request.json()
        if asked["template"] != "coffee":
            return web.json_response({"title": "No such template"}, status=404)
        serial = f"S{len(self.data) + 1}"
        self.data[serial] = dict(asked["data"])
        self.wallet.issue(serial)
        return web.json_response({"serial_number": serial, "install_url": f"{self.wallet.url}/i/{serial}"}, status=201)

    async def _show(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        serial = request.match_info["serial"]
        card = {"serial_number": serial, "template": "coffee", "data": self.data[serial], "formatted": {}}
        return web.json_response(card)

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if request.headers["webhook-signature"] != expected:
            return web.json_response({"title": "Wrong signature"}, status=401)
        event = json.loads(body)
        self.hooks.append(event)
        serial = event["data"]["card"]
        self.data[serial] |= event["data"]["set"]
        shown = {name: value for name, value in event["data"]["set"].items() if name in ("points", "note")}
        self.wallet.change(serial, **shown)
        for (_, held), token in self.wallet.registrations.items():
            if held == serial:
                self.pushes.decide(PushRequest("POST", f"/3/device/{token}", (), b"{}", IDENTITY), 1)
        return web.json_response({"result": "applied", "visible": []})

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.is_down:
            return web.Response(status=503, text="down")
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return web.json_response({"title": "Unauthorized"}, status=401)
        return None
