"""When news may go out: quiet hours, not later than, how many ring a card, what was missed and who is told of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_UNTOLD = sa.text("alarmed_at IS NULL")


def upgrade() -> None:
    op.add_column("news", sa.Column("not_later_than", sa.BigInteger(), nullable=True))
    op.add_column("news", sa.Column("asked_by", sa.BigInteger(), nullable=True))
    op.add_column("news", sa.Column("late_at", sa.BigInteger(), nullable=True))
    op.add_column("news", sa.Column("missed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("news", sa.Column("capped", sa.Integer(), server_default="0", nullable=False))
    op.add_column("news_cards", sa.Column("capped", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "news_rules",
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("quiet", sa.String(length=11), nullable=True),
        sa.Column("approval_above", sa.Integer(), nullable=True),
        sa.Column("deputies", sa.JSON(), nullable=True),
        sa.Column("cap", sa.Integer(), nullable=True),
        sa.Column("cap_days", sa.Integer(), nullable=True),
        sa.Column("cap_kinds", sa.String(length=40), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_news_rules_brand_id")),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_news_rules")),
    )
    op.create_table(
        "news_slots",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("audience", sa.JSON(), nullable=True),
        sa.Column("lasts_hours", sa.Integer(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_news_slots_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_news_slots_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news_slots")),
        sa.UniqueConstraint("key", name=op.f("uq_news_slots_key")),
    )
    op.create_index(op.f("ix_news_slots_due_at"), "news_slots", ["due_at"])
    op.create_index(op.f("ix_news_slots_brand_id_id"), "news_slots", ["brand_id", "id"])
    op.create_table(
        "news_slot_texts",
        sa.Column("id", ID, nullable=False),
        sa.Column("slot_id", ID, nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("news_id", ID, nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["slot_id"], ["news_slots.id"], name=op.f("fk_news_slot_texts_slot_id")),
        sa.ForeignKeyConstraint(["news_id"], ["news.id"], name=op.f("fk_news_slot_texts_news_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news_slot_texts")),
    )
    op.create_index(op.f("ix_news_slot_texts_slot_id_id"), "news_slot_texts", ["slot_id", "id"])
    op.create_table(
        "news_alarms",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("about", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("alarmed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_news_alarms_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news_alarms")),
    )
    op.create_index("ix_news_alarms_untold", "news_alarms", ["id"], sqlite_where=IS_UNTOLD, postgresql_where=IS_UNTOLD)


def downgrade() -> None:
    for table in ("news_alarms", "news_slot_texts", "news_slots"):
        op.drop_table(table)
    op.drop_table("news_rules")
    op.drop_column("news_cards", "capped")
    for name in ("capped", "missed", "late_at", "asked_by", "not_later_than"):
        op.drop_column("news", name)
