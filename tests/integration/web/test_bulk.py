"""Several VMs at once: what will happen is said before, and what came of it after."""

from collections.abc import Callable

import pytest

from portal.domain.people.models import User
from portal.domain.tenants import standing
from portal.domain.tenants.models import Tenant
from portal.domain.vms import power, quotas
from portal.domain.vms.models import State, Vm
from tests.support.page import Answer, Page
from tests.support.world import Clock, Worker, fresh, launch

ROWS = "//tbody/tr"


@pytest.fixture
def three(ada: User, lab: Tenant, work: Worker) -> dict[str, Vm]:
    """Two VMs that run, and one that is still being asked for."""
    running = [launch(ada, lab, name=name, floating_ip="true") for name in ("one", "two")]
    work()
    return {each.name: fresh(each) for each in (*running, launch(ada, lab, name="waiting"))}


def pick(browser: Page, button: str, *vms: Vm) -> Answer:
    form = browser.get("/vms/").form(button="Delete")
    return form.submit(button, vm=[str(vm.id) for vm in vms])


def test_a_deletion_says_what_it_means_and_what_came_of_it(
    browser: Page, three: dict[str, Vm], work: Worker, lab: Tenant
) -> None:
    asked = pick(browser, "Delete", *three.values())
    assert asked.title.startswith("Delete 3 VMs?")
    assert "Back to the quota: 3 VMs, 3 vCPU, 6 GiB memory, 2 floating IPs" in asked.text
    done = asked.form("/bulk/delete").submit()
    assert done.title.startswith("Delete: 3 of 3 VMs")
    assert all("Will be deleted" in row for row in done.words(ROWS))
    watched = browser.get("/vms/")
    assert all("To be deleted" in row for row in watched.words(ROWS))
    assert watched.one("//*[@id='results']").get("hx-trigger")
    kept = done.form("/bulk/keep").submit()
    assert kept.title.startswith("3 of 3 VMs are kept")
    assert "deleted" not in kept.text
    assert [row.endswith("Stays as it is") for row in kept.words(ROWS)] == [True] * 3
    work(seconds=120)
    assert State.DELETED not in {fresh(vm).state for vm in three.values()}
    begun = asked.form("/bulk/delete").submit("Delete now")
    assert all("Being deleted Is being deleted" in row for row in begun.words(ROWS))
    assert begun.all("//form[contains(@action, 'keep')]") == []
    again = asked.form("/bulk/delete").submit()
    assert again.title.startswith("Delete: 3 of 3 VMs")
    late = done.form("/bulk/keep").submit()
    assert late.title.startswith("0 of 3 VMs are kept")
    assert all("It is being deleted already." in row for row in late.words(ROWS))
    planned = browser.get(f"/vms/bulk/delete?vm={three['one'].id}")
    assert "It is being deleted already." in planned.text
    assert planned.title.startswith("This VM can't be deleted")
    work()
    assert {fresh(vm).state for vm in three.values()} == {State.DELETED}
    ended = browser.get(begun.url)
    assert all("Deleted Is deleted" in row for row in ended.words(ROWS))
    assert (ended.title.split(" · ")[0], ended.words("//h1")) == (
        "3 of 3 VMs are deleted",
        ["3 of 3 VMs are deleted"],
    )
    assert "All is done." in ended.text
    assert quotas.usage(lab.id) == quotas.Amount()
    assert "It is deleted already." in browser.get(f"/vms/bulk/delete?vm={three['one'].id}").text


def test_the_time_to_undo_runs_on_the_page_and_undo_goes_with_it(
    browser: Page, three: dict[str, Vm], work: Worker, clock: Clock
) -> None:
    done = pick(browser, "Delete", three["one"], three["two"]).form("/bulk/delete").submit()
    assert "They will be deleted in 30 s" in done.text
    assert done.one("//*[@id='bulk']").get("hx-trigger") == "every 1000ms"
    clock.forward(12)
    for shown in (browser.get(done.url), browser.get(done.url, htmx=True)):  # reloaded, and asked again
        assert "They will be deleted in 18 s" in shown.text
    clock.forward(18)
    assert "They will be deleted in 0 s" in browser.get(done.url, htmx=True).text
    work.once()
    for shown in (browser.get(done.url), browser.get(done.url, htmx=True)):
        assert all("Being deleted Is being deleted" in row for row in shown.words(ROWS))
        assert "They will be deleted" not in shown.text
        assert shown.all("//form[contains(@action, 'keep')]") == []
    work()
    ended = browser.get(done.url, htmx=True)
    assert ended.one("//*[@id='bulk']").get("hx-trigger") is None
    unchanged = browser.get(done.url, htmx=True, headers={"If-None-Match": ended.headers["ETag"]})
    assert (unchanged.status, unchanged.response.get_data()) == (304, b"")


