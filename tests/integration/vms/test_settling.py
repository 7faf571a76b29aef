"""Settling findings while the world moves on: a remedy that comes too late says so and does nothing."""

from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import findings, lifecycle, reconcile, remedies, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from tests.support.calls import meanwhile, observed
from tests.support.world import Clock, Worker, fresh, only

NOTHING = "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n"


@pytest.fixture
def stuck(vm: Vm, ada: User, cloud: Control, work: Worker) -> Finding:
    """A deletion that failed as often as the portal tries."""
    cloud.spoil_delete(lifecycle.stack_name(vm.id), "Conflict: security group in use", times=4)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    return only(Finding)


@pytest.fixture
def orphan(lab: Tenant, root: User, behind: Cloud, clock: Clock) -> Finding:
    """A stack of a VM that nobody knows, whose deletion an admin asked for."""
    behind.heat.create("vm-lost", NOTHING, {}, tags=("portal", f"vm-{uuid4()}"), timeout_mins=5)
    sweep(lab, clock)
    finding = only(Finding)
    remedies.apply(finding, Remedy.DELETE_STACK, reason="", by=root)
    return fresh(finding)


def sweep(lab: Tenant, clock: Clock, seconds: float = 400) -> None:
    clock.forward(seconds)
    assert reconcile.sweep(lab.id)
    db.session.rollback()


def test_no_stack_is_adopted_for_a_vm_that_is_being_deleted(
    vm: Vm, ada: User, root: User, lab: Tenant, behind: Cloud, clock: Clock
) -> None:
    clock.forward(400)
    behind.heat.create("twin", NOTHING, {}, tags=("portal", f"vm-{vm.id}"), timeout_mins=5)
    sweep(lab, clock, 0)
    finding = only(Finding)
    assert Remedy.ADOPT in remedies.of(finding, root)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    assert Remedy.ADOPT not in remedies.of(finding, root)
    with pytest.raises(Refused, match="isn't in a state in which a stack can be adopted"):
        remedies.apply(finding, Remedy.ADOPT, reason="", by=root)
    assert fresh(finding).resolved_at is None


def test_a_deletion_under_way_is_not_tried_again(stuck: Finding, vm: Vm, ada: User, root: User) -> None:
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    with pytest.raises(Refused, match="is deleting now, so its deletion can't be tried again"):
        remedies.apply(stuck, Remedy.RETRY_DELETE, reason="", by=root)


def test_a_deletion_under_way_may_be_given_up(stuck: Finding, vm: Vm, ada: User, root: User) -> None:
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    remedies.apply(stuck, Remedy.GIVE_UP, reason="Enough.", by=root)
    assert fresh(vm).state is State.DELETED
    assert (fresh(stuck).answer or "").startswith("Given up: Enough. Left behind: stack ")


def test_a_vm_that_came_back_is_not_given_up(stuck: Finding, vm: Vm, root: User) -> None:
    with db.engine.begin() as recovery:
        recovery.execute(update(Vm).where(Vm.id == vm.id).values(state=State.ACTIVE))
    with pytest.raises(Refused, match="is active now, so it can't be given up"):
        remedies.apply(stuck, Remedy.GIVE_UP, reason="Enough.", by=root)
    assert fresh(stuck).resolved_at is None


def test_a_finding_without_its_vm_can_only_be_ignored(lab: Tenant, root: User) -> None:
    with transaction():
        findings.note(FindingKind.STUCK_DELETE, lab.id, "s-1", {})
    finding = only(Finding)
    with pytest.raises(Refused, match="The VM of this finding is gone"):
        remedies.apply(finding, Remedy.GIVE_UP, reason="Enough.", by=root)
    remedies.apply(finding, Remedy.IGNORE, reason="Known.", by=root)
    assert fresh(finding).resolved_at


def test_a_stack_that_is_being_deleted_already_is_not_deleted_again(
    orphan: Finding, lab: Tenant, behind: Cloud, cloud: Control, clock: Clock
) -> None:
    cloud.configure(stack_seconds=600)
    behind.heat.delete(orphan.subject)
    with observed() as calls:
        sweep(lab, clock, 0)
    assert "asked by" in (fresh(orphan).answer or "")
    assert not [call for call in calls if call.method == "DELETE"]


def test_a_stack_that_goes_while_it_is_looked_at_is_gone(
    orphan: Finding, lab: Tenant, app: Flask, cloud: Control, clock: Clock
) -> None:
    clock.forward(400)
    with meanwhile(
        app, "GET", "orchestration", lambda: cloud.change("stack", "vm-lost", project_id="nobody")
    ):
        assert reconcile.sweep(lab.id)
    assert fresh(orphan).resolved_at
