"""The detached CMS signature of a manifest, encoded by hand around parts that never change.

An ``Envelope`` holds everything that is constant for a certificate and its chain: algorithms, certificates, signer. Per
manifest only three things are put in: the digest, the signing time and the signature. Building the same structure from
objects each time costs more than the RSA signature itself; this costs a few microseconds. The lengths around the
signature depend on its own, of which there are a handful: each frame is encoded once and remembered.

The rules, in RFC 5652 (https://www.rfc-editor.org/rfc/rfc5652): SignedData in section 5.1, signed attributes as a DER
``SET OF`` (sorted by their bytes) in 5.3, what exactly is signed in 5.4, the signing time in 11.3 (UTCTime until 2049,
GeneralizedTime from 2050). Wallet wants contentType, signingTime and messageDigest, the leaf and its WWDR intermediate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509

_SEQUENCE: Final = b"\x30"
_SET: Final = b"\x31"
_TAG_0: Final = b"\xa0"  # [0], constructed
_OCTETS: Final = b"\x04"
_OBJECT_IDENTIFIER: Final = b"\x06"

_LAST_UTC_TIME_YEAR: Final = 2049


def tlv(tag: bytes, content: bytes) -> bytes:
    """One DER element: ``tag``, the length in its shortest form, ``content``."""
    size = len(content)
    if size < 0x80:
        return tag + bytes((size,)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes((0x80 | len(length),)) + length + content


def _attribute(kind: str, tag: bytes, value: bytes) -> bytes:
    return tlv(_SEQUENCE, cms.CMSAttributeType(kind).dump() + tlv(_SET, tlv(tag, value)))


def _head(kind: str, tag: bytes, size: int) -> bytes:
    """An attribute up to its value of ``size`` bytes, which is put in per manifest."""
    return _attribute(kind, tag, bytes(size))[:-size]


# Sorted as DER wants: their second bytes, the lengths, are 18, 1c or 1e, 2f.
_CONTENT_TYPE: Final = _attribute("content_type", _OBJECT_IDENTIFIER, cms.ContentType("data").contents)
_UTC_TIME: Final = _CONTENT_TYPE + _head("signing_time", b"\x17", len("YYMMDDhhmmssZ"))
_GENERALIZED_TIME: Final = _CONTENT_TYPE + _head("signing_time", b"\x18", len("YYYYMMDDhhmmssZ"))
_DIGEST: Final = _head("message_digest", _OCTETS, hashlib.sha256().digest_size)
_SIGNED_DATA: Final = cms.ContentType("signed_data").dump()


def signed_attributes(manifest: bytes, when: datetime) -> bytes:
    """The three signed attributes, sorted, without the tag and length around them; seconds are cut, not rounded."""
    moment = when if when.tzinfo is UTC else when.astimezone(UTC)
    rest = b"%02d%02d%02d%02d%02dZ" % (moment.month, moment.day, moment.hour, moment.minute, moment.second)
    if moment.year <= _LAST_UTC_TIME_YEAR:
        time = b"%b%02d%b" % (_UTC_TIME, moment.year % 100, rest)
    else:
        time = b"%b%04d%b" % (_GENERALIZED_TIME, moment.year, rest)
    return time + _DIGEST + hashlib.sha256(manifest).digest()


def to_be_signed(attributes: bytes) -> bytes:
    """What the key signs: the attributes as an explicit ``SET OF`` (RFC 5652 section 5.4)."""
    return tlv(_SET, attributes)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The constant bytes of every signature that one certificate makes, in the order of the structure."""

    before_signers: bytes
    before_attributes: bytes
    signature_algorithm: bytes
    _frames: dict[tuple[int, int], tuple[bytes, bytes]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, certificates: list[bytes], algorithm: str) -> Self:
        """``certificates`` in DER, the leaf first; ``algorithm`` is ``rsassa_pkcs1v15`` or ``sha256_ecdsa``."""
        leaf = asn1_x509.Certificate.load(certificates[0])
        digest = cms.DigestAlgorithm({"algorithm": "sha256"}).dump()
        signer = cms.IssuerAndSerialNumber({"issuer": leaf.issuer, "serial_number": leaf.serial_number}).dump()
        content = cms.ContentInfo({"content_type": "data"}).dump()
        version = cms.CMSVersion("v1").dump()
        return cls(
            version + tlv(_SET, digest) + content + tlv(_TAG_0, b"".join(sorted(certificates))),
            version + signer + digest,
            cms.SignedDigestAlgorithm({"algorithm": algorithm}).dump(),
        )

    def close(self, attributes: bytes, signature: bytes) -> bytes:
        """The finished ContentInfo around one signature."""
        lengths = len(attributes), len(signature)
        frame = self._frames.get(lengths)
        if frame is None:
            frame = self._frames[lengths] = self._frame(*lengths)
        return b"".join((frame[0], attributes, frame[1], signature))

    def _frame(self, attributes: int, signature: int) -> tuple[bytes, bytes]:
        """What stands before the attributes, and between them and the signature, for these lengths of the two."""
        between = self.signature_algorithm + tlv(_OCTETS, bytes(signature))
        signer = self.before_attributes + tlv(_TAG_0, bytes(attributes)) + between
        signed_data = self.before_signers + tlv(_SET, tlv(_SEQUENCE, signer))
        whole = tlv(_SEQUENCE, _SIGNED_DATA + tlv(_TAG_0, tlv(_SEQUENCE, signed_data)))
        return whole[: -len(between) - attributes], between[: len(between) - signature]
