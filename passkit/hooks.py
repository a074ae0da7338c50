"""Standard Webhooks 1.0.0, strict.

``verify`` never raises, whatever the headers hold: it gives the proven id and time, or a ``Refusal``, whose reason is
for the operator's log and never for the sender. The signed content is ``{id}.{timestamp}.{body}``, bytes as they came.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import orjson

TOLERANCE = timedelta(minutes=5)
"""How far the sender's clock may be from ours, both ways: the specification's reference libraries use the same."""

MAX_SIGNATURES = 8
"""Signatures read from one header: two or three while secrets rotate; more is an attempt to make us work."""

MIN_KEY, MAX_KEY = 24, 64
"""Bytes of a secret, by the specification."""

MAX_RESPELLED = 64 * 1024
"""Bytes of a refused body that are worth the work of finding out what altered it."""

PREFIX = "whsec_"
_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(rb"[0-9]{10}")
_NAMES = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")


class Reason(StrEnum):
    """Why a delivery was refused: what the sender has to look at."""

    HEADERS = "headers"
    CLOCK = "clock"
    SECRET = "secret"  # noqa: S105 a reason, not a password
    BODY = "body"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery that a holder of the secret sent: ``id`` is the event's, the same on every attempt."""

    id: str
    timestamp: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery that proves nothing; ``detail`` is for the operator, ``id`` is empty where it is malformed."""

    reason: Reason
    detail: str
    id: str = ""


def new_secret(random: bytes) -> str:
    """A secret as both sides keep it: ``whsec_`` and base64 of 24 to 64 random bytes."""
    if not MIN_KEY <= len(random) <= MAX_KEY:
        raise ValueError(f"A webhook secret has {MIN_KEY} to {MAX_KEY} bytes, not {len(random)}.")
    return PREFIX + b64encode(random).decode()


def key(secret: str) -> bytes:
    """The HMAC key inside a secret; missing padding is forgiven. Raises ValueError on anything else."""
    text = secret.removeprefix(PREFIX)
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("A webhook secret is whsec_ and base64.") from error
    if not MIN_KEY <= len(raw) <= MAX_KEY:
        raise ValueError(f"A webhook secret has {MIN_KEY} to {MAX_KEY} bytes, not {len(raw)}.")
    return raw


def sign(secret: str, id: str, timestamp: datetime, body: bytes) -> str:
    """The ``webhook-signature`` value for one attempt at ``timestamp``."""
    content = _content(id.encode(), str(int(timestamp.timestamp())).encode(), body)
    return "v1," + b64encode(_mac(key(secret), content)).decode()


def verify(
    headers: Sequence[tuple[bytes, bytes]], body: bytes, secrets: Sequence[str], now: datetime
) -> Verified | Refusal:
    """Judge a delivery by its raw headers and body against every current secret of the source."""
    found = [[value.strip(b" \t") for name, value in headers if name.lower() == wanted] for wanted in _NAMES]
    for wanted, values in zip(_NAMES, found, strict=True):
        if len(values) != 1:
            return Refusal(Reason.HEADERS, f"There must be exactly one {wanted.decode()} header, not {len(values)}.")
    (event_id,), (timestamp,), (signatures,) = found
    if _ID.fullmatch(event_id) is None:
        return Refusal(Reason.HEADERS, "webhook-id must be 1 to 128 characters A-Z a-z 0-9 _ -.")
    name = event_id.decode("ascii")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        return Refusal(Reason.HEADERS, "webhook-timestamp must be Unix time in whole seconds, 10 digits.", name)
    given = _signatures(signatures)
    if isinstance(given, str):
        return Refusal(Reason.HEADERS, given, name)
    signed = _matches(given, [_content(event_id, timestamp, body)], _keys(secrets))
    moment = datetime.fromtimestamp(int(timestamp), UTC)
    if not signed:
        return _why(event_id, timestamp, body, given, secrets)
    if abs(now - moment) > TOLERANCE:
        return Refusal(Reason.CLOCK, _clock_sentence(moment, now), name)
    return Verified(name, moment)


def _signatures(value: bytes) -> list[bytes] | str:
    """The v1 signatures of the header, decoded strictly; other versions are passed over, as the specification asks."""
    parts = value.split(b" ")
    if len(parts) > MAX_SIGNATURES:
        return f"webhook-signature holds more than {MAX_SIGNATURES} signatures."
    given = []
    for part in parts:
        version, comma, encoded = part.partition(b",")
        if not comma or not encoded:
            return "webhook-signature must be v1,<base64>, several apart by one space."
        if version == b"v1":
            try:
                given.append(b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                return "webhook-signature: what follows v1, is not base64."
    return given or "webhook-signature holds no v1 signature."


def _content(event_id: bytes, timestamp: bytes, body: bytes) -> bytes:
    return b".".join((event_id, timestamp, body))


def _mac(secret_key: bytes, content: bytes) -> bytes:
    return hmac.new(secret_key, content, hashlib.sha256).digest()


def _keys(secrets: Sequence[str]) -> list[bytes]:
    """The keys of all secrets; one that cannot be read signs nothing."""
    keys = []
    for secret in secrets:
        try:
            keys.append(key(secret))
        except ValueError:
            continue
    return keys


def _matches(given: Sequence[bytes], contents: Sequence[bytes], keys: Sequence[bytes]) -> bool:
    """Whether any signature is any key's over any content; always does all the comparisons."""
    found = False
    for secret_key in keys:
        for content in contents:
            expected = _mac(secret_key, content)
            for signature in given:
                found |= hmac.compare_digest(expected, signature)
    return found


