"""Who is looked at first when much is due: VMs on their way before those at rest, and each tenant's turn."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import insert, select, update

from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms import polling, provisioning
from portal.domain.vms.models import HeatEvent, Vm
from portal.sandbox.control import Control
from tests.support.calls import observed
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH


def resting(vm: Vm, late: int) -> UUID:
    """A tenant with a VM at rest, like this one, that should have been looked at so many seconds ago."""
    tenant_id = uuid4()
    columns = {column.key: getattr(vm, column.key) for column in Vm.__table__.columns}
    own = {"id": uuid4(), "tenant_id": tenant_id, "look_at": now() - timedelta(seconds=late)}
    with db.engine.begin() as connection:
        connection.execute(
            insert(Tenant), [{"id": tenant_id, "name": str(tenant_id), "auth_url": "http://x/v3"}]
        )
        connection.execute(insert(Vm), [columns | own])
    db.session.rollback()
    return tenant_id


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    """It was looked at just now."""
    made = launch(ada, lab)
    work()
    polling.poll(lab.id)
    return fresh(made)


def test_of_tenants_at_rest_those_overdue_longest_come_first_and_few_at_once(vm: Vm) -> None:
    late = {seconds: resting(vm, seconds) for seconds in (10, 30, 20)}
    assert list(polling.due(resting=2).resting) == [late[30], late[20]]
    assert set(polling.due().resting) == set(late.values())


def test_what_is_on_its_way_is_due_however_many_rest(vm: Vm, ada: User, lab: Tenant) -> None:
    for seconds in (10, 20):
        resting(vm, seconds)
    other = launch(ada, lab, name="other")
    provisioning.step(other.id)
    due = polling.due(resting=0)
    assert (list(due.steps), list(due.tenants)) == ([], [lab.id])


def test_a_failed_launch_without_a_stack_is_never_due(vm: Vm, clock: Clock) -> None:
    with transaction():
        db.session.execute(update(Vm).values(state="error", stack_id=None))
    clock.forward(3600)
    assert (list(polling.due().steps), list(polling.due().resting)) == ([], [])


def test_tenants_at_rest_wait_while_the_queue_is_long(vm: Vm) -> None:
    tenant_id = resting(vm, 10)
    with db.engine.begin() as connection:
        connection.execute(update(Tenant).values(catalog_due_at=now() + timedelta(1)))
        connection.execute(update(Tenant).values(reconcile_due_at=now() + timedelta(1)))
    volatile.client().flushdb()
    for _ in range(polling.RESTING_JOBS):
        wake.vm(uuid4())
    assert polling.tick() == 0
    volatile.client().flushdb()
    assert polling.tick() == 1
    assert wake.waiting()[wake.VMS] == 1
    assert list(polling.due().resting) == [tenant_id]


def test_tenants_at_rest_are_polled_some_by_one_job_and_each_by_one_at_a_time(vm: Vm) -> None:
    late = [resting(vm, seconds) for seconds in range(polling.IN_TURN + 3, 1, -1)]
    volatile.client().flushdb()
    wake.tenant(late[0])
    polling.tick()
    polling.tick()
    queued = Queue(wake.VMS, connection=volatile.client(), serializer=JSONSerializer).jobs
    assert [job.args[0] for job in queued if job.func_name == "portal.worker.poll"] == [str(late[0])]
    turns = [job.args[0] for job in queued if job.func_name == "portal.worker.poll_in_turn"]
    assert turns == [list(map(str, late[1 : polling.IN_TURN])), list(map(str, late[polling.IN_TURN :]))]


def test_the_events_of_a_crowd_are_read_in_turns(
    ada: User, lab: Tenant, cloud: Control, clock: Clock, work: Worker
) -> None:
    cloud.configure(stack_seconds=60)
    crowd = [launch(ada, lab, name=f"crowd-{number}") for number in range(polling.FOLLOWED_AT_ONCE + 3)]
    for vm in crowd:
        provisioning.step(vm.id)
    polling.poll(lab.id)
    with observed() as calls:
        clock.forward(2)
        polling.poll(lab.id)
    assert sum(call.path.endswith("/events") for call in calls) == polling.FOLLOWED_AT_ONCE
    work()
    told = set(db.session.scalars(select(HeatEvent.vm_id).where(HeatEvent.status == "CREATE_COMPLETE")))
    assert told == {vm.id for vm in crowd}
