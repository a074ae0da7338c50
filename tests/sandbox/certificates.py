"""Certificates for these tests, by ``cryptography`` alone, shaped like Apple's: root, WWDR, Pass Type ID, server."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
TOPIC = "pass.com.example.coffee"
TEAM = "A1B2C3D4E5"
PUSH_PRODUCTION = x509.ObjectIdentifier("1.2.840.113635.100.6.3.2")
PUSH_DEVELOPMENT = x509.ObjectIdentifier("1.2.840.113635.100.6.3.1")
"""Pass certificates carry the first; node-apn wants the second for any server but Apple's own."""
ASN1_NULL = b"\x05\x00"


@dataclass(frozen=True)
class Pair:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def name(**attributes: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(getattr(NameOID, key), value) for key, value in attributes.items()])


def make(
    subject: x509.Name,
    issuer: Pair | None,
    *extensions: x509.ExtensionType,
    start: datetime.datetime | None = None,
    days: int = 395,
) -> Pair:
    """A certificate for ``subject``, signed by ``issuer`` or by itself."""
    key = rsa.generate_private_key(65537, 2048)
    begin = start or datetime.datetime.now(datetime.UTC) - DAY
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + days * DAY)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def authority(common_name: str, issuer: Pair | None = None) -> Pair:
    return make(name(COMMON_NAME=common_name), issuer, x509.BasicConstraints(ca=True, path_length=None), days=3650)


def pass_type_certificate(issuer: Pair, topic: str = TOPIC, team: str = TEAM, **validity) -> Pair:
    """Subject and usage as in a certificate from Apple's portal."""
    subject = name(
        USER_ID=topic,
        COMMON_NAME=f"Pass Type ID: {topic}",
        ORGANIZATIONAL_UNIT_NAME=team,
        ORGANIZATION_NAME="Example",
    )
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    marks = [x509.UnrecognizedExtension(oid, ASN1_NULL) for oid in (PUSH_PRODUCTION, PUSH_DEVELOPMENT)]
    return make(subject, issuer, x509.BasicConstraints(ca=False, path_length=None), usage, *marks, **validity)


def server_certificate(issuer: Pair) -> Pair:
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    names = x509.SubjectAlternativeName(hosts)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return make(name(COMMON_NAME="localhost"), issuer, names, usage)


@dataclass(frozen=True)
class Authorities:
    """One little Apple."""

    root: Pair = field(default_factory=lambda: authority("Test Root CA"))

    def __post_init__(self) -> None:
        object.__setattr__(self, "wwdr", authority("Test Worldwide Developer Relations", self.root))
        object.__setattr__(self, "leaf", pass_type_certificate(self.wwdr))
        object.__setattr__(self, "server", server_certificate(self.root))

    wwdr: Pair = field(init=False)
    leaf: Pair = field(init=False)
    server: Pair = field(init=False)

    @property
    def bundle(self) -> bytes:
        return self.root.pem + self.wwdr.pem
