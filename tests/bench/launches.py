"""What the portal adds to a launch on the real cloud, beside the command line with the same template."""

import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from portal import config
from portal.app import create_app
from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store import vault
from portal.domain.store.db import db
from portal.domain.tenants import tenants
from portal.domain.vms import drafts, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import State, Vm
from portal.domain.vms.provisioning import sealed_place
from tests.bench import report
from tests.support import lab, running

ROUNDS = 5
LAB = Path(os.environ.get("LAB", Path.home() / ".cache/openstack-lab"))


def measure(folder: Path) -> dict[str, Any]:
    """Alternating, each alone on the cloud: submit → ACTIVE in the database; stack create --wait."""
    ours: list[float] = []
    theirs: list[float] = []
    with running.portal(folder, cloud="lab") as portal:
        app = create_app(config.load(portal.home.environment() | {"LOG_LEVEL": "WARNING"}))
        with app.app_context():
            ada = accounts.find("ada@example.org")
            assert ada
            for _ in range(ROUNDS):
                seconds, vm = _through_the_portal(ada)
                ours.append(seconds)
                theirs.append(_by_command_line(folder, vm))
            lab.forget_credentials()
            db.session.remove()
    figures: dict[str, Any] = {
        "portal_s": [round(value, 2) for value in ours],
        "command_line_s": [round(value, 2) for value in theirs],
        "ratio": round(statistics.median(ours) / statistics.median(theirs), 2),
    }
    rows = [(number + 1, *pair) for number, pair in enumerate(zip(*list(figures.values())[:2], strict=True))]
    rows.append(("median", round(statistics.median(ours), 2), round(statistics.median(theirs), 2)))
    report.table(
        f"A launch on the lab, ratio {figures['ratio']}",
        ("", "portal: submit → ACTIVE, s", "openstack stack create --wait, s"),
        rows,
    )
    return figures


def _through_the_portal(ada: User) -> tuple[float, Vm]:
    draft = drafts.start("ubuntu-basic", by=ada, tenant=tenants.of(ada)[0])
    began = time.monotonic()
    vm = drafts.submit(draft.id, by=ada)
    _until(vm, State.ACTIVE)
    seconds = time.monotonic() - began
    vms.ask(vm, Event.DELETE, by=ada)
    _until(vm, State.DELETED)
    return seconds, vm


def _until(vm: Vm, state: State) -> None:
    deadline = time.monotonic() + 300
    seen = None
    while seen is not state:
        if time.monotonic() > deadline or seen is State.ERROR:
            raise RuntimeError(f"{vm.name} is {seen}, not {state}")
        time.sleep(0.02)
        db.session.rollback()
        seen = db.session.scalar(select(Vm.state).where(Vm.id == vm.id))
    db.session.refresh(vm)


def _by_command_line(folder: Path, vm: Vm) -> float:
    """The same template and parameters by the operator's own tool, looking every second."""
    template, environment = folder / "template.yaml", folder / "environment.json"
    template.write_text(vm.template)
    parameters = json.loads(vault.unseal(vm.sealed, place=sealed_place(vm.id)))
    environment.write_text(json.dumps({"parameters": parameters}))
    name = f"bench-{time.time_ns()}"
    create = ["stack", "create", "--wait", "--poll", "1", "-t", str(template), "-e", str(environment), name]
    began = time.monotonic()
    _openstack(create)
    seconds = time.monotonic() - began
    _openstack(["stack", "delete", "--yes", "--wait", name])
    return seconds


def _openstack(arguments: list[str]) -> None:
    done = subprocess.run(
        [str(LAB / "venv/bin/openstack"), "--os-cloud", "a", *arguments],
        env=os.environ | {"OS_CLIENT_CONFIG_FILE": str(LAB / "clouds.yaml")},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"openstack {' '.join(arguments)}: {done.stderr}")
