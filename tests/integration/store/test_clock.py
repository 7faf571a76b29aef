"""Hosts whose clocks are wrong agree by the database's clock."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import text

from portal.app import create_app
from portal.domain.store import volatile
from portal.domain.store.db import db, now
from tests.integration.conftest import settings

ASTRAY = timedelta(hours=3)


@pytest.fixture
def astray() -> Iterator[datetime]:
    """A host whose clock is three hours fast; answers the true time."""
    true = datetime.now(UTC)
    with time_machine.travel(true + ASTRAY):
        yield true


def test_a_wrong_clock_of_a_host_does_not_matter(astray: datetime, postgres_url: str, redis_url: str) -> None:
    app = create_app(replace(settings(postgres_url, redis_url), database_clock=True))
    with app.app_context():
        told = db.session.scalar(text("SELECT clock_timestamp()"))
        assert abs(now() - told) < timedelta(seconds=5)
        volatile.beat("worker:there", ttl=60)
        db.session.remove()
        db.engine.dispose()
    other = create_app(settings(postgres_url, redis_url))  # a host that goes by its own clock, which is right
    with other.app_context(), time_machine.travel(astray + timedelta(seconds=10)):
        assert volatile.beats("worker:there")["worker:there"] < 60


def test_sqlite_goes_by_the_clock_of_its_host(astray: datetime, tmp_path: Path, redis_url: str) -> None:
    app = create_app(replace(settings(f"sqlite:///{tmp_path / 'portal.db'}", redis_url), database_clock=True))
    with app.app_context():
        db.session.scalar(text("SELECT 1"))
        assert now() - astray >= ASTRAY
        db.session.remove()
        db.engine.dispose()
