"""Strays: a port or floating IP that bears our mark and belongs to nobody is found and proven. It is deleted
only when an admin asks and nothing uses it. And addresses that changed outside the portal are mirrored.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import findings, lifecycle, reconcile, remedies, strays, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from tests.support.calls import meanwhile, observed
from tests.support.world import BOTH, Clock, Worker, fresh, launch, only

DATABASES = BOTH


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, floating_ip=True)
    work()
    return fresh(made)


@pytest.fixture
def left(vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock) -> Vm:
    """A VM that is deleted here while Heat forgot its stack: port, floating IP and server stay."""
    cloud.abandon(lifecycle.stack_name(vm.id))
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    sweep(lab, clock)
    return fresh(vm)


def sweep(lab: Tenant, clock: Clock, seconds: float = 400) -> None:
    clock.forward(seconds)
    assert reconcile.sweep(lab.id)
    db.session.rollback()


def of_kind(kind: FindingKind) -> Finding:
    db.session.rollback()
    return db.session.scalars(select(Finding).where(Finding.kind == kind)).unique().one()


def make(behind: Cloud, name: str, tags: list[str], words: str) -> str:
    """A stack of somebody's own that bears these marks on its parts, not on itself."""
    port = {"network": "net-a", "tags": tags}
    address = {"floating_network": "public", "value_specs": {"description": words}}
    template: dict[str, Any] = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "port": {"type": "OS::Neutron::Port", "properties": port},
            "address": {"type": "OS::Neutron::FloatingIP", "properties": address},
        },
    }
    return behind.heat.create(name, template, {}, tags=("own",), timeout_mins=5)  # type: ignore[arg-type]


def take(behind: Cloud, port: str) -> None:
    """Somebody deletes a port although a server holds it."""
    behind.neutron.release_port(port)
    behind.neutron.delete_port(port)


def ask(finding: Finding, root: User, work: Worker) -> Finding:
    remedies.apply(finding, Remedy.DELETE_STRAY, reason="", by=root)
    assert remedies.of(fresh(finding), root) == []
    work()
    return fresh(finding)


def test_what_a_vm_has_is_marked_and_is_no_stray(vm: Vm, lab: Tenant, behind: Cloud, clock: Clock) -> None:
    sweep(lab, clock)
    [port] = behind.neutron.ports()
    assert port.tags == ("portal", f"vm-{vm.id}")
    [address] = behind.neutron.floating_ips()
    assert address.description == f"portal vm-{vm.id}"
    assert db.session.scalars(select(Finding)).all() == []


def test_what_is_left_of_a_deleted_vm_becomes_findings_with_proof(
    left: Vm, behind: Cloud, root: User, cloud: Control
) -> None:
    port, address = of_kind(FindingKind.STRAY_PORT), of_kind(FindingKind.STRAY_FLOATING_IP)
    assert (port.subject, port.vm_id) == (behind.neutron.ports()[0].id, left.id)
    assert port.proof["mark"] == ["portal", f"vm-{left.id}"]
    assert port.proof["held_by"] == f"compute:nova {left.server_id}"
    assert port.proof["address"] == left.private_ip
    assert address.proof["address"] == left.public_ip
    assert address.proof["mark"] == [f"portal vm-{left.id}"]
    assert address.proof["record"] == f"{left.name}: deleted"
    assert {one.kind for one in findings.of_vm(left)} == {port.kind, address.kind}
    assert len(behind.neutron.floating_ips()) == 1


def test_two_bulk_questions_find_them(lab: Tenant, left: Vm, clock: Clock) -> None:
    with observed() as calls:
        sweep(lab, clock)
    asked = [call.path for call in calls if call.service == "network"]
    assert asked == ["/network/v2.0/ports", "/network/v2.0/floatingips"]


def test_one_that_a_living_server_holds_is_not_deleted(
    left: Vm, root: User, behind: Cloud, work: Worker
) -> None:
    port = ask(of_kind(FindingKind.STRAY_PORT), root, work)
    assert port.tried[-1]["words"] == f"Not deleted: compute:nova {left.server_id} uses it."
    address = ask(of_kind(FindingKind.STRAY_FLOATING_IP), root, work)
    assert address.tried[-1]["words"] == f"Not deleted: compute:nova {left.server_id} uses it."
    assert port.resolved_at is None
    assert len(behind.neutron.ports()) == len(behind.neutron.floating_ips()) == 1
    assert Remedy.DELETE_STRAY in remedies.of(port, root)


