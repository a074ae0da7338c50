"""Whether a card that somebody gave out counts for them: a pure table over what is known of it. No database, no clock.

A verdict of ``COUNTED`` or ``REFUSED`` is final: what a card was paid for is not taken back when its holder removes it a year
later. Google tells nothing of its phones, so ``once`` per phone is looked at in Apple's and the other wallets alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

PATIENCE = timedelta(days=90)
"""How long a card may take to come onto a phone."""
MAX_DAYS = 365


class Verdict(StrEnum):
    """Whether it counts."""

    WAITING = "waiting"
    COUNTED = "counted"
    REFUSED = "refused"


class Why(StrEnum):
    """Why it does not count, or not yet; each has a sentence on the page."""

    NONE = ""
    NOT_ON_PHONE = "not_on_phone"
    STAYING = "staying"
    REMOVED_EARLY = "removed_early"
    NEVER_ON_PHONE = "never_on_phone"
    REMOVED = "removed"
    VOIDED = "voided"
    KNOWN_CLIENT = "known_client"
    NUMBER_AGAIN = "number_again"
    PHONE_AGAIN = "phone_again"


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts for whoever gives a card out: by default all of it.

    ``new_client``: the phone number had no card of the brand; ``on_phone``: a wallet has it, and still has it after
    ``stays_days``; ``once``: one card for each number and each phone. ``plan`` cards a month, ``premium`` in minor units of
    ``currency`` for each card that counts.
    """

    new_client: bool = True
    on_phone: bool = True
    stays_days: int = 7
    once: bool = True
    plan: int | None = None
    premium: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a card: when it was given out and first seen on a phone, and how it stands now."""

    at: datetime
    is_new_client: bool
    installed_at: datetime | None = None
    is_there: bool = False
    is_active: bool = True
    number_again: bool = False
    phone_again: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, why, and when to look again; None: never."""

    verdict: Verdict
    why: Why = Why.NONE
    look_at: datetime | None = None


def judge(rules: Rules, known: Known, now: datetime) -> Judged:
    """The first row that fits."""
    if rules.new_client and not known.is_new_client:
        return Judged(Verdict.REFUSED, Why.KNOWN_CLIENT)
    if rules.once and known.number_again:
        return Judged(Verdict.REFUSED, Why.NUMBER_AGAIN)
    if not rules.on_phone:
        return Judged(Verdict.COUNTED) if known.is_active else Judged(Verdict.REFUSED, Why.VOIDED)
    if known.installed_at is None:
        return _not_on_phone(known, now)
    if rules.once and known.phone_again:
        return Judged(Verdict.REFUSED, Why.PHONE_AGAIN)
    until = known.installed_at + timedelta(days=rules.stays_days)
    if now < until:
        return Judged(Verdict.WAITING, Why.STAYING if known.is_there else Why.REMOVED_EARLY, until)
    if not known.is_active:
        return Judged(Verdict.REFUSED, Why.VOIDED)
    return Judged(Verdict.COUNTED) if known.is_there else Judged(Verdict.REFUSED, Why.REMOVED)


def _not_on_phone(known: Known, now: datetime) -> Judged:
    age = now - known.at
    if not known.is_active:
        return Judged(Verdict.REFUSED, Why.VOIDED)
    if age >= PATIENCE:
        return Judged(Verdict.REFUSED, Why.NEVER_ON_PHONE)
    again = max(timedelta(minutes=5), min(age / 4, timedelta(days=1)))
    return Judged(Verdict.WAITING, Why.NOT_ON_PHONE, now + again)