def test_what_can_not_be_stopped_is_left_and_says_why(
    browser: Page, three: dict[str, Vm], work: Worker, ada: User
) -> None:
    power.ask(three["two"], power.Action.STOP, by=ada)
    asked = pick(browser, "Stop", *three.values())
    left = asked.words("//section[.//h2='Left as they are']//tbody/tr")
    assert left == [
        "two Active It is stopping just now.",
        "waiting Waiting It isn't built yet.",
    ]
    assert "quota: " not in asked.text
    # Between the page and the click one of them became impossible; asked for twice, it is done.
    results = asked.form("/bulk/stop").submit(vm=[str(vm.id) for vm in three.values()])
    assert results.title.startswith("Stop: 2 of 3 VMs")
    assert results.words(ROWS)[2] == "waiting Waiting It isn't built yet."
    work()
    assert fresh(three["one"]).power == "SHUTOFF"
    shown = browser.get(results.url)
    assert shown.title.startswith("2 of 3 VMs are stopped")
    assert "Below you see what came of each." in shown.text
    # As the list has it: the badges of a VM that is switched off, and what was refused may be had by now.
    assert browser.get(results.url).words(ROWS) == [
        "one Active Stopped Is stopped",
        "two Active Stopped Is stopped",
        "waiting Active It couldn't be had just then.",
    ]
    none = pick(browser, "Stop", three["one"], three["two"])
    assert none.words("//h1") == ["None of these 2 VMs can be stopped"]
    asked = pick(browser, "Start", three["one"])
    assert asked.words(ROWS)[0].startswith("one Active Stopped")
    started = asked.form("/bulk/start").submit()
    assert started.title.startswith("Start: 1 of 1")
    assert started.words(ROWS) == ["one Active Is being started"]
    work()
    assert browser.get(started.url).words(ROWS) == ["one Active Is started"]
    # What was said of it then isn't true any more.
    assert browser.get(results.url).words(ROWS)[0] == "one Active It has changed again since."


def test_what_was_asked_and_went_wrong_says_why(
    browser: Page, three: dict[str, Vm], record: Callable[..., None]
) -> None:
    results = pick(browser, "Stop", three["one"]).form("/bulk/stop").submit()
    record(three["one"], power_asked=None, power_trouble="The server is gone from OpenStack.")
    assert browser.get(results.url).words(ROWS) == ["one Active The server is gone from OpenStack."]


def test_nothing_starts_in_a_suspended_tenant(
    browser: Page, three: dict[str, Vm], root: User, lab: Tenant, work: Worker, ada: User
) -> None:
    power.ask(three["one"], power.Action.STOP, by=ada)
    work()
    standing.suspend(fresh(lab), "Too dear.", by=root)
    assert "An administrator says: Too dear." in pick(browser, "Start", three["one"]).text


def test_strangers_vms_and_nonsense_are_not_told_of(
    page: Page, three: dict[str, Vm], eve: User, root: User
) -> None:
    stranger = page.sign_in(eve)
    answer = stranger.get(f"/vms/bulk/delete?vm={three['one'].id}&vm=nonsense")
    assert answer.url == "/vms/"
    assert "Tick the VMs first" in answer.text
    assert stranger.get(f"/vms/bulk/delete/results?vm={three['one'].id}").url == "/vms/"
    # An admin deletes everywhere, and switches only what is in tenants of their own.
    answer = page.sign_in(root).get(f"/vms/bulk/stop?vm={three['one'].id}")
    assert "Your role doesn't allow this in this tenant." in answer.text
    assert "not yours" in page.get(f"/vms/bulk/delete?vm={three['one'].id}").text


def test_a_vm_that_went_between_the_look_and_the_click_is_told(
    browser: Page, three: dict[str, Vm], record: Callable[..., None]
) -> None:
    asked = pick(browser, "Stop", three["one"], three["two"])
    record(three["two"], power="PAUSED")
    results = asked.form("/bulk/stop").submit()
    assert results.words(ROWS)[1] == "two Active It is paused just now."


def test_support_ticks_nothing(page: Page, sam: User, three: dict[str, Vm]) -> None:
    assert page.sign_in(sam).get("/vms/").all("//input[@name='vm']") == []
