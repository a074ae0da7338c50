"""From a vendor's verdict to what happens to the device: pure, so that the rule for deleting stands on one page.

A registration is deleted only when the vendor says that the token is gone since a time at or after it was registered,
or says so without a time while this credential was good within a day, and then for one device in a hundred at most: a
wrong APNS_URL answers BadDeviceToken to every phone there is, and Firebase's UNREGISTERED names no time. The others are
parked until an operator says yes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pushes import retry
from pushes.channel import Outcome, Verdict
from store.claims import Target
from store.fates import Fate, Settled
from store.settling import Fleet

OURS_DELAY = 60.0
"""Seconds until a push that failed by our fault is tried again, when the breaker has not opened."""


@dataclass(slots=True)
class PruneBudget:
    """How many devices gone without a date may still be deleted today: one in a hundred of the fleet, at least one."""

    spent: int = 0
    day: int = 0

    def allows(self, fleet: Fleet) -> bool:
        """Whether one more may be deleted today without an operator's yes."""
        if fleet.day != self.day:
            self.spent, self.day = 0, fleet.day
        return fleet.trusted and self.spent < max(1, fleet.devices // 100)


def decide(
    verdict: Verdict, target: Target, *, fleet: Fleet | None, budget: PruneBudget, random: Callable[[], float]
) -> Settled:
    """The fate of a target; ``fleet`` is needed only where ``needs_fleet``."""
    match verdict.outcome:
        case Outcome.DELIVERED:
            return Settled(target, Fate.ACCEPTED, verdict.reason, verdict.vendor_id)
        case Outcome.GONE if verdict.gone_since is None:
            return Settled(target, _undated(fleet, budget), verdict.reason, verdict.vendor_id)
        case Outcome.GONE:
            return _gone(verdict, target, random)
        case Outcome.PARK:
            return Settled(target, Fate.PARK, verdict.reason, verdict.vendor_id)
        case Outcome.OURS:
            delay = OURS_DELAY * (1 + random())
            return Settled(target, Fate.RETRY, verdict.reason, verdict.vendor_id, delay, is_ours=True)
        case Outcome.RETRY:
            return Settled(target, Fate.RETRY, verdict.reason, verdict.vendor_id, _delay(verdict, target, random))


def needs_fleet(verdict: Verdict) -> bool:
    """Whether the fate depends on what else the credential was told."""
    return verdict.outcome is Outcome.GONE and verdict.gone_since is None


def is_suspect(verdict: Verdict, settled: Settled) -> bool:
    """Whether an answer that blames the token is not believed, or may be about us: when most are such, it is us."""
    return settled.fate is Fate.PARK and (verdict.outcome is Outcome.GONE or verdict.is_suspect)


def _undated(fleet: Fleet | None, budget: PruneBudget) -> Fate:
    if fleet is None or not budget.allows(fleet):
        return Fate.PARK
    budget.spent += 1
    return Fate.PRUNE


def _gone(verdict: Verdict, target: Target, random: Callable[[], float]) -> Settled:
    """410: dead since a time; a token registered after that time is another life of the same phone."""
    if verdict.gone_since is not None and verdict.gone_since < target.push_token_at:
        return Settled(target, Fate.RETRY, verdict.reason, verdict.vendor_id, _delay(verdict, target, random))
    return Settled(target, Fate.PRUNE, verdict.reason, verdict.vendor_id)


def _delay(verdict: Verdict, target: Target, random: Callable[[], float]) -> float:
    return retry.delay(target.attempts + 1, verdict.reason, random(), verdict.retry_after)
