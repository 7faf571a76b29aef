"""Changes at their edges: what comes between, what can't be asked for, and what ended meanwhile."""

from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from portal.domain.catalog.hot import Role
from portal.domain.catalog.models import Flavor
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now
from portal.domain.store.errors import Refused
from portal.domain.tenants import clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms import changes, changing, describing, ending, polling, removals, wishes
from portal.domain.vms.describing import Told
from portal.domain.vms.lifecycle import State
from portal.domain.vms.models import Change, ChangeKind, Vm
from portal.openstack.cloud import Call, Cloud
from portal.openstack.previews import Preview, Touched
from portal.sandbox.control import Control
from tests.support.wizard import write
from tests.support.world import Clock, Worker, fresh, launch, only

BARE = """
heat_template_version: 2018-08-31
resources:
  nothing:
    type: OS::Heat::None
outputs:
  server_id: {value: ""}
  private_ip: {value: ""}
  public_ip: {value: ""}
"""


def resize(vm: Vm, by: User) -> Change:
    wanted = next(size.thing.os_id for size in wishes.sizes(vm) if size.thing.name == "m1.medium")
    changes.ask(vm, wishes.resize(vm, wanted), by=by)
    return only(Change)


def test_a_cloud_that_is_asked_enough_is_asked_later(vm: Vm, ada: User, lab: Tenant, work: Worker) -> None:
    change = resize(vm, ada)
    with ExitStack() as busy:
        for _ in range(clouds.PLACES["step"]):
            busy.enter_context(clouds.turn(lab.id, "step"))
        changing.step(change.id)
        waits = only(Change)
        assert (waits.sent_at, waits.trouble, waits.is_open) == (None, None, True)
    work()
    assert fresh(vm).spec["flavor"]["name"] == "m1.medium"


def test_a_step_that_was_overtaken_sends_nothing(vm: Vm, ada: User, behind: Cloud) -> None:
    """Its lease ran out while the cloud thought about the preview, and somebody else went on."""
    change = resize(vm, ada)

    def overtake(call: Call) -> None:
        if call.path.endswith("/preview"):
            with db.engine.begin() as elsewhere:
                elsewhere.execute(update(Change).values(due_at=now() + timedelta(hours=1)))

    stop = clouds.watch(overtake)
    changing.step(change.id)
    stop()
    assert only(Change).sent_at is None
    assert behind.heat.show(str(vm.stack_id)).parameters["flavor"] == vm.spec["flavor"]["id"]


def test_an_undoing_that_fails_says_so(vm: Vm, ada: User, cloud: Control, work: Worker, clock: Clock) -> None:
    cloud.set_quota("tenant-a", cores=1)
    resize(vm, ada)
    work(until=lambda: bool(only(Change).failure and only(Change).sent_at))
    clock.forward(30)
    assert [row["phase"] for row in cloud.rows("stack")] == ["COMPLETE"]
    cloud.alter("stack", str(vm.stack_id), phase="FAILED", reason="The host is on fire.")
    work()
    assert "It could not be undone: The host is on fire." in (only(Change).answer or "")


def test_what_would_be_made_anew_is_named() -> None:
    port = Touched("public_port", "OS::Neutron::Port")
    said = changing._harm(Preview((port,), (), ()), ChangeKind.RESIZE)
    assert said.startswith("Heat would make parts of the VM anew for this (public port)")


def test_what_has_ended_ends_once(vm: Vm, ada: User) -> None:
    change = resize(vm, ada)
    ending.unknown(change, vm, "Nobody knows.")
    ending.undone(change, vm, "It is as it was.")
    ending.came_true(change, vm, {})
    assert only(Change).answer == "Nobody knows."
    assert fresh(vm).vcpus == 2
    assert vm.spec["flavor"]["name"] == "m1.small"


def test_a_vm_without_these_parameters_is_not_asked_for_more(vm: Vm, ada: User) -> None:
    write(update(Vm).values(template=BARE, offering="gone"))
    vm = fresh(vm)
    assert not wishes.can(vm, Role.NAME)
    with pytest.raises(Refused, match="no floating IP"):
        wishes.address(vm, wanted=True)
    with pytest.raises(Refused, match="template doesn't let"):
        wishes.rename(vm, "better-name")
    said = describing.describe(vm, Told("better-name", "", ""), by=ada)
    assert "its template doesn't let it be changed" in said
    assert {size.thing.name for size in wishes.sizes(vm)} >= {"m1.medium"}


def test_an_address_needs_a_network_that_gives_some(vm: Vm) -> None:
    write(update(Vm).values(spec=vm.spec | {"network": {"id": str(uuid4()), "name": "elsewhere"}}))
    assert wishes.no_address(fresh(vm)) == "Its network gives no floating IPs."


def test_a_size_too_small_for_the_template_says_so(vm: Vm) -> None:
    write(update(Flavor).where(Flavor.name == "m1.medium").values(ram_mib=128))
    why = next(size.why for size in wishes.sizes(fresh(vm)) if size.thing.name == "m1.medium")
    assert "memory" in why.lower()


def test_describing_again_is_nothing_and_a_deleted_vm_stays_as_it_is(vm: Vm, ada: User) -> None:
    same = Told(vm.name, "", "")
    assert describing.describe(vm, same, by=ada) == ""
    write(update(Vm).values(state=State.DELETED))
    with pytest.raises(Refused, match="It is deleted"):
        describing.describe(fresh(vm), same, by=ada)


def test_the_clock_queues_planned_deletions_and_ending_leases(
    vm: Vm, ada: User, lab: Tenant, work: Worker, clock: Clock
) -> None:
    leased = launch(ada, lab, name="leased", **{"vm:lease": "1"})
    work(until=lambda: fresh(leased).state is State.ACTIVE)
    removals.plan(fresh(vm), by=ada)
    clock.forward(timedelta(days=2).total_seconds())
    due = polling.due()
    assert (list(due.removals), list(due.leases)) == ([vm.id], [leased.id])
    db.session.rollback()
    before = wake.waiting()[wake.VMS]
    polling.tick()
    assert wake.waiting()[wake.VMS] >= before + 2
