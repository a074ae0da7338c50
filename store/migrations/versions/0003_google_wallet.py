"""Google Wallet: classes, objects, service accounts, and what its callbacks need."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("brands", sa.Column("google_mode", sa.String(length=10), server_default="off", nullable=False))
    op.add_column("brands", sa.Column("google_testers", sa.JSON(), nullable=True))
    op.add_column("revisions", sa.Column("google_pictures", sa.JSON(), nullable=True))
    op.add_column("cards", sa.Column("on_google", sa.Boolean(), nullable=True))
    _classes()
    _objects()
    _keys()


def _delivery() -> list[sa.Column[Any]]:
    return [
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("accepted_digest", sa.String(length=64), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("messages_at", sa.JSON(), nullable=False),
        sa.Column("sent_messages", sa.JSON(), nullable=False),
        sa.Column("reserved", sa.JSON(), nullable=False),
    ]


def _due_index(table: str) -> None:
    columns = ["issuer_id", "lane", "due_at"]
    op.create_index(f"ix_{table}_due", table, columns, sqlite_where=IS_DUE, postgresql_where=IS_DUE)


def _classes() -> None:
    op.create_table(
        "google_classes",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("issuer_id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("class_id", sa.String(length=200), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("page_position", sa.BigInteger(), nullable=True),
        *_delivery(),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_google_classes_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_google_classes_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_google_classes")),
        sa.UniqueConstraint("template_id", name=op.f("uq_google_classes_template_id")),
        sa.UniqueConstraint("class_id", name=op.f("uq_google_classes_class_id")),
        sqlite_autoincrement=True,
    )
    _due_index("google_classes")


def _objects() -> None:
    op.create_table(
        "google_objects",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("class_row_id", ID, nullable=False),
        sa.Column("issuer_id", sa.String(length=40), nullable=False),
        sa.Column("object_id", sa.String(length=200), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=True),
        sa.Column("present_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("check_at", sa.BigInteger(), nullable=True),
        sa.Column("ring_generation", sa.Integer(), nullable=True),
        sa.Column("message_generation", sa.Integer(), nullable=True),
        sa.Column("message_field", sa.Text(), nullable=True),
        sa.Column("updates_at", sa.JSON(), nullable=False),
        *_delivery(),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_google_objects_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_google_objects_card_id")),
        sa.ForeignKeyConstraint(["class_row_id"], ["google_classes.id"], name=op.f("fk_google_objects_class_row_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_google_objects")),
        sa.UniqueConstraint("card_id", name=op.f("uq_google_objects_card_id")),
        sa.UniqueConstraint("object_id", name=op.f("uq_google_objects_object_id")),
        sqlite_autoincrement=True,
    )
    _due_index("google_objects")
    op.create_index(op.f("ix_google_objects_issuer_id_check_at"), "google_objects", ["issuer_id", "check_at"])
    op.create_index(op.f("ix_google_objects_class_row_id_id"), "google_objects", ["class_row_id", "id"])


def _keys() -> None:
    op.create_table(
        "google_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("client_email", sa.String(length=200), nullable=False),
        sa.Column("key_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_google_keys_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_google_keys")),
        sa.UniqueConstraint("brand_id", "fingerprint", name=op.f("uq_google_keys_brand_id_fingerprint")),
    )
    op.create_table(
        "google_nonces",
        sa.Column("nonce_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce_hash", name=op.f("pk_google_nonces")),
    )
    op.create_index(op.f("ix_google_nonces_expires_at"), "google_nonces", ["expires_at"])
    op.create_table(
        "google_root_keys",
        sa.Column("key_value", sa.String(length=500), nullable=False),
        sa.Column("protocol_version", sa.String(length=40), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_value", name=op.f("pk_google_root_keys")),
    )


def downgrade() -> None:
    for table in ("google_root_keys", "google_nonces", "google_keys", "google_objects", "google_classes"):
        op.drop_table(table)
    dropped = {"cards": ["on_google"], "revisions": ["google_pictures"], "brands": ["google_testers", "google_mode"]}
    for table, columns in dropped.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
