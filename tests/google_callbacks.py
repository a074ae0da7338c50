"""Callbacks as Google sends them, signed by a root key of our own: made from Google's description, byte by byte."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SENDER = "GooglePayPasses"
PROTOCOL = "ECv2SigningOnly"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_value(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def length_value(*texts: str) -> bytes:
    row = b""
    for text in texts:
        raw = text.encode("utf-8")
        row += struct.pack("<I", len(raw)) + raw
    return row


def signature(key: ec.EllipticCurvePrivateKey, row: bytes) -> str:
    return base64.b64encode(key.sign(row, ec.ECDSA(SHA256()))).decode()


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@dataclass
class Sender:
    """Google as it should be; a test changes one thing of it."""

    issuer_id: str
    now: datetime
    root: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    intermediate: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    intermediate_days: float = 7
    protocol: str = PROTOCOL
    sender: str = SENDER
    recipient: str = ""
    escaped: bool = False
    """Whether ``=`` inside signedKey is written ``\\u003d``, as Google's own JSON writer does."""

    def changed(self, **changes: Any) -> Sender:
        return replace(self, **changes)

    @property
    def signed_key(self) -> str:
        end = str(millis(self.now + timedelta(days=self.intermediate_days)))
        text = json.dumps({"keyValue": key_value(self.intermediate), "keyExpiration": end})
        return text.replace("=", "\\u003d") if self.escaped else text

    def message(self, event: str = "save", **changes: Any) -> dict[str, Any]:
        return {
            "classId": f"{self.issuer_id}.coffee",
            "objectId": f"{self.issuer_id}.card-1",
            "eventType": event,
            "expTimeMillis": millis(self.now + timedelta(hours=1)),
            "count": 1,
            "nonce": "1a9e3df0-0000-4000-8000-000000000001",
        } | changes

    def document(self, message: dict[str, Any] | str) -> dict[str, Any]:
        """The envelope; a message that is a dict is written with its letters as they are."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        row = length_value(self.sender, self.recipient or self.issuer_id, self.protocol, text)
        vouched = signature(self.root, length_value(self.sender, self.protocol, self.signed_key))
        return {
            "signature": signature(self.intermediate, row),
            "intermediateSigningKey": {"signedKey": self.signed_key, "signatures": [vouched]},
            "protocolVersion": self.protocol,
            "signedMessage": text,
        }

    def body(self, event: str = "save", **changes: Any) -> bytes:
        return json.dumps(self.document(self.message(event, **changes))).encode()
