"""One encrypted file of several: a header in the clear, then chunks sealed with AES-256-GCM under a key made of a passphrase.

Layout: ``MAGIC``, 16 bytes of scrypt's salt, 7 of a nonce; then for each chunk four bytes of length and the sealed chunk, whose
nonce is the seven bytes, the chunk's number and whether it is the last (the STREAM construction, https://eprint.iacr.org/2015/189):
chunks that are changed, moved, doubled, or cut off at the end do not open. A chunk is a letter and its content: ``N`` a file's
name, ``D`` a piece of it, ``E`` its end with size and SHA-256, ``M`` the manifest, which is the last. Memory stays at one chunk.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

MAGIC = b"PASSBELL-BACKUP-1\n"
SALT, PREFIX = 16, 7
CHUNK = 1 << 20
MOST = CHUNK + 1 + 16
"""A sealed chunk is never longer: a letter, its content, and the tag."""
SHORTEST = 12
"""Characters of a passphrase."""


class ArchiveError(Exception):
    """An archive that cannot be read; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What reading gives: ``name`` begins a file, ``data`` continues it, ``end`` closes it with size and sha256."""

    name: str | None = None
    data: bytes | None = None
    end: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None


class Writer:
    """Writes an archive into an open binary file; ``finish`` must be the last call."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        salt, self._prefix = os.urandom(SALT), os.urandom(PREFIX)
        self._file, self._header, self._count = file, MAGIC + salt + self._prefix, 0
        self._cipher = AESGCM(_key(passphrase, salt))
        self._files: dict[str, dict[str, Any]] = {}
        file.write(self._header)

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """A file of any size."""
        digest, size = hashlib.sha256(), 0
        self._put(b"N", name.encode())
        for piece in pieces:
            for start in range(0, len(piece), CHUNK):
                part = piece[start : start + CHUNK]
                digest.update(part)
                size += len(part)
                self._put(b"D", part)
        self._files[name] = {"size": size, "sha256": digest.hexdigest()}
        self._put(b"E", json.dumps(self._files[name]).encode())

    def finish(self, manifest: dict[str, Any]) -> None:
        """The manifest, with every file's size and checksum added to it."""
        self._put(b"M", json.dumps(manifest | {"files": self._files}).encode(), is_last=True)

    def _put(self, letter: bytes, content: bytes, *, is_last: bool = False) -> None:
        nonce = self._prefix + struct.pack(">IB", self._count, is_last)
        sealed = self._cipher.encrypt(nonce, letter + content, self._header)
        self._file.write(struct.pack(">I", len(sealed)) + sealed)
        self._count += 1


def read(file: BinaryIO, passphrase: str) -> Iterator[Piece]:
    """The pieces in their order, each proved to be what was written; ArchiveError otherwise, also for a cut end."""
    header = file.read(len(MAGIC) + SALT + PREFIX)
    if not header.startswith(MAGIC) or len(header) != len(MAGIC) + SALT + PREFIX:
        raise ArchiveError("this is no backup of Passbell.")
    salt, prefix = header[len(MAGIC) : len(MAGIC) + SALT], header[-PREFIX:]
    cipher, count, is_last = AESGCM(_key(passphrase, salt)), 0, False
    while not is_last:
        length = file.read(4)
        size = struct.unpack(">I", length)[0] if len(length) == 4 else 0
        sealed = file.read(size) if 0 < size <= MOST else b""
        if not size or len(sealed) != size:
            raise ArchiveError("the backup is cut off: copy it again, or take another.")
        content, is_last = _opened(cipher, prefix, count, sealed, header)
        count += 1
        yield _piece(content)
    if file.read(1):
        raise ArchiveError("something follows the end of the backup: it was altered.")


def verified(file: BinaryIO, passphrase: str) -> dict[str, Any]:
    """Read all of it, compare every checksum, and return the manifest."""
    found: dict[str, dict[str, Any]] = {}
    name, digest, size = "", hashlib.sha256(), 0
    manifest: dict[str, Any] = {}
    for piece in read(file, passphrase):
        if piece.name is not None:
            name, digest, size = piece.name, hashlib.sha256(), 0
        elif piece.data is not None:
            digest.update(piece.data)
            size += len(piece.data)
        elif piece.end is not None:
            found[name] = {"size": size, "sha256": digest.hexdigest()}
        else:
            manifest = piece.manifest or {}
    if manifest.get("files") != found:
        raise ArchiveError("the checksums of the backup do not fit its files.")
    return manifest


def _opened(cipher: AESGCM, prefix: bytes, count: int, sealed: bytes, header: bytes) -> tuple[bytes, bool]:
    for is_last in (False, True):
        try:
            return cipher.decrypt(prefix + struct.pack(">IB", count, is_last), sealed, header), is_last
        except InvalidTag:
            continue
    why = "the passphrase is another, or the file was altered." if not count else "the backup was altered or damaged."
    raise ArchiveError(why)


def _piece(content: bytes) -> Piece:
    letter, rest = content[:1], content[1:]
    if letter == b"N":
        return Piece(name=rest.decode())
    if letter == b"D":
        return Piece(data=rest)
    return Piece(end=json.loads(rest)) if letter == b"E" else Piece(manifest=json.loads(rest))


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
