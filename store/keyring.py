"""SECRET at work: tokens derived, data encrypted, identifiers hashed.

SECRET is a list ``id:value,id2:value2``: the first signs and encrypts what is new, all of them check and decrypt, so
that a secret is replaced by putting a new one in front. Each purpose has a key of its own (HKDF-SHA256). Nothing here
touches the
database: a forged token is refused before any row is read, and a stolen database holds no token at all.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MINIMUM_LENGTH = 32  # characters of a value: 128 bits even in hex
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TOKEN = re.compile(rb"([A-Za-z0-9_-]{1,32})\.(0|[1-9][0-9]{0,8})\.([A-Za-z0-9_-]{43})")
_FORMAT = 1  # first byte of what is encrypted: format, length of the secret's id, id, 12 bytes of nonce, AES-GCM
_NONCE = 12


class Keyring:
    """The secrets by id, in the order of the setting."""

    def __init__(self, secrets: dict[str, bytes]) -> None:
        self._secrets = secrets
        self.current = next(iter(secrets))
        self._key = lru_cache(maxsize=1024)(self._derive)
        self._cipher = lru_cache(maxsize=1024)(lambda secret_id, purpose: AESGCM(self._key(secret_id, purpose)))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read ``id:value,id2:value2``; ValueError with one clear sentence."""
        secrets: dict[str, bytes] = {}
        for entry in text.strip().split(","):
            secret_id, colon, value = (part.strip() for part in entry.partition(":"))
            if not colon or _SECRET_ID.fullmatch(secret_id) is None:
                raise ValueError("SECRET is a list id:value,id2:value2; an id is up to 32 letters, digits, - and _.")
            if len(value) < MINIMUM_LENGTH:
                raise ValueError(f"SECRET {secret_id} is shorter than {MINIMUM_LENGTH} characters: make a longer one.")
            if secret_id in secrets:
                raise ValueError(f"SECRET names the id {secret_id} twice.")
            secrets[secret_id] = value.encode()
        return cls(secrets)

    @property
    def ids(self) -> tuple[str, ...]:
        """Every secret's id, the current first."""
        return tuple(self._secrets)

    def fingerprints(self) -> dict[str, str]:
        """A short print of each secret, to notice another value under the same id; it tells nothing of the value."""
        return {secret_id: self._mac(secret_id, "fingerprint", b"").hex()[:32] for secret_id in self._secrets}

    def encrypt(self, purpose: str, content: bytes, aad: bytes = b"") -> bytes:
        """AES-256-GCM under the current secret; ``aad`` ties it to its place."""
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(self.current, purpose).encrypt(nonce, content, aad)
        return self.prefix(self.current) + nonce + sealed

    def decrypt(self, purpose: str, sealed: bytes, aad: bytes = b"") -> bytes:
        """What ``encrypt`` sealed; ValueError when the secret is missing or the bytes are not ours."""
        length = sealed[1] if len(sealed) > 1 and sealed[0] == _FORMAT else 0
        secret_id = sealed[2 : 2 + length].decode("ascii", "replace")
        if secret_id not in self._secrets:
            raise ValueError(f"SECRET has no id {secret_id!r}: this was encrypted with it.")
        body = sealed[2 + length :]
        try:
            return self._cipher(secret_id, purpose).decrypt(body[:_NONCE], body[_NONCE:], aad)
        except InvalidTag:
            raise ValueError(f"Encrypted data for {purpose} does not fit SECRET {secret_id}.") from None

    @staticmethod
    def prefix(secret_id: str) -> bytes:
        """How everything encrypted under this secret begins."""
        return bytes([_FORMAT, len(secret_id)]) + secret_id.encode()

    def digest(self, purpose: str, text: str, secret_id: str | None = None) -> str:
        """HMAC-SHA256 in hex, under the current secret unless one is named: to recognise what must not be stored."""
        return self._mac(secret_id or self.current, purpose, text.encode("utf-8", "surrogatepass")).hex()

    def digests(self, purpose: str, text: str) -> tuple[str, ...]:
        """The digest under every secret, the current first: what was stored under an older one is still found."""
        encoded = text.encode("utf-8", "surrogatepass")
        return tuple(self._mac(secret_id, purpose, encoded).hex() for secret_id in self._secrets)

    def authentication_token(self, pass_type: str, serial: str, generation: int, secret_id: str | None = None) -> str:
        """Apple's authenticationToken: ``<secret id>.<generation>.<MAC>``; the same for the whole life of a card."""
        secret_id = secret_id or self.current
        return f"{secret_id}.{generation}.{self._token_mac(secret_id, pass_type, serial, generation).decode()}"

    def check_token(self, pass_type: str, serial: str, token: bytes) -> int | None:
        """The generation that a true token names, None for any other bytes; compares bytes in constant time."""
        parts = _TOKEN.fullmatch(token)
        secret_id = parts[1].decode() if parts else ""
        if parts is None or secret_id not in self._secrets:
            return None
        generation = int(parts[2])
        expected = self._token_mac(secret_id, pass_type, serial, generation)
        return generation if hmac.compare_digest(expected, parts[3]) else None

    def install_token(self, serial: str, generation: int, secret_id: str | None = None) -> str:
        """The unguessable part of a card's install link, 168 bits."""
        mac = self._mac(secret_id or self.current, "install", f"{serial}\0{generation}".encode())
        return urlsafe_b64encode(mac[:21]).decode()

    def _token_mac(self, secret_id: str, pass_type: str, serial: str, generation: int) -> bytes:
        message = f"{pass_type}\0{serial}\0{generation}".encode("utf-8", "surrogatepass")
        return urlsafe_b64encode(self._mac(secret_id, "apple-v1", message)).rstrip(b"=")

    def _mac(self, secret_id: str, purpose: str, message: bytes) -> bytes:
        return hmac.digest(self._key(secret_id, purpose), message, hashlib.sha256)

    def _derive(self, secret_id: str, purpose: str) -> bytes:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"passbell/" + purpose.encode())
        return kdf.derive(self._secrets[secret_id])
