"""``doctor --phone``: the way of an iPhone through PUBLIC_URL, on a throw-away card that is voided afterwards.

Install page, download, register, list, fetch, 304, log, remove: each a step with its fix. It goes through whatever stands
before the server (proxy, certificate, redirects), as a phone would. The push token is made up, so no phone rings.

https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
from cryptography import x509

from commands import shell
from commands.settings import Settings
from commands.signers import SignerKeeper
from passkit import data, links
from passkit.model import CardState
from passkit.schema import parse_template
from sandbox.pkpass import BadPass, OpenedPass, open_pkpass
from store import cards, templates
from store.brands import BrandRow
from store.dialect import Database

SECONDS = 15.0
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
PASS_TYPE_OF_FILES = "application/vnd.apple.pkpass"  # noqa: S105 a media type

_REDIRECT = "PUBLIC_URL must be the final address: phones do not follow redirects here."
_PROXY = "Let the proxy pass every path and header through to `serve` unchanged; its log shows what it got."
_AUTHORIZATION = "Let the proxy pass the Authorization header through."
_CONDITIONAL = "Let the proxy neither cache nor change Last-Modified and If-Modified-Since."


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way, and the fix when it failed."""

    what: str
    is_ok: bool
    detail: str
    fix: str = ""


class _Failed(Exception):
    def __init__(self, detail: str, fix: str) -> None:
        self.detail, self.fix = detail, fix
        super().__init__(detail)


async def walk(db: Database, brand: BrandRow, settings: Settings, template: str | None) -> AsyncIterator[Step]:
    """Every step as it is taken; ends at the first that fails."""
    try:
        issued = await _throw_away(db, brand, template)
    except shell.CommandError as error:
        yield Step("card", False, str(error), "`template publish KEY` first.")
        return
    keeper = SignerKeeper(db, settings.certs_dir)
    await keeper.refresh()
    roots = [one for identity in keeper.signers.all() for one in identity.chain]
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False, headers={"User-Agent": "doctor"}) as client:
        phone = _Phone(client, settings.needed("PUBLIC_URL"), issued.card.install_token, roots)
        try:
            for what, take in phone.steps():
                yield (step := await _taken(what, take))
                if not step.is_ok:
                    return
        finally:
            await cards.change(
                db, brand.id, issued.card.serial_number, cards.Change(state=CardState.VOIDED), now=shell.now()
            )


async def _throw_away(db: Database, brand: BrandRow, key: str | None) -> cards.Issued:
    rows = [row for row in await templates.listing(db, brand.id) if row.published_revision is not None]
    row = next((row for row in rows if key in (None, row.key)), None)
    if row is None:
        raise shell.CommandError(f"no published template {key or ''}".strip())
    template = parse_template(await templates.export_files(db, brand.id, row.key, row.published_revision))
    sample = data.to_json(template, data.sample(template))
    new = cards.NewCard(template=row.key, data=sample, channel="doctor", tags=("doctor",))
    return await cards.issue(db, brand.id, new, now=shell.now())


async def _taken(what: str, take: Callable[[], Awaitable[str]]) -> Step:
    try:
        return Step(what, True, await take())
    except _Failed as failed:
        return Step(what, False, failed.detail, failed.fix)
    except httpx.HTTPError as error:
        detail = f"no answer ({type(error).__name__}: {error})."
        return Step(
            what, False, detail, "Start `serve`, and let the proxy reach it with a certificate that phones trust."
        )


