"""What may delete a registration, and what may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pushes.breaker import SAMPLE, Breaker
from pushes.channel import Outcome, Verdict
from pushes.fates import PruneBudget, decide
from store.claims import Target
from store.fates import Fate
from store.settling import Fleet

REGISTERED = datetime(2026, 5, 1, tzinfo=UTC)
TARGET = Target(7, 1, "a" * 64, REGISTERED, 0, REGISTERED)
TRUSTED = Fleet(devices=1000, trusted=True)


def fate(verdict: Verdict, fleet: Fleet | None = TRUSTED, budget: PruneBudget | None = None) -> Fate:
    return decide(verdict, TARGET, fleet=fleet, budget=budget or PruneBudget(), random=lambda: 0.5).fate


def test_a_token_gone_since_after_it_was_registered_is_pruned() -> None:
    assert fate(Verdict(Outcome.GONE, "Unregistered", gone_since=REGISTERED + timedelta(days=1))) is Fate.PRUNE


def test_a_token_gone_at_the_very_moment_of_its_registration_is_pruned() -> None:
    assert fate(Verdict(Outcome.GONE, "Unregistered", gone_since=REGISTERED)) is Fate.PRUNE


def test_a_token_registered_again_after_it_was_gone_is_kept_and_rung_again() -> None:
    assert fate(Verdict(Outcome.GONE, "Unregistered", gone_since=REGISTERED - timedelta(days=1))) is Fate.RETRY


def test_a_bad_token_is_pruned_when_the_credential_was_good_within_a_day() -> None:
    assert fate(Verdict(Outcome.GONE, "BadDeviceToken")) is Fate.PRUNE


def test_a_bad_token_is_parked_when_nothing_was_accepted_lately() -> None:
    assert fate(Verdict(Outcome.GONE, "BadDeviceToken"), Fleet(1000, trusted=False)) is Fate.PARK


def test_at_most_one_in_a_hundred_is_pruned_for_a_bad_token() -> None:
    budget = PruneBudget()
    fates = [fate(Verdict(Outcome.GONE, "BadDeviceToken"), TRUSTED, budget) for _ in range(1000)]
    assert fates.count(Fate.PRUNE) == 10
    assert fates.count(Fate.PARK) == 990


def test_the_next_day_one_in_a_hundred_may_go_again() -> None:
    budget, bad = PruneBudget(), Verdict(Outcome.GONE, "BadDeviceToken")
    small = [Fleet(devices=5, trusted=True, day=day) for day in (1, 1, 2, 2)]
    assert [fate(bad, fleet, budget) for fleet in small] == [Fate.PRUNE, Fate.PARK, Fate.PRUNE, Fate.PARK]


@pytest.mark.parametrize("outcome", [Outcome.RETRY, Outcome.OURS])
def test_an_answer_that_is_not_about_the_token_deletes_nothing(outcome: Outcome) -> None:
    assert fate(Verdict(outcome, "ServiceUnavailable")) is Fate.RETRY


def test_a_token_of_another_topic_is_parked() -> None:
    assert fate(Verdict(Outcome.PARK, "DeviceTokenNotForTopic")) is Fate.PARK


def test_the_vendors_retry_after_is_obeyed() -> None:
    verdict = Verdict(Outcome.RETRY, "TooManyRequests", retry_after=120.0)
    assert decide(verdict, TARGET, fleet=None, budget=PruneBudget(), random=lambda: 0.5).delay >= 120.0


@pytest.mark.parametrize("reason", ["BadCertificate", "ExpiredProviderToken", "Forbidden", "TopicDisallowed"])
def test_one_word_against_the_credential_opens_the_breaker(reason: str) -> None:
    assert Breaker().note(Verdict(Outcome.OURS, reason)) == reason


def test_most_of_twenty_answers_ours_to_fix_open_the_breaker() -> None:
    breaker = Breaker()
    answers = [Verdict(Outcome.DELIVERED, "")] * 9 + [Verdict(Outcome.OURS, "BadPriority")] * 11
    opened = [breaker.note(verdict) for verdict in answers]
    assert opened[:-1] == [None] * (SAMPLE - 1)
    assert opened[-1] is not None
    assert "BadPriority" in opened[-1]


def test_half_of_twenty_do_not() -> None:
    breaker = Breaker()
    answers = [Verdict(Outcome.DELIVERED, ""), Verdict(Outcome.OURS, "BadPriority")] * 10
    assert [breaker.note(verdict) for verdict in answers] == [None] * 20


def test_an_outage_of_theirs_never_opens_it() -> None:
    breaker = Breaker()
    assert [breaker.note(Verdict(Outcome.RETRY, "ServiceUnavailable")) for _ in range(100)] == [None] * 100


def test_disbelieved_bad_tokens_open_it() -> None:
    breaker = Breaker()
    assert any(breaker.note(Verdict(Outcome.GONE, "BadDeviceToken"), suspect=True) for _ in range(SAMPLE))
