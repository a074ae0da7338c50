"""What news are on Google's objects, their pictures and topics, corrections, and what came of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PAGED = sa.text("google_position IS NOT NULL")
HAS_RESULT = sa.text("result_at IS NOT NULL")
MOMENTS = ("undo_until", "corrected_at", "withdrawn_at", "result_at")


def upgrade() -> None:
    op.add_column("news", sa.Column("google_position", sa.BigInteger(), nullable=True))
    for name in MOMENTS:
        op.add_column("news", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("news", sa.Column("pictures", sa.JSON(), nullable=True))
    op.add_column("news", sa.Column("result", sa.JSON(), nullable=True))
    op.create_index("ix_news_google_position", "news", ["google_position"], sqlite_where=PAGED, postgresql_where=PAGED)
    op.create_index("ix_news_result_at", "news", ["result_at"], sqlite_where=HAS_RESULT, postgresql_where=HAS_RESULT)
    op.add_column("news_counts", sa.Column("google", sa.Integer(), server_default="0", nullable=False))
    op.add_column("google_objects", sa.Column("news", sa.JSON(), nullable=True))
    op.add_column("templates", sa.Column("past_news", sa.Text(), nullable=True))
    op.add_column("consents", sa.Column("topic", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("consents", "topic")
    op.drop_column("templates", "past_news")
    op.drop_column("google_objects", "news")
    op.drop_column("news_counts", "google")
    op.drop_index("ix_news_result_at", "news")
    op.drop_index("ix_news_google_position", "news")
    for name in ("result", "pictures", *MOMENTS, "google_position"):
        op.drop_column("news", name)
