"""Deletions that fail: what Heat lost is freed, and another try is not held up for ever."""

import pytest
from flask import Flask

from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms import deletions, lifecycle, marks, provisioning, verdicts, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import meanwhile, observed
from tests.support.world import Clock, Worker, fresh, launch, only

REASON = "Forbidden: rule:delete_port is disallowed by policy"


@pytest.fixture
def failed(ada: User, lab: Tenant, cloud: Control, work: Worker) -> Vm:
    """A VM whose stack failed: it never was active, so another try may be asked for."""
    cloud.set_quota("tenant-a", instances=len(servers(cloud)))
    made = launch(ada, lab)
    work()
    cloud.set_quota("tenant-a", instances=20)
    assert fresh(made).state is State.ERROR
    return made


def lose_a_server(cloud: Control, vm: Vm, **facts: object) -> None:
    """As a heat-engine does that dies after it asked Nova and before it noted the server's id."""
    cloud.change("server", vm.name, id="lost", **facts)


def servers(cloud: Control) -> list[str]:
    return [server["id"] for server in cloud.servers("tenant-a")]


def test_a_server_that_heat_lost_is_deleted_when_it_is_in_the_way(
    vm: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    lose_a_server(cloud, vm)
    cloud.spoil_delete(lifecycle.stack_name(vm.id), REASON)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.DELETED
    assert servers(cloud) == []


def test_a_deletion_that_heat_lost_on_its_way_is_asked_for_again(
    vm: Vm, ada: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    provisioning.step(vm.id)
    cloud.stick(lifecycle.stack_name(vm.id))
    with observed() as calls:
        work.once()
        assert "DELETE" not in {call.method for call in calls}
        clock.forward(verdicts.STALLED.total_seconds())
        work.once()
        work.once()
    assert [call.method for call in calls].count("DELETE") == 1
    assert fresh(vm).state is State.DELETING


def test_a_server_of_somebody_else_is_left_alone(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    other = launch(ada, lab)
    work()
    lose_a_server(cloud, vm, metadata={})
    cloud.spoil_delete(lifecycle.stack_name(vm.id), REASON)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.DELETED
    assert set(servers(cloud)) == {"lost", fresh(other).server_id}


def test_a_lost_server_that_goes_by_itself_is_not_asked_again(
    vm: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    lose_a_server(cloud, vm, task_state="deleting")
    cloud.spoil_delete(lifecycle.stack_name(vm.id), REASON)
    vms.ask(vm, Event.DELETE, by=ada)
    with observed() as calls:
        work()
    assert fresh(vm).state is State.DELETED
    assert not [call for call in calls if (call.method, call.service) == ("DELETE", "compute")]


def test_another_try_frees_what_the_earlier_attempt_lost(
    vm: Vm, failed: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    mark = {marks.SERVER: str(failed.id)}
    cloud.change("server", vm.name, id="lost", metadata=mark)
    cloud.spoil_delete(lifecycle.stack_name(failed.id), REASON)
    vms.ask(failed, Event.RETRY, by=ada)
    work()
    assert fresh(failed).state is State.ACTIVE
    assert set(servers(cloud)) == {vm.server_id, failed.server_id}
    assert failed.delete_tries == 0


def lose_a_port(cloud: Control, vm: Vm, **facts: object) -> None:
    """As a heat-engine does that dies after it asked Neutron, before it noted the port's id and its tags."""
    [port] = [row for row in cloud.rows("port") if row["name"].startswith(lifecycle.stack_name(vm.id))]
    loose = {"id": "lost", "tags": [], "device_id": "", "device_owner": ""}
    cloud.put("port", port | loose | facts)


def ports(cloud: Control) -> set[str]:
    return {row["id"] for row in cloud.rows("port")}


def test_a_port_that_a_killed_heat_engine_lost_doesnt_hold_up_another_try(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    """It keeps the security group of the stack that was given up, which so could never be deleted."""
    vm = launch(ada, lab)
    work(until=lambda: bool(ports(cloud)))
    cloud.stick(lifecycle.stack_name(vm.id))
    lose_a_port(cloud, vm)
    clock.forward(lifecycle.PATIENCE[State.PROVISIONING].total_seconds())
    work(until=lambda: fresh(vm).state is State.ERROR)
    vms.ask(fresh(vm), Event.RETRY, by=ada)
    work()
    assert fresh(vm).state is State.ACTIVE
    assert "lost" not in ports(cloud)
    assert len(ports(cloud)) == 1


def test_a_lost_port_that_somebody_uses_is_left_alone_and_told(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    """Nova or a router holds it by now; so its security group stays, and an admin gets the finding."""
    lose_a_port(cloud, vm, device_id="r-1", device_owner="network:router_interface")
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.ERROR
    assert "Security Group" in (vm.failure or "")
    assert ports(cloud) == {"lost"}
    assert only(Finding).kind is FindingKind.STUCK_DELETE


@pytest.mark.parametrize("status", [409, 404])
def test_what_the_cloud_keeps_of_what_was_lost_doesnt_stop_the_tries(
    status: int, vm: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    """Nor what went by itself meanwhile."""
    lose_a_port(cloud, vm)
    cloud.faults.add(Fault("status", "DELETE", "network", "/ports/lost", status=status, times=1))
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.DELETED
    assert ports(cloud) == set()


def test_another_try_waits_until_the_earlier_stack_can_be_deleted(
    failed: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    cloud.spoil_delete(lifecycle.stack_name(failed.id), REASON, times=2)
    vms.ask(failed, Event.RETRY, by=ada)
    work(until=lambda: fresh(failed).delete_tries > 0)
    assert (failed.trouble or "").startswith("Heat could not delete all of the earlier attempt")
    assert REASON in (failed.trouble or "")
    work()
    assert fresh(failed).state is State.ACTIVE
    assert fresh(failed).trouble is None


def test_another_try_that_the_earlier_stack_holds_up_for_ever_fails_and_is_told(
    failed: Vm, ada: User, cloud: Control, work: Worker
) -> None:
    cloud.spoil_delete(lifecycle.stack_name(failed.id), REASON, times=10)
    vms.ask(failed, Event.RETRY, by=ada)
    with observed() as calls:
        work()
    assert (fresh(failed).state, failed.failure) == (State.ERROR, f"Resource DELETE failed: {REASON}")
    asked = [call for call in calls if (call.method, call.service) == ("DELETE", "orchestration")]
    assert len(asked) == 1 + len(deletions.PAUSES)
    finding = only(Finding)
    assert (finding.kind, finding.subject) == (FindingKind.STUCK_DELETE, failed.failed_stack_id)
    assert not [call for call in calls if call.method == "POST" and call.path.endswith("/stacks")]


def test_a_deletion_asked_for_while_the_earlier_stack_is_given_up_stands(
    failed: Vm, ada: User, app: Flask, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.spoil_delete(lifecycle.stack_name(failed.id), REASON, times=10)
    vms.ask(failed, Event.RETRY, by=ada)
    work(until=lambda: fresh(failed).delete_tries == len(deletions.PAUSES))
    clock.forward(600)
    vm_id, email = failed.id, ada.email

    def ask() -> None:
        person = accounts.find(email)
        assert person
        vms.ask(vms.get(vm_id, for_=person), Event.DELETE, by=person)

    with meanwhile(app, "GET", "compute", ask):
        provisioning.step(vm_id)
    assert fresh(failed).state is State.DELETING
