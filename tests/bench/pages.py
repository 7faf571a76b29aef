"""Pages with 55 VMs in the sandbox: their time, how many a second, memory, and what they ask of OpenStack."""

import contextlib
import http.client
import itertools
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from portal import config
from portal.app import create_app
from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants import clouds, tenants
from portal.domain.vms import drafts
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.openstack.cloud import Call
from tests.bench import report
from tests.support import running
from tests.support.running import Running

VMS = 55
SAMPLES = 200
CLIENTS = 8
LOAD_SECONDS = 8
EMAIL, PASSWORD = "ada@example.org", "portal-demo-1"


def measure(folder: Path) -> dict[str, Any]:
    """Everything about pages, on a running portal with the sandbox as its cloud."""
    with running.portal(folder) as portal:
        app = create_app(config.load(portal.home.environment() | {"LOG_LEVEL": "WARNING"}))
        with app.app_context():
            ada = accounts.find(EMAIL)
            assert ada
            vm = fill(ada)
            addresses = {"VM list": "/vms/", "VM page": f"/vms/{vm.id}"}
            cookie = sign_in(portal.port)
            figures = {
                "vms": VMS,
                "times_ms": times(portal, cookie, addresses),
                "requests_per_s": loads(portal, cookie, addresses),
                "memory_mib": memory(portal),
                "openstack_calls": calls(app, ada, vm),
            }
            db.session.remove()
    return figures


def fill(ada: User) -> Vm:
    """55 VMs that are up; answers one of them."""
    tenant = tenants.of(ada)[0]
    for _ in range(VMS):
        drafts.submit(drafts.start("ubuntu-basic", by=ada, tenant=tenant).id, by=ada)
    drafts.start("ubuntu-basic", by=ada, tenant=tenant)
    deadline = time.monotonic() + 300
    up = 0
    while up < VMS and time.monotonic() < deadline:
        time.sleep(0.5)
        db.session.rollback()
        up = db.session.scalar(select(func.count(Vm.id)).where(Vm.state == State.ACTIVE)) or 0
    if up < VMS:
        raise RuntimeError(f"only {up} of {VMS} VMs came up")
    return db.session.scalars(select(Vm).limit(1)).unique().one()


def sign_in(port: int) -> str:
    """The session cookie of the demo member."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/sign-in")
    answer = connection.getresponse()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.read().decode())
    cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
    assert token
    form = {"email": EMAIL, "password": PASSWORD, "csrf_token": token[1]}
    headers = {
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": f"http://127.0.0.1:{port}/sign-in",
    }
    connection.request("POST", "/sign-in", urllib.parse.urlencode(form), headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 302, answer.status
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


@dataclass
class Visitor:
    """One browser's connection, kept open."""

    port: int
    cookie: str

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path: str) -> float:
        """Milliseconds from asking to the last byte."""
        began = time.perf_counter()
        self.connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)
        return (time.perf_counter() - began) * 1000


def times(portal: Running, cookie: str, addresses: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile in ms of each page, asked by one client."""
    visitor = Visitor(portal.port, cookie)
    figures = {}
    for name, path in addresses.items():
        for _ in range(20):
            visitor.get(path)
        figures[name] = report.summary([visitor.get(path) for _ in range(SAMPLES)])
    rows = [(name, figure["median"], figure["p95"]) for name, figure in figures.items()]
    report.table(f"Pages with {VMS} VMs, one client", ("", "median ms", "p95 ms"), rows)
    return figures


def loads(portal: Running, cookie: str, addresses: Mapping[str, str]) -> dict[str, float]:
    """Requests a second with 8 clients on gunicorn's 2 workers."""
    by = "wrk" if shutil.which("wrk") else "threads of Python"
    figures = {name: _load(portal, cookie, path) for name, path in addresses.items()}
    title = f"Requests a second, {CLIENTS} clients ({by}), 2 gunicorn workers"
    report.table(title, ("", "per second"), list(figures.items()))
    return figures


def _load(portal: Running, cookie: str, path: str) -> float:
    if wrk := shutil.which("wrk"):
        command = [wrk, "-t2", f"-c{CLIENTS}", f"-d{LOAD_SECONDS}s", "-H", f"Cookie: {cookie}"]
        said = subprocess.run([*command, portal.url + path], check=True, capture_output=True, text=True)
        found = re.search(r"Requests/sec:\s*([\d.]+)", said.stdout)
        assert found
        assert "Non-2xx" not in said.stdout, said.stdout
        return float(found[1])
    served = [0] * CLIENTS
    deadline = time.monotonic() + LOAD_SECONDS

    def visit(number: int) -> None:
        visitor = Visitor(portal.port, cookie)
        while time.monotonic() < deadline:
            visitor.get(path)
            served[number] += 1

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(served) / LOAD_SECONDS, 1)


def memory(portal: Running) -> dict[str, dict[str, float]]:
    """RSS and PSS in MiB of the fullest web worker and RQ worker; PSS counts shared pages by their share."""
    found: dict[str, list[dict[str, float]]] = {}
    for pid, process in portal.processes().items():
        for name, sign in (("web worker", "web"), ("RQ worker", "worker-")):
            if process.startswith(sign):
                with contextlib.suppress(OSError):  # a job's own process, gone by now
                    found.setdefault(name, []).append(_rollup(pid))
    figures = {name: max(sizes, key=lambda size: size["pss"]) for name, sizes in found.items()}
    rows = [(name, size["rss"], size["pss"]) for name, size in figures.items()]
    report.table("Memory after the load", ("", "RSS MiB", "PSS MiB"), rows)
    return figures


def _rollup(pid: int) -> dict[str, float]:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {}
    for name in ("Rss", "Pss"):
        line = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        assert line
        sizes[name.lower()] = round(int(line[1]) / 1024, 1)
    return sizes


def calls(app: Flask, ada: User, vm: Vm) -> dict[str, int]:
    """How many OpenStack calls the drawing of every page makes that a member may open."""
    draft = db.session.scalars(select(LaunchDraft).where(LaunchDraft.submitted_at.is_(None))).first()
    assert draft
    known: dict[str, list[Any]] = {"vm_id": [vm.id], "draft_id": [draft.id], "step": ["machine", "access"]}
    seen: list[Call] = []
    stop = clouds.watch(seen.append)
    drawn = 0
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD})
    for path in sorted(_paths(app, known)):
        if client.get(path).status_code == 200:
            drawn += 1
    stop()
    report.table("Drawing every member page", ("pages", "OpenStack calls"), [(drawn, len(seen))])
    return {"pages": drawn, "calls": len(seen)}


def _paths(app: Flask, known: Mapping[str, list[Any]]) -> set[str]:
    """Every address that can be asked for, with these values in its place holders."""
    paths = set()
    adapter = app.url_map.bind("127.0.0.1")
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.arguments <= known.keys():
            names = sorted(rule.arguments)
            for values in itertools.product(*(known[name] for name in names)):
                paths.add(adapter.build(rule.endpoint, dict(zip(names, values, strict=True))))
    return paths
