"""Apple's answers as verdicts, row by row from Apple's page, and when to try again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushes import payload, retry, verdict
from pushes.apns import Judge, reason_of
from pushes.channel import Outcome
from pushes.h2events import Answered
from tests.pushes.h2peer import push

# https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
APPLES_TABLE = {
    400: "BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority BadTopic DeviceTokenNotForTopic "
    "DuplicateHeaders IdleTimeout InvalidPushType MissingDeviceToken MissingTopic PayloadEmpty TopicDisallowed",
    403: "BadCertificate BadCertificateEnvironment ExpiredProviderToken Forbidden InvalidProviderToken "
    "MissingProviderToken UnrelatedKeyIdInToken BadEnvironmentKeyIdInToken",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "ExpiredToken Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyProviderTokenUpdates TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable Shutdown",
}
NOT_OURS = {
    "BadDeviceToken": Outcome.GONE,
    "DeviceTokenNotForTopic": Outcome.PARK,
    "IdleTimeout": Outcome.RETRY,
}


def test_every_row_of_apples_table_is_in_ours_and_no_other() -> None:
    theirs = {(status, reason) for status, reasons in APPLES_TABLE.items() for reason in reasons.split()}
    assert {(row.status, row.reason) for row in verdict.APNS} == theirs | {(200, "")}
    assert all(
        row.link.startswith("https://developer.apple.com/documentation/usernotifications/") for row in verdict.APNS
    )


@pytest.mark.parametrize(("status", "reasons"), APPLES_TABLE.items())
def test_each_answer_has_its_outcome(status: int, reasons: str) -> None:
    for reason in reasons.split():
        by_class = Outcome.GONE if status == 410 else Outcome.RETRY if status >= 429 else Outcome.OURS
        assert verdict.apns(status, reason).outcome is NOT_OURS.get(reason, by_class)
        assert verdict.apns(status, reason).reason == reason


def test_a_410_says_since_when_the_token_is_dead() -> None:
    answer = verdict.apns(410, "Unregistered", 1_730_000_000_000)
    assert answer.gone_since == datetime(2024, 10, 27, 3, 33, 20, tzinfo=UTC)
    assert verdict.apns(400, "BadDeviceToken", 1_730_000_000_000).gone_since is None


@pytest.mark.parametrize("timestamp", [None, 10**18, -(10**18)])
def test_a_timestamp_that_is_none_is_no_instant(timestamp: int | None) -> None:
    assert verdict.apns(410, "Unregistered", timestamp) == verdict.Verdict(Outcome.GONE, "Unregistered")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.OURS),
        (301, Outcome.OURS),
        (400, Outcome.OURS),
        (403, Outcome.OURS),
        (410, Outcome.GONE),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (502, Outcome.RETRY),
        (599, Outcome.RETRY),
    ],
)
def test_reasons_that_apple_has_not_documented_go_by_the_statuss_class(status: int, outcome: Outcome) -> None:
    named = verdict.apns(status, "SomethingNew")
    assert named.outcome is outcome
    assert named.reason == ("" if status == 200 else "SomethingNew")
    nameless = verdict.apns(status, "")
    assert nameless.outcome is outcome
    assert nameless.reason == ("" if status == 200 else f"HTTP {status}")


def test_retry_after_counts_only_where_there_is_a_retry() -> None:
    assert verdict.apns(429, "TooManyRequests", retry_after=9).retry_after == 9
    assert verdict.apns(403, "BadCertificate", retry_after=9).retry_after is None


def test_a_goodbye_that_names_our_fault_is_a_verdict_for_all_and_another_is_not() -> None:
    assert verdict.apns_goodbye("BadCertificate") == verdict.Verdict(Outcome.OURS, "BadCertificate")
    assert verdict.apns_goodbye("Shutdown") is None
    assert verdict.apns_goodbye("") is None


@given(st.binary(max_size=100))
def test_any_body_is_read_without_an_exception(body: bytes) -> None:
    reason, timestamp = reason_of(body)
    assert reason == "" or reason.isalnum()
    assert timestamp is None or isinstance(timestamp, int)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"reason":"Unregistered","timestamp":1730000000000}', ("Unregistered", 1_730_000_000_000)),
        (b'{"reason":"BadDeviceToken"}', ("BadDeviceToken", None)),
        (b'{"reason":"has spaces <b>","timestamp":true}', ("", None)),
        (b'{"reason":' + b'"' + b"A" * 65 + b'"}', ("", None)),
        (b'["reason"]', ("", None)),
        (b"<html>", ("", None)),
        (b"", ("", None)),
    ],
)
def test_only_apples_kind_of_words_are_passed_on(body: bytes, expected: tuple[str, int | None]) -> None:
    assert reason_of(body) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("30", 30.0), ("999999999", 86_400.0), ("-1", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_a_retry_after_in_seconds_is_obeyed_up_to_a_day(header: str | None, expected: float | None) -> None:
    assert retry.seconds(header) == expected


def test_the_answers_apns_id_is_kept_for_a_question_to_apple() -> None:
    answer = Answered((push(1), None), 429, {":status": "429", "apns-id": "8-4", "retry-after": "3"}, b"")
    judged = Judge().answer(answer)
    assert (judged.outcome, judged.vendor_id, judged.retry_after) == (Outcome.RETRY, "8-4", 3.0)


@pytest.mark.parametrize("token", ["", "a/b", "a b", "../x", "é" * 64, "a" * 201, "a\r\nb", "a?b", "a%2f"])
def test_what_cannot_stand_in_apples_path_is_parked_and_never_sent(token: str) -> None:
    refusal = Judge().refuses(push(1).__class__(1, "t", token, 0))
    assert refusal is not None
    assert refusal.outcome is Outcome.PARK


def test_an_expiration_is_at_most_30_days_ahead_and_shared_within_the_hour() -> None:
    now = datetime(2026, 11, 22, 13, 20, 5, tzinfo=UTC)
    assert payload.apns_expiration(now) == int(datetime(2026, 12, 22, 13, tzinfo=UTC).timestamp())
    assert payload.apns_expiration(now) == payload.apns_expiration(now.replace(minute=59))


# When to try again.


@given(attempts=st.integers(0, 1000), dice=st.floats(0, 1, exclude_max=True), reason=st.sampled_from(["Shutdown", "x"]))
def test_a_wait_lies_between_its_floor_and_a_quarter_of_an_hour(attempts: int, dice: float, reason: str) -> None:
    wait = retry.delay(attempts, reason, dice)
    assert 0.5 <= wait <= min(900, 2 * 2 ** max(0, attempts - 1))


def test_the_widest_wait_doubles_with_each_attempt() -> None:
    almost = 1 - 1e-12
    widest = [retry.delay(attempts, "InternalServerError", almost) for attempts in range(1, 12)]
    assert [round(wait) for wait in widest] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_a_token_that_had_too_many_waits_longer_than_after_a_cut() -> None:
    assert retry.delay(1, "TooManyRequests", 0.5) > retry.delay(1, "ConnectionLost", 0.5)
    assert retry.delay(1, "TooManyRequests", 0.0) == 10
    assert retry.delay(99, "TooManyRequests", 1 - 1e-12) <= 3600


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True), st.floats(0, 86_400))
def test_a_retry_after_is_never_undercut(attempts: int, dice: float, after: float) -> None:
    assert retry.delay(attempts, "TooManyRequests", dice, after) >= after
