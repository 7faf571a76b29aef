"""The ladder of a deletion that doesn't end, step by step."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.store.errors import Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import circuits, clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms import ladder, lifecycle, polling, remedies, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import meanwhile, observed
from tests.support.settling import ask, causes, told
from tests.support.world import BOTH, Clock, Worker, fresh, launch, only

DATABASES = BOTH


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, floating_ip=True)
    work()
    return fresh(made)


def stick(vm: Vm, ada: User, cloud: Control, work: Worker, resource: str) -> Finding:
    """A deletion that one resource blocks until somebody removes the thing."""
    cloud.block_delete(lifecycle.stack_name(vm.id), resource, f"The {resource} is in use.")
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.ERROR
    return only(Finding)


@pytest.fixture
def stuck(vm: Vm, ada: User, cloud: Control, work: Worker) -> Finding:
    return stick(vm, ada, cloud, work, "port")


def test_the_steps_follow_one_another_and_each_tells_what_came_of_it(
    stuck: Finding, vm: Vm, root: User, work: Worker, cloud: Control, behind: Cloud
) -> None:
    steps = (Remedy.RETRY_DELETE, Remedy.CHECK_DELETE, Remedy.REMOVE_BLOCKERS)
    for step in steps:
        assert remedies.recommended(stuck, remedies.of(stuck, root)) is step
        ask(stuck, step, root, work)
    assert fresh(vm).state is State.DELETED
    assert [each["remedy"] for each in stuck.tried] == list(steps)
    assert [each["by"] for each in stuck.tried] == [root.email] * 3
    again, checked, removed = (each["words"] for each in stuck.tried)
    assert again == "The deletion was asked for again."
    assert checked.startswith("Heat's check ended with CHECK_COMPLETE (Stack CHECK completed successfully")
    assert removed == f"Removed: port {stuck.proof['blockers'][0]['id']}. The deletion is tried again."
    assert "It stuck again: Resource DELETE failed" in stuck.tried[0]["then"]
    assert fresh(stuck).answer == "It is deleted now."
    assert removed in causes()
    trail = db.session.scalars(select(AuditEntry.action)).all()
    assert trail.count("finding.asked") == 2
    assert trail.count("finding.tried") == 3


def test_after_the_last_step_only_giving_up_is_left(stuck: Finding, vm: Vm, root: User, work: Worker) -> None:
    remedies.apply(stuck, Remedy.REMOVE_BLOCKERS, reason="", by=root)
    stuck.tried = [{"remedy": Remedy.REMOVE_BLOCKERS.value}]
    assert remedies.recommended(stuck, [Remedy.RETRY_DELETE, Remedy.GIVE_UP, Remedy.IGNORE]) is Remedy.GIVE_UP
    assert remedies.recommended(stuck, [Remedy.RETRY_DELETE]) is Remedy.RETRY_DELETE
    assert remedies.recommended(stuck, []) is None
    db.session.rollback()


def test_nothing_else_is_done_while_a_step_is_under_way(stuck: Finding, root: User, work: Worker) -> None:
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    assert remedies.of(fresh(stuck), root) == []
    with pytest.raises(Refused, match="Something is being done"):
        remedies.apply(stuck, Remedy.RETRY_DELETE, reason="", by=root)
    assert stuck.id in polling.due().settles
    ladder.step(stuck.id)
    assert stuck.id not in polling.due().settles
    ladder.release(stuck.id)
    assert stuck.id in polling.due().settles


def test_a_step_that_nobody_asked_for_does_nothing(stuck: Finding) -> None:
    with observed() as calls:
        ladder.step(stuck.id)
        ladder.release(stuck.id)
    assert calls == []
    assert fresh(stuck).due_at is None


def test_a_step_that_comes_too_late_is_refused(stuck: Finding, vm: Vm, ada: User, root: User) -> None:
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    for late in (Remedy.CHECK_DELETE, Remedy.REMOVE_BLOCKERS):
        assert late not in remedies.of(stuck, root)
        with pytest.raises(Refused, match="can't be done any more"):
            remedies.apply(stuck, late, reason="", by=root)


@pytest.mark.parametrize("remedy", [Remedy.CHECK_DELETE, Remedy.REMOVE_BLOCKERS])
def test_a_stack_that_went_meanwhile_needs_no_more(
    remedy: Remedy, stuck: Finding, vm: Vm, root: User, cloud: Control, work: Worker
) -> None:
    remedies.apply(stuck, remedy, reason="", by=root)
    cloud.alter("stack", stuck.subject, deleted_at=1.0, action="DELETE", phase="COMPLETE")
    work()
    assert fresh(vm).state is State.DELETED
    assert fresh(stuck).resolved_at


def test_a_stack_that_nobody_knows_any_more_needs_no_more(
    stuck: Finding, vm: Vm, root: User, cloud: Control, work: Worker
) -> None:
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    cloud.abandon(lifecycle.stack_name(vm.id))
    ladder.step(stuck.id)
    assert told(stuck) == "Its stack is gone. The deletion is tried again."


def test_a_check_brings_nobody_back_to_life(
    ada: User, lab: Tenant, root: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    """A VM that was never there, whose deletion stuck, isn't active because its stack was checked."""
    vm = launch(ada, lab)
    work(until=lambda: fresh(vm).state is State.PROVISIONING)
    stuck = stick(vm, ada, cloud, work, "access")
    assert fresh(vm).active_at is None
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    ladder.step(stuck.id)
    clock.forward(900)
    polling.poll(lab.id)
    assert fresh(vm).state is State.ERROR
    assert vm.stack_status == "CHECK_COMPLETE"


