"""What ``doctor`` looks at for a brand on Google Wallet: the key, the token, the console, pictures, callbacks, root keys.

``--google`` also asks Google to judge what a sample save link would hold (``jwt.validate``); nothing is stored by that.
https://developers.google.com/wallet/generic/getting-started/auth/rest
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from commands import shell
from commands.checks import Check, State
from commands.settings import Settings
from passkit.google.callback import RootKey
from passkit.google.savelink import fat
from pushes import googleanswer
from pushes.google import GoogleWallet
from pushes.googleanswer import Answer
from pushes.googlebring import PATH
from pushes.verdict import GoogleOutcome
from store import google
from store.brands import BrandRow
from store.dialect import Database
from store.google import Mode, ServiceAccount
from store.googlesamples import Sample, samples

REACH_SECONDS = 10.0
NO_REDIRECT = "Google fetches pictures from PUBLIC_URL itself: https, no redirect, open to robots; look at the proxy."


async def examine(
    db: Database, settings: Settings, brand: BrandRow, *, reach_out: bool, validate: bool = False
) -> AsyncIterator[Check]:
    """The lines of one brand; none for a brand that has nothing of Google's."""
    accounts = await google.keys(db, brand.id)
    if brand.google_mode == Mode.OFF:
        if accounts and brand.google_issuer_id:
            fix = "`google set --mode test --tester CARD`, then `google set --mode live`."
            yield Check(State.WARN, f"Google of {brand.key}", "off, though issuer and key are there.", fix)
        return
    yield Check(State.OK, f"Google of {brand.key}", f"{brand.google_mode}, issuer {brand.google_issuer_id}.")
    found = await samples(db, brand.id, shell.now())
    yield _refused(brand, len(await google.dead(db, brand.id)))
    for check in _keys(brand, accounts):
        yield check
    if not reach_out:
        return
    async for check in _reaching(settings, brand, accounts, found, validate):
        yield check
    async for check in _public(settings.public_url or "", brand, found):
        yield check


def root_keys(known: list[RootKey], read_at: datetime | None) -> Check:
    """Whether Google's callbacks can be verified."""
    what, now = "Google's root keys", shell.now()
    good = [key for key in known if key.expires_at is None or key.expires_at > now]
    if read_at is None or not good:
        state = "never read" if read_at is None else "all expired"
        return Check(State.FAIL, what, f"{state}: callbacks are refused.", _ROOT_KEYS_FIX)
    return Check(State.OK, what, f"{len(good)} good, read {read_at:%Y-%m-%d %H:%M}.")


_ROOT_KEYS_FIX = "Run `serve` or `worker`: it reads them from GOOGLE_CALLBACK_KEYS_URL, which must be reachable."


def _refused(brand: BrandRow, count: int) -> Check:
    what = f"refused by Google, {brand.key}"
    if not count:
        return Check(State.OK, what, "nothing.")
    return Check(State.WARN, what, f"{count}.", "`google refused` says why; `google retry` when it is mended.")


def _keys(brand: BrandRow, accounts: list[ServiceAccount]) -> Iterator[Check]:
    what = f"Google key of {brand.key}"
    if not accounts:
        yield Check(State.FAIL, what, "there is none.", "`google set --key FILE`.")
    for account in accounts:
        if account.info:
            yield Check(State.OK, what, f"{account.client_email}, {account.fingerprint[:16]}.")
        else:
            fix = f"Put the id back into SECRET, or `google set --key FILE` and `google revoke {account.fingerprint[:16]}`."
            yield Check(State.FAIL, what, f"{account.client_email}: no SECRET opens it.", fix)


async def _reaching(
    settings: Settings, brand: BrandRow, accounts: list[ServiceAccount], found: list[Sample], validate: bool
) -> AsyncIterator[Check]:
    """Each key by itself: a token, then a look at the issuer's classes; then what Google says of a sample link."""
    for account in accounts:
        if not account.info:
            continue
        try:
            wallet = GoogleWallet([account], api_url=settings.google_url, token_url=settings.google_token_url)
        except ValueError as error:
            yield Check(State.FAIL, f"Google key of {brand.key}", f"{error}.", "`google set --key FILE`.")
            continue
        try:
            async for check in _asking(wallet, brand, account, found, validate):
                yield check
        finally:
            await wallet.aclose()


async def _asking(
    wallet: GoogleWallet, brand: BrandRow, account: ServiceAccount, found: list[Sample], validate: bool
) -> AsyncIterator[Check]:
    granted = await wallet.token()
    yield _judged(f"Google token of {brand.key}", f"granted to {account.client_email}.", granted)
    if granted.outcome is not GoogleOutcome.ACCEPTED:
        return
    issuer = quote(brand.google_issuer_id or "", safe="")
    kind = f"{found[0].type if found else 'generic'}Class"
    classes = await wallet.call("GET", f"{PATH}{kind}?issuerId={issuer}&maxResults=1")
    check = _judged(f"Google classes of {brand.key}", f"issuer {issuer} lets us read them.", classes)
    named = check.fix.replace("the service account's e-mail address", account.client_email)
    yield Check(check.state, check.what, check.detail, named)
    if validate and check.state is State.OK:
        for one in found:
            yield await _validated(wallet, one)


