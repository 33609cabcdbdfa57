"""Runs the migrations on the connection it is given, in that connection's transaction."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

import digest.models

assert digest.models.Installation.metadata is SQLModel.metadata  # importing the records registers their tables


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write a column's type as the database knows it: a migration must not change when a class of ours does."""
    match item:
        case sa.Enum():
            return f"sa.String(length={item.length})"
        case TypeDecorator() if kind == "type":
            stored = item.load_dialect_impl(autogen.dialect)
            return "sa.DateTime(timezone=True)" if isinstance(stored, sa.DateTime) else f"sa.{stored!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    transactional_ddl=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
