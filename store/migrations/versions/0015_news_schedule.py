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
    op.add_column("news", sa.Column("late_at", sa.BigInteger(), nullable=True))
    op.add_column("news", sa.Column("missed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("news", sa.Column("capped", sa.Integer(), server_default="0", nullable=False))
    op.add_column("news_cards", sa.Column("capped", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "news_rules",
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("quiet", sa.String(length=11), nullable=True),
        sa.Column("cap", sa.Integer(), nullable=True),
        sa.Column("cap_days", sa.Integer(), nullable=True),
        sa.Column("cap_kinds", sa.String(length=40), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_news_rules_brand_id")),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_news_rules")),
    )
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
    op.drop_table("news_alarms")
    op.drop_table("news_rules")
    op.drop_column("news_cards", "capped")
    for name in ("capped", "missed", "late_at", "not_later_than"):
        op.drop_column("news", name)
