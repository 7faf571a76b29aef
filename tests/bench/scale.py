"""Scale: pages, a scrape and the looking after VMs at rest, with 10,000 and 100,000 VMs of 1,000 tenants.

On PostgreSQL, by the real workers and clock; a cloud that answers at once stands in for OpenStack.
"""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from flask import Flask

from portal.domain.store.db import db
from portal.domain.vms import gauges, polling
from tests.bench import crowd, production, report
from tests.bench.crowd import PASSWORD, TENANTS
from tests.bench.production import Production

SIZES = (10_000, 100_000)
SAMPLES = 60
SCRAPES = 9
PAGE_MS, SWEEP_S, CORES = 30, 300, 1.0
# How often VMs at rest are polled, and a tenant is reconciled, in seconds.
POLLED, RECONCILED = 180, 300


def measure(folder: Path) -> dict[str, Any]:
    """By number of VMs: server times in milliseconds, and what a sweep of everything at rest costs."""
    cloud = ["tests.bench.standin", str(TENANTS)]
    figures: dict[str, Any] = {}
    with production.up(folder, cloud) as works:
        app = works.app
        app.config["WTF_CSRF_ENABLED"] = False
        with app.app_context():
            ada = crowd.tenants(f"{works.cloud_url}/identity/v3")
        done = 0
        for size in SIZES:
            with app.app_context():
                crowd.vms(ada, done, size)
            done = size
            figures[str(size)] = _pages(app, crowd.known("vm", 0)) | _scrape(app)
            requests.post(f"{works.cloud_url}/size", json={"vms": size}, timeout=30).raise_for_status()
            with works.at_work():
                figures[str(size)] |= _sweeps(works)
    _tell(figures)
    return figures | {"growth": _growth(figures)}


def _pages(app: Flask, vm_id: UUID) -> dict[str, float]:
    member, admin = _client(app, "ada@example.org"), _client(app, "root@example.org")
    pages = {
        "list": lambda: member.get("/vms/"),
        "list, searched": lambda: member.get("/vms/?q=vm-0000"),
        "VM page": lambda: member.get(f"/vms/{vm_id}"),
        "home": lambda: member.get("/"),
        "all tenants' list": lambda: admin.get("/vms/"),
        "all tenants' list, by state": lambda: admin.get("/vms/?state=error"),
        "all tenants' list, searched": lambda: admin.get("/vms/?q=vm-0099"),
    }
    return {name: _p95(ask) for name, ask in pages.items()}


def _client(app: Flask, email: str) -> Any:
    client = app.test_client()
    client.post("/sign-in", data={"email": email, "password": PASSWORD})
    return client


def _p95(ask: Callable[[], Any]) -> float:
    taken = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        assert ask().status_code == 200
        taken.append((time.perf_counter() - began) * 1000)
    return report.summary(taken[5:])["p95"]


def _scrape(app: Flask) -> dict[str, float]:
    """What one scrape of /metrics takes, and what the clock asks twice a second."""
    with app.app_context():
        figures = {
            "one scrape": _median(gauges.exposition),
            "what is due": _median(polling.due),
        }
        db.session.rollback()
    return figures


def _median(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(SCRAPES):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return report.summary(taken)["median"]


def _sweeps(works: Production) -> dict[str, Any]:
    """Every VM polled once, then every tenant reconciled once."""
    polled = _swept(
        works,
        "UPDATE vms SET look_at = now(), checked_at = NULL",
        "SELECT NOT EXISTS (SELECT 1 FROM vms WHERE checked_at IS NULL)",
    )
    reconciled = _swept(
        works,
        "UPDATE tenants SET reconcile_due_at = now()",
        # A claim moves it by three minutes, the end by five.
        "SELECT NOT EXISTS (SELECT 1 FROM tenants WHERE reconcile_due_at < %(began)s + interval '299 s')",
    )
    cores = polled["cpu_s"] / POLLED + reconciled["cpu_s"] / RECONCILED
    return {"polls": polled, "reconciling": reconciled, "cores at rest": round(cores, 2)}


def _swept(works: Production, begin: str, ended: str) -> dict[str, Any]:
    with closing(works.connect()) as database:
        moment = datetime.now(UTC)
        before, began = works.cpu(), time.monotonic()
        database.execute(begin)

        def is_over() -> bool:
            row = database.execute(ended, {"began": moment} if "%(" in ended else None).fetchone()
            return bool(row and row[0])

        works.wait(is_over, 900, pause=0.5)
        seconds = time.monotonic() - began
    used = production.used(before, works.cpu())
    cloud = used.pop("cloud")
    return {
        "s": round(seconds, 1),
        "cpu_s": round(sum(used.values()), 1),
        "cores": round(sum(used.values()) / seconds, 2),
        "by": used,
        "cloud's own cpu_s": cloud,
    }


def _growth(figures: dict[str, Any]) -> dict[str, float]:
    """How many times more the larger size takes; ten times as many VMs are linear."""
    small, large = (figures[str(size)] for size in SIZES)
    return {
        f"{what} cpu": round(large[what]["cpu_s"] / (small[what]["cpu_s"] or 1), 2)
        for what in ("polls", "reconciling")
    } | {"one scrape": round(large["one scrape"] / small["one scrape"], 2)}


def _tell(figures: dict[str, Any]) -> None:
    small, large = (figures[str(size)] for size in SIZES)
    rows: list[tuple[object, ...]] = []
    for name, value in small.items():
        if isinstance(value, float):
            target = {"cores at rest": f"< {CORES}", "one scrape": "", "what is due": ""}
            rows.append((name, value, large[name], target.get(name, f"≤ {PAGE_MS} ms p95")))
        else:
            rows.append((f"{name}: all of it, s", value["s"], large[name]["s"], f"≤ {SWEEP_S}"))
            rows.append((f"{name}: processor, s", value["cpu_s"], large[name]["cpu_s"], f"< {SWEEP_S}"))
            rows.append((f"{name}: cores meanwhile", value["cores"], large[name]["cores"], ""))
    heads = ("", *(f"{size:,} VMs" for size in SIZES), "target")
    report.table(f"Scale: {TENANTS:,} tenants; times in ms where nothing else is said", heads, rows)
    growth = _growth(figures)
    report.table("Growth for ten times as many VMs (10 is linear)", ("", "times"), list(growth.items()))
