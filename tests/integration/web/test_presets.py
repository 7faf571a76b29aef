"""The firewall that an admin chose for a network, as members meet it."""

from pathlib import Path

import pytest
from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import drafts, wishes
from portal.domain.vms.models import Vm
from tests.support.page import Answer, Page
from tests.support.wizard import begin, wizard, write
from tests.support.world import Worker, draft, fresh, launch

SUBNET = {"id": "subnet-office", "cidr": "10.9.0.0/24", "ip_version": 4}


@pytest.fixture
def office(lab: Tenant) -> NetworkProfile:
    """A second network of the tenant, closed by its admin."""
    made = NetworkProfile(tenant_id=lab.id, network_id="net-office", os_name="office", name="office")
    made.subnets, made.firewall = [SUBNET], "closed"
    with transaction():
        db.session.add(made)
    return made


def choose(preset: str | None) -> None:
    """As an admin does for every network."""
    write(update(NetworkProfile).values(firewall=preset))


def access_step(browser: Page, title: str = "Ubuntu server") -> Answer:
    return wizard(begin(browser, title)).submit("Next")


def test_another_network_brings_its_firewall(browser: Page, office: NetworkProfile) -> None:
    access = access_step(browser)
    assert len(wizard(access).options("firewall")) == 4
    changed = wizard(access).submit(htmx=True, network="net-office", firewall="web")
    [field] = changed.all("//fieldset[@id='q-firewall'][@hx-swap-oob]")
    assert field.xpath(".//input[not(@disabled)]/@value") == ["closed"]
    # Of another id than before, so that no morph keeps what was checked by hand.
    assert field.xpath("./div/@id") == ["q-firewall-closed"]
    assert "An administrator chose this firewall for office" in field.text_content()
    form = wizard(access.page.get(access.url))
    assert (form["firewall"], len(form.options("firewall"))) == ("closed", 1)
    review = form.submit("Next")
    assert review.url.endswith("/review")
    assert "Nothing from outside" in review.text


def test_another_network_brings_its_firewall_without_script(browser: Page, office: NetworkProfile) -> None:
    review = wizard(access_step(browser)).submit("Next", network="net-office", firewall="web")
    assert review.url.endswith("/review")
    assert "Nothing from outside" in review.text


def test_a_draft_from_before_is_told_and_mended_by_going_on(browser: Page) -> None:
    review = wizard(access_step(browser)).submit("Next")
    choose("closed")
    again = browser.get(review.url)
    words = "VMs in this network have the firewall “Nothing from outside”: an administrator chose it."
    assert f"Firewall: {words}" in again.text
    access = again.follow(words)
    assert access.errors == {"firewall": words}
    assert "Nothing from outside" in wizard(access).submit("Next").text
    choose(None)
    assert len(wizard(browser.get(access.url)).options("firewall")) == 4


def test_a_new_draft_and_one_with_another_template_begin_with_it(ada: User, lab: Tenant) -> None:
    earlier = draft(ada, lab)
    choose("web")
    assert drafts.values(draft(ada, lab))["firewall"] == "web"
    drafts.change(earlier, "docker-host", by=ada)
    assert drafts.values(fresh(earlier))["firewall"] == "web"


def test_a_template_that_can_not_have_it_keeps_its_own(
    ada: User, lab: Tenant, office: NetworkProfile
) -> None:
    made = draft(ada, lab)
    choose("open")
    drafts.answer(made, {"network": "net-office"}, by=ada)
    assert drafts.values(made)["firewall"] == "ssh"
    assert not drafts.check(made).problems


def test_where_a_subnet_says_the_network_it_brings_the_firewall(
    ada: User, lab: Tenant, office: NetworkProfile, templates: Path
) -> None:
    text = (templates / "ubuntu-basic.yaml").read_text(encoding="utf-8")
    text = text.replace("  network:\n    type", "  subnet:\n    type").replace(
        "flavor, network,", "flavor, subnet,"
    )
    text = text.replace("neutron.network", "neutron.subnet")
    text = text.replace("network: {get_param: network}", "fixed_ips: [{subnet: {get_param: subnet}}]")
    (templates / "by-subnet.yaml").write_text(text, encoding="utf-8")
    made = draft(ada, lab, "by-subnet")
    drafts.answer(made, {"subnet": SUBNET["id"]}, by=ada)
    assert drafts.values(made)["firewall"] == "closed"


def test_a_vm_from_before_changes_to_it_alone(browser: Page, ada: User, lab: Tenant, work: Worker) -> None:
    vm = launch(ada, lab)
    work()
    choose("closed")
    page = browser.get(f"/vms/{vm.id}/firewall")
    assert "An administrator chose another one for its network." in page.text
    assert list(page.form("/firewall").options("firewall")) == ["closed"]
    refused = browser.post(page.url, {"firewall": "web", "csrf_token": page.form("/firewall")["csrf_token"]})
    assert "have the firewall “Nothing from outside”" in refused.text
    page.form("/firewall").submit(firewall="closed")
    work()
    kept = browser.get(page.url)
    assert "It can't be changed VMs in this network have the firewall “Nothing from outside”" in kept.text
    assert kept.one("//form[contains(@action, '/firewall')]//button").get("disabled") is not None


def test_where_it_lets_ssh_in_from_some_these_stay_each_person_s(vm: Vm, browser: Page, work: Worker) -> None:
    choose("mine")
    page = browser.get(f"/vms/{vm.id}/firewall").form("/firewall")
    page.submit(firewall="mine", ssh_from="198.51.100.0/24")
    work()
    form = browser.get(f"/vms/{vm.id}/firewall").form("/firewall")
    form.submit(firewall="mine", ssh_from="203.0.113.0/24")
    work()
    assert wishes.parameters(fresh(vm))["ssh_from"] == "203.0.113.0/24"
    with pytest.raises(Refused, match="an administrator chose it"):
        wishes.firewall(fresh(vm), "web")
