"""Messages that a card's own data set off: triggers, their days, what they told whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0018"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OF_TRIGGER = sa.text("trigger_id IS NOT NULL")
HAS_END = sa.text("until IS NOT NULL")
IS_AWAITED = sa.text("due_at IS NOT NULL")
COUNTS = ("looked_at", "due", "told", "silent", "held_out", "too_soon", "no_consent", "no_value")


def upgrade() -> None:
    op.add_column("templates", sa.Column("triggers", sa.Text(), nullable=True))
    op.add_column("news", sa.Column("trigger_id", ID, nullable=True))
    op.create_index("ix_news_trigger_id", "news", ["trigger_id"], sqlite_where=OF_TRIGGER, postgresql_where=OF_TRIGGER)
    for name in ("at", "until", "over_at"):
        op.add_column("news_cards", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index("ix_news_cards_until", "news_cards", ["until"], sqlite_where=HAS_END, postgresql_where=HAS_END)
    op.create_table(
        "triggers",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("variable", sa.String(length=64), nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("at", sa.String(length=5), nullable=True),
        sa.Column("level", sa.JSON(), nullable=True),
        sa.Column("cap_days", sa.Integer(), nullable=False),
        sa.Column("holdout", sa.Integer(), nullable=False),
        sa.Column("lasts_hours", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("news_id", ID, nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_triggers_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_triggers_template_id")),
        sa.ForeignKeyConstraint(["news_id"], ["news.id"], name=op.f("fk_triggers_news_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
        sa.UniqueConstraint("key", name=op.f("uq_triggers_key")),
    )
    op.create_index(op.f("ix_triggers_brand_id_id"), "triggers", ["brand_id", "id"])
    op.create_index(op.f("ix_triggers_template_id"), "triggers", ["template_id"])
    op.create_index("ix_triggers_due_at", "triggers", ["due_at"], sqlite_where=IS_AWAITED, postgresql_where=IS_AWAITED)
    op.create_table(
        "trigger_runs",
        sa.Column("trigger_id", ID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_runs_trigger_id")),
        sa.PrimaryKeyConstraint("trigger_id", "day", name=op.f("pk_trigger_runs")),
    )
    op.create_table(
        "trigger_firings",
        sa.Column("trigger_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("occasion", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_firings_trigger_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_trigger_firings_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("trigger_id", "card_id", "occasion", name=op.f("pk_trigger_firings")),
    )
    op.create_index(op.f("ix_trigger_firings_trigger_id_at"), "trigger_firings", ["trigger_id", "at"])
    op.create_index(op.f("ix_trigger_firings_card_id"), "trigger_firings", ["card_id"])
    op.create_table(
        "trigger_events",
        sa.Column("id", ID, nullable=False),
        sa.Column("trigger_id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("occasion", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["trigger_id"], ["triggers.id"], name=op.f("fk_trigger_events_trigger_id")),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_trigger_events_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger_events")),
    )
    for name in ("trigger_id", "card_id", "due_at"):
        op.create_index(op.f(f"ix_trigger_events_{name}"), "trigger_events", [name])


def downgrade() -> None:
    for table in ("trigger_events", "trigger_firings", "trigger_runs", "triggers"):
        op.drop_table(table)
    op.drop_index("ix_news_cards_until", "news_cards")
    for name in ("over_at", "until", "at"):
        op.drop_column("news_cards", name)
    op.drop_index("ix_news_trigger_id", "news")
    op.drop_column("news", "trigger_id")
    op.drop_column("templates", "triggers")
