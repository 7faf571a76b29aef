"""What Nova did to a server is kept with its VM, by few questions, and outlives Nova's own memory."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete

from portal.domain.people.models import User
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms import casefile, claims, lookup, polling, power, serveractions
from portal.domain.vms.casefile import Kind
from portal.domain.vms.models import ServerAction, State, Vm
from portal.openstack.cloud import Call, Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import observed
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH
ACTIONS = r"/os-instance-actions$"


def told(vm: Vm) -> list[str]:
    db.session.rollback()
    return [line.title for line in casefile.timeline(vm) if line.kind is Kind.NOVA]


def asked(calls: list[Call]) -> int:
    return sum(call.path.endswith("/os-instance-actions") for call in calls)


def test_what_was_done_is_kept_with_its_request_ids_and_found_by_them(
    ada: User, sam: User, lab: Tenant, cloud: Control, behind: Cloud, work: Worker, clock: Clock
) -> None:
    vm = launch(ada, lab)
    work()
    assert told(vm) == ["create"]
    power.ask(fresh(vm), power.Action.STOP, by=ada)
    work()
    clock.forward(120)
    work.once()
    assert told(vm) == ["create", "stop"]
    behind.nova.start(str(fresh(vm).server_id))
    clock.forward(600)
    work.once()
    assert told(vm) == ["create", "stop", "start"]
    behind.nova.delete(str(vm.server_id))
    clock.forward(600)
    work.once()
    assert fresh(vm).state is State.ERROR
    assert told(vm) == ["create", "stop", "start", "delete"]
    last = serveractions.of_vm(vm)[-1]
    assert last.updated_at
    [match] = lookup.find(last.request_id, by=sam).matches
    assert (match.vm.id, match.why) == (vm.id, ["request of the delete that Nova did"])


def test_a_failed_server_is_known_from_heat(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock, record: Callable[..., None]
) -> None:
    for size in ("m1.tiny", "m1.small"):
        cloud.change("flavor", size, extra_specs={"resources:VGPU": "1"})
    vm = launch(ada, lab)
    work()
    with transaction():
        db.session.execute(delete(ServerAction))
    record(vm, server_id=None, actions_due_at=now())
    clock.forward(600)
    work.once()
    [made] = serveractions.of_vm(fresh(vm))
    assert (made.action, made.message, vm.actions_due_at) == ("create", "Error", None)


def test_few_servers_are_asked_for_at_a_look_and_the_others_at_the_next(
    ada: User, lab: Tenant, work: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serveractions, "SERVERS_AT_ONCE", 2)
    made = [launch(ada, lab) for _ in range(3)]
    work.once()
    clock.forward(60)
    with observed() as calls:
        polling.poll(lab.id)
    assert (asked(calls), sum(bool(told(vm)) for vm in made)) == (2, 2)
    clock.forward(600)
    with observed() as calls:
        polling.poll(lab.id)
        clock.forward(600)
        polling.poll(lab.id)
    assert (asked(calls), sum(bool(told(vm)) for vm in made)) == (1, 3)


def test_a_nova_that_is_silent_is_asked_later_and_holds_nothing_up(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.faults.add(Fault("status", "GET", "compute", ACTIONS, status=503, times=0))
    vm = launch(ada, lab)
    work()
    assert (fresh(vm).state, vm.trouble, told(vm)) == (State.ACTIVE, None, [])
    cloud.faults.clear()
    clock.forward(claims.LEASE.total_seconds() + 600)
    work.once()
    assert (told(vm), fresh(vm).actions_due_at) == (["create"], None)


def test_a_cloud_that_does_not_tell_is_not_asked_again(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "GET", "compute", ACTIONS, status=403, times=0))
    vm = launch(ada, lab)
    work()
    assert (fresh(vm).state, vm.actions_due_at, told(vm)) == (State.ACTIVE, None, [])


def test_a_launch_that_never_had_a_server_has_nothing_to_read(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.set_quota("tenant-a", ports=0)
    vm = launch(ada, lab)
    with observed() as calls:
        work()
    assert (fresh(vm).state, vm.server_id) == (State.ERROR, None)
    assert (asked(calls), vm.actions_due_at) == (0, None)
