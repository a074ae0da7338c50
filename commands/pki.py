"""Keys, requests and look-alike authorities: everything with certificates that needs randomness.

The look-alike has the shape of Apple's own, down to the object identifiers (decoded from a real pass certificate): a
root, a "Worldwide Developer Relations" intermediate, Pass Type ID leaves of RSA-2048 for 395 days, and beside them the
TLS certificate of a stand-in for Apple's push service. It names itself a look-alike everywhere, its links end in
``.invalid``, and no Apple device trusts it. ``certs dev``, the demo and the tests use it.

Bytes in, bytes out: no file is read or written here, and ``now`` is an argument.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from passkit.apple.credentials import SigningKey
from passkit.apple.requests import common_name, key_fingerprint, key_pem, prove, request
from passkit.apple.signing import Identity, load_identity

__all__ = ["LookAlike", "Pair", "issue", "key_fingerprint", "key_pem", "look_alike", "new_key", "pass_certificate",
           "prove", "request", "root_authority", "server_certificate", "wwdr_authority"]  # fmt: skip

LOOK_ALIKE: Final = "Passbell look-alike"
LEAF_DAYS: Final = 395  # as Apple's pass certificates
AUTHORITY_DAYS: Final = 3650
BACKDATED: Final = timedelta(minutes=10)  # as Apple does, for clocks that lag a little
DEFAULT_PASS_TYPE: Final = "pass.com.example.passbell"  # noqa: S105
DEFAULT_TEAM: Final = "PASSBELL01"
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

_SHA256: Final = hashes.SHA256()
_DER_NULL: Final = b"\x05\x00"
# Apple's own identifiers, https://www.apple.com/certificateauthority/Apple_WWDR_CPS
_WWDR_MARK: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.2.1")
_PASS_TYPE_MARK: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.1.16")
_PUSH_MARK: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
_PASS_SIGNING_USE: Final = x509.ObjectIdentifier("1.2.840.113635.100.4.14")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key in PEM, unencrypted PKCS #8."""
        return key_pem(self.key)


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A whole look-alike world: ``passes`` by pass type identifier, ``apns`` the push service's TLS certificate."""

    root: Pair
    wwdr: Pair
    passes: Mapping[str, Pair]
    apns: Pair

    def identity(self, pass_type_identifier: str) -> Identity:
        """What signs passes of that type."""
        pair = self.passes[pass_type_identifier]
        return load_identity(pair.certificate_pem, pair.key_pem, intermediates=[self.wwdr.certificate_pem])


def look_alike(
    pass_types: Sequence[str] = (DEFAULT_PASS_TYPE,), *, team: str = DEFAULT_TEAM, now: datetime
) -> LookAlike:
    """Everything at once, in memory: root, WWDR, one certificate per pass type, and the push service's."""
    root = root_authority(now)
    wwdr = wwdr_authority(root, now)
    passes = {pass_type: pass_certificate(wwdr, pass_type, team=team, now=now) for pass_type in pass_types}
    return LookAlike(root, wwdr, passes, server_certificate(root, now=now))


def root_authority(now: datetime) -> Pair:
    """The look-alike of Apple Root CA."""
    key = new_key()
    name = _name(CN=f"{LOOK_ALIKE} Root CA", OU="Look-alike Certification Authority", O=LOOK_ALIKE, C="XX")
    builder = _builder(name, name, key, now, AUTHORITY_DAYS)
    builder = _authority(builder, path_length=None)
    return Pair(builder.sign(key, _SHA256), key)


def wwdr_authority(root: Pair, now: datetime) -> Pair:
    """The look-alike of WWDR G4, with the extensions of the real one."""
    key = new_key()
    name = _name(CN=f"{LOOK_ALIKE} Developer Relations Certification Authority", OU="G4", O=LOOK_ALIKE, C="XX")
    builder = _builder(name, root.certificate.subject, key, now, AUTHORITY_DAYS)
    builder = _authority(builder, path_length=0)
    builder = _links(builder, root, ocsp="http://ocsp.passbell.invalid/ocsp03-root")
    builder = builder.add_extension(x509.UnrecognizedExtension(_WWDR_MARK, _DER_NULL), critical=False)
    return Pair(builder.sign(root.key, _SHA256), key)


