"""The link behind Google's button: ``https://pay.google.com/gp/v/save/<JWT>``.

The JWT is signed with the issuer's service-account key (RS256) and never expires, so that a link in a mail stays good
(https://developers.google.com/wallet/reference/rest/v1/Jwt). *Skinny*: it names a class and an object that Google has
accepted; nothing else of the card is in it. *Fat*: Google makes class and object from the JWT when they are saved; only
what Google requires of the type and the barcode go into it, because a link stays in a browser's history. The rest comes
with the first update: an object that exists is never changed by a JWT.

Time is an argument; the same inputs give the same link.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from passkit.errors import CertificateError

SAVE = "https://pay.google.com/gp/v/save/"
LIMIT = 1800
"""Characters that a whole link stays under: beyond it browsers and messengers cut links off."""
MIN_KEY_BITS = 2048
"""RS256 asks for it (RFC 7518 section 3.3), and Google's keys have it."""
KEYS_KEPT = 16
"""Parsed keys remembered: reading one with its checks takes longer than signing with it."""

_LEAN_CLASS = (
    "id", "issuerName", "localizedIssuerName", "reviewStatus", "hexBackgroundColor", "callbackOptions",
    "programName", "localizedProgramName", "programLogo", "provider", "localizedProvider", "title", "localizedTitle",
    "redemptionChannel", "eventName", "flightHeader", "origin", "destination", "localScheduledDepartureDateTime", "logo",
    "transitType", "allowBarcodeRedemption", "multipleDevicesAndHoldersAllowedStatus",
)  # fmt: skip
_LEAN_OBJECT = ("id", "classId", "state", "barcode")
_LEAN_MORE: Mapping[str, tuple[str, ...]] = {
    "giftCard": ("cardNumber",),
    "generic": ("cardTitle", "header"),
    "flight": ("passengerName", "reservationInfo"),
    "transit": ("tripType",),
}
"""What Google requires ("Required." in its discovery document), and what makes the card usable at a till."""


@dataclass(frozen=True, slots=True)
class Account:
    """The service account that signs: its address, and its key as PEM with the key's id in Google's console."""

    email: str
    key_id: str
    private_key_pem: str = field(repr=False)


def skinny(type_: str, class_id: str, object_id: str) -> dict[str, Any]:
    """The payload that names an accepted object; ``type_`` in Google's words, as in ``loyalty`` or ``giftCard``."""
    return {f"{type_}Objects": [{"id": object_id, "classId": class_id}]}


def fat(type_: str, class_body: Mapping[str, Any], object_body: Mapping[str, Any]) -> dict[str, Any]:
    """The payload from which Google makes class and object: of both insert bodies only what it cannot do without."""
    lean = (*_LEAN_OBJECT, *_LEAN_MORE.get(type_, ()))
    return {
        f"{type_}Classes": [{name: class_body[name] for name in _LEAN_CLASS if name in class_body}],
        f"{type_}Objects": [{name: object_body[name] for name in lean if name in object_body}],
    }


def save_link(account: Account, payload: Mapping[str, Any], now: datetime, origins: Sequence[str] = ()) -> str | None:
    """The link for a payload; None when it would not stay under ``LIMIT``. Raises CertificateError for a broken key."""
    link = SAVE + token(account, payload, now, origins)
    return link if len(link) < LIMIT else None


def token(account: Account, payload: Mapping[str, Any], now: datetime, origins: Sequence[str] = ()) -> str:
    """The signed JWT, whatever its length."""
    claims = {
        "iss": account.email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "origins": list(origins),
        "payload": dict(payload),
    }
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": account.key_id} if account.key_id else {})
    signed = b".".join(_base64(orjson.dumps(part)) for part in (header, claims))
    signature = _key(account.private_key_pem).sign(signed, PKCS1v15(), SHA256())
    return (signed + b"." + _base64(signature)).decode()


def origin(public_url: str) -> str | None:
    """The web origin of our pages, for the claim; Google takes https alone."""
    parts = urlsplit(public_url)
    return f"https://{parts.netloc}" if parts.scheme == "https" and parts.netloc else None


def _base64(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


@lru_cache(maxsize=KEYS_KEPT)
def _key(pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError(
            "The service account's private key cannot be read; download its JSON file anew."
        ) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise CertificateError(f"The service account's key is no RSA key of {MIN_KEY_BITS} bits or more.")
    return key
