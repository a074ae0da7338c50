"""The brake: changes of a backend gone wild that are kept apart. And cards that phones hold and a restored copy lacks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    id_type = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("sources", sa.Column("brake_at", sa.Integer(), nullable=True))
    op.create_table(
        "brake_counts",
        sa.Column("source_id", id_type, sa.ForeignKey("sources.id"), primary_key=True),
        sa.Column("template_id", id_type, sa.ForeignKey("templates.id"), primary_key=True),
        sa.Column("slot", sa.BigInteger(), primary_key=True),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("resets", sa.Integer(), nullable=False),
    )
    op.create_table(
        "brakes",
        sa.Column("id", id_type, primary_key=True),
        sa.Column("brand_id", id_type, sa.ForeignKey("brands.id"), nullable=False),
        sa.Column("source_id", id_type, sa.ForeignKey("sources.id"), nullable=False),
        sa.Column("template_id", id_type, sa.ForeignKey("templates.id"), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("alarmed_at", sa.BigInteger(), nullable=True),
        sa.UniqueConstraint("source_id", "template_id"),
    )
    op.create_index("ix_brakes_brand_id", "brakes", ["brand_id"])
    op.create_table(
        "held_changes",
        sa.Column("id", id_type, primary_key=True),
        sa.Column("brake_id", id_type, sa.ForeignKey("brakes.id"), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("event_type", sa.String(40), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.Column("body_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("why", sa.String(10), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.String(10), nullable=True),
    )
    op.create_index("ix_held_changes_brake_id", "held_changes", ["brake_id", "id"])
    op.create_table(
        "held_cards",
        sa.Column("held_id", id_type, sa.ForeignKey("held_changes.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("card_id", id_type, sa.ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_held_cards_card_id", "held_cards", ["card_id"])
    op.create_table(
        "lost_cards",
        sa.Column("pass_type_identifier", sa.String(200), primary_key=True),
        sa.Column("serial_number", sa.String(64), primary_key=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("secret_id", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
    )


def downgrade() -> None:
    for name in ("lost_cards", "held_cards", "held_changes", "brakes", "brake_counts"):
        op.drop_table(name)
    op.drop_column("sources", "brake_at")
