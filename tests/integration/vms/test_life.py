"""After the launch: deletion, failure, another try, power, console, and what happens behind our back."""

from datetime import timedelta

import pytest

from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import explain, inventory, lifecycle, matters, power, quotas, screens, vms
from portal.domain.vms.inventory import Tally, Wanted
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Vm
from portal.domain.vms.power import Action
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH


def test_deleting_removes_the_stack_and_returns_the_quota(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    assert fresh(vm).state is State.DELETING
    work()
    assert fresh(vm).state is State.DELETED
    assert vm.deleted_at
    assert cloud.stacks("tenant-a") == []
    assert quotas.usage(lab.id) == quotas.Amount()


def test_deleting_twice_is_deleting_once(vm: Vm, ada: User, work: Worker) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    assert fresh(vm).state is State.DELETED


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
def test_deleting_while_it_is_being_made_leaves_nothing(
    steps: int, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    made = launch(ada, lab)
    for _ in range(steps):
        work.once()
        clock.forward(0.7)
    vms.ask(fresh(made), Event.DELETE, by=ada)
    work()
    assert fresh(made).state is State.DELETED
    assert cloud.stacks("tenant-a") == []


def test_deleting_while_the_create_is_in_flight_waits_for_it_to_show(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    made = launch(ada, lab)
    cloud.faults.add(Fault("drop_after", "POST", "orchestration", r"/stacks$"))
    work.once()
    vms.ask(fresh(made), Event.DELETE, by=ada)
    work()
    assert fresh(made).state is State.DELETED
    assert cloud.stacks("tenant-a") == []


def test_a_failed_deletion_is_tried_again_by_itself(vm: Vm, ada: User, cloud: Control, work: Worker) -> None:
    cloud.spoil_delete(lifecycle.stack_name(vm.id), "Conflict: security group in use")
    vms.ask(vm, Event.DELETE, by=ada)
    work(until=lambda: bool(fresh(vm).trouble))
    assert "security group in use" in (vm.trouble or "")
    work()
    assert fresh(vm).state is State.DELETED


def test_a_failed_launch_is_explained_and_may_be_tried_again(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=0)
    made = launch(ada, lab)
    work()
    made = fresh(made)
    assert made.state is State.ERROR
    assert explain.failure(made.failure or "").rule == "nova_quota"
    cloud.set_quota("tenant-a", cores=100)
    failed = made.stack_id
    vms.ask(made, Event.RETRY, by=ada)
    work()
    made = fresh(made)
    assert made.state is State.ACTIVE
    assert [stack["id"] for stack in cloud.stacks("tenant-a")] == [made.stack_id]
    assert made.stack_id != failed


def test_a_vm_that_was_active_is_never_rebuilt(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    behind.heat.delete(str(vm.stack_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    assert Event.RETRY not in vms.actions(fresh(vm), ada)
    with pytest.raises(Refused):
        vms.ask(vm, Event.RETRY, by=ada)


def test_a_server_deleted_behind_the_portal_is_noticed(vm: Vm, cloud: Control, work: Worker) -> None:
    cloud.delete_server(str(vm.server_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    assert "outside the portal" in (vm.failure or "")


def test_a_server_stopped_behind_the_portal_is_mirrored(vm: Vm, behind: Cloud, work: Worker) -> None:
    behind.nova.stop(str(vm.server_id))
    work(until=lambda: fresh(vm).power == "SHUTOFF")
    assert vm.state is State.ACTIVE


def test_a_stack_that_never_ends_loses_patience_and_may_recover(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.configure(stack_seconds=3000)
    made = launch(ada, lab)
    work(until=lambda: fresh(made).state is State.PROVISIONING)
    clock.forward(lifecycle.PATIENCE[State.PROVISIONING].total_seconds())
    work(until=lambda: fresh(made).state is State.ERROR)
    assert "didn't finish within" in (made.failure or "")
    clock.forward(600)
    work(until=lambda: fresh(made).state is State.ACTIVE)
    assert made.failure is None


def possible(vm: Vm, user: User) -> list[Action]:
    return [action for action in Action if not power.why_not(vm, action, user)]


def test_stop_start_and_reboot(vm: Vm, ada: User, work: Worker) -> None:
    assert possible(vm, ada) == [Action.STOP, Action.REBOOT, Action.RESET]
    power.ask(vm, Action.STOP, by=ada)
    assert possible(fresh(vm), ada) == []
    work()
    assert fresh(vm).power == "SHUTOFF"
    assert possible(vm, ada) == [Action.START]
    power.ask(vm, Action.START, by=ada)
    work()
    assert fresh(vm).power == "ACTIVE"
    power.ask(vm, Action.REBOOT, by=ada)
    work()
    power.ask(fresh(vm), Action.RESET, by=ada)
    work()
    assert (fresh(vm).power, vm.power_asked, vm.power_trouble) == ("ACTIVE", None, None)


def test_power_that_makes_no_sense_is_refused(vm: Vm, ada: User) -> None:
    with pytest.raises(Refused):
        power.ask(vm, Action.START, by=ada)


def test_power_that_the_cloud_refuses_is_told(vm: Vm, ada: User, cloud: Control, work: Worker) -> None:
    cloud.faults.add(Fault("status", "POST", "compute", r"/action$", status=409))
    power.ask(vm, Action.STOP, by=ada)
    work()
    assert fresh(vm).power_trouble
    assert vm.power == "ACTIVE"


def test_power_waits_for_a_silent_cloud_only_so_long(vm: Vm, ada: User, cloud: Control, work: Worker) -> None:
    cloud.faults.add(Fault("status", "GET", "compute", r"/servers/", status=500, times=10_000))
    power.ask(vm, Action.STOP, by=ada)
    work()
    assert (fresh(vm).power_trouble or "").startswith("It wasn't done")
    cloud.faults.clear()


def test_power_of_a_server_that_is_gone_says_so(vm: Vm, ada: User, cloud: Control, work: Worker) -> None:
    power.ask(vm, Action.STOP, by=ada)
    cloud.delete_server(str(vm.server_id))
    power.step(vm.id)
    assert fresh(vm).power_trouble == "The server is gone from OpenStack."


def test_the_console_is_fetched_by_a_worker_and_kept_for_a_while(vm: Vm, ada: User) -> None:
    assert power.console(vm).fetched_at is None
    power.ask_console(vm, by=ada)
    assert power.console(vm).pending
    power.fetch_console(vm.id)
    fetched = power.console(vm)
    assert fetched.text
    assert not fetched.pending
    assert fetched.fetched_at
    assert now() - fetched.fetched_at < timedelta(minutes=1)


def test_a_console_is_followed_while_somebody_looks(vm: Vm, ada: User, clock: Clock) -> None:
    power.look_again(vm)
    assert not power.console(vm).pending
    power.ask_console(vm, by=ada, follow=True)
    power.look_again(vm)
    power.fetch_console(vm.id)
    assert (power.console(vm).following, power.console(vm).pending) == (True, False)
    power.look_again(vm)
    assert power.console(vm).pending


def test_the_address_of_a_screen_is_shown_once(vm: Vm, ada: User, sam: User, cloud: Control) -> None:
    assert screens.take(vm) == screens.Screen()
    screens.ask(vm, by=ada)
    assert screens.take(vm).pending
    screens.fetch(vm.id)
    assert screens.take(vm).url.startswith("http://127.0.0.1:6080/")
    assert screens.take(vm) == screens.Screen()
    cloud.faults.add(Fault("status", "POST", "compute", r"/remote-consoles$", status=500))
    screens.fetch(vm.id)
    assert "OpenStack" in screens.take(vm).trouble
    with pytest.raises(Forbidden):
        screens.ask(vm, by=sam)
    vm.server_id = None
    with pytest.raises(Refused):
        screens.ask(vm, by=ada)
    db.session.rollback()


def test_a_console_that_can_not_be_had_says_why(vm: Vm, ada: User, cloud: Control) -> None:
    cloud.faults.add(Fault("status", "POST", "compute", r"/action$", status=500))
    power.ask_console(vm, by=ada)
    power.fetch_console(vm.id)
    assert "OpenStack" in power.console(vm).trouble


def test_support_sees_everything_and_changes_nothing(vm: Vm, sam: User) -> None:
    assert vms.get(vm.id, for_=sam).id == vm.id
    assert inventory.search(sam, Wanted()).total == 1
    assert vms.actions(vm, sam) == []
    with pytest.raises(Forbidden):
        vms.ask(vm, Event.DELETE, by=sam)
    with pytest.raises(Forbidden):
        power.ask(vm, Action.STOP, by=sam)
    with pytest.raises(Forbidden):
        power.ask_console(vm, by=sam)


def test_a_stranger_finds_nothing(vm: Vm, eve: User) -> None:
    with pytest.raises(NotFound):
        vms.get(vm.id, for_=eve)
    assert inventory.search(eve, Wanted()).total == 0
    assert inventory.tally(eve, vm.tenant_id) == Tally()
    assert matters.lately(eve, vm.tenant_id) == []
    assert inventory.images(eve, vm.tenant_id) == inventory.tags(eve, vm.tenant_id) == []


def test_the_list_is_searched_by_name_and_address(vm: Vm, ada: User) -> None:
    assert inventory.search(ada, Wanted(text=vm.name[:4])).total == 1
    assert inventory.search(ada, Wanted(text=str(vm.private_ip))).total == 1
    assert inventory.search(ada, Wanted(text="%")).total == 0
    assert inventory.search(ada, Wanted(state=State.ERROR)).total == 0
    assert inventory.search(ada, Wanted(tenant_id=vm.tenant_id), page=99).page == 1
    assert inventory.tally(ada, vm.tenant_id) == Tally(running=1)
