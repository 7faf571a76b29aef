"""What the portal waits for, how it says so, and when it waits no longer."""

import pytest
from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.domain.tenants.models import Credential, Standing, Tenant
from portal.domain.vms import findings, lifecycle, polling, power, provisioning, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import FindingKind, Vm
from portal.domain.vms.power import Action
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import observed
from tests.support.world import Clock, Worker, fresh, launch


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "OpenStack doesn't allow this to the tenant's credential (orchestration: Set on purpose.)."),
        (409, "OpenStack says no for now (orchestration: Set on purpose.); the portal tries again."),
        (503, "What you asked for is kept and goes on by itself."),
    ],
)
def test_what_holds_a_launch_up_is_said_in_plain_words(
    status: int, words: str, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "GET", "orchestration", ".*", status=status, times=0))
    made = launch(ada, lab)
    provisioning.step(made.id)
    assert words in (fresh(made).trouble or "")
    cloud.faults.clear()
    work()
    assert (fresh(made).state, made.trouble) == (State.ACTIVE, None)


def test_a_launch_waits_for_a_credential(ada: User, lab: Tenant, work: Worker) -> None:
    with transaction():
        db.session.execute(update(Credential).values(standing=Standing.STAGED))
    made = launch(ada, lab)
    provisioning.step(made.id)
    assert "an administrator has to add one" in (fresh(made).trouble or "")
    with transaction():
        db.session.execute(update(Credential).values(standing=Standing.CURRENT))
    work()
    assert fresh(made).state is State.ACTIVE


def test_nothing_due_is_nothing_asked(vm: Vm, lab: Tenant) -> None:
    polling.poll(lab.id)
    with observed() as calls:
        polling.poll(lab.id)
        provisioning.step(vm.id)
        power.step(vm.id)
    assert calls == []


def test_many_vms_are_asked_for_in_one_question(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    made = [launch(ada, lab) for _ in range(polling.FEW_SERVERS + 1)]
    work()
    gone = str(fresh(made[0]).server_id)
    cloud.delete_server(gone)
    clock.forward(3600)
    with observed() as calls:
        polling.poll(lab.id)
    assert [fresh(one).state for one in made] == [State.ERROR] + [State.ACTIVE] * polling.FEW_SERVERS
    asked = [call.path for call in calls if call.service == "compute"]
    # One for all of them, one more before it is believed that a server is gone, and what was done to it.
    assert [path.rpartition("/")[2] for path in asked] == ["detail", gone, "os-instance-actions"]


def test_a_vm_that_was_active_does_not_come_back_by_itself(vm: Vm, cloud: Control, work: Worker) -> None:
    cloud.delete_server(str(vm.server_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    looked = fresh(vm).checked_at
    work(until=lambda: fresh(vm).checked_at != looked)
    assert (vm.state, vm.stack_status) == (State.ERROR, "CREATE_COMPLETE")


def test_a_deletion_that_heat_took_and_forgot_is_sent_again(
    vm: Vm, ada: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    before = cloud.remember()
    vms.ask(vm, Event.DELETE, by=ada)
    provisioning.step(vm.id)
    cloud.restore(before)
    with observed() as calls:
        work(seconds=120)
    assert fresh(vm).state is State.DELETED
    assert [call.method for call in calls].count("DELETE") == 1
    assert cloud.stacks("tenant-a") == []


def test_a_deletion_that_never_ends_becomes_a_finding(
    vm: Vm, ada: User, root: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    vms.ask(vm, Event.DELETE, by=ada)
    provisioning.step(vm.id)
    cloud.stick(lifecycle.stack_name(vm.id))
    clock.forward(lifecycle.PATIENCE[State.DELETING].total_seconds() + 1)
    work(until=lambda: fresh(vm).state is State.ERROR)
    assert vm.failure == "The cloud didn't finish within 30 minutes."
    [finding] = findings.open_ones(root)
    assert (finding.kind, finding.subject) == (FindingKind.STUCK_DELETE, vm.stack_id)
    assert finding.proof["status"] == "DELETE_IN_PROGRESS"


def test_a_server_that_does_not_stop_is_not_waited_for_for_ever(
    vm: Vm, ada: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.configure(power_seconds=100_000)
    power.ask(vm, Action.STOP, by=ada)
    work.once()
    clock.forward(power.PATIENCE.total_seconds() - 5)
    work.once()
    assert fresh(vm).power_asked
    clock.forward(10)
    work()
    assert (fresh(vm).power_trouble, vm.power_asked) == ("The server didn't stop within 3 minutes.", None)
