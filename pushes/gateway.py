"""Short messages over whatever HTTP gateway an operator has, by httpx: the one file that knows how.

What stands for the words of a gateway (``passkit.gateways``) is encoded for its place, so that no text can become another
parameter. Redirects are not followed, and little of the answer is read. A gateway that a brand's admin has written reaches
the internet at large alone: its name is looked up once, refused unless all of it is public, and used as it was looked up.
https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from passkit.gateways import Gateway
from pushes.letters import Sent
from pushes.relays import Resolver, is_public, look_up
from store.outgoing import Due

DEADLINE = 20.0
MAX_ANSWER = 16 * 1024
"""Bytes of an answer that are looked at."""
NOT_PUBLIC = "the gateway's address is none of the public internet"


class GatewaySender:
    """Sends short messages through one gateway; ``aclose`` ends it."""

    def __init__(self, gateway: Gateway, look_up: Resolver = look_up) -> None:
        self._gateway = gateway
        self._look_up = look_up
        kept = httpx.Limits(max_keepalive_connections=0 if gateway.is_public else 20)  # as in relays
        self._client = httpx.AsyncClient(timeout=DEADLINE, follow_redirects=False, trust_env=False, limits=kept)

    async def send(self, due: Due) -> Sent:
        """Send one message; 4xx is final but for 401, 403, 408 and 429, which an operator mends or time."""
        gateway = self._gateway
        words = {"phone": due.to, "digits": due.to.lstrip("+"), "text": due.text}
        asked: dict[str, Any] = {"url": httpx.URL(in_address(gateway.url, words)), "headers": dict(gateway.headers)}
        if gateway.body is not None:
            asked |= {"method": "POST", "json": in_json(gateway.body, words)}
        try:
            if gateway.is_public:
                asked |= await self._pinned(asked["url"], asked["headers"])
            async with self._client.stream(asked.pop("method", "GET"), **asked) as answer:
                return self._judged(answer.status_code, await _beginning(answer))
        except _NotPublicError:
            return Sent(False, NOT_PUBLIC, is_final=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Sent(False, type(error).__name__)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _pinned(self, url: httpx.URL, headers: Mapping[str, str]) -> dict[str, Any]:
        """The request to the address that was looked up, in the name that its certificate must be for."""
        found = [address for address, _ in await self._look_up(url.host)]
        if not found or not all(is_public(ipaddress.ip_address(address)) for address in found):
            raise _NotPublicError
        named = {**headers, "Host": url.netloc.decode("ascii")}
        return {"url": url.copy_with(host=found[0]), "headers": named, "extensions": {"sni_hostname": url.host}}

    def _judged(self, status: int, text: str) -> Sent:
        if 200 <= status < 300:
            if self._gateway.expect in text:
                return Sent(True)
            return Sent(False, f"HTTP {status}, but the answer does not hold GATEWAY_EXPECT", is_final=True)
        is_final = 400 <= status < 500 and status not in (401, 403, 408, 429)
        return Sent(False, f"HTTP {status}", is_final=is_final)


class _NotPublicError(Exception):
    """The name leads into somebody's own network."""


async def _beginning(answer: httpx.Response) -> str:
    content = b""
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER:
            break
    return content[:MAX_ANSWER].decode("utf-8", "replace")


def in_address(url: str, words: Mapping[str, str]) -> str:
    """The address with its words filled in, percent-encoded."""
    return _filled(url, {name: quote(word, safe="") for name, word in words.items()})


def in_json(value: Any, words: Mapping[str, str]) -> Any:
    """The body with its words filled in, in texts only."""
    if isinstance(value, str):
        return _filled(value, words)
    if isinstance(value, dict):
        return {key: in_json(part, words) for key, part in value.items()}
    return [in_json(part, words) for part in value] if isinstance(value, list) else value


def _filled(text: str, words: Mapping[str, str]) -> str:
    """In one go: a message that says ``{phone}`` stays as it is."""
    return re.sub(r"\{(phone|digits|text)\}", lambda found: words[found[1]], text)
