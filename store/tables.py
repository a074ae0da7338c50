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
    Float,
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
    false,
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
    Column("google_key_encrypted", LargeBinary),  # not used: keys are rows of google_keys
    Column("google_mode", String(10), nullable=False, default="off", server_default="off"),  # off test live
    Column("google_testers", JSON),  # names of the cards that see the button in test: external ids, numbers, serials
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
    Column("tryout_of", Id, index=True),  # the hidden twin of this template, whose cards are for trying the draft
    Column("news", Text),  # what is live on its cards, newest first (``store.livenews``); null: nothing
    Column("past_news", Text),  # what its cards were told, newest first; null: no text shows ``news.history``
    Column("triggers", Text),  # those that a change of a card may set off (``store.triggerevents``); null: none
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
    Column("google_pictures", JSON),  # Google's slot -> asset hash, as its publish made them; null: to be made again
    UniqueConstraint("template_id", "number"),
)

draft_history = (
    Table(  # every save of a draft; the newest is the draft, undo and redo are new states that equal older ones
        "draft_history",
        metadata,
        _id(),
        _brand(),
        Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
        Column("number", Integer, nullable=False),  # never used again
        Column("files", JSON, nullable=False),  # file name -> asset hash
        Column("author", String(200), nullable=False),
        Column("user_id", Id),
        Column("at", Instant, nullable=False),
        Column("touched", JSON, nullable=False),  # JSON pointers where it differs from the number before
        Column("step", JSON, nullable=False),  # and from the state that undo goes back to
        Column("back", Integer),  # the number whose files undo brings back
        Column("forward", Integer),  # and redo
        UniqueConstraint("template_id", "number"),
    )
)

plans = Table(  # what a review has shown, frozen: a publish does this or nothing
    "plans",
    metadata,
    Column("id", String(20), primary_key=True),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("kind", String(20), nullable=False),  # publish rollback
    Column("number", Integer),  # of the revision to go back to
    Column("files", JSON, nullable=False),  # file name -> asset hash
    Column("follows_id", Id),  # the revision that was published when it was shown
    Column("audience", Integer, nullable=False),  # cards
    Column("shown", JSON, nullable=False),  # the numbers on the screen
    Column("author", String(200), nullable=False),
    Column("user_id", Id),
    Column("created_at", Instant, nullable=False, index=True),
    Column("pressed_by", String(200)),
    Column("pressed_at", Instant),
    Column("revision_id", Id),  # what it became
    Index(None, "template_id", "created_at"),
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
    Column("on_google", Boolean),  # true: there is a google_objects row, so that a change need not look for one
    Column("news_id", Id),  # the news that modified_edition shows
    Column("news_at", BigInteger),  # when the newest news that this card has shown went live, micros: it rings once
    Column("news_fetched", Integer, nullable=False, default=0, server_default="0"),  # phones that fetched news_id
    Column("time_zone", String(64)),  # its holder's, an IANA name; null: nobody has said
    UniqueConstraint("template_id", "external_id"),
    UniqueConstraint("template_id", "number"),
    Index(None, "brand_id", "external_id"),
    Index(None, "brand_id", "number"),
    Index(None, "template_id", "id"),
)

card_phones = Table(  # by which phone a card is found: HMAC of brand and E.164; the number itself is in the card's data
    "card_phones",
    metadata,
    Column("card_id", Id, ForeignKey("cards.id"), primary_key=True),
    Column("digest", String(64), primary_key=True),
    _brand(),
    Index(None, "brand_id", "digest"),
)

card_words = Table(  # by which words of its holder's name a card is found: HMAC of brand and word
    "card_words",
    metadata,
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", String(32), primary_key=True),
    _brand(),
    Index(None, "brand_id", "digest"),
)

phone_indexes = (
    Table(  # what card_phones was made with, by template: where it differs, its cards are gone through again
        "phone_indexes",
        metadata,
        Column("template_id", Id, ForeignKey("templates.id"), primary_key=True),
        Column("revision_id", Id, nullable=False),
        Column("brand_stamp", String(16), nullable=False),
        Column("secret_id", String(32), nullable=False),
        Column("meaning", String(500), nullable=False),  # names of the variables, and the country
        Column("position", BigInteger),  # the last card id done; null: all are
    )
)

UNLISTED = text("state = 'active' AND sweeps < 3 AND (listed_at IS NULL OR listed_at + 5000000 < pushed_at)")
"""Devices that have not asked what is new since their push (the push's answer may be written 5 s after the list)."""

ELSEWHERE = text("platform <> 'ApplePass'")
"""Devices in other wallets than Apple's: few among many, so that their pages have an index of their own."""

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
    Index(
        "ix_devices_elsewhere",
        "pass_type_identifier",
        "platform",
        "id",
        sqlite_where=ELSEWHERE,
        postgresql_where=ELSEWHERE,
    ),
    Index("ix_devices_unlisted", "pushed_at", sqlite_where=UNLISTED, postgresql_where=UNLISTED),
    sqlite_autoincrement=True,
)

