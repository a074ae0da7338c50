"""Who wrote a draft last and who refused it, the order of a slot's texts, phones of those who approve."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("news", sa.Column("writer", sa.String(length=20), nullable=True))
    op.add_column("news", sa.Column("written_by", sa.String(length=200), nullable=True))
    op.add_column("news", sa.Column("written_at", sa.BigInteger(), nullable=True))
    op.add_column("news", sa.Column("refused_by", sa.String(length=200), nullable=True))
    op.add_column("news_slot_texts", sa.Column("place", sa.BigInteger(), nullable=True))
    op.add_column("news_slot_texts", sa.Column("taken_at", sa.BigInteger(), nullable=True))
    op.add_column("news_rules", sa.Column("phones_encrypted", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("news_rules", "phones_encrypted")
    for name in ("taken_at", "place"):
        op.drop_column("news_slot_texts", name)
    for name in ("refused_by", "written_at", "written_by", "writer"):
        op.drop_column("news", name)
