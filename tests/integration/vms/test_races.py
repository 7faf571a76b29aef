"""What happens between one call and the next: the person's last word holds, and nothing is doubled."""

from collections.abc import Callable

import pytest
from flask import Flask

from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now
from portal.domain.tenants import clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms import history, lifecycle, polling, provisioning, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import meanwhile, observed
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH
HEAT = "orchestration"


@pytest.fixture
def delete(ada: User) -> Callable[[Vm], Callable[[], None]]:
    """Ada's click on “Delete”, in a request of its own."""
    ada_id = ada.id

    def prepared(vm: Vm) -> Callable[[], None]:
        vm_id = vm.id
        return lambda: vms.ask(
            db.session.get_one(Vm, vm_id), Event.DELETE, by=db.session.get_one(User, ada_id)
        )

    return prepared


Delete = Callable[[Vm], Callable[[], None]]


def test_a_deletion_asked_before_the_create_goes_out_keeps_it_from_going_out(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker, delete: Delete
) -> None:
    vm = launch(ada, lab)
    with meanwhile(app, "GET", HEAT, delete(vm)):
        provisioning.step(vm.id)
    work()
    assert fresh(vm).state is State.DELETED
    assert cloud.stacks("tenant-a", deleted=True) == []


def test_a_deletion_asked_while_the_create_is_out_deletes_what_it_made(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker, delete: Delete
) -> None:
    vm = launch(ada, lab)
    with meanwhile(app, "POST", HEAT, delete(vm)):
        provisioning.step(vm.id)
    assert (fresh(vm).state, bool(vm.stack_id)) == (State.DELETING, True)
    work()
    assert fresh(vm).state is State.DELETED
    assert cloud.stacks("tenant-a") == []
    assert len(cloud.stacks("tenant-a", deleted=True)) == 1


def test_a_refused_create_does_not_call_a_deletion_off(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker, delete: Delete
) -> None:
    vm = launch(ada, lab)
    cloud.faults.add(Fault("status", "POST", HEAT, r"/stacks$", status=400))
    with meanwhile(app, "POST", HEAT, delete(vm)):
        provisioning.step(vm.id)
    assert fresh(vm).state is State.DELETING
    work()
    assert fresh(vm).state is State.DELETED


@pytest.mark.parametrize("cores", [0, 100], ids=["failed", "complete"])
def test_the_end_of_a_stack_does_not_call_a_deletion_off(
    cores: int,
    ada: User,
    lab: Tenant,
    app: Flask,
    cloud: Control,
    work: Worker,
    clock: Clock,
    delete: Delete,
) -> None:
    cloud.set_quota("tenant-a", cores=cores)
    vm = launch(ada, lab)
    provisioning.step(vm.id)
    clock.forward(10)
    with meanwhile(app, "GET", HEAT, delete(vm)):
        polling.poll(lab.id)
    assert fresh(vm).state is State.DELETING
    work()
    assert fresh(vm).state is State.DELETED
    assert cloud.stacks("tenant-a") == []


def test_a_stack_that_goes_while_its_deletion_is_asked_leaves_a_deleted_vm(
    ada: User,
    lab: Tenant,
    app: Flask,
    cloud: Control,
    behind: Cloud,
    clock: Clock,
    work: Worker,
    delete: Delete,
) -> None:
    cloud.configure(stack_seconds=60, delete_seconds=0)
    vm = launch(ada, lab)
    provisioning.step(vm.id)
    behind.heat.delete(str(fresh(vm).stack_id))
    clock.forward(2)
    with meanwhile(app, "GET", HEAT, delete(vm)):
        polling.poll(lab.id)
    work()
    assert fresh(vm).state is State.DELETED