tryouts = Table(  # cards of drafts on the phones of those who draw them; gone a week after their end
    "tryouts",
    metadata,
    Column("card_id", Id, ForeignKey("cards.id"), primary_key=True),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),  # the real one
    Column("author", String(200), nullable=False),
    Column("user_id", Id),
    Column("created_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, index=True),
    Index(None, "template_id", "user_id"),
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
    Column("brake_at", Integer),  # more rings or resets in 10 minutes are held; null: as usual, 0: none ever
)

variable_uses = Table(  # how often a source has set a variable, by the name it used: a publish must not break it
    "variable_uses",
    metadata,
    Column("template_id", Id, ForeignKey("templates.id"), primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id"), primary_key=True),
    Column("variable", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # since the epoch, UTC
    Column("count", BigInteger, nullable=False),
    Index(None, "day"),
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

brake_counts = Table(  # what a source did to a template's cards of late, for the brake
    "brake_counts",
    metadata,
    Column("source_id", Id, ForeignKey("sources.id"), primary_key=True),
    Column("template_id", Id, ForeignKey("templates.id"), primary_key=True),
    Column("slot", BigInteger, primary_key=True),  # ten seconds each, since the epoch
    Column("rings", Integer, nullable=False),
    Column("resets", Integer, nullable=False),
)

brakes = Table(  # a source and a template of whose changes some are held
    "brakes",
    metadata,
    _id(),
    _brand(),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("alarmed_at", Instant),
    UniqueConstraint("source_id", "template_id"),
    Index(None, "brand_id"),
)

held_changes = Table(  # events kept apart, whole, in the order of their ids
    "held_changes",
    metadata,
    _id(),
    Column("brake_id", Id, ForeignKey("brakes.id"), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("event_type", String(40), nullable=False),
    Column("said_at", Instant, nullable=False),
    Column("body_encrypted", LargeBinary, nullable=False),  # JSON
    Column("why", String(10), nullable=False),  # rings resets behind
    Column("held_at", Instant, nullable=False),
    Column("decision", String(10)),  # silent ring; null: nobody has decided
    Index("ix_held_changes_brake_id", "brake_id", "id"),
)

held_cards = Table(  # whose held changes they are: what comes for them later waits behind
    "held_cards",
    metadata,
    Column("held_id", Id, ForeignKey("held_changes.id", ondelete="CASCADE"), primary_key=True),
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_held_cards_card_id", "card_id"),
)

lost_cards = Table(  # phones came with a true token for a card that is not here: it was issued after the backup
    "lost_cards",
    metadata,
    Column("pass_type_identifier", String(200), primary_key=True),
    Column("serial_number", String(64), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("secret_id", String(64), nullable=False),
    Column("seen_at", Instant, nullable=False),
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


IS_WAITING = text("due_at IS NOT NULL")

outgoing = Table(  # mails and short messages on their way out; the row that is due is the intent
    "outgoing",
    metadata,
    _id(),
    _brand(),
    Column("kind", String(20), nullable=False),  # alarm test code link
    Column("channel", String(10), nullable=False),  # mail gateway
    Column("to_encrypted", LargeBinary, nullable=False),
    Column("content_encrypted", LargeBinary, nullable=False),  # JSON; emptied once there is nothing more to send
    Column("state", String(10), nullable=False),  # waiting sent failed late
    Column("reason", Text, nullable=False, default=""),  # why the last try failed, without personal data
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Instant),  # null: sent, or given up
    Column("lease_owner", String(64)),
    Column("lease_until", Instant),
    Column("expires_at", Instant, nullable=False),  # of no use later
    Column("created_at", Instant, nullable=False, index=True),
    Column("settled_at", Instant),
    Index("ix_outgoing_due", "due_at", sqlite_where=IS_WAITING, postgresql_where=IS_WAITING),
    Index(None, "brand_id", "id"),
)

certificate_alarms = Table(  # each once for each certificate
    "certificate_alarms",
    metadata,
    Column("certificate_id", Id, ForeignKey("certificates.id"), primary_key=True),
    Column("days", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
)

messaging = Table(  # a brand's own way to send short messages, and who of it is told of alarms
    "messaging",
    metadata,
    Column("brand_id", Id, ForeignKey("brands.id"), primary_key=True),
    Column("gateway_encrypted", LargeBinary),  # JSON {url, body, headers}; null: the settings'
    Column("contacts_encrypted", LargeBinary),  # JSON {mails, phones}
    Column("updated_at", Instant, nullable=False),
)

join_links = Table(  # /j/{slug}: a form that gives out cards of one template
    "join_links",
    metadata,
    _id(),
    _brand(),
    Column("slug", String(40), nullable=False, unique=True),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("outlet", String(100)),  # as in cards
    Column("issued_by", String(100)),
    Column("utm", JSON, nullable=False),  # {source, medium, campaign, term, content}
    Column("questions", JSON, nullable=False),  # [{key, kind, text: {language: words}, choices, required}]
    Column("verify", String(10), nullable=False),  # known always: when a code is asked for
    Column("created_at", Instant, nullable=False),
    Column("archived_at", Instant),
    Index(None, "brand_id", "id"),
)

joins = Table(  # who came by a link; no personal data in the clear
    "joins",
    metadata,
    _id(),
    _brand(),
    Column("link_id", Id, ForeignKey("join_links.id"), nullable=False),
    Column("card_id", Id, ForeignKey("cards.id"), nullable=False),
    Column("form_hash", String(64), nullable=False, unique=True),  # a form sent twice gives one card
    Column("is_new", Boolean, nullable=False),  # false: the card that the phone had already
    Column("answers_encrypted", LargeBinary, nullable=False),  # JSON of the link's own questions
    Column("at", Instant, nullable=False),
    Index(None, "link_id", "id"),
    Index(None, "card_id"),
)

join_codes = Table(  # a form that waits until its phone has proved itself
    "join_codes",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the token in the page
    _brand(),
    Column("link_id", Id, ForeignKey("join_links.id"), nullable=False),
    Column("card_id", Id, ForeignKey("cards.id")),  # the one that the phone has; null: a new one
    Column("phone_digest", String(64), nullable=False, index=True),
    Column("form_encrypted", LargeBinary, nullable=False),
    Column("code_hash", String(64), nullable=False),  # HMAC
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent", Integer, nullable=False, default=1),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)

consent_wordings = Table(  # every wording that anybody was asked, kept for good
    "consent_wordings",
    metadata,
    _id(),
    _brand(),
    Column("kind", String(20), nullable=False),  # processing marketing
    Column("language", String(20), nullable=False),
    Column("version", Integer, nullable=False),  # counted by kind and language
    Column("hash", String(64), nullable=False),  # of text and link
    Column("text", Text, nullable=False),
    Column("link", Text),
    Column("at", Instant, nullable=False),
    UniqueConstraint("brand_id", "kind", "language", "hash"),
)

consents = Table(  # what a card's holder agreed to and when, and took back; the newest of a kind holds
    "consents",
    metadata,
    _id(),
    _brand(),
    Column("card_id", Id, ForeignKey("cards.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("topic", String(64)),  # of marketing: this topic alone; null: all of them
    Column("wording_id", Id, ForeignKey("consent_wordings.id"), nullable=False),
    Column("given", Boolean, nullable=False),
    Column("place", String(20), nullable=False),  # join install page desk studio
    Column("at", Instant, nullable=False),
    Index(None, "card_id", "id"),
)


def _intent() -> tuple[Column[Any], ...]:
    """A push intent."""
    return (
        _id(),
        _brand(),
        Column("kind", String(20), nullable=False),  # card device fanout news
        Column("pass_type_identifier", String(200), nullable=False),
        Column("lane", Integer, nullable=False),  # 0 urgent, 1 campaign
        Column("card_id", Id),  # kind card: unique
        Column("device_id", Id),  # kind device: unique
        Column("template_id", Id),  # kind fanout: everyone on a template, unique; published again, it starts over
        Column("news_id", Id),  # kind news: its audience, unique
        Column("for_news", Integer, nullable=False, default=0, server_default="0"),  # kind device: 1 also, 2 only
        Column("position", BigInteger, nullable=False, default=0),  # fanout, news: the last device id done
        Column("generation", Integer, nullable=False, default=0),  # moves when the intent is written again while leased
        Column("due_at", Instant, nullable=False),
        Column("lease_owner", String(64)),
        Column("lease_until", Instant),
        Column("attempts", Integer, nullable=False, default=0),
        Column("reason", String(200)),  # why it waits
        Column("wanted_at", Instant, nullable=False),  # when the change was committed: age, latency
        Column("created_at", Instant, nullable=False),
    )


jobs = Table(  # push intents for Apple's phones: the outbox is the queue
    "jobs",
    metadata,
    *_intent(),
    UniqueConstraint("card_id"),
    UniqueConstraint("device_id"),
    UniqueConstraint("template_id"),
    Index(None, "pass_type_identifier", "lane", "due_at"),
    Index("ix_jobs_news_id", "news_id", unique=True),
    sqlite_autoincrement=True,
)

other_jobs = Table(  # the same for phones of other wallets, one row for each platform
    "other_jobs",
    metadata,
    *_intent(),
    Column("platform", String(20), nullable=False),  # as in devices
    UniqueConstraint("card_id", "platform"),
    UniqueConstraint("device_id"),
    UniqueConstraint("template_id", "platform"),
    Index(None, "pass_type_identifier", "platform", "lane", "due_at"),
    Index("ix_other_jobs_news_id", "news_id", "platform", unique=True),
    sqlite_autoincrement=True,
)

holds = Table(  # an open breaker: pushes of this route wait until an operator or a probe closes it
    "holds",
    metadata,
    Column("pass_type_identifier", String(200), primary_key=True),  # of other wallets: platform:pass type
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("probe_at", Instant, nullable=False),  # when one push may try again
)

leases = Table(  # a route or an issuer belongs to one worker at a time
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)

processes = Table(  # what every running process says of itself, each quarter of a minute; store.processes
    "processes",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(10), nullable=False),  # web or worker
    Column("program", String(64), nullable=False),
    Column("certificates", JSON, nullable=False),  # pass type -> fingerprint of the one it signs with
    Column("since", Instant, nullable=False),  # program and certificates are these
    Column("seen_at", Instant, nullable=False),
    Column("fetch_ms", Integer),  # 95th percentile of the passes fetched in the last second
    Column("cpu_percent", Integer),  # of a core
)

IS_DUE = text("due_at IS NOT NULL")
"""A class or an object that Google has yet to be told of: the row itself is the intent."""


def _delivery() -> tuple[Column[Any], ...]:
    """What a class and an object have of a push intent."""
    return (
        Column("due_at", Instant),  # null: nothing to do
        Column("lane", Integer, nullable=False, default=0),  # 0 urgent, 1 campaign
        Column("generation", Integer, nullable=False, default=0),  # moves with each want, also while leased
        Column("lease_owner", String(64)),
        Column("lease_until", Instant),
        Column("attempts", Integer, nullable=False, default=0),
        Column("wanted_at", Instant, nullable=False),  # when the oldest waiting change was committed: age, latency
        Column("reason", String(200)),  # why it waits; with due_at null: why it is dead
        Column("detail", Text),  # what a dead one's body has against Google's schema; no personal data
        Column("accepted_digest", String(64)),  # of the body that Google has; null: never inserted
        Column("accepted_at", Instant),
        Column("messages_at", JSON, nullable=False, default=list),  # micros of TEXT_AND_NOTIFY within 24 h
        Column("sent_messages", JSON, nullable=False, default=list),  # ids that Google holds
        Column("reserved", JSON, nullable=False, default=dict),  # what a claim that is not settled may have sent
    )


HAS_TIME = text("next_at IS NOT NULL")
IS_PAGED = text("google_position IS NOT NULL")
HAS_RESULT = text("result_at IS NOT NULL")
OF_TRIGGER = text("trigger_id IS NOT NULL")

news = Table(  # a marketer's message to everyone on a template, or to the cards listed in news_cards
    "news",
    metadata,
    _id(),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("key", String(20), nullable=False, unique=True),  # its name outside
    Column("kind", String(10), nullable=False),  # service marketing
    Column("topic", String(64)),
    Column("variants", JSON, nullable=False),  # [{share, text, title, url}], texts by language; several: A/B
    Column("image", String(64)),  # asset hash: the picture in place of the strip
    Column("audience", JSON),  # conditions; null: everyone on the template
    Column("holdout", Integer, nullable=False, default=0),  # percent of the audience that is not told, to compare
    Column("starts_at", Instant),  # null: when it is started
    Column("ends_at", Instant),  # null: when it is cancelled
    Column("asked_by", BigInteger),  # the user whose start waits for a second person
    Column("state", String(10), nullable=False),  # draft approval scheduled running paused done failed cancelled
    Column("reason", Text, nullable=False, default=""),  # why it failed
    Column("stamp", String(16), nullable=False),
    Column("plan", JSON),  # what a dry run has shown: {id, cards, revision_id, at}
    Column("is_listed", Boolean, nullable=False, default=False),  # its cards are in news_cards
    Column("list_position", BigInteger),  # the last card id looked at; null: all are
    Column("is_live", Boolean, nullable=False, default=False),  # cards show it
    Column("live_at", Instant),
    Column("over_at", Instant),
    Column("next_at", Instant),  # when a timer has something to do about it
    Column("cards", Integer),  # of its audience, as counted when it was listed
    Column("capped", Integer, nullable=False, default=0, server_default="0"),  # of them, cards that show it silently
    Column("targets", Integer, nullable=False, default=0),  # (device, pass type) pairs when it went live
    Column("google_targets", Integer, nullable=False, default=0),  # and Google objects
    Column("google_state", String(10), nullable=False, default=""),  # waiting accepted failed; ``store.newsobjects``
    Column("google_position", BigInteger),  # telling, leaving: the last google_objects id looked at; null: all are
    Column("not_later_than", Instant),  # nobody is rung for it later; null: it only has to begin by late_at
    Column("late_at", Instant),  # started: when it is too late to begin by itself
    Column("missed", Boolean, nullable=False, default=False, server_default=false()),  # that came: a person is asked
    Column("undo_until", Instant),  # started with time to undo: until then a cancel makes it a draft again
    Column("corrected_at", Instant),
    Column("withdrawn_at", Instant),  # then it is in no history either
    Column("pictures", JSON),  # {file of the pass: hash, "google": hash} made of image
    Column("is_test", Boolean, nullable=False, default=False, server_default=false()),  # no rule holds it
    Column("by_holder", Boolean, nullable=False, default=False, server_default=false()),  # in each holder's clock
    Column("waves", JSON),  # [[micros, cards, zones]]: its cards by the moment of their hour; null: all at once
    Column("wave_at", BigInteger),  # micros: waves up to this one are live
    Column("result", JSON),  # what came of it, told against held out
    Column("result_at", Instant),  # when that is counted next; null: not yet, or it is final
    Column("trigger_id", Id),  # it is the message of this trigger: each of its cards has a time of its own
    Column("created_by", String(200), nullable=False, default=""),
    Column("started_by", String(200)),
    Column("writer", String(20)),  # mark of the last saving of the draft, so that two do not write over each other
    Column("written_by", String(200)),
    Column("written_at", Instant),
    Column("refused_by", String(200)),  # a draft again: who did not approve it
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index(None, "brand_id", "id"),
    Index(None, "template_id", "id"),
    Index("ix_news_next_at", "next_at", sqlite_where=HAS_TIME, postgresql_where=HAS_TIME),
    Index("ix_news_google_position", "google_position", sqlite_where=IS_PAGED, postgresql_where=IS_PAGED),
    Index("ix_news_result_at", "result_at", sqlite_where=HAS_RESULT, postgresql_where=HAS_RESULT),
    Index("ix_news_trigger_id", "trigger_id", sqlite_where=OF_TRIGGER, postgresql_where=OF_TRIGGER),
    sqlite_autoincrement=True,
)

news_rules = Table(  # what a brand asks of its news; no row: nothing
    "news_rules",
    metadata,
    Column("brand_id", Id, ForeignKey("brands.id"), primary_key=True),
    Column("quiet", String(11)),  # 21:00-09:00 in the brand's zone: nobody is rung
    Column("approval_above", Integer),  # a news to more cards waits for a second person
    Column("deputies", JSON),  # ids of users who may approve besides publishers
    Column("phones_encrypted", LargeBinary),  # {user id: phone}, for links to approve by
    Column("cap", Integer),  # a card is rung for so many news at most
    Column("cap_days", Integer),  # in so many days
    Column("cap_kinds", String(40)),  # of these kinds: marketing service
    Column("updated_at", Instant, nullable=False),
)

news_slots = Table(  # weekly places for news; store.newsslots
    "news_slots",
    metadata,
    _id(),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("key", String(20), nullable=False, unique=True),  # its name outside
    Column("weekday", Integer, nullable=False),  # Monday is 0
    Column("at", String(5), nullable=False),  # 14:00 in the brand's clock
    Column("by_holder", Boolean, nullable=False, default=False, server_default=false()),  # or in each holder's
    Column("kind", String(10), nullable=False),  # as of the news that it makes
    Column("topic", String(64)),
    Column("audience", JSON),
    Column("lasts_hours", Integer),  # null: each stays until it is cancelled
    Column("next_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False, index=True),  # the day before, to remind, then next_at
    Column("created_at", Instant, nullable=False),
    Index(None, "brand_id", "id"),
)

news_slot_texts = Table(  # its queue, in the order of the places
    "news_slot_texts",
    metadata,
    _id(),
    Column("slot_id", Id, ForeignKey("news_slots.id"), nullable=False),
    Column("text", JSON, nullable=False),  # by language
    Column("title", JSON, nullable=False),
    Column("url", Text),
    Column("news_id", Id, ForeignKey("news.id")),  # null: it waits
    Column("place", BigInteger),  # null: its id; moving gives the texts each other's places
    Column("taken_at", Instant),  # out of the queue, and may come back for a while
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "slot_id", "id"),
)

IS_UNTOLD = text("alarmed_at IS NULL")

news_alarms = Table(  # what people are asked or told about news by letter, each once
    "news_alarms",
    metadata,
    _id(),
    _brand(),
    Column("kind", String(20), nullable=False),  # as in store.newsalarms
    Column("about", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("alarmed_at", Instant),  # null: not yet
    Index("ix_news_alarms_untold", "id", sqlite_where=IS_UNTOLD, postgresql_where=IS_UNTOLD),
)

news_counts = Table(  # apart from the news, because each settled chunk of pushes writes here
    "news_counts",
    metadata,
    Column("news_id", Id, ForeignKey("news.id"), primary_key=True),
    Column("accepted", Integer, nullable=False, default=0),
    Column("gone", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
    Column("fetched", Integer, nullable=False, default=0),
    Column("google", Integer, nullable=False, default=0, server_default="0"),  # of these, objects told one by one
)

news_reasons = Table(  # why some of its phones and objects were not told
    "news_reasons",
    metadata,
    Column("news_id", Id, ForeignKey("news.id"), primary_key=True),
    Column("fate", String(10), primary_key=True),  # gone failed
    Column("reason", String(100), primary_key=True),  # the vendor's word, or one of ``store.newsreasons``
    Column("count", Integer, nullable=False, default=0),
)

HAS_END = text("until IS NOT NULL")

news_cards = Table(  # a segment's cards, listed when the news is started, or a trigger's, one by one
    "news_cards",
    metadata,
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    Column("news_id", Id, ForeignKey("news.id"), primary_key=True),
    Column("capped", Boolean, nullable=False, default=False, server_default=false()),  # shows it silently: it had many
    Column("wave_at", BigInteger),  # micros: when its holder's clock comes to the news's time; null: with all others
    Column("at", Instant),  # of a trigger's: when this card was told; null: with all others
    Column("until", Instant),  # when it leaves this card; null: with all others, or it has left
    Column("over_at", Instant),  # when it left this card alone; null: with all others
    Index(None, "news_id"),
    Index("ix_news_cards_until", "until", sqlite_where=HAS_END, postgresql_where=HAS_END),
)

news_waiting = Table(  # phones whose push for a news has no final verdict yet, and waits as an intent of its own
    "news_waiting",
    metadata,
    Column("device_id", Id, primary_key=True, autoincrement=False),
    Column("news_id", Id, ForeignKey("news.id"), primary_key=True),
    Column("platform", String(20), nullable=False),
    Column("since", Instant, nullable=False),
    Index(None, "news_id"),
)

IS_AWAITED = text("due_at IS NOT NULL")

triggers = Table(  # messages that a card's own data set off; store.triggers
    "triggers",
    metadata,
    _id(),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False),
    Column("key", String(20), nullable=False, unique=True),  # its name outside
    Column("event", String(20), nullable=False),  # birthday no_visit expiring appointment installed level
    Column("variable", String(64)),  # null: installed
    Column("days", Integer),  # of the four kinds that are looked at daily
    Column("at", String(5)),  # and when in the day: 10:00 in the brand's clock
    Column("level", JSON),  # the value that is reached; null: any other text
    Column("cap_days", Integer, nullable=False, default=0),  # a card is told once in so many days; 0: as it comes
    Column("holdout", Integer, nullable=False, default=0),  # percent of cards that are not told, to compare
    Column("lasts_hours", Integer, nullable=False),  # how long the text stays on a card
    Column("state", String(10), nullable=False),  # off on paused
    Column("news_id", Id, ForeignKey("news.id")),  # its message: a draft while it was never on, then what cards show
    Column("due_at", Instant),  # when its cards are looked at next; null: no daily one, or not on
    Column("day", String(10)),  # the brand's day that is being gone through
    Column("position", BigInteger, nullable=False, default=0),  # and the last card id of it
    Column("created_by", String(200), nullable=False, default=""),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index(None, "brand_id", "id"),
    Index(None, "template_id"),
    Index("ix_triggers_due_at", "due_at", sqlite_where=IS_AWAITED, postgresql_where=IS_AWAITED),
)

trigger_runs = Table(  # a daily trigger's days: what was found, or that nobody was there to look
    "trigger_runs",
    metadata,
    Column("trigger_id", Id, ForeignKey("triggers.id"), primary_key=True),
    Column("day", String(10), primary_key=True),  # the brand's
    Column("state", String(10), nullable=False),  # running done missed failed stopped
    Column("looked_at", Integer, nullable=False, default=0),  # cards that are in use
    Column("due", Integer, nullable=False, default=0),  # of them, cards whose day it is
    Column("told", Integer, nullable=False, default=0),
    Column("silent", Integer, nullable=False, default=0),  # of told: rung for as many news as they may be
    Column("held_out", Integer, nullable=False, default=0),
    Column("too_soon", Integer, nullable=False, default=0),  # told within the trigger's own days
    Column("no_consent", Integer, nullable=False, default=0),
    Column("no_value", Integer, nullable=False, default=0),  # of looked_at: nothing there, or no date
    Column("reason", Text, nullable=False, default=""),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

trigger_firings = Table(  # that a card was told of an occasion, or held out of it: once
    "trigger_firings",
    metadata,
    Column("trigger_id", Id, ForeignKey("triggers.id"), primary_key=True),
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    Column("occasion", String(64), primary_key=True),  # HMAC of a year, a date, a value
    Column("outcome", String(10), nullable=False),  # told silent held_out
    Column("at", Instant, nullable=False),
    Index(None, "trigger_id", "at"),
    Index(None, "card_id"),
)

trigger_events = Table(  # a card was installed, or reached a level: written with the change, looked at by a worker
    "trigger_events",
    metadata,
    _id(),
    Column("trigger_id", Id, ForeignKey("triggers.id"), nullable=False, index=True),
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("occasion", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False, index=True),  # later than at: quiet hours
)

google_classes = Table(  # one per template whose brand is on Google
    "google_classes",
    metadata,
    _id(),
    _brand(),
    Column("template_id", Id, ForeignKey("templates.id"), nullable=False, unique=True),
    Column("issuer_id", String(40), nullable=False),
    Column("type", String(20), nullable=False),
    Column("class_id", String(200), nullable=False, unique=True),  # issuer.suffix, never used for another thing
    Column("messages", JSON, nullable=False, default=list),  # wanted: {id, header, body, starts_at, ends_at, notify}
    Column("page_position", BigInteger),  # a publish looks at the objects page by page: the last id done; null: done
    *_delivery(),
    Index("ix_google_classes_due", "issuer_id", "lane", "due_at", sqlite_where=IS_DUE, postgresql_where=IS_DUE),
    sqlite_autoincrement=True,
)

google_objects = Table(  # one per card whose page was opened for Google
    "google_objects",
    metadata,
    _id(),
    _brand(),
    Column("card_id", Id, ForeignKey("cards.id"), nullable=False, unique=True),
    Column("class_row_id", Id, ForeignKey("google_classes.id"), nullable=False),
    Column("issuer_id", String(40), nullable=False),
    Column("object_id", String(200), nullable=False, unique=True),  # issuer.serial number
    Column("present", Boolean),  # in somebody's wallet; null: nobody has said
    Column("present_at", Instant),
    Column("checked_at", Instant),  # the last hasUsers
    Column("check_at", Instant),  # when to ask for hasUsers
    Column("ring_generation", Integer),  # of the change that wants NOTIFY_ON_UPDATE
    Column("message_generation", Integer),  # of the change whose lock-screen text is to be a message
    Column("message_field", Text),  # whose: the text itself is made when it is sent, and stored nowhere
    Column("updates_at", JSON, nullable=False, default=list),  # micros of NOTIFY_ON_UPDATE within 24 h
    Column("news", JSON),  # [[news id, arm, told]] beside those of the class (``store.newsobjects``)
    *_delivery(),
    Index("ix_google_objects_due", "issuer_id", "lane", "due_at", sqlite_where=IS_DUE, postgresql_where=IS_DUE),
    Index(None, "issuer_id", "check_at"),
    Index(None, "class_row_id", "id"),
    sqlite_autoincrement=True,
)

google_keys = Table(  # service accounts of a brand; several overlap while one replaces another
    "google_keys",
    metadata,
    _id(),
    _brand(),
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the public key
    Column("client_email", String(200), nullable=False),
    Column("key_encrypted", LargeBinary, nullable=False),  # the JSON file
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),
    UniqueConstraint("brand_id", "fingerprint"),
)

google_nonces = Table(  # callbacks seen, kept until they would be refused as expired
    "google_nonces",
    metadata,
    Column("nonce_hash", String(64), primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
)

google_root_keys = Table(  # who may sign Google's callbacks, as a worker job last read them
    "google_root_keys",
    metadata,
    Column("key_value", String(500), primary_key=True),
    Column("protocol_version", String(40), nullable=False),
    Column("expires_at", Instant),
    Column("read_at", Instant, nullable=False),
)

users = Table(  # people who sign in to the studio
    "users",
    metadata,
    _id(),
    Column("email", String(254), nullable=False, unique=True),  # lower case
    Column("name", String(200), nullable=False),
    Column("password_hash", String(200)),  # argon2id; null: an admin has reset it, a link sets the next
    Column("language", String(20)),
    Column("totp_encrypted", LargeBinary),  # the secret of the second step, once a first code has proved it
    Column("totp_step", BigInteger, nullable=False, default=0),  # of the last code taken: none is taken twice
    Column("created_at", Instant, nullable=False),
    Column("signed_in_at", Instant),
    Column("revoked_at", Instant),
)

user_roles = Table(
    "user_roles",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("brand_id", Id, ForeignKey("brands.id"), primary_key=True),
    Column("role", String(20), nullable=False),  # viewer designer publisher admin desk
    Column("created_at", Instant, nullable=False),
    Index(None, "brand_id"),
)

recovery_codes = Table(  # each opens the second step once
    "recovery_codes",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("hash", String(64), primary_key=True),  # HMAC
    Column("used_at", Instant),
)

invitations = Table(  # links that are good once: an invitation into a brand, or a new password
    "invitations",
    metadata,
    _id(),
    _brand(),
    Column("kind", String(10), nullable=False),  # invite reset
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("email", String(254), nullable=False),
    Column("name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("user_id", Id, ForeignKey("users.id")),  # reset: whose password; invite: who accepted it
    Column("invited_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    Index(None, "brand_id", "id"),
)

outlets = Table(  # a brand's places, where cards are given out
    "outlets",
    metadata,
    _id(),
    _brand(),
    Column("key", String(64), nullable=False),  # what cards.outlet says
    Column("name", String(200), nullable=False),
    Column("address", String(500), nullable=False, default=""),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("opening", Text, nullable=False, default=""),  # opening hours in words
    Column("settings", JSON, nullable=False, default=dict),
    Column("created_at", Instant, nullable=False),
    Column("archived_at", Instant),
    UniqueConstraint("brand_id", "key"),
)

employees = Table(  # who gives cards out; they have a PIN, no password
    "employees",
    metadata,
    _id(),
    _brand(),
    Column("outlet_id", Id, ForeignKey("outlets.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("pin_hash", String(100), nullable=False),  # salt and HMAC: without SECRET no PIN can be tried
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", Instant, nullable=False),
    Index(None, "outlet_id"),
    Index(None, "brand_id", "name"),
)

workplaces = Table(  # a tablet or a till's browser, paired once by a code
    "workplaces",
    metadata,
    _id(),
    _brand(),
    Column("outlet_id", Id, ForeignKey("outlets.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("token_hash", String(64), unique=True),  # of its cookie, once it is paired
    Column("code_hash", String(64), unique=True),  # HMAC of the code that pairs it, once
    Column("code_until", Instant),
    Column("paired_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant),
    Column("revoked_at", Instant),
    Index(None, "brand_id"),
)

studio_sessions = Table(  # of a user who signed in, or of an employee at a workplace
    "studio_sessions",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the cookie's 256 random bits
    Column("user_id", Id, ForeignKey("users.id"), index=True),
    Column("employee_id", Id, ForeignKey("employees.id"), index=True),
    Column("workplace_id", Id, ForeignKey("workplaces.id"), index=True),
    Column("brand_id", Id, ForeignKey("brands.id")),  # the one on the screen
    Column("waits_for_code", Boolean, nullable=False, default=False),  # the password was right, the second step is due
    Column("verified_at", Instant),  # the second step was taken
    Column("pending_encrypted", LargeBinary),  # the secret that a second step is being set up with
    Column("flash", JSON, nullable=False, default=list),  # what the next page says: {kind, key, values}
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
)

failed_sign_ins = Table(  # by account, address or workplace: how often in a row, and until when to wait
    "failed_sign_ins",
    metadata,
    Column("name", String(64), primary_key=True),  # HMAC
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False, index=True),
    Column("until", Instant, nullable=False),
)

audit = Table(  # who did what, when, to what; no personal data of customers
    "audit",
    metadata,
    _id(),
    _brand(),
    Column("at", Instant, nullable=False, index=True),
    Column("user_id", Id),
    Column("employee_id", Id),
    Column("actor", String(200), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(200), nullable=False, default=""),
    Column("detail", JSON, nullable=False, default=dict),
    Index(None, "brand_id", "id"),
    Index(None, "brand_id", "action", "id"),
)

TO_LOOK_AT = text("look_at IS NOT NULL")

handouts = Table(  # cards that a person or an outlet gave out, and whether each counts for them; no personal data
    "handouts",
    metadata,
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    _brand(),
    Column("outlet", String(100)),  # as in cards
    Column("issued_by", String(100)),
    Column("channel", String(100)),
    Column("phone_digest", String(64)),  # as in card_phones; null: the card has none
    Column("is_new_client", Boolean, nullable=False),  # the phone had no card of the brand before
    Column("at", Instant, nullable=False),
    Column("installed_at", Instant),  # first seen on a phone
    Column("wallet", String(20)),  # apple google other
    Column("device_hash", String(64)),  # of the first phone; Google tells none
    Column("verdict", String(10), nullable=False),  # waiting counted refused
    Column("reason", String(20), nullable=False, default=""),
    Column("look_at", Instant),  # when to judge again; null: the verdict is final
    Index(None, "brand_id", "at"),
    Index(None, "brand_id", "issued_by", "at"),
    Index(None, "brand_id", "phone_digest"),
    Index(None, "brand_id", "device_hash"),
    Index("ix_handouts_look_at", "look_at", sqlite_where=TO_LOOK_AT, postgresql_where=TO_LOOK_AT),
)

counting_rules = Table(  # what counts for whoever gives cards out, and what for
    "counting_rules",
    metadata,
    Column("brand_id", Id, ForeignKey("brands.id"), primary_key=True),
    Column("new_client", Boolean, nullable=False),
    Column("on_phone", Boolean, nullable=False),
    Column("stays_days", Integer, nullable=False),
    Column("once", Boolean, nullable=False),
    Column("plan", Integer),  # cards a month
    Column("premium", BigInteger),  # for a card, minor units
    Column("currency", String(3)),
    Column("updated_at", Instant, nullable=False),
)

showings = Table(  # codes on the issue desk's screen, kept a week
    "showings",
    metadata,
    _id(),
    _brand(),
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), nullable=False),
    Column("place", String(40), nullable=False),  # workplace:ID or user:ID
    Column("kind", String(10), nullable=False),  # new again phone
    Column("after_line", BigInteger, nullable=False, default=0, server_default="0"),  # the timeline's last line then
    Column("at", Instant, nullable=False, index=True),
    Column("opened_at", Instant),
    Column("hidden_at", Instant),
    Index(None, "place", "id"),
    Index(None, "card_id", "id"),
    sqlite_autoincrement=True,
)

displays = Table(  # screens that face the client, each tied to one workplace or person
    "displays",
    metadata,
    _id(),
    _brand(),
    Column("place", String(40), nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant),
    Column("revoked_at", Instant),
)

corrections = Table(  # what admins have changed of values that a backend owns, and why
    "corrections",
    metadata,
    _id(),
    _brand(),
    Column("card_id", Id, ForeignKey("cards.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", Id),
    Column("actor", String(200), nullable=False),
    Column("variable", String(64), nullable=False),
    Column("detail_encrypted", LargeBinary, nullable=False),  # JSON {before, after, reason}
    Column("at", Instant, nullable=False),
    Index(None, "brand_id", "at"),
    Index(None, "card_id", "id"),
)

certificate_requests = Table(  # keys that wait for Apple's answer to their request
    "certificate_requests",
    metadata,
    _id(),
    _brand(),
    Column("pass_type_identifier", String(200), nullable=False),
    Column("key_encrypted", LargeBinary, nullable=False),
    Column("request_pem", Text, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
    Index(None, "brand_id", "id"),
)
