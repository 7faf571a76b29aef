"""Nothing forgotten: what differs between the cloud and our records is found, proven, and settled."""

from uuid import uuid4

import pytest
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Forbidden, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import findings, lifecycle, quotas, reconcile, remedies, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from tests.support.world import BOTH, Clock, Worker, fresh, only

DATABASES = BOTH
NOTHING = "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n"


def make_stack(behind: Cloud, name: str, *tags: str) -> str:
    return behind.heat.create(name, NOTHING, {}, tags=tags, timeout_mins=5)


def sweep(lab: Tenant, clock: Clock, seconds: float = 400) -> None:
    clock.forward(seconds)
    assert reconcile.sweep(lab.id)
    db.session.rollback()


def live(cloud: Control) -> set[str]:
    return {stack["id"] for stack in cloud.stacks("tenant-a")}


def test_a_stack_of_an_unknown_vm_is_shown_and_deleted_only_when_asked(
    lab: Tenant, root: User, cloud: Control, behind: Cloud, clock: Clock
) -> None:
    stranger = make_stack(behind, "vm-lost", "portal", f"vm-{uuid4()}")
    sweep(lab, clock)
    [finding] = findings.open_ones(root)
    assert (finding.kind, finding.subject) == (FindingKind.ORPHAN_STACK, stranger)
    assert finding.proof["tags"][0] == "portal"
    assert stranger in live(cloud)
    remedies.apply(finding, Remedy.DELETE_STACK, reason="", by=root)
    sweep(lab, clock, 0)
    clock.forward(60)
    assert stranger not in live(cloud)
    assert "asked by root@example.org" in (fresh(finding).answer or "")


def test_a_stack_without_our_mark_is_none_of_our_business(
    lab: Tenant, root: User, behind: Cloud, cloud: Control, clock: Clock
) -> None:
    theirs = {
        make_stack(behind, "a", "portal"),
        make_stack(behind, "b"),
        make_stack(behind, "c", "vm-x", "portal"),
    }
    sweep(lab, clock)
    assert findings.open_ones(root) == []
    assert theirs <= live(cloud)


def test_a_proven_duplicate_is_removed_and_audited(
    vm: Vm, lab: Tenant, cloud: Control, behind: Cloud, clock: Clock
) -> None:
    twin = make_stack(behind, "vm-twin", "portal", lifecycle.stack_name(vm.id))
    sweep(lab, clock)
    clock.forward(60)
    assert live(cloud) == {vm.stack_id}
    finding = only(Finding)
    assert (finding.kind, finding.subject, finding.vm_id) == (FindingKind.DUPLICATE_STACK, twin, vm.id)
    assert finding.resolved_at
    assert "finding.opened" in db.session.scalars(select(AuditEntry.action)).all()


def test_a_young_duplicate_is_left_for_the_step_to_adopt(
    vm: Vm, lab: Tenant, cloud: Control, behind: Cloud, clock: Clock
) -> None:
    clock.forward(400)
    twin = make_stack(behind, "vm-twin", "portal", lifecycle.stack_name(vm.id))
    sweep(lab, clock, 1)
    assert twin in live(cloud)
    sweep(lab, clock)
    clock.forward(60)
    assert twin not in live(cloud)


def test_a_stack_that_came_back_after_its_vm_was_deleted_is_removed(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, behind: Cloud, work: Worker, clock: Clock
) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    make_stack(behind, "vm-late", "portal", lifecycle.stack_name(vm.id))
    sweep(lab, clock)
    clock.forward(60)
    assert live(cloud) == set()
    assert only(Finding).kind is FindingKind.LEFTOVER_STACK


def test_a_finding_ends_when_its_stack_goes_away_by_itself(
    lab: Tenant, root: User, behind: Cloud, clock: Clock
) -> None:
    stranger = make_stack(behind, "vm-lost", "portal", f"vm-{uuid4()}")
    sweep(lab, clock)
    behind.heat.delete(stranger)
    clock.forward(30)
    sweep(lab, clock)
    assert findings.open_ones(root) == []
    assert only(Finding).answer == "It went away by itself."