def test_another_try_asked_while_the_earlier_stack_is_looked_for_goes_on(
    ada: User, lab: Tenant, app: Flask, cloud: Control, behind: Cloud, clock: Clock, work: Worker
) -> None:
    """That the earlier stack is gone says nothing of the next one."""
    cloud.set_quota("tenant-a", instances=0)
    failed = [launch(ada, lab) for _ in range(2)]
    work()
    cloud.set_quota("tenant-a", instances=20)
    for vm in failed:
        assert fresh(vm).state is State.ERROR
        behind.heat.delete(str(vm.stack_id))
    ids, ada_id = [vm.id for vm in failed], ada.id
    clock.forward(90)

    def retry() -> None:
        person = db.session.get_one(User, ada_id)
        for vm_id in ids:
            vms.ask(db.session.get_one(Vm, vm_id), Event.RETRY, by=person)

    with meanwhile(app, "GET", HEAT, retry):
        polling.poll(lab.id)
    assert [fresh(vm).state for vm in failed] == [State.REQUESTED] * 2
    work()
    assert [fresh(vm).state for vm in failed] == [State.ACTIVE] * 2


def test_a_stack_that_goes_before_its_deletion_is_sent_is_gone(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker
) -> None:
    vm = launch(ada, lab)
    work()
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    with meanwhile(app, "GET", HEAT, lambda: purge(cloud, vm)):
        provisioning.step(vm.id)
    assert fresh(vm).trouble is None
    work()
    assert fresh(vm).state is State.DELETED


def test_a_stack_that_is_being_deleted_already_is_not_deleted_again(
    ada: User, lab: Tenant, behind: Cloud, work: Worker
) -> None:
    vm = launch(ada, lab)
    work()
    behind.heat.delete(str(fresh(vm).stack_id))
    vms.ask(vm, Event.DELETE, by=ada)
    with observed() as calls:
        work()
    assert fresh(vm).state is State.DELETED
    assert not [call for call in calls if call.method == "DELETE"]


