"""The push relays of Android wallets that speak Apple's protocol: WalletPasses and PassWallet, over httpx.

A relay takes many tokens in one request and says of all of them at once whether it took them. Where it refuses a request
of several, each token is sent by itself, so that a bad one parks nobody else.

PassWallet's registrations name the URL of their relay, and whoever holds a card can write one. It is called only if its host is
one that the operator has listed, over https on the usual port, at a public address that was looked up once and is then used
as it was looked up (a name that answers differently the next time leads nowhere); redirects are not followed and no more
than a little of the answer is read.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from passkit.apple.webservice import relay_of
from pushes import retry, verdict
from pushes.channel import Outcome, Push, Verdict

BATCH = 100
"""Tokens in one request; the relays name no limit."""
CONCURRENT = 8
"""Requests under way at once; a relay is a small server."""
DEADLINE = 20.0
"""Seconds that one request may take, the look-up included."""
HTTP_SECONDS = 10.0
"""Seconds between two signs of life of a relay."""
MAX_ANSWER = 16 * 1024
"""Bytes of an answer that are read; its status says all that is needed."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str], Awaitable[Sequence[tuple[str, int]]]]
"""Host name -> addresses and ports; raises OSError."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pushes that go in one request: of one pass type, to one relay (empty: the channel's only one)."""

    topic: str
    relay: str
    pushes: tuple[Push, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A relay's HTTP answer."""

    status: int
    retry_after: float | None


class _Relay:
    """What both have in common; ``aclose`` may be called twice."""

    def __init__(self, client: httpx.AsyncClient, deadline: float) -> None:
        self._client = client
        self._deadline = deadline
        self._places = asyncio.Semaphore(CONCURRENT)
        self._closed = False

    async def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        """Send all and yield (push, verdict) in the order of the answers, exactly one for each push."""
        tasks = [asyncio.create_task(self._deliver(batch)) for batch in self._batches(pushes)]
        try:
            for answered in asyncio.as_completed(tasks):
                for answer in await answered:
                    yield answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Hang up; what is sent from now on gets a verdict to retry."""
        self._closed = True
        await self._client.aclose()

    def _batches(self, pushes: Sequence[Push]) -> Iterable[Batch]:
        groups: dict[tuple[str, str], list[Push]] = {}
        for push in pushes:
            groups.setdefault((push.topic, self._address(push)), []).append(push)
        for (topic, relay), members in groups.items():
            for first in range(0, len(members), BATCH):
                yield Batch(topic, relay, tuple(members[first : first + BATCH]))

    async def _deliver(self, batch: Batch) -> list[tuple[Push, Verdict]]:
        """The verdicts of a batch; refused as a whole, each of its tokens by itself."""
        judged = await self._try(batch)
        if len(batch.pushes) > 1 and judged.reason == "HTTP 400":
            alone = [self._try(Batch(batch.topic, batch.relay, (push,))) for push in batch.pushes]
            return list(zip(batch.pushes, await asyncio.gather(*alone), strict=True))
        return [(push, judged) for push in batch.pushes]

    async def _try(self, batch: Batch) -> Verdict:
        async with self._places:
            if self._closed:
                return verdict.unknown("Closed")
            try:
                async with asyncio.timeout(self._deadline):
                    return await self._send(batch)
            except (TimeoutError, httpx.TimeoutException):
                return verdict.unknown("NoAnswer")
            except httpx.ConnectError:
                return verdict.no_connection("NoConnection", ours=False)
            except httpx.HTTPError:
                return verdict.unknown("ConnectionLost")
            except Exception as error:  # whatever a library raises, every push has its verdict
                return verdict.unknown(type(error).__name__)

    async def _post(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            read = 0
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read > MAX_ANSWER:
                    break
        finally:
            await response.aclose()
        return Answer(response.status_code, retry.seconds(response.headers.get("retry-after")))

    def _address(self, push: Push) -> str:
        raise NotImplementedError

    async def _send(self, batch: Batch) -> Verdict:
        raise NotImplementedError


class WalletPassesChannel(_Relay):
    """All pushes to phones with WalletPasses.

    Args:
        url: RELAY_WALLETPASSES_URL.
        key: The API key, if there is one; it raises the rate limit.
        deadline: Seconds that one request may take.
    """

    def __init__(self, url: str, key: str | None = None, *, deadline: float = DEADLINE) -> None:
        headers = {"Authorization": key} if key else {}
        super().__init__(httpx.AsyncClient(headers=headers, timeout=HTTP_SECONDS, trust_env=False), deadline)
        self._url = url

    def _address(self, push: Push) -> str:
        return ""

    async def _send(self, batch: Batch) -> Verdict:
        """https://walletpasses.io/developer/."""
        body = {"passTypeIdentifier": batch.topic, "pushTokens": [push.token for push in batch.pushes]}
        answer = await self._post(self._client.build_request("POST", self._url, json=body))
        return verdict.walletpasses(answer.status, answer.retry_after)


async def look_up(host: str) -> Sequence[tuple[str, int]]:
    """Where a host is, for https."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=1)  # SOCK_STREAM
    return [(str(place[4][0]), int(place[4][1])) for place in found]


UNICAST = ipaddress.IPv6Network("2000::/3")
"""What of IPv6 is handed out to the internet at large."""


def is_public(address: Address) -> bool:
    """Whether an address is of the internet at large; one of IPv6 that wraps one of IPv4 is not."""
    if isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo or address not in UNICAST):
        return False
    return address.is_global and not address.is_multicast


async def is_public_host(host: str) -> bool:
    """Whether all of a host's addresses are public, and there is one; for ``doctor``."""
    try:
        found = await look_up(host)
    except OSError:
        return False
    return bool(found) and all(is_public(ipaddress.ip_address(address)) for address, _ in found)


class PassWalletChannel(_Relay):
    """All pushes to phones with PassWallet; what is not allowed is parked, with the reason, and nobody is called.

    Args:
        hosts: RELAY_HOSTS, host names that may be called.
        look_up: Host name -> addresses.
        is_public: Whether an address may be called.
        context: What to trust; the machine's roots if not given.
        deadline: Seconds that one request may take.
    """

    def __init__(
        self,
        hosts: Collection[str],
        *,
        look_up: Resolver = look_up,
        is_public: Callable[[Address], bool] = is_public,
        context: ssl.SSLContext | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        client = httpx.AsyncClient(
            verify=True if context is None else context,
            timeout=HTTP_SECONDS,
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # kept by address, one could serve another host's name
        )
        super().__init__(client, deadline)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._look_up = look_up
        self._is_public = is_public

    def _address(self, push: Push) -> str:
        return relay_of(push.token)[0]

    async def _send(self, batch: Batch) -> Verdict:
        """https://github.com/Kwiket/passwallet#pushing-a-pass-update-notification-to-multiple-devices."""
        place = destination(batch.relay, self._hosts)
        if isinstance(place, str):
            return Verdict(Outcome.PARK, place)
        host, path = place
        try:
            found = await self._look_up(host)
        except OSError:
            return verdict.no_connection("NoConnection", ours=False)
        if not found or not all(self._is_public(ipaddress.ip_address(address)) for address, _ in found):
            return Verdict(Outcome.PARK, NOT_PUBLIC)
        answer = await self._post_to_first(batch, host, path, found)
        return verdict.passwallet(answer.status, answer.retry_after)

    async def _post_to_first(self, batch: Batch, host: str, path: str, found: Sequence[tuple[str, int]]) -> Answer:
        """To the first address that takes a connection."""
        *others, last = found
        for place in others:
            try:
                return await self._post(self._request(batch, host, path, place))
            except httpx.ConnectError:
                continue
        return await self._post(self._request(batch, host, path, last))

    def _request(self, batch: Batch, host: str, path: str, found: tuple[str, int]) -> httpx.Request:
        address, port = found
        url = httpx.URL(scheme="https", host=address, port=port, path=f"{path}/v1/pushUpdates")
        body: dict[str, Any] = {"passTypeID": batch.topic}
        body["pushTokens"] = [relay_of(push.token)[1] for push in batch.pushes]
        named = {"sni_hostname": host}  # the name that its certificate must be for
        return self._client.build_request("POST", url, json=body, headers={"Host": host}, extensions=named)


NOT_ALLOWED = "RelayNotAllowed"
NOT_HTTPS = "RelayNotHttps"
NOT_PUBLIC = "RelayNotPublic"

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?")


def destination(url: str, hosts: Collection[str]) -> tuple[str, str] | str:
    """Host and path of a relay that may be called, or the reason why it may not. Pure.

    What is called is put together from these two, so that no two readers of URLs can disagree about it.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return NOT_ALLOWED
    if host not in hosts or parts.username is not None or parts.password is not None:
        return NOT_ALLOWED
    if parts.scheme != "https":
        return NOT_HTTPS
    if port not in (None, 443) or parts.query or parts.fragment or _PATH.fullmatch(parts.path) is None:
        return NOT_ALLOWED
    return host, parts.path.rstrip("/")
