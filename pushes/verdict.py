"""What a vendor's answer means for the push, the token and the queue: tables, one for each vendor. Pure.

Every row carries the vendor's page. Two rules are not here but in ``fates``, which knows the registrations: a token is
pruned on ``GONE`` only if it was registered before ``gone_since``, and on ``GONE`` without a time only if the same
credential had a token accepted within a day, because a wrong APNS_URL answers BadDeviceToken to all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from pushes.channel import Outcome, Verdict

APNS_ANSWERS = "https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns"
APNS_CONNECTION = (
    "https://developer.apple.com/documentation/usernotifications/establishing-a-certificate-based-connection-to-apns"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer of a vendor: ``status`` and ``reason`` as they come, what we do and where the vendor says so.

    ``is_suspect``: it blames the token, but given to most it is our own key or request that is wrong.
    """

    status: int
    reason: str
    outcome: Outcome
    meaning: str
    link: str = APNS_ANSWERS
    is_suspect: bool = False


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

FCM_ERRORS = "https://firebase.google.com/docs/cloud-messaging/error-codes"

FCM: tuple[Row, ...] = (
    Row(200, "", Outcome.DELIVERED, "accepted, which is not yet shown", FCM_ERRORS),
    Row(400, "INVALID_ARGUMENT", Outcome.PARK, "no address of FCM's", FCM_ERRORS, is_suspect=True),
    Row(
        401, "THIRD_PARTY_AUTH_ERROR", Outcome.OURS, "the Firebase project has no APNs key for its iOS app", FCM_ERRORS
    ),
    Row(401, "UNAUTHENTICATED", Outcome.OURS, "the access token was refused", FCM_ERRORS),
    Row(403, "PERMISSION_DENIED", Outcome.OURS, "the service account may not send, or FCM is not enabled", FCM_ERRORS),
    Row(403, "SENDER_ID_MISMATCH", Outcome.PARK, "an address of another project", FCM_ERRORS, is_suspect=True),
    Row(404, "NOT_FOUND", Outcome.OURS, "there is no such project, or FCM_URL is wrong", FCM_ERRORS),
    Row(404, "UNREGISTERED", Outcome.GONE, "the app was removed, or the token replaced", FCM_ERRORS),
    Row(429, "QUOTA_EXCEEDED", Outcome.RETRY, "too many messages, to all or to this one phone", FCM_ERRORS),
    Row(429, "RESOURCE_EXHAUSTED", Outcome.RETRY, "too many requests", FCM_ERRORS),
    Row(500, "INTERNAL", Outcome.RETRY, "Google's", FCM_ERRORS),
    Row(503, "UNAVAILABLE", Outcome.RETRY, "Google's", FCM_ERRORS),
)
"""Firebase Cloud Messaging's answers to a message."""

WALLETPASSES_PUSH = "https://walletpasses.io/developer/"

WALLETPASSES: tuple[Row, ...] = (
    Row(200, "", Outcome.DELIVERED, "the relay took the tokens, which is not yet shown", WALLETPASSES_PUSH),
    Row(400, "", Outcome.PARK, "to one token: it is none", WALLETPASSES_PUSH, is_suspect=True),
    Row(401, "", Outcome.OURS, "the API key is wrong", WALLETPASSES_PUSH),
    Row(403, "", Outcome.OURS, "the API key may not push", WALLETPASSES_PUSH),
    Row(404, "", Outcome.OURS, "RELAY_WALLETPASSES_URL is wrong", WALLETPASSES_PUSH),
    Row(429, "", Outcome.RETRY, "too many requests; a key raises the limit", WALLETPASSES_PUSH),
    Row(503, "", Outcome.RETRY, "the relay's", WALLETPASSES_PUSH),
)
"""The answers of WalletPasses' relay; its address and its key are ours."""

PASSWALLET_PUSH = "https://github.com/Kwiket/passwallet#push-notifications"

PASSWALLET: tuple[Row, ...] = (
    Row(200, "", Outcome.DELIVERED, "the relay took the tokens, which is not yet shown", PASSWALLET_PUSH),
    Row(400, "", Outcome.PARK, "to one token: the relay cannot push to it", PASSWALLET_PUSH),
    Row(403, "", Outcome.PARK, "the registration named this path, not we", PASSWALLET_PUSH),
    Row(404, "", Outcome.PARK, "the registration named this path, not we", PASSWALLET_PUSH),
    Row(429, "", Outcome.RETRY, "too many requests", PASSWALLET_PUSH),
    Row(503, "", Outcome.RETRY, "the relay's", PASSWALLET_PUSH),
)
"""The answers of a PassWallet relay; its address came with the registration, so that no answer of it is our fault."""