async def _validated(wallet: GoogleWallet, one: Sample) -> Check:
    what = f"sample save link of {one.template}"
    claims = {"aud": "google", "typ": "savetowallet", "iat": int(shell.now().timestamp()), "origins": []}
    claims["payload"] = fat(one.type, one.class_body, one.object_body)
    answer = await wallet.call("POST", f"{PATH}jwt/validate", {"jsonResource": {"json": json.dumps(claims)}})
    if answer.outcome is GoogleOutcome.REFUSED:
        detail = f"Google refuses it: {googleanswer.sentence(answer, None)}"
        return Check(
            State.FAIL, what, detail, f"`template lint` and docs/google.md; mend {one.template} and publish it."
        )
    return _judged(what, "Google finds it valid.", answer)


def _judged(what: str, good: str, answer: Answer) -> Check:
    if answer.outcome is GoogleOutcome.ACCEPTED:
        return Check(State.OK, what, good)
    fix = answer.row.fix or "Try again in a while; see https://status.cloud.google.com."
    if not answer.status and not answer.row.fix:
        fix = "Let this machine reach Google: port 443 of walletobjects.googleapis.com and oauth2.googleapis.com."
    told = googleanswer.sentence(answer, None)
    detail = f"{answer.reason}{f' ({told})' if told else ''}, {answer.row.meaning}."
    return Check(State.FAIL, what, detail, f"{fix[:1].upper()}{fix[1:]}.".replace("..", "."))


async def _public(public_url: str, brand: BrandRow, found: list[Sample]) -> AsyncIterator[Check]:
    """What Google fetches from us, fetched as Google does: through PUBLIC_URL, following nothing."""
    async with httpx.AsyncClient(timeout=REACH_SECONDS, follow_redirects=False, trust_env=False) as client:
        picture = next((url for one in found for url in _pictures(one.class_body)), None)
        if picture is not None:
            yield await _picture(client, picture, brand)
        yield await _robots(client, public_url)
        yield await _callback(client, public_url, brand)


async def _picture(client: httpx.AsyncClient, url: str, brand: BrandRow) -> Check:
    what = f"picture for Google, {brand.key}"
    answer = await _fetched(client, "GET", url)
    if answer is None:
        return Check(State.FAIL, what, f"{url}: no answer.", NO_REDIRECT)
    kind = answer.headers.get("content-type", "")
    if answer.status_code != 200 or not kind.startswith("image/"):
        return Check(State.FAIL, what, f"{url} answers {answer.status_code} {kind}".rstrip() + ".", NO_REDIRECT)
    if not url.startswith("https://"):
        return Check(State.WARN, what, f"{url}: Google fetches https alone.", "Set PUBLIC_URL to an https address.")
    return Check(State.OK, what, f"{len(answer.content):,} bytes.")


async def _robots(client: httpx.AsyncClient, public_url: str) -> Check:
    answer = await _fetched(client, "GET", f"{public_url}/robots.txt")
    text = answer.text if answer is not None and answer.status_code == 200 else ""
    if "Allow: /images/" in text and "Allow: /google/callback/" in text:
        return Check(State.OK, "robots.txt", "lets Google fetch pictures and call back.")
    fix = "Let the proxy pass /robots.txt to `serve`, or allow /images/ and /google/callback/ in yours."
    return Check(State.FAIL, "robots.txt", "does not let Google fetch pictures and call back.", fix)


async def _callback(client: httpx.AsyncClient, public_url: str, brand: BrandRow) -> Check:
    """An empty callback is refused with 400 by us, and by nobody else with our words."""
    what = f"Google's callbacks to {brand.key}"
    answer = await _fetched(client, "POST", f"{public_url}/google/callback/{quote(brand.key)}")
    is_ours = answer is not None and answer.headers.get("content-type", "").startswith("application/problem+json")
    if answer is not None and is_ours and answer.status_code in (400, 401, 403):
        return Check(State.OK, what, "arrive, and one without a signature is refused.")
    told = "no answer" if answer is None else f"answers {answer.status_code}"
    fix = "Let the proxy pass POST /google/callback/ to `serve`, without redirect or login."
    return Check(State.FAIL, what, f"{public_url}/google/callback/{brand.key}: {told}.", fix)


async def _fetched(client: httpx.AsyncClient, method: str, url: str) -> httpx.Response | None:
    try:
        return await client.request(method, url, content=b"{}" if method == "POST" else None)
    except httpx.HTTPError:
        return None


def _pictures(body: Mapping[str, Any]) -> Iterator[str]:
    """The addresses of the pictures in a class."""
    for value in body.values():
        if isinstance(value, Mapping):
            uri = value.get("sourceUri")
            if isinstance(uri, Mapping) and isinstance(uri.get("uri"), str):
                yield uri["uri"]
            else:
                yield from _pictures(value)
