"""A VM's page, from the launch to the end."""

import re
from collections.abc import Callable

from lxml.html import HtmlElement

from portal.domain.people.models import User
from portal.domain.tenants import standing
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle, power
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.page import Answer, Page
from tests.support.world import Clock, Worker, fresh, launch

POLLS = "//*[@id='vm'][@hx-trigger]"


def show(page: Page, vm: Vm) -> Answer:
    return page.get(f"/vms/{vm.id}")


def panel(page: Page, vm: Vm, **headers: str) -> Answer:
    return page.get(f"/vms/{vm.id}/panel", htmx=True, headers=headers)


def parts(answer: Answer) -> dict[str, HtmlElement]:
    return {part.get("id", ""): part for part in answer.all("//*[@data-part or @data-stays]")}


def held(parts: dict[str, HtmlElement]) -> str:
    """What a browser says that it has."""
    return " ".join(f"{name}={part.get('data-part')}" for name, part in parts.items())


def buttons(answer: Answer) -> set[str]:
    """What may be done now, by the words of buttons and links in the page's head."""
    beside = "not(ancestor::*[@id='more'])][not(@aria-disabled)"
    return set(answer.words(f"//*[@class='actions']//*[self::button or self::a][{beside}]"))


def primary(answer: Answer) -> list[str]:
    """The words of the buttons that stand out; a page has one at most."""
    return answer.words("//main//*[contains(concat(' ', @class, ' '), ' btn-primary ')]")


def off(answer: Answer) -> dict[str, str]:
    """What can't be had, and the words that are its button's description for a screen reader."""
    found = answer.all("//*[@class='actions']//button[@aria-disabled='true']")
    return {
        " ".join(each.text_content().split()): answer.words(f"//*[@id='{each.get('aria-describedby')}']")[0]
        for each in found
    }


def menu(answer: Answer) -> str:
    """The words of the menu behind “More”."""
    return " ".join(answer.words("//*[@id='more']"))


def refused(page: Page, vm: Vm, place: str) -> str:
    """What is said to somebody who asks for it all the same."""
    token = page.get("/keys/").form("/keys/")["csrf_token"]
    answer = page.post(f"/vms/{vm.id}/{place}", {"csrf_token": token})
    assert answer.status == 409
    assert answer.follow("Back to the VM").url == f"/vms/{vm.id}"
    return answer.words("//main//p")[0]


def without_ages(words: list[str]) -> list[str]:
    """The words without how long ago things were, which grows from one answer to the next."""
    return [re.sub(r"just now|\d+ (s|min) ago", "…", each) for each in words]


