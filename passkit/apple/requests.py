"""Requests for certificates, and the trial that a certificate stands before it is used: what commands and studio share.

Bytes and values only: the key comes from whoever may throw dice.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from passkit.apple.credentials import SigningKey
from passkit.apple.signing import Identity
from passkit.errors import CertificateError

_SHA256: Final = hashes.SHA256()


def key_pem(key: SigningKey) -> bytes:
    """The key in PEM, unencrypted PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request(key: SigningKey, pass_type_identifier: str, *, email: str | None = None) -> bytes:
    """The certificate signing request (PEM) to upload; Apple replaces its names with its own."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name(pass_type_identifier))]
    if email:
        attributes.append(x509.NameAttribute(NameOID.EMAIL_ADDRESS, email))
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes)).sign(key, _SHA256)
    return csr.public_bytes(serialization.Encoding.PEM)


def key_fingerprint(key: SigningKey) -> str:
    """SHA-256 in hex of the public key: the same for a key, its request and its certificate."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def prove(identity: Identity, now: datetime) -> None:
    """Sign a trial manifest and verify it the long way round; ``CertificateError`` when a pass would not open."""
    manifest = b'{"pass.json":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}'
    signed = cms.ContentInfo.load(identity.sign(manifest, now), strict=True)["content"]
    signer = signed["signer_infos"][0]
    attributes = {one["type"].native: one["values"][0].native for one in signer["signed_attrs"]}
    certificates = {one.dump() for one in signed["certificates"]}
    encoded = [one.public_bytes(serialization.Encoding.DER) for one in (identity.certificate, *identity.chain)]
    is_whole = certificates.issuperset(encoded) and attributes["message_digest"] == hashlib.sha256(manifest).digest()
    if not (is_whole and _verifies(identity, signer["signature"].native, signer["signed_attrs"].untag().dump())):
        raise CertificateError(
            f"A trial signature with the certificate for {identity.pass_type_identifier} does not verify; "
            "it was not taken into use: make a new key with `server.py certs csr`."
        )


def _verifies(identity: Identity, signature: bytes, signed: bytes) -> bool:
    public = identity.certificate.public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, signed, padding.PKCS1v15(), _SHA256)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, signed, ec.ECDSA(_SHA256))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def common_name(pass_type_identifier: str) -> str:
    """How Apple names its pass certificates."""
    return f"Pass Type ID: {pass_type_identifier}"[:64]  # X.520: a common name ends at 64 characters
