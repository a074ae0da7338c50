"""Apple's Wallet web service without HTTP: credentials, bodies, update tags and the 304 rule.

Promises: nothing here raises, whatever bytes a phone or a stranger sends; a tag that we did not make means "list all";
the 304 rule compares dates for equality only, never for order. No clock, no database, no HTTP library.

The protocol: https://developer.apple.com/documentation/walletpasses/adding-a-web-service-to-update-passes
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson

MAX_CREDENTIALS = 512
"""Bytes of an Authorization header worth reading: our tokens are about 60."""

MAX_TAG = 2048
"""Characters of an update tag: it comes back in a query string, and proxies cut URLs near 8 KB."""

MAX_LOGS = 20
MAX_LOG_LENGTH = 500
"""``POST /v1/log`` is open to all: at most 20 strings of 500 characters are kept of one request."""

DIGEST_LENGTH = 8  # characters, 48 bits: one in 2.8e14 that a changed card looks unchanged to one phone
_VECTOR = "1."
_WHOLE = "1w."

_APPLE_PUSH_TOKEN = re.compile(r"[0-9A-Fa-f]{64,200}")
_RELAY_PUSH_TOKEN = re.compile(r"[\x21-\x7e]{8,1024}")
_INSTALLATION_ID = re.compile(r"[A-Za-z0-9_-]{8,200}")
_RELAY_URL = re.compile(r"[\x21-\x7e]{0,500}")
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:~@+=-]{1,200}")
_TAG_VECTOR = re.compile(r"1\.(?:[A-Za-z0-9_-]{8})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Scheme(StrEnum):
    """The Authorization scheme, which names the wallet: Apple's, WalletPasses' and PassWallet's."""

    APPLE = "ApplePass"
    ANDROID = "AndroidPass"
    ATTIDO = "AttidoPass"


FCM = "fcm"
"""The platform of the company's own app, which says ``"kind": "fcm"`` in the body that it registers with."""
FCM_TOKEN, FCM_INSTALLATION = "token", "fid"
"""The two kinds of address that Firebase has: a registration token, or an installation id, which is to replace it."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a device is to be rung: its platform, and the push token as it is kept.

    Of ``fcm`` it is ``token:...`` or ``fid:...``; of PassWallet the URL of its relay, a space, the token (``relay_of``).
    """

    platform: str
    push_token: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A body that says nothing we can use; ``reason`` is one sentence for the sender."""

    reason: str


def credentials(values: Sequence[bytes]) -> tuple[Scheme, bytes] | None:
    """The scheme and token of a request's Authorization headers; None unless there is exactly one that we can read.

    The token stays bytes: comparing text fails on non-ASCII input, and a header may hold any byte.
    """
    if len(values) != 1 or len(values[0]) > MAX_CREDENTIALS:
        return None
    word, _, token = values[0].strip(b" \t").partition(b" ")
    token = token.strip(b" \t")
    scheme = next((scheme for scheme in Scheme if scheme.value.lower().encode() == word.lower()), None)
    return (scheme, token) if scheme and token else None


def platform(scheme: Scheme, pass_client: str | None) -> str:
    """Whose pushes reach the device: the scheme's, or those of the Android wallet that X-Pass-Client names."""
    known = {"passes": "Pass2U", "passworks": "Passworks"}
    return known.get((pass_client or "").strip().lower(), scheme.value)


def is_identifier(text: str) -> bool:
    """Whether a path part can be a device library identifier, a pass type or a serial number at all."""
    return _IDENTIFIER.fullmatch(text) is not None


def registration(body: bytes, platform: str = Scheme.APPLE) -> Registration | Malformed:
    """What ``{"pushToken": "..."}`` registers: Apple's tokens are hex (made lower case), those of relays are not.

    The company's own app adds ``"kind": "fcm"``, and has ``"fid"`` (a Firebase installation id) or ``pushToken``;
    PassWallet adds ``pushServiceUrl`` (https://github.com/Kwiket/passwallet#push-notifications).
    """
    document = _json(body)
    if not isinstance(document, dict):
        return Malformed('The body must be {"pushToken": "..."}.')
    if document.get("kind") == FCM:
        return _own_app(document)
    token = document.get("pushToken")
    if not isinstance(token, str):
        return Malformed('The body must be {"pushToken": "..."}.')
    pattern = _APPLE_PUSH_TOKEN if platform == Scheme.APPLE else _RELAY_PUSH_TOKEN
    if pattern.fullmatch(token) is None:
        return Malformed("This push token cannot be one of this wallet's.")
    if platform == Scheme.ATTIDO:
        return _with_relay(document, token)
    return Registration(platform, token.lower() if platform == Scheme.APPLE else token)


