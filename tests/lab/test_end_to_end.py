"""End to end on a real OpenStack: what a member asks of the portal is true in Heat, Nova and Neutron."""

import contextlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask import Flask

from portal.config import ROOT
from portal.domain.people import accounts
from portal.domain.people.models import User
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms import changes, drafts, power, progress, rebuilds, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound
from tests.lab.conftest import Launcher
from tests.support.page import Page
from tests.support.running import Running

OFFERINGS = sorted(path.stem for path in (ROOT / "hot_templates").glob("*.yaml"))
DEMO_PASSWORD = "portal-demo-1"
OWN_SETUP = "#cloud-config\npackages: [htop]\n"


def flavor_id(cloud: Cloud, name: str) -> str:
    return next(flavor.id for flavor in cloud.nova.flavors() if flavor.name == name)


def is_gone(cloud: Cloud, vm: Vm) -> bool:
    """Whether neither Heat nor Nova nor Neutron has anything of the VM any more."""
    assert vm.stack_id
    with contextlib.suppress(NotFound):
        assert cloud.heat.show(vm.stack_id).is_deleted
    if vm.server_id:
        with pytest.raises(NotFound):
            cloud.nova.server(vm.server_id)
    return vm.public_ip not in {floating.address for floating in cloud.neutron.floating_ips()}


@pytest.mark.parametrize("offering", OFFERINGS)
def test_every_template_comes_up_as_promised_and_leaves_nothing(
    offering: str, launch: Launcher, cloud: Cloud, member: User
) -> None:
    answers = {"floating_ip": "true"}
    if "gpu" in offering:
        answers["flavor"] = flavor_id(cloud, "g1.h200")
    if offering == "own-cloud-init":
        answers["user_data"] = OWN_SETUP
    vm = launch.until(launch(offering, **answers), State.ACTIVE)

    assert vm.stack_id
    assert vm.server_id
    outputs = cloud.heat.outputs(vm.stack_id)
    assert (outputs["server_id"], outputs["private_ip"], outputs["public_ip"]) == (
        vm.server_id,
        vm.private_ip,
        vm.public_ip,
    )
    server = cloud.nova.server(vm.server_id)
    assert (server.name, server.status) == (vm.name, "ACTIVE")
    assert server.metadata["portal_vm"] == str(vm.id)
    assert vm.private_ip in {address for addresses in server.addresses.values() for address in addresses}
    floating = next(ip for ip in cloud.neutron.floating_ips() if ip.address == vm.public_ip)
    assert floating.fixed_ip == vm.private_ip
    assert {"portal", f"vm-{vm.id}"} <= set(cloud.heat.show(vm.stack_id).tags)
    assert (told := progress.of(vm)).done == told.known

    vms.ask(vm, Event.DELETE, by=member)
    launch.until(vm, State.DELETED)
    assert is_gone(cloud, vm)


def test_a_member_does_it_all_through_the_pages(
    front: Flask, launch: Launcher, cloud: Cloud, member: User
) -> None:
    browser = Page(front)
    browser.get("/sign-in").form().submit(email=member.email, password=DEMO_PASSWORD)
    answer = browser.get("/launch/").form("/launch/").submit("Ubuntu server")
    for _ in range(2):
        answer = answer.form(button="Next").submit("Next")
    answer = answer.form("/submit").submit("Launch")
    vm = db.session.get_one(Vm, UUID(answer.url.rpartition("/")[2]))
    launch.launched.append(vm.id)
    launch.until(vm, State.ACTIVE)
    panel = browser.get(f"{answer.url}/panel", htmx=True)
    assert "Active" in panel.text
    assert str(vm.private_ip) in panel.text
    browser.get(answer.url).follow("Delete").form("/delete").submit("Delete now")
    launch.until(vm, State.DELETED)
    assert is_gone(cloud, vm)


def test_the_portal_works_with_a_restricted_application_credential(front: Flask, tenant: Tenant) -> None:
    identity = clouds.of(tenant.id).identity()
    assert identity.application_credential_id
    assert identity.restricted is True


