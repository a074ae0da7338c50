"""Google's Wallet API over httpx, with google-auth for the service accounts' signatures: one ``GoogleWallet`` an issuer.

The only file that knows both libraries. HTTP/1.1 on purpose: at 18 requests a second a handful of kept connections is
all that is needed, and one that stalls then stalls one request, not all.
https://developers.google.com/wallet/reference/rest
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from google.auth import crypt, jwt

from pushes import googleanswer, googlebring, retry, verdict
from pushes.bucket import Lane
from pushes.gate import Gate
from pushes.googleanswer import Answer
from pushes.tls import is_certificate_refused
from pushes.verdict import GoogleOutcome
from store.google import Check, Checked, Result, ServiceAccount, Work

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600
"""How long our signed request for a token is good: the most that Google allows."""
EARLY_SECONDS = 300.0
"""So long before its end a token is replaced."""
REFUSED_SECONDS = 10.0
"""So long a key that got no token is not asked with again, however many rows wait."""
REST_SECONDS = 2.0
"""The pause of the whole issuer after "too many requests" that names none."""
MOST_REST_SECONDS = 600.0
"""Longer than that no Retry-After stops a whole issuer."""
MAX_BODY = 1 << 20
"""Bytes of an answer that are read; Google's are a few thousand."""

TOO_MANY = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "HTTP 429"})


@dataclass(frozen=True, slots=True)
class Options:
    """Patience in seconds, and how many connections one issuer may have."""

    connect: float = 5.0
    read: float = 10.0
    whole: float = 15.0  # one request, from the first byte sent to the last one read
    connections: int = 32


class NoToken(Exception):
    """No access token for this key; ``answer`` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class ServiceToken:
    """A service account's access token, kept until shortly before its end.

    Raises ValueError when the account's JSON holds no key that can sign.
    """

    def __init__(self, account: ServiceAccount, token_url: str, *, clock: Callable[[], float] = time.time) -> None:
        self.client_email = account.client_email
        self._signer = crypt.RSASigner.from_service_account_info(dict(account.info))  # type: ignore[no-untyped-call]
        self._token_url = token_url
        self._clock = clock
        self._token = ""
        self._good_until = 0.0
        self._refused: tuple[float, Answer] | None = None
        self._lock = asyncio.Lock()

    async def get(self, client: httpx.AsyncClient, options: Options) -> str:
        """The token; asked for when there is none that lasts. Raises NoToken."""
        async with self._lock:
            now = self._clock()
            if now < self._good_until:
                return self._token
            if self._refused is not None and now < self._refused[0]:
                raise NoToken(self._refused[1])
            answer = await self._ask(client, options)
            if answer.outcome is not GoogleOutcome.ACCEPTED:
                self._refused = (now + REFUSED_SECONDS, answer)
                raise NoToken(answer)
            self._token, self._refused = str(answer.body["access_token"]), None
            lasts = float(answer.body.get("expires_in") or ASSERTION_SECONDS)
            self._good_until = now + max(lasts - EARLY_SECONDS, lasts / 2)
            return self._token

    def forget(self, token: str) -> None:
        """Google has refused this token: get another."""
        if token == self._token:
            self._good_until = 0.0

    async def _ask(self, client: httpx.AsyncClient, options: Options) -> Answer:
        now = int(self._clock())
        claims = {"iss": self.client_email, "scope": SCOPE, "aud": self._token_url, "iat": now}
        assertion = jwt.encode(self._signer, claims | {"exp": now + ASSERTION_SECONDS})  # type: ignore[no-untyped-call]
        form = {"grant_type": GRANT, "assertion": assertion.decode("ascii")}
        answer = await _send(client, client.build_request("POST", self._token_url, data=form), options)
        return _token_answer(answer)


class GoogleWallet:
    """One issuer's way to its classes and objects.

    Args:
        accounts: The issuer's service accounts, newest first; while two overlap, one that is not let in gives way to
            the next.
        api_url: ``https://walletobjects.googleapis.com``, or a stand-in.
        token_url: Where access tokens are got.
        options: Patience and connections.
        dice: Evenly from [0, 1), for the delays of retries.

    Raises ValueError when no account has a key that can sign.
    """

    def __init__(
        self,
        accounts: Sequence[ServiceAccount],
        *,
        api_url: str,
        token_url: str,
        options: Options | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._tokens = _usable(accounts, token_url)
        self._api_url = api_url
        self._options = options or Options()
        self._dice = dice
        self._client = _client(self._options)

    @property
    def client_emails(self) -> tuple[str, ...]:
        """The accounts, the one that is used first in front."""
        return tuple(token.client_email for token in self._tokens)

    async def bring(self, work: Work, gate: Gate) -> Result:
        """Bring a class or object to Google; GateShut when the gate was shut before anything was sent."""
        return await googlebring.bring(_Trip(self, gate, googlebring.lane_of(work)), work, self._dice)

    async def ask(self, check: Check, gate: Gate) -> Checked | None:
        """Whether anybody has the object, in the lowest lane; None when Google did not say."""
        return await googlebring.ask(_Trip(self, gate, Lane.IDLE), check)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """One request at once, with the first account that Google lets in."""
        answer = googleanswer.silence("NoAccount")
        for token in tuple(self._tokens):
            answer = await self._call_as(token, method, path, body)
            if answer.outcome not in (GoogleOutcome.TOKEN, GoogleOutcome.OURS):
                self._prefer(token)
                break
        return answer

    async def token(self) -> Answer:
        """Get a token with the first account, for doctor: 200 or why not."""
        try:
            await self._tokens[0].get(self._client, self._options)
        except NoToken as error:
            return error.answer
        return googleanswer.read(200, b"{}")

    async def aclose(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def _call_as(
        self, account: ServiceToken, method: str, path: str, body: Mapping[str, Any] | None, *, again: bool = True
    ) -> Answer:
        try:
            token = await account.get(self._client, self._options)
        except NoToken as error:
            return error.answer
        headers = {"Authorization": f"Bearer {token}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            content = orjson.dumps(body)
        request = self._client.build_request(method, self._api_url + path, headers=headers, content=content)
        answer = await _send(self._client, request, self._options)
        if answer.outcome is not GoogleOutcome.TOKEN:
            return answer
        account.forget(token)
        return await self._call_as(account, method, path, body, again=False) if again else answer

    def _prefer(self, token: ServiceToken) -> None:
        if self._tokens[0] is not token:
            self._tokens.sort(key=lambda other: other is not token)


@dataclass(slots=True)
class _Trip:
    """The requests of one piece of work, each in its turn."""

    wallet: GoogleWallet
    gate: Gate
    lane: Lane
    begun: bool = False

    async def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        await self.gate.turn(self.lane, first=not self.begun)
        self.begun = True
        answer = await self.wallet.call(method, path, body)
        if answer.reason in TOO_MANY:
            self.gate.rest(min(answer.retry_after or REST_SECONDS, MOST_REST_SECONDS))
        return answer


async def fetch(url: str, options: Options | None = None) -> bytes:
    """A public document of Google's (the root keys of callbacks); raises OSError with the reason."""
    options = options or Options()
    async with _client(options) as client:
        try:
            async with asyncio.timeout(options.whole):
                answer = await client.get(url)
        except (httpx.HTTPError, TimeoutError) as error:
            raise OSError(f"no answer ({type(error).__name__})") from None
    if answer.status_code != 200:
        raise OSError(f"HTTP {answer.status_code}")
    return answer.content[:MAX_BODY]


