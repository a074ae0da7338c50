"""A message gateway as an operator or a brand's admin writes it: any HTTP address that sends short messages. Pure.

The address holds ``{phone}`` (E.164), ``{digits}`` (the same without +) and ``{text}``, or a JSON body does. It is https, or
http to this machine; one that a brand's admin writes in the studio (``public``) is https at a name of the internet.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

WORDS = ("{phone}", "{digits}", "{text}")
MAX_LENGTH = 4000
"""Characters of an address, a body or the headers."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class GatewayError(ValueError):
    """What is wrong with a gateway: ``key`` is one of address, https, name, headers, words, json and long."""

    def __init__(self, key: str, sentence: str) -> None:
        self.key = key
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Gateway:
    """How to ask a gateway: GET, or POST where there is a ``body``; ``expect`` must be in a good answer."""

    url: str = field(repr=False)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    expect: str = ""
    is_public: bool = False
    """Whether it may lead to public addresses alone."""

    @property
    def host(self) -> str:
        """Where it is, which is no secret."""
        return urlsplit(self.url).hostname or ""


def checked(
    url: str, body: str | None, headers: str | None, expect: str | None = None, *, public: bool = False
) -> Gateway:
    """A gateway as it is written; GatewayError says what is missing."""
    _check_address(url, public=public)
    parsed = _json(body, "the body") if body else None
    given = _json(headers, "the headers") if headers else {}
    if not isinstance(given, dict) or not all(_is_header(name, value) for name, value in given.items()):
        raise GatewayError("headers", 'the headers are a JSON object of texts, such as {"Authorization": "Bearer ..."}')
    said = url + (body or "")
    if "{text}" not in said or not ("{phone}" in said or "{digits}" in said):
        raise GatewayError("words", "{phone} (or {digits}) and {text} must stand in the address or in the body")
    if max(len(url), len(body or ""), len(headers or ""), len(expect or "")) > MAX_LENGTH:
        raise GatewayError("long", f"this is longer than {MAX_LENGTH} characters")
    return Gateway(url, parsed, given, expect or "", public)


def of_brand(own: Mapping[str, Any]) -> Gateway:
    """A brand's own as the store keeps it: ``url``, ``body``, ``headers``, ``expect``, ``public``; GatewayError."""
    body, headers = own.get("body"), own.get("headers")
    return checked(
        str(own.get("url") or ""),
        None if body is None else json.dumps(body),
        None if not headers else json.dumps(headers),
        own.get("expect"),
        public=bool(own.get("public")),
    )


def stored(gateway: Gateway) -> dict[str, Any]:
    """What ``of_brand`` reads."""
    given = {"url": gateway.url, "body": gateway.body, "headers": dict(gateway.headers), "expect": gateway.expect}
    return {**given, "public": gateway.is_public}


def _check_address(url: str, *, public: bool) -> None:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("http", "https") or any(word in parts.netloc for word in WORDS):
        raise GatewayError("address", "write it as https://host/path?to={phone}&text={text}")
    if parts.scheme == "http" and (public or parts.hostname not in _LOOPBACK):
        raise GatewayError("https", "a message is somebody's: use https (http:// is for this machine alone)")
    if public and ("." not in parts.hostname.strip(".") or _is_number(parts.hostname)):
        raise GatewayError("name", "write the gateway's name on the internet, such as sms.example.com")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdigit()
    return True


def _is_header(name: Any, value: Any) -> bool:
    return isinstance(value, str) and all(text.isprintable() and text.isascii() for text in (name, value))


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise GatewayError("json", f"{what} must be JSON") from None
