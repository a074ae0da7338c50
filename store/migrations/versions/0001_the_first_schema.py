"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "assets",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_assets")),
    )
    op.create_table(
        "brands",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=False),
        sa.Column("team_identifier", sa.String(length=20), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("google_issuer_id", sa.String(length=40), nullable=True),
        sa.Column("google_key_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("stamp", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brands")),
        sa.UniqueConstraint("key", name=op.f("uq_brands_key")),
        sa.UniqueConstraint("pass_type_identifier", name=op.f("uq_brands_pass_type_identifier")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_name", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_table(
        "device_logs",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=True),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_logs")),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )
    op.create_table(
        "holds",
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("probe_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pass_type_identifier", name=op.f("pk_holds")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=24), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_api_keys_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("brand_id", "name", name=op.f("uq_api_keys_brand_id_name")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "certificates",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate_pem", sa.Text(), nullable=False),
        sa.Column("private_key_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_certificates_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_certificates_fingerprint")),
    )
    op.create_table(
        "devices",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=False),
        sa.Column("device_hash", sa.String(length=64), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("push_token_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("push_token_hash", sa.String(length=64), nullable=False),
        sa.Column("push_token_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_reason", sa.String(length=100), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("pushed_at", sa.BigInteger(), nullable=True),
        sa.Column("listed_at", sa.BigInteger(), nullable=True),
        sa.Column("sweeps", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_devices_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint(
            "device_hash", "pass_type_identifier", name=op.f("uq_devices_device_hash_pass_type_identifier")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_devices_pass_type_identifier_id"), ["pass_type_identifier", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_devices_push_token_hash"), ["push_token_hash"], unique=False)
        batch_op.create_index(
            "ix_devices_unlisted",
            ["pushed_at"],
            unique=False,
            sqlite_where=sa.text(
                "state = 'active' AND sweeps < 3 AND (listed_at IS NULL OR listed_at + 5000000 < pushed_at)"
            ),
            postgresql_where=sa.text(
                "state = 'active' AND sweeps < 3 AND (listed_at IS NULL OR listed_at + 5000000 < pushed_at)"
            ),
        )

    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("device_id", ID, nullable=True),
        sa.Column("template_id", ID, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_jobs_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("card_id", name=op.f("uq_jobs_card_id")),
        sa.UniqueConstraint("device_id", name=op.f("uq_jobs_device_id")),
        sa.UniqueConstraint("template_id", name=op.f("uq_jobs_template_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_jobs_pass_type_identifier_lane_due_at"),
            ["pass_type_identifier", "lane", "due_at"],
            unique=False,
        )

    op.create_table(
        "sources",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("secrets_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_sources_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("name", name=op.f("uq_sources_name")),
    )
    op.create_table(
        "templates",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("style", sa.String(length=40), nullable=False),
        sa.Column("draft", sa.JSON(), nullable=False),
        sa.Column("published_revision_id", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_templates_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint("brand_id", "key", name=op.f("uq_templates_brand_id_key")),
    )
    op.create_table(
        "cards",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("serial_number", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("data_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("secret_id", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("install_hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.String(length=16), nullable=False),
        sa.Column("ring", sa.JSON(), nullable=False),
        sa.Column("ring_waiting", sa.JSON(), nullable=False),
        sa.Column("ring_text_hash", sa.String(length=64), nullable=True),
        sa.Column("modified_edition", sa.String(length=32), nullable=False),
        sa.Column("last_modified", sa.BigInteger(), nullable=False),
        sa.Column("served_edition", sa.String(length=32), nullable=True),
        sa.Column("served_count", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("outlet", sa.String(length=100), nullable=True),
        sa.Column("issued_by", sa.String(length=100), nullable=True),
        sa.Column("channel", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_cards_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_cards_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
        sa.UniqueConstraint("install_hash", name=op.f("uq_cards_install_hash")),
        sa.UniqueConstraint("serial_number", name=op.f("uq_cards_serial_number")),
        sa.UniqueConstraint("template_id", "external_id", name=op.f("uq_cards_template_id_external_id")),
        sa.UniqueConstraint("template_id", "number", name=op.f("uq_cards_template_id_number")),
    )
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cards_brand_id_external_id"), ["brand_id", "external_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cards_brand_id_number"), ["brand_id", "number"], unique=False)
        batch_op.create_index(batch_op.f("ix_cards_template_id_id"), ["template_id", "id"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("api_key_id", ID, nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_idempotency_keys_api_key_id")),
        sa.PrimaryKeyConstraint("api_key_id", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "revisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("stamp", sa.String(length=16), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("rings", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_revisions_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_revisions_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisions")),
        sa.UniqueConstraint("template_id", "number", name=op.f("uq_revisions_template_id_number")),
    )
    op.create_table(
        "seen_events",
        sa.Column("source_id", ID, nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_seen_events_source_id")),
        sa.PrimaryKeyConstraint("source_id", "event_id", name=op.f("pk_seen_events")),
    )
    with op.batch_alter_table("seen_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seen_events_received_at"), ["received_at"], unique=False)

    op.create_table(
        "waiting_changes",
        sa.Column("source_id", ID, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("template_key", sa.String(length=64), nullable=False),
        sa.Column("variable", sa.String(length=64), nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("value_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("event_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_waiting_changes_brand_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_waiting_changes_source_id")),
        sa.PrimaryKeyConstraint(
            "source_id", "external_id", "template_key", "variable", name=op.f("pk_waiting_changes")
        ),
    )
    with op.batch_alter_table("waiting_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_waiting_changes_brand_id_external_id"), ["brand_id", "external_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_waiting_changes_received_at"), ["received_at"], unique=False)

    op.create_table(
        "applied_versions",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("variable", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("event_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_applied_versions_card_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_applied_versions_source_id")),
        sa.PrimaryKeyConstraint("card_id", "source_id", "variable", name=op.f("pk_applied_versions")),
    )
    op.create_table(
        "registrations",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("device_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_registrations_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_registrations_card_id")),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_registrations_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
        sa.UniqueConstraint("device_id", "card_id", name=op.f("uq_registrations_device_id_card_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_registrations_card_id"), ["card_id"], unique=False)

    op.create_table(
        "timeline",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("device_id", ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("detail_encrypted", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_timeline_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_timeline_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_timeline_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_timeline_card_id_id"), ["card_id", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_timeline_card_id_id"))
        batch_op.drop_index(batch_op.f("ix_timeline_at"))

    op.drop_table("timeline")
    with op.batch_alter_table("registrations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_registrations_card_id"))

    op.drop_table("registrations")
    op.drop_table("applied_versions")
    with op.batch_alter_table("waiting_changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_waiting_changes_received_at"))
        batch_op.drop_index(batch_op.f("ix_waiting_changes_brand_id_external_id"))

    op.drop_table("waiting_changes")
    with op.batch_alter_table("seen_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seen_events_received_at"))

    op.drop_table("seen_events")
    op.drop_table("revisions")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cards_template_id_id"))
        batch_op.drop_index(batch_op.f("ix_cards_brand_id_number"))
        batch_op.drop_index(batch_op.f("ix_cards_brand_id_external_id"))

    op.drop_table("cards")
    op.drop_table("templates")
    op.drop_table("sources")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_pass_type_identifier_lane_due_at"))

    op.drop_table("jobs")
    with op.batch_alter_table("devices", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_devices_unlisted",
            sqlite_where=sa.text(
                "state = 'active' AND sweeps < 3 AND (listed_at IS NULL OR listed_at + 5000000 < pushed_at)"
            ),
            postgresql_where=sa.text(
                "state = 'active' AND sweeps < 3 AND (listed_at IS NULL OR listed_at + 5000000 < pushed_at)"
            ),
        )
        batch_op.drop_index(batch_op.f("ix_devices_push_token_hash"))
        batch_op.drop_index(batch_op.f("ix_devices_pass_type_identifier_id"))

    op.drop_table("devices")
    op.drop_table("certificates")
    op.drop_table("api_keys")
    op.drop_table("leases")
    op.drop_table("holds")
    op.drop_table("facts")
    op.drop_table("device_logs")
    op.drop_table("deliveries")
    op.drop_table("brands")
    op.drop_table("assets")
