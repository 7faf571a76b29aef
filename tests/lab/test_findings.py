"""What is found on a real OpenStack and settled by an admin: a stack that differs, a port that blocks."""

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms import deletions, remedies, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import Finding, FindingKind, State, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from tests.lab.conftest import Launcher
from tests.support import lab
from tests.support.world import fresh


@pytest.fixture
def admin(front: Flask) -> User:
    """Who looks after the portal."""
    robin = accounts.find("root@example.org")
    assert robin
    return robin


@pytest.fixture
def made(launch: Launcher) -> list[Vm]:
    """Two VMs."""
    made = [launch("ubuntu-basic") for _ in range(2)]
    launch.becomes(State.ACTIVE, *made)
    return made


def found(vm: Vm, kind: FindingKind) -> Finding | None:
    """The VM's open finding of that kind, as it is by now."""
    db.session.rollback()
    mine = select(Finding).where(Finding.vm_id == vm.id, Finding.kind == kind, Finding.resolved_at.is_(None))
    return db.session.scalar(mine)


def compare(tenant: Tenant) -> None:
    """As if the five minutes were over after which stacks are compared."""
    with transaction():
        db.session.execute(update(Tenant).where(Tenant.id == tenant.id).values(reconcile_due_at=now()))
    wake.reconcile(tenant.id)


def differs(vm: Vm, launch: Launcher, tenant: Tenant, cloud: Cloud) -> Finding:
    """Somebody has Heat suspend a VM whose server is locked, which Nova refuses."""
    lab.openstack("stack", "suspend", "--wait", str(vm.stack_id), ok=False)
    assert cloud.heat.show(str(vm.stack_id)).status == "SUSPEND_FAILED"
    compare(tenant)
    launch.see(vm, lambda: found(vm, FindingKind.STATUS_DIFFERS))
    finding = found(vm, FindingKind.STATUS_DIFFERS)
    assert finding
    return finding


def settle(finding: Finding, remedy: Remedy, admin: User, launch: Launcher, vm: Vm) -> str:
    """What came of the remedy."""

    def is_told() -> bool:
        return fresh(finding).asked is None

    remedies.apply(finding, remedy, reason="Seen on the lab.", by=admin)
    launch.see(vm, is_told)
    return finding.answer or str(finding.tried[-1]["words"])


def test_a_stack_that_somebody_changed_is_checked_or_left_as_nova_has_it(
    made: list[Vm], launch: Launcher, tenant: Tenant, cloud: Cloud, admin: User
) -> None:
    vm = made[0]
    lab.openstack("server", "lock", str(vm.server_id))
    first = differs(vm, launch, tenant, cloud)
    assert settle(first, Remedy.CHECK, admin, launch, vm).startswith("Heat's check ended with CHECK_COMPLETE")
    second = differs(vm, launch, tenant, cloud)
    lab.openstack("server", "unlock", str(vm.server_id))
    assert "the server is ACTIVE" in settle(second, Remedy.RESTORE, admin, launch, vm)
    assert fresh(vm).state is State.ACTIVE


def test_a_port_that_another_server_holds_is_taken_from_it_when_an_admin_says_so(
    made: list[Vm], launch: Launcher, cloud: Cloud, admin: User, member: User
) -> None:
    vm, other = made
    [port] = [one.id for one in cloud.neutron.ports() if one.device_id == vm.server_id]
    lab.openstack("server", "remove", "port", str(vm.server_id), port)
    launch.see(vm, lambda: not cloud.neutron.port(port).device_id)
    lab.openstack("server", "add", "port", str(other.server_id), port)
    vms.ask(fresh(vm), Event.DELETE, by=member)
    launch.see(vm, lambda: vm.delete_tries)
    # As if it had been tried as often as it is.
    with transaction():
        tried = update(Vm).where(Vm.id == vm.id).values(delete_tries=len(deletions.PAUSES), look_at=now())
        db.session.execute(tried)
    launch.see(vm, lambda: found(vm, FindingKind.STUCK_DELETE))
    stuck = found(vm, FindingKind.STUCK_DELETE)
    assert stuck
    assert stuck.proof["blockers"][0]["held_by"] == other.server_id
    remedies.apply(stuck, Remedy.REMOVE_BLOCKERS, reason="", by=admin)
    launch.becomes(State.DELETED, vm)
    assert f"port {port} from server {other.server_id}" in fresh(stuck).tried[-1]["words"]
    assert cloud.nova.server(str(other.server_id)).status == "ACTIVE"