def _usable(accounts: Sequence[ServiceAccount], token_url: str) -> list[ServiceToken]:
    tokens, fault = [], "there is no service account"
    for account in accounts:
        try:
            tokens.append(ServiceToken(account, token_url))
        except ValueError as error:
            fault = f"the key of {account.client_email} cannot be used: {error}"
    if not tokens:
        raise ValueError(fault)
    return tokens


def _client(options: Options) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=httpx.Timeout(options.read, connect=options.connect),
        limits=httpx.Limits(max_connections=options.connections, max_keepalive_connections=options.connections),
        trust_env=False,
        follow_redirects=False,
    )


async def _send(client: httpx.AsyncClient, request: httpx.Request, options: Options) -> Answer:
    """The answer to one request; whatever comes between us and Google is an answer too."""
    try:
        async with asyncio.timeout(options.whole):
            response = await client.send(request, stream=True)
            try:
                content = await _limited(response)
            finally:
                await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        return _no_connection(error)
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        silent = isinstance(error, TimeoutError | httpx.TimeoutException)
        return googleanswer.silence("NoAnswer" if silent else "ConnectionLost")
    return googleanswer.read(response.status_code, content, retry.seconds(response.headers.get("retry-after")))


async def _limited(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_BODY:
            return b""
    return bytes(content)


def _no_connection(error: Exception) -> Answer:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Exception) and is_certificate_refused(cause):
            return Answer(0, verdict.NO_TRUST.reason, verdict.NO_TRUST)
        cause = cause.__cause__ or cause.__context__
    return googleanswer.silence("NoConnection")


def _token_answer(answer: Answer) -> Answer:
    """The token service speaks RFC 6749: ``{"error": "invalid_grant", "error_description": ...}``."""
    if not answer.status:
        return answer
    error, told = answer.body.get("error"), answer.body.get("error_description")
    word = error if isinstance(error, str) else ""
    row = verdict.google_token(answer.status, word)
    if row.outcome is GoogleOutcome.ACCEPTED and not isinstance(answer.body.get("access_token"), str):
        row = verdict.google_token(400, "")
    return Answer(
        answer.status, row.reason, row, told if isinstance(told, str) else "", answer.body, answer.retry_after
    )
