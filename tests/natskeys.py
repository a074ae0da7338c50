"""An operator, an account and its users as NATS knows them, signed here as ``nsc`` would.

https://github.com/nats-io/nkeys (keys), https://github.com/nats-io/jwt/tree/main/v2 (claims)
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3
WITHOUT_LIMIT = ("subs", "data", "payload", "imports", "exports", "conn", "leaf")
STORED = ("mem_storage", "disk_storage", "streams", "consumer")


class Key:
    """One of the three kinds."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.private = Ed25519PrivateKey.generate()

    @property
    def public(self) -> str:
        """As it is named: O…, A… or U…."""
        return _written(bytes([self.kind]) + self.private.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        """SO…, SA… or SU…."""
        kind = bytes([SEED | self.kind >> 5, (self.kind & 31) << 3])
        return _written(kind + self.private.private_bytes_raw())

    def sign(self, subject: str, nats: dict[str, object]) -> str:
        """This one's word about a subject."""
        claims = {"jti": "made-by-a-test", "iat": 1, "iss": self.public, "sub": subject, "nats": nats | {"version": 2}}
        words = [{"typ": "JWT", "alg": "ed25519-nkey"}, claims]
        said = ".".join(_in_url(json.dumps(word).encode()) for word in words)
        return f"{said}.{_in_url(self.private.sign(said.encode()))}"


@dataclass(frozen=True)
class Company:
    """An operator whose servers know one account, besides their own."""

    operator: Key
    account: Key
    system: Key

    @property
    def config(self) -> str:
        """For the server's configuration."""
        operator = self.operator.sign(self.operator.public, {"type": "operator"})
        known = [self._account(self.account, *WITHOUT_LIMIT, *STORED), self._account(self.system, *WITHOUT_LIMIT)]
        return f"""operator: {operator}
system_account: {self.system.public}
resolver: MEMORY
resolver_preload: {{ {", ".join(known)} }}"""

    def credentials(self) -> bytes:
        """A ``.creds`` file of a new user."""
        user = Key(USER)
        jwt = self.account.sign(user.public, {"type": "user", "subs": -1, "data": -1, "payload": -1})
        return credentials(jwt, user.seed)

    def _account(self, account: Key, *limits: str) -> str:
        nats = {"type": "account", "limits": dict.fromkeys(limits, -1) | {"wildcards": True}}
        return f"{account.public}: {self.operator.sign(account.public, nats)}"


def company() -> Company:
    return Company(Key(OPERATOR), Key(ACCOUNT), Key(ACCOUNT))


def credentials(jwt: str, seed: str) -> bytes:
    """As ``nsc generate creds`` writes it."""
    return f"""-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------

*************************************************************
""".encode()


def _written(raw: bytes) -> str:
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def _in_url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