_APNS_BY_ANSWER: Mapping[tuple[int, str], Outcome] = MappingProxyType(
    {(row.status, row.reason): row.outcome for row in APNS}
)
_APNS_BY_REASON: Mapping[str, Outcome] = MappingProxyType({row.reason: row.outcome for row in APNS if row.reason})

_FCM_BY_REASON: Mapping[str, Row] = MappingProxyType({row.reason: row for row in FCM if row.reason})

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


def fcm(status: int, reason: str, *, retry_after: float | None = None, vendor_id: str | None = None) -> Verdict:
    """Firebase's answer as a verdict; ``reason`` is the errorCode of its details, or the error's status."""
    row = _FCM_BY_REASON.get(reason)
    outcome = row.outcome if row else _by_status(status)
    if outcome is Outcome.GONE and row is None:
        outcome = Outcome.OURS  # a 410 is none of FCM's answers
    word = "" if outcome is Outcome.DELIVERED else reason or f"HTTP {status}"
    wait = retry_after if outcome is Outcome.RETRY else None
    return Verdict(outcome, word, wait, vendor_id=vendor_id, is_suspect=row is not None and row.is_suspect)


def walletpasses(status: int, retry_after: float | None = None) -> Verdict:
    """The answer of WalletPasses' relay; what is not in the table is of a wrong URL."""
    return _relay(WALLETPASSES, status, retry_after, otherwise=Outcome.OURS)


def passwallet(status: int, retry_after: float | None = None) -> Verdict:
    """The answer of a PassWallet relay; what is not in the table parks the phone that named the URL."""
    return _relay(PASSWALLET, status, retry_after, otherwise=Outcome.PARK)


def _relay(table: tuple[Row, ...], status: int, retry_after: float | None, *, otherwise: Outcome) -> Verdict:
    if 200 <= status < 300:
        return DELIVERED
    row = next((row for row in table if row.status == status), None)
    outcome = row.outcome if row else Outcome.RETRY if status >= 500 else otherwise
    wait = retry_after if outcome is Outcome.RETRY else None
    return Verdict(outcome, f"HTTP {status}", wait, is_suspect=row is not None and row.is_suspect)


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


GOOGLE_ERRORS = "https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes"
GOOGLE_NOTIFICATIONS = "https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications"
GOOGLE_ACCESS = "https://developers.google.com/wallet/generic/getting-started/auth/rest"
GOOGLE_LIMITS = "https://developers.google.com/wallet/generic/resources/faq"
GOOGLE_CONSOLE = "https://pay.google.com/business/console"


class GoogleOutcome(StrEnum):
    """What an answer of Google's Wallet API means for the class or object that we bring there."""

    ACCEPTED = "accepted"
    EXISTS = "exists"  # on insert: PATCH it
    MISSING = "missing"  # on everything else: insert it
    NO_CLASS = "no_class"  # its class first, then the object
    QUOTA = "quota"  # too many notifications: the text without one, or later, never at once again
    RETRY = "retry"  # nobody's fault
    REFUSED = "refused"  # this body is wrong: a dead letter, until something of it changes
    TOKEN = "token"  # noqa: S105 (a word) the access token is not good: another one, once
    OURS = "ours"  # credential or console: hold the issuer, delete nothing


@dataclass(frozen=True, slots=True)
class GoogleRow:
    """One answer of Google: ``status`` and ``reason`` as they come (empty: any other), what it means, what mends it."""

    status: int
    reason: str
    outcome: GoogleOutcome
    meaning: str
    fix: str = ""
    link: str = GOOGLE_ERRORS


ADD_THE_ACCOUNT = (
    "add the service account's e-mail address as a user with the role Developer in the Pay & Wallet Console "
    f"({GOOGLE_CONSOLE}, Users)"
)

