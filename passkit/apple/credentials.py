"""From files to certificates, keys and chains: what Apple hands out, what Keychain exports, what openssl makes.

Takes bytes, PEM or DER, whichever comes; every refusal is a ``CertificateError`` of one sentence that names the mix-up
and the way out. Never reads a file, never looks at the clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from passkit.apple import wwdr
from passkit.errors import CertificateError

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

MIN_RSA_BITS: Final = 2048  # Apple's portal takes no smaller request
MAX_CHAIN: Final = 5  # Apple's has one intermediate; a loop must end

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.+?-----END \1-----", re.DOTALL)
_G4 = x509.load_pem_x509_certificate(wwdr.G4_PEM)

_DAMAGED = (
    TypeError,
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for certificates that nobody can read."""

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class PasswordNeeded(CertificateError):
    """The key or .p12 is encrypted and no password came with it; a command may ask for it and try again."""


class Kind(StrEnum):
    """What a file turned out to hold, in the words of our sentences."""

    CERTIFICATE = "a certificate"
    KEY = "a private key"
    REQUEST = "a certificate request (.csr)"
    P12 = "a .p12 file"
    PUBLIC_KEY = "a public key"
    UNKNOWN = "neither PEM nor DER of a kind used here"


@dataclass(frozen=True, slots=True)
class Found:
    """What a file held: the pass certificate, its key if it was there, and other certificates that came along."""

    certificate: x509.Certificate
    key: SigningKey | None = field(repr=False, default=None)
    others: tuple[x509.Certificate, ...] = ()


def read(content: bytes, *, password: bytes | None = None) -> Found:
    """A .cer, .pem or .p12 as Apple, Keychain or openssl wrote it, legacy RC2-40 and 3DES included.

    A PEM may hold several certificates and the key; the first certificate that is no authority's is the one meant.
    """
    if what(content) == Kind.P12:
        return _read_p12(content, password)
    certificates = read_certificates(content)
    mine = next((one for one in certificates if not is_authority(one)), certificates[0])
    has_key = any(_kind(label) == Kind.KEY for label, _ in _blocks(content))
    key = read_key(content, password=password) if has_key else None
    return Found(mine, key, tuple(one for one in certificates if one != mine))


def read_certificates(content: bytes) -> list[x509.Certificate]:
    """All certificates in a PEM, or the one in a DER file, in their order."""
    blocks = [pem for label, pem in _blocks(content) if _kind(label) == Kind.CERTIFICATE]
    if not blocks and (found := what(content)) != Kind.CERTIFICATE:
        raise CertificateError(f"A certificate was expected, but this is {found}; give the .cer file that Apple made.")
    with _clear_words():
        loaded = [x509.load_pem_x509_certificate(block) for block in blocks] or [
            x509.load_der_x509_certificate(content)
        ]
        for one in loaded:
            _read_through(one)
    return loaded


def read_key(content: bytes, *, password: bytes | None = None) -> SigningKey:
    """The private key in a PEM or DER file; RSA from 2048 bits or EC P-256."""
    block = next((pem for label, pem in _blocks(content) if _kind(label) == Kind.KEY), None)
    if block is None and (found := what(content)) != Kind.KEY:
        raise CertificateError(f"A private key was expected, but this is {found}; give the .key file.")
    return _usable(_load_key(block or content, pem=block is not None, password=password))


def what(content: bytes) -> Kind:
    """What the bytes look like."""
    for label, _ in _blocks(content):
        return _kind(label)
    if content[:1] != b"\x30" or len(content) < 8:
        return Kind.UNKNOWN
    body = content[2 if content[1] < 0x80 else 2 + (content[1] & 0x7F) :]
    if body[:3] == b"\x02\x01\x03":  # PFX is version 3
        return Kind.P12
    if body[:2] == b"\x02\x01" or _is_encrypted_key(content):
        return Kind.KEY
    return _what_der(content)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether the certificate may sign others."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def chain(leaf: x509.Certificate, intermediates: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The intermediates above ``leaf``, nearest first, found by issuer, key identifier and signature; no root.

    Apple's G4 is always among the candidates. File names play no part.
    """
    candidates = [one for one in (*intermediates, _G4) if is_authority(one)]
    found: list[x509.Certificate] = []
    below = leaf
    while len(found) < MAX_CHAIN:
        above = next((one for one in candidates if issued(one, below)), None)
        if above is None or above.subject == above.issuer:
            break
        found.append(above)
        below = above
    if not found:
        raise CertificateError(_unknown_issuer(leaf, candidates))
    return tuple(found)


def issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether ``authority`` signed ``certificate``: by name, by key identifier where both have one, by signature."""
    if authority.subject != certificate.issuer:
        return False
    wanted = _extension(certificate, x509.AuthorityKeyIdentifier)
    mine = _extension(authority, x509.SubjectKeyIdentifier)
    if wanted and wanted.key_identifier and mine and wanted.key_identifier != mine.digest:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    """The first value of one subject attribute, as text."""
    return _first(certificate.subject, oid)


def is_legacy_g1(name: x509.Name) -> bool:
    """Whether this is Apple's first WWDR, expired in 2023."""
    common_name = _first(name, NameOID.COMMON_NAME)
    return common_name == wwdr.COMMON_NAME and _first(name, NameOID.ORGANIZATIONAL_UNIT_NAME) == wwdr.G1_UNIT


