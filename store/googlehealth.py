"""How a brand stands with Google Wallet, as far as our own rows can say: what ``doctor`` looks at without asking anybody.

Whether Google grants a token, shows our classes and fetches our pictures is the command's to ask (``doctor --google``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store import google, leases
from store.brands import BrandRow
from store.dialect import Database
from store.googlesamples import Sample, samples
from store.googlework import Dead, Mode, ServiceAccount


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``name`` has a sentence for each state on the page, ``detail`` fills it."""

    name: str
    state: State
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """All of it, with the keys in use, the classes and what Google refused."""

    checks: Sequence[Check]
    keys: Sequence[ServiceAccount]
    classes: Sequence[Sample]
    refused: Sequence[Dead]


async def health(db: Database, brand: BrandRow, now: datetime) -> Health:
    """The brand's; before it has issuer and key the list says what is missing."""
    keys = await google.keys(db, brand.id)
    refused = await google.dead(db, brand.id)
    classes = await samples(db, brand.id, now) if brand.google_mode != Mode.OFF else []
    checks = [_issuer(brand), *_keys(keys)]
    if brand.google_mode != Mode.OFF:
        checks += [await _roots(db, now), _address(db.public_url), _refused(refused), await _held(db, brand)]
        checks.append(_classes(classes))
    return Health(checks, keys, classes, refused)


def _issuer(brand: BrandRow) -> Check:
    if not brand.google_issuer_id:
        return Check("issuer", State.FAIL)
    return Check("issuer", State.OK, brand.google_issuer_id)


def _keys(keys: Sequence[ServiceAccount]) -> list[Check]:
    if not keys:
        return [Check("key", State.FAIL)]
    return [
        Check("key" if one.info else "key_closed", State.OK if one.info else State.FAIL, one.client_email)
        for one in keys
    ]


async def _roots(db: Database, now: datetime) -> Check:
    good = [key for key in await google.root_keys(db) if key.expires_at is None or key.expires_at > now]
    return Check("roots", State.OK if good else State.FAIL)


def _address(public_url: str) -> Check:
    return Check("address", State.OK if public_url.startswith("https://") else State.WARN, public_url)


def _refused(refused: Sequence[Dead]) -> Check:
    return Check("refused", State.WARN if refused else State.OK, str(len(refused)))


async def _held(db: Database, brand: BrandRow) -> Check:
    name = google.lease_name(brand.google_issuer_id or "")
    hold = next((one for one in await leases.held(db) if one.pass_type_identifier == name), None)
    return Check("held", State.OK) if hold is None else Check("held", State.FAIL, hold.reason)


def _classes(classes: Sequence[Sample]) -> Check:
    waiting = [one.template for one in classes if not one.is_accepted]
    if not classes:
        return Check("classes", State.WARN)
    return Check("classes_waiting", State.WARN, ", ".join(waiting)) if waiting else Check("classes", State.OK)