class TestThePage:
    def test_it_follows_the_launch_until_there_is_nothing_to_wait_for(
        self, browser: Page, ada: User, lab: Tenant, work: Worker, clock: Clock
    ) -> None:
        made = launch(ada, lab)
        assert "Waiting for its turn" in show(browser, made).text
        seen = set()
        while fresh(made).state in lifecycle.WORKING:
            work.once()
            clock.forward(0.5)
            answer = panel(browser, made)
            seen |= set(answer.words("//progress/preceding-sibling::div/span[@class='num soft']"))
            assert bool(answer.all(POLLS)) == (made.state is not State.ACTIVE)
        assert seen & {"1 of 3 parts", "2 of 3 parts"}
        assert "Active" in panel(browser, made).text
        assert not show(browser, made).all(POLLS)

    def test_the_panel_is_the_same_on_the_page_and_alone(self, browser: Page, vm: Vm) -> None:
        on_the_page, alone = (
            without_ages(answer.words("//*[@id='vm']")) for answer in (show(browser, vm), panel(browser, vm))
        )
        assert on_the_page == alone

    def test_an_unchanged_panel_is_not_sent_again(
        self, browser: Page, vm: Vm, ada: User, clock: Clock
    ) -> None:
        tag = panel(browser, vm).headers["ETag"]
        clock.forward(3)
        assert panel(browser, vm, **{"If-None-Match": tag}).status == 304
        power.ask(vm, power.Action.STOP, by=ada)
        assert panel(browser, vm, **{"If-None-Match": tag}).status == 200

    def test_of_a_changed_panel_the_parts_that_are_held_are_not_sent_again(
        self, browser: Page, vm: Vm, ada: User
    ) -> None:
        before = parts(show(browser, vm))
        power.ask(vm, power.Action.STOP, by=ada)
        whole, rest = panel(browser, vm), panel(browser, vm, **{"X-Held": held(before)})
        stays = {name for name, part in parts(rest).items() if part.get("data-stays") is not None}
        assert stays == parts(whole).keys() - {"doing", "happened"}
        for name, part in parts(rest).items():
            if name in stays:
                assert part.text_content() == ""
                assert name in before
            else:
                said = [part.text_content(), parts(whole)[name].text_content()]
                assert len(set(without_ages(said))) == 1
        assert rest.headers["ETag"] == whole.headers["ETag"]
        assert "X-Held" in rest.headers["Vary"]

    def test_what_is_held_of_another_vm_is_sent_all_the_same(
        self, browser: Page, vm: Vm, ada: User, lab: Tenant
    ) -> None:
        other = launch(ada, lab)
        answer = panel(browser, vm, **{"X-Held": held(parts(show(browser, other)))})
        assert answer.all(f"//*[@id='ids']//button[@data-copy='{vm.id}']")

    def test_it_has_the_newest_lines_and_leads_to_all_of_them(
        self, browser: Page, vm: Vm, ada: User, clock: Clock, work: Worker
    ) -> None:
        for action in (power.Action.STOP, power.Action.START) * 3:
            clock.forward(5)
            power.ask(fresh(vm), action, by=ada)
            work()
        lines = show(browser, vm).words("//ol[@class='timeline']/li")
        assert len(lines) == 8
        every = browser.get(show(browser, vm).one("//a[contains(., 'earlier entries')]").get("href", ""))
        told = every.words("//ol[@class='timeline']/li")
        assert without_ages(told[:8]) == without_ages(lines)
        assert "Launched by Ada." in told[-1]

    def test_it_slows_down_with_the_age_of_the_state(
        self, browser: Page, ada: User, lab: Tenant, clock: Clock
    ) -> None:
        made = launch(ada, lab)
        paces = []
        for seconds in (0, 90, 600):
            clock.forward(seconds)
            paces.append(show(browser, made).one("//*[@id='vm']").get("hx-trigger"))
        assert paces == ["every 1000ms", "every 3000ms", "every 10000ms"]

    def test_it_tells_how_to_get_in(self, browser: Page, vm: Vm) -> None:
        answer = show(browser, vm)
        assert f"ssh ubuntu@{vm.public_ip}" in answer.text
        copies = {each.get("data-copy") for each in answer.all("//*[@data-copy]")}
        wanted = {vm.public_ip, vm.private_ip, str(vm.id), vm.stack_id, vm.server_id}
        assert {str(each) for each in wanted} <= copies

    def test_it_leads_to_the_page_that_its_template_serves(
        self, browser: Page, ada: User, lab: Tenant, work: Worker
    ) -> None:
        made, inside = (
            launch(ada, lab, "web-server", name=name, floating_ip=public)
            for name, public in (("outside", "true"), ("inside", "false"))
        )
        assert "Web page" in show(browser, made).text
        work()
        address = f"http://{fresh(made).public_ip}"
        link = show(browser, made).one(f"//a[@href='{address}']")
        assert link.text_content() == f"Open {address}"
        assert "Web page" not in show(browser, inside).text

    def test_it_tells_what_it_is_made_of(self, browser: Page, vm: Vm) -> None:
        answer = show(browser, vm)
        for words in (
            "Ubuntu server",
            "ubuntu-24.04",
            "1 vCPU, 2 GiB memory",
            "net-a",
            "laptop",
            "Research Lab",
        ):
            assert words in answer.text

    def test_it_tells_what_happened(self, browser: Page, vm: Vm) -> None:
        timeline = " ".join(show(browser, vm).words("//ol[@class='timeline']/li"))
        assert "Launched by Ada." in timeline
        assert "Starting the server: done" in timeline
        assert "Heat completed the stack." in timeline

    def test_a_failure_says_why_whose_turn_it_is_and_what_to_do(
        self, browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker
    ) -> None:
        cloud.set_quota("tenant-a", cores=0)
        made = launch(ada, lab)
        work()
        answer = show(browser, made)
        card = answer.words("//section[contains(@class, 'failure')]")[0]
        assert "The cloud's own quota of VMs, vCPUs or memory for this tenant is used up." in card
        assert "You: Take a smaller size" in card
        assert "Or ask your administrator to have the cloud's quota for this tenant raised." in card
        assert "Quota exceeded" in answer.words("//details[@id='failure-raw']/pre")[0]
        # In what happened it stands folded, too.
        assert "Quota exceeded" in answer.words("//ol[@class='timeline']//details")[0]
        assert not answer.all("//ol[@class='timeline']/li/div/span[contains(., 'Quota')]")
        assert "Failed" in answer.text
        assert buttons(answer) == {"Try again", "Delete"}
        assert off(answer) == {"Console output": "It has failed."}
        assert primary(answer) == ["Try again"]
        cloud.set_quota("tenant-a", cores=20)
        answer = answer.form("/retry").submit()
        assert "Waiting" in answer.text
        work()
        assert "Active" in show(browser, made).text
        assert not show(browser, made).all("//section[contains(@class, 'failure')]")

    def test_what_was_up_is_deleted_again_and_not_launched(
        self, browser: Page, vm: Vm, record: Callable[..., None]
    ) -> None:
        said = "//section[contains(@class, 'failure')]/div/p"
        record(vm, state=State.ERROR, failure="HTTP 500 Internal Server Error")
        assert set(off(show(browser, vm))) == {"Stop", "Restart", "Console output"}
        assert show(browser, vm).words(said)[0] == "You: Delete it again."
        record(vm, failure="It was deleted in OpenStack, outside the portal.")
        assert show(browser, vm).words(said)[:2] == [
            "You: Delete it here as well.",
            "Or ask your administrator what happened.",
        ]

    def test_a_silent_cloud_is_a_quiet_notice(
        self, browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker
    ) -> None:
        cloud.faults.add(Fault("status", "GET", "orchestration", status=503, times=0))
        made = launch(ada, lab)
        work.once()
        answer = show(browser, made)
        assert "OpenStack doesn't answer as it should" in answer.text
        assert "What you asked for is kept" in answer.text
        assert answer.all(POLLS)

    def test_pages_ask_no_cloud(self, browser: Page, vm: Vm, cloud: Control) -> None:
        fault = cloud.faults.add(Fault("hang", times=0))
        for url in ("/", "/vms/", f"/vms/{vm.id}", f"/vms/{vm.id}/panel", f"/vms/{vm.id}/delete"):
            assert browser.get(url).status == 200
        assert fault.hits == 0

    def test_a_stranger_finds_nothing(self, page: Page, vm: Vm, eve: User) -> None:
        page.sign_in(eve)
        for place in ("", "/panel", "/delete", "/console"):
            assert page.get(f"/vms/{vm.id}{place}").status == 404
        token = page.get("/launch/").form("/launch/")["csrf_token"]
        for place in ("delete", "retry", "stop", "console"):
            assert page.post(f"/vms/{vm.id}/{place}", {"csrf_token": token}).status == 404
        assert fresh(vm).state is State.ACTIVE
        assert fresh(vm).power_asked is None


