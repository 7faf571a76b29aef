"""Tampering: what somebody does who writes to the database past the portal, and past its triggers."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from portal.domain.store.db import db

_TRIGGERS = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entries'")


@contextlib.contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """Inside, the database lets audit entries be changed and removed. Needs an open transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield
        connection.execute(text("SET LOCAL session_replication_role = DEFAULT"))
        return
    triggers = connection.execute(_TRIGGERS).all()
    for name, _ in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))
    yield
    for _, sql in triggers:
        connection.execute(text(sql))


def tamper(*statements: str, **values: Any) -> None:
    """Runs SQL on the portal's database as somebody who may do anything there."""
    db.session.rollback()
    # On SQLite who is going to write must not begin by reading.
    engine = db.engine.execution_options(portal_writes=True)
    with engine.begin() as connection, unguarded(connection):
        for statement in statements:
            connection.execute(text(statement), values)
