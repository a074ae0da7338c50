"""A phone's side of Apple's web service: one method per request, results as values, errors in iOS's words.

The protocol is Apple's "Adding a Web Service to Update Passes"; ``Profile`` says how a client differs (Android apps
speak the same protocol with other schemes and habits). Nothing here remembers anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

PASS_TYPE = "application/vnd.apple.pkpass"  # noqa: S105  a media type

TIMEOUT = aiohttp.ClientTimeout(total=30)

OFFLINE = "The Internet connection appears to be offline."
LOST = "The network connection was lost."


@dataclass(frozen=True, slots=True)
class Profile:
    """How a client behaves: whether it registers, asks conditionally, and tells each changed field apart.

    ``address`` is the member of the registration's body that the push token stands in, ``extra`` what else is there, and
    ``registrations`` the path that it is posted to.
    """

    name: str
    user_agent: str
    browser: str
    scheme: str = "ApplePass"
    registers: bool = True
    conditional: bool = True
    hex_tokens: bool = True
    each_field: bool = False
    address: str = "pushToken"
    extra: tuple[tuple[str, str], ...] = ()
    registrations: str = "registrations"


_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    "Mobile/15E148 Safari/604.1"
)
_CHROME = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"

IPHONE = Profile("iPhone", "passd/1.0 CFNetwork/1568.100.1 Darwin/24.0.0", _SAFARI)
FOSSWALLET = Profile("FossWallet", "okhttp/5.1.0", _CHROME, registers=False, conditional=False, each_field=True)
WALLETPASSES = Profile(
    "WalletPasses", "WalletPasses/5.0 (Linux; U; Android 16)", _CHROME, scheme="AndroidPass", hex_tokens=False
)
OWN_APP = Profile(
    "Own app",
    "CoffeeClub/3.2 okhttp/5.1.0",
    _CHROME,
    hex_tokens=False,
    each_field=True,
    address="fid",
    extra=(("kind", "fcm"),),
)


def passwallet(relay: str) -> Profile:
    """PassWallet, which names its relay when it registers."""
    return Profile(
        "PassWallet",
        "PassWallet/1.0 (Linux; U; Android 12)",
        _CHROME,
        scheme="AttidoPass",
        hex_tokens=False,
        extra=(("pushServiceUrl", relay),),
        registrations="registrations_attido",
    )


class WebServiceError(Exception):
    """The request failed; the text is what iOS logs. ``transient``: worth trying again."""

    def __init__(self, text: str, *, transient: bool) -> None:
        self.transient = transient
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class PassAddress:
    """Where and what: the web service and one pass on it."""

    url: str
    pass_type: str
    serial_number: str
    token: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The list answer; 204 gives no serial numbers and no tag."""

    serial_numbers: tuple[str, ...]
    last_updated: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The pass answer; ``data`` is None for 304."""

    data: bytes | None
    last_modified: str | None


class WebService:
    """Requests of one device; the session may be shared by hundreds."""

    def __init__(self, session: aiohttp.ClientSession, device: str, profile: Profile) -> None:
        self._session = session
        self._device = device
        self._profile = profile

    async def download(self, url: str) -> tuple[int, str, bytes]:
        """What the browser gets: status, media type, body; redirects followed."""
        headers = {"User-Agent": self._profile.browser, "Accept": "text/html,*/*"}
        try:
            async with self._session.get(url, headers=headers, timeout=TIMEOUT) as response:
                return response.status, response.content_type, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise WebServiceError(LOST, transient=True) from error

    async def submit(self, url: str, form: Mapping[str, str]) -> tuple[int, str, bytes]:
        """A form of a page, sent; the page that follows."""
        headers = {"User-Agent": self._profile.browser, "Accept": "text/html,*/*"}
        try:
            async with self._session.post(url, data=dict(form), headers=headers, timeout=TIMEOUT) as response:
                return response.status, response.content_type, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise WebServiceError(LOST, transient=True) from error

    async def register(self, pass_: PassAddress, push_token: str) -> bool:
        """POST the registration; True when it is new to the server (201)."""
        body = {self._profile.address: push_token, **dict(self._profile.extra)}
        where = self._registration(pass_, self._profile.registrations)
        status, _, _ = await self._send("POST", where, pass_, body=body)
        _expect(status, 200, 201)
        return status == 201

    async def unregister(self, pass_: PassAddress) -> bool:
        """DELETE the registration; True when the server has done so."""
        status, _, _ = await self._send("DELETE", self._registration(pass_), pass_)
        _expect(status, 200)
        return True

    async def list_updated(self, url: str, pass_type: str, tag: str | None) -> Listed:
        """GET the serial numbers updated since ``tag``; no Authorization, the device identifier is the secret."""
        where = _under(url, "devices", self._device, "registrations", pass_type)
        status, _, body = await self._send("GET", where.with_query(passesUpdatedSince=tag) if tag else where, None)
        _expect(status, 200, 204)
        if status == 204:
            if body:
                raise WebServiceError("Server response was malformed (204 with a body)", transient=False)
            return Listed((), None)
        return _listed(body)

    async def fetch(self, pass_: PassAddress, if_modified_since: str | None, *, cut: bool = False) -> Fetched:
        """GET the pass; ``cut`` loses the connection in the middle of the body."""
        headers = {"If-Modified-Since": if_modified_since} if if_modified_since and self._profile.conditional else {}
        where = _under(pass_.url, "passes", pass_.pass_type, pass_.serial_number)
        status, answered, body = await self._send("GET", where, pass_, headers=headers, cut=cut)
        _expect(status, 200, 304)
        if status == 304:
            return Fetched(None, answered.get("Last-Modified"))
        if answered.get("Content-Type", "").split(";")[0] != PASS_TYPE:
            raise WebServiceError("Received invalid pass data (media type)", transient=False)
        return Fetched(body, answered.get("Last-Modified"))

    async def head(self, pass_: PassAddress) -> tuple[int, dict[str, str]]:
        """HEAD of the pass, which iOS sends too: status and headers."""
        where = _under(pass_.url, "passes", pass_.pass_type, pass_.serial_number)
        status, headers, _ = await self._send("HEAD", where, pass_)
        return status, headers

    async def log(self, url: str, lines: Sequence[str]) -> None:
        """POST log lines."""
        status, _, _ = await self._send("POST", _under(url, "log"), None, body={"logs": list(lines)})
        _expect(status, 200)

    def _registration(self, pass_: PassAddress, path: str = "registrations") -> URL:
        return _under(pass_.url, "devices", self._device, path, pass_.pass_type, pass_.serial_number)

    async def _send(
        self,
        method: str,
        where: URL,
        pass_: PassAddress | None,
        *,
        body: Any = None,
        headers: dict[str, str] | None = None,
        cut: bool = False,
    ) -> tuple[int, dict[str, str], bytes]:
        sent = {"User-Agent": self._profile.user_agent, **(headers or {})}
        if pass_ is not None:
            sent["Authorization"] = f"{self._profile.scheme} {pass_.token}"
        try:
            async with self._session.request(method, where, headers=sent, json=body, timeout=TIMEOUT) as response:
                if cut:
                    await response.content.readany()
                    response.close()
                    raise WebServiceError(LOST, transient=True)
                content = await response.read()
                return response.status, {key.title(): value for key, value in response.headers.items()}, content
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise WebServiceError(LOST, transient=True) from error


def _under(url: str, *parts: str) -> URL:
    """``url`` and ``/v1/...``, each part quoted as one segment."""
    base = URL(url.rstrip("/"))
    return base.joinpath("v1", *(part.replace("%", "%25").replace("/", "%2F") for part in parts), encoded=False)


def _expect(status: int, *wanted: int) -> None:
    if status in wanted:
        return
    if status == 401:
        raise WebServiceError("Authentication failure", transient=False)
    raise WebServiceError(f"Unexpected response code {status}", transient=status >= 500 or status == 429)


def _listed(body: bytes) -> Listed:
    try:
        answer = json.loads(body)
        serials, tag = answer["serialNumbers"], answer["lastUpdated"]
    except (ValueError, KeyError, TypeError) as error:
        raise WebServiceError(f"Server response was malformed ({error})", transient=False) from error
    if not isinstance(tag, str) or not isinstance(serials, list) or not all(isinstance(one, str) for one in serials):
        raise WebServiceError("Server response was malformed (types)", transient=False)
    return Listed(tuple(serials), tag)
