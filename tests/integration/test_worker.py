"""The worker as a process: its job never outlives it, and is ended first when it is asked to stop."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from portal.config import ROOT, Settings
from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import State
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support import running
from tests.support.world import fresh, launch, wait_for


def environment(app: Flask) -> dict[str, str]:
    """What a process needs to be part of the test's portal."""
    settings: Settings = app.config["PORTAL"]
    keys = {version: base64.b64encode(key).decode() for version, key in settings.master_keys.items()}
    return running.environment() | {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "PORTAL_MASTER_KEYS": ",".join(f"{version}:{key}" for version, key in keys.items()),
    }


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def worker(app: Flask) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker for VMs that is ready for its first job."""
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.worker", wake.VMS], cwd=ROOT, env=environment(app)
    )
    try:
        wait_for(lambda: volatile.beats(f"worker:{wake.VMS}-"), 20)
        yield process
    finally:
        # Its job dies with it a moment later, and holds the database until then.
        jobs = children(process.pid) if process.poll() is None else []
        process.kill()
        process.wait()
        wait_for(lambda: not any(is_alive(job) for job in jobs))


@pytest.fixture
def slow_create(cloud: Control) -> Fault:
    """Heat takes its time for the next create."""
    return cloud.faults.add(Fault("delay", "POST", "orchestration", "/stacks$", seconds=1.5))


def test_a_worker_does_what_was_asked(worker: object, app: Flask, ada: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    wait_for(lambda: fresh(vm).state is State.PROVISIONING)


def test_a_job_ends_with_its_killed_worker(
    worker: "subprocess.Popen[bytes]", slow_create: Fault, ada: User, lab: Tenant
) -> None:
    launch(ada, lab)
    (horse,) = wait_for(lambda: children(worker.pid))
    wait_for(lambda: slow_create.hits)
    os.kill(worker.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(horse), 1)


def test_what_a_killed_job_held_is_free_at_once(
    worker: "subprocess.Popen[bytes]", cloud: Control, ada: User, lab: Tenant
) -> None:
    lost = cloud.faults.add(Fault("hang_after", "POST", "orchestration", "/stacks$"))
    vm = launch(ada, lab)
    wait_for(lambda: lost.hits and cloud.stacks("tenant-a"))
    os.kill(children(worker.pid)[0], signal.SIGKILL)
    wait_for(lambda: fresh(vm).state is State.PROVISIONING)
    assert len(cloud.stacks("tenant-a")) == 1


def test_a_worker_that_is_asked_to_stop_ends_its_job_first(
    worker: "subprocess.Popen[bytes]", slow_create: Fault, ada: User, lab: Tenant
) -> None:
    vm = launch(ada, lab)
    wait_for(lambda: slow_create.hits)
    worker.terminate()
    assert worker.wait(timeout=20) == 0
    assert fresh(vm).state is State.PROVISIONING
