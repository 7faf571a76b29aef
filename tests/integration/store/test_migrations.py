"""Migrations lead from nothing to the models and back, with rows on the way, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import JSON, Uuid, column, insert, inspect, select, table, text

from portal import cli
from portal.app import create_app
from portal.config import ROOT
from portal.domain.store import audit
from portal.domain.store.chain import Walk
from portal.domain.store.db import Base, UtcDateTime, db, transaction
from portal.domain.store.models import AuditEntry
from tests.integration.conftest import settings

MIGRATIONS = str(ROOT / "migrations")


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Iterator[Flask]:
    """A portal on a database without tables."""
    url = f"sqlite:///{tmp_path / 'bare.db'}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url")
        name = f"bare_{uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        url = psycopg_url(server, name)
    app = create_app(settings(url, redis_url))
    with app.app_context():
        cli.migrations(app)
        yield app
        db.session.remove()
        db.engine.dispose()


def psycopg_url(server: str, name: str) -> str:
    """The address of another database on the same server."""
    before, _, after = server.partition("?")
    return f"{before.rsplit('/', 1)[0]}/{name}?{after}"


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_migrations_lead_to_the_models_and_back(bare: Flask) -> None:
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert tables() == {table.name for table in Base.metadata.sorted_tables} | {"alembic_version"}
    flask_migrate.check(directory=MIGRATIONS)  # ends the process where the models differ
    flask_migrate.downgrade(directory=MIGRATIONS, revision="base")
    assert tables() == {"alembic_version"}
    flask_migrate.upgrade(directory=MIGRATIONS)
    flask_migrate.check(directory=MIGRATIONS)


def test_rows_of_the_first_days_are_still_there(bare: Flask) -> None:
    flask_migrate.upgrade(directory=MIGRATIONS, revision="0001")
    facts = {
        "id": uuid4().hex, "name": "Old", "auth_url": "http://x/v3", "interface": "public",
        "endpoint_overrides": "{}", "created_at": "2026-01-01 00:00:00", "quota_vms": 1, "quota_vcpus": 1,
        "quota_ram_mib": 1, "quota_gpus": 0, "quota_floating_ips": 0, "catalog_due_at": "2026-01-01 00:00:00",
    }  # fmt: skip
    with db.engine.begin() as connection:
        connection.execute(
            text(f"INSERT INTO tenants ({', '.join(facts)}) VALUES (:{', :'.join(facts)})"), facts
        )
    flask_migrate.upgrade(directory=MIGRATIONS)
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT name, silent_tries FROM tenants")).one() == ("Old", 0)
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0001")
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM tenants")).scalar_one() == "Old"


def test_entries_of_before_are_chained_as_they_were_written(bare: Flask) -> None:
    flask_migrate.upgrade(directory=MIGRATIONS, revision="0006")
    person, moment = uuid4(), datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    old = table(
        "audit_entries",
        *(column("id"), column("at", UtcDateTime()), column("user_id", Uuid()), column("detail", JSON())),
        *(column("action"), column("actor")),
    )
    rows = [
        {
            "id": number,
            "at": moment,
            "user_id": person,
            "action": "old",
            "actor": "a",
            "detail": {"email": "ä"},
        }
        for number in (3, 4, 9)
    ]
    with db.engine.begin() as connection:
        connection.execute(insert(old), rows)
    flask_migrate.upgrade(directory=MIGRATIONS)
    walk = Walk().to_end()
    assert (walk.found, walk.entries) == ([], 3)
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.id, entry.at, entry.user_id, entry.subject) for entry in entries] == [
        (number, moment, person, "ä") for number in (1, 2, 3)
    ]
    with transaction():
        audit.record("new", by=None)
    assert Walk().to_end().tip.startswith("4:")
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0006")
    assert "audit_head" not in tables()
