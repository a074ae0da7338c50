"""What goes over the wire to each vendor, as values. Pure.

Apple: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes (an empty JSON
dictionary, production only) and
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns (headers).
"""

from __future__ import annotations

from datetime import datetime, timedelta

APNS_PATH = "/3/device/"
"""The token follows."""

APNS_BODY = b"{}"
"""A push names no pass; the phone asks which ones changed. Never empty, that is ``PayloadEmpty``."""

APNS_PUSH_TYPE = "background"
APNS_PRIORITY = "5"
"""10 is an error for a background push."""

APNS_EXPIRATION = timedelta(days=30)
"""How long Apple keeps the last push for a phone that is off; Apple stores one notification for at most 30 days."""

MAX_TOKEN = 200
"""Characters; Apple's tokens are 64 hex digits today and "of variable length"."""


def apns_headers(topic: str, expiration: int) -> tuple[tuple[str, str], ...]:
    """The headers beside the pseudo-headers; ``topic`` is the pass type identifier, ``expiration`` epoch seconds."""
    return (
        ("apns-topic", topic),
        ("apns-push-type", APNS_PUSH_TYPE),
        ("apns-priority", APNS_PRIORITY),
        ("apns-expiration", str(expiration)),
    )


def apns_expiration(now: datetime) -> int:
    """The ``expiration`` of a push made now, epoch seconds; a full hour, so that a fan-out's pushes share it."""
    return (int((now + APNS_EXPIRATION).timestamp()) // 3600) * 3600


def is_apns_token(token: str) -> bool:
    """Whether this can stand in the path at all; what another network handed out must not reach Apple."""
    return token.isalnum() and token.isascii() and len(token) <= MAX_TOKEN
