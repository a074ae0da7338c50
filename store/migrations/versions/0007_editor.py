"""The editor: states of drafts, plans of publishes, cards to try a draft with, and which source sets which variable."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("templates", sa.Column("tryout_of", ID, nullable=True))
    op.create_index(op.f("ix_templates_tryout_of"), "templates", ["tryout_of"], unique=False)
    op.create_table(
        "draft_history",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.JSON(), nullable=False),
        sa.Column("step", sa.JSON(), nullable=False),
        sa.Column("back", sa.Integer(), nullable=True),
        sa.Column("forward", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_draft_history_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_draft_history_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_history")),
        sa.UniqueConstraint("template_id", "number", name=op.f("uq_draft_history_template_id_number")),
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("follows_id", ID, nullable=True),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("pressed_by", sa.String(length=200), nullable=True),
        sa.Column("pressed_at", sa.BigInteger(), nullable=True),
        sa.Column("revision_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_plans_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_plans_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_index(op.f("ix_plans_created_at"), "plans", ["created_at"], unique=False)
    op.create_index(op.f("ix_plans_template_id_created_at"), "plans", ["template_id", "created_at"], unique=False)
    op.create_table(
        "variable_uses",
        sa.Column("template_id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("variable", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_variable_uses_source_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_variable_uses_template_id")),
        sa.PrimaryKeyConstraint("template_id", "source_id", "variable", "day", name=op.f("pk_variable_uses")),
    )
    op.create_index(op.f("ix_variable_uses_day"), "variable_uses", ["day"], unique=False)
    op.create_table(
        "tryouts",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_tryouts_brand_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_tryouts_card_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_tryouts_template_id")),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_tryouts")),
    )
    op.create_index(op.f("ix_tryouts_ends_at"), "tryouts", ["ends_at"], unique=False)
    op.create_index(op.f("ix_tryouts_template_id_user_id"), "tryouts", ["template_id", "user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("tryouts")
    op.drop_table("variable_uses")
    op.drop_table("plans")
    op.drop_table("draft_history")
    op.drop_index(op.f("ix_templates_tryout_of"), table_name="templates")
    op.drop_column("templates", "tryout_of")
