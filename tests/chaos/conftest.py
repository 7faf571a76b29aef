"""Chaos in one process: the world of the integration tests, where time stands still unless it is moved."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from tests.integration.conftest import (  # fixtures are found by their names here
    ada,
    app,
    cloud,
    database,
    lab,
    postgres_url,
    pytest_generate_tests,
    redis_url,
    root,
    sandbox,
)
from tests.support.world import Clock

__all__ = [
    "ada",
    "app",
    "cloud",
    "database",
    "lab",
    "postgres_url",
    "pytest_generate_tests",
    "redis_url",
    "root",
    "sandbox",
]


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Stands still, so that the same run takes the same steps each time."""
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield Clock(traveller)
