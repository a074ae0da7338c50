"""The ``.pkpass`` archive: manifest.json, the signature, and a zip that stores everything as it is.

Promises: the same inputs give the same bytes (fixed order, fixed DOS time stamps); no directory entries, no dot files,
UTF-8 names, files at the root of the archive. Nothing is deflated: PNG does not shrink, and deflating costs a thousand
times what storing costs.

The image part of a revision is prepared once: it lies first in the archive, so that its zip segments, its part of the
central directory and its part of the manifest are constant bytes; the strings join it, which cards share as a rule. Per
card only pass.json, the manifest and the signature are made, and the archive is handed over as a list of parts that
nobody needs to join.

Rules: https://developer.apple.com/documentation/walletpasses/building-a-pass (manifest, signature, no extra files) and
https://developer.apple.com/documentation/walletpasses/distributing-and-updating-a-pass (bundles of passes).
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from passkit.apple import passjson
from passkit.apple.signing import Identity
from passkit.errors import BundleError, CertificateError
from passkit.model import Pass

MEDIA_TYPE = "application/vnd.apple.pkpass"

MAX_PASSES = 10  # Apple: a .pkpasses holds at most 10 passes
MAX_PASSES_BYTES = 150_000_000  # Apple: or 150 MB
MAX_ENTRIES = 65_535  # beyond it a zip needs ZIP64, which no wallet was seen to read
MAX_ARCHIVE_BYTES = 0xFFFF_FFFF

MANIFEST = "manifest.json"
SIGNATURE = "signature"

_VERSION_NEEDED = 10  # stored files need nothing newer
_MADE_BY = 3 << 8 | 20  # Unix, so that the mode below counts
_MODE = 0o100644 << 16  # unpacked files are readable
_UTF8_NAME = 0x0800
_DOS_TIME, _DOS_DATE = 0, 0x0021  # 1980-01-01 00:00:00, the earliest a zip can say

# APPNOTE 4.3.7 and 4.3.12: an entry's local header and its line of the directory share most of their fields, and around
# CRC, sizes and offset all are the same each time that a name is used.
_COMMON = struct.Struct("<HHHHH")
_SIZES = struct.Struct("<III")
_LOCAL_TAIL = struct.Struct("<HH")
_CENTRAL_TAIL = struct.Struct("<HHHHHI")
_OFFSET = struct.Struct("<I")
_END = struct.Struct("<4sHHHHIIH")


Strings = Mapping[str, Mapping[str, str]]
"""One table per language: literal in pass.json -> translation."""


@dataclass(frozen=True, slots=True)
class _Name:
    """What a file name adds to the archive: the constant bytes of its zip headers and of its line in the manifest."""

    local_head: bytes
    local_tail: bytes
    central_head: bytes
    central_tail: bytes
    encoded: bytes
    manifest: bytes


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """One prepared file: ``sha1`` in hex for the manifest, ``crc`` for the zip; its content begins at ``start``."""

    name: str
    sha1: str
    crc: int
    size: int
    start: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreparedFiles:
    """The constant files of a revision, ready to be laid in front of every card's own.

    Two are equal when they hold the same files. ``segment`` is all their zip entries in order, ``directory`` their part
    of the central directory, ``manifest`` their lines of manifest.json. An empty one is ``PreparedFiles()``.
    """

    entries: Mapping[str, PreparedFile] = field(default_factory=dict)
    segment: bytes = field(default=b"", repr=False, compare=False)
    directory: bytes = field(default=b"", repr=False, compare=False)
    manifest: bytes = field(default=b"", repr=False, compare=False)
    _with_strings: list[tuple[Strings, object, PreparedFiles]] = field(default_factory=list, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of the archive."""
        return tuple(self.entries)

    @property
    def files(self) -> dict[str, bytes]:
        """The contents by name, cut out of the segment."""
        return {entry.name: self.segment[entry.start : entry.start + entry.size] for entry in self.entries.values()}

    def with_strings(self, strings: Strings) -> PreparedFiles:
        """These and the pass.strings of each language, prepared too; the last result is remembered.

        The tables of a revision are the same for nearly all its cards, and mostly the very same object, which is never
        changed: so this is done once and not per card.
        """
        for tables, _, merged in self._with_strings:
            if tables is strings:
                return merged
        wanted = tuple((language, tuple(table.items())) for language, table in strings.items())
        for _, known, merged in self._with_strings:
            if known == wanted:
                return merged
        merged = _extended(self, passjson.strings_files(strings))
        self._with_strings[:] = [(strings, wanted, merged)]
        return merged


