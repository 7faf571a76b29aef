"""A cloud that doesn't answer is left alone, said so, and asked again; what waited goes on by itself."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from portal.domain.catalog import catalog
from portal.domain.people.models import User
from portal.domain.store.db import now
from portal.domain.tenants import circuits, clouds, tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import power, reconcile
from portal.domain.vms.lifecycle import State
from portal.openstack.cloud import Call
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH


@pytest.fixture
def calls() -> Iterator[list[Call]]:
    seen: list[Call] = []
    stop = clouds.watch(seen.append)
    yield seen
    stop()


def silence(cloud: Control) -> None:
    cloud.faults.add(Fault("status", service="orchestration", status=503, times=0))


def test_a_silent_cloud_opens_the_circuit_and_nobody_asks_until_its_pause_is_over(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock, calls: list[Call]
) -> None:
    silence(cloud)
    launch(ada, lab)
    work(until=lambda: circuits.is_open(fresh(lab)))
    assert lab.silent_since
    assert now() - lab.silent_since < timedelta(minutes=1)
    calls.clear()
    clock.forward(2)
    work.once()
    with pytest.raises(circuits.Silent, match="doesn't answer since"):
        clouds.of(lab.id)
    assert calls == []


def test_one_caller_tries_when_the_pause_is_over_and_its_silence_opens_it_for_longer(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    silence(cloud)
    launch(ada, lab)
    work(until=lambda: circuits.is_open(fresh(lab)))
    before = fresh(lab).silent_tries
    clock.forward(circuits.LONGEST_PAUSE.total_seconds())
    clouds.of(lab.id)
    with pytest.raises(circuits.Silent):
        clouds.of(lab.id)
    clock.forward(circuits.TRIAL.total_seconds() + 1)
    work(until=lambda: fresh(lab).silent_tries > before)
    assert (lab.ask_again_at or now()) > now()


def test_what_waited_goes_on_by_itself_when_the_cloud_is_back(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    silence(cloud)
    waiting = [launch(ada, lab), launch(ada, lab)]
    work(until=lambda: circuits.is_open(fresh(lab)))
    work.once()
    assert "doesn't answer" in (fresh(waiting[0]).trouble or "")
    cloud.faults.clear()
    work(seconds=300)
    assert {fresh(vm).state for vm in waiting} == {State.ACTIVE}
    assert fresh(lab).silent_since is None
    assert fresh(waiting[0]).trouble is None


@pytest.mark.parametrize("other", ["catalogue", "reconciler", "power"])
def test_an_answer_to_somebody_else_has_those_who_look_after_vms_ask_at_once(
    other: str, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    up = launch(ada, lab)
    work(until=lambda: fresh(up).state is State.ACTIVE)
    silence(cloud)
    waiting = launch(ada, lab)
    work(until=lambda: circuits.is_open(fresh(lab)))
    clock.forward(reconcile.EVERY.total_seconds())
    cloud.faults.clear()
    if other == "catalogue":
        catalog.ask_refresh(lab, by=ada)
        assert catalog.refresh(lab.id)
    elif other == "reconciler":
        assert reconcile.sweep(lab.id)
    else:
        power.ask(up, power.Action.STOP, by=ada)
        power.step(up.id)
    work.once()
    assert fresh(lab).silent_since is None
    assert fresh(waiting).state is not State.REQUESTED


def test_a_silent_cloud_of_one_tenant_holds_up_no_other(
    ada: User, lab: Tenant, eve: User, school: Tenant, cloud: Control, work: Worker
) -> None:
    tenants.move(lab, "http://127.0.0.1:9/v3")
    stuck, well = launch(ada, lab), launch(eve, school)
    work(until=lambda: fresh(well).state is State.ACTIVE)
    assert fresh(stuck).state is State.REQUESTED


def test_an_answer_that_is_an_error_is_still_an_answer(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "GET", "orchestration", status=500, times=5))
    launch(ada, lab)
    work()
    assert fresh(lab).silent_tries == 0


def test_only_so_many_workers_ask_one_cloud_at_a_time(
    ada: User, lab: Tenant, work: Worker, clock: Clock, calls: list[Call]
) -> None:
    vm = launch(ada, lab)
    with ExitStack() as busy:
        for _ in range(clouds.PLACES["step"]):
            busy.enter_context(clouds.turn(lab.id, "step"))
        with pytest.raises(clouds.Busy), clouds.turn(lab.id, "step"):
            pass
        work.once()
        assert fresh(vm).state is State.REQUESTED
        assert (vm.look_failures, vm.trouble) == (0, None)
    work()
    assert fresh(vm).state is State.ACTIVE