def pass_certificate(
    wwdr: Pair, pass_type_identifier: str, *, team: str = DEFAULT_TEAM, now: datetime, days: int = LEAF_DAYS
) -> Pair:
    """A Pass Type ID certificate with a key of its own, valid from ten minutes before ``now``."""
    key = new_key()
    return Pair(
        issue(wwdr, request(key, pass_type_identifier), pass_type_identifier, team=team, now=now, days=days), key
    )


def issue(
    wwdr: Pair, csr: bytes, pass_type_identifier: str, *, team: str = DEFAULT_TEAM, now: datetime, days: int = LEAF_DAYS
) -> x509.Certificate:
    """What Apple's portal does with an uploaded request: the key counts, the names in it do not."""
    key = x509.load_pem_x509_csr(csr).public_key()
    name = _name(
        UID=pass_type_identifier, CN=common_name(pass_type_identifier), OU=team, O=f"{LOOK_ALIKE} team", C="XX"
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(wwdr.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )
    builder = _links(
        builder,
        wwdr,
        ocsp="http://ocsp.passbell.invalid/ocsp03-wwdrg4",
        issuer="http://certs.passbell.invalid/wwdrg4.der",
    )
    builder = _pass_uses(builder, pass_type_identifier)
    return builder.sign(wwdr.key, _SHA256)


def server_certificate(root: Pair, hosts: Iterable[str] = LOCAL_HOSTS, *, now: datetime) -> Pair:
    """The TLS certificate of a stand-in for ``api.push.apple.com``, for names and addresses of this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(CN=f"{LOOK_ALIKE} push service"), root.certificate.subject, key, now, LEAF_DAYS)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_authority_key(root), critical=False)
    )
    return Pair(builder.sign(root.key, _SHA256), key)


def new_key(*, elliptic: bool = False) -> SigningKey:
    """A fresh RSA-2048 key, the only kind that Apple's portal is known to take; P-256 when asked."""
    return ec.generate_private_key(ec.SECP256R1()) if elliptic else rsa.generate_private_key(65537, 2048)


def _name(**attributes: str) -> x509.Name:
    kinds = {
        "UID": NameOID.USER_ID,
        "CN": NameOID.COMMON_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "C": NameOID.COUNTRY_NAME,
    }
    return x509.Name([x509.NameAttribute(kinds[kind], value) for kind, value in attributes.items()])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: SigningKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _authority(builder: x509.CertificateBuilder, path_length: int | None) -> x509.CertificateBuilder:
    usage = _key_usage(signs_others=True)
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True).add_extension(
        usage, critical=True
    )


def _links(
    builder: x509.CertificateBuilder, authority: Pair, *, ocsp: str, issuer: str | None = None
) -> x509.CertificateBuilder:
    places = [(AuthorityInformationAccessOID.OCSP, ocsp)]
    if issuer:
        places.insert(0, (AuthorityInformationAccessOID.CA_ISSUERS, issuer))
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in places]
    )
    return builder.add_extension(access, critical=False).add_extension(_authority_key(authority), critical=False)


def _pass_uses(builder: x509.CertificateBuilder, pass_type_identifier: str) -> x509.CertificateBuilder:
    value = core.UTF8String(pass_type_identifier).dump()
    return (
        builder.add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, _PASS_SIGNING_USE]), critical=False)
        .add_extension(x509.UnrecognizedExtension(_PASS_TYPE_MARK, value), critical=False)
        .add_extension(x509.UnrecognizedExtension(_PUSH_MARK, _DER_NULL), critical=False)
    )


def _key_usage(*, digital_signature: bool = False, signs_others: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(authority: Pair) -> x509.AuthorityKeyIdentifier:
    own = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
