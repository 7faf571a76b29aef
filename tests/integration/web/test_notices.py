"""The bell and the list of notices: read, marked, and leading to what they are about."""

from uuid import uuid4

import pytest

from portal.domain.people import accounts, notices
from portal.domain.people.models import Kind, User
from portal.domain.people.notices import Fact
from portal.domain.store.db import transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import Vm
from portal.web.notices import _PLACES
from tests.support.page import Page
from tests.support.world import Worker, launch


def tell(person: User, tenant: Tenant, kind: Kind = Kind.VM_READY, name: str = "quiet-otter") -> None:
    with transaction():
        notices.tell(Fact(kind, uuid4().hex, uuid4(), tenant.id, {"name": name}), to=[person])


def test_the_bell_counts_and_a_click_on_a_notice_leads_to_its_vm(browser: Page, vm: Vm) -> None:
    home = browser.get("/")
    assert "1 unread notice" in home.words("//*[@id='bell']")[0]
    listed = home.page.get("/notices/")
    assert "quiet-otter is ready" in listed.text
    shown = listed.follow("quiet-otter is ready")
    assert shown.url == f"/vms/{vm.id}"
    assert shown.words("//*[@id='bell']") == ["Notices"]
    assert "new" not in browser.get("/notices/").words("//main//*[@class='tag']")


def test_who_looks_at_a_vm_needs_no_bell_for_it(browser: Page, ada: User, vm: Vm) -> None:
    assert notices.unread(ada) == 1
    assert browser.get(f"/vms/{vm.id}").words("//*[@id='bell']") == ["Notices"]
    assert notices.unread(ada) == 0


def test_a_panel_that_reads_a_notice_tells_the_bell_once(
    browser: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    vm = launch(ada, lab)
    panel = f"/vms/{vm.id}/panel"
    before = browser.get(panel, htmx=True)
    assert "HX-Trigger" not in before.headers
    work()
    # It isn't kept by the browser, which would tell the same with each unchanged answer after it.
    ready = browser.get(panel, htmx=True, headers={"If-None-Match": before.headers["ETag"]})
    assert (ready.headers["HX-Trigger"], ready.headers["Cache-Control"]) == ("notices-read", "no-store")
    assert browser.get("/notices/bell", htmx=True).words("//*[@id='bell']") == ["Notices"]
    again = browser.get(panel, htmx=True, headers={"If-None-Match": ready.headers["ETag"]})
    assert (again.status, again.response.get_data()) == (304, b"")
    assert "HX-Trigger" not in again.headers


def test_a_notice_of_several_leads_to_the_list_of_them(
    browser: Page, vm: Vm, ada: User, lab: Tenant, school: Tenant, work: Worker
) -> None:
    accounts.join(ada, school.id)
    first = launch(ada, school, name="web", **{"vm:count": "2"})
    work()
    browser.get("/vms/?q=otter")
    shown = browser.get("/notices/").follow("2 of 2 VMs of web are ready")
    assert shown.url == f"/vms/?launch={first.draft_id}"
    assert shown.words("//a[@class='row-link']") == ["web-2", "web-1"]
    assert shown.form("/vms/").options("launch")[str(first.draft_id)] == "Launched together"
    assert [each.subject_id for each in notices.of(ada).items if not each.read_at] == [vm.id]
    assert browser.get("/vms/").url == "/vms/?q=otter", "a launch that was looked at isn't come back to"


def test_who_looks_at_the_list_of_a_launch_needs_no_bell_for_it(
    browser: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    rows = f"/vms/?launch={launch(ada, lab, name='web', **{'vm:count': '2'}).draft_id}"
    assert "HX-Trigger" not in browser.get(rows, htmx=True).headers
    work()
    assert browser.get(rows, htmx=True).headers["HX-Trigger"] == "notices-read"
    assert notices.unread(ada) == 0
    assert browser.get("/vms/?launch=nonsense").words("//a[@class='row-link']") == ["web-2", "web-1"]


def test_one_is_marked_or_all(browser: Page, ada: User, lab: Tenant) -> None:
    for name in ("one", "two", "three"):
        tell(ada, lab, name=name)
    page = browser.get("/notices/")
    left = page.form(button="Mark as read: two is ready").submit()
    assert left.words("//main//li//a") == ["three is ready", "one is ready", "two is ready"]
    none = left.form("/notices/read").submit("Mark all as read")
    assert not none.all("//main//form")


def test_the_bell_asks_often_only_while_something_is_on_its_way(
    browser: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    def pace() -> str:
        return str(browser.get("/notices/bell", htmx=True).one("//*[@id='bell']").get("hx-trigger"))

    assert pace() == "every 60000ms, notices-read from:body"
    launch(ada, lab)
    assert pace() == "every 5000ms, notices-read from:body"
    work()
    assert pace() == "every 60000ms, notices-read from:body"


def test_a_bell_without_news_is_answered_without_a_body(browser: Page, ada: User, lab: Tenant) -> None:
    first = browser.get("/notices/bell", htmx=True)
    assert len(first.response.get_data()) < 2048
    again = browser.get("/notices/bell", htmx=True, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.response.get_data()) == (304, b"")
    tell(ada, lab)
    assert (
        browser.get("/notices/bell", htmx=True, headers={"If-None-Match": first.headers["ETag"]}).status
        == 200
    )


def test_nobody_marks_a_strangers_notice(browser: Page, ada: User, eve: User, school: Tenant) -> None:
    tell(eve, school)
    theirs = notices.of(eve).items[0]
    csrf = browser.get("/keys/").form("/keys/")["csrf_token"]
    assert browser.post(f"/notices/{theirs.id}/read", {"csrf_token": csrf}).status == 404
    assert browser.post(f"/notices/{uuid4()}/read", {"csrf_token": csrf}).status == 404
    assert notices.unread(eve) == 1


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_leads_somewhere_and_is_drawn(kind: Kind, browser: Page, ada: User, lab: Tenant) -> None:
    assert kind in _PLACES
    tell(ada, lab, kind)
    assert browser.get("/notices/").words("//main//li//a")


def test_nothing_yet_says_what_will_stand_there(browser: Page) -> None:
    assert "Nothing yet" in browser.get("/notices/").text
