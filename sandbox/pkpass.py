"""Opening a pkpass as a strict phone does: the zip, the manifest, the signature, the certificates, the identity.

Everything that would make Wallet refuse the pass is a ``BadPass`` whose text is what iOS writes to the log. Rules:
Apple's "Building a Pass" and "Creating the source for a pass"; the checks use ``asn1crypto`` and ``cryptography`` alone,
so they are another reading of the rules than the builder's.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

MAX_FILES = 500
MAX_BYTES = 64 * 1024 * 1024
MAX_CHAIN = 5

SIGNATURE_REFUSED = "Manifest signature did not verify successfully"
IDENTITY_REFUSED = (
    "The passTypeIdentifier or teamIdentifier provided may not match your certificate, or the certificate trust chain "
    "could not be verified"
)

REQUIRED = {
    "formatVersion": int,
    "passTypeIdentifier": str,
    "serialNumber": str,
    "teamIdentifier": str,
    "organizationName": str,
    "description": str,
}
STYLES = frozenset({"boardingPass", "coupon", "eventTicket", "generic", "storeCard", "posterGeneric"})

_HASHES: dict[str, type[hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")
_COLOUR = re.compile(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)")


class BadPass(Exception):
    """The phone refuses this pass; the text is the log line."""


@dataclass(frozen=True, slots=True)
class OpenedPass:
    """A pass the phone has accepted. ``signed_at`` is None when verification was off."""

    data: bytes
    files: Mapping[str, bytes]
    document: Mapping[str, Any]
    signed_at: datetime | None

    @property
    def pass_type_identifier(self) -> str:
        """pass.json's passTypeIdentifier."""
        return str(self.document["passTypeIdentifier"])

    @property
    def serial_number(self) -> str:
        """pass.json's serialNumber."""
        return str(self.document["serialNumber"])

    @property
    def web_service_url(self) -> str | None:
        """Where the pass is updated, or None for a pass that never changes."""
        url = self.document.get("webServiceURL")
        return str(url) if url else None

    @property
    def authentication_token(self) -> str:
        """What authorizes requests for this pass."""
        return str(self.document.get("authenticationToken", ""))


def open_pkpass(data: bytes, roots: Sequence[x509.Certificate], *, verify: bool = True) -> OpenedPass:
    """Open and check; ``verify`` False leaves out the hashes and the signature (for hundreds of phones at once)."""
    files = _unzip(data)
    document = _document(files)
    signed_at = None
    if verify:
        _check_manifest(files)
        signed_at = _check_signature(files, document, tuple(roots))
    return OpenedPass(data, files, document, signed_at)


