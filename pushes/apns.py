"""Apple's push service over our own push connection: one channel for each pass type.

A push says no more than "ask which passes changed": ``POST /3/device/{token}`` with body ``{}``, the pass type
identifier as its topic, the pass type's certificate as TLS client certificate.
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from pushes import payload, retry, verdict
from pushes.channel import Push, Verdict
from pushes.h2events import Answered
from pushes.h2pool import Options, PushPool
from pushes.h2push import NotHttp2
from pushes.h2request import RequestEncoder
from pushes.tls import client_context, is_certificate_refused

MAX_REASON = 64
"""Characters; a longer reason is none of Apple's words and is not passed on."""


class ApnsChannel:
    """All pushes of one pass type; any number of callers at once.

    Args:
        host_url: ``https://host[:port]``.
        certificate_pem: The pass type's certificate, its chain behind it if wanted.
        key_pem: Its key, not encrypted.
        ca_pem: The roots to trust instead of the machine's (APNS_CA).
        options: Limits and patience.
        dice: Evenly from [0, 1), for the back-off's jitter.

    Raises ValueError for a URL that is none, ssl.SSLError for a pair that does not load.
    """

    def __init__(
        self,
        host_url: str,
        certificate_pem: bytes,
        key_pem: bytes,
        ca_pem: bytes | None = None,
        *,
        options: Options | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        host, port = address(host_url)
        authority = host if port == 443 else f"{host}:{port}"
        context = client_context(certificate_pem, key_pem, ca_pem)
        self._pool = PushPool(host, port, context, lambda: _encoder(authority), Judge(), options, dice)

    @property
    def connections(self) -> int:
        """Connections that stand now."""
        return self._pool.connections

    def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        """Send all and yield (push, verdict) in the order of the answers, exactly one for each push."""
        return self._pool.send_many(pushes)

    async def aclose(self) -> None:
        """Finish what is under way, a few seconds at most, and hang up; what is unsent gets a verdict to retry."""
        await self._pool.aclose()


@dataclass(frozen=True, slots=True)
class Judge:
    """Apple's words as verdicts."""

    accepted: Verdict = verdict.DELIVERED

    def refuses(self, push: Push) -> Verdict | None:
        """What cannot stand in Apple's path is never sent."""
        return None if payload.is_apns_token(push.token) else verdict.NOT_A_TOKEN

    def answer(self, answered: Answered) -> Verdict:
        """Status, reason, timestamp and headers as the table says."""
        reason, timestamp = reason_of(answered.body)
        return verdict.apns(
            answered.status,
            reason,
            timestamp,
            retry_after=retry.seconds(answered.headers.get("retry-after")),
            vendor_id=answered.headers.get("apns-id"),
        )

    def unknown(self, reason: str) -> Verdict:
        """Cut, reset, silence."""
        return verdict.unknown(reason)

    def goodbye(self, text: bytes) -> tuple[str, Verdict | None]:
        """Apple may say in a GOAWAY what it would have answered."""
        reason, _ = reason_of(text)
        return reason, verdict.apns_goodbye(reason)

    def no_connection(self, error: Exception) -> Verdict:
        """A certificate refused or a server that is no push service is ours to mend, all else passes."""
        if is_certificate_refused(error):
            return verdict.no_connection("CertificateRefused", ours=True)
        if isinstance(error, NotHttp2):
            return verdict.no_connection("NotHttp2", ours=True)
        return verdict.no_connection("NoConnection", ours=False)


def address(host_url: str) -> tuple[str, int]:
    """Host and port of ``https://host[:port]``."""
    parts = urlsplit(host_url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"{host_url!r} is not https://host[:port]")
    return parts.hostname, parts.port or 443


def reason_of(body: bytes) -> tuple[str, int | None]:
    """``reason`` and ``timestamp`` (milliseconds) of Apple's JSON; whatever else it is has neither."""
    try:
        content: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", None
    if not isinstance(content, dict):
        return "", None
    reason, timestamp = content.get("reason"), content.get("timestamp")
    if not (isinstance(reason, str) and reason.isascii() and reason.isalnum() and len(reason) <= MAX_REASON):
        reason = ""
    return reason, timestamp if isinstance(timestamp, int) and not isinstance(timestamp, bool) else None


def _encoder(authority: str) -> RequestEncoder:
    return RequestEncoder(
        authority=authority, path=payload.APNS_PATH, body=payload.APNS_BODY, headers_of=payload.apns_headers
    )
