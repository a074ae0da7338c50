"""What must not change under living cards: SECRET, PUBLIC_URL, pass type, issuer.

Phones hold tokens made with SECRET and the address they were issued with. The database remembers both (fingerprints, not
values); at the start they are compared with what is set, and a difference says how many cards would stop updating.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, distinct, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import randomness, tables
from store.dialect import Database
from store.fanouts import want_every_template
from store.keyring import Keyring
from store.upserts import insert_into

BUILDER = "2"
"""Raised when passkit comes to build other bytes from the same card: every card is then a new edition."""
SECRET = "secret:"  # noqa: S105 - the prefix of a fact's name, no secret
PUBLIC_URL = "public_url"
REACHES_PASSES = ("builder", PUBLIC_URL)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A setting that differs from what cards were issued with; a secret is shown by its fingerprint, or empty: missing."""

    name: str
    stored: str
    given: str
    cards_affected: int

    @property
    def is_secret(self) -> bool:
        """Whether it is a SECRET, without which what is encrypted cannot be read."""
        return self.name.startswith(SECRET)

    def __str__(self) -> str:
        cards = f"{self.cards_affected} card{'' if self.cards_affected == 1 else 's'} would stop updating"
        if self.name.startswith(SECRET):
            what = "is missing" if not self.given else "has another value"
            return f"SECRET {self.name.removeprefix(SECRET)} {what}: {cards}. Put it back into the list."
        return f"{self.name.upper()} was {self.stored!r} and is {self.given!r} now: {cards}."


async def check_facts(db: Database, facts: Mapping[str, str]) -> list[Mismatch]:
    """Compare with what was remembered; only differences that cards would suffer from are told.

    ``facts`` are names and values (``public_url``, ``pass_type_identifier``, ``google_issuer_id``): those left out are not
    compared. SECRET comes from the keyring: an id that is in use must be there, with the same value.
    """
    given = dict(facts) | {SECRET + name: print_ for name, print_ in db.keyring.fingerprints().items()}
    async with db.reading() as conn:
        found = []
        for name, stored in (await _stored(conn)).items():
            compared = name.startswith(SECRET) or name in given
            if compared and name != "builder" and given.get(name, "") != stored:
                affected = await _affected(conn, name)
                if affected:
                    found.append(Mismatch(name, stored, given.get(name, ""), affected))
        return found


async def remember_facts(db: Database, facts: Mapping[str, str]) -> None:
    """Keep these as the truth; where one reaches passes and is new, every brand's stamp moves.

    Call it after ``check_facts`` found nothing, or when the operator insists.
    """
    given = dict(facts) | {SECRET + name: print_ for name, print_ in db.keyring.fingerprints().items()}
    given["builder"] = BUILDER
    async with db.reading() as conn:
        if await _stored(conn) == await _stored(conn) | given:
            return
    async with db.transaction() as conn:
        stored = await _stored(conn)
        if any(name in stored and stored[name] != given.get(name, stored[name]) for name in REACHES_PASSES):
            await _move_stamps(conn)
        for name, value in given.items():
            await _keep(db, conn, name, value)


async def _stored(conn: AsyncConnection) -> dict[str, str]:
    return {row.name: row.value for row in await conn.execute(select(tables.facts))}


async def _keep(db: Database, conn: AsyncConnection, name: str, value: str) -> None:
    insert = insert_into(tables.facts, is_postgresql=db.is_postgresql).values(name=name, value=value)
    await conn.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


async def _move_stamps(conn: AsyncConnection) -> None:
    brands = tables.brands.c
    for row in (await conn.execute(select(brands.id, brands.pass_type_identifier))).all():
        await conn.execute(update(tables.brands).where(brands.id == row.id).values(stamp=randomness.stamp()))
        await want_every_template(conn, row.id, row.pass_type_identifier)


async def _affected(conn: AsyncConnection, name: str) -> int:
    """How many cards depend on a fact."""
    cards = tables.cards.c
    if not name.startswith(SECRET):
        return int((await conn.execute(select(func.count()).select_from(tables.cards))).scalar_one())
    secret_id = name.removeprefix(SECRET)
    begins = Keyring.prefix(secret_id)
    on_phones = select(tables.registrations.c.card_id).join(
        tables.devices, tables.devices.c.id == tables.registrations.c.device_id
    )
    on_phones = on_phones.where(_begins(tables.devices.c.push_token_encrypted, begins))
    brands = select(tables.certificates.c.brand_id).where(
        tables.certificates.c.removed_at.is_(None), _begins(tables.certificates.c.private_key_encrypted, begins)
    )
    told_by = select(tables.sources.c.brand_id).where(
        tables.sources.c.revoked_at.is_(None), _begins(tables.sources.c.secrets_encrypted, begins)
    )
    google = select(tables.google_keys.c.brand_id).where(
        tables.google_keys.c.removed_at.is_(None), _begins(tables.google_keys.c.key_encrypted, begins)
    )
    used = or_(
        cards.secret_id == secret_id,
        _begins(cards.data_encrypted, begins),
        cards.id.in_(on_phones),
        cards.brand_id.in_(brands),
        cards.brand_id.in_(told_by),
        cards.brand_id.in_(google),
    )
    return int((await conn.execute(select(func.count(distinct(cards.id))).where(used))).scalar_one())


def _begins(column: Any, prefix: bytes) -> ColumnElement[bool]:
    return func.substr(column, 1, len(prefix)) == literal(prefix, LargeBinary)
