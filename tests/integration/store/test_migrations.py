"""Migrations lead from nothing to the models and back, with rows on the way, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import flask_migrate
import psycopg
import pytest
from flask import Flask
from sqlalchemy import inspect, text

from portal import cli
from portal.app import create_app
from portal.config import ROOT
from portal.domain.store.db import Base, db
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
