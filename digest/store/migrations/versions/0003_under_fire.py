"""Under fire: what has been learned of a relay, and a quick look at what a dead process has left."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the store up to this version."""
    with op.batch_alter_table("relay") as batch:
        batch.add_column(sa.Column("per_connection", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("pace", sa.Float(), nullable=True))
        batch.add_column(sa.Column("learned_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("edition") as batch:
        batch.add_column(sa.Column("dkim", sa.JSON(), nullable=False, server_default="[]"))
    # What is claimed or marked: a few hundred rows among a million, and a crash must not cost a look at all of them.
    claimed = sa.text("lease IS NOT NULL")
    op.create_index(
        "ix_delivery_claimed", "delivery", ["edition_id", "lease"], sqlite_where=claimed, postgresql_where=claimed
    )