@contextmanager
def _clear_words() -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise CertificateError("The certificate is damaged; download it from Apple once more.") from error


def _read_through(certificate: x509.Certificate) -> None:
    """Parse every part that is used later: the library reads them when asked, and only then finds them damaged."""
    _ = certificate.subject, certificate.issuer, certificate.serial_number, certificate.extensions
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.public_key()


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    values = name.get_attributes_for_oid(oid)
    return str(values[0].value) if values else None


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _blocks(content: bytes) -> list[tuple[bytes, bytes]]:
    return [(match[1], match[0]) for match in _PEM.finditer(content)]


def _kind(label: bytes) -> Kind:
    if label.endswith(b"PRIVATE KEY"):
        return Kind.KEY
    if label.endswith(b"CERTIFICATE REQUEST"):
        return Kind.REQUEST
    if label in (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"):
        return Kind.CERTIFICATE
    return Kind.PUBLIC_KEY if label.endswith(b"PUBLIC KEY") else Kind.UNKNOWN


def _what_der(content: bytes) -> Kind:
    for load, kind in ((x509.load_der_x509_certificate, Kind.CERTIFICATE), (x509.load_der_x509_csr, Kind.REQUEST)):
        try:
            load(content)
        except _DAMAGED:
            continue
        return kind
    try:
        serialization.load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        return Kind.UNKNOWN
    return Kind.PUBLIC_KEY


def _is_encrypted_key(content: bytes) -> bool:
    try:
        serialization.load_der_private_key(content, None)
    except TypeError:
        return True  # cryptography's word for: encrypted, and no password was given
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def _load_key(content: bytes, *, pem: bool, password: bytes | None) -> object:
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        return load(content, None)
    except TypeError as error:
        if password is None:
            raise PasswordNeeded("The private key is encrypted and no password was given; give it.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("The private key is damaged or of a kind that cannot be read; use RSA-2048.") from error
    try:
        return load(content, password)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("The password of the private key is wrong; try the one it was exported with.") from error


def _usable(key: object) -> SigningKey:
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise CertificateError(f"The RSA key has {key.key_size} bits; passes need {MIN_RSA_BITS} or more.")
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise CertificateError("The private key is of a kind that cannot sign passes; use RSA-2048 or EC P-256.")


def _read_p12(content: bytes, password: bytes | None) -> Found:
    key, certificate, others = _open_p12(content, password)
    if certificate is None or key is None:
        missing = "certificate" if certificate is None else "private key"
        raise CertificateError(f"The .p12 file holds no {missing}; in Keychain export the certificate with its key.")
    with _clear_words():
        for one in (certificate, *others):
            _read_through(one)
    return Found(certificate, _usable(key), tuple(others))


def _open_p12(
    content: bytes, password: bytes | None
) -> tuple[object | None, x509.Certificate | None, Sequence[x509.Certificate]]:
    for attempt in (None, b"") if password is None else (password,):
        try:
            return pkcs12.load_key_and_certificates(content, attempt)
        except UnsupportedAlgorithm as error:
            raise CertificateError("The .p12 file is encrypted in an unknown way; export it again.") from error
        except ValueError:
            continue
    if password is None:
        raise PasswordNeeded("The .p12 file needs a password and none was given; give the one set at its export.")
    raise CertificateError("The password of the .p12 file is wrong, or the file is damaged; export it again if unsure.")


def _unknown_issuer(leaf: x509.Certificate, candidates: Sequence[x509.Certificate]) -> str:
    name = _described(leaf.issuer)
    if leaf.issuer == leaf.subject:
        return "The certificate is self-signed; Wallet takes only one that Apple issued for your request (.csr)."
    if is_legacy_g1(leaf.issuer):
        return (
            f"The certificate was issued by {name} (G1), which expired on 2023-02-07; make a new one with "
            "`server.py certs renew`, Apple issues it from G4."
        )
    if any(one.subject == leaf.issuer for one in candidates):
        return (
            f"The certificate names {name} as its issuer, but the intermediate of that name did not sign it; "
            f"the certificate is damaged or forged, or another file is meant{_place(leaf)}."
        )
    return (
        f"The certificate was issued by {name}, and that intermediate is not here; "
        f"get its file{_place(leaf)} and take it in with `server.py certs import FILE`."
    )


def _place(leaf: x509.Certificate) -> str:
    access = _extension(leaf, x509.AuthorityInformationAccess)
    for description in access or ():
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS:
            return f" from {description.access_location.value}"
    unit = _first(leaf.issuer, NameOID.ORGANIZATIONAL_UNIT_NAME) or ""
    if _first(leaf.issuer, NameOID.COMMON_NAME) == wwdr.COMMON_NAME and re.fullmatch(r"G\d+", unit):
        return f" (AppleWWDRCA{unit}.cer) from {wwdr.DOWNLOADS}"
    return ""


def _described(name: x509.Name) -> str:
    common_name = _first(name, NameOID.COMMON_NAME) or name.rfc4514_string()
    unit = _first(name, NameOID.ORGANIZATIONAL_UNIT_NAME)
    return f"'{common_name}, {unit}'" if unit else f"'{common_name}'"
