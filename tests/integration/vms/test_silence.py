"""Through a long silence of the cloud: patience ends, nothing is sent twice, what was asked still counts."""

import pytest

from portal.domain.people.models import User
from portal.domain.store.db import now
from portal.domain.tenants import circuits
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle, marks, provisioning, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.calls import observed
from tests.support.world import Clock, Worker, fresh, launch

HOURS = 2 * 3600.0


@pytest.fixture
def vm(ada: User, lab: Tenant) -> Vm:
    """A VM that Heat is working on."""
    made = launch(ada, lab)
    provisioning.step(made.id)
    assert fresh(made).state is State.PROVISIONING
    return made


def silence(cloud: Control) -> None:
    cloud.faults.add(Fault("status", service="orchestration", status=503, times=0))


def test_a_stack_that_a_silent_cloud_tells_nothing_of_becomes_an_error_and_recovers_by_itself(
    vm: Vm, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    silence(cloud)
    work(until=lambda: circuits.is_open(fresh(lab)))
    clock.forward(2500)
    work(until=lambda: fresh(vm).state is State.ERROR)
    assert vm.failure == "The cloud didn't finish within 45 minutes. At present it doesn't answer."
    assert (vm.trouble or "").startswith("OpenStack doesn't answer")
    cloud.faults.clear()
    work(until=lambda: fresh(vm).state is State.ACTIVE, seconds=600)
    assert fresh(vm).failure is None
    assert fresh(vm).trouble is None


def test_patience_ends_for_what_is_overdue_alone(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.stick(lifecycle.stack_name(vm.id))
    clock.forward(2000)
    later = launch(ada, lab)
    provisioning.step(later.id)
    silence(cloud)
    clock.forward(701)
    work(until=lambda: fresh(vm).state is State.ERROR)
    assert fresh(later).state is State.PROVISIONING


def test_a_create_whose_answer_was_lost_is_not_sent_again_as_soon_as_a_long_silence_ends(
    ada: User, lab: Tenant, cloud: Control, behind: Cloud, work: Worker, clock: Clock
) -> None:
    cloud.faults.add(Fault("drop_before", "POST", "orchestration"))
    made = launch(ada, lab)
    provisioning.step(made.id)
    silence(cloud)
    work(until=lambda: circuits.is_open(fresh(lab)))
    clock.forward(3600)
    work.once()
    cloud.faults.clear()
    with observed() as calls:
        work(until=lambda: not fresh(lab).silent_tries)
        assert not [call for call in calls if call.method == "POST" and call.service == "orchestration"]
        # Only now does the cloud come to what lay in its queues.
        late = behind.heat.create(
            lifecycle.stack_name(made.id),
            "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n",
            {},
            tags=(marks.TAG, lifecycle.stack_name(made.id)),
            timeout_mins=5,
        )
        work()
    assert (fresh(made).state, made.stack_id) == (State.ACTIVE, late)
    assert len(cloud.stacks("tenant-a")) == 1


def test_a_create_that_was_lost_in_a_long_silence_is_sent_again_in_time(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("drop_before", "POST", "orchestration"))
    made = launch(ada, lab)
    provisioning.step(made.id)
    silence(cloud)
    work(until=lambda: circuits.is_open(fresh(lab)))
    cloud.faults.clear()
    work(until=lambda: not fresh(lab).silent_tries)
    back = now()
    work()
    assert fresh(made).state is State.ACTIVE
    assert now() - back > provisioning.SHOW_TIME


def test_a_deletion_that_waited_for_the_cloud_longer_than_it_may_last_still_ends(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    work()
    silence(cloud)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work(until=lambda: circuits.is_open(fresh(lab)))
    clock.forward(HOURS)
    cloud.faults.clear()
    work()
    assert fresh(vm).state is State.DELETED


def test_a_deletion_that_heat_has_begun_has_its_time_anew_after_a_silence(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    work()
    cloud.configure(stack_seconds=600)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    provisioning.step(vm.id)
    silence(cloud)
    work(until=lambda: circuits.is_open(fresh(lab)))
    cloud.stick(lifecycle.stack_name(vm.id))
    clock.forward(HOURS)
    cloud.faults.clear()
    work(until=lambda: not fresh(lab).silent_tries)
    work.once()
    assert fresh(vm).state is State.DELETING
