"""Rebuilds of a VM: its disk is made anew, once, from its own image again or from another one."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from portal.domain.catalog.models import Flavor, Image
from portal.domain.people.models import User
from portal.domain.store.db import db, now
from portal.domain.store.errors import Forbidden, Refused
from portal.domain.tenants import clouds
from portal.domain.vms import changes, changing, power, rebuilds, wishes
from portal.domain.vms.models import Change, FinishedLaunch, Vm
from portal.openstack.cloud import Call, Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.wizard import write
from tests.support.world import BOTH, Clock, Worker, fresh, only

DATABASES = BOTH


def own(vm: Vm) -> str:
    return str(vm.spec["image"]["id"])


def another(vm: Vm) -> Image:
    return next(one.image for one in rebuilds.sources(vm) if not one.is_own and not one.why)


def rebuild(vm: Vm, by: User, image: str) -> None:
    wish = rebuilds.rebuild(vm, image, typed=vm.name, seen_last=rebuilds.seen(vm))
    changes.ask(vm, wish, by=by)


def times(vm: Vm, behind: Cloud) -> int:
    """How often Nova was asked to rebuild its server."""
    return [one.action for one in behind.nova.instance_actions(str(vm.server_id))].count("rebuild")


def test_the_same_image_again_keeps_all_but_the_disk(
    vm: Vm, ada: User, behind: Cloud, cloud: Control, work: Worker
) -> None:
    before = vm.server_id, vm.private_ip, vm.spec
    rebuild(vm, ada, own(vm))
    work()
    vm = fresh(vm)
    assert only(Change).done
    assert (vm.server_id, vm.private_ip, vm.spec, vm.power) == (*before, "ACTIVE")
    assert times(vm, behind) == 1
    assert cloud.row("server", str(vm.server_id))["image_id"] == own(vm)


def test_another_image_is_true_in_heat_and_on_the_page(
    vm: Vm, ada: User, behind: Cloud, cloud: Control, work: Worker
) -> None:
    image = another(vm)
    write(update(Image).where(Image.id == image.id).values(admin_user="root2"))
    server = vm.server_id
    rebuild(fresh(vm), ada, image.os_id)
    work()
    vm = fresh(vm)
    assert (vm.image_name, vm.spec["image"]["name"], vm.spec["login"]) == (image.name, image.name, "root2")
    assert (vm.server_id, times(vm, behind)) == (server, 1)
    assert behind.heat.show(str(vm.stack_id)).parameters["image"] == image.os_id
    assert cloud.row("server", str(server))["image_id"] == image.os_id
    rebuild(vm, ada, image.os_id)
    work()
    assert times(vm, behind) == 2


def test_what_is_stopped_stays_stopped(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    power.ask(vm, power.Action.STOP, by=ada)
    work()
    for image in (own(vm), another(vm).os_id):
        rebuild(fresh(vm), ada, image)
        work()
        assert behind.nova.server(str(vm.server_id)).status == "SHUTOFF"
    assert times(vm, behind) == 2


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
def test_a_lost_answer_rebuilds_once(
    kind: str, vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    cloud.faults.add(Fault(kind, "POST", "compute", r"/action$", status=500))
    rebuild(vm, ada, own(vm))
    work()
    assert only(Change).done
    assert times(vm, behind) == 1


def test_what_nova_has_not_heard_is_waited_for_before_it_is_sent_again(
    vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker, clock: Clock
) -> None:
    cloud.faults.add(Fault("drop_before", "POST", "compute", r"/action$"))
    rebuild(vm, ada, own(vm))
    work(until=lambda: only(Change).sent_at is not None)
    clock.forward(20)
    changing.step(only(Change).id)
    assert times(vm, behind) == 0
    clock.forward(changing.UNHEARD.total_seconds())
    changing.step(only(Change).id)
    assert times(vm, behind) == 1


def test_a_step_that_was_overtaken_sends_nothing(vm: Vm, ada: User, behind: Cloud) -> None:
    """Its lease ran out while Nova told what it did, and somebody else went on."""
    rebuild(vm, ada, own(vm))

    def overtake(call: Call) -> None:
        if call.path.endswith("/os-instance-actions"):
            with db.engine.begin() as elsewhere:
                elsewhere.execute(update(Change).values(due_at=now() + timedelta(hours=1)))

    stop = clouds.watch(overtake)
    changing.step(only(Change).id)
    stop()
    assert (only(Change).sent_at, times(vm, behind)) == (None, 0)


def test_while_nova_is_at_it_it_is_only_looked_at(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    rebuild(vm, ada, own(vm))
    work(until=lambda: only(Change).sent_at is not None)
    write(update(Change).values(due_at=now()))
    assert behind.nova.server(str(vm.server_id)).status == "REBUILD"
    changing.step(only(Change).id)
    assert only(Change).is_open
    assert times(vm, behind) == 1


def test_a_form_sent_twice_rebuilds_once(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    seen = rebuilds.seen(vm)
    for _ in range(2):
        wish = rebuilds.rebuild(fresh(vm), own(vm), typed=vm.name, seen_last=seen)
        changes.ask(vm, wish, by=ada)
    work()
    with pytest.raises(Refused, match="since this page was opened"):
        rebuilds.rebuild(fresh(vm), own(vm), typed=vm.name, seen_last=seen)
    assert times(vm, behind) == 1


def test_only_who_types_the_name_and_may_change_it_rebuilds(vm: Vm, ada: User, sam: User) -> None:
    with pytest.raises(Refused, match=f"Type {vm.name} here"):
        rebuilds.rebuild(vm, own(vm), typed="yes", seen_last="")
    with pytest.raises(Refused, match="Choose one of the images"):
        rebuilds.rebuild(vm, "elsewhere", typed=vm.name, seen_last="")
    with pytest.raises(Forbidden):
        changes.ask(vm, rebuilds.rebuild(vm, own(vm), typed=vm.name, seen_last=""), by=sam)
    assert "role" in rebuilds.why_not(vm, sam)
    assert rebuilds.why_not(vm, ada) == ""


def test_what_does_not_fit_or_is_not_offered_is_not_had(vm: Vm, ada: User) -> None:
    image = another(vm)
    write(update(Image).where(Image.id == image.id).values(min_disk_gib=500))
    with pytest.raises(Refused, match=r"Its size is too small for it\. It has .* of disk"):
        rebuilds.rebuild(fresh(vm), image.os_id, typed=vm.name, seen_last="")
    write(update(Flavor).values(os_id=Flavor.os_id + "-gone"))
    assert not any(one.why for one in rebuilds.sources(fresh(vm)))
    write(update(Image).where(Image.os_id == own(vm)).values(gone=True))
    assert not any(one.is_own for one in rebuilds.sources(fresh(vm)))
    write(update(Vm).values(offering="gone"))
    assert rebuilds.sources(fresh(vm)) == []


def test_a_template_off_the_shelf_gives_its_own_image_again(
    vm: Vm, ada: User, behind: Cloud, work: Worker
) -> None:
    write(update(Vm).values(offering="gone"))
    rebuild(fresh(vm), ada, own(vm))
    work()
    assert times(vm, behind) == 1


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("block_device_mapping_v2: [{image: {get_param: image}, delete_on_termination: true}]", "volume"),
        ("image: ubuntu-24.04", "volume"),
        ("", "doesn't let its image be chosen"),
    ],
)
def test_disks_that_a_rebuild_does_not_make_say_so(written: str, why: str, vm: Vm, ada: User) -> None:
    template = vm.template.replace("image: {get_param: image}", written or "image: ubuntu-24.04")
    if not written:
        begin, end = template.index("  image:\n    type"), template.index("  flavor:\n    type")
        template = (template[:begin] + template[end:]).replace("[name, image, flavor", "[name, flavor")
    write(update(Vm).values(template=template))
    assert why in rebuilds.why_not(fresh(vm), ada)
    with pytest.raises(Refused, match=why):
        rebuilds.rebuild(vm, own(vm), typed=vm.name, seen_last="")


def test_an_image_that_is_gone_leaves_the_disk_as_it_was(
    vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    kept = cloud.row("image", own(vm))
    cloud.alter("image", own(vm), min_ram=600_000)
    rebuild(vm, ada, own(vm))
    work()
    assert "Flavor's memory is too small" in (only(Change).answer or "")
    assert (times(vm, behind), cloud.row("image", own(vm))["id"]) == (0, kept["id"])


def test_another_image_that_nova_refuses_leaves_the_disk_as_it_was(
    vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    cloud.alter("server", str(vm.server_id), vm_state="paused")
    rebuild(vm, ada, another(vm).os_id)
    work()
    answer = only(Change).answer or ""
    assert "Cannot 'rebuild' instance" in answer
    assert changing.LOST not in answer
    assert behind.heat.show(str(vm.stack_id)).parameters["image"] == own(vm)
    assert (fresh(vm).spec["image"]["id"], times(vm, behind)) == (own(vm), 0)


def test_a_server_that_breaks_on_the_way_says_what_may_be_lost_and_is_rebuilt_again(
    vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    rebuild(vm, ada, own(vm))
    work(until=lambda: times(vm, behind) == 1)
    fault = {"code": 500, "created": "2026-11-28T00:00:00Z", "message": "The host is on fire."}
    broken = {"status": "ERROR", "vm_state": "error", "task_state": None, "next": None, "fault": fault}
    cloud.alter("server", str(vm.server_id), **broken)
    work()
    assert only(Change).answer == f"OpenStack couldn't rebuild it: The host is on fire. {changing.LOST}"
    work(until=lambda: fresh(vm).power == "ERROR")
    assert power.word(vm) == "crashed"
    assert "neither running nor stopped" in changes.why_not(vm, ada)
    rebuild(vm, ada, own(vm))
    work(until=lambda: fresh(vm).power == "ACTIVE")
    assert times(vm, behind) == 2


def test_a_rebuild_that_heat_loses_on_the_way_says_what_may_be_lost(
    vm: Vm, ada: User, cloud: Control, behind: Cloud, work: Worker
) -> None:
    rebuild(vm, ada, another(vm).os_id)
    work(until=lambda: times(vm, behind) == 1)
    stack = cloud.row("stack", str(vm.stack_id))
    server = stack["resources"]["server"] | {"phase": "FAILED", "reason": "Engine went down."}
    resources = stack["resources"] | {"server": server}
    cloud.alter(
        "stack", stack["id"], phase="FAILED", reason="Engine went down.", tasks=[], resources=resources
    )
    work(until=lambda: bool(only(Change).failure))
    assert only(Change).failure == f"Engine went down. {changing.LOST}"
    work()
    assert changing.LOST in (only(Change).answer or "")
    assert wishes.parameters(fresh(vm))["image"] == own(vm)


def test_a_rebuild_is_no_launch_to_estimate_by(vm: Vm, ada: User, work: Worker) -> None:
    for image in (own(vm), another(vm).os_id):
        rebuild(fresh(vm), ada, image)
        work()
    assert only(FinishedLaunch).size == vm.spec["flavor"]["name"]
