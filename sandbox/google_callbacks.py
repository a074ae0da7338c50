"""Google's save and delete callbacks: keys, signatures and the sender, ECv2SigningOnly.

A root key signs an intermediate key, which signs each message. The pages:
https://developers.google.com/wallet/retail/loyalty-cards/use-cases/use-callbacks-for-saves-and-deletions and, for signatures,
https://developers.google.com/pay/api/processors/guides/implementation/verify-signature

Keys are made anew with the stand-in; ``CallbackKeys`` signs whatever it is told, so that tests can have every wrong message.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PROTOCOL = "ECv2SigningOnly"
SENDER = "GooglePayPasses"
MESSAGE_SECONDS = 3600.0
KEY_SECONDS = 7 * 24 * 3600.0
ROOT_SECONDS = 90 * 24 * 3600.0
TIMEOUT = 5.0
RETRY_AFTER = (1.0, 5.0, 30.0)
"""Seconds before another attempt; how often Google tries is not published."""


def length_value(*parts: str) -> bytes:
    """Each part as its length in bytes (four bytes, little-endian) and its UTF-8 bytes."""
    return b"".join(struct.pack("<I", len(raw)) + raw for raw in (part.encode() for part in parts))


@dataclass(slots=True)
class CallbackKeys:
    """A root key and an intermediate key; ``clock`` gives epoch seconds."""

    clock: Callable[[], float] = time.time
    root: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    intermediate: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def published(self, *, expires: float | None = None) -> dict[str, Any]:
        """What stands at ``/gp/m/issuer/keys``; a key of another protocol stands beside ours, as at Google."""
        expires = self.clock() + ROOT_SECONDS if expires is None else expires
        value = _public(self.root)
        return {
            "keys": [
                {"keyValue": value, "protocolVersion": "ECv2", "keyExpiration": _millis(expires)},
                {"keyValue": value, "protocolVersion": PROTOCOL, "keyExpiration": _millis(expires)},
            ]
        }

    def sign(
        self,
        message: str,
        issuer: str,
        *,
        protocol: str = PROTOCOL,
        sender: str = SENDER,
        key_expires: float | None = None,
    ) -> dict[str, Any]:
        """The body of a callback around ``message``, a JSON text, for the recipient ``issuer``."""
        expires = self.clock() + KEY_SECONDS if key_expires is None else key_expires
        signed_key = _escaped({"keyValue": _public(self.intermediate), "keyExpiration": _millis(expires)})
        return {
            "signature": _signature(self.intermediate, length_value(sender, issuer, protocol, message)),
            "intermediateSigningKey": {
                "signedKey": signed_key,
                "signatures": [_signature(self.root, length_value(sender, protocol, signed_key))],
            },
            "protocolVersion": protocol,
            "signedMessage": message,
        }

    def message(
        self, event: str, class_id: str, object_id: str, *, nonce: str = "", expires: float | None = None
    ) -> str:
        """The JSON text of a ``save`` or ``del``, with all that real ones have."""
        expires = self.clock() + MESSAGE_SECONDS if expires is None else expires
        content = {
            "classId": class_id,
            "objectId": object_id,
            "eventType": event,
            "expTimeMillis": int(expires * 1000),
            "count": 1,
            "nonce": nonce or str(uuid.uuid4()),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def as_sent(body: dict[str, Any]) -> bytes:
    """The bytes on the wire; every ``=`` is written as its Unicode escape, as Google's serialiser does it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).replace("=", "\\u003d").encode()


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt: the last one's ``status`` is None when nobody answered."""

    url: str
    event: str
    object_id: str
    body: bytes
    status: int | None


class CallbackSender:
    """Posts callbacks to the URL of a class, each until it is taken or no attempt is left."""

    def __init__(
        self, session: aiohttp.ClientSession, keys: CallbackKeys, *, retry_after: Sequence[float] = RETRY_AFTER
    ) -> None:
        self.keys = keys
        self.sent: list[Sent] = []
        self.on_sent: list[Callable[[Sent], None]] = []
        self.is_silent = False
        self.repeats = 1
        self._session = session
        self.retry_after = tuple(retry_after)
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, event: str, url: str, issuer: str, class_id: str, object_id: str) -> None:
        """Tell the issuer of a ``save`` or ``del``; nothing waits for it. While ``is_silent`` nothing is sent, ever."""
        if self.is_silent:
            return
        body = as_sent(self.keys.sign(self.keys.message(event, class_id, object_id), issuer))
        for _ in range(self.repeats):
            task = asyncio.get_running_loop().create_task(self._deliver(url, event, object_id, body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Send no more."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, url: str, event: str, object_id: str, body: bytes) -> None:
        for wait in (*self.retry_after, None):
            status = await self._post(url, body)
            self._note(Sent(url, event, object_id, body, status))
            if (status is not None and status < 300) or wait is None:
                return
            await asyncio.sleep(wait)

    def _note(self, sent: Sent) -> None:
        self.sent.append(sent)
        for told in self.on_sent:
            told(sent)

    async def _post(self, url: str, body: bytes) -> int | None:
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Google-Valuables"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return None


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> str:
    return base64.b64encode(key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()


def _escaped(content: dict[str, Any]) -> str:
    """JSON whose ``=`` is written as Google's serialiser writes it: re-serialised it would be other bytes."""
    return json.dumps(content, separators=(",", ":")).replace("=", "\\u003d")


def _millis(seconds: float) -> str:
    return str(int(seconds * 1000))
