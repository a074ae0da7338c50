"""News on their way: why some are not told, test cards that no rule holds, and the hour of each holder's own clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "news_reasons",
        sa.Column("news_id", ID, nullable=False),
        sa.Column("fate", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["news_id"], ["news.id"], name=op.f("fk_news_reasons_news_id")),
        sa.PrimaryKeyConstraint("news_id", "fate", "reason", name=op.f("pk_news_reasons")),
    )
    op.add_column("news", sa.Column("is_test", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("news", sa.Column("by_holder", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("news", sa.Column("waves", sa.JSON(), nullable=True))
    op.add_column("news", sa.Column("wave_at", sa.BigInteger(), nullable=True))
    op.add_column("news_cards", sa.Column("wave_at", sa.BigInteger(), nullable=True))
    op.add_column("cards", sa.Column("time_zone", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("cards", "time_zone")
    op.drop_column("news_cards", "wave_at")
    for name in ("wave_at", "waves", "by_holder", "is_test"):
        op.drop_column("news", name)
    op.drop_table("news_reasons")
