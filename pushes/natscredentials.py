"""NATS's file of credentials (``.creds``): a token that says who we are, and the seed whose signature proves it. Pure.

The library's own reader wants another package for the signature, and on a file of another kind it never comes to an end.

https://docs.nats.io/using-nats/developer/connecting/creds · https://github.com/nats-io/nkeys
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED = 18 << 3
"""The first byte's upper five bits of every seed: it is written with an S then."""
USER = 20 << 3
"""Of whom the key is, in the next eight bits: a U."""
SEED_BYTES = 36
"""Two of kind, 32 of the key, two of CRC-16."""

_BLOCK = re.compile(rb"-+BEGIN ([A-Z ]+?)-+\s+([A-Za-z0-9._=-]+)\s+-+END \1-+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """``jwt`` is the account's word that we are its user."""

    jwt: bytes = field(repr=False)
    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, nonce: str) -> bytes:
        """The answer to what a server asks each connection, in base64."""
        return base64.b64encode(self.key.sign(nonce.encode()))


def parse(content: bytes) -> Credentials:
    """What the file holds; ValueError says what is wrong, and none of it."""
    blocks = dict(_BLOCK.findall(content))
    jwt, seed = blocks.get(b"NATS USER JWT"), blocks.get(b"USER NKEY SEED")
    if jwt is None or seed is None:
        raise ValueError("is no file of credentials: it has no USER JWT and USER NKEY SEED")
    return Credentials(jwt, _key(seed))


def _key(seed: bytes) -> Ed25519PrivateKey:
    try:
        raw = base64.b32decode(seed + b"=" * (-len(seed) % 8))
    except binascii.Error:
        raw = b""
    if len(raw) != SEED_BYTES or binascii.crc_hqx(raw[:-2], 0) != int.from_bytes(raw[-2:], "little"):
        raise ValueError("has a damaged seed: copy it again")
    kind, whose = raw[0] & 0xF8, (raw[0] & 7) << 5 | raw[1] >> 3
    if (kind, whose) != (SEED, USER):
        raise ValueError("has the seed of an account or an operator: it must be a user's")
    return Ed25519PrivateKey.from_private_bytes(raw[2:-2])