GOOGLE: tuple[GoogleRow, ...] = (
    GoogleRow(200, "", GoogleOutcome.ACCEPTED, "done, which is not yet shown"),
    GoogleRow(400, "", GoogleOutcome.REFUSED, "the body or the id is not as Google wants it"),
    GoogleRow(
        401,
        "",
        GoogleOutcome.TOKEN,
        "the access token is not good (any more)",
        "import a new key of the service account: `google set --key FILE`",
        GOOGLE_ACCESS,
    ),
    GoogleRow(
        403,
        "permissionDenied",
        GoogleOutcome.OURS,
        "the service account may not act for this issuer",
        ADD_THE_ACCOUNT,
    ),
    GoogleRow(
        403,
        "accessNotConfigured",
        GoogleOutcome.OURS,
        "the Google Wallet API is off in the service account's project",
        "enable the Google Wallet API in the service account's project in Google Cloud's console",
        GOOGLE_ACCESS,
    ),
    GoogleRow(
        403, "quotaExceeded", GoogleOutcome.QUOTA, "too many notifications in 24 hours", "", GOOGLE_NOTIFICATIONS
    ),
    GoogleRow(403, "rateLimitExceeded", GoogleOutcome.RETRY, "too many requests a second", "", GOOGLE_LIMITS),
    GoogleRow(403, "userRateLimitExceeded", GoogleOutcome.RETRY, "too many requests a second", "", GOOGLE_LIMITS),
    GoogleRow(403, "", GoogleOutcome.OURS, "the service account may not do this", ADD_THE_ACCOUNT),
    GoogleRow(404, "classNotFound", GoogleOutcome.NO_CLASS, "the object's class is not there"),
    GoogleRow(404, "", GoogleOutcome.MISSING, "not there; an object that is inserted misses its class"),
    GoogleRow(408, "", GoogleOutcome.RETRY, "the request came too slowly"),
    GoogleRow(409, "", GoogleOutcome.EXISTS, "the id is taken, by what we inserted before"),
    GoogleRow(413, "", GoogleOutcome.REFUSED, "the body is too large"),
    GoogleRow(429, "", GoogleOutcome.RETRY, "too many requests a second", "", GOOGLE_LIMITS),
)
"""Google's answers to an insert, a PATCH, a message or a GET; 5xx is RETRY, anything else a wrong GOOGLE_URL, ours."""

NOT_GOOGLE = "NotGoogle"
"""The answer has no error of Google's in it; our word."""
WRONG_URL = "set GOOGLE_URL right: what answers there is not Google's Wallet API"

NO_ISSUER = GoogleRow(
    404,
    "issuerNotFound",
    GoogleOutcome.OURS,
    "Google knows no such issuer",
    f"set the issuer id that the Pay & Wallet Console shows ({GOOGLE_CONSOLE}): `google set --issuer ID`",
)
"""What a class misses that cannot be inserted; the reason is our word."""

NO_TRUST = GoogleRow(
    0,
    "CertificateRefused",
    GoogleOutcome.OURS,
    "its TLS certificate is not trusted",
    "let nothing stand between this machine and Google that has another certificate, or set GOOGLE_URL right",
)
"""No connection, for a reason that no retry mends; the reason is our word."""

_GOOGLE_BY_ANSWER: Mapping[tuple[int, str], GoogleRow] = MappingProxyType(
    {(row.status, row.reason): row for row in GOOGLE}
)


def google(status: int, reason: str, *, is_google: bool = True) -> GoogleRow:
    """Google's answer as a row of the table: its own, else that of the status, else of the status' class.

    Args:
        status: The HTTP status.
        reason: ``error.errors[0].reason`` of the body, or empty.
        is_google: Whether a refusal has Google's error in its body.
    """
    if 200 <= status < 300:
        return _GOOGLE_BY_ANSWER[200, ""]
    if status >= 500:
        return GoogleRow(status, reason, GoogleOutcome.RETRY, "Google's")
    row = _GOOGLE_BY_ANSWER.get((status, reason)) or _GOOGLE_BY_ANSWER.get((status, ""))
    if row is None or not (is_google or row.outcome is GoogleOutcome.RETRY):
        return GoogleRow(status, NOT_GOOGLE, GoogleOutcome.OURS, "no answer of Google's Wallet API", WRONG_URL)
    return row


RENEW_THE_KEY = (
    "the key was deleted or disabled in Google Cloud's console, or this machine's clock is wrong: set the clock, or "
    "make a new key of the service account and import it with `google set --key FILE`"
)


def google_token(status: int, error: str) -> GoogleRow:
    """The token service's answer: ``error`` is RFC 6749's word (``invalid_grant``...), empty when it gave none.

    https://developers.google.com/identity/protocols/oauth2/service-account
    """
    if status == 200:
        return _GOOGLE_BY_ANSWER[200, ""]
    if status in (408, 429) or status >= 500:
        return GoogleRow(status, error, GoogleOutcome.RETRY, "the token service's", "", GOOGLE_ACCESS)
    if not error:
        fix = "set GOOGLE_TOKEN_URL right: what answers there is not Google's token service"
        return GoogleRow(
            status, NOT_GOOGLE, GoogleOutcome.OURS, "no answer of Google's token service", fix, GOOGLE_ACCESS
        )
    return GoogleRow(status, error, GoogleOutcome.OURS, "no token for this key", RENEW_THE_KEY, GOOGLE_ACCESS)
