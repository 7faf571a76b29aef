"""The list of VMs."""

from urllib.parse import quote
from uuid import uuid4

import pytest
from sqlalchemy import insert

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from portal.domain.vms import inventory
from portal.domain.vms.models import Vm
from portal.web import inventory as pages
from tests.support.page import Page
from tests.support.world import Worker, launch


def test_it_begins_by_teaching_the_first_launch(browser: Page) -> None:
    assert browser.get("/vms/").follow("Launch your first VM").url == "/launch/"


def test_a_row_tells_state_address_size_owner_and_age(browser: Page, vm: Vm) -> None:
    row = browser.get("/vms/").words(f"//tr[@id='row-{vm.id.hex[:8]}']")[0]
    for words in ("quiet-otter", "Active", vm.public_ip, vm.private_ip, "m1.small", "Ada", "ago"):
        assert str(words) in row


def test_rows_ask_again_only_while_something_is_on_its_way(
    browser: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    launch(ada, lab)
    assert browser.get("/vms/").one("//*[@id='results']").get("hx-trigger") == "every 1000ms"
    work()
    assert browser.get("/vms/").one("//*[@id='results']").get("hx-trigger") is None


def test_it_is_searched_by_name_and_address(browser: Page, vm: Vm, ada: User, lab: Tenant) -> None:
    launch(ada, lab, name="other-name")
    for wanted in ("otter", str(vm.private_ip), str(vm.public_ip)):
        names = browser.get(f"/vms/?q={wanted}").words("//a[@class='row-link']")
        assert names == ["quiet-otter"]
    assert "No VM matches" in browser.get("/vms/?q=100%25").text


def test_htmx_gets_the_rows_alone(browser: Page, vm: Vm) -> None:
    answer = browser.get("/vms/?q=otter", htmx=True)
    assert not answer.is_whole
    assert answer.words("//a[@class='row-link']") == ["quiet-otter"]


def test_it_is_filtered_by_state(browser: Page, vm: Vm, ada: User, lab: Tenant) -> None:
    launch(ada, lab, name="waiting")
    assert browser.get("/vms/?state=requested").words("//a[@class='row-link']") == ["waiting"]
    assert browser.get("/vms/?state=active").words("//a[@class='row-link']") == ["quiet-otter"]
    assert len(browser.get("/vms/?state=nonsense").words("//a[@class='row-link']")) == 2


def test_deleted_ones_are_shown_when_asked_for(browser: Page, vm: Vm, work: Worker) -> None:
    browser.get(f"/vms/{vm.id}/delete").form("/delete").submit()
    work()
    assert "quiet-otter" not in browser.get("/vms/").text
    assert "quiet-otter" in browser.get("/vms/?state=deleted").text


def test_it_has_pages_that_keep_the_filter(browser: Page, vm: Vm) -> None:
    _multiply(vm, 60)
    first = browser.get("/vms/?state=active")
    assert len(first.words("//a[@class='row-link']")) == 50
    second = browser.get(first.one("//a[@rel='next']").get("href"))
    assert len(second.words("//a[@class='row-link']")) == 11
    assert "state=active" in second.url
    assert len(browser.get("/vms/?page=99").words("//a[@class='row-link']")) == 11


def test_a_member_sees_their_own_tenant_only(page: Page, vm: Vm, eve: User) -> None:
    assert "quiet-otter" not in page.sign_in(eve).get(f"/vms/?tenant={vm.tenant_id}").text


def test_support_sees_all_tenants_and_launches_nothing(page: Page, vm: Vm, sam: User, school: Tenant) -> None:
    answer = page.sign_in(sam).get("/vms/")
    assert "Research Lab" in answer.words(f"//tr[@id='row-{vm.id.hex[:8]}']")[0]
    assert not {words for words in answer.links if words.startswith("Launch ")}
    assert "quiet-otter" not in page.get(f"/vms/?tenant={school.id}").text
    assert "quiet-otter" in page.get(f"/vms/?tenant={vm.tenant_id}").text


@pytest.mark.parametrize(
    "found", ["quiet", "Quiet-O", "Research", "research lab", "{ip}", "{id}", "vm-{id}", "{stack}"]
)
def test_all_tenants_are_searched_by_how_names_begin_and_by_ids(
    found: str, page: Page, vm: Vm, sam: User, school: Tenant
) -> None:
    wanted = found.format(ip=str(vm.private_ip)[:6], id=vm.id, stack=vm.stack_id)
    assert page.sign_in(sam).get(f"/vms/?q={wanted}").words("//a[@class='row-link']") == ["quiet-otter"]


@pytest.mark.parametrize("missed", ["otter", "Lab", "%", "00000000-0000-4000-8000-000000000000"])
def test_nothing_else_is_found_across_tenants(missed: str, page: Page, vm: Vm, sam: User) -> None:
    assert page.sign_in(sam).get(f"/vms/?q={quote(missed)}").words("//a[@class='row-link']") == []
    assert vm.name in page.get(f"/vms/?q=otter&tenant={vm.tenant_id}").text


def test_a_long_list_is_not_counted_to_its_end(
    browser: Page, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "MOST_COUNTED", 100)
    _multiply(vm, 99)
    assert "100 in all, page 1 of 2" in browser.get("/vms/").text
    _multiply(vm, 1)
    assert "More than 100 in all, page 1 of 2" in browser.get("/vms/").text


def test_the_menu_of_tenants_holds_the_chosen_one_and_a_few(
    page: Page, vm: Vm, sam: User, school: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MENU", 1)
    menu = "//select[@name='tenant']/option"
    assert page.sign_in(sam).get("/vms/").words(menu) == ["Any tenant", "Research Lab"]
    answer = page.get(f"/vms/?tenant={school.id}")
    assert answer.words(menu) == ["Any tenant", "Teaching", "Research Lab"]
    assert answer.words(f"{menu}[@selected]") == ["Teaching"]


def _multiply(vm: Vm, times: int) -> None:
    """As many VMs more like this one."""
    columns = {column.key: getattr(vm, column.key) for column in Vm.__table__.columns}
    rows = [columns | {"id": uuid4(), "client_request_id": uuid4(), "name": f"vm-{n}"} for n in range(times)]
    with db.engine.begin() as connection:
        connection.execute(insert(Vm), rows)
