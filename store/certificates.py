"""A certificate without a shell: the key is made here and stays, encrypted; Apple's answer is tried out before it is used.

The same steps as ``certs csr`` and ``certs import``, of the same functions (``passkit.apple.requests``); what ``certs csr`` has
laid into CERTS_DIR is taken in there. Whatever is refused is an Invalid whose code has a sentence in the studio's texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import insert, select, update

from passkit.apple import credentials, requests
from passkit.apple.credentials import SigningKey
from passkit.apple.signing import Identity, identify
from passkit.errors import CertificateError
from store import audit, brands
from store.alarms import Certificate, certificates, raised
from store.audit import Actor
from store.brands import KEY_PURPOSE, BrandRow
from store.dialect import Database
from store.errors import Invalid, NotFound
from store.problems import problem
from store.tables import certificate_requests as table

__all__ = ["Certificate", "Request", "Taken", "certificates", "new_request", "raised", "take_in", "waiting"]

MAX_FILE = 64 * 1024
"""Bytes of a certificate or .p12; Apple's have two thousand."""
KEPT_OPEN = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Request:
    """A key that waits: ``pem`` is what is uploaded at Apple."""

    id: int
    pem: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A certificate that is in use now."""

    pass_type_identifier: str
    team_identifier: str
    not_after: datetime
    days_left: int


async def new_request(db: Database, brand: BrandRow, by: Actor, now: datetime, *, again: bool = False) -> Request:
    """A key and the request for it; the one that waits already, unless ``again``."""
    known = await waiting(db, brand.id, now)
    if known and not again:
        return known[0]
    key = await asyncio.to_thread(rsa.generate_private_key, 65537, 2048)  # the only kind that Apple is known to take
    pem = requests.request(key, brand.pass_type_identifier).decode()
    values = {
        "brand_id": brand.id,
        "pass_type_identifier": brand.pass_type_identifier,
        "key_encrypted": db.keyring.encrypt(KEY_PURPOSE, requests.key_pem(key)),
        "request_pem": pem,
        "actor": by.name[:200],
        "created_at": now,
    }
    async with db.joined() as conn:
        added = await conn.execute(insert(table).values(**values).returning(table.c.id))
        await audit.record(db, brand.id, by, "certificate.requested", brand.pass_type_identifier, now=now)
        return Request(added.scalar_one(), pem, now)


async def waiting(db: Database, brand_id: int, now: datetime) -> list[Request]:
    """The brand's requests without a certificate yet, the newest first."""
    some = select(table.c.id, table.c.request_pem, table.c.created_at)
    some = some.where(table.c.brand_id == brand_id, table.c.used_at.is_(None), table.c.created_at > now - KEPT_OPEN)
    async with db.reading() as conn:
        return [Request(*row) for row in await conn.execute(some.order_by(table.c.id.desc()))]


async def take_in(
    db: Database, brand: BrandRow, content: bytes, by: Actor, now: datetime, *, password: str = ""
) -> Taken:
    """A .cer as Apple gives it, or a .p12 with its key: paired, tried out, and used from then on.

    Invalid ``no_waiting_key`` (made from another request), ``other_pass_type``, ``password_needed``, ``already_known``,
    ``certificate_over``, else ``bad_certificate`` with the reason.
    """
    if len(content) > MAX_FILE:
        raise _refusal("bad_certificate", "This file is too large for a certificate.")
    above = await _intermediates(db, brand)
    try:
        found = await asyncio.to_thread(credentials.read, content, password=password.encode() or None)
        if credentials.is_authority(found.certificate):
            raise _refusal("bad_certificate", "This is an authority's certificate, not one for your cards.")
        request_id, waiting_key = await _waiting_key(db, brand.id, found.certificate)
        key = found.key or waiting_key
        if key is None:
            raise _refusal("no_waiting_key", "No key that waits here belongs to this certificate.")
        identity = identify(found.certificate, key, (*found.others, *above))
        if identity.pass_type_identifier != brand.pass_type_identifier:
            raise _refusal("other_pass_type", f"It is for {identity.pass_type_identifier}.")
        if not identity.is_valid(now):
            raise _refusal("certificate_over", f"It is valid until {identity.not_after:%Y-%m-%d}.")
        await asyncio.to_thread(requests.prove, identity, now)
    except credentials.PasswordNeeded as error:
        raise _refusal("password_needed", str(error)) from None
    except CertificateError as error:
        raise _refusal("bad_certificate", str(error)) from None
    return await _keep(db, brand, identity, request_id, by, now)


async def _keep(
    db: Database, brand: BrandRow, identity: Identity, request_id: int | None, by: Actor, now: datetime
) -> Taken:
    async with db.joined() as conn:
        is_new = await brands.add_certificate(
            db,
            brand.id,
            certificate_pem=identity.certificate_pem().decode(),
            private_key_pem=identity.key_pem().decode(),
            fingerprint=identity.fingerprint,
            not_before=identity.not_before,
            not_after=identity.not_after,
            now=now,
        )
        if not is_new:
            raise _refusal("already_known", "This certificate is here already.")
        await conn.execute(update(table).where(table.c.id == request_id).values(used_at=now))
        await audit.record(db, brand.id, by, "certificate.added", identity.pass_type_identifier, now=now)
    left = (identity.not_after - now) // timedelta(days=1)
    return Taken(identity.pass_type_identifier, identity.team_identifier, identity.not_after, left)


async def _waiting_key(
    db: Database, brand_id: int, certificate: x509.Certificate
) -> tuple[int | None, SigningKey | None]:
    """The request that this certificate answers, and its key; None where nothing that waits here belongs to it."""
    public = certificate.public_key()
    some = select(table.c.id, table.c.key_encrypted).where(table.c.brand_id == brand_id).order_by(table.c.id.desc())
    async with db.reading() as conn:
        rows = (await conn.execute(some)).all()
    for row in rows:
        try:
            key = credentials.read_key(db.keyring.decrypt(KEY_PURPOSE, row.key_encrypted))
        except ValueError:  # no SECRET opens it
            continue
        if key.public_key() == public:
            return row.id, key
    return None, None


async def _intermediates(db: Database, brand: BrandRow) -> Sequence[x509.Certificate]:
    """Authorities that came with the brand's earlier certificates, for those that are not Apple's own."""
    mine = [one for one in await brands.certificates(db) if one.brand_id == brand.id]
    read = (credentials.read_certificates(one.certificate_pem.encode()) for one in mine)
    return [one for certificates_ in read for one in certificates_ if credentials.is_authority(one)]


async def request_of(db: Database, brand_id: int, request_id: int) -> Request:
    """One request, to download again; NotFound."""
    some = select(table.c.id, table.c.request_pem, table.c.created_at)
    async with db.reading() as conn:
        row = (await conn.execute(some.where(table.c.brand_id == brand_id, table.c.id == request_id))).first()
    if row is None:
        raise NotFound("There is no such request.")
    return Request(*row)


def _refusal(code: str, detail: str) -> Invalid:
    return Invalid([problem("/file", detail)], code=code)
