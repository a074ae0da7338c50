"""What a vendor's answer means for the push, the token and the queue: tables, one for each vendor. Pure.

Every row carries the vendor's page. Two rules are not here but in the worker, which knows the registrations: a token is
pruned on ``GONE`` only if it was registered before ``gone_since``, and on ``GONE`` with reason ``BadDeviceToken`` only
if the same credential had a token accepted within a day, because a wrong APNS_URL answers BadDeviceToken to all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from pushes.channel import Outcome, Verdict

APNS_ANSWERS = "https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns"
APNS_CONNECTION = (
    "https://developer.apple.com/documentation/usernotifications/establishing-a-certificate-based-connection-to-apns"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer of a vendor: ``status`` and ``reason`` as they come, what we do and where the vendor says so."""

    status: int
    reason: str
    outcome: Outcome
    meaning: str
    link: str = APNS_ANSWERS


APNS: tuple[Row, ...] = (
    Row(200, "", Outcome.DELIVERED, "accepted, which is not yet shown"),
    Row(400, "BadCollapseId", Outcome.OURS, "our request: the collapse identifier is too long"),
    Row(400, "BadDeviceToken", Outcome.GONE, "malformed, or of the other environment; the worker's prune rule decides"),
    Row(400, "BadExpirationDate", Outcome.OURS, "our request: apns-expiration is no date"),
    Row(400, "BadMessageId", Outcome.OURS, "our request: apns-id is no UUID"),
    Row(400, "BadPriority", Outcome.OURS, "our request: a background push goes with priority 5"),
    Row(400, "BadTopic", Outcome.OURS, "the topic is not this certificate's pass type identifier"),
    Row(400, "DeviceTokenNotForTopic", Outcome.PARK, "a token of another pass type: any holder could have sent it"),
    Row(400, "DuplicateHeaders", Outcome.OURS, "our request: a header came twice"),
    Row(400, "IdleTimeout", Outcome.RETRY, "the connection was idle too long"),
    Row(400, "InvalidPushType", Outcome.OURS, "our request: apns-push-type is unknown"),
    Row(400, "MissingDeviceToken", Outcome.OURS, "our request: the path has no token"),
    Row(400, "MissingTopic", Outcome.OURS, "the certificate has several topics and none was named"),
    Row(400, "PayloadEmpty", Outcome.OURS, "our request: the body was empty"),
    Row(400, "TopicDisallowed", Outcome.OURS, "this certificate may not push to this topic"),
    Row(403, "BadCertificate", Outcome.OURS, "the certificate is not valid"),
    Row(403, "BadCertificateEnvironment", Outcome.OURS, "the certificate is for the other environment"),
    Row(403, "BadEnvironmentKeyIdInToken", Outcome.OURS, "the key is for the other environment"),
    Row(403, "ExpiredProviderToken", Outcome.OURS, "the provider token is too old"),
    Row(403, "Forbidden", Outcome.OURS, "the action is not allowed"),
    Row(403, "InvalidProviderToken", Outcome.OURS, "the provider token does not verify"),
    Row(403, "MissingProviderToken", Outcome.OURS, "no certificate reached Apple"),
    Row(403, "UnrelatedKeyIdInToken", Outcome.OURS, "the key is of another team"),
    Row(404, "BadPath", Outcome.OURS, "our request: the path is wrong"),
    Row(405, "MethodNotAllowed", Outcome.OURS, "our request: not a POST"),
    Row(410, "ExpiredToken", Outcome.GONE, "the token has expired"),
    Row(410, "Unregistered", Outcome.GONE, "dead for this topic since the timestamp"),
    Row(413, "PayloadTooLarge", Outcome.OURS, "our request: the body is too large"),
    Row(429, "TooManyProviderTokenUpdates", Outcome.RETRY, "the provider token changes too often"),
    Row(429, "TooManyRequests", Outcome.RETRY, "too many pushes to this one token"),
    Row(500, "InternalServerError", Outcome.RETRY, "Apple's"),
    Row(503, "ServiceUnavailable", Outcome.RETRY, "Apple's"),
    Row(503, "Shutdown", Outcome.RETRY, "this server of Apple's is going down", APNS_CONNECTION),
)
"""Apple's answers to a push."""

_APNS_BY_ANSWER: Mapping[tuple[int, str], Outcome] = MappingProxyType(
    {(row.status, row.reason): row.outcome for row in APNS}
)
_APNS_BY_REASON: Mapping[str, Outcome] = MappingProxyType({row.reason: row.outcome for row in APNS if row.reason})

DELIVERED = Verdict(Outcome.DELIVERED, "")
"""What nearly every push gets; one value for all of them."""

NOT_A_TOKEN = Verdict(Outcome.PARK, "NotAToken")
"""The text cannot stand in Apple's path, so that it was never sent; our word, not Apple's."""


def apns(
    status: int,
    reason: str,
    timestamp_ms: int | None = None,
    *,
    retry_after: float | None = None,
    vendor_id: str | None = None,
) -> Verdict:
    """Apple's answer as a verdict.

    Args:
        status: The HTTP status.
        reason: ``reason`` of the JSON body, or empty.
        timestamp_ms: ``timestamp`` of a 410's body: since when, in milliseconds, the token is dead for this topic.
        retry_after: Seconds from a Retry-After header.
        vendor_id: The answer's apns-id, for a question to Apple.
    """
    outcome = _APNS_BY_ANSWER.get((status, reason)) or _by_status(status)
    since = _instant(timestamp_ms) if status == 410 else None
    wait = retry_after if outcome is Outcome.RETRY else None
    word = "" if outcome is Outcome.DELIVERED else reason or f"HTTP {status}"
    return Verdict(outcome, word, retry_after=wait, gone_since=since, vendor_id=vendor_id)


def apns_goodbye(reason: str) -> Verdict | None:
    """The verdict for all that waits when a GOAWAY's JSON names a fault of ours (``BadCertificate``...), else None."""
    return Verdict(Outcome.OURS, reason) if _APNS_BY_REASON.get(reason) is Outcome.OURS else None


def unknown(reason: str) -> Verdict:
    """Nobody knows whether the vendor took the push: cut, reset, silence. The job tries again."""
    return Verdict(Outcome.RETRY, reason)


def no_connection(reason: str, *, ours: bool) -> Verdict:
    """No connection could be made. ``ours``: a certificate was refused, by us or by them, which no retry mends."""
    return Verdict(Outcome.OURS if ours else Outcome.RETRY, reason)


def _by_status(status: int) -> Outcome:
    """Reasons that Apple has not documented go by their class; what is not an answer of APNs at all is a wrong URL."""
    if status == 200:
        return Outcome.DELIVERED
    if status == 410:
        return Outcome.GONE
    if status == 429 or status >= 500:
        return Outcome.RETRY
    return Outcome.OURS


def _instant(timestamp_ms: int | None) -> datetime | None:
    """Milliseconds since 1970 as an instant; nonsense is no instant."""
    if timestamp_ms is None:
        return None
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