class _Phone:
    """What an iPhone knows on the way."""

    def __init__(
        self, client: httpx.AsyncClient, public_url: str, install_token: str, roots: list[x509.Certificate]
    ) -> None:
        self._client = client
        self._public_url = public_url
        self._install_token = install_token
        self._roots = roots
        self._device = secrets.token_hex(16)
        self._push_token = secrets.token_hex(32)
        self._pass: OpenedPass | None = None
        self._tag = ""
        self._modified = ""

    def steps(self) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
        """The way in its order."""
        return [
            ("install page", self._page),
            ("download", self._download),
            ("wrong token", self._stranger),
            ("register", self._register),
            ("list", self._list),
            ("fetch", self._fetch),
            ("unchanged", self._unchanged),
            ("log", self._log),
            ("remove", self._remove),
            ("nothing left", self._nothing_left),
        ]

    async def _page(self) -> str:
        url = links.install_url(self._public_url, self._install_token)
        answer = await self._ask("GET", url, {200}, headers={"User-Agent": IPHONE, "Accept": "text/html"})
        return f"{len(answer.content):,} bytes of HTML."

    async def _download(self) -> str:
        url = links.apple_url(self._public_url, self._install_token)
        answer = await self._ask("GET", url, {200}, headers={"User-Agent": IPHONE})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind != PASS_TYPE_OF_FILES:
            raise _Failed(f"it came as {kind or 'no type'}, Safari wants {PASS_TYPE_OF_FILES}.", _PROXY)
        try:
            self._pass = open_pkpass(answer.content, self._roots)
        except BadPass as error:
            raise _Failed(f"the phone would refuse it: {error}.", "`template lint` and `certs list` say why.") from None
        wanted = links.web_service_url(self._public_url)
        if self._pass.web_service_url != wanted:
            fix = "Start `serve` with the PUBLIC_URL that doctor has."
            raise _Failed(f"it points to {self._pass.web_service_url} instead of {wanted}.", fix)
        return f"{len(answer.content):,} bytes, manifest and signature hold."

    async def _stranger(self) -> str:
        headers = {"Authorization": f"ApplePass {'0' * 40}"}
        await self._ask("GET", self._pass_url(), {401}, headers=headers)
        return "refused with 401."

    async def _register(self) -> str:
        await self._ask("POST", self._registration_url(), {201}, json={"pushToken": self._push_token}, mine=True)
        again = await self._ask(
            "POST", self._registration_url(), {200}, json={"pushToken": self._push_token}, mine=True
        )
        return f"201, and {again.status_code} when repeated."

    async def _list(self) -> str:
        answer = await self._ask("GET", self._list_url(), {200})
        listed = answer.json()
        if self._opened().serial_number not in listed.get("serialNumbers", []):
            raise _Failed("the card is not in the list.", _PROXY)
        if not isinstance(listed.get("lastUpdated"), str):
            raise _Failed("lastUpdated is no string.", _PROXY)
        self._tag = listed["lastUpdated"]
        return f"{len(listed['serialNumbers'])} card, tag of {len(self._tag)} characters."

    async def _fetch(self) -> str:
        answer = await self._ask("GET", self._pass_url(), {200}, mine=True)
        self._modified = answer.headers.get("last-modified", "")
        if not self._modified:
            raise _Failed("there is no Last-Modified.", _CONDITIONAL)
        return f"{len(answer.content):,} bytes, {self._modified}."

    async def _unchanged(self) -> str:
        headers = {"If-Modified-Since": self._modified}
        await self._ask("GET", self._pass_url(), {304}, headers=headers, mine=True, fix=_CONDITIONAL)
        return "304."

    async def _log(self) -> str:
        url = f"{self._base()}/log"
        await self._ask("POST", url, {200}, json={"logs": ["doctor was here"]})
        return "200."

    async def _remove(self) -> str:
        await self._ask("DELETE", self._registration_url(), {200}, mine=True)
        return "200."

    async def _nothing_left(self) -> str:
        await self._ask("GET", self._list_url(), {204}, params={"passesUpdatedSince": self._tag})
        return "204."

    async def _ask(
        self,
        method: str,
        url: str,
        wanted: set[int],
        *,
        headers: dict[str, str] | None = None,
        json: object = None,
        params: dict[str, str] | None = None,
        mine: bool = False,
        fix: str = "",
    ) -> httpx.Response:
        sent = dict(headers or {})
        if mine:
            sent["Authorization"] = f"ApplePass {self._opened().authentication_token}"
        answer = await self._client.request(method, url, headers=sent, json=json, params=params)
        if answer.status_code in wanted:
            return answer
        expected = " or ".join(map(str, sorted(wanted)))
        raise _Failed(f"{answer.status_code} instead of {expected}.", fix or _fix(answer.status_code))

    def _opened(self) -> OpenedPass:
        if self._pass is None:
            raise _Failed("there is no card yet.", _PROXY)
        return self._pass

    def _base(self) -> str:
        return f"{self._opened().web_service_url}/v1"

    def _list_url(self) -> str:
        return f"{self._base()}/devices/{self._device}/registrations/{self._opened().pass_type_identifier}"

    def _registration_url(self) -> str:
        return f"{self._list_url()}/{self._opened().serial_number}"

    def _pass_url(self) -> str:
        opened = self._opened()
        return f"{self._base()}/passes/{opened.pass_type_identifier}/{opened.serial_number}"


def _fix(status: int) -> str:
    if 300 <= status < 400:
        return _REDIRECT
    if status == 401:
        return _AUTHORIZATION
    if status == 503:
        return "Look at /readyz: the database or the certificate is missing."
    return _PROXY
