"""The pages of a ladder: what is next, what would be deleted, what is under way, and what came of it."""

import pytest
from sqlalchemy import select

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle, reconcile, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Finding, FindingKind, Vm
from portal.sandbox.control import Control
from tests.support.page import Page
from tests.support.world import Clock, Worker, fresh, only


@pytest.fixture
def stuck(vm: Vm, ada: User, cloud: Control, work: Worker) -> Finding:
    """A deletion that a port blocks."""
    cloud.block_delete(lifecycle.stack_name(vm.id), "port", "The port is in use.")
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    return only(Finding)


@pytest.fixture
def stray(vm: Vm, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock) -> Finding:
    """A floating IP that its VM left behind, still at the port of a server that lives."""
    cloud.abandon(lifecycle.stack_name(vm.id))
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    clock.forward(400)
    reconcile.sweep(lab.id)
    db.session.rollback()
    chosen = select(Finding).where(Finding.kind == FindingKind.STRAY_FLOATING_IP)
    return db.session.scalars(chosen).unique().one()


def test_the_next_step_is_emphasised_and_the_tried_ones_tell(
    page: Page, root: User, stuck: Finding, work: Worker
) -> None:
    path = f"/admin/findings/{stuck.id}"
    answer = page.sign_in(root).get(path)
    emphasised = "//section[.//span[text()='next step']]//h2"
    assert answer.words(emphasised) == ["1. Try the deletion again"]
    answer.form(f"{stuck.id}/retry_delete").submit()
    work()
    answer = page.get(path)
    assert answer.words(emphasised) == ["2. Have Heat check, then try again"]
    assert "The deletion was asked for again." in answer.text
    assert "It stuck again: Resource DELETE failed: Conflict: resources.port" in answer.text
    assert "asked by root@example.org" in answer.text


def test_what_is_under_way_is_followed_until_it_is_told(
    page: Page, root: User, stuck: Finding, work: Worker
) -> None:
    path = f"/admin/findings/{stuck.id}"
    answer = page.sign_in(root).get(path).form(f"{stuck.id}/check_delete").submit()
    assert "Have Heat check, then try again: under way" in answer.text
    assert answer.all("//main//form") == []
    assert answer.one("//*[@id='finding']").get("hx-get") == f"{path}/panel"
    panel = page.get(f"{path}/panel", htmx=True)
    assert "under way" in panel.text
    again = {"If-None-Match": panel.headers["ETag"]}
    assert page.get(f"{path}/panel", htmx=True, headers=again).status == 304
    work()
    panel = page.get(f"{path}/panel", htmx=True)
    assert "Heat's check ended with CHECK_COMPLETE" in panel.text
    assert panel.one("//*[@id='finding']").get("hx-get") is None


def test_before_something_is_removed_one_sees_what(
    page: Page, root: User, stuck: Finding, vm: Vm, work: Worker
) -> None:
    [blocker] = stuck.proof["blockers"]
    preview = page.sign_in(root).get(f"/admin/findings/{stuck.id}").follow("Show what would be removed")
    for words in (blocker["id"], "OS::Neutron::Port", vm.name, vm.owner.name):
        assert words in preview.text
    assert fresh(stuck).asked is None
    preview.form().submit()
    work()
    assert fresh(vm).state is State.DELETED
    settled = page.get(f"/admin/findings/{stuck.id}")
    assert f"Removed: port {blocker['id']}." in settled.text
    assert page.get(f"/admin/findings/{stuck.id}/remove_blockers").url == f"/admin/findings/{stuck.id}"


def test_before_a_stray_is_deleted_one_sees_what_it_is_and_what_uses_it(
    page: Page, root: User, stray: Finding, vm: Vm, cloud: Control, work: Worker
) -> None:
    path = f"/admin/findings/{stray.id}"
    preview = page.sign_in(root).get(path).follow("Show what would be deleted")
    for words in (stray.subject, str(vm.public_ip), f"portal vm-{vm.id}", f"of {vm.server_id}"):
        assert words in preview.text
    preview.form().submit()
    work()
    assert f"Not deleted: compute:nova {vm.server_id} uses it." in page.get(path).text
    cloud.delete_server(str(vm.server_id))
    page.get(f"{path}/delete_stray").form().submit()
    work()
    assert f"Deleted: floating IP {vm.public_ip}" in page.get(path).text
    assert "By Root" in page.get(path).text


