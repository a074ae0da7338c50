"""A little web service by Apple's rules, to judge the robot phone with something that is not our server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.sandbox.certificates import TOPIC, Authorities
from tests.sandbox.passes import TOKEN, document, pkpass

MEDIA_TYPE = "application/vnd.apple.pkpass"
HTTP_DATES = [f"Sun, 22 Nov 2026 10:00:{second:02d} GMT" for second in range(60)]


@dataclass
class WalletServer:
    """Passes by serial number; every change is a new version. ``trouble`` maps an endpoint to statuses to answer first."""

    authorities: Authorities
    url: str = ""
    versions: dict[str, int] = field(default_factory=dict)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    registrations: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    trouble: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[str, web.Response] = field(default_factory=dict)

    def issue(self, serial: str = "S1") -> str:
        self.versions[serial] = 1
        self.changes[serial] = {}
        return f"{self.url}/i/{serial}"

    def change(self, serial: str = "S1", **changes: Any) -> None:
        self.versions[serial] += 1
        self.changes[serial] |= changes

    def pkpass(self, serial: str) -> bytes:
        extra = {"webServiceURL": f"{self.url}/passkit", "serialNumber": serial}
        return pkpass(self.authorities, document(**self.changes[serial], **extra))

    def application(self) -> web.Application:
        @web.middleware
        async def record(request: web.Request, handler) -> web.StreamResponse:
            self.requests.append((request.method, request.rel_url.raw_path, dict(request.headers)))
            return await handler(request)

        app = web.Application(middlewares=[record])
        registration = "/passkit/v1/devices/{device}/registrations/{type}/{serial}"
        app.add_routes(
            [
                web.get("/i/{serial}", self._page),
                web.get("/i/{serial}/card.pkpass", self._download),
                web.post(registration, self._register),
                web.delete(registration, self._unregister),
                web.get("/passkit/v1/devices/{device}/registrations/{type}", self._list),
                web.get("/passkit/v1/passes/{type}/{serial}", self._fetch),
                web.post("/passkit/v1/log", self._log),
            ]
        )
        return app

    def _refusal(self, endpoint: str, request: web.Request) -> web.Response | None:
        if self.trouble.get(endpoint):
            return web.Response(status=self.trouble[endpoint].pop(0))
        if endpoint in self.answers:
            return self.answers.pop(endpoint)
        needs_token = endpoint in ("register", "unregister", "fetch")
        if needs_token and request.headers.get("Authorization", "").split(" ")[-1] != TOKEN:
            return web.Response(status=401)
        return None

    async def _page(self, request: web.Request) -> web.Response:
        assert "iPhone" in request.headers["User-Agent"]
        serial = request.match_info["serial"]
        text = f'<title>Card</title><a href="/about">x</a> <a class="b" href="/i/{serial}/card.pkpass?x=1">Add</a>'
        return web.Response(text=text, content_type="text/html")

    async def _download(self, request: web.Request) -> web.Response:
        return web.Response(body=self.pkpass(request.match_info["serial"]), content_type=MEDIA_TYPE)

    async def _register(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal("register", request)) is not None:
            return refusal
        key = (request.match_info["device"], request.match_info["serial"])
        new = key not in self.registrations
        self.registrations[key] = (await request.json())["pushToken"]
        return web.Response(status=201 if new else 200)

    async def _unregister(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal("unregister", request)) is not None:
            return refusal
        self.registrations.pop((request.match_info["device"], request.match_info["serial"]), None)
        return web.Response()

    async def _list(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal("list", request)) is not None:
            return refusal
        assert "Authorization" not in request.headers
        assert request.match_info["type"] == TOPIC
        known = dict(part.split(".") for part in request.query.get("passesUpdatedSince", "").split("-") if part)
        mine = [serial for device, serial in self.registrations if device == request.match_info["device"]]
        newer = [serial for serial in mine if known.get(serial) != str(self.versions[serial])]
        if not newer:
            return web.Response(status=204)
        tag = "-".join(f"{serial}.{self.versions[serial]}" for serial in mine)
        return web.json_response({"serialNumbers": newer, "lastUpdated": tag})

    async def _fetch(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal("fetch", request)) is not None:
            return refusal
        serial = request.match_info["serial"]
        modified = HTTP_DATES[self.versions[serial]]
        if request.headers.get("If-Modified-Since") == modified:
            return web.Response(status=304, headers={"Last-Modified": modified})
        headers = {"Last-Modified": modified}
        return web.Response(body=self.pkpass(serial), content_type=MEDIA_TYPE, headers=headers)

    async def _log(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal("log", request)) is not None:
            return refusal
        self.logs += json.loads(await request.read())["logs"]
        return web.Response()
