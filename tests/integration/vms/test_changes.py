"""Changes of a running VM: size, firewall, address, name; done once, and undone when they fail."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from portal.domain.catalog.models import Flavor
from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.store.errors import Forbidden, Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import changes, changing, power, quotas, vms, wishes
from portal.domain.vms.lifecycle import Event, State, stack_name
from portal.domain.vms.models import Change, Vm
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.wizard import limit, write
from tests.support.world import BOTH, Clock, Worker, fresh, launch, only

DATABASES = BOTH


def flavor(vm: Vm, name: str) -> str:
    """The id of a size."""
    return next(size.thing.os_id for size in wishes.sizes(vm) if size.thing.name == name)


def resize(vm: Vm, by: User, name: str = "m1.medium") -> None:
    changes.ask(vm, wishes.resize(vm, flavor(vm, name)), by=by)


def test_a_resize_keeps_the_server_and_counts_in_the_quota(
    vm: Vm, ada: User, lab: Tenant, behind: Cloud, work: Worker
) -> None:
    server, before = vm.server_id, quotas.usage(lab.id)
    resize(vm, ada)
    assert quotas.usage(lab.id).vcpus == before.vcpus + 1
    work()
    vm = fresh(vm)
    assert (vm.server_id, vm.state, vm.spec["flavor"]["name"]) == (server, State.ACTIVE, "m1.medium")
    assert behind.heat.show(str(vm.stack_id)).parameters["flavor"] == vm.spec["flavor"]["id"]
    assert wishes.parameters(vm)["flavor"] == vm.spec["flavor"]["id"]
    assert (quotas.usage(lab.id).vcpus, quotas.usage(lab.id).ram_mib) == (2, 4096)
    assert changes.latest(vm) is None


def test_a_smaller_size_gives_back_only_when_it_is_there(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    resize(vm, ada)
    work()
    cloud.change("flavor", "m1.small", disk=40)
    write(update(Flavor).where(Flavor.name == "m1.small").values(disk_gib=40))
    resize(fresh(vm), ada, "m1.small")
    assert quotas.usage(lab.id).vcpus == 2
    work()
    assert quotas.usage(lab.id).vcpus == 1


def test_asking_twice_is_asking_once_and_anything_else_waits(vm: Vm, ada: User) -> None:
    resize(vm, ada)
    resize(fresh(vm), ada)
    assert db.session.scalar(select(func.count(Change.id))) == 1
    with pytest.raises(Refused, match="on its way"):
        changes.ask(fresh(vm), wishes.firewall(vm, "web"), by=ada)


def test_what_the_quota_has_not_left_is_refused(vm: Vm, ada: User, lab: Tenant) -> None:
    wish = wishes.resize(vm, flavor(vm, "m1.medium"))
    limit(lab, quota_vcpus=1)
    with pytest.raises(Refused, match="vCPU: 1 wanted, 0 of 1 left"):
        changes.ask(fresh(vm), wish, by=ada)
    assert "Over the quota" in next(one.why for one in wishes.sizes(vm) if one.thing.name == "m1.medium")
    with pytest.raises(Refused, match="can't be had"):
        resize(vm, ada)


def test_a_size_that_no_disk_or_image_fits_says_why(vm: Vm, ada: User, lab: Tenant, work: Worker) -> None:
    assert {size.thing.name for size in wishes.sizes(vm) if size.why} >= {"m1.tiny"}
    with pytest.raises(Refused, match="another size"):
        wishes.resize(vm, str(vm.spec["flavor"]["id"]))


def test_what_fails_is_undone_and_told(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, behind: Cloud, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=1)
    resize(vm, ada)
    work()
    told = changes.latest(fresh(vm))
    assert told
    assert "Quota exceeded for cores" in (told.answer or "")
    assert (vm.spec["flavor"]["name"], vm.state) == ("m1.small", State.ACTIVE)
    assert quotas.usage(lab.id).vcpus == 1
    stack = behind.heat.show(str(vm.stack_id))
    assert (stack.status, stack.parameters["flavor"]) == ("UPDATE_COMPLETE", told.before["flavor"])
    cloud.set_quota("tenant-a", cores=100)
    resize(vm, ada)
    work()
    assert fresh(vm).spec["flavor"]["name"] == "m1.medium"


def test_no_server_is_made_anew(vm: Vm, ada: User, lab: Tenant, behind: Cloud, work: Worker) -> None:
    """A template whose user data names the size: Heat would replace the server."""
    stack = behind.heat.show(str(vm.stack_id))
    template = vm.template.replace("package_update: true", "package_update: true  # $size").replace(
        "$ssh_keys: {get_param: ssh_keys}",
        "$ssh_keys: {get_param: ssh_keys}\n            $size: {get_param: flavor}",
    )
    assert template != vm.template
    behind.heat.delete(stack.id, stack.name)
    work(until=lambda: fresh(vm).state is State.ERROR)
    other = launch(ada, lab, name="other")
    db.session.get_one(Vm, other.id).template = template
    db.session.commit()
    work()
    resize(fresh(other), ada)
    work()
    told = changes.latest(fresh(other))
    assert told
    assert "make the server anew" in (told.answer or "")
    assert fresh(other).spec["flavor"]["name"] == "m1.small"


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
def test_a_lost_answer_doubles_nothing(
    kind: str, vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    cloud.faults.add(Fault(kind, "PATCH", "orchestration", r"/stacks/[^/]+/[^/]+$", status=500))
    resize(vm, ada)
    work()
    assert fresh(vm).spec["flavor"]["name"] == "m1.medium"
    assert [one.action for one in behind.nova.instance_actions(str(vm.server_id))].count("resize") == 1


def test_a_change_that_heat_refuses_is_told(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "PATCH", "orchestration", r"/preview$", status=400))
    resize(vm, ada)
    work()
    assert changes.latest(fresh(vm))
    assert quotas.usage(lab.id).vcpus == 1


def test_what_can_not_be_undone_says_so_and_stays_counted(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=1)
    resize(vm, ada)
    work(until=lambda: bool(only(Change).failure))
    cloud.faults.add(Fault("status", "PATCH", "orchestration", r"/preview$", status=400))
    work()
    assert "could not be undone" in (only(Change).answer or "")
    assert quotas.usage(lab.id).vcpus == 2


# Seconds, a little less than a change is waited for.
NEARLY = 44 * 60


def test_nobody_waits_for_ever(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.faults.add(Fault("status", "GET", "orchestration", r"/stacks/vm-", status=500, times=10_000))
    resize(vm, ada)
    work.once()
    clock.forward(NEARLY)
    work()
    cloud.faults.clear()
    assert "within 45 minutes" in (only(Change).answer or "")
    assert quotas.usage(lab.id).vcpus == 1
    resize(fresh(vm), ada)
    work(until=lambda: bool(db.session.scalar(select(Change.sent_at).where(Change.ended_at.is_(None)))))
    cloud.stick(stack_name(vm.id))
    work.once()
    clock.forward(NEARLY)
    work()
    answers = db.session.scalars(select(Change.answer).order_by(Change.asked_at)).all()
    assert "may still be at it" in (answers[1] or "")
    assert quotas.usage(lab.id).vcpus == 2


def test_deletion_goes_before_a_change(vm: Vm, ada: User, lab: Tenant, work: Worker) -> None:
    resize(vm, ada)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    assert "given up" in (only(Change).answer or "")
    assert quotas.usage(lab.id) == quotas.Amount()


def test_a_stack_that_is_gone_ends_the_change(vm: Vm, ada: User, cloud: Control) -> None:
    resize(vm, ada)
    cloud.abandon(stack_name(vm.id))
    changing.step(only(Change).id)
    assert only(Change).answer == "The VM's stack is gone from OpenStack."
    changing.step(only(Change).id)


def test_who_may_not_or_can_not_is_told_why(vm: Vm, ada: User, sam: User, work: Worker) -> None:
    wish = wishes.firewall(vm, "web")
    with pytest.raises(Forbidden):
        changes.ask(vm, wish, by=sam)
    assert "role" in changes.why_not(vm, sam)
    power.ask(vm, power.Action.STOP, by=ada)
    assert "power" in changes.why_not(fresh(vm), ada)
    work()
    assert changes.why_not(fresh(vm), ada) == ""
    vm.power = "RESIZE"
    assert "neither running nor stopped" in changes.why_not(vm, ada)
    vm.state = State.ERROR
    assert "active" in changes.why_not(vm, ada)
    db.session.rollback()


def test_another_firewall(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    assert ("web", "SSH, HTTP and HTTPS from anywhere") in wishes.firewalls(vm)
    changes.ask(vm, wishes.firewall(vm, "web"), by=ada)
    work()
    assert fresh(vm).spec["answers"]["Firewall"] == "SSH, HTTP and HTTPS from anywhere"
    changes.ask(vm, wishes.firewall(vm, "mine", "203.0.113.7/32"), by=ada)
    work()
    assert behind.heat.show(str(fresh(vm).stack_id)).parameters["ssh_from"] == "203.0.113.7/32"
    with pytest.raises(Refused, match="Write an address"):
        wishes.firewall(vm, "mine", "nonsense")
    with pytest.raises(Refused, match="Choose one"):
        wishes.firewall(vm, "nonsense")
    with pytest.raises(Refused, match="so already"):
        wishes.firewall(vm, "mine")


def test_a_floating_ip_comes_and_goes(vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker) -> None:
    changes.ask(vm, wishes.address(vm, wanted=True), by=ada)
    assert quotas.usage(lab.id).floating_ips == 1
    work()
    assert fresh(vm).public_ip
    assert "public_address" in vm.spec["resources"]
    changes.ask(vm, wishes.address(vm, wanted=False), by=ada)
    assert quotas.usage(lab.id).floating_ips == 1
    work()
    assert (fresh(vm).public_ip, quotas.usage(lab.id).floating_ips) == (None, 0)


def test_an_address_that_can_not_be_had_takes_no_quota(
    vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", floating_ips=0)
    changes.ask(vm, wishes.address(vm, wanted=True), by=ada)
    work()
    told = changes.latest(fresh(vm))
    assert told
    assert "Quota exceeded" in (told.answer or "")
    assert quotas.usage(lab.id).floating_ips == 0


def test_what_can_not_be_opened_is_not_changed(vm: Vm, ada: User) -> None:
    write(update(Vm).values(sealed=b"lost"))
    with pytest.raises(Refused, match="can't be opened"):
        resize(fresh(vm), ada)


def test_another_name(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    changes.ask(vm, wishes.rename(vm, "better-name"), by=ada)
    work()
    assert behind.nova.server(str(fresh(vm).server_id)).name == "better-name"


def test_a_failed_change_is_news_for_a_day(
    vm: Vm, ada: User, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.set_quota("tenant-a", cores=1)
    resize(vm, ada)
    assert changes.wait(changes.latest(vm)) == 1
    work()
    assert changes.wait(changes.latest(fresh(vm))) is None
    clock.forward(timedelta(days=1).total_seconds())
    assert changes.latest(fresh(vm)) is None


def test_a_killed_step_is_taken_up_at_once(vm: Vm, ada: User) -> None:
    resize(vm, ada)
    change: UUID = only(Change).id
    with_lease = now() + timedelta(seconds=90)
    db.session.get_one(Change, change).due_at = with_lease
    db.session.commit()
    changing.step(change)
    assert only(Change).sent_at is None
    changing.release(change)
    changing.step(change)
    assert only(Change).sent_at