def test_a_stray_that_nothing_uses_says_so(
    page: Page, root: User, stray: Finding, lab: Tenant, cloud: Control, clock: Clock
) -> None:
    cloud.alter("floatingip", stray.subject, port_id=None)
    clock.forward(400)
    reconcile.sweep(lab.id)
    preview = page.sign_in(root).get(f"/admin/findings/{stray.id}/delete_stray")
    assert "Nothing used it when it was last seen." in preview.text


def test_a_vanished_vm_is_marked_as_it_is_with_a_reason(
    page: Page, root: User, ada: User, vm: Vm, cloud: Control, work: Worker
) -> None:
    cloud.delete_server(str(vm.server_id))
    work(until=lambda: fresh(vm).state is State.ERROR)
    path = f"/admin/findings/{only(Finding).id}"
    form = page.sign_in(root).get(path).form("/restore")
    assert form.submit().errors == {"restore_reason": "Say why, for those who come after you."}
    form.submit(restore_reason="Ada knows.")
    work()
    answer = page.get(path)
    assert "Marked as OpenStack has it: Its stack is there, its server isn't." in answer.text
    assert "Ada knows." in answer.text
    assert "Deleted outside the portal" not in page.sign_in(ada).get(f"/vms/{vm.id}").text


@pytest.fixture
def differs(vm: Vm, lab: Tenant, cloud: Control, clock: Clock) -> Finding:
    """Somebody's update of the stack failed."""
    cloud.alter("stack", str(vm.stack_id), action="UPDATE", phase="FAILED", updated=cloud.now())
    clock.forward(400)
    reconcile.sweep(lab.id)
    db.session.rollback()
    return only(Finding)


def test_a_stack_that_somebody_changed_is_checked_or_left_as_nova_has_it(
    page: Page, root: User, differs: Finding, work: Worker
) -> None:
    path = f"/admin/findings/{differs.id}"
    answer = page.sign_in(root).get(path)
    heads = answer.words("//section[.//form or .//a[contains(@class, 'btn')]]//h2")
    assert heads == [
        "1. Have Heat check the stack",
        "2. Leave the VM as Nova has it",
        "3. Delete the VM",
        "4. Ignore it",
    ]
    form = answer.form("/restore")
    assert form.submit().errors == {"restore_reason": "Say why, for those who come after you."}
    form.submit(restore_reason="Ours.")
    work()
    assert "Marked as OpenStack has it: the server is ACTIVE." in page.get(path).text


def test_a_vm_whose_stack_differs_is_deleted_after_a_preview_and_for_a_reason(
    page: Page, root: User, ada: User, differs: Finding, vm: Vm, work: Worker
) -> None:
    preview = page.sign_in(root).get(f"/admin/findings/{differs.id}").follow("Show what would be deleted")
    for words in (vm.name, vm.owner.name, str(vm.private_ip), str(vm.stack_id), "UPDATE_FAILED"):
        assert words in preview.text
    again = preview.form().submit()
    assert again.status == 422
    assert again.errors == {"delete_vm_reason": "Say why, for those who come after you."}
    again.form().submit(delete_vm_reason="Half an update.")
    work()
    assert fresh(vm).state is State.DELETED
    told = "An administrator deletes the VM: Half an update by Root."
    assert told in page.sign_in(ada).get(f"/vms/{vm.id}").text


def test_a_member_is_told_what_an_administrator_does(
    page: Page, ada: User, root: User, stuck: Finding, vm: Vm, cloud: Control, work: Worker
) -> None:
    page.sign_in(root).get(f"/admin/findings/{stuck.id}").form("/check_delete").submit()
    told = page.sign_in(ada).get(f"/vms/{vm.id}").text
    assert "An administrator has something done about it just now." in told
    work()
    told = page.get(f"/vms/{vm.id}").text
    assert "What an administrator had done last: Heat's check ended with CHECK_COMPLETE" in told
    assert "It stuck again" in told


def test_support_sees_it_and_does_nothing(page: Page, sam: User, stuck: Finding) -> None:
    answer = page.sign_in(sam).get(f"/admin/findings/{stuck.id}")
    assert answer.all("//main//form") == []
    assert page.get(f"/admin/findings/{stuck.id}/remove_blockers").status == 403
    assert page.get(f"/admin/findings/{stuck.id}/panel", htmx=True).status == 200
