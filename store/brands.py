"""Brands: organizations with their own pass types, keys, languages and time zone; every other row belongs to one.

A brand's ``stamp`` moves with whatever of it reaches a pass, and every phone that holds one of its cards is then rung
silently. Certificates are rows encrypted under SECRET, so that every host has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.links import web_service_url
from passkit.model import Brand
from store import randomness, tables
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.facts import Mismatch, check_facts, remember_facts
from store.fanouts import want_every_template
from store.upserts import insert_into

__all__ = [
    "BrandRow",
    "Mismatch",
    "StoredCertificate",
    "add",
    "add_certificate",
    "by_id",
    "by_key",
    "by_pass_type",
    "by_row",
    "certificates",
    "change",
    "check_facts",
    "listing",
    "model",
    "remember_facts",
    "remove_certificate",
    "revoke",
]

KEY_PURPOSE = "certificate-key"


@dataclass(frozen=True, slots=True)
class BrandRow:
    """A brand as it is stored."""

    id: int
    key: str
    name: str
    pass_type_identifier: str
    team_identifier: str
    languages: tuple[str, ...]
    time_zone: str
    google_issuer_id: str | None
    google_mode: str
    google_testers: list[str] | None
    stamp: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A pass certificate with its key in the clear (empty when no SECRET opens it), to sign and to push with."""

    brand_id: int
    pass_type_identifier: str
    certificate_pem: str
    private_key_pem: str
    fingerprint: str
    not_before: datetime
    not_after: datetime

    def __repr__(self) -> str:
        return f"StoredCertificate({self.pass_type_identifier!r}, fingerprint={self.fingerprint!r})"


def model(row: BrandRow, public_url: str) -> Brand:
    """The brand as the pass builder sees it."""
    return Brand(
        key=row.key,
        name=row.name,
        pass_type_identifier=row.pass_type_identifier,
        team_identifier=row.team_identifier,
        languages=row.languages,
        time_zone=row.time_zone,
        web_service_url=web_service_url(public_url) if public_url else None,
    )


async def add(
    db: Database,
    *,
    key: str,
    name: str,
    pass_type_identifier: str,
    team_identifier: str,
    now: datetime,
    languages: Sequence[str] = ("en",),
    time_zone: str = "UTC",
    google_issuer_id: str | None = None,
) -> BrandRow:
    """A new brand; Conflict when another has this key or pass type."""
    values = {
        "key": key,
        "name": name,
        "pass_type_identifier": pass_type_identifier,
        "team_identifier": team_identifier,
        "languages": list(languages),
        "time_zone": time_zone,
        "google_issuer_id": google_issuer_id,
        "stamp": randomness.stamp(),
        "created_at": now,
    }
    try:
        async with db.transaction() as conn:
            added = await conn.execute(insert(tables.brands).values(**values).returning(tables.brands))
            return by_row(added.mappings().one())
    except IntegrityError:
        detail = f"There is a brand with the key {key!r} or the pass type {pass_type_identifier} already."
        raise Conflict(detail, code="already_exists") from None


async def listing(db: Database) -> list[BrandRow]:
    """Every brand, revoked ones too, by key."""
    async with db.reading() as conn:
        rows = await conn.execute(_columns().order_by(tables.brands.c.key))
        return [by_row(row) for row in rows.mappings()]


async def by_key(db: Database, key: str) -> BrandRow | None:
    """The brand with this key, revoked or not."""
    return await _one(db, tables.brands.c.key == key)


async def by_id(db: Database, brand_id: int) -> BrandRow | None:
    """The brand of a row that names it."""
    return await _one(db, tables.brands.c.id == brand_id)


async def by_pass_type(db: Database, pass_type_identifier: str) -> BrandRow | None:
    """The one brand that a pass type belongs to."""
    return await _one(db, tables.brands.c.pass_type_identifier == pass_type_identifier)


async def change(
    db: Database,
    key: str,
    *,
    name: str | None = None,
    languages: Sequence[str] | None = None,
    time_zone: str | None = None,
) -> BrandRow:
    """What may change in a brand's life; its cards become a new edition, and their phones are rung silently."""
    given = {"name": name, "languages": list(languages) if languages else None, "time_zone": time_zone}
    values = {column: value for column, value in given.items() if value is not None}
    async with db.transaction() as conn:
        row = await _locked(conn, key)
        if all(getattr(row, column) == _kept(value) for column, value in values.items()):
            return row
        await conn.execute(
            update(tables.brands).where(tables.brands.c.id == row.id).values(**values, stamp=randomness.stamp())
        )
        await want_every_template(conn, row.id, row.pass_type_identifier)
        return await _locked(conn, key)


