"""News: what marketers tell the holders of cards, when, to whom, and how far it has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
HAS_TIME = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "news",
        sa.Column("id", ID, nullable=False),
        sa.Column("brand_id", ID, nullable=False),
        sa.Column("template_id", ID, nullable=False),
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("variants", sa.JSON(), nullable=False),
        sa.Column("image", sa.String(length=64), nullable=True),
        sa.Column("audience", sa.JSON(), nullable=True),
        sa.Column("holdout", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("stamp", sa.String(length=16), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("list_position", sa.BigInteger(), nullable=True),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("live_at", sa.BigInteger(), nullable=True),
        sa.Column("over_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("cards", sa.Integer(), nullable=True),
        sa.Column("targets", sa.Integer(), nullable=False),
        sa.Column("google_targets", sa.Integer(), nullable=False),
        sa.Column("google_state", sa.String(length=10), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("started_by", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_news_brand_id")),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], name=op.f("fk_news_template_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news")),
        sa.UniqueConstraint("key", name=op.f("uq_news_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_news_brand_id_id"), "news", ["brand_id", "id"])
    op.create_index(op.f("ix_news_template_id_id"), "news", ["template_id", "id"])
    op.create_index("ix_news_next_at", "news", ["next_at"], sqlite_where=HAS_TIME, postgresql_where=HAS_TIME)
    op.create_table(
        "news_counts",
        sa.Column("news_id", ID, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("accepted", "gone", "failed", "fetched")),
        sa.ForeignKeyConstraint(["news_id"], ["news.id"], name=op.f("fk_news_counts_news_id")),
        sa.PrimaryKeyConstraint("news_id", name=op.f("pk_news_counts")),
    )
    op.create_table(
        "news_cards",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("news_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_news_cards_card_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["news_id"], ["news.id"], name=op.f("fk_news_cards_news_id")),
        sa.PrimaryKeyConstraint("card_id", "news_id", name=op.f("pk_news_cards")),
    )
    op.create_index(op.f("ix_news_cards_news_id"), "news_cards", ["news_id"])
    op.create_table(
        "news_waiting",
        sa.Column("device_id", ID, autoincrement=False, nullable=False),
        sa.Column("news_id", ID, nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["news_id"], ["news.id"], name=op.f("fk_news_waiting_news_id")),
        sa.PrimaryKeyConstraint("device_id", "news_id", name=op.f("pk_news_waiting")),
    )
    op.create_index(op.f("ix_news_waiting_news_id"), "news_waiting", ["news_id"])
    op.add_column("templates", sa.Column("news", sa.Text(), nullable=True))
    op.add_column("cards", sa.Column("news_id", ID, nullable=True))
    op.add_column("cards", sa.Column("news_at", sa.BigInteger(), nullable=True))
    op.add_column("cards", sa.Column("news_fetched", sa.Integer(), server_default="0", nullable=False))
    for queue, names in (("jobs", ["news_id"]), ("other_jobs", ["news_id", "platform"])):
        op.add_column(queue, sa.Column("news_id", ID, nullable=True))
        op.add_column(queue, sa.Column("for_news", sa.Integer(), server_default="0", nullable=False))
        op.create_index(f"ix_{queue}_news_id", queue, names, unique=True)


def downgrade() -> None:
    for queue in ("other_jobs", "jobs"):
        op.drop_index(f"ix_{queue}_news_id", queue)
        op.drop_column(queue, "for_news")
        op.drop_column(queue, "news_id")
    for name in ("news_fetched", "news_at", "news_id"):
        op.drop_column("cards", name)
    op.drop_column("templates", "news")
    for table in ("news_waiting", "news_cards", "news_counts", "news"):
        op.drop_table(table)
