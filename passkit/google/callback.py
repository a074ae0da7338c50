r"""Is this save or delete callback from Google, for us, and fresh? ECv2SigningOnly, to the letter.

Google signs in two steps: a root key, published by Google, signs an intermediate key (``signedKey``); that one signs the
message. What is signed is a row of texts, each behind its length in UTF-8 *bytes*, four of them, the lowest first. The
texts are taken as they came: ``\u003d`` is an equals sign, but JSON written anew is another text.
https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions and
https://developers.google.com/pay/api/web/guides/resources/payment-data-cryptography (the scheme and its root keys).

``verify`` never raises, whatever the body holds. It fetches nothing: root keys are values with their expiry. Whether a
nonce was seen before, and whether the object is known, is the store's to say.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

SENDER = "GooglePayPasses"
PROTOCOL = "ECv2SigningOnly"

MAX_SIGNATURES = 8
"""Signatures of an intermediate key that are tried: one or two while Google changes its root key."""
MAX_ROOT_KEYS = 16
"""Root keys that are tried; Google publishes two or three."""
MAX_ID = 500
"""Characters of an id or nonce; Google's have some 60."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MILLIS = 253_402_300_799_000  # the end of the year 9999


class Event(StrEnum):
    """What the holder did, in Google's words."""

    SAVE = "save"
    DELETE = "del"


class Reason(StrEnum):
    """Why a callback was refused: what the operator has to look at."""

    BODY = "body"
    PROTOCOL = "protocol"
    ROOT_KEYS = "root_keys"
    ROOT_SIGNATURE = "root_signature"
    INTERMEDIATE_EXPIRED = "intermediate_expired"
    SIGNATURE = "signature"
    MESSAGE = "message"
    MESSAGE_EXPIRED = "message_expired"
    ISSUER = "issuer"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class RootKey:
    """One of Google's published keys: ``key_value`` is base64 of its SubjectPublicKeyInfo; without an end it is None."""

    key_value: str
    protocol_version: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Callback:
    """What Google has told, proven: ``nonce`` is the same on every repeat, and worthless after ``expires_at``."""

    class_id: str
    object_id: str
    event: Event
    nonce: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A callback that proves nothing; ``detail`` is for the operator, never for the sender."""

    reason: Reason
    detail: str


def verify(body: bytes, issuer_id: str, root_keys: Iterable[RootKey], now: datetime) -> Callback | Refusal:
    """Judge a callback's body for *our own* issuer; the issuer in the message is never believed before it is compared."""
    envelope = _object(body)
    if envelope is None:
        return Refusal(Reason.BODY, "The body is no JSON object.")
    if envelope.get("protocolVersion") != PROTOCOL:
        return Refusal(Reason.PROTOCOL, f"protocolVersion must be {PROTOCOL}.")
    message, signature = envelope.get("signedMessage"), _bytes(envelope.get("signature"))
    if not isinstance(message, str) or signature is None:
        return Refusal(Reason.BODY, "signedMessage must be text, signature base64.")
    key = _intermediate(envelope.get("intermediateSigningKey"), list(root_keys), now)
    if isinstance(key, Refusal):
        return key
    if not _signed(key, signature, _row(SENDER, issuer_id, PROTOCOL, message)):
        detail = f"The message is not signed for issuer {issuer_id}, or was altered on its way."
        return Refusal(Reason.SIGNATURE, detail)
    return _read(message, issuer_id, now)


def root_keys(document: bytes) -> tuple[RootKey, ...]:
    """The keys in Google's published list (``{"keys": [...]}``) that we can use; ValueError when it is no such list."""
    published = _object(document)
    keys = published.get("keys") if published is not None else None
    if not isinstance(keys, list):
        raise ValueError("Google's list of root keys is not one: no `keys` in it.")
    return tuple(_root_key(key) for key in keys if isinstance(key, dict) and key.get("protocolVersion") == PROTOCOL)


def _root_key(published: Mapping[str, Any]) -> RootKey:
    value, end = published.get("keyValue"), published.get("keyExpiration")
    if not isinstance(value, str) or _public_key(value) is None:
        raise ValueError("A root key in Google's list is no P-256 key.")
    expires_at = None if end is None else _moment(end)
    if end is not None and expires_at is None:
        raise ValueError("A root key in Google's list has an expiry that is no time.")
    return RootKey(value, PROTOCOL, expires_at)


