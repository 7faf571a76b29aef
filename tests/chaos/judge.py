"""Before the storm and after it, as processes of their own.

`python -m tests.chaos.judge begin SANDBOX N` makes tenants and people. `… end SANDBOX TOLD` waits until
nothing works any more, has the clouds compared with the records once more, and counts; its last line is the
figures.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import select, update

from portal.app import create_app
from portal.domain.people.models import Role
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import circuits
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle, quotas
from portal.domain.vms.models import Finding, State, Vm
from tests.chaos import zeros
from tests.chaos.people import PEOPLE
from tests.support.world import add_person, add_tenant

QUIET = 300.0  # seconds that all of it may take to come to rest
ROOM = 0.3  # of the launches, what a tenant's quota has room for: some are refused


def begin(sandbox: str, number: int) -> None:
    """A tenant for each project, and somebody in it."""
    for email, project in PEOPLE.items():
        limits = {"quota_vcpus": 10_000, "quota_ram_mib": 10**8, "quota_vms": max(8, round(number * ROOM))}
        tenant = add_tenant(project, project, f"{sandbox}/identity/v3", **limits)
        add_person(email, Role.MEMBER, tenant)


def end(sandbox: str, told: dict[str, list[str]]) -> None:
    """Prints what is wrong, and the figures."""
    began = time.monotonic()
    _until(_is_quiet)
    asked_at = now()
    with transaction():
        db.session.execute(update(Tenant).values(reconcile_due_at=asked_at))
    _until(lambda: all(due > asked_at for due in db.session.scalars(select(Tenant.reconcile_due_at))))
    _until(_is_quiet)
    found = zeros.count(
        [stack for project in PEOPLE.values() for stack in _stacks(sandbox, project)],
        map(UUID, told["launched"]),
        map(UUID, told["deleted"]),
        db.session.scalars(select(Finding.subject).where(Finding.resolved_at.is_(None))),
    )
    for kind, sentences in vars(found).items():
        for sentence in sentences:
            print(f"{kind}: {sentence}")
    for tenant in db.session.scalars(select(Tenant)):
        if quotas.usage(tenant.id).vms > tenant.quota_vms:
            print(f"quota_drift: {tenant.name} has more VMs than its quota")
            found.quota_drift.append(tenant.name)
    print(json.dumps(_figures(told, found) | {"seconds_to_quiet": round(time.monotonic() - began, 1)}))


def _figures(told: dict[str, list[str]], found: zeros.Zeros) -> dict[str, Any]:
    states = Counter(db.session.scalars(select(Vm.state)))
    return {
        "accepted": len(told["launched"]),
        "refused_by_quota": len(told["refused"]),
        "retried": len(told["retried"]),
        "active": states[State.ACTIVE],
        "error_with_reason": states[State.ERROR] - sum("without a reason" in said for said in found.lost),
        "deleted_as_asked": states[State.DELETED],
    } | found.figures()


def _stacks(sandbox: str, project: str) -> list[dict[str, Any]]:
    query = {"project": project, "deleted": "1"}
    answer = requests.get(f"{sandbox}/_sandbox/stacks", query, timeout=30).json()
    return list(answer["stacks"])


def _is_quiet() -> bool:
    """Nobody waits for anything, and every cloud is asked again."""
    working = db.session.scalar(select(Vm.id).where(Vm.state.in_(lifecycle.WORKING)).limit(1))
    return working is None and not any(circuits.is_open(one) for one in db.session.scalars(select(Tenant)))


def _until(it_holds: Callable[[], bool]) -> None:
    """What doesn't come to rest is counted as lost."""
    deadline = time.monotonic() + QUIET
    while time.monotonic() < deadline:
        db.session.rollback()
        if it_holds():
            return
        time.sleep(0.3)


def main(what: str, sandbox: str, given: str) -> None:
    """Inside the portal that is under storm."""
    with create_app().app_context():
        if what == "begin":
            begin(sandbox, int(given))
        else:
            end(sandbox, json.loads(Path(given).read_text().splitlines()[-1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
