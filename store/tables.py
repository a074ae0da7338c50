"""Every table on one page.

Instants are BIGINT microseconds since the epoch (``Instant``), so that both databases compare them alike. Columns named
``*_encrypted`` hold AES-GCM under a key derived from SECRET (``store.keyring``); ``*_hash`` are HMAC or SHA-256 hex.
A ``stamp`` is 16 hex digits of randomness, written with every change of what a phone would be served (never a counter:
after a restore a counter repeats with other content).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """An aware datetime as microseconds since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Microseconds since the epoch as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=micros)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as BIGINT microseconds since the epoch."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """To the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """From the database."""
        return None if value is None else from_micros(value)


def is_storable(text: str) -> bool:
    """Whether a database can hold the text at all: PostgreSQL takes neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements INTEGER PRIMARY KEY only

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True)


def _brand() -> Column[int]:
    return Column("brand_id", Id, ForeignKey("brands.id"), nullable=False)


facts = Table(  # what the database knows about itself: fingerprints of SECRET ids, PUBLIC_URL, pass types
    "facts",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)

brands = Table(
    "brands",
    metadata,
    _id(),
    Column("key", String(64), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("pass_type_identifier", String(200), nullable=False, unique=True),
    Column("team_identifier", String(20), nullable=False),
    Column("languages", JSON, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("google_issuer_id", String(40)),
    Column("google_key_encrypted", LargeBinary),
    Column("stamp", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

certificates = Table(  # pass certificates: signing and the APNs client identity
    "certificates",
    metadata,
    _id(),
    _brand(),
    Column("fingerprint", String(64), nullable=False, unique=True),  # SHA-256 of the DER
    Column("certificate_pem", Text, nullable=False),
    Column("private_key_encrypted", LargeBinary, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("not_after", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _brand(),
    Column("name", String(100), nullable=False),
    Column("prefix", String(24), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    UniqueConstraint("brand_id", "name"),
)

assets = Table(  # pictures and texts of templates by content
    "assets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
)

templates = Table(
    "templates",
    metadata,
    _id(),
    _brand(),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("style", String(40), nullable=False),
    Column("draft", JSON, nullable=False),  # file name -> asset hash
    Column("published_revision_id", Id),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("archived_at", Instant),
    UniqueConstraint("brand_id", "key"),
)

revisions = Table(  # frozen by publishing
    "revisions",
    metadata,
    _id(),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("files", JSON, nullable=False),  # file name -> asset hash
    Column("stamp", String(16), nullable=False),
    Column("author", String(200), nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    Column("rings", Boolean, nullable=False, default=False),  # whether its publish was asked to ring what it changes
    Column("created_at", Instant, nullable=False),
    Column("pictures", JSON),  # file name in the pass -> asset hash, as its publish made them; null: to be made again
    UniqueConstraint("template_id", "number"),
)

cards = Table(
    "cards",
    metadata,
    _id(),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("serial_number", String(40), nullable=False, unique=True),
    Column("number", String(100), nullable=False),
    Column("external_id", String(200)),
    Column("language", String(20)),
    Column("state", String(20), nullable=False),
    Column("data_encrypted", LargeBinary, nullable=False),
    Column("secret_id", String(32), nullable=False),  # which SECRET made its tokens
    Column("generation", Integer, nullable=False, default=0),  # moved to revoke its tokens
    Column("install_hash", String(64), nullable=False, unique=True),
    Column("version", Integer, nullable=False, default=1),  # ours, for guards
    Column("stamp", String(16), nullable=False),
    Column("ring", JSON, nullable=False),  # field keys that ring in this edition, at most one
    Column("ring_waiting", JSON, nullable=False),  # all that changed with a ring since the card was last served
    Column("ring_text_hash", String(64)),  # HMAC of what the ringing field said: a publish that rewords it is silent
    Column("modified_edition", String(32), nullable=False),  # the edition that last_modified belongs to
    Column("last_modified", BigInteger, nullable=False),  # epoch seconds, strictly later with each edition
    Column("served_edition", String(32)),
    Column("served_count", Integer, nullable=False, default=0),  # completed 200 answers of served_edition
    Column("expires_at", Instant),
    Column("tags", JSON, nullable=False),
    Column("outlet", String(100)),
    Column("issued_by", String(100)),
    Column("channel", String(100)),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("template_id", "external_id"),
    UniqueConstraint("template_id", "number"),
    Index(None, "brand_id", "external_id"),
    Index(None, "brand_id", "number"),
    Index(None, "template_id", "id"),
)

UNLISTED = text("state = 'active' AND sweeps < 3 AND (listed_at IS NULL OR listed_at + 5000000 < pushed_at)")
"""Devices that have not asked what is new since their push (the push's answer may be written 5 s after the list)."""

devices = Table(  # one row per (device, pass type): that is whom a push token belongs to
    "devices",
    metadata,
    _id(),
    _brand(),
    Column("pass_type_identifier", String(200), nullable=False),
    Column("device_hash", String(64), nullable=False),  # HMAC of the device library identifier
    Column("platform", String(20), nullable=False),  # ApplePass AndroidPass AttidoPass fcm
    Column("push_token_encrypted", LargeBinary, nullable=False),
    Column("push_token_hash", String(64), nullable=False),
    Column("push_token_at", Instant, nullable=False),  # first registered: a 410 from before it is ignored
    Column("state", String(20), nullable=False, default="active"),  # active parked
    Column("state_reason", String(100)),
    Column("accepted_at", Instant),  # the last 200 from the vendor
    Column("pushed_at", Instant),  # the last push sent, whatever the answer: the 5 s rule counts from here
    Column("listed_at", Instant),
    Column("sweeps", Integer, nullable=False, default=0),  # times rung again since it last listed
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    UniqueConstraint("device_hash", "pass_type_identifier"),  # the hash first: alone it finds one device in a million
    Index(None, "push_token_hash"),
    Index(None, "pass_type_identifier", "id"),
    Index("ix_devices_unlisted", "pushed_at", sqlite_where=UNLISTED, postgresql_where=UNLISTED),
    sqlite_autoincrement=True,
)

registrations = Table(
    "registrations",
    metadata,
    _id(),
    _brand(),
    Column("device_id", Id, ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("card_id", Id, ForeignKey("cards.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    UniqueConstraint("device_id", "card_id"),
    Index(None, "card_id"),
    sqlite_autoincrement=True,  # an id used again would make a phone's old update tag true for another state
)

sources = Table(  # hook sources
    "sources",
    metadata,
    _id(),
    _brand(),
    Column("name", String(64), nullable=False, unique=True),
    Column("secrets_encrypted", LargeBinary, nullable=False),  # JSON list of {secret, until}
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

seen_events = Table(  # webhook-ids, kept 30 days
    "seen_events",
    metadata,
    Column("source_id", Id, ForeignKey("sources.id"), primary_key=True),
    Column("event_id", String(128), primary_key=True),
    Column("received_at", Instant, nullable=False, index=True),
)

applied_versions = Table(  # what last set a variable, per (card, source, variable)
    "applied_versions",
    metadata,
    Column("card_id", Id, ForeignKey("cards.id"), primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id"), primary_key=True),
    Column("variable", String(64), primary_key=True),
    Column("version", BigInteger),
    Column("event_at", Instant, nullable=False),
)

waiting_changes = Table(  # changes for cards not issued yet, newest per variable, kept 90 days
    "waiting_changes",
    metadata,
    Column("source_id", Id, ForeignKey("sources.id"), primary_key=True),
    Column("external_id", String(200), primary_key=True),
    Column("template_key", String(64), primary_key=True, default=""),  # the template the change named, or empty: any
    Column("variable", String(64), primary_key=True),
    _brand(),
    Column("value_encrypted", LargeBinary, nullable=False),
    Column("version", BigInteger),
    Column("event_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False, index=True),
    Index(None, "brand_id", "external_id"),
)

deliveries = Table(  # the last webhook deliveries and the true reason of a refusal; no bodies
    "deliveries",
    metadata,
    _id(),
    Column("source_name", String(64), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("at", Instant, nullable=False),
    Column("status", Integer, nullable=False),
    Column("result", String(40), nullable=False),
    Column("reason", Text, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("api_key_id", Id, ForeignKey("api_keys.id"), primary_key=True),
    Column("route", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the request body
    Column("status", Integer),  # None while the first request runs
    Column("body_encrypted", LargeBinary),
    Column("created_at", Instant, nullable=False, index=True),
)

timeline = Table(
    "timeline",
    metadata,
    _id(),
    _brand(),
    Column("card_id", Id, ForeignKey("cards.id"), nullable=False),
    Column("device_id", Id),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(40), nullable=False),
    Column("detail_encrypted", LargeBinary, nullable=False),
    Index(None, "card_id", "id"),
)

device_logs = Table(  # POST /v1/log, a bounded ring
    "device_logs",
    metadata,
    _id(),
    Column("at", Instant, nullable=False),
    Column("pass_type_identifier", String(200)),
    Column("card_id", Id),
    Column("message", Text, nullable=False),
)

jobs = Table(  # push intents: the outbox is the queue
    "jobs",
    metadata,
    _id(),
    _brand(),
    Column("kind", String(20), nullable=False),  # card device fanout
    Column("pass_type_identifier", String(200), nullable=False),
    Column("lane", Integer, nullable=False),  # 0 urgent, 1 campaign
    Column("card_id", Id),  # kind card: unique
    Column("device_id", Id),  # kind device: unique
    Column("template_id", Id),  # kind fanout: everyone on a template, unique; published again, it starts over
    Column("position", BigInteger, nullable=False, default=0),  # fanout: the last device id done
    Column("generation", Integer, nullable=False, default=0),  # moves when the intent is written again while leased
    Column("due_at", Instant, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("reason", String(200)),  # why it waits
    Column("wanted_at", Instant, nullable=False),  # when the change was committed: age, latency
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("card_id"),
    UniqueConstraint("device_id"),
    UniqueConstraint("template_id"),
    Index(None, "pass_type_identifier", "lane", "due_at"),
    sqlite_autoincrement=True,
)

holds = Table(  # an open breaker: pushes of this pass type wait until an operator or a probe closes it
    "holds",
    metadata,
    Column("pass_type_identifier", String(200), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("probe_at", Instant, nullable=False),  # when one push may try again
)

leases = Table(  # a pass type (and later an issuer) belongs to one worker at a time
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)