def test_another_stack_is_adopted_when_the_one_on_record_is_gone(
    vm: Vm, lab: Tenant, root: User, cloud: Control, behind: Cloud, work: Worker, clock: Clock
) -> None:
    twin = make_stack(behind, "vm-twin", "portal", lifecycle.stack_name(vm.id))
    behind.heat.delete(str(vm.stack_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    sweep(lab, clock)
    [finding] = [one for one in findings.open_ones(root) if one.kind is FindingKind.DUPLICATE_STACK]
    assert twin in live(cloud)
    remedies.apply(finding, Remedy.ADOPT, reason="", by=root)
    assert fresh(vm).stack_id == twin


def test_a_vanished_server_is_a_finding_that_ends_with_the_vm(
    vm: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    cloud.delete_server(str(vm.server_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    [finding] = findings.of_vm(vm)
    assert (finding.kind, finding.subject) == (FindingKind.VANISHED, vm.server_id)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert findings.of_vm(vm) == []
    assert fresh(finding).answer == "It is deleted now."


@pytest.fixture
def stuck(vm: Vm, ada: User, cloud: Control, work: Worker) -> Finding:
    """A deletion that failed as often as the portal tries."""
    cloud.spoil_delete(lifecycle.stack_name(vm.id), "Conflict: security group in use", times=4)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.ERROR
    return only(Finding)


def test_a_stuck_deletion_names_what_blocks_it(stuck: Finding, vm: Vm) -> None:
    assert stuck.kind is FindingKind.STUCK_DELETE
    [blocker] = stuck.proof["blockers"]
    assert "security group in use" in blocker["reason"]
    assert blocker["resource"]
    assert "security group in use" in (vm.failure or "")


def test_a_stuck_deletion_is_tried_again(stuck: Finding, vm: Vm, root: User, work: Worker) -> None:
    remedies.apply(stuck, Remedy.RETRY_DELETE, reason="", by=root)
    work()
    assert fresh(vm).state is State.DELETED
    assert fresh(stuck).resolved_at


def test_a_stuck_deletion_is_given_up_with_what_is_left_behind(
    stuck: Finding, vm: Vm, root: User, lab: Tenant
) -> None:
    with pytest.raises(Refused):
        remedies.apply(stuck, Remedy.GIVE_UP, reason=" ", by=root)
    remedies.apply(stuck, Remedy.GIVE_UP, reason="The operator removes it.", by=root)
    assert fresh(vm).state is State.DELETED
    assert str(vm.stack_id) in (fresh(stuck).answer or "")
    assert quotas.usage(lab.id).vms == 0


def test_a_finding_is_settled_once_and_by_admins_alone(
    stuck: Finding, sam: User, ada: User, root: User
) -> None:
    assert remedies.of(stuck, root)[0] is Remedy.RETRY_DELETE
    assert remedies.of(stuck, sam) == []
    for nobody in (sam, ada):
        with pytest.raises(Forbidden):
            remedies.apply(stuck, Remedy.IGNORE, reason="x", by=nobody)
    with pytest.raises(Forbidden):
        findings.open_ones(ada)
    remedies.apply(stuck, Remedy.IGNORE, reason="Known.", by=root)
    assert fresh(stuck).answer == "Ignored: Known."
    with pytest.raises(Refused):
        remedies.apply(stuck, Remedy.RETRY_DELETE, reason="", by=root)


def test_a_silent_cloud_ends_no_finding_and_is_asked_again_soon(
    lab: Tenant, cloud: Control, behind: Cloud, root: User, clock: Clock
) -> None:
    make_stack(behind, "vm-lost", "portal", f"vm-{uuid4()}")
    sweep(lab, clock)
    with db.engine.begin() as connection:
        connection.execute(update(Tenant).values(auth_url="http://127.0.0.1:9/v3"))
    db.session.rollback()
    sweep(lab, clock)
    assert len(findings.open_ones(root)) == 1
    assert not reconcile.sweep(lab.id)


@pytest.mark.parametrize(("action", "phase"), [("UPDATE", "FAILED"), ("DELETE", "IN_PROGRESS")])
def test_a_stack_that_somebody_changes_is_shown_until_it_is_whole_again(
    action: str, phase: str, vm: Vm, lab: Tenant, root: User, cloud: Control, clock: Clock
) -> None:
    cloud.alter("stack", str(vm.stack_id), action=action, phase=phase)
    sweep(lab, clock)
    [finding] = findings.open_ones(root)
    assert (finding.kind, finding.subject) == (FindingKind.STATUS_DIFFERS, vm.stack_id)
    assert finding.proof["status"] == f"{action}_{phase}"
    assert remedies.of(finding, root)[-2:] == [Remedy.DELETE_VM, Remedy.IGNORE]
    assert remedies.recommended(finding, [Remedy.IGNORE]) is None
    assert vm.stack_id in live(cloud)
    cloud.alter("stack", str(vm.stack_id), action="UPDATE", phase="COMPLETE")
    sweep(lab, clock)
    assert fresh(finding).answer == "It went away by itself."
    assert fresh(vm).state is State.ACTIVE