def test_heat_that_never_begins_a_check_is_not_waited_for(
    stuck: Finding, vm: Vm, root: User, cloud: Control, clock: Clock
) -> None:
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    ladder.step(stuck.id)
    cloud.alter("stack", stuck.subject, action="DELETE", phase="FAILED", tasks=[])
    clock.forward(5)
    ladder.step(stuck.id)
    assert fresh(stuck).tried == []
    clock.forward(60)
    ladder.step(stuck.id)
    assert told(stuck).startswith("Heat was asked for a check, but is at DELETE_FAILED all the time.")
    assert fresh(vm).state is State.DELETING


def test_a_stack_that_is_busy_is_checked_when_it_rests_or_deleted_when_it_doesnt(
    stuck: Finding, vm: Vm, root: User, cloud: Control, clock: Clock
) -> None:
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    cloud.alter("stack", stuck.subject, action="DELETE", phase="IN_PROGRESS", tasks=[])
    ladder.step(stuck.id)
    clock.forward(60)
    ladder.step(stuck.id)
    assert fresh(stuck).tried == []
    clock.forward(200)
    ladder.step(stuck.id)
    assert "is at DELETE_IN_PROGRESS all the time" in told(stuck)


def test_a_blocker_that_is_gone_already_is_as_good(
    stuck: Finding, vm: Vm, root: User, behind: Cloud, work: Worker
) -> None:
    behind.neutron.delete_port(stuck.proof["blockers"][0]["id"])
    assert ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"] == (
        "Removed: nothing, as what blocked it is gone already. The deletion is tried again."
    )
    assert fresh(vm).state is State.DELETED


@pytest.mark.parametrize("resource", ["server", "public_address"])
def test_servers_and_floating_ips_are_removed_too(
    resource: str, vm: Vm, ada: User, root: User, cloud: Control, work: Worker, behind: Cloud
) -> None:
    stuck = stick(vm, ada, cloud, work, resource)
    ask(stuck, Remedy.REMOVE_BLOCKERS, root, work)
    assert fresh(vm).state is State.DELETED
    assert [*cloud.servers("tenant-a"), *behind.neutron.floating_ips()] == []


def test_what_can_only_go_with_its_stack_isnt_offered_for_removal(
    vm: Vm, ada: User, root: User, cloud: Control, work: Worker
) -> None:
    stuck = stick(vm, ada, cloud, work, "access")
    assert Remedy.REMOVE_BLOCKERS not in remedies.of(stuck, root)
    assert remedies.removable(stuck) == []
    [blocker] = stuck.proof["blockers"]
    ask(stuck, Remedy.GIVE_UP, root, work, reason="Enough.")
    assert f"access {blocker['id']} (OS::Neutron::SecurityGroup)" in (fresh(stuck).answer or "")