@pytest.mark.parametrize("holder", ["", "gone"])
def test_it_is_deleted_when_an_admin_asks(
    holder: str, left: Vm, root: User, lab: Tenant, behind: Cloud, cloud: Control, work: Worker
) -> None:
    """Also where Nova couldn't reach Neutron when it deleted the server, which holds the port for ever."""
    cloud.delete_server(str(left.server_id))
    subject = of_kind(FindingKind.STRAY_PORT).subject
    cloud.alter("port", subject, device_id=holder, device_owner=holder and "compute:nova")
    address = ask(of_kind(FindingKind.STRAY_FLOATING_IP), root, work)
    assert address.answer == f"Deleted: floating IP {left.public_ip} ({address.subject})."
    assert address.by_id == root.id
    port = ask(of_kind(FindingKind.STRAY_PORT), root, work)
    assert (port.answer or "").startswith("Deleted: port")
    assert [*behind.neutron.ports(), *behind.neutron.floating_ips()] == []
    trail = db.session.scalars(select(AuditEntry.action)).all()
    assert trail.count("finding.asked") == trail.count("finding.tried") == 2


def test_it_is_over_when_it_goes_by_itself(
    left: Vm, root: User, lab: Tenant, behind: Cloud, cloud: Control, work: Worker, clock: Clock
) -> None:
    port, address = of_kind(FindingKind.STRAY_PORT), of_kind(FindingKind.STRAY_FLOATING_IP)
    remedies.apply(port, Remedy.DELETE_STRAY, reason="", by=root)
    take(behind, port.subject)
    work()
    assert fresh(port).answer == "It was gone already."
    behind.neutron.delete_floating_ip(address.subject)
    sweep(lab, clock)
    assert fresh(address).answer == "It went away by itself."
    with pytest.raises(Refused, match="settled already"):
        remedies.apply(address, Remedy.DELETE_STRAY, reason="", by=root)


def test_marks_of_vms_we_never_knew_and_of_others_are_strays_of_nobody(
    lab: Tenant, school: Tenant, eve: User, behind: Cloud, work: Worker, clock: Clock
) -> None:
    theirs = launch(eve, school)
    work()
    make(behind, "own", ["portal", f"vm-{theirs.id}"], f"portal vm-{uuid4()}")
    clock.forward(30)
    sweep(lab, clock)
    for kind in (FindingKind.STRAY_PORT, FindingKind.STRAY_FLOATING_IP):
        found = of_kind(kind)
        assert (found.vm_id, found.proof["record"]) == (None, "no VM of this tenant")
        assert found.tenant_id == lab.id
        assert found.proof["held_by"] == "nothing"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["vm-{id}"], "vm-{id}"),
        (["portal", "vm-"], "portal vm-"),
        (["portal", "vm-x"], "portal"),
        (["portal"], "a portal"),
        (["mine"], "mine"),
    ],
)
def test_what_doesnt_bear_the_whole_mark_is_none_of_our_business(
    tags: list[str], words: str, lab: Tenant, behind: Cloud, clock: Clock
) -> None:
    vm_id = str(uuid4())
    make(behind, "own", [tag.format(id=vm_id) for tag in tags], words.format(id=vm_id))
    clock.forward(30)
    sweep(lab, clock)
    assert db.session.scalars(select(Finding)).all() == []


def test_a_young_one_may_still_get_its_owner(lab: Tenant, behind: Cloud, clock: Clock) -> None:
    clock.forward(400)
    mark = f"vm-{uuid4()}"
    make(behind, "own", ["portal", mark], f"portal {mark}")
    sweep(lab, clock, 30)
    assert db.session.scalars(select(Finding)).all() == []


