"""Short messages over whatever HTTP gateway an operator has, by httpx: the one file that knows how.

A gateway is an address with ``{phone}`` (E.164), ``{digits}`` (the same without +) and ``{text}`` in it, and perhaps a JSON
body with the same words; what stands for them is encoded for its place, so that no text can become another parameter.
https, or http to this machine; redirects are not followed, and little of the answer is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from pushes.letters import Sent
from store.outgoing import Due

DEADLINE = 20.0
MAX_ANSWER = 16 * 1024
"""Bytes of an answer that are looked at."""
WORDS = ("{phone}", "{digits}", "{text}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Gateway:
    """How to ask a gateway: GET, or POST where there is a ``body``; ``expect`` must be in a good answer."""

    url: str = field(repr=False)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    expect: str = ""


def checked(url: str, body: str | None, headers: str | None, expect: str | None = None) -> Gateway:
    """A gateway as an operator writes it; ValueError says what is missing."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("http", "https") or any(word in parts.netloc for word in WORDS):
        raise ValueError("write it as https://host/path?to={phone}&text={text}")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("a message is somebody's: use https (http:// is for this machine alone)")
    parsed = _json(body, "the body") if body else None
    given = _json(headers, "the headers") if headers else {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ValueError('the headers are a JSON object of texts, such as {"Authorization": "Bearer ..."}')
    said = url + (body or "")
    if "{text}" not in said or not ("{phone}" in said or "{digits}" in said):
        raise ValueError("{phone} (or {digits}) and {text} must stand in the address or in the body")
    return Gateway(url, parsed, given, expect or "")


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{what} must be JSON") from None


class GatewaySender:
    """Sends short messages through one gateway; ``aclose`` ends it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._client = httpx.AsyncClient(timeout=DEADLINE, follow_redirects=False, trust_env=False)

    async def send(self, due: Due) -> Sent:
        """Send one message; 4xx is final but for 401, 403, 408 and 429, which an operator mends or time."""
        gateway = self._gateway
        words = {"phone": due.to, "digits": due.to.lstrip("+"), "text": due.text}
        asked: dict[str, Any] = {"url": in_address(gateway.url, words), "headers": dict(gateway.headers)}
        if gateway.body is not None:
            asked |= {"method": "POST", "json": in_json(gateway.body, words)}
        try:
            async with self._client.stream(asked.pop("method", "GET"), **asked) as answer:
                return self._judged(answer.status_code, await _beginning(answer))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Sent(False, type(error).__name__)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _judged(self, status: int, text: str) -> Sent:
        if 200 <= status < 300:
            if self._gateway.expect in text:
                return Sent(True)
            return Sent(False, f"HTTP {status}, but the answer does not hold GATEWAY_EXPECT", is_final=True)
        is_final = 400 <= status < 500 and status not in (401, 403, 408, 429)
        return Sent(False, f"HTTP {status}", is_final=is_final)


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