def _intermediate(given: Any, known: Sequence[RootKey], now: datetime) -> EllipticCurvePublicKey | Refusal:
    """The key that may sign the message, if a root key that is valid now vouches for it and it is not over."""
    signed_key = given.get("signedKey") if isinstance(given, dict) else None
    signatures = given.get("signatures") if isinstance(given, dict) else None
    if not isinstance(signed_key, str) or not isinstance(signatures, list) or len(signatures) > MAX_SIGNATURES:
        return Refusal(Reason.BODY, f"intermediateSigningKey needs signedKey and at most {MAX_SIGNATURES} signatures.")
    roots = [key for key in known if key.protocol_version == PROTOCOL and _is_valid(key.expires_at, now)]
    if not roots:
        return Refusal(Reason.ROOT_KEYS, "No root key of Google's is known that is valid now.")
    row = _row(SENDER, PROTOCOL, signed_key)
    given_signatures = [one for one in map(_bytes, signatures) if one is not None]
    if not _vouched(roots, given_signatures, row):
        over = [key for key in known if key not in roots]
        was = _vouched(over, given_signatures, row)
        detail = "signed by a root key that has expired" if was else "not signed by a root key of Google's that we know"
        return Refusal(Reason.ROOT_SIGNATURE, f"The intermediate key is {detail}.")
    return _intermediate_key(signed_key, now)


def _intermediate_key(signed_key: str, now: datetime) -> EllipticCurvePublicKey | Refusal:
    fields = _object(signed_key.encode()) or {}
    key, end = _public_key(fields.get("keyValue")), _moment(fields.get("keyExpiration"))
    if key is None or end is None:
        return Refusal(Reason.BODY, "signedKey must hold a P-256 keyValue and a keyExpiration.")
    if end <= now:
        return Refusal(Reason.INTERMEDIATE_EXPIRED, f"The intermediate key has expired at {end.isoformat()}.")
    return key


def _read(message: str, issuer_id: str, now: datetime) -> Callback | Refusal:
    fields = _object(message.encode())
    if fields is None:
        return Refusal(Reason.MESSAGE, "signedMessage holds no JSON object.")
    names = [fields[name] for name in ("classId", "objectId", "eventType", "nonce") if _is_name(fields.get(name))]
    end = _moment(fields.get("expTimeMillis"))
    if len(names) < 4 or end is None:
        return Refusal(Reason.MESSAGE, "signedMessage needs classId, objectId, eventType, nonce and expTimeMillis.")
    if end <= now:
        return Refusal(Reason.MESSAGE_EXPIRED, f"The message was good until {end.isoformat()}.")
    class_id, object_id, event_type, nonce = names
    if not all(id_.startswith(f"{issuer_id}.") for id_ in (class_id, object_id)):
        return Refusal(Reason.ISSUER, f"classId and objectId are not of issuer {issuer_id}.")
    if event_type not in list(Event):
        return Refusal(Reason.EVENT, "The eventType is neither save nor del.")
    return Callback(class_id, object_id, Event(event_type), nonce, end)


def _row(*texts: str) -> bytes:
    """The texts as they are signed: each behind the number of its bytes."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)


def _vouched(roots: Sequence[RootKey], signatures: Sequence[bytes], row: bytes) -> bool:
    keys = [key for root in roots[:MAX_ROOT_KEYS] if (key := _public_key(root.key_value)) is not None]
    return any(_signed(key, signature, row) for key in keys for signature in signatures)


def _signed(key: EllipticCurvePublicKey, signature: bytes, row: bytes) -> bool:
    try:
        key.verify(signature, row, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _public_key(value: Any) -> EllipticCurvePublicKey | None:
    der = _bytes(value)
    if der is None:
        return None
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def _bytes(value: Any) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def _moment(value: Any) -> datetime | None:
    """Milliseconds since 1970, which Google writes as a number or as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MAX_MILLIS:
        return None
    return _EPOCH + timedelta(milliseconds=value)


def _is_valid(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is None or expires_at > now


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID and "\0" not in value


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
