"""Collecting from many sources: how each is doing, what of it has been read, and the book of what it brought."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the store up to this version."""
    with op.batch_alter_table("article") as batch:
        batch.add_column(sa.Column("fingerprint", sa.String(length=64), nullable=True))
        batch.add_column(sa.Column("outdated_at", INSTANT, nullable=True))
        batch.add_column(sa.Column("by_hand", sa.String(length=300), nullable=True))
        batch.create_index("ix_article_fingerprint", ["fingerprint"])
    # Written out, as SQLite adds a column with its reference at once only so: else a million rows are copied.
    op.execute(
        "ALTER TABLE placement ADD COLUMN shown_as INTEGER"
        " CONSTRAINT fk_placement_shown_as_article REFERENCES article (id)"
    )
    op.add_column("placement", sa.Column("shown_by", sa.String(length=24), nullable=True))
    op.create_table(
        "source_state",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("joined_at", INSTANT, nullable=True),
        sa.Column("settings", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=True),
        sa.Column("etag", sa.String(length=1000), nullable=True),
        sa.Column("modified", sa.String(length=200), nullable=True),
        sa.Column("body", sa.String(length=64), nullable=True),
        sa.Column("url_now", sa.String(length=2000), nullable=True),
        sa.Column("moved_to", sa.String(length=2000), nullable=True),
        sa.Column("moved_count", sa.Integer(), nullable=False),
        sa.Column("feed", sa.String(length=2000), nullable=True),
        sa.Column("last_try", INSTANT, nullable=True),
        sa.Column("last_ok", INSTANT, nullable=True),
        sa.Column("last_error", sa.String(length=500), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", INSTANT, nullable=True),
        sa.Column("told_at", INSTANT, nullable=True),
        sa.Column("next_try", INSTANT, nullable=True),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("paused_at", INSTANT, nullable=True),
        sa.Column("paused_by", sa.String(length=200), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        _of_source("source_state", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_state")),
    )
    op.create_table(
        "source_mark",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.Column("mark", sa.String(length=100), nullable=False),
        _of_source("source_mark", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source_id", "name", name=op.f("pk_source_mark")),
    )
    op.create_table(
        "collected",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("doubled", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Integer(), nullable=False),
        sa.Column("placed", sa.Integer(), nullable=False),
        _of_source("collected"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collected")),
    )
    op.create_index(op.f("ix_collected_source_id"), "collected", ["source_id"])
    op.create_table(
        "refusal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=500), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        _of_source("refusal"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal")),
        sa.UniqueConstraint("source_id", "key", name=op.f("uq_refusal_source_id_key")),
    )
    op.create_index("ix_refusal_last_at", "refusal", ["last_at"])
    _carry_over()


def _of_source(table: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_source_id_source")
    return sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=name, ondelete=ondelete)


def _carry_over() -> None:
    """Begin the book with what is there, and let no source that has been collected count as new."""
    op.execute(
        "INSERT INTO source_state (source_id, joined_at, settings, moved_count, last_error, failures, found, paused_by)"
        " SELECT source.id, source.created_at, '', 0, '', 0, 0, '' FROM source"
        " WHERE EXISTS (SELECT 1 FROM article WHERE article.source_id = source.id)"
    )
    op.execute(
        "INSERT INTO collected (source_id, at, found, new, changed, unchanged, refused, doubled, reasons, placed)"
        " SELECT source_id, max(first_seen), count(DISTINCT id), count(DISTINCT id), 0, 0, 0, 0, 0, count(article_id)"
        " FROM article LEFT JOIN placement ON article_id = id GROUP BY source_id"
    )
