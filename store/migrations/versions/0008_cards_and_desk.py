"""Finding cards by name, who gave which out and what counts, codes on the desk's screen, corrections, certificate requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TO_LOOK_AT = sa.text("look_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "certificate_requests",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=False),
        sa.Column("key_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("request_pem", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_certificate_requests_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_requests")),
    )
    op.create_index(op.f("ix_certificate_requests_brand_id_id"), "certificate_requests", ["brand_id", "id"])
    op.create_table(
        "counting_rules",
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("new_client", sa.Boolean(), nullable=False),
        sa.Column("on_phone", sa.Boolean(), nullable=False),
        sa.Column("stays_days", sa.Integer(), nullable=False),
        sa.Column("once", sa.Boolean(), nullable=False),
        sa.Column("plan", sa.Integer(), nullable=True),
        sa.Column("premium", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_counting_rules_brand_id")),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_counting_rules")),
    )
    op.create_table(
        "displays",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_displays_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_displays")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_displays_token_hash")),
    )
    op.create_index(op.f("ix_displays_place"), "displays", ["place"])
    op.create_table(
        "card_words",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_card_words_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_card_words_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("card_id", "digest", name=op.f("pk_card_words")),
    )
    op.create_index(op.f("ix_card_words_brand_id_digest"), "card_words", ["brand_id", "digest"])
    op.create_table(
        "corrections",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("variable", sa.String(length=64), nullable=False),
        sa.Column("detail_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_corrections_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_corrections_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_corrections")),
    )
    op.create_index(op.f("ix_corrections_brand_id_at"), "corrections", ["brand_id", "at"])
    op.create_index(op.f("ix_corrections_card_id_id"), "corrections", ["card_id", "id"])
    op.create_table(
        "handouts",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("outlet", sa.String(length=100), nullable=True),
        sa.Column("issued_by", sa.String(length=100), nullable=True),
        sa.Column("channel", sa.String(length=100), nullable=True),
        sa.Column("phone_digest", sa.String(length=64), nullable=True),
        sa.Column("is_new_client", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("installed_at", sa.BigInteger(), nullable=True),
        sa.Column("wallet", sa.String(length=20), nullable=True),
        sa.Column("device_hash", sa.String(length=64), nullable=True),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_handouts_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_handouts_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_handouts")),
    )
    op.create_index(op.f("ix_handouts_brand_id_at"), "handouts", ["brand_id", "at"])
    op.create_index(op.f("ix_handouts_brand_id_device_hash"), "handouts", ["brand_id", "device_hash"])
    op.create_index(op.f("ix_handouts_brand_id_issued_by_at"), "handouts", ["brand_id", "issued_by", "at"])
    op.create_index(op.f("ix_handouts_brand_id_phone_digest"), "handouts", ["brand_id", "phone_digest"])
    op.create_index(
        "ix_handouts_look_at", "handouts", ["look_at"], sqlite_where=TO_LOOK_AT, postgresql_where=TO_LOOK_AT
    )
    op.create_table(
        "showings",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("hidden_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_showings_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_showings_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_showings")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_showings_at"), "showings", ["at"])
    op.create_index(op.f("ix_showings_card_id_id"), "showings", ["card_id", "id"])
    op.create_index(op.f("ix_showings_place_id"), "showings", ["place", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_showings_place_id"), table_name="showings")
    op.drop_index(op.f("ix_showings_card_id_id"), table_name="showings")
    op.drop_index(op.f("ix_showings_at"), table_name="showings")
    op.drop_table("showings")
    op.drop_index("ix_handouts_look_at", table_name="handouts", sqlite_where=TO_LOOK_AT, postgresql_where=TO_LOOK_AT)
    op.drop_index(op.f("ix_handouts_brand_id_phone_digest"), table_name="handouts")
    op.drop_index(op.f("ix_handouts_brand_id_issued_by_at"), table_name="handouts")
    op.drop_index(op.f("ix_handouts_brand_id_device_hash"), table_name="handouts")
    op.drop_index(op.f("ix_handouts_brand_id_at"), table_name="handouts")
    op.drop_table("handouts")
    op.drop_index(op.f("ix_corrections_card_id_id"), table_name="corrections")
    op.drop_index(op.f("ix_corrections_brand_id_at"), table_name="corrections")
    op.drop_table("corrections")
    op.drop_index(op.f("ix_card_words_brand_id_digest"), table_name="card_words")
    op.drop_table("card_words")
    op.drop_index(op.f("ix_displays_place"), table_name="displays")
    op.drop_table("displays")
    op.drop_table("counting_rules")
    op.drop_index(op.f("ix_certificate_requests_brand_id_id"), table_name="certificate_requests")
    op.drop_table("certificate_requests")
