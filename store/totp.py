"""Codes that change every 30 seconds, RFC 6238 over HMAC-SHA1 as every authenticator app speaks it. Pure."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from urllib.parse import quote

PERIOD = 30  # seconds, https://www.rfc-editor.org/rfc/rfc6238#section-5.2
DIGITS = 6
DRIFT = 1  # periods that a phone's clock may be off, before and after
SECRET_BYTES = 20  # the length of HMAC-SHA1's output, https://www.rfc-editor.org/rfc/rfc4226#section-4


def step_of(now: datetime) -> int:
    """The number of the period."""
    return int(now.timestamp()) // PERIOD


def code(secret: bytes, step: int) -> str:
    """The six digits of a period, https://www.rfc-editor.org/rfc/rfc4226#section-5.3."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def check(secret: bytes, given: str, now: datetime, last_step: int = 0) -> int | None:
    """The period that ``given`` is the code of, later than ``last_step``; None for any other text."""
    digits = "".join(given.split())
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdigit():
        return None
    found = None
    for step in range(step_of(now) - DRIFT, step_of(now) + DRIFT + 1):
        if hmac.compare_digest(code(secret, step), digits) and step > last_step:
            found = step
    return found


def text_of(secret: bytes) -> str:
    """The secret as a person types it: base32 without padding."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, account: str, issuer: str) -> str:
    """What the QR code says, https://github.com/google/google-authenticator/wiki/Key-Uri-Format."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?secret={text_of(secret)}&issuer={quote(issuer, safe='')}&algorithm=SHA1&digits=6&period=30"
