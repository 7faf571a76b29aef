"""How long it takes, on a VM's page and in the list: from this cloud's own past, or not at all."""

from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import State, Vm
from portal.sandbox.control import Control
from tests.support.page import Answer, Page
from tests.support.past import finished
from tests.support.world import Clock, Worker, fresh, launch


def building(vm: Vm, cloud: Control, work: Worker) -> None:
    """Heat has it for a while."""
    cloud.configure(stack_seconds=40)
    work(until=lambda: fresh(vm).state is State.PROVISIONING)


def said(page: Page, vm: Vm) -> str:
    """What stands over the bar."""
    return page.get(f"/vms/{vm.id}").words("//details[@id='progress']//div[@class='meter']/div/span[1]")[0]


def news(answer: Answer) -> tuple[str, str]:
    """What the tab is told, and what it is called."""
    element = answer.one("//*[@id='news']")
    return element.get("data-outcome"), element.get("data-title")


def test_it_says_how_long_and_from_how_many_launches(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    finished(lab, 34, 34, 34, 34, 50)
    made = launch(ada, lab)
    building(made, cloud, work)
    assert said(browser, made) == "Usually 34 s to 50 s, from 5 launches of this template and size."
    answer = browser.get(f"/vms/{made.id}")
    assert answer.all("//details[@id='progress'][@open]/summary/time[@data-elapsed]")
    assert "Starting the server: waiting usually 33 s" in answer.words("//ul[@class='marks']/li")[-1]
    clock.forward(60)
    assert said(browser, made) == "Unusually slow: nine of ten like it were there within 50 s."


def test_other_sizes_speak_where_this_one_has_no_past_and_nobody_where_there_is_none(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    finished(lab, 70, 90, size="m1.large")
    first = launch(ada, lab)
    finished(lab, 70, 70, 70, size="m1.large")
    second, other = launch(ada, lab), launch(ada, lab, "web-server")
    for vm in (first, second, other):
        building(vm, cloud, work)
    few = "Too early to say how long: 2 launches of this template finished here so far."
    assert said(browser, first) == few
    assert "from 5 launches of this template, other sizes among them" in said(browser, second)
    assert said(browser, other) == "Nobody knows yet how long this template takes here."


def test_waiting_for_its_turn_is_told_apart(browser: Page, ada: User, lab: Tenant, clock: Clock) -> None:
    first = launch(ada, lab)
    clock.forward(1)
    second = launch(ada, lab)
    assert said(browser, first) == "OpenStack gets it next."
    assert said(browser, second) == "1 launch of this tenant stands before it."
    answer = browser.get(f"/vms/{second.id}")
    assert answer.words("//details[@id='progress']//h2") == ["Waiting for its turn"]
    assert "Waiting for its turn: working" in answer.words("//ul[@class='marks']/li")[0]


def test_the_tab_is_told_how_it_ends(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    one, other = launch(ada, lab, name="one"), launch(ada, lab, name="other")
    answer = browser.get(f"/vms/{one.id}")
    assert news(answer) == ("working", "… one is on its way · Portal")
    assert answer.title == "… one is on its way · Portal"
    # There is room for one of them.
    cloud.set_quota("tenant-a", instances=1)
    work()
    ends = {vm.state: vm for vm in (fresh(one), fresh(other))}
    ready, failed = (f"/vms/{ends[state].id}" for state in (State.ACTIVE, State.ERROR))
    assert news(browser.get(ready)) == ("ready", f"✓ {ends[State.ACTIVE].name} is ready · Portal")
    assert news(browser.get(failed)) == ("failed", f"✗ {ends[State.ERROR].name} failed · Portal")
    clock.forward(700)
    assert news(browser.get(ready))[1] == f"{ends[State.ACTIVE].name} · Portal"


def test_what_only_ticks_is_not_sent_again(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    finished(lab, *[300.0] * 5)
    made = launch(ada, lab)
    building(made, cloud, work)
    work(until=lambda: bool(browser.get(f"/vms/{made.id}").all("//progress[@data-since]")))
    tag = browser.get(f"/vms/{made.id}/panel", htmx=True).headers["ETag"]
    clock.forward(5)  # the bar has grown
    again = browser.get(f"/vms/{made.id}/panel", htmx=True, headers={"If-None-Match": tag})
    assert (again.status, again.response.get_data()) == (304, b"")


def test_addresses_have_their_place_before_they_are_known(
    browser: Page, ada: User, lab: Tenant, work: Worker
) -> None:
    made = launch(ada, lab, floating_ip="true")
    connect = "//dl[@class='facts connect']"
    before = browser.get(f"/vms/{made.id}")
    assert before.words(f"{connect}/dt") == ["Public address", "Private address", "Sign in"]
    assert set(before.words(f"{connect}/dd")) == {"when it is there"}
    work()
    after = browser.get(f"/vms/{made.id}")
    assert after.words(f"{connect}/dt") == before.words(f"{connect}/dt")
    assert after.words(f"{connect}/dd")[-1] == f"ssh ubuntu@{fresh(made).public_ip}"
    assert after.one("//details[@id='progress']").get("open") is None


def test_the_list_shows_the_same_small(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    finished(lab, 34, 34, 34, 34, 50)
    made, waits = launch(ada, lab), launch(ada, lab, "web-server")
    building(made, cloud, work)
    cell = f"//tr[@id='row-{made.id.hex[:8]}']//div[@class='small-bar']"
    assert browser.get("/vms/").words(f"{cell}/span") == ["usually 34 s to 50 s"]
    work(until=lambda: bool(browser.get("/vms/").all(f"{cell}/progress[@data-since]")))
    clock.forward(60)
    assert browser.get("/vms/").words(f"{cell}/span") == ["unusually slow"]
    work()
    assert not browser.get("/vms/").all("//div[@class='small-bar']")
    assert fresh(waits).state is State.ACTIVE
