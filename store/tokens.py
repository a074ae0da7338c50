"""Tokens of cookies and links: 256 random bits, stored as SHA-256 (there is nothing to guess, so no slow hash)."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32
MAX_LENGTH = 100


def new() -> str:
    """A token, URL-safe."""
    return secrets.token_urlsafe(BYTES)


def hash_of(token: str) -> str:
    """What is stored of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