def load_roots(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file that a chain may end in."""
    return tuple(x509.load_pem_x509_certificates(pem))


def _unzip(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            entries = bundle.infolist()
            names = [entry.filename for entry in entries]
            if len(names) != len(set(names)) or any(name.endswith("/") for name in names):
                raise BadPass("Received invalid pass data (an entry twice, or a directory)")
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise BadPass("Received invalid pass data (too large)")
            return {entry.filename: bundle.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadPass(f"Received invalid pass data ({error})") from error


# pass.json.


def _document(files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        document = json.loads(files["pass.json"].decode("utf-8"), parse_float=Decimal)
    except (KeyError, ValueError) as error:
        raise BadPass(f"Received invalid pass data (pass.json: {error})") from error
    if not isinstance(document, dict):
        raise BadPass("Received invalid pass data (pass.json is not a dictionary)")
    for key, kind in REQUIRED.items():
        if not isinstance(document.get(key), kind):
            raise BadPass(f"Pass dictionary must contain key '{key}'")
    if document["formatVersion"] != 1:
        raise BadPass("Unsupported formatVersion")
    if not any(name in files for name in ("icon.png", "icon@2x.png", "icon@3x.png")):
        raise BadPass("Pass must contain an icon")
    _check_values(document)
    return document


def _check_values(document: Mapping[str, Any]) -> None:
    styles = STYLES & document.keys()
    if not styles or (len(styles) > 1 and (len(styles) > 2 or "posterGeneric" not in styles)):
        raise BadPass(f"Pass dictionary must contain exactly one style, it has {sorted(styles)}")
    if document.get("webServiceURL") and len(str(document.get("authenticationToken", ""))) < 16:
        raise BadPass("authenticationToken is required with webServiceURL and has at least 16 characters")
    for key in ("expirationDate", "relevantDate"):
        if key in document and not _DATE.fullmatch(str(document[key])):
            raise BadPass(
                f'Unable to parse {key} {document[key]} as a date. We expect dates in "W3C date and time format", '
                "such as 1980-05-07T10:30-05:00"
            )
    for key in ("backgroundColor", "foregroundColor", "labelColor"):
        if key in document and not _COLOUR.fullmatch(str(document[key])):
            raise BadPass(f"Unable to parse {key} {document[key]} as a color")
    for style in styles:
        _check_fields(style, document[style])


def _check_fields(style: str, dictionary: Any) -> None:
    if not isinstance(dictionary, dict):
        raise BadPass(f"{style} must be a dictionary")
    if style == "boardingPass" and not dictionary.get("transitType"):
        raise BadPass("boardingPass must contain key 'transitType'")
    fields = [field for name, zone in dictionary.items() if name.endswith("Fields") for field in zone]
    for field in fields:
        if not isinstance(field, dict) or "key" not in field or "value" not in field:
            raise BadPass(f"Pass field must contain keys 'key' and 'value': {field!r}")
        if "currencyCode" in field and not isinstance(field["value"], int | Decimal):
            raise BadPass(f"Pass field '{field['key']}' has a currencyCode and a value that is no number")
        dated = field.get("dateStyle") or field.get("timeStyle")
        if dated and not _DATE.fullmatch(str(field["value"])):
            raise BadPass(f"Unable to parse {field['key']} {field['value']} as a date")
    keys = [field["key"] for field in fields]
    if len(keys) != len(set(keys)):
        raise BadPass("Pass field keys must be unique")


# Manifest and signature.


def _check_manifest(files: Mapping[str, bytes]) -> None:
    try:
        manifest = json.loads(files["manifest.json"])
    except (KeyError, ValueError) as error:
        raise BadPass(f"Received invalid pass data (manifest.json: {error})") from error
    listed = set(manifest)
    present = set(files) - {"manifest.json", "signature"}
    if listed != present:
        raise BadPass(f"Manifest and files differ: {', '.join(sorted(listed ^ present))}")
    for name, digest in manifest.items():
        if not hmac.compare_digest(hashlib.sha1(files[name], usedforsecurity=False).hexdigest(), str(digest)):
            raise BadPass(f"SHA-1 of {name} differs from the manifest")


def _check_signature(
    files: Mapping[str, bytes], document: Mapping[str, Any], roots: tuple[x509.Certificate, ...]
) -> datetime:
    try:
        content = cms.ContentInfo.load(files["signature"], strict=True)["content"]
        [signer] = content["signer_infos"]
        certificates = tuple(choice.chosen.dump() for choice in content["certificates"])
        detached = content["encap_content_info"]["content"].native is None
        digest_name = signer["digest_algorithm"]["algorithm"].native
        signature_name = signer["signature_algorithm"].signature_algo
        attributes = {item["type"].native: item["values"][0] for item in signer["signed_attrs"]}
        digest, signed_at = attributes["message_digest"].native, attributes["signing_time"].native
        issuer, serial = signer["sid"].chosen["issuer"].dump(), signer["sid"].chosen["serial_number"].native
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadPass(f"{SIGNATURE_REFUSED} ({error})") from error
    if not detached or digest_name not in _HASHES:
        raise BadPass(f"{SIGNATURE_REFUSED} (not detached, or an unknown digest)")
    if hashlib.new(digest_name, files["manifest.json"]).digest() != digest:
        raise BadPass(f"{SIGNATURE_REFUSED} (messageDigest is of another manifest)")
    leaf = _signer_certificate(certificates, issuer, serial)
    signed = b"\x31" + signer["signed_attrs"].dump()[1:]
    _verify(leaf, signer["signature"].native, signed, _HASHES[digest_name](), signature_name)
    _check_identity(leaf, document)
    _check_chain(leaf, certificates, roots, _utc(signed_at))
    return _utc(signed_at)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _signer_certificate(certificates: Sequence[bytes], issuer: bytes, serial: int) -> x509.Certificate:
    for der in certificates:
        certificate = _load(der)
        if certificate.serial_number == serial and certificate.issuer.public_bytes() == issuer:
            return certificate
    raise BadPass(f"{SIGNATURE_REFUSED} (the signer's certificate is not in the signature)")


@lru_cache(maxsize=256)
def _load(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def _verify(leaf: x509.Certificate, signature: bytes, signed: bytes, digest: hashes.HashAlgorithm, scheme: str) -> None:
    key = leaf.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and scheme == "rsassa_pkcs1v15":
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ecdsa":
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            raise BadPass(f"{SIGNATURE_REFUSED} (the key does not fit {scheme})")
    except InvalidSignature:
        raise BadPass(SIGNATURE_REFUSED) from None


def _check_identity(leaf: x509.Certificate, document: Mapping[str, Any]) -> None:
    subject = {
        "passTypeIdentifier": leaf.subject.get_attributes_for_oid(NameOID.USER_ID),
        "teamIdentifier": leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME),
    }
    for key, found in subject.items():
        if [attribute.value for attribute in found] != [document[key]]:
            raise BadPass(f"{IDENTITY_REFUSED} ({key})")


def _check_chain(
    leaf: x509.Certificate, certificates: tuple[bytes, ...], roots: tuple[x509.Certificate, ...], when: datetime
) -> None:
    start, end = _chain_validity(leaf.public_bytes(Encoding.DER), certificates, roots)
    if not start <= when <= end:
        raise BadPass(f"{IDENTITY_REFUSED} (certificate not valid when it was signed)")


@lru_cache(maxsize=256)
def _chain_validity(
    leaf: bytes, certificates: tuple[bytes, ...], roots: tuple[x509.Certificate, ...]
) -> tuple[datetime, datetime]:
    """From the leaf over what the signature carries to a root; when every link of the way is valid."""
    way, others = [_load(leaf)], [_load(der) for der in certificates]
    while len(way) <= MAX_CHAIN:
        root = next((root for root in roots if _issued(root, way[-1])), None)
        if root is not None:
            way.append(root)
            starts = [certificate.not_valid_before_utc for certificate in way]
            return max(starts), min(certificate.not_valid_after_utc for certificate in way)
        above = next((other for other in others if other not in way and _issued(other, way[-1])), None)
        if above is None:
            break
        way.append(above)
    raise BadPass(f"{IDENTITY_REFUSED} (no chain to a known root)")


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        if not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return True
