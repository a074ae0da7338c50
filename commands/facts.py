"""What must stay as it was while cards exist: PUBLIC_URL, SECRET, pass type and issuer, compared at every start."""

from __future__ import annotations

from commands.certsdir import read_directory
from commands.settings import Settings
from commands.shell import CommandError
from store import brands
from store.brands import Mismatch
from store.dialect import Database


async def refuse_mismatch(db: Database, settings: Settings) -> None:
    """Stop the start when cards would stop updating; else keep what is set as the truth."""
    facts = await current(db, settings)
    mismatches = await brands.check_facts(db, facts)
    if mismatches:
        raise CommandError(sentence(mismatches))
    await brands.remember_facts(db, facts)


async def refuse_lost_secret(db: Database, settings: Settings) -> None:
    """Another PUBLIC_URL may be meant; a SECRET that is in use is not let go, whoever insists."""
    mismatches = await brands.check_facts(db, await current(db, settings))
    lost = [one for one in mismatches if one.is_secret]
    if lost:
        raise CommandError(sentence(lost))


def sentence(mismatches: list[Mismatch]) -> str:
    """Every mismatch in one line, and the way out for who means it; without its SECRET a card cannot be read at all."""
    told = " ".join(map(str, mismatches))
    return (
        told
        if any(one.is_secret for one in mismatches)
        else f"{told} If you mean it, run `migrate --accept-changes` once."
    )


async def current(db: Database, settings: Settings) -> dict[str, str]:
    """The facts as they are set now; SECRET's fingerprints are the keyring's to tell."""
    facts = {"public_url": settings.public_url, "google_issuer_id": settings.google_issuer_id}
    facts["pass_type_identifier"] = await _pass_type(db, settings)
    return {name: value for name, value in facts.items() if value}


async def _pass_type(db: Database, settings: Settings) -> str | None:
    """The first brand's pass type, unless CERTS_DIR holds certificates of others alone: then those are meant."""
    mine = [row for row in await brands.listing(db) if row.revoked_at is None]
    held = {stored.identity.pass_type_identifier for stored in read_directory(settings.certs_dir).stored}
    if not mine:
        return None
    first = min(mine, key=lambda row: row.id).pass_type_identifier
    if held and held.isdisjoint(row.pass_type_identifier for row in mine):
        return min(held)
    return first
