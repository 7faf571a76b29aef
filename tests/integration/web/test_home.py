"""Home: what a person has, and the next step."""

import re

from portal.domain.catalog import keys
from portal.domain.people.models import Role, User
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts
from tests.integration.web.test_keys import GOOD
from tests.support import world
from tests.support.page import Page
from tests.support.world import Worker


def test_a_first_visit_teaches_the_next_steps(page: Page, ada: User) -> None:
    home = page.sign_in(ada).get("/")
    assert "Launch your first VM" in home.links
    assert home.links["Add your key"] == "/keys/"


def test_the_hint_at_keys_goes_once_there_is_one(page: Page, ada: User) -> None:
    keys.add(ada, "laptop", GOOD)
    assert "Add your key" not in page.sign_in(ada).get("/").links


def test_vms_and_quota_are_those_of_the_tenant(page: Page, ada: User, lab: Tenant) -> None:
    vm = world.launch(ada, lab)
    home = page.sign_in(ada).get("/")
    assert home.links[vm.name] == f"/vms/{vm.id}"
    assert "Waiting" in home.text
    assert f"1 of {lab.quota_vms}" in home.text


def test_a_launch_left_half_way_waits_there(page: Page, ada: User, lab: Tenant) -> None:
    draft = world.draft(ada, lab, name="half-way")
    home = page.sign_in(ada).get("/")
    assert str(draft.id) in home.links["Continue"]
    drafts.discard(draft, by=ada)
    assert "Continue" not in page.get("/").links


def test_strangers_vms_are_not_there(page: Page, ada: User, eve: User, school: Tenant) -> None:
    vm = world.launch(eve, school)
    assert vm.name not in page.sign_in(ada).get("/").text


def test_support_sees_vms_and_is_offered_no_launch(page: Page, sam: User, ada: User, lab: Tenant) -> None:
    vm = world.launch(ada, lab)
    home = page.sign_in(sam).get("/")
    assert vm.name in home.links
    assert "Launch a VM" not in home.links


def test_somebody_without_a_tenant_is_told(page: Page, lab: Tenant) -> None:
    home = page.sign_in(world.add_person("new@example.org", Role.MEMBER)).get("/")
    assert "You are in no tenant yet" in home.text


def test_the_newest_vms_are_watched_while_something_is_on_its_way(
    page: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    page.sign_in(ada)
    assert page.get("/").one("//*[@id='newest']").get("hx-trigger") is None
    world.launch(ada, lab)
    watched = page.get("/").one("//*[@id='newest']")
    assert re.fullmatch(
        r"every \d{3,5}ms", watched.get("hx-trigger") or ""
    )  # a dot would mean every millisecond
    work()
    done = page.get(watched.get("hx-get"), htmx=True)
    assert "Active" in done.text
    assert not done.is_whole
