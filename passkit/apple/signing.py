"""Who signs: a Pass Type ID certificate with its key and chain, checked once, and the set of them in use.

An ``Identity`` is made by ``load_identity`` or ``load_p12``, which check all that can be known without a clock: it is a
pass certificate (UID, OU), the key is its own, the chain up to Apple's intermediate holds. Whether it is valid is a
question of the moment, asked at each signature. Signatures are RSA PKCS #1 v1.5 or deterministic ECDSA P-256, both over
SHA-256: the same manifest and time always give the same bytes.

``Signers`` holds several identities per pass type and is replaced as a whole while others sign with it.

Rules: https://developer.apple.com/documentation/walletpasses/building-a-pass
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from passkit.apple import cms, credentials
from passkit.apple.credentials import SigningKey
from passkit.errors import CertificateError

PASS_TYPE: Final = re.compile(r"pass\.[A-Za-z0-9._-]{1,240}")
"""A Pass Type ID as Apple's portal takes it; it also names a folder of ours."""

STILL_WORKS: Final = (
    "installed passes and files already signed go on working, but nothing new can be signed and no push reaches Apple"
)

_SHA256: Final = hashes.SHA256()
_PKCS1: Final = padding.PKCS1v15()


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate that can sign passes of one pass type, with its key and the intermediates above it.

    ``fingerprint`` is the certificate's SHA-256 in hex; ``not_before`` and ``not_after`` are aware, both included.
    The key never shows in a ``repr``.
    """

    certificate: x509.Certificate
    key: SigningKey = field(repr=False, compare=False)  # the certificate says which key it is
    chain: tuple[x509.Certificate, ...]
    pass_type_identifier: str
    team_identifier: str
    common_name: str
    not_before: datetime
    not_after: datetime
    fingerprint: str
    _valid_from: datetime = field(repr=False, compare=False)
    _valid_until: datetime = field(repr=False, compare=False)
    _envelope: cms.Envelope = field(repr=False, compare=False)
    _sign: Callable[[bytes], bytes] = field(repr=False, compare=False)

    def sign(self, manifest: bytes, when: datetime) -> bytes:
        """The detached CMS signature in DER over exactly these bytes, signing time ``when``.

        Raises ``CertificateError`` when ``when`` is outside the validity of the certificate or its chain.
        """
        self.check(when)
        attributes = cms.signed_attributes(manifest, when)
        return self._envelope.close(attributes, self._sign(cms.to_be_signed(attributes)))

    def check(self, when: datetime) -> None:
        """Raise ``CertificateError`` unless the certificate and its chain are valid at ``when``."""
        if not self.is_valid(when):
            raise CertificateError(self._why_not(when))

    def is_valid(self, when: datetime) -> bool:
        """Whether the certificate and its whole chain are valid at ``when``."""
        return self._valid_from <= when <= self._valid_until

    def certificate_pem(self) -> bytes:
        """The certificate and its chain, the certificate first: what TLS and ``load_identity`` take."""
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (self.certificate, *self.chain))

    def key_pem(self) -> bytes:
        """The private key, unencrypted PKCS #8."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def _why_not(self, when: datetime) -> str:
        mine = f"The certificate for {self.pass_type_identifier}"
        if when < self.not_before:
            return (
                f"{mine} is not valid before {self.not_before:%Y-%m-%d %H:%M} UTC and it is {when:%Y-%m-%d %H:%M} UTC "
                "now; check this machine's clock or wait."
            )
        if when > self.not_after:
            return (
                f"{mine} expired on {self.not_after:%Y-%m-%d}: {STILL_WORKS}; "
                "make the next one with `server.py certs renew`."
            )
        outdated = next(one for one in self.chain if not one.not_valid_before_utc <= when <= one.not_valid_after_utc)
        return (
            f"{mine} was issued by an intermediate that is valid from {outdated.not_valid_before_utc:%Y-%m-%d} "
            f"to {outdated.not_valid_after_utc:%Y-%m-%d} only: {STILL_WORKS}; "
            "make a new one with `server.py certs renew`."
        )


def load_identity(
    certificate: bytes, key: bytes, *, password: bytes | None = None, intermediates: Sequence[bytes] = ()
) -> Identity:
    """A certificate and its key, PEM or DER, checked; Apple's G4 is built in, other intermediates come as PEM or DER.

    Raises ``CertificateError``: no pass certificate, no team, another key, an unknown issuer, a wrong password.
    """
    found = credentials.read(certificate, password=password)
    above = [one for content in intermediates for one in credentials.read_certificates(content)]
    own_key = credentials.read_key(key, password=password)
    return identify(found.certificate, own_key, (*found.others, *above))


