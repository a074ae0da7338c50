"""Finding cards by phone, mails and short messages, alarms, join links and consents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAITING = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "consent_wordings",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_consent_wordings_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_wordings")),
        sa.UniqueConstraint(
            "brand_id", "kind", "language", "hash", name=op.f("uq_consent_wordings_brand_id_kind_language_hash")
        ),
    )
    op.create_table(
        "messaging",
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("gateway_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("contacts_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_messaging_brand_id")),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_messaging")),
    )
    op.create_table(
        "outgoing",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("to_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("content_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_outgoing_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing")),
    )
    op.create_index(op.f("ix_outgoing_brand_id_id"), "outgoing", ["brand_id", "id"])
    op.create_index(op.f("ix_outgoing_created_at"), "outgoing", ["created_at"])
    op.create_index("ix_outgoing_due", "outgoing", ["due_at"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_table(
        "certificate_alarms",
        sa.Column("certificate_id", ID, nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name=op.f("fk_certificate_alarms_certificate_id")
        ),
        sa.PrimaryKeyConstraint("certificate_id", "days", name=op.f("pk_certificate_alarms")),
    )
    op.create_table(
        "join_links",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("outlet", sa.String(length=100), nullable=True),
        sa.Column("issued_by", sa.String(length=100), nullable=True),
        sa.Column("utm", sa.JSON(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("verify", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_join_links_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_join_links_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join_links")),
        sa.UniqueConstraint("slug", name=op.f("uq_join_links_slug")),
    )
    op.create_index(op.f("ix_join_links_brand_id_id"), "join_links", ["brand_id", "id"])
    op.create_table(
        "phone_indexes",
        sa.Column("template_id", ID, nullable=False),
        sa.Column("revision_id", ID, nullable=False),
        sa.Column("brand_stamp", sa.String(length=16), nullable=False),
        sa.Column("secret_id", sa.String(length=32), nullable=False),
        sa.Column("meaning", sa.String(length=500), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_phone_indexes_template_id")),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_phone_indexes")),
    )
    op.create_table(
        "card_phones",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_card_phones_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_card_phones_card_id")),
        sa.PrimaryKeyConstraint("card_id", "digest", name=op.f("pk_card_phones")),
    )
    op.create_index(op.f("ix_card_phones_brand_id_digest"), "card_phones", ["brand_id", "digest"])
    op.create_table(
        "consents",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("wording_id", ID, nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("place", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_consents_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_consents_card_id")),
        sa.ForeignKeyConstraint(["wording_id"], ["consent_wordings.id"], name=op.f("fk_consents_wording_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_card_id_id"), "consents", ["card_id", "id"])
    op.create_table(
        "join_codes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("link_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("phone_digest", sa.String(length=64), nullable=False),
        sa.Column("form_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_join_codes_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_join_codes_card_id")),
        sa.ForeignKeyConstraint(["link_id"], ["join_links.id"], name=op.f("fk_join_codes_link_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_join_codes")),
    )
    op.create_index(op.f("ix_join_codes_expires_at"), "join_codes", ["expires_at"])
    op.create_index(op.f("ix_join_codes_phone_digest"), "join_codes", ["phone_digest"])
    op.create_table(
        "joins",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("link_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("form_hash", sa.String(length=64), nullable=False),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.Column("answers_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_joins_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_joins_card_id")),
        sa.ForeignKeyConstraint(["link_id"], ["join_links.id"], name=op.f("fk_joins_link_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_joins")),
        sa.UniqueConstraint("form_hash", name=op.f("uq_joins_form_hash")),
    )
    op.create_index(op.f("ix_joins_card_id"), "joins", ["card_id"])
    op.create_index(op.f("ix_joins_link_id_id"), "joins", ["link_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_joins_link_id_id"), table_name="joins")
    op.drop_index(op.f("ix_joins_card_id"), table_name="joins")
    op.drop_table("joins")
    op.drop_index(op.f("ix_join_codes_phone_digest"), table_name="join_codes")
    op.drop_index(op.f("ix_join_codes_expires_at"), table_name="join_codes")
    op.drop_table("join_codes")
    op.drop_index(op.f("ix_consents_card_id_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_index(op.f("ix_card_phones_brand_id_digest"), table_name="card_phones")
    op.drop_table("card_phones")
    op.drop_table("phone_indexes")
    op.drop_index(op.f("ix_join_links_brand_id_id"), table_name="join_links")
    op.drop_table("join_links")
    op.drop_table("certificate_alarms")
    op.drop_index("ix_outgoing_due", table_name="outgoing", sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_index(op.f("ix_outgoing_created_at"), table_name="outgoing")
    op.drop_index(op.f("ix_outgoing_brand_id_id"), table_name="outgoing")
    op.drop_table("outgoing")
    op.drop_table("messaging")
    op.drop_table("consent_wordings")