def test_one_that_a_live_stack_with_the_mark_holds_is_the_stacks(
    vm: Vm, ada: User, lab: Tenant, root: User, cloud: Control, behind: Cloud, work: Worker, clock: Clock
) -> None:
    mark = f"vm-{uuid4()}"
    nothing = "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n"
    make(behind, "own", ["portal", mark], f"portal {mark}")
    clock.forward(30)
    sweep(lab, clock)
    port = of_kind(FindingKind.STRAY_PORT)
    remedies.apply(port, Remedy.DELETE_STRAY, reason="", by=root)
    behind.heat.create("twin", nothing, {}, tags=("portal", mark), timeout_mins=5)
    work()
    assert fresh(port).tried[-1]["words"] == "Not deleted: it belongs to a VM or a stack again."
    sweep(lab, clock)
    assert fresh(port).answer == "It went away by itself."


@pytest.mark.parametrize("change", [{"tags": [], "name": ""}, {"project_id": "nobody"}])
def test_one_that_lost_its_mark_or_changed_hands_is_not_deleted(
    change: dict[str, Any], left: Vm, root: User, behind: Cloud, cloud: Control, work: Worker
) -> None:
    port = of_kind(FindingKind.STRAY_PORT)
    remedies.apply(port, Remedy.DELETE_STRAY, reason="", by=root)
    cloud.alter("port", port.subject, **change)
    work()
    said = fresh(port)
    assert (said.answer or said.tried[-1]["words"]) in {
        "Not deleted: it doesn't bear the mark any more.",
        "It was gone already.",
    }


def test_a_floating_ip_that_somebody_else_uses_is_not_deleted(
    left: Vm, root: User, behind: Cloud, cloud: Control, work: Worker, ada: User, lab: Tenant
) -> None:
    """It was put at the port of a living VM of their own."""
    address = of_kind(FindingKind.STRAY_FLOATING_IP)
    launch(ada, lab)
    work()
    [port] = [one for one in behind.neutron.ports() if f"vm-{left.id}" not in one.tags]
    cloud.alter("floatingip", address.subject, port_id=port.id)
    assert ask(address, root, work).tried[-1]["words"] == f"Not deleted: port {port.id} uses it."
    assert len(behind.neutron.floating_ips()) == 1


def test_a_floating_ip_whose_port_goes_meanwhile_is_deleted(
    left: Vm, root: User, app: Flask, behind: Cloud, cloud: Control, work: Worker
) -> None:
    address = of_kind(FindingKind.STRAY_FLOATING_IP)
    port = of_kind(FindingKind.STRAY_PORT).subject
    remedies.apply(address, Remedy.DELETE_STRAY, reason="", by=root)
    with meanwhile(app, "GET", "network", lambda: take(behind, port)):
        work()
    assert (fresh(address).answer or "").startswith("Deleted: floating IP")


def test_a_port_that_heat_lost_before_it_was_marked_is_known_by_its_name(
    vm: Vm, lab: Tenant, ada: User, root: User, behind: Cloud, cloud: Control, work: Worker, clock: Clock
) -> None:
    """Heat names a port after its stack when it makes it, and writes the tags a moment later."""
    [port] = behind.neutron.ports()
    loose = {"id": "lost", "tags": [], "device_id": "", "device_owner": "", "security_groups": []}
    cloud.put("port", cloud.row("port", port.id) | loose)
    sweep(lab, clock)
    assert db.session.scalars(select(Finding)).all() == []
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    work()
    sweep(lab, clock)
    stray = of_kind(FindingKind.STRAY_PORT)
    assert (stray.subject, stray.proof["mark"]) == ("lost", [port.name])
    assert (ask(stray, root, work).answer or "").startswith("Deleted: port")


def test_a_floating_ip_at_no_port_is_deleted(left: Vm, root: User, cloud: Control, work: Worker) -> None:
    address = of_kind(FindingKind.STRAY_FLOATING_IP)
    cloud.alter("floatingip", address.subject, port_id=None)
    assert (ask(address, root, work).answer or "").startswith("Deleted: floating IP")