def load_p12(p12: bytes, *, password: bytes | None = None, intermediates: Sequence[bytes] = ()) -> Identity:
    """The same from one .p12 file as Keychain exports it, legacy encryption included, or from one PEM with both."""
    found = credentials.read(p12, password=password)
    if found.key is None:
        raise CertificateError("The file holds a certificate but no private key; give the key as well.")
    above = [one for content in intermediates for one in credentials.read_certificates(content)]
    return identify(found.certificate, found.key, (*found.others, *above))


def identify(certificate: x509.Certificate, key: SigningKey, intermediates: Iterable[x509.Certificate]) -> Identity:
    """The identity of a read certificate and key; ``CertificateError`` when the three do not belong together."""
    pass_type = _pass_type(certificate)
    team = credentials.subject(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
    if not team:
        raise CertificateError(
            f"The certificate for {pass_type} names no team (OU), which every pass must repeat; "
            "it is not one that Apple made: get a new one from the portal."
        )
    if key.public_key() != certificate.public_key():
        raise CertificateError(
            f"The key does not match the certificate for {pass_type}; "
            "use the key whose request (.csr) was uploaded to Apple."
        )
    chain = credentials.chain(certificate, intermediates)
    encoded = [one.public_bytes(serialization.Encoding.DER) for one in (certificate, *chain)]
    algorithm, sign = _signing(key)
    return Identity(
        certificate=certificate,
        key=key,
        chain=chain,
        pass_type_identifier=pass_type,
        team_identifier=team,
        common_name=credentials.subject(certificate, NameOID.COMMON_NAME) or pass_type,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(_SHA256).hex(),
        _valid_from=max(one.not_valid_before_utc for one in (certificate, *chain)),
        _valid_until=min(one.not_valid_after_utc for one in (certificate, *chain)),
        _envelope=cms.Envelope.of(encoded, algorithm),
        _sign=sign,
    )


class Signers:
    """The identities in use, several per pass type; ``replace`` swaps them at once, also while another thread signs."""

    def __init__(self, identities: Iterable[Identity] = ()) -> None:
        self._by_pass_type: dict[str, tuple[Identity, ...]] = {}
        self.replace(identities)

    def newest(self, pass_type_identifier: str, now: datetime) -> Identity:
        """The valid identity that was issued last; ``CertificateError`` says why there is none."""
        mine = self._by_pass_type.get(pass_type_identifier, ())
        for identity in mine:
            if identity.is_valid(now):
                return identity
        if mine:
            expired = (identity for identity in mine if identity.not_after < now)
            next(expired, mine[-1]).check(now)
        raise CertificateError(
            f"There is no certificate for {pass_type_identifier}; start with "
            f"`server.py certs csr --pass-type {pass_type_identifier}`."
        )

    def all(self) -> tuple[Identity, ...]:
        """Every identity, by pass type, the one issued last first."""
        return tuple(identity for _, mine in sorted(self._by_pass_type.items()) for identity in mine)

    def replace(self, identities: Iterable[Identity]) -> None:
        """Take these instead of those so far; a certificate given twice counts once."""
        grouped: dict[str, dict[str, Identity]] = {}
        for identity in identities:
            grouped.setdefault(identity.pass_type_identifier, {})[identity.fingerprint] = identity
        self._by_pass_type = {
            pass_type: tuple(sorted(mine.values(), key=_age, reverse=True)) for pass_type, mine in grouped.items()
        }


def _age(identity: Identity) -> tuple[datetime, datetime, str]:
    return identity.not_before, identity.not_after, identity.fingerprint


def _pass_type(certificate: x509.Certificate) -> str:
    pass_type = credentials.subject(certificate, NameOID.USER_ID)
    if pass_type and PASS_TYPE.fullmatch(pass_type):
        return pass_type
    name = credentials.subject(certificate, NameOID.COMMON_NAME) or certificate.subject.rfc4514_string()
    if credentials.is_authority(certificate):
        raise CertificateError(
            f"'{name}' is an authority's certificate, not your pass certificate; give the .cer that Apple made for you."
        )
    has = f"its UID is '{pass_type}'" if pass_type else "it has no UID"
    raise CertificateError(
        f"'{name}' is not a Pass Type ID certificate ({has}, which should begin with 'pass.'); "
        "in Apple's portal choose Certificates, +, Pass Type ID Certificate."
    )


def _signing(key: SigningKey) -> tuple[str, Callable[[bytes], bytes]]:
    """The algorithm's name in the CMS and the function that signs with the key."""
    if isinstance(key, rsa.RSAPrivateKey):
        own = key
        return "rsassa_pkcs1v15", lambda data: own.sign(data, _PKCS1, _SHA256)
    other = key
    ecdsa = ec.ECDSA(_SHA256, deterministic_signing=True)
    return "sha256_ecdsa", lambda data: other.sign(data, ecdsa)
