"""The folder of certificates: where each file lies, who may read it, and how it is written.

::

    CERTS_DIR/
      pass.com.example.club/            one folder per pass type; the newest valid pair signs
        2026-11-22-1a2b3c4d.pem         certificate: the day it begins, its fingerprint
        2026-11-22-1a2b3c4d.key         its private key, mode 0600
        waiting/2027-10-01-9e8d7c6b.key a key whose request is at Apple, with its .csr beside it
      intermediates/*.pem               authorities other than Apple's G4, which is built in
      dev/  apns/                       look-alikes only: ``certs dev``

A key that others on the machine can read is refused. Files appear whole or not at all; nothing is ever overwritten by
something else, and an old pair stays beside the new one.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from commands import pki
from passkit.apple import credentials, wwdr
from passkit.apple.credentials import SigningKey
from passkit.apple.signing import Identity, identify
from passkit.errors import CertificateError

INTERMEDIATES: Final = "intermediates"
WAITING: Final = "waiting"

_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_CERTIFICATE_FILES: Final = (".pem", ".cer", ".crt", ".der")

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Stored:
    """An identity and the file its certificate came from."""

    identity: Identity
    file: Path


@dataclass(frozen=True, slots=True)
class Waiting:
    """A key whose request (.csr, beside it) is at Apple; ``since`` is the day in its name."""

    pass_type_identifier: str
    key_file: Path

    @property
    def request_file(self) -> Path:
        """What to upload."""
        return self.key_file.with_suffix(".csr")

    @property
    def since(self) -> str:
        """The day it was made, as in the name of the file."""
        return self.key_file.stem[: len("2026-11-22")]


@dataclass(frozen=True, slots=True)
class Directory:
    """What a folder holds, and one sentence for each file that is of no use."""

    stored: tuple[Stored, ...]
    waiting: tuple[Waiting, ...]
    problems: tuple[str, ...]


def load_directory(path: Path, password: bytes | None = None) -> list[Identity]:
    """Every identity in the folder, expired ones too; an absent folder holds none.

    Raises ``CertificateError`` for the first file that is of no use: wrong mode, no key, another key, unknown issuer.
    """
    directory = read_directory(path, password)
    if directory.problems:
        raise CertificateError(directory.problems[0])
    return [stored.identity for stored in directory.stored]


def read_directory(path: Path, password: bytes | None = None) -> Directory:
    """The same without an exception, so that one bad file does not keep the others from being used or listed."""
    problems: list[str] = []
    intermediates = read_intermediates(path, problems)
    stored = []
    for file in sorted(path.glob("pass.*/*.pem")):
        identity = _tried(file, problems, lambda file: _read_pair(file, password, intermediates))
        if identity is not None:
            stored.append(Stored(identity, file))
    return Directory(tuple(stored), tuple(waiting(path)), tuple(problems))


def read_intermediates(path: Path, problems: list[str]) -> list[x509.Certificate]:
    """The authorities in ``intermediates/``, whatever their files are called."""
    found: list[x509.Certificate] = []
    for file in sorted((path / INTERMEDIATES).glob("*")):
        if file.suffix in _CERTIFICATE_FILES:
            found += _tried(file, problems, lambda file: credentials.read_certificates(file.read_bytes())) or []
    return found


def waiting(path: Path) -> Iterator[Waiting]:
    """Every key that waits for its certificate, the one made last first."""
    for file in sorted(path.glob(f"pass.*/{WAITING}/*.key"), reverse=True):
        yield Waiting(file.parent.parent.name, file)


def read_private(file: Path) -> bytes:
    """A file with a key in it; refused when others on this machine can read it."""
    if os.name == "posix" and file.stat().st_mode & _OTHERS:
        raise CertificateError(f"{file} holds a private key that others on this machine can read: run chmod 600 {file}")
    return file.read_bytes()


def keep_request(path: Path, pass_type_identifier: str, key: SigningKey, request: bytes, now: datetime) -> Waiting:
    """Lay a new key and its request into ``waiting/``."""
    name = f"{now:%Y-%m-%d}-{pki.key_fingerprint(key)[:8]}.key"
    made = Waiting(pass_type_identifier, path / pass_type_identifier / WAITING / name)
    write(made.key_file, pki.key_pem(key), private=True)
    write(made.request_file, request)
    return made


def keep_identity(path: Path, identity: Identity) -> Path:
    """Lay a pair beside the older ones, and those of its intermediates that are not built in; the certificate's file.

    The key is written first: a crash between the two leaves a key without a certificate, which harms nobody.
    """
    name = f"{identity.not_before:%Y-%m-%d}-{identity.fingerprint[:8]}"
    file = path / identity.pass_type_identifier / f"{name}.pem"
    for authority in identity.chain:
        if authority.fingerprint(hashes.SHA256()).hex() != wwdr.G4_FINGERPRINT:
            keep_intermediate(path, authority)
    write(file.with_suffix(".key"), identity.key_pem(), private=True)
    write(file, identity.certificate.public_bytes(serialization.Encoding.PEM))
    return file


def keep_intermediate(path: Path, authority: x509.Certificate) -> Path:
    """Lay an authority's certificate into ``intermediates/``, named by its fingerprint; its file."""
    file = path / INTERMEDIATES / f"{authority.fingerprint(hashes.SHA256()).hex()[:16]}.pem"
    write(file, authority.public_bytes(serialization.Encoding.PEM))
    return file


def write(file: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file whole or not at all, readable by its owner only when ``private``."""
    file.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".writing-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if not private:
            Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read_pair(file: Path, password: bytes | None, intermediates: list[x509.Certificate]) -> Identity:
    key_file = file.with_suffix(".key")
    if not key_file.exists():
        raise CertificateError(
            f"{key_file.name} is missing; put the key beside its certificate, or remove the certificate."
        )
    found = credentials.read(file.read_bytes())
    key = credentials.read_key(read_private(key_file), password=password)
    return identify(found.certificate, key, (*found.others, *intermediates))


def _tried(file: Path, problems: list[str], read: Callable[[Path], _Read]) -> _Read | None:
    """What ``read`` gives, or None and one more problem that begins with the file's name."""
    try:
        return read(file)
    except CertificateError as error:
        text = str(error)
        problems.append(text if str(file.with_suffix("")) in text else f"{file}: {text}")
    except OSError as error:
        problems.append(f"{file} cannot be read: {error.strerror or error}")
    return None
