"""Keeps a process's certificates as the database and CERTS_DIR say, without a restart.

The folder seeds the brands' rows (the private keys encrypted under SECRET), the rows make the ``Signers`` that everything
in this process signs with: read again every 30 seconds, and within two when a file in the folder changes. One bad row or
file is logged and leaves the others alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from commands.certsdir import load_directory, read_directory
from commands.shell import now
from handlers.metrics import note_certificates
from passkit.apple.signing import Identity, Signers, load_identity
from passkit.errors import CertificateError
from store import brands
from store.brands import StoredCertificate
from store.dialect import Database
from store.errors import StoreError

ROWS_SECONDS = 30.0
"""How soon a certificate added on another machine is used here."""
FOLDER_SECONDS = 2.0
"""How soon a file laid into CERTS_DIR is used."""

log = structlog.get_logger("passbell.certificates")


class SignerKeeper:
    """Owns one ``Signers`` and keeps it fresh."""

    def __init__(self, db: Database, certs_dir: Path) -> None:
        self.signers = Signers()
        self._db = db
        self._certs_dir = certs_dir
        self._seen: frozenset[tuple[str, int, int]] = frozenset()
        self._known: dict[tuple[str, str], Identity] = {}  # loading a key costs 40 ms: each is loaded once
        self._complained: set[str] = set()

    async def start(self) -> None:
        """The first reading, while somebody watches: a file of no use raises CertificateError with the fix."""
        load_directory(self._certs_dir)
        await self.refresh()

    async def refresh(self) -> None:
        """Seed from the folder, then read every row."""
        self._seen = snapshot(self._certs_dir)
        await seed(self._db, self._certs_dir, self._complain)
        await self._read_rows()

    async def run(self) -> None:
        """Refresh until cancelled."""
        loop = asyncio.get_running_loop()
        next_rows = loop.time() + ROWS_SECONDS
        while True:
            await asyncio.sleep(FOLDER_SECONDS)
            try:
                changed = snapshot(self._certs_dir) != self._seen
                if not changed and loop.time() < next_rows:
                    continue
                next_rows = loop.time() + ROWS_SECONDS
                await (self.refresh() if changed else self._read_rows())
            except StoreError as error:
                log.warning("certificates_not_read", detail=error.detail)
            except OSError as error:  # the folder is away, or not ours to read: the certificates at hand stay
                log.warning("certificates_not_read", detail=error.strerror or type(error).__name__)
            except Exception:  # told, and tried again: a certificate that nobody reads would end unnoticed
                log.exception("certificates_not_read")

    async def _read_rows(self) -> None:
        identities = []
        for row in await brands.certificates(self._db):
            identity = await asyncio.to_thread(self._load, row)
            if identity is not None:
                identities.append(identity)
        self.signers.replace(identities)
        note_certificates(identities)

    def _load(self, row: StoredCertificate) -> Identity | None:
        key = (row.certificate_pem, row.private_key_pem)
        if key not in self._known:
            try:
                self._known[key] = load_identity(row.certificate_pem.encode(), row.private_key_pem.encode())
            except CertificateError as error:
                self._complain(str(error))
                return None
        return self._known[key]

    def _complain(self, problem: str) -> None:
        """Say a problem once, not every 30 seconds."""
        if problem not in self._complained:
            self._complained.add(problem)
            log.error("certificate_refused", problem=problem)


async def seed(db: Database, certs_dir: Path, complain: Callable[[str], None] = lambda problem: None) -> list[Identity]:
    """Copy the folder's pairs into the rows of the brands they belong to; returns what the folder holds."""
    directory = await asyncio.to_thread(read_directory, certs_dir)
    for problem in directory.problems:
        complain(problem)
    identities = [stored.identity for stored in directory.stored]
    of_pass_type = {row.pass_type_identifier: row.id for row in await brands.listing(db) if row.revoked_at is None}
    for identity in identities:
        brand_id = of_pass_type.get(identity.pass_type_identifier)
        if brand_id is None:
            complain(f"No brand has the pass type {identity.pass_type_identifier}: `brand add` makes one.")
        else:
            await _keep(db, brand_id, identity)
    return identities


async def _keep(db: Database, brand_id: int, identity: Identity) -> None:
    await brands.add_certificate(
        db,
        brand_id,
        certificate_pem=identity.certificate_pem().decode(),
        private_key_pem=identity.key_pem().decode(),
        fingerprint=identity.fingerprint,
        not_before=identity.not_before,
        not_after=identity.not_after,
        now=now(),
    )


def snapshot(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What the folder's files look like from outside: names, sizes, times."""
    return frozenset(_looks(path for path in folder.rglob("*") if path.is_file()))


def _looks(paths: Iterable[Path]) -> Iterable[tuple[str, int, int]]:
    for path in paths:
        try:
            stat = path.stat()
        except FileNotFoundError:
            continue  # renamed between the listing and the look
        yield str(path), stat.st_size, stat.st_mtime_ns