def test_only_what_the_stack_itself_lists_is_removed(
    stuck: Finding, vm: Vm, root: User, lab: Tenant, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    """The proof names a port of another VM: it stays."""
    other = launch(ada, lab)
    work()
    [port] = [one for one in behind.neutron.ports() if f"vm-{other.id}" in one.tags]
    with db.engine.begin() as connection:
        [blocker] = stuck.proof["blockers"]
        proof = stuck.proof | {"blockers": [blocker | {"id": port.id}]}
        connection.execute(update(Finding).values(proof=proof))
    db.session.rollback()
    ask(fresh(stuck), Remedy.REMOVE_BLOCKERS, root, work)
    assert behind.neutron.port(port.id)
    assert fresh(other).state is State.ACTIVE
    assert fresh(vm).state is State.ERROR


def test_a_floating_ip_at_a_strangers_port_is_not_removed(
    vm: Vm, ada: User, lab: Tenant, root: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    stuck = stick(vm, ada, cloud, work, "public_address")
    launch(ada, lab)
    work()
    [port] = [one for one in behind.neutron.ports() if f"vm-{vm.id}" not in one.tags]
    address = stuck.proof["blockers"][0]["id"]
    cloud.alter("floatingip", address, port_id=port.id)
    assert f"is used by port {port.id}" in ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    cloud.alter("floatingip", address, port_id=None)
    ask(stuck, Remedy.REMOVE_BLOCKERS, root, work)
    assert fresh(vm).state is State.DELETED


def test_one_that_doesnt_go_though_its_deletion_was_taken_is_told(
    stuck: Finding, vm: Vm, root: User, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "DELETE", "network", "/ports/", status=204, times=9))
    words = ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    assert words.startswith("OpenStack took the deletion of port")
    assert fresh(vm).state is State.ERROR
    assert Remedy.REMOVE_BLOCKERS in remedies.of(stuck, root)


def test_one_that_goes_right_before_it_is_deleted_is_as_good(
    stuck: Finding, vm: Vm, root: User, app: Flask, cloud: Control, behind: Cloud, clock: Clock, work: Worker
) -> None:
    port = stuck.proof["blockers"][0]["id"]
    remedies.apply(stuck, Remedy.REMOVE_BLOCKERS, reason="", by=root)
    with meanwhile(app, "GET", "network", lambda: behind.neutron.delete_port(port)):
        work()
    assert fresh(vm).state is State.DELETED


def test_a_no_of_openstack_is_told(stuck: Finding, vm: Vm, root: User, cloud: Control, work: Worker) -> None:
    cloud.faults.add(Fault("status", "DELETE", "network", "/ports/", status=409, times=9))
    words = ask(stuck, Remedy.REMOVE_BLOCKERS, root, work).tried[-1]["words"]
    assert words.startswith("OpenStack says no (network: ")
    assert fresh(vm).state is State.ERROR


def test_a_silent_cloud_is_waited_for_but_not_for_ever(
    stuck: Finding, vm: Vm, root: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    for _ in range(circuits.OPENS_AFTER):
        circuits.silent(lab.id)
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    ladder.step(stuck.id)
    assert "doesn't answer" in (fresh(stuck).asked or {})["trouble"]
    clock.forward(ladder.PATIENCE.total_seconds() + 1)
    ladder.step(stuck.id)
    assert told(stuck).startswith("It couldn't be carried through within 15 minutes. ")
    assert fresh(vm).state is State.ERROR


def test_a_crowded_cloud_is_asked_in_a_moment(stuck: Finding, root: User, lab: Tenant, work: Worker) -> None:
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)
    with clouds.turn(lab.id, "step"), clouds.turn(lab.id, "step"), clouds.turn(lab.id, "step"):
        ladder.step(stuck.id)
    asked = fresh(stuck)
    assert asked.due_at
    assert asked.due_at - now() <= timedelta(seconds=1)
    assert "sent_at" not in (asked.asked or {})


def test_a_finding_settled_while_somebody_looks_stays_settled(
    stuck: Finding, vm: Vm, root: User, app: Flask, behind: Cloud
) -> None:
    behind.neutron.delete_port(stuck.proof["blockers"][0]["id"])
    remedies.apply(stuck, Remedy.REMOVE_BLOCKERS, reason="", by=root)

    def settle() -> None:
        with db.engine.begin() as connection:
            connection.execute(update(Finding).values(asked=None, due_at=None))

    with meanwhile(app, "GET", "network", settle):
        ladder.step(stuck.id)
    assert fresh(stuck).tried == []
    assert fresh(vm).state is State.ERROR


def test_notes_of_a_finding_settled_while_somebody_looks_are_dropped(
    stuck: Finding, root: User, app: Flask
) -> None:
    remedies.apply(stuck, Remedy.CHECK_DELETE, reason="", by=root)

    def settle() -> None:
        with db.engine.begin() as connection:
            connection.execute(update(Finding).values(asked=None, due_at=None))

    with meanwhile(app, "GET", "orchestration", settle):
        ladder.step(stuck.id)
    assert fresh(stuck).asked is None


def test_a_vm_that_moved_on_while_somebody_looked_is_left_alone(
    stuck: Finding, vm: Vm, ada: User, root: User, app: Flask, behind: Cloud
) -> None:
    behind.neutron.delete_port(stuck.proof["blockers"][0]["id"])
    remedies.apply(stuck, Remedy.REMOVE_BLOCKERS, reason="", by=root)
    vm_id, ada_id = vm.id, ada.id

    def delete() -> None:
        vms.ask(db.session.get_one(Vm, vm_id), Event.DELETE, by=db.session.get_one(User, ada_id))

    with meanwhile(app, "GET", "network", delete):
        ladder.step(stuck.id)
    assert told(stuck) == "The VM moved on meanwhile; nothing was changed."


def test_a_deletion_that_never_ends_names_what_it_waits_for(
    vm: Vm, ada: User, lab: Tenant, root: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    work.once()
    cloud.advance(0)
    cloud.stick(lifecycle.stack_name(vm.id))
    cloud.faults.add(Fault("status", "DELETE", "orchestration", status=409, times=0))
    work()
    stuck = only(Finding)
    assert {each["resource"] for each in stuck.proof["blockers"]} <= {"server", "public_address"}
    assert stuck.proof["blockers"]
    assert Remedy.REMOVE_BLOCKERS in remedies.of(stuck, root)