def prepare(files: Mapping[str, bytes]) -> PreparedFiles:
    """Hash, check and lay out the files that all cards of a revision share; ``BundleError`` for an impossible name."""
    return _extended(PreparedFiles(), {name: files[name] for name in sorted(files)})


def build(prepared: PreparedFiles, files: Mapping[str, bytes], sign: Callable[[bytes], bytes]) -> list[bytes]:
    """The archive as parts: the prepared files, then ``files`` in their order, manifest.json and its signature.

    ``sign`` takes the exact bytes of manifest.json and gives the detached CMS signature in DER.
    """
    if "pass.json" not in files:
        raise BundleError("A pass needs pass.json among its own files.")
    _refuse_doubles(prepared, files)
    archive = _Archive.after(prepared)
    for name, content in files.items():
        archive.add(name, content)
    manifest = b"{" + archive.manifest() + b"}"
    archive.append(_spelled(MANIFEST), manifest)
    archive.append(_spelled(SIGNATURE), sign(manifest))
    rest = b"".join([*archive.parts, *archive.directory, archive.end()])
    return [prepared.segment, rest] if prepared.segment else [rest]


def pkpass(pass_: Pass, identity: Identity) -> list[bytes]:
    """The signed pass as parts of its archive; the signing time is the pass's own.

    Raises ``CertificateError`` when the certificate belongs to another pass type or team (Wallet would refuse the pass)
    or is not valid at that time.
    """
    _refuse_strangers(pass_, identity)
    when = pass_.signing_time
    prepared = pass_.images.with_strings(pass_.strings)
    own = {"pass.json": passjson.pass_json(pass_.document)}
    return build(prepared, own, lambda manifest: identity.sign(manifest, when))


def pkpasses(passes: Sequence[bytes]) -> bytes:
    """Several finished passes as one ``.pkpasses`` archive; ``BundleError`` beyond Apple's 10 passes or 150 MB."""
    if not 1 <= len(passes) <= MAX_PASSES:
        raise BundleError(f"A .pkpasses bundle holds 1 to {MAX_PASSES} passes, not {len(passes)}; make several.")
    archive = _Archive()
    for number, content in enumerate(passes, start=1):
        if not content.startswith(b"PK\x03\x04"):
            raise BundleError(f"Pass {number} of the bundle is not a .pkpass archive; build it with pkpass() first.")
        archive.append(_spelled(f"pass{number}.pkpass"), content)
    end = archive.end()
    size = archive.size + len(end)
    if size > MAX_PASSES_BYTES:
        megabytes = size / 1_000_000
        limit = MAX_PASSES_BYTES // 1_000_000
        raise BundleError(f"The .pkpasses bundle is {megabytes:.1f} MB, over Apple's {limit} MB; send fewer passes.")
    return b"".join([*archive.parts, *archive.directory, end])


def _extended(prepared: PreparedFiles, files: Mapping[str, bytes]) -> PreparedFiles:
    _refuse_doubles(prepared, files)
    archive = _Archive.after(prepared)
    entries = dict(prepared.entries)
    for name, content in files.items():
        sha1, crc = archive.add(name, content)
        entries[name] = PreparedFile(name, sha1, crc, len(content), archive.offset - len(content))
    segment = b"".join((prepared.segment, *archive.parts))
    return PreparedFiles(entries, segment, b"".join(archive.directory), archive.manifest())