class TestPower:
    def test_it_is_stopped_started_and_restarted(self, browser: Page, vm: Vm, work: Worker) -> None:
        answer = show(browser, vm)
        assert buttons(answer) == {"Stop", "Restart", "Console output", "Delete"}
        answer = answer.form("/stop").submit()
        assert answer.response.history[0].location.endswith(f"/vms/{vm.id}#turn")
        assert answer.words("//button[@id='turn']") == ["Stop"]
        assert "Stopping" in answer.text
        assert answer.all(POLLS)
        work()
        answer = show(browser, vm)
        assert "Stopped" in answer.text
        assert not answer.all(POLLS)
        assert "Starting" in answer.form("/start").submit().text
        work()
        answer = show(browser, vm)
        assert "Running" in answer.text
        answer = answer.form("/reboot").submit()
        assert answer.response.history[0].location.endswith("#restart")
        assert answer.words("//button[@id='restart']") == ["Restart"]
        assert "Restarting" in answer.text
        work()
        assert "Running" in show(browser, vm).text

    def test_what_its_power_does_not_allow_is_refused(self, browser: Page, vm: Vm, work: Worker) -> None:
        stop = show(browser, vm).form("/stop")
        stop.submit()
        work()
        refused = stop.submit()
        assert refused.status == 409
        assert "quiet-otter can't be stopped now. It is stopped just now." in refused.text

    def test_trouble_with_it_is_told(self, browser: Page, vm: Vm, cloud: Control, work: Worker) -> None:
        form = show(browser, vm).form("/stop")
        cloud.faults.add(Fault("status", "POST", "compute", status=409))
        form.submit()
        work()
        assert "About its power" in show(browser, vm).text