def _own_app(document: Mapping[str, Any]) -> Registration | Malformed:
    given = {FCM_TOKEN: document.get("pushToken"), FCM_INSTALLATION: document.get("fid")}
    patterns = {FCM_TOKEN: _RELAY_PUSH_TOKEN, FCM_INSTALLATION: _INSTALLATION_ID}
    named = {kind: value for kind, value in given.items() if value is not None}
    if len(named) != 1:
        return Malformed('With "kind": "fcm" the body must have either "fid" or "pushToken".')
    kind, value = named.popitem()
    if not isinstance(value, str) or patterns[kind].fullmatch(value) is None:
        return Malformed("This cannot be an address of Firebase Cloud Messaging.")
    return Registration(FCM, f"{kind}:{value}")


def _with_relay(document: Mapping[str, Any], token: str) -> Registration | Malformed:
    """The URL is kept whatever it says: who may be called is decided where it is called."""
    url = document.get("pushServiceUrl", "")
    if not isinstance(url, str) or _RELAY_URL.fullmatch(url) is None:
        return Malformed("This pushServiceUrl cannot be a URL.")
    return Registration(Scheme.ATTIDO, f"{url} {token}")


def relay_of(push_token: str) -> tuple[str, str]:
    """URL and token of a PassWallet registration as it is kept; the URL is empty where it named none."""
    url, _, token = push_token.rpartition(" ")
    return url, token


def logs(body: bytes) -> list[str]:
    """What is worth keeping of ``{"logs": [...]}`` (once ``{"description": "..."}``): bounded, one line each, inert."""
    document = _json(body)
    if not isinstance(document, dict):
        return []
    entries = document.get("logs", document.get("description"))
    entries = [entries] if isinstance(entries, str) else entries
    if not isinstance(entries, list):
        return []
    texts = [entry[: 2 * MAX_LOG_LENGTH] for entry in entries[:MAX_LOGS] if isinstance(entry, str)]
    lines = (_CONTROL.sub(" ", text).strip()[:MAX_LOG_LENGTH] for text in texts)
    return [line for line in lines if line]


def vector(registrations: Sequence[tuple[int, str]]) -> list[str]:
    """One short digest per (registration id, edition), in the same order: what a phone knows, without a counter."""
    return [_digest(f"{number}:{edition}".encode())[:DIGEST_LENGTH] for number, edition in registrations]


def update_tag(digests: Sequence[str]) -> str:
    """The ``lastUpdated`` of a phone that holds these: all digests, or one of them all where that is too long."""
    if len(_VECTOR) + DIGEST_LENGTH * len(digests) <= MAX_TAG:
        return _VECTOR + "".join(digests)
    return _WHOLE + _digest("".join(sorted(digests)).encode())


def stale(tag: str | None, digests: Sequence[str]) -> list[bool]:
    """For each digest, whether the phone's tag lacks it; a tag that is absent, unknown or malformed lacks them all."""
    if tag is not None and len(tag) <= MAX_TAG:
        if tag.startswith(_WHOLE):
            return [tag != update_tag(digests)] * len(digests)
        if _TAG_VECTOR.fullmatch(tag):
            known = {tag[start : start + DIGEST_LENGTH] for start in range(len(_VECTOR), len(tag), DIGEST_LENGTH)}
            return [digest not in known for digest in digests]
    return [True] * len(digests)


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """Epoch seconds as an IMF-fixdate, https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7."""
    moment, day, month = _parts(seconds)
    return f"{day[:3]}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"


def not_modified(if_modified_since: str | None, last_modified: int) -> bool:
    """Whether the phone's date is exactly ours, in any of the three forms that RFC 9110 has a recipient accept.

    Equality and not order: a date later than ours comes from a restored database or a wrong clock and proves nothing.
    """
    if if_modified_since is None:
        return False
    given = if_modified_since.strip()
    if given == http_date(last_modified):
        return True
    moment, day, month = _parts(last_modified)
    clock = f"{moment:%H:%M:%S}"
    rfc850 = f"{day}, {moment.day:02}-{month}-{moment.year % 100:02} {clock} GMT"
    asctime = f"{day[:3]} {month} {moment.day:2} {clock} {moment.year:04}"
    return given in (rfc850, asctime)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _parts(seconds: int) -> tuple[datetime, str, str]:
    """The moment with its English names, whatever the locale."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment, _DAYS[moment.weekday()], _MONTHS[moment.month - 1]


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
