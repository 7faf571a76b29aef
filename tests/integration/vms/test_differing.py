"""A stack that isn't whole while its VM is active: checked, taken over as Nova has it, or deleted."""

from typing import Any

import pytest

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import findings, ladder, reconcile, remedies, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from tests.support.calls import observed
from tests.support.settling import ask, causes, told
from tests.support.world import BOTH, Clock, Worker, fresh, only

DATABASES = BOTH


def sweep(lab: Tenant, clock: Clock) -> None:
    clock.forward(400)
    assert reconcile.sweep(lab.id)
    db.session.rollback()


def change(cloud: Control, vm: Vm, action: str, phase: str, **facts: Any) -> None:
    """Somebody changes the stack outside the portal."""
    cloud.alter("stack", str(vm.stack_id), action=action, phase=phase, updated=cloud.now(), **facts)


@pytest.fixture
def differs(vm: Vm, lab: Tenant, cloud: Control, clock: Clock) -> Finding:
    """An update of the stack failed."""
    change(cloud, vm, "UPDATE", "FAILED")
    sweep(lab, clock)
    return only(Finding)


def test_a_check_of_a_stack_that_is_whole_ends_it(
    differs: Finding, vm: Vm, lab: Tenant, root: User, work: Worker, clock: Clock
) -> None:
    offered = remedies.of(differs, root)
    assert offered == [Remedy.CHECK, Remedy.RESTORE, Remedy.DELETE_VM, Remedy.IGNORE]
    assert remedies.recommended(differs, offered) is Remedy.CHECK
    with observed() as calls:
        ask(differs, Remedy.CHECK, root, work)
    assert not [call for call in calls if call.method == "DELETE"]
    assert (fresh(differs).answer or "").startswith("Heat's check ended with CHECK_COMPLETE")
    assert differs.by_id == root.id
    sweep(lab, clock)
    assert findings.open_ones(root) == []
    assert fresh(vm).state is State.ACTIVE


def test_a_check_that_fails_is_told_and_the_next_step_recommended(
    differs: Finding, vm: Vm, root: User, cloud: Control, clock: Clock
) -> None:
    """An earlier check's end isn't taken for this one's."""
    change(cloud, vm, "CHECK", "FAILED", reason="of before")
    before = cloud.row("stack", str(vm.stack_id))
    clock.forward(5)
    remedies.apply(differs, Remedy.CHECK, reason="", by=root)
    ladder.step(differs.id)
    asked = cloud.row("stack", str(vm.stack_id))
    cloud.put("stack", before)
    clock.forward(5)
    ladder.step(differs.id)
    assert fresh(differs).tried == []
    cloud.put("stack", asked | {"phase": "FAILED", "reason": "The server is gone.", "tasks": []})
    clock.forward(5)
    ladder.step(differs.id)
    assert told(differs).startswith("Heat's check ended with CHECK_FAILED (The server is gone.)")
    assert differs.resolved_at is None
    assert remedies.recommended(differs, remedies.of(differs, root)) is Remedy.RESTORE


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"action": "DELETE", "phase": "FAILED"}, "Nothing is checked: somebody has Heat delete the stack"),
        (
            {"deleted_at": 1.0, "action": "DELETE", "phase": "COMPLETE"},
            "Nothing is checked: the stack is gone.",
        ),
    ],
)
def test_a_stack_that_goes_meanwhile_isnt_checked(
    facts: dict[str, Any], words: str, differs: Finding, vm: Vm, root: User, cloud: Control
) -> None:
    remedies.apply(differs, Remedy.CHECK, reason="", by=root)
    cloud.alter("stack", str(vm.stack_id), **facts)
    ladder.step(differs.id)
    assert told(differs).startswith(words)
    assert fresh(vm).state is State.ACTIVE


def test_what_nova_has_is_taken_over_until_the_stack_fails_again(
    differs: Finding,
    vm: Vm,
    lab: Tenant,
    root: User,
    cloud: Control,
    behind: Cloud,
    work: Worker,
    clock: Clock,
) -> None:
    behind.nova.stop(str(vm.server_id))
    clock.forward(20)
    with pytest.raises(Refused, match="Say why"):
        remedies.apply(differs, Remedy.RESTORE, reason="", by=root)
    ask(differs, Remedy.RESTORE, root, work, reason="Known.")
    assert (fresh(differs).answer or "").startswith("Marked as OpenStack has it: the server is SHUTOFF.")
    assert (differs.answer or "").endswith("Known.")
    assert (fresh(vm).state, vm.power) == (State.ACTIVE, "SHUTOFF")
    sweep(lab, clock)
    assert findings.open_ones(root) == []
    change(cloud, vm, "UPDATE", "FAILED")
    sweep(lab, clock)
    [again] = findings.open_ones(root)
    assert again.id != differs.id
    remedies.apply(again, Remedy.IGNORE, reason="That one, too.", by=root)
    sweep(lab, clock)
    assert findings.open_ones(root) == []
    change(cloud, vm, "DELETE", "FAILED")
    sweep(lab, clock)
    assert [one.kind for one in findings.open_ones(root)] == [FindingKind.STATUS_DIFFERS]


def test_nothing_is_taken_over_without_a_server_a_stack_or_an_active_vm(
    differs: Finding, vm: Vm, ada: User, root: User, cloud: Control
) -> None:
    def tell() -> str:
        remedies.apply(fresh(differs), Remedy.RESTORE, reason="x", by=root)
        ladder.step(differs.id)
        return told(differs)

    server, stack = cloud.row("server", str(vm.server_id)), cloud.row("stack", str(vm.stack_id))
    cloud.delete_server(str(vm.server_id))
    assert tell().startswith("Nothing is marked: the server is gone")
    cloud.put("server", server)
    cloud.put("stack", stack | {"action": "DELETE", "phase": "FAILED"})
    assert tell().startswith("Nothing is marked: the stack goes")
    cloud.put("stack", stack)
    remedies.apply(fresh(differs), Remedy.RESTORE, reason="x", by=root)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    ladder.step(differs.id)
    assert told(differs) == "Nothing is marked: the VM isn't active any more."
    assert fresh(differs).resolved_at is None


def test_the_vm_is_deleted_for_a_reason_that_its_owner_reads(
    differs: Finding, vm: Vm, root: User, work: Worker, cloud: Control
) -> None:
    with pytest.raises(Refused, match="Say why"):
        remedies.apply(differs, Remedy.DELETE_VM, reason=" ", by=root)
    ask(differs, Remedy.DELETE_VM, root, work, reason="Half an update.")
    assert fresh(vm).state is State.DELETED
    assert cloud.stacks("tenant-a") == []
    assert "An administrator deletes the VM: Half an update." in causes()
    assert fresh(differs).answer == "An administrator deletes the VM: Half an update."


def test_a_deletion_begun_outside_the_portal_can_only_be_gone_through_with_or_ignored(
    vm: Vm, lab: Tenant, ada: User, root: User, cloud: Control, clock: Clock
) -> None:
    change(cloud, vm, "DELETE", "FAILED")
    sweep(lab, clock)
    finding = only(Finding)
    assert remedies.of(finding, root) == [Remedy.DELETE_VM, Remedy.IGNORE]
    with pytest.raises(Refused, match="can't be done any more"):
        remedies.apply(finding, Remedy.CHECK, reason="", by=root)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    assert remedies.of(finding, root) == [Remedy.IGNORE]
    with pytest.raises(Refused, match="nothing to delete"):
        remedies.apply(finding, Remedy.DELETE_VM, reason="x", by=root)