def test_a_port_of_something_that_is_no_server_stays(
    left: Vm, root: User, cloud: Control, work: Worker
) -> None:
    port = of_kind(FindingKind.STRAY_PORT)
    cloud.alter("port", port.subject, device_id="r-1", device_owner="network:router_interface")
    assert ask(port, root, work).tried[-1]["words"] == "Not deleted: network:router_interface r-1 uses it."
    cloud.alter("port", port.subject, device_id="x-1", device_owner="")
    assert ask(port, root, work).tried[-1]["words"] == "Not deleted: device x-1 uses it."


def addresses(vm: Vm) -> tuple[str | None, str | None]:
    seen = fresh(vm)
    return seen.private_ip, seen.public_ip


def test_a_floating_ip_taken_away_outside_the_portal_is_taken_from_the_record(
    vm: Vm, lab: Tenant, behind: Cloud, clock: Clock
) -> None:
    sweep(lab, clock)
    assert addresses(vm) == (vm.private_ip, behind.neutron.floating_ips()[0].address)
    behind.neutron.delete_floating_ip(behind.neutron.floating_ips()[0].id)
    sweep(lab, clock)
    assert addresses(vm)[1] is None
    assert "vm.refreshed" in db.session.scalars(select(AuditEntry.action)).all()


def test_another_address_is_mirrored(
    vm: Vm, lab: Tenant, behind: Cloud, cloud: Control, clock: Clock
) -> None:
    cloud.alter("floatingip", behind.neutron.floating_ips()[0].id, floating_ip_address="203.0.113.99")
    [port] = behind.neutron.ports()
    cloud.alter("port", port.id, fixed_ips=[{"subnet_id": "s", "ip_address": "10.10.9.9"}])
    sweep(lab, clock)
    assert addresses(vm) == ("10.10.9.9", "203.0.113.99")


@pytest.fixture
def plain(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab)
    work()
    return fresh(made)


def test_a_floating_ip_put_there_outside_the_portal_is_shown_and_forgotten_when_it_is_loose(
    plain: Vm, lab: Tenant, behind: Cloud, cloud: Control, clock: Clock
) -> None:
    make(behind, "own", ["mine"], "mine")
    clock.forward(30)
    [port] = [one for one in behind.neutron.ports() if f"vm-{plain.id}" in one.tags]
    [address] = behind.neutron.floating_ips()
    cloud.alter("floatingip", address.id, port_id=port.id)
    sweep(lab, clock)
    assert addresses(plain)[1] == address.address
    cloud.alter("floatingip", address.id, port_id=None)
    sweep(lab, clock)
    assert addresses(plain)[1] is None


def test_what_a_template_calls_public_and_is_no_floating_ip_stays(
    plain: Vm, lab: Tenant, cloud: Control, clock: Clock, record: Callable[..., None]
) -> None:
    record(plain, public_ip="198.51.100.7")
    sweep(lab, clock)
    assert addresses(plain)[1] == "198.51.100.7"


def test_a_cloud_that_doesnt_tell_who_holds_a_floating_ip_changes_nothing(
    vm: Vm, lab: Tenant, cloud: Control, behind: Cloud, clock: Clock, record: Callable[..., None]
) -> None:
    record(vm, public_ip="198.51.100.7")
    [port] = behind.neutron.ports()
    cloud.alter("port", port.id, device_id="")
    sweep(lab, clock)
    assert addresses(vm)[1] == "198.51.100.7"


def test_a_vm_that_goes_while_its_addresses_are_read_is_left_alone(
    vm: Vm, lab: Tenant, app: Flask, cloud: Control, behind: Cloud, clock: Clock, record: Callable[..., None]
) -> None:
    cloud.alter("floatingip", behind.neutron.floating_ips()[0].id, floating_ip_address="203.0.113.99")
    clock.forward(400)
    with meanwhile(app, "GET", "network", lambda: record(vm, active_at=None)):
        assert reconcile.sweep(lab.id)
    assert addresses(vm)[1] != "203.0.113.99"
    before = db.session.scalars(select(AuditEntry.id)).all()
    strays._write(lab.id, vm.id, "a server of before", {"public_ip": "203.0.113.99"})
    assert db.session.scalars(select(AuditEntry.id)).all() == before
    assert only(Vm).public_ip
