"""After which line of a card's timeline a code was shown: what came before is no step of it, whatever clocks say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("showings", sa.Column("after_line", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("showings", "after_line")