class TestWhatCanNotBeHad:
    """It stays in its place, says why, and the server refuses it with the same words."""

    def test_a_vm_that_is_not_built_yet(self, browser: Page, ada: User, lab: Tenant) -> None:
        made = launch(ada, lab)
        answer = show(browser, made)
        assert buttons(answer) == {"Delete"}
        assert off(answer) == dict.fromkeys(("Stop", "Restart", "Console output"), "It isn't built yet.")
        for words in ("Graphical console", "Restart the hard way"):
            assert f"{words}It isn't built yet." in menu(answer)
        for place in ("console", "screen"):
            told = browser.get(f"/vms/{made.id}/{place}").text
            assert "It can't be had now. It isn't built yet." in told
        for place in ("stop", "start", "reboot", "reset", "console", "screen"):
            assert refused(browser, made, place).endswith("now. It isn't built yet.")

    def test_what_its_power_does_not_allow(self, browser: Page, vm: Vm, work: Worker) -> None:
        answer = show(browser, vm).form("/stop").submit()
        assert off(answer) == dict.fromkeys(("Stop", "Restart"), "It is stopping just now.")
        assert buttons(answer) == {"Console output", "Delete"}
        work()
        answer = show(browser, vm)
        assert buttons(answer) == {"Start", "Console output", "Delete"}
        assert off(answer) == {"Restart": "It is stopped just now."}
        assert refused(browser, vm, "reboot").endswith("can't be restarted now. It is stopped just now.")

    def test_a_stopped_vm_of_a_suspended_tenant(
        self, browser: Page, vm: Vm, lab: Tenant, root: User, record: Callable[..., None]
    ) -> None:
        record(vm, power="SHUTOFF")
        standing.suspend(fresh(lab), "Too dear.", by=root)
        assert off(show(browser, vm))["Start"].endswith("An administrator says: Too dear.")
        assert refused(browser, vm, "start").endswith("An administrator says: Too dear.")

    def test_a_server_of_which_nothing_is_known_yet(
        self, browser: Page, vm: Vm, record: Callable[..., None]
    ) -> None:
        record(vm, power=None)
        assert off(show(browser, vm))["Stop"] == "It is being looked at just now."
        record(vm, server_id=None)
        assert off(show(browser, vm))["Console output"] == "Its server isn't known just now."

    def test_one_that_goes_has_little_left_to_do_and_then_nothing(
        self, browser: Page, vm: Vm, work: Worker
    ) -> None:
        browser.get(f"/vms/{vm.id}/delete").form("/delete").submit("Delete now")
        answer = show(browser, vm)
        assert off(answer) == {"Delete": "It is being deleted already."}
        assert (buttons(answer), menu(answer)) == (set(), "")
        assert refused(browser, vm, "stop").endswith("It is being deleted already.")
        work()
        answer = show(browser, vm)
        assert (buttons(answer), off(answer), menu(answer)) == (set(), {}, "")


