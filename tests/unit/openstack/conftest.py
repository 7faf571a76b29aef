"""A fake cloud on a port, and the portal's clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.openstack.cloud import Access, ApplicationCredential, Call, Cloud, MemoryTokens
from tests.unit.openstack.wire import FakeCloud

SECRET = "s3cr3t-of-the-credential"

Connect = Callable[..., Cloud]


@pytest.fixture
def fake() -> Iterator[FakeCloud]:
    fake = FakeCloud()
    yield fake
    fake.close()


@pytest.fixture
def calls() -> list[Call]:
    """What the clients let us observe."""
    return []


@pytest.fixture
def connect(fake: FakeCloud, calls: list[Call]) -> Iterator[Connect]:
    """Clients as a process has them: `tokens` is what processes share; anything of Access may be given."""
    clouds: list[Cloud] = []

    def connect(*, tokens: MemoryTokens | None = None, request_id: str | None = None, **access: Any) -> Cloud:
        facts = {
            "auth_url": f"{fake.url}/identity/v3",
            "secret": ApplicationCredential("cred-1", SECRET),
            "read_timeout": 0.3,
            "connect_timeout": 0.3,
            **access,
        }
        cloud = Cloud(
            Access(**facts),
            tokens=tokens or MemoryTokens(),
            observe=calls.append,
            request_id=lambda: request_id,
        )
        clouds.append(cloud)
        return cloud

    yield connect
    for cloud in clouds:
        cloud.close()


@pytest.fixture
def cloud(connect: Connect) -> Cloud:
    return connect()