def test_submitting_twice_at_once_makes_one_stack(
    front: Flask, launch: Launcher, cloud: Cloud, member: User, tenant: Tenant
) -> None:
    draft_id = drafts.start("ubuntu-basic", by=member, tenant=tenant).id

    def submit(email: str) -> UUID:
        with front.app_context():
            person = accounts.find(email)
            assert person
            return drafts.submit(draft_id, by=person).id

    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(submit, [member.email] * 4))
    launch.launched.extend(made)
    assert len(made) == 1
    vm = drafts.submit(draft_id, by=member)
    launch.until(vm, State.ACTIVE)
    assert [stack.id for stack in cloud.heat.by_tag(f"vm-{vm.id}")] == [vm.stack_id]


def test_workers_killed_in_the_middle_neither_lose_nor_double_a_launch(
    portal: Running, launch: Launcher, cloud: Cloud
) -> None:
    launched = [launch("ubuntu-basic") for _ in range(3)]
    for pid, name in portal.processes().items():
        if name.startswith("worker-"):
            os.kill(pid, signal.SIGKILL)
    for vm in launched:
        launch.until(vm, State.ACTIVE)
        assert [stack.id for stack in cloud.heat.by_tag(f"vm-{vm.id}")] == [vm.stack_id]


def test_a_server_is_stopped_started_and_shows_its_console(
    launch: Launcher, cloud: Cloud, member: User
) -> None:
    vm = launch.until(launch("ubuntu-basic"), State.ACTIVE)
    assert vm.server_id
    power.ask(vm, power.Action.STOP, by=member)
    launch.see(vm, lambda: vm.power == "SHUTOFF" and not vm.power_asked)
    assert cloud.nova.server(vm.server_id).status == "SHUTOFF"
    power.ask(vm, power.Action.START, by=member)
    launch.see(vm, lambda: vm.power == "ACTIVE" and not vm.power_asked)
    assert cloud.nova.server(vm.server_id).status == "ACTIVE"
    power.ask_console(vm, by=member)
    launch.see(vm, lambda: power.console(vm).text)


def test_a_server_is_rebuilt_from_its_image_again_and_from_another(
    launch: Launcher, cloud: Cloud, member: User
) -> None:
    vm = launch.until(launch("own-cloud-init", user_data=OWN_SETUP), State.ACTIVE)
    kept = vm.server_id, vm.private_ip
    images = {source.is_own: source.image for source in rebuilds.sources(vm)}
    for image in (images[True], images[False]):
        launch.see(vm, lambda: vm.power == "ACTIVE")  # looked at once more after what went before
        wish = rebuilds.rebuild(vm, image.os_id, typed=vm.name, seen_last=rebuilds.seen(vm))
        changes.ask(vm, wish, by=member)
        launch.see(vm, lambda: changes.latest(vm) is None)
        assert (vm.server_id, vm.private_ip, vm.image_name) == (*kept, image.name)
    assert vm.server_id
    assert cloud.nova.server(vm.server_id).status == "ACTIVE"
    told = [one.action for one in cloud.nova.instance_actions(vm.server_id)]
    assert (told.count("rebuild"), told.count("create")) == (2, 1)
    assert cloud.heat.show(str(vm.stack_id)).parameters["image"] == images[False].os_id


def test_a_size_that_fits_nowhere_is_explained_and_can_be_deleted(
    launch: Launcher, cloud: Cloud, member: User
) -> None:
    vm = launch("gpu-ubuntu", flavor=flavor_id(cloud, "g1.vgpu"))  # a kind of GPU that no host has
    launch.see(vm, lambda: vm.state is State.ERROR)
    assert "No valid host was found" in (vm.failure or "")
    vms.ask(vm, Event.DELETE, by=member)
    launch.until(vm, State.DELETED)
    assert is_gone(cloud, vm)


def test_a_stack_deleted_behind_the_portals_back_is_noticed(launch: Launcher, cloud: Cloud) -> None:
    vm = launch.until(launch("ubuntu-basic"), State.ACTIVE)
    assert vm.stack_id
    cloud.heat.delete(vm.stack_id)
    launch.see(vm, lambda: cloud.heat.show(str(vm.stack_id)).is_deleted)
    with transaction():  # as if the minute had passed after which a VM at rest is looked at
        vm.look_at = now()
    launch.see(vm, lambda: vm.state is State.ERROR)
    assert "outside the portal" in (vm.failure or "")