class _Archive:
    """A zip under construction: parts to write, the directory that will follow, and the lines of the manifest."""

    __slots__ = ("_directory_size", "_lines", "count", "directory", "offset", "parts")

    def __init__(self, offset: int = 0, count: int = 0, directory: bytes = b"", manifest: bytes = b"") -> None:
        self.offset = offset
        self.count = count
        self.parts: list[bytes] = []
        self.directory: list[bytes] = [directory]
        self._directory_size = len(directory)
        self._lines: list[bytes] = [manifest] if manifest else []

    @classmethod
    def after(cls, prepared: PreparedFiles) -> Self:
        """A zip that begins with the prepared files, which are not among ``parts``."""
        return cls(len(prepared.segment), len(prepared.entries), prepared.directory, prepared.manifest)

    def add(self, name: str, content: bytes) -> tuple[str, int]:
        """Append a file that the manifest names; its SHA-1 in hex and its CRC-32."""
        spelled = _name(name)
        sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self._lines.append(b'%b"%b"' % (spelled.manifest, sha1.encode()))
        return sha1, self.append(spelled, content)

    def append(self, spelled: _Name, content: bytes) -> int:
        """Append a file and its line of the directory; its CRC-32."""
        crc, size = zlib.crc32(content), len(content)
        sizes = _SIZES.pack(crc, size, size)
        head = b"".join((spelled.local_head, sizes, spelled.local_tail))
        line = b"".join((spelled.central_head, sizes, spelled.central_tail, _OFFSET.pack(self.offset), spelled.encoded))
        self.parts += (head, content)
        self.directory.append(line)
        self._directory_size += len(line)
        self.offset += len(head) + size
        self.count += 1
        return crc

    def manifest(self) -> bytes:
        """The manifest's lines, one after another: ``"name":"sha1"``."""
        return b",".join(self._lines)

    @property
    def size(self) -> int:
        """The bytes so far, entries and directory."""
        return self.offset + self._directory_size

    def end(self) -> bytes:
        """The record that ends the zip."""
        if self.count > MAX_ENTRIES or self.size > MAX_ARCHIVE_BYTES:
            raise BundleError("The pass has too many or too large files for a zip that wallets read; drop some images.")
        return _END.pack(b"PK\x05\x06", 0, 0, self.count, self.count, self._directory_size, self.offset, 0)


@lru_cache(maxsize=1024)
def _spelled(name: str) -> _Name:
    encoded = name.encode()
    flags = 0 if name.isascii() else _UTF8_NAME
    common = _COMMON.pack(_VERSION_NEEDED, flags, 0, _DOS_TIME, _DOS_DATE)
    return _Name(
        local_head=b"PK\x03\x04" + common,
        local_tail=_LOCAL_TAIL.pack(len(encoded), 0) + encoded,
        central_head=b"PK\x01\x02" + _MADE_BY.to_bytes(2, "little") + common,
        central_tail=_CENTRAL_TAIL.pack(len(encoded), 0, 0, 0, 0, _MODE),
        encoded=encoded,
        manifest=json.dumps(name, ensure_ascii=False).encode() + b":",
    )


@lru_cache(maxsize=1024)
def _name(name: str) -> _Name:
    """The spelled name, if it may stand in a pass; templates bound how many there are, so the cache stays small."""
    if name in (MANIFEST, SIGNATURE):
        raise BundleError(f"{name} is made by the builder; leave it out of the pass's own files.")
    steps = name.split("/")
    if "" in steps or any(step.startswith(".") for step in steps):
        raise BundleError(f"{name!r} cannot be a file of a pass: no leading slash, folders, '..' or dot files.")
    if "\\" in name or not name.isprintable():
        raise BundleError(f"{name!r} cannot be a file of a pass: no backslash and no control characters.")
    return _spelled(name)


def _refuse_doubles(prepared: PreparedFiles, files: Mapping[str, bytes]) -> None:
    for name in files:
        if name in prepared.entries:
            raise BundleError(f"{name} is both among the prepared files and the pass's own; keep one.")


def _refuse_strangers(pass_: Pass, identity: Identity) -> None:
    for key, mine in (
        ("passTypeIdentifier", identity.pass_type_identifier),
        ("teamIdentifier", identity.team_identifier),
    ):
        theirs = pass_.document.get(key)
        if theirs != mine:
            raise CertificateError(
                f"The pass says {key} {theirs!r} but the certificate says {mine!r}, so Wallet would refuse it; "
                "use the certificate of that pass type or correct the brand."
            )
