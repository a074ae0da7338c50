"""Google's side of service accounts: key files, the token grant, and who may do what for which issuer.

A key is a JSON file as Google Cloud's console gives it away; the stand-in keeps the public half only
(https://developers.google.com/identity/protocols/oauth2/service-account#httprest). Tokens live by the real clock: the stand-in's
own clock, which tests move, is for quotas.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
TOKEN_SECONDS = 3600
SKEW = 300
"""Seconds by which a caller's clock may differ."""


class BadJwt(Exception):
    """A JWT that is not what it says it is; the message is a sentence."""


class GrantRefused(Exception):
    """Why no token is given: an error of RFC 6749 section 5.2 and a description."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(f"{error}: {description}")


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JWT whose signature holds."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass(slots=True)
class Account:
    """A service account: its public keys by key id, and the issuers whose console lists it as a Developer."""

    email: str
    keys: dict[str, rsa.RSAPublicKey] = field(default_factory=dict)
    issuers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Accounts:
    """Every service account; ``clock`` gives epoch seconds, of ``scopes`` a token must be asked for one."""

    clock: Callable[[], float] = time.time
    scopes: tuple[str, ...] = (SCOPE,)
    known: dict[str, Account] = field(default_factory=dict)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    def trust(self, key_file: Mapping[str, Any], *issuers: str) -> Account:
        """Take the public half of a key file, and list its account in the console of these issuers."""
        private = serialization.load_pem_private_key(str(key_file["private_key"]).encode(), None)
        public = private.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise ValueError("a service account's key is RSA")
        email = str(key_file["client_email"])
        account = self.known.setdefault(email, Account(email))
        account.keys[str(key_file["private_key_id"])] = public
        account.issuers.update(issuers)
        return account

    def revoke(self, email: str, key_id: str) -> None:
        """Delete one key of an account; tokens that it got live on, as they do at Google."""
        self.known[email].keys.pop(key_id, None)

    def grant(self, form: Mapping[str, str], token_urls: tuple[str, ...]) -> dict[str, Any]:
        """The answer to a token request; GrantRefused says why not."""
        if form.get("grant_type") != GRANT:
            raise GrantRefused("unsupported_grant_type", "Invalid grant_type")
        try:
            jwt = self.verify(form.get("assertion", ""))
        except BadJwt as error:
            raise GrantRefused("invalid_grant", str(error)) from error
        self._judge(jwt.claims, token_urls)
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self._tokens[token] = (str(jwt.claims["iss"]), self.clock() + TOKEN_SECONDS)
        return {"access_token": token, "expires_in": TOKEN_SECONDS - 1, "token_type": "Bearer"}

    def account_of(self, authorization: str) -> Account | None:
        """Whose token the header carries; None when it carries none that is good."""
        scheme, _, token = authorization.partition(" ")
        email, expires = self._tokens.get(token.strip(), ("", 0.0))
        return self.known.get(email) if scheme.lower() == "bearer" and expires > self.clock() else None

    def forget_tokens(self) -> None:
        """Every token is worth nothing from now on."""
        self._tokens.clear()

    def verify(self, token: str) -> Jwt:
        """A JWT signed RS256 by one of its issuer's keys; BadJwt otherwise."""
        head, claims, signature = _parts(token)
        if head.get("alg") != "RS256":
            raise BadJwt("Invalid JWT: RS256 is expected.")
        account = self.known.get(str(claims.get("iss")))
        if account is None:
            raise BadJwt("Invalid JWT: account not found.")
        named = account.keys.get(str(head.get("kid")))
        keys = [named] if named is not None else [] if head.get("kid") else list(account.keys.values())
        signed = token.rsplit(".", 1)[0].encode()
        if not any(_holds(key, signature, signed) for key in keys):
            raise BadJwt("Invalid JWT Signature.")
        return Jwt(head, claims)

    def _judge(self, claims: Mapping[str, Any], token_urls: tuple[str, ...]) -> None:
        now = self.clock()
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise GrantRefused("invalid_grant", "Invalid JWT: iat and exp are numbers.")
        if issued > now + SKEW or expires < now - SKEW or expires - issued > TOKEN_SECONDS:
            raise GrantRefused("invalid_grant", "Invalid JWT: token must be short-lived and in a reasonable timeframe.")
        if claims.get("aud") not in token_urls:
            raise GrantRefused("invalid_grant", "Invalid JWT: wrong audience.")
        if not set(self.scopes) & set(str(claims.get("scope", "")).split()):
            raise GrantRefused("invalid_scope", "Invalid OAuth scope.")


def new_key_file(email: str, token_url: str, *, project: str = "passbell-demo") -> dict[str, str]:
    """A key file as the console gives it: a new RSA-2048 key of a service account, PKCS #8."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": secrets.token_hex(20),
        "private_key": pem,
        "client_email": email,
        "client_id": str(10**20 + secrets.randbelow(10**20)),
        "token_uri": token_url,
        "universe_domain": "googleapis.com",
    }


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    pieces = token.split(".")
    if len(pieces) != 3:
        raise BadJwt("Invalid JWT: three parts are expected.")
    try:
        head, claims = json.loads(_base64url(pieces[0])), json.loads(_base64url(pieces[1]))
        signature = _base64url(pieces[2])
    except ValueError:
        raise BadJwt("Invalid JWT: it cannot be decoded.") from None
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise BadJwt("Invalid JWT: JSON objects are expected.")
    return head, claims, signature


def _base64url(text: str) -> bytes:
    if "=" in text:
        raise ValueError("padding has no place in a JWT")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _holds(key: rsa.RSAPublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
