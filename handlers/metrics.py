"""What the web side counts, in one table; the names are explained in docs/operate.md.

A gauge says how several processes of one host make one number (``multiprocess_mode``).
Labels are few and closed: route templates, methods, classes of status; never a serial number, a device or an address.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from prometheus_client import Counter, Gauge, Histogram

from passkit.apple.signing import Identity
from store.standing import Standing
from store.waits import Waits

request_seconds = Histogram(
    "passbell_http_request_duration_seconds",
    "From the request's head to the finished answer.",
    ["route", "method", "code"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
connections = Gauge("passbell_http_connections", "Open connections.", multiprocess_mode="livesum")
reaped = Gauge(
    "passbell_http_connections_reaped",
    "Connections ended by the guard since the start, by why.",
    ["why"],
    multiprocess_mode="sum",
)
refused = Counter("passbell_auth_failures_total", "Requests that did not prove themselves.", ["surface"])
limited = Counter("passbell_rate_limited_total", "Requests answered 429, or logs dropped.", ["kind"])
passes = Counter("passbell_passes_total", "Passes asked for, by what became of it.", ["result"])
pass_bytes = Histogram(
    "passbell_pass_bytes", "Sizes of signed passes.", buckets=(10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
)
build_seconds = Histogram(
    "passbell_pass_build_duration_seconds",
    "Filling, building and signing one pass.",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5),
)
signed = Counter("passbell_signed_passes_total", "Passes given out, by where their bytes are from.", ["source"])
_WAITS = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)
change_listed = Histogram(
    "passbell_change_listed_seconds", "From a card's own change to the list that tells its phone.", buckets=_WAITS
)
change_fetched = Histogram(
    "passbell_change_fetched_seconds", "From a card's own change to its download's last byte.", buckets=_WAITS
)
push_oldest = Gauge(
    "passbell_push_oldest_seconds",
    "How long the oldest push or message has waited.",
    ["channel"],
    multiprocess_mode="livemostrecent",
)
push_waiting = Gauge(
    "passbell_push_waiting", "Intents that wait or are under way.", ["channel"], multiprocess_mode="livemostrecent"
)
held = Gauge("passbell_push_held", "Breakers that are open.", ["channel"], multiprocess_mode="livemostrecent")
news = Gauge("passbell_news", "News that are not over, by state.", ["state"], multiprocess_mode="livemostrecent")
held_changes = Gauge(
    "passbell_held_changes", "Changes that the brake keeps apart, undecided.", multiprocess_mode="livemostrecent"
)
dead_letters = Gauge(
    "passbell_dead_letters",
    "Mails and short messages given up in the last 30 days.",
    ["channel"],
    multiprocess_mode="livemostrecent",
)
backup_age = Gauge(
    "passbell_backup_age_seconds",
    "How long ago `backup` last wrote a file; +Inf where it never did.",
    multiprocess_mode="livemostrecent",
)
standing_at = Gauge(
    "passbell_standing_timestamp_seconds", "When the queues were last read.", multiprocess_mode="livemostrecent"
)
process_differences = Gauge(
    "passbell_process_differences",
    "Pass types (and the program) in which running processes do not agree.",
    multiprocess_mode="livemostrecent",
)
overload = Counter("passbell_overload_refused_total", "Requests answered 503 because there are too many.")
loop_lag = Gauge("passbell_loop_lag_seconds", "How late the event loop is.", multiprocess_mode="livemax")
webhooks = Counter("passbell_webhook_events_total", "Webhook deliveries, by what became of them.", ["outcome"])
callbacks = Counter(
    "passbell_google_callbacks_total", "Google's save and delete callbacks, by what became of them.", ["result"]
)
save_links = Counter("passbell_google_save_links_total", "Visitors sent on to Google, by the kind of link.", ["kind"])
lost = Counter("passbell_lost_cards_total", "True tokens of cards that are not in the database.")
log_messages = Counter("passbell_device_log_messages_total", "Lines that phones sent to /v1/log.", ["result"])
certificate_expiry = Gauge(
    "passbell_certificate_expiry_timestamp_seconds",
    "When the newest certificate ends.",
    ["pass_type"],
    multiprocess_mode="livemin",
)

NAMES = (
    "passbell_http_request_duration_seconds",
    "passbell_http_connections",
    "passbell_http_connections_reaped",
    "passbell_auth_failures_total",
    "passbell_rate_limited_total",
    "passbell_passes_total",
    "passbell_pass_bytes",
    "passbell_signed_passes_total",
    "passbell_overload_refused_total",
    "passbell_change_listed_seconds",
    "passbell_change_fetched_seconds",
    "passbell_push_oldest_seconds",
    "passbell_push_waiting",
    "passbell_push_held",
    "passbell_news",
    "passbell_held_changes",
    "passbell_dead_letters",
    "passbell_backup_age_seconds",
    "passbell_standing_timestamp_seconds",
    "passbell_process_differences",
    "passbell_loop_lag_seconds",
    "passbell_pass_build_duration_seconds",
    "passbell_webhook_events_total",
    "passbell_google_callbacks_total",
    "passbell_google_save_links_total",
    "passbell_lost_cards_total",
    "passbell_device_log_messages_total",
    "passbell_certificate_expiry_timestamp_seconds",
)
"""Every name of this file, as docs/operate.md lists them."""

for _surface in ("wallet", "api", "hooks", "install", "callback", "images"):
    refused.labels(_surface)
for _result in ("served", "unchanged", "cut", "failed"):
    passes.labels(_result)
for _source in ("made", "kept"):
    signed.labels(_source)


def note_certificates(identities: Iterable[Identity]) -> None:
    """Set the end of the newest certificate of each pass type."""
    ends: dict[str, float] = {}
    for identity in identities:
        name = identity.pass_type_identifier
        ends[name] = max(ends.get(name, 0.0), identity.not_after.timestamp())
    for name, end in ends.items():
        certificate_expiry.labels(name).set(end)


def note_waits(waits: Waits) -> None:
    """Count how long phones waited for a card's own change."""
    for histogram, seconds in ((change_listed, waits.listed), (change_fetched, waits.fetched)):
        for each in seconds:
            histogram.observe(each)


def note_standing(standing: Standing, now: float) -> None:
    """Set what was read of the queues; ``now`` is epoch seconds."""
    for gauge, values in (
        (push_oldest, standing.oldest),
        (push_waiting, standing.waiting),
        (held, standing.breakers),
        (news, standing.news),
        (dead_letters, standing.dead),
    ):
        for label, value in values.items():
            gauge.labels(label).set(value)
    held_changes.set(standing.held_changes)
    process_differences.set(standing.differences)
    backup_age.set(inf if standing.backup_at is None else max(0.0, now - standing.backup_at.timestamp()))
    standing_at.set(now)
