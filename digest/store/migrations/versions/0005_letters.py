"""Letters: sections that readers choose, and which articles a letter was made of for them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the store up to this version."""
    with op.batch_alter_table("subscription") as batch:
        batch.add_column(sa.Column("sections", sa.String(), nullable=True))
    # Most readers choose nothing: a freeze sees at once that nobody has.
    choosing = sa.text("sections IS NOT NULL")
    op.create_index(
        "ix_subscription_choosing", "subscription", ["list_id"], sqlite_where=choosing, postgresql_where=choosing
    )
    with op.batch_alter_table("letter") as batch:
        batch.add_column(sa.Column("articles", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("page", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("costs", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("article") as batch:
        batch.add_column(sa.Column("image_alt", sa.String(length=1000), nullable=False, server_default=""))
        batch.add_column(sa.Column("image_width", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("image_height", sa.Integer(), nullable=True))
