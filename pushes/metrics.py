"""What the worker counts; the names are explained in docs/operate.md."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

attempts = Counter("passbell_push_attempts_total", "Answers to pushes.", ["channel", "outcome", "reason"])
age = Histogram(
    "passbell_push_age_seconds",
    "From the change's commit to the vendor's acceptance.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)
unanswered = Gauge("passbell_push_unanswered", "Pushes sent whose answer has not come.", multiprocess_mode="livesum")
pace = Gauge("passbell_fanout_pace", "Pushes a second that a fan-out may send.", multiprocess_mode="livemax")
google_age = Histogram(
    "passbell_google_age_seconds",
    "From the change's commit to Google's acceptance, by lane: 0 a customer's change, 1 a publish or campaign.",
    ["lane"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600),
)
google_claimed = Gauge(
    "passbell_google_claimed", "Classes and objects on their way to Google.", ["issuer"], multiprocess_mode="livesum"
)
letters = Counter("passbell_letters_total", "Tries to send mails and short messages.", ["channel", "kind", "outcome"])
nats_connected = Gauge(
    "passbell_nats_connected", "Whether NATS carries rings between hosts.", multiprocess_mode="livemin"
)
nats_rings = Counter("passbell_nats_rings_total", "Rings of this process, by what became of them.", ["outcome"])
nats_heard = Counter("passbell_nats_heard_total", "Rings that this process heard, by what it did.", ["outcome"])