def test_a_stack_that_lost_its_tags_is_known_by_its_id(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = launch(ada, lab)
    work()
    cloud.change("stack", lifecycle.stack_name(vm.id), tags=[])
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work()
    assert fresh(vm).state is State.DELETED
    assert cloud.stacks("tenant-a") == []


def test_a_deletion_waits_for_a_create_whose_answer_is_lost_and_that_never_was(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    vm = launch(ada, lab)
    cloud.faults.add(Fault("drop_before", "POST", HEAT, r"/stacks$"))
    provisioning.step(vm.id)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work.once()
    assert fresh(vm).state is State.DELETING
    clock.forward(provisioning.SHOW_TIME.total_seconds())
    work()
    assert fresh(vm).state is State.DELETED


def test_a_create_that_surely_was_not_sent_is_sent_without_waiting(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker
) -> None:
    def lose_the_token() -> None:
        cloud.expire_tokens()
        cloud.faults.add(Fault("status", "POST", "identity", ".*", status=503, times=0))

    vm = launch(ada, lab)
    with meanwhile(app, "GET", HEAT, lose_the_token):
        provisioning.step(vm.id)
    assert (fresh(vm).create_sent_at, vm.state) == (None, State.REQUESTED)
    assert vm.trouble
    cloud.faults.clear()
    work(seconds=60)
    assert fresh(vm).state is State.ACTIVE


def test_a_stranger_under_our_name_holds_a_launch_up_and_is_left_alone(
    ada: User, lab: Tenant, behind: Cloud, cloud: Control, work: Worker
) -> None:
    vm = launch(ada, lab)
    name = lifecycle.stack_name(vm.id)
    template = "heat_template_version: 2018-08-31\nresources: {}\n"
    stranger = behind.heat.create(name, template, {}, tags=("theirs",), timeout_mins=5)
    work.once()
    assert fresh(vm).state is State.REQUESTED
    assert cloud.stack_names("tenant-a") == [name]
    behind.heat.delete(stranger)
    work()
    assert fresh(vm).state is State.ACTIVE


def test_an_earlier_attempt_that_heat_has_forgotten_is_no_hindrance(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=0)
    vm = launch(ada, lab)
    work()
    purge(cloud, vm)
    cloud.set_quota("tenant-a", cores=100)
    vms.ask(fresh(vm), Event.RETRY, by=ada)
    work()
    assert (fresh(vm).state, vm.failed_stack_id) == (State.ACTIVE, None)


def test_events_that_two_workers_read_are_stored_once(
    ada: User, lab: Tenant, app: Flask, work: Worker, clock: Clock
) -> None:
    vm = launch(ada, lab)
    provisioning.step(vm.id)
    clock.forward(2)
    vm_id, tenant_id = vm.id, lab.id

    def other_worker() -> None:
        one, cloud = db.session.get_one(Vm, vm_id), clouds.of(tenant_id)
        history.collect(one, cloud.heat.show(str(one.stack_id)), cloud)

    cloud = clouds.of(tenant_id)
    stack = cloud.heat.show(str(fresh(vm).stack_id))
    with meanwhile(app, "GET", HEAT, other_worker):
        history.collect(vm, stack, cloud)
    work()
    moves, events = history.stored(fresh(vm))
    assert [move.new for move in moves][-1] is State.ACTIVE
    assert len({event.id for event in events}) == len(events) > 0
    assert {event.id for event in cloud.heat.events(stack.name, stack.id)} == {event.id for event in events}


def test_a_stack_that_a_list_left_out_is_not_taken_for_gone(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker, clock: Clock
) -> None:
    vm = launch(ada, lab)
    work()
    there = cloud.remember()
    purge(cloud, vm)
    clock.forward(120)
    with meanwhile(app, "GET", HEAT, lambda: cloud.restore(there)):
        polling.poll(lab.id)
    assert fresh(vm).state is State.ACTIVE


@pytest.mark.parametrize("steps", [0, 1])
def test_a_stack_that_an_operator_purged_is_told(
    steps: int, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.configure(stack_seconds=60)
    vm = launch(ada, lab)
    if steps:
        work()
    else:
        provisioning.step(vm.id)
    purge(cloud, vm)
    work(until=lambda: fresh(vm).state is State.ERROR)
    assert "deleted in OpenStack, outside the portal" in (vm.failure or "")


def test_a_deletion_whose_stack_is_purged_is_done(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = launch(ada, lab)
    work()
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    provisioning.step(vm.id)
    purge(cloud, vm)
    work()
    assert fresh(vm).state is State.DELETED


class Killed(BaseException):
    """The worker's process ends here."""


def die(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize("where", ["create", "remove"])
def test_the_step_of_a_dead_worker_is_due_again_at_once(
    where: str, ada: User, lab: Tenant, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = launch(ada, lab)
    if where == "remove":
        work()
        vms.ask(fresh(vm), Event.DELETE, by=ada)
    with monkeypatch.context() as dying:
        dying.setattr(provisioning, where, die)
        with pytest.raises(Killed):
            provisioning.step(vm.id)
    assert vm.id not in polling.due().steps
    provisioning.release(vm.id)
    assert vm.id in polling.due().steps
    assert wake.waiting()[wake.VMS] >= 1
    work(seconds=60)
    assert fresh(vm).state in {State.ACTIVE, State.DELETED}


def test_the_poll_of_a_dead_worker_is_due_again_at_once_for_what_is_on_its_way(
    ada: User, lab: Tenant, work: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting = launch(ada, lab)
    work()
    working = launch(ada, lab)
    provisioning.step(working.id)
    clock.forward(120)
    with monkeypatch.context() as dying:
        dying.setattr(history, "collect", die)
        with pytest.raises(Killed):
            polling.poll(lab.id)
    assert lab.id not in polling.due().tenants
    polling.release(lab.id)
    assert lab.id in polling.due().tenants
    assert fresh(working).look_at <= now() < fresh(resting).look_at


def purge(cloud: Control, vm: Vm) -> None:
    """An operator takes the VM's stack out of Heat's database."""
    cloud.change("stack", lifecycle.stack_name(vm.id), project_id="nobody")
