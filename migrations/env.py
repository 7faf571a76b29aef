"""Runs the migrations on the portal's own engine."""

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Enum

from portal.domain.store.db import UtcDateTime

database = current_app.extensions["migrate"].db


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Writes our own types as the plain ones below them, so that a migration needs nothing of ours."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


with database.engine.connect() as connection:
    sqlite = connection.connection.dbapi_connection if connection.dialect.name == "sqlite" else None
    if sqlite:
        # SQLite changes a table by making it anew and dropping the old one, to which other rows still refer.
        sqlite.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=database.metadata,
        render_item=render_item,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    if sqlite:
        broken = sqlite.execute("PRAGMA foreign_key_check").fetchall()
        sqlite.execute("PRAGMA foreign_keys=ON")
        if broken:
            raise RuntimeError(f"After the migration these rows refer to nothing: {broken[:5]}")