async def revoke(db: Database, key: str, now: datetime) -> None:
    """The brand's keys, sources and phones are answered no more; its rows stay."""
    async with db.transaction() as conn:
        row = await _locked(conn, key)
        await conn.execute(update(tables.brands).where(tables.brands.c.id == row.id).values(revoked_at=now))


async def add_certificate(
    db: Database,
    brand_id: int,
    *,
    certificate_pem: str,
    private_key_pem: str,
    fingerprint: str,
    not_before: datetime,
    not_after: datetime,
    now: datetime,
) -> bool:
    """Keep a pass certificate and its key; False when it is known already (also when it was removed by hand)."""
    known = select(tables.certificates.c.id).where(tables.certificates.c.fingerprint == fingerprint)
    async with db.reading() as conn:
        if (await conn.execute(known)).first() is not None:
            return False
    async with db.transaction() as conn:
        if (await conn.execute(known)).first() is not None:
            return False
        values = {
            "brand_id": brand_id,
            "fingerprint": fingerprint,
            "certificate_pem": certificate_pem,
            "private_key_encrypted": db.keyring.encrypt(KEY_PURPOSE, private_key_pem.encode()),
            "not_before": not_before,
            "not_after": not_after,
            "created_at": now,
        }
        keep = insert_into(tables.certificates, is_postgresql=db.is_postgresql).values(**values)
        return bool((await conn.execute(keep.on_conflict_do_nothing())).rowcount)  # another process may be as quick


async def certificates(db: Database) -> list[StoredCertificate]:
    """Every certificate in use, of brands not revoked, the one that lasts longest first."""
    table, brand = tables.certificates, tables.brands
    rows = (
        select(table, brand.c.pass_type_identifier)
        .join(brand, brand.c.id == table.c.brand_id)
        .where(table.c.removed_at.is_(None), brand.c.revoked_at.is_(None))
        .order_by(table.c.not_after.desc(), table.c.id)
    )
    async with db.reading() as conn:
        return [_certificate(db, row) for row in (await conn.execute(rows)).mappings()]


async def remove_certificate(db: Database, fingerprint: str, now: datetime) -> None:
    """Use a certificate no more; NotFound when there is none in use with this fingerprint."""
    mine = (tables.certificates.c.fingerprint == fingerprint, tables.certificates.c.removed_at.is_(None))
    async with db.transaction() as conn:
        removed = await conn.execute(update(tables.certificates).where(*mine).values(removed_at=now))
        if not removed.rowcount:
            raise NotFound(f"There is no certificate in use with the fingerprint {fingerprint}.")


def _certificate(db: Database, row: Any) -> StoredCertificate:
    return StoredCertificate(
        brand_id=row["brand_id"],
        pass_type_identifier=row["pass_type_identifier"],
        certificate_pem=row["certificate_pem"],
        private_key_pem=_opened(db, row["private_key_encrypted"]),
        fingerprint=row["fingerprint"],
        not_before=row["not_before"],
        not_after=row["not_after"],
    )


def _opened(db: Database, sealed: bytes) -> str:
    """The key, or nothing when no SECRET opens it: then this certificate does not load, and the others do."""
    try:
        return db.keyring.decrypt(KEY_PURPOSE, sealed).decode()
    except ValueError:
        return ""


async def _one(db: Database, condition: Any) -> BrandRow | None:
    async with db.reading() as conn:
        row = (await conn.execute(_columns().where(condition))).mappings().first()
        return by_row(row) if row else None


async def _locked(conn: AsyncConnection, key: str) -> BrandRow:
    found = (await conn.execute(_columns().where(tables.brands.c.key == key).with_for_update())).mappings().first()
    if found is None:
        raise NotFound(f"There is no brand {key!r}.")
    return by_row(found)


def _columns() -> Any:
    return select(*(tables.brands.c[name] for name in BrandRow.__slots__))


def by_row(row: Any) -> BrandRow:
    """The brand in a mapping that holds its columns."""
    values = {name: row[name] for name in BrandRow.__slots__}
    return BrandRow(**values | {"languages": tuple(values["languages"])})


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