def _why(event_id: bytes, timestamp: bytes, body: bytes, given: Sequence[bytes], secrets: Sequence[str]) -> Refusal:
    """Name the mistake behind a signature that does not fit, by trying the usual ones; only the operator reads it."""
    name, keys = event_id.decode("ascii"), _keys(secrets)
    if not keys:
        return Refusal(Reason.SECRET, "This source has no secret that is valid now.", name)
    content = _content(event_id, timestamp, body)
    raw = [part for secret in secrets for part in (secret.encode(), secret.removeprefix(PREFIX).encode())]
    if _matches(given, [content], raw):
        detail = "Signed with the secret's text: the key is the base64-decoded part after whsec_."
        return Refusal(Reason.SECRET, detail, name)
    if _matches(given, [_content(event_id, timestamp, other) for other in _respelled(body)], keys):
        detail = "The body was altered after signing: its JSON was written anew or white space changed."
        return Refusal(Reason.BODY, detail, name)
    if _matches(given, [body, timestamp + b"." + body], keys):
        detail = "The signed content must be {webhook-id}.{webhook-timestamp}.{body}."
        return Refusal(Reason.SIGNATURE, detail, name)
    hexadecimal = [binascii.hexlify(_mac(secret_key, content)) for secret_key in keys]
    if any(hmac.compare_digest(expected, b64encode(signature)) for expected in hexadecimal for signature in given):
        return Refusal(Reason.SIGNATURE, "The signature is hexadecimal: it must be base64.", name)
    detail = "No secret of this source made this signature: another secret, or id, time or body altered on the way."
    return Refusal(Reason.SECRET, detail, name)


def _respelled(body: bytes) -> Iterator[bytes]:
    """The same body as it may have looked before something in between wrote it anew."""
    if len(body) > MAX_RESPELLED:
        return
    yield b""
    yield body.strip()
    yield body.strip() + b"\n"
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    yield orjson.dumps(document)
    yield json.dumps(document).encode()
    yield json.dumps(document, ensure_ascii=False).encode()
    yield json.dumps(document, separators=(",", ":")).encode()
    yield json.dumps(document, sort_keys=True).encode()


def _clock_sentence(moment: datetime, now: datetime) -> str:
    seconds = int((now - moment).total_seconds())
    way = "behind" if seconds > 0 else "ahead of"
    return f"The signature fits, but webhook-timestamp is {abs(seconds)} s {way} our clock; 300 s are allowed."
