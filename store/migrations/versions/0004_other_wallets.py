"""Push intents for phones of other wallets than Apple's, in a table of their own, which older processes do not see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ELSEWHERE = sa.text("platform <> 'ApplePass'")


def upgrade() -> None:
    op.create_table(
        "other_jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("pass_type_identifier", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("device_id", ID, nullable=True),
        sa.Column("template_id", ID, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("wanted_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_other_jobs_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_other_jobs")),
        sa.UniqueConstraint("card_id", "platform", name=op.f("uq_other_jobs_card_id_platform")),
        sa.UniqueConstraint("device_id", name=op.f("uq_other_jobs_device_id")),
        sa.UniqueConstraint("template_id", "platform", name=op.f("uq_other_jobs_template_id_platform")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_other_jobs_pass_type_identifier_platform_lane_due_at"),
        "other_jobs",
        ["pass_type_identifier", "platform", "lane", "due_at"],
    )
    op.create_index(
        "ix_devices_elsewhere",
        "devices",
        ["pass_type_identifier", "platform", "id"],
        sqlite_where=ELSEWHERE,
        postgresql_where=ELSEWHERE,
    )


def downgrade() -> None:
    op.drop_index("ix_devices_elsewhere", "devices", sqlite_where=ELSEWHERE, postgresql_where=ELSEWHERE)
    op.drop_table("other_jobs")
