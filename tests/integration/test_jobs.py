"""Jobs: what the clock and people put on the queue is done by workers, under the request that asked."""

import json
import zlib
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer

from portal import log, worker
from portal.clock import Clock
from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from portal.domain.vms import power, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Vm
from portal.domain.vms.power import Action
from portal.worker import Worker
from tests.support.calls import observed
from tests.support.world import Clock as Time
from tests.support.world import fresh, launch, only

Until = Callable[[Callable[[], bool]], None]


def queue(name: str) -> Queue:
    return Queue(name, connection=volatile.client(), serializer=JSONSerializer)


def run_all() -> None:
    """Runs what waits on both queues, in this process."""
    for name in (wake.VMS, wake.CHORES):
        for job in queue(name).jobs:
            queue(name).remove(job)
            job.perform()
    db.session.rollback()


@pytest.fixture
def until(app: Flask, clock: Time, monkeypatch: pytest.MonkeyPatch) -> Until:
    """The clock ticks and a worker works until it is so."""
    monkeypatch.setattr(worker, "app", lambda: app)
    ticking = Clock(app)

    def work(condition: Callable[[], bool]) -> None:
        for _ in range(60):
            ticking.tick()
            run_all()
            if condition():
                return
            clock.forward(1)
        raise AssertionError("it never came true")

    return work


@pytest.fixture
def vm(ada: User, lab: Tenant, until: Until) -> Vm:
    """A VM that clock and worker made."""
    made = launch(ada, lab)
    until(lambda: fresh(made).state is State.ACTIVE)
    return made


def test_clock_and_worker_make_a_vm_and_take_it_away(vm: Vm, ada: User, until: Until) -> None:
    assert vm.private_ip
    vms.ask(vm, Event.DELETE, by=ada)
    until(lambda: fresh(vm).state is State.DELETED)


def test_power_and_console_are_jobs_too(vm: Vm, ada: User, until: Until) -> None:
    power.ask_console(vm, by=ada)
    power.ask(vm, Action.STOP, by=ada)
    until(lambda: fresh(vm).power == "SHUTOFF" and bool(power.console(vm).text))


def test_the_catalogue_and_the_comparison_with_the_cloud_are_jobs_too(
    lab: Tenant, until: Until, clock: Time
) -> None:
    before = lab.catalog_checked_at
    clock.forward(3600)
    with observed() as calls:
        until(lambda: fresh(lab).catalog_checked_at != before)
    assert any(call.path.endswith("/stacks") for call in calls)


def test_a_request_is_followed_from_the_click_to_openstack(ada: User, lab: Tenant, until: Until) -> None:
    request_id = f"req-{uuid4()}"
    with log.context(request_id=request_id):
        launch(ada, lab)
    with observed() as calls:
        run_all()
    assert {call.sent_request_id for call in calls} == {request_id}


def test_a_job_that_begins_makes_room_for_the_next(ada: User, lab: Tenant, until: Until) -> None:
    vm = launch(ada, lab)
    wake.vm(vm.id)
    assert [job.func_name for job in queue(wake.VMS).jobs] == ["portal.worker.step"]
    run_all()
    wake.vm(vm.id)
    assert "portal.worker.step" in [job.func_name for job in queue(wake.VMS).jobs]


def test_a_dead_worker_is_noticed_within_seconds(app: Flask) -> None:
    first, second = (Worker(wake.VMS, volatile.client()) for _ in range(2))
    assert first.name != second.name
    assert first.name.startswith(f"{wake.VMS}-")
    job = Queue(wake.VMS, connection=volatile.client(), serializer=JSONSerializer).enqueue(
        "portal.worker.step"
    )
    assert first.get_heartbeat_ttl(job) <= 15
    assert first.dequeue_timeout == worker.DEQUEUE_SECONDS
    first.heartbeat()
    assert volatile.beats("worker:").keys() == {f"worker:{first.name}"}


def test_what_waits_in_redis_is_no_object_and_no_secret(ada: User, lab: Tenant) -> None:
    launch(ada, lab, offering="own-cloud-init", user_data="#cloud-config\nruncmd: [echo MARKED-SECRET]\n")
    [job] = queue(wake.VMS).jobs
    data = volatile.client().hget(job.key, "data")
    assert isinstance(data, bytes)
    assert json.loads(zlib.decompress(data)) == ["portal.worker.step", None, [str(only(Vm).id), None], {}]
