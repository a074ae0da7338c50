"""Look-alike certificates in a folder, for a machine without an Apple account: ``certs dev`` and the demo.

Beside what every folder holds (``certsdir``) there are ``dev/root.pem``, which others are told to trust (``APNS_CA``,
``openssl cms -verify -CAfile``), ``dev/wwdr.pem``, both with their keys so that the folder can grow, and
``apns/server.pem`` for a stand-in of Apple's push service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from commands import certsdir, pki
from commands.certsdir import Directory
from passkit.apple import credentials
from passkit.apple.signing import identify
from passkit.errors import CertificateError

MARGIN: Final = timedelta(days=30)  # a look-alike with less than this left is made anew


def dev(path: Path, pass_types: Sequence[str], *, team: str, now: datetime) -> list[Path]:
    """Look-alikes in the folder: root, WWDR, a pair per pass type, the push service's certificate; what was written.

    Repeatable: what is there and lasts another 30 days stays. Refuses a folder with certificates from Apple.
    """
    directory = certsdir.read_directory(path)
    for stored in directory.stored:
        if not _is_look_alike(stored.identity.certificate.issuer):
            raise CertificateError(
                f"{path} holds {stored.file.name}, which is no look-alike; choose another folder for look-alikes."
            )
    written: list[Path] = []
    root = _dev_pair(path / "dev" / "root.pem", now, written, lambda: pki.root_authority(now))
    wwdr = _dev_pair(path / "dev" / "wwdr.pem", now, written, lambda: pki.wwdr_authority(root, now), root)
    for pass_type in pass_types:
        if not _lasts(directory, pass_type, wwdr, now):
            pair = pki.pass_certificate(wwdr, pass_type, team=team, now=now)
            identity = identify(pair.certificate, pair.key, [wwdr.certificate])
            written.append(certsdir.keep_identity(path, identity))
    _dev_pair(path / "apns" / "server.pem", now, written, lambda: pki.server_certificate(root, now=now), root)
    return written


def _is_look_alike(name: x509.Name) -> bool:
    values = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return bool(values) and values[0].value == pki.LOOK_ALIKE


def _dev_pair(
    file: Path, now: datetime, written: list[Path], make: Callable[[], pki.Pair], issuer: pki.Pair | None = None
) -> pki.Pair:
    """The pair in ``file`` and its ``.key`` if it lasts and its issuer is still the same; else a new one, written."""
    key_file = file.with_suffix(".key")
    if file.exists() and key_file.exists():
        certificate = credentials.read_certificates(file.read_bytes())[0]
        same = issuer is None or credentials.issued(issuer.certificate, certificate)
        if same and certificate.not_valid_after_utc - now > MARGIN:
            return pki.Pair(certificate, credentials.read_key(certsdir.read_private(key_file)))
    pair = make()
    certsdir.write(key_file, pair.key_pem, private=True)
    certsdir.write(file, pair.certificate_pem)
    written.append(file)
    return pair


def _lasts(directory: Directory, pass_type_identifier: str, wwdr: pki.Pair, now: datetime) -> bool:
    return any(
        stored.identity.pass_type_identifier == pass_type_identifier
        and wwdr.certificate in stored.identity.chain
        and stored.identity.not_after - now > MARGIN
        for stored in directory.stored
    )