class TestDeleting:
    def test_it_asks_first_and_says_what_will_be_gone(self, browser: Page, vm: Vm, work: Worker) -> None:
        question = show(browser, vm).follow("Delete")
        for words in ("can't be undone", "everything on its disk", str(vm.public_ip), str(vm.private_ip)):
            assert words in question.text
        assert fresh(vm).state is State.ACTIVE
        answer = question.form("/delete").submit("Delete now")
        assert "Being deleted" in answer.text
        assert answer.all(POLLS)
        assert not buttons(answer)
        work()
        answer = show(browser, vm)
        assert "Gone" in answer.text
        assert not answer.all(POLLS)

    def test_the_question_is_not_asked_again(self, browser: Page, vm: Vm, work: Worker) -> None:
        question = show(browser, vm).follow("Delete")
        question.form("/delete").submit("Delete now")
        assert question.form("/delete").submit("Delete now").url == f"/vms/{vm.id}"
        assert browser.get(f"/vms/{vm.id}/delete").url == f"/vms/{vm.id}"

    def test_its_progress_is_told(self, browser: Page, vm: Vm, work: Worker, clock: Clock) -> None:
        browser.get(f"/vms/{vm.id}/delete").form("/delete").submit("Delete now")
        words: set[str] = set()
        while fresh(vm).state is State.DELETING:
            work.once()
            words |= set(panel(browser, vm).words("//ul[@class='marks']/li/span[1]"))
            clock.forward(0.5)
        assert "Removing the server: done" in words

    def test_an_admin_is_told_whose_it_is(self, page: Page, vm: Vm, root: User) -> None:
        assert "launched by Ada" in page.sign_in(root).get(f"/vms/{vm.id}/delete").text


class TestConsole:
    def test_it_is_asked_for_and_comes_by_itself(self, browser: Page, vm: Vm) -> None:
        answer = show(browser, vm).form("/console").submit()
        assert answer.url == f"/vms/{vm.id}/console"
        assert answer.one("//*[@id='console']").get("hx-trigger") == "every 1000ms"
        power.fetch_console(vm.id)
        panel = browser.get(answer.url, htmx=True)
        assert panel.one("//*[@id='console']").get("hx-trigger") is None
        assert "login:" in panel.words("//pre")[0]

    def test_trouble_with_it_is_told(self, browser: Page, vm: Vm, cloud: Control) -> None:
        answer = show(browser, vm).form("/console").submit()
        cloud.faults.add(Fault("status", "POST", "compute", status=500))
        power.fetch_console(vm.id)
        assert "It could not be fetched" in browser.get(answer.url).text

    def test_a_vm_that_is_not_there_yet_has_none(self, browser: Page, vm: Vm, ada: User, lab: Tenant) -> None:
        form = show(browser, vm).form("/console")
        form.element.set("action", f"/vms/{launch(ada, lab, name='young').id}/console")
        refused = form.submit()
        assert refused.status == 409
        assert "young has no console now. It isn't built yet." in refused.text


class TestWhoMayDoWhat:
    def test_support_reads_and_changes_nothing(self, page: Page, vm: Vm, sam: User) -> None:
        answer = page.sign_in(sam).get(f"/vms/{vm.id}")
        assert "Active" in answer.text
        assert buttons(answer) == set()
        token = page.get("/keys/").form("/keys/")["csrf_token"]
        for place in ("delete", "retry", "stop", "console"):
            assert page.post(f"/vms/{vm.id}/{place}", {"csrf_token": token}).status == 403
        for place in ("delete", "console"):
            assert page.get(f"/vms/{vm.id}/{place}").status == 403

    def test_an_admin_may_delete_what_others_launched(
        self, page: Page, vm: Vm, root: User, work: Worker
    ) -> None:
        answer = page.sign_in(root).get(f"/vms/{vm.id}")
        assert buttons(answer) == {"Delete"}
        answer.follow("Delete").form("/delete").submit("Delete now")
        work()
        assert fresh(vm).state is State.DELETED

    def test_a_vm_that_was_active_is_never_rebuilt(
        self, browser: Page, vm: Vm, behind: Cloud, work: Worker
    ) -> None:
        behind.heat.delete(str(vm.stack_id))
        work(until=lambda: fresh(vm).state is State.ERROR)
        answer = show(browser, vm)
        assert "outside the portal" in answer.text
        assert buttons(answer) == {"Delete"}
