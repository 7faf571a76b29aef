"""The pages on which a running VM is changed."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store.db import now
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import changes, leases, power, screens, terms
from portal.domain.vms.models import Change, State, Vm
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from tests.support.page import Page
from tests.support.wizard import limit, write
from tests.support.world import Clock, Worker, fresh, launch, only


def test_a_resize_is_told_while_it_is_on_its_way(browser: Page, vm: Vm, work: Worker) -> None:
    form = browser.get(f"/vms/{vm.id}").follow("Resize").form("/resize")
    [medium] = [value for value, words in form.options("flavor").items() if "m1.medium" in words]
    answer = form.submit(flavor=medium)
    assert answer.url == f"/vms/{vm.id}"
    assert "Size from m1.small to m1.medium Asked for by Ada" in answer.text
    assert answer.one("//*[@id='vm']").get("hx-trigger") == "every 1000ms"
    assert "A change is on its way" in answer.words("//*[@id='more']")[0]
    assert "can't be resized just now" in browser.get(f"/vms/{vm.id}/resize").text
    work()
    assert "m1.medium" in browser.get(f"/vms/{vm.id}").text


def test_a_resize_shows_what_it_does_to_the_quota(browser: Page, vm: Vm, lab: Tenant) -> None:
    limit(lab, quota_vcpus=20)
    page = browser.get(f"/vms/{vm.id}/resize")
    form, sizes = page.form("/resize"), page.form("/resize").options("flavor")
    by_name = {words.split()[0]: value for value, words in sizes.items()}
    assert "vCPU 1 2 of 20" in page.words("//*[@id='cost']")[0]
    assert form["flavor"] == by_name["m1.medium"]
    part = browser.get(f"/vms/{vm.id}/resize/cost?flavor={by_name['m1.large']}", htmx=True)
    assert "vCPU 1 4 of 20 Memory 2 GiB 8 GiB" in part.text
    shown = form.submit("Show what it takes", flavor=by_name["m1.large"])  # without script
    assert shown.form("/resize")["flavor"] == by_name["m1.large"]
    assert part.text in shown.text
    write(update(Vm).values(vcpus=30))
    assert "vCPU 30 4 of 20" in browser.get(part.url).text
    assert "the larger of both counts" in browser.get(part.url).text
    assert "vCPU 30 of 20" in browser.get(f"/vms/{vm.id}/resize/cost?flavor=none").text


def test_sizes_that_can_not_be_had_say_why(browser: Page, vm: Vm, lab: Tenant) -> None:
    limit(lab, quota_vcpus=1)
    answer = browser.get(f"/vms/{vm.id}/resize")
    assert "Over the quota (vCPU: 1 wanted, 0 of 1 left)" in answer.text
    assert "Choose another size" in answer.form("/resize").submit().text


def test_a_change_that_fails_says_whose_turn_it_is(
    browser: Page, vm: Vm, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=1)
    form = browser.get(f"/vms/{vm.id}/resize").form("/resize")
    [medium] = [value for value, words in form.options("flavor").items() if "m1.medium" in words]
    form.submit(flavor=medium)
    work()
    answer = browser.get(f"/vms/{vm.id}")
    assert "Size from m1.small to m1.medium: that didn't come true" in answer.text
    then = "Ask for it again, or for something else. Or ask your administrator to have the cloud's quota"
    assert then in answer.text
    assert "Quota exceeded for cores" in answer.words("//details[@id='change-raw']")[0]


def test_the_firewall_is_changed_in_words(browser: Page, vm: Vm, work: Worker) -> None:
    form = browser.get(f"/vms/{vm.id}").follow("Firewall").form("/firewall")
    assert form["ssh_from"] == "127.0.0.1/32"
    wrong = form.submit(firewall="mine", ssh_from="nonsense")
    assert "Write an address" in wrong.errors["ssh_from"]
    assert wrong.one("//form//*[contains(@class, 'only-mine')]//input").get("name") == "ssh_from"
    wrong.form("/firewall").submit(firewall="web")
    work()
    assert "SSH, HTTP and HTTPS from anywhere" in browser.get(f"/vms/{vm.id}").text
    browser.get(f"/vms/{vm.id}/firewall").form("/firewall").submit(firewall="mine", ssh_from="10.1.2.3")
    work()
    assert browser.get(f"/vms/{vm.id}/firewall").form("/firewall")["ssh_from"] == "10.1.2.3/32"


def test_a_rebuild_needs_the_name_typed(browser: Page, vm: Vm, behind: Cloud, work: Worker) -> None:
    page = browser.get(f"/vms/{vm.id}").follow("Rebuild")
    assert "Everything on its disk is lost" in page.text
    assert f"ssh-keygen -R {vm.public_ip} ssh-keygen -R {vm.private_ip}" in page.text
    form = page.form("/rebuild")
    images = form.options("image")
    assert "the one it has now" in images[form["image"]]
    [jammy] = [value for value, words in images.items() if "22.04" in words]
    wrong = form.submit(image=jammy, typed="something")
    assert f"Type {vm.name} here" in wrong.errors["typed"]
    answer = wrong.form("/rebuild").submit(typed=vm.name)
    assert answer.url == f"/vms/{vm.id}"
    assert "Rebuild from ubuntu-22.04 Asked for by Ada" in answer.text
    assert "A change is on its way" in browser.get(f"/vms/{vm.id}/rebuild").text
    work(until=lambda: bool(only(Change).sent_at))
    assert "Being rebuilt" in browser.get(f"/vms/{vm.id}").text
    work()
    assert "ubuntu-22.04" in browser.get(f"/vms/{vm.id}").text
    assert [one.action for one in behind.nova.instance_actions(str(vm.server_id))].count("rebuild") == 1
    again = wrong.form("/rebuild").submit(typed=vm.name)
    assert "It has been rebuilt since this page was opened" in again.errors["typed"]
    assert again.form("/rebuild").submit(typed=vm.name).url == f"/vms/{vm.id}"


def test_the_public_address_is_released_and_had_again(browser: Page, vm: Vm, work: Worker) -> None:
    page = browser.get(f"/vms/{vm.id}").follow("Release its address")
    assert f"{vm.public_ip} goes back to the cloud" in page.text
    page.form("/detach").submit()
    work()
    page = browser.get(f"/vms/{vm.id}").follow("Give it an address")
    assert "Your tenant holds 0 of" in page.text
    page.form("/attach").submit()
    work()
    assert fresh(vm).public_ip


def test_it_is_renamed_described_and_tagged(browser: Page, vm: Vm, behind: Cloud, work: Worker) -> None:
    form = browser.get(f"/vms/{vm.id}").follow("Name, description, tags").form("/about")
    assert "begin with a letter" in form.submit(name="9x").errors["name"]
    answer = form.submit(name="loud-otter", description="For the demo", tags="demo, two")
    assert "Saved." in answer.text
    assert "For the demo" in answer.text
    assert fresh(vm).tags == ["demo", "two"]
    work()
    assert behind.nova.server(str(fresh(vm).server_id)).name == "loud-otter"
    again = browser.get(f"/vms/{vm.id}/about").form("/about")
    again.submit(tags="two three")
    assert sorted(fresh(vm).tags) == ["three", "two"]


def test_a_name_the_server_can_not_take_now_stays_the_portals(
    browser: Page, vm: Vm, ada: User, behind: Cloud, work: Worker
) -> None:
    browser.get(f"/vms/{vm.id}/address").form("/detach").submit()
    answer = browser.get(f"/vms/{vm.id}/about").form("/about").submit(name="loud-otter")
    assert "The server keeps its own name for now. A change is on its way" in answer.response.text
    work()
    assert fresh(vm).name == "loud-otter"
    assert behind.nova.server(str(vm.server_id)).name == "quiet-otter"
    assert changes.latest(vm) is None


def test_support_reads_and_is_offered_nothing(page: Page, vm: Vm, sam: User) -> None:
    answer = page.sign_in(sam).get(f"/vms/{vm.id}")
    assert not answer.all("//*[@id='more']")
    assert page.get(f"/vms/{vm.id}/resize").status == 403


def test_a_deletion_can_be_undone_from_the_page(browser: Page, vm: Vm, work: Worker) -> None:
    ask = browser.get(f"/vms/{vm.id}").follow("Delete")
    assert "Free again in the quota: 1 VM, 1 vCPU, 2 GiB of memory, 1 floating IP." in ask.text
    answer = ask.form("/delete").submit(f"Delete {vm.name}")
    assert "It will be deleted in 30 s" in answer.text
    assert answer.one("//*[@id='vm']").get("hx-trigger") == "every 1000ms"
    assert "will be deleted" not in answer.form("/keep").submit().text
    browser.get(f"/vms/{vm.id}/delete").form("/delete").submit("Delete now")
    assert fresh(vm).state is State.DELETING


def test_a_lease_is_extended_by_a_click(
    browser: Page, ada: User, lab: Tenant, work: Worker, clock: Clock
) -> None:
    leased = launch(ada, lab, **{"vm:lease": "30"})
    work()
    page = browser.get(f"/vms/{leased.id}")
    assert "Its lease ends" not in page.text
    page.follow("Extend its lease").form("/lease").submit("7 days more")
    clock.forward(31 * 86400)
    page = browser.sign_in(ada).get(f"/vms/{leased.id}")
    assert "Then it is stopped, and deleted a week later" in page.text
    assert page.one("//li[contains(., 'Lease extended')]//span/time[@data-local]").text.endswith(" UTC")
    clock.forward(7 * 86400)
    work.once()
    page = browser.sign_in(ada).get(f"/vms/{leased.id}")
    assert "Its lease has ended" in page.text
    page.form("/lease").submit("Extend by 1 day")
    assert fresh(leased).delete_due_at is None


def until(vm: Vm) -> datetime:
    ends = fresh(vm).lease_ends_at
    assert ends
    return ends


def test_a_lease_grows_as_far_as_the_tenant_allows(
    browser: Page, ada: User, root: User, lab: Tenant, work: Worker, clock: Clock
) -> None:
    leased = launch(ada, lab, **{"vm:lease": "7"})
    work()
    terms.limit(lab.id, 7, by=root)
    assert "as long as that already" in browser.get(f"/vms/{leased.id}/lease").text
    offered = "//main//button[@name='days']"
    assert "Its lease ends" not in browser.get(f"/vms/{leased.id}").text
    with pytest.raises(Refused, match="at most 7 days from now"):
        leases.extend(leased, 30, seen=until(leased).isoformat(), by=ada)
    clock.forward(5 * 86400)
    terms.limit(lab.id, 1, by=root)
    ending = browser.sign_in(ada).get(f"/vms/{leased.id}")
    assert "Its lease ends" in ending.text
    assert not ending.words(offered)
    terms.limit(lab.id, 7, by=root)
    ending = browser.get(f"/vms/{leased.id}")
    assert ending.words(offered) == ["Extend by 1 day", "7 days"]
    page = ending.follow("Extend its lease")
    assert "A lease ends at most 7 days from now in Research Lab." in page.text
    assert page.words(offered) == ["1 day more", "7 days more"]
    page.form("/lease").submit("7 days more")
    assert timedelta(days=7, minutes=-1) < until(leased) - now() <= timedelta(days=7)


def test_what_has_no_lease_says_so(browser: Page, vm: Vm) -> None:
    assert "It has no lease" in browser.get(f"/vms/{vm.id}/lease").text


def test_the_console_is_followed_and_the_screen_linked_once(browser: Page, vm: Vm) -> None:
    followed = browser.get(f"/vms/{vm.id}/console").form(button="Follow it").submit()
    assert "Followed for some minutes" in followed.text
    power.fetch_console(vm.id)
    panel = browser.get(followed.url, htmx=True)
    assert panel.one("//*[@id='console']").get("hx-trigger") == "every 1000ms"
    power.fetch_console(vm.id)
    stopped = browser.get(followed.url).follow("Stop following")
    power.fetch_console(vm.id)
    panel = browser.get(stopped.url, htmx=True)
    assert panel.one("//*[@id='console']").get("hx-trigger") is None
    asked = browser.get(f"/vms/{vm.id}").follow("Graphical console").form("/screen").submit()
    assert "Asking OpenStack" in asked.text
    screens.fetch(vm.id)
    panel = browser.get(f"/vms/{vm.id}/screen", htmx=True)
    assert panel.links["Open the console"].startswith("http://127.0.0.1:6080/")
    assert "Open the console" not in browser.get(f"/vms/{vm.id}/screen").links


def test_a_hard_restart_says_what_it_risks(browser: Page, vm: Vm) -> None:
    page = browser.get(f"/vms/{vm.id}")
    assert "As if the plug were pulled" in page.words("//*[@id='more']")[0]
    assert "Restarting" in page.form("/reset").submit().text
