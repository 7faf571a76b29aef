"""The pages for who looks after the portal: findings, the system, raw events; and what members see of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import circuits
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle, reconcile, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import Finding, FindingKind, State, Vm
from portal.domain.vms.remedies import Remedy
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from portal.web.admin.words import CURES, KINDS
from tests.support.page import Answer, Page
from tests.support.world import Clock, Worker, draft, fresh, launch, only

NOTHING = "heat_template_version: 2018-08-31\nresources:\n  nothing: {type: OS::Heat::None}\n"


@pytest.fixture
def vm(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, name="quiet-otter")
    work()
    return fresh(made)


def sweep(lab: Tenant, clock: Clock, seconds: float = 400) -> None:
    clock.forward(seconds)
    assert reconcile.sweep(lab.id)
    db.session.rollback()


@pytest.fixture
def orphan(lab: Tenant, behind: Cloud, clock: Clock) -> Finding:
    """A stack with the mark of a VM that the portal never knew."""
    behind.heat.create("vm-lost", NOTHING, {}, tags=("portal", f"vm-{uuid4()}"), timeout_mins=5)
    sweep(lab, clock)
    return only(Finding)


@pytest.fixture
def stuck(vm: Vm, ada: User, cloud: Control, work: Worker) -> Finding:
    """A deletion that failed as often as the portal tries."""
    cloud.spoil_delete(lifecycle.stack_name(vm.id), "Conflict: security group in use", times=4)
    vms.ask(vm, Event.DELETE, by=ada)
    work()
    return only(Finding)


def open_circuit(tenant: Tenant) -> None:
    for _ in range(circuits.OPENS_AFTER):
        circuits.silent(tenant.id)


def show(page: Page, finding: Finding) -> Answer:
    return page.get(f"/admin/findings/{finding.id}")


def settle(page: Page, finding: Finding, remedy: str) -> Answer:
    return show(page, finding).form(f"/{finding.id}/{remedy}").submit()


class TestWhoMay:
    def test_a_member_sees_no_way_there_and_is_sent_away(self, page: Page, ada: User, stuck: Finding) -> None:
        home = page.sign_in(ada).get("/")
        assert {"/admin/findings/", "/admin/system/"} & set(home.links.values()) == set()
        for address in ("findings/", f"findings/{stuck.id}", "system/", f"vms/{stuck.vm_id}/events"):
            assert page.get(f"/admin/{address}").status == 403

    def test_support_reads_everything_and_changes_nothing(
        self, page: Page, sam: User, orphan: Finding, vm: Vm
    ) -> None:
        page.sign_in(sam)
        for address in ("findings/", f"findings/{orphan.id}", "system/", f"vms/{vm.id}/events"):
            answer = page.get(f"/admin/{address}")
            assert answer.status == 200
            assert answer.words("//*[@class='tag']") == ["reads"]
            assert answer.all("//main//form") == []
        assert page.get(f"/admin/findings/{orphan.id}/delete_stack").status == 403
        for remedy in ("adopt", "delete_stack", "retry_delete", "give_up", "ignore"):
            assert page.post(f"/admin/findings/{orphan.id}/{remedy}", {"ignore_reason": "x"}).status == 403
        assert fresh(orphan).resolved_at is None

    def test_the_navigation_counts_what_is_open(self, page: Page, root: User, orphan: Finding) -> None:
        assert page.sign_in(root).get("/").links["Findings 1 open"] == "/admin/findings/"
        page.get("/").follow("System")
        form = show(page, orphan).form("/ignore")
        answer = form.submit(ignore_reason="A test of the operator's.")
        assert answer.links["Findings"] == "/admin/findings/"


class TestFindings:
    def test_the_list_begins_with_calm(self, page: Page, root: User) -> None:
        assert "Nothing differs" in page.sign_in(root).get("/admin/findings/").text

    def test_a_row_tells_what_where_since_when_and_why(
        self, page: Page, root: User, stuck: Finding, vm: Vm
    ) -> None:
        answer = page.sign_in(root).get("/admin/findings/")
        row = answer.words(f"//tr[@id='finding-{stuck.id}']")[0]
        for words in ("A deletion that doesn't end", "Research Lab", "quiet-otter", "security group in use"):
            assert words in row
        assert answer.links["quiet-otter"] == f"/vms/{vm.id}"
        assert answer.all(f"//button[@data-copy='{stuck.subject}']")
        assert answer.follow("A deletion that doesn't end").url == f"/admin/findings/{stuck.id}"

    def test_the_ladder_stands_in_its_order(self, page: Page, root: User, stuck: Finding) -> None:
        answer = show(page.sign_in(root), stuck)
        rungs = [words for words in answer.words("//section/div/h2") if words[0].isdigit()]
        assert rungs == [
            "1. Try the deletion again",
            "2. Have Heat check, then try again",
            "3. Remove what blocks it, then try again",
            "4. Give the deletion up",
            "5. Ignore it",
        ]
        assert f"stack {stuck.subject}" in answer.text

    def test_a_stuck_deletion_is_tried_again(
        self, page: Page, root: User, stuck: Finding, work: Worker
    ) -> None:
        answer = settle(page.sign_in(root), stuck, "retry_delete")
        assert "is being deleted" in answer.text
        assert "1. Give the deletion up" in answer.text
        work()
        assert "It is deleted now." in show(page, stuck).text
        assert "It is deleted now." in page.get("/admin/findings/").text

    @pytest.mark.parametrize("remedy", ["ignore", "give_up"])
    def test_a_reason_is_needed_and_what_was_typed_is_kept(
        self, page: Page, root: User, stuck: Finding, remedy: str
    ) -> None:
        page.sign_in(root)
        field = f"{remedy}_reason"
        answer = settle(page, stuck, remedy)
        assert answer.status == 422
        assert answer.errors == {field: "Say why, for those who come after you."}
        long: dict[str, Any] = {field: "x" * 1001}
        good: dict[str, Any] = {field: "The operator does it."}
        answer = show(page, stuck).form(f"/{remedy}").submit(**long)
        assert answer.form(f"/{remedy}")[field].strip() == "x" * 1001
        assert fresh(stuck).resolved_at is None
        answer = answer.form(f"/{remedy}").submit(**good)
        assert "The operator does it." in answer.text
        assert "By Root" in answer.text
        assert answer.all("//main//form") == []

    def test_giving_up_lists_what_is_left_behind(
        self, page: Page, root: User, stuck: Finding, vm: Vm
    ) -> None:
        form = show(page.sign_in(root), stuck).form("/give_up")
        answer = form.submit(give_up_reason="It can't be removed.")
        left = f"Left behind: stack {vm.stack_id}, server {vm.server_id}."
        assert f"Given up: It can't be removed. {left}" in answer.text
        assert fresh(vm).state is State.DELETED

    def test_before_a_stack_is_deleted_one_sees_what_dies(
        self, page: Page, root: User, orphan: Finding, lab: Tenant, cloud: Control, clock: Clock
    ) -> None:
        preview = show(page.sign_in(root), orphan).follow("Show what would be deleted")
        for words in ("vm-lost", "portal", "CREATE_COMPLETE", "no VM of this tenant", "Research Lab"):
            assert words in preview.text
        assert fresh(orphan).proof.get("delete_asked_by") is None
        answer = preview.form().submit()
        assert "The stack is being deleted" in answer.text
        assert "root@example.org" in answer.text
        assert page.get(f"/admin/findings/{orphan.id}/delete_stack").url == f"/admin/findings/{orphan.id}"
        sweep(lab, clock, 0)
        clock.forward(60)
        assert cloud.stacks("tenant-a") == []
        assert "asked by root@example.org" in show(page, orphan).text

    def test_a_stack_is_adopted(
        self, page: Page, root: User, vm: Vm, lab: Tenant, behind: Cloud, work: Worker, clock: Clock
    ) -> None:
        tags = ("portal", lifecycle.stack_name(vm.id))
        twin = behind.heat.create("vm-twin", NOTHING, {}, tags=tags, timeout_mins=5)
        behind.heat.delete(str(vm.stack_id))
        work(until=lambda: fresh(vm).state is State.ERROR)
        sweep(lab, clock)
        page.sign_in(root)
        answer = page.get("/admin/findings/").follow("A second stack of one VM")
        preview = answer.follow("Show what would be deleted")
        assert "quiet-otter" in preview.text
        answer = answer.form("/adopt").submit()
        assert "The stack was adopted." in answer.text
        assert fresh(vm).stack_id == twin

    def test_what_was_settled_meanwhile_is_refused(self, page: Page, root: User, orphan: Finding) -> None:
        form = show(page.sign_in(root), orphan).form("/ignore")
        form.submit(ignore_reason="Known.")
        assert form.submit(ignore_reason="Known.").status == 409

    def test_an_ignored_stack_stays_settled_at_the_next_sweep(
        self, page: Page, root: User, orphan: Finding, lab: Tenant, clock: Clock
    ) -> None:
        form = show(page.sign_in(root), orphan).form("/ignore")
        form.submit(ignore_reason="A test of the operator's.")
        sweep(lab, clock)
        assert only(Finding).answer == "Ignored: A test of the operator's."

    def test_a_proof_of_any_shape_is_shown(self, page: Page, root: User, orphan: Finding) -> None:
        with transaction():
            proof = {"odd_thing": None, "blockers": [{"resource": "port"}, {"id": "7"}], "tags": []}
            db.session.execute(update(Finding).values(proof=proof))
        text = show(page.sign_in(root), orphan).text
        for words in ("Odd thing not known", "port: no reason given", "7: no reason given", "Tags none"):
            assert words in text

    def test_there_is_no_such_finding(self, page: Page, root: User) -> None:
        assert page.sign_in(root).get(f"/admin/findings/{uuid4()}").status == 404

    def test_every_kind_and_every_remedy_has_its_words(self) -> None:
        assert set(KINDS) == set(FindingKind)
        assert set(CURES) == set(Remedy)


class TestTheVmsPage:
    def test_it_tells_its_findings_to_members(self, page: Page, ada: User, stuck: Finding) -> None:
        answer = page.sign_in(ada).get(f"/vms/{stuck.vm_id}")
        assert KINDS[FindingKind.STUCK_DELETE].member in answer.text
        assert {"Settle it", "Look at it", "Raw events"} & set(answer.links) == set()

    def test_it_leads_to_them_who_may(self, page: Page, sam: User, root: User, stuck: Finding) -> None:
        answer = page.sign_in(sam).get(f"/vms/{stuck.vm_id}").follow("Look at it")
        assert answer.url == f"/admin/findings/{stuck.id}"
        answer = page.sign_in(root).get(f"/vms/{stuck.vm_id}").follow("Settle it")
        assert answer.url == f"/admin/findings/{stuck.id}"

    def test_a_stack_of_another_tenant_with_its_mark_is_none_of_its_business(
        self, page: Page, ada: User, root: User, vm: Vm, school: Tenant, sandbox: object, clock: Clock
    ) -> None:
        with transaction():
            db.session.add(
                Finding(
                    tenant_id=school.id, kind=FindingKind.ORPHAN_STACK, subject="s", vm_id=vm.id, proof={}
                )
            )
        assert "A stack without a VM" not in page.sign_in(ada).get(f"/vms/{vm.id}").text
        assert "A stack without a VM" in page.sign_in(root).get("/admin/findings/").text

    def test_its_raw_events_are_a_table_and_json(self, page: Page, sam: User, vm: Vm) -> None:
        answer = page.sign_in(sam).get(f"/vms/{vm.id}").follow("Raw events")
        for words in ("CREATE_COMPLETE", "Heat completed the stack.", "ada@example.org"):
            assert words in answer.text
        told = answer.follow("As JSON").json
        assert told["vm"]["stack_id"] == vm.stack_id
        assert [move["new"] for move in told["transitions"]] == ["requested", "provisioning", "active"]
        assert told["transitions"][0]["by"] == "ada@example.org"
        assert {event["stack_id"] for event in told["heat_events"]} == {vm.stack_id}
        assert told["heat_events"][0]["at"].endswith("+00:00")

    def test_a_vm_without_events_says_so(self, page: Page, sam: User, ada: User, lab: Tenant) -> None:
        made = launch(ada, lab)
        assert "Heat told nothing yet." in page.sign_in(sam).get(f"/admin/vms/{made.id}/events").text


class TestSystem:
    def test_it_shows_workers_the_clock_queues_and_clouds(
        self, page: Page, sam: User, lab: Tenant, orphan: Finding
    ) -> None:
        volatile.beat("worker:vms-host-1")
        volatile.beat("clock")
        wake.vm(uuid4())
        answer = page.sign_in(sam).get("/admin/system/")
        for words in (
            "worker:vms-host-1",
            "clock",
            "vms 1 waiting, 0 failed within a day",
            "Research Lab Answers",
        ):
            assert words in answer.text
        assert "None. A VM stands here" in answer.text
        assert page.get("/admin/system/", htmx=True).one("//*[@id='system']").get("hx-trigger")

    def test_a_silent_cloud_and_a_doubtful_one_are_told_apart(
        self, page: Page, sam: User, lab: Tenant, school: Tenant
    ) -> None:
        open_circuit(school)
        circuits.silent(lab.id)
        with transaction():
            db.session.execute(update(Tenant).values(catalog_trouble="Glance said no."))
        rows = page.sign_in(sam).get("/admin/system/").words("//caption[.='Clouds']/..//tbody/tr")
        assert "Teaching Silent since" in rows[0]
        assert "asked again" in rows[0]
        assert "Research Lab Unsure asked 1 time in vain" in rows[1]
        assert "Glance said no." in rows[1]

    def test_a_vm_that_is_looked_at_in_vain_is_shown_with_its_trouble(
        self, page: Page, sam: User, vm: Vm
    ) -> None:
        with transaction():
            later = now() + timedelta(minutes=9)
            poison = update(Vm).values(look_failures=4, trouble="KeyError: 'x'", look_at=later)
            db.session.execute(poison)
        answer = page.sign_in(sam).get("/admin/system/")
        assert "KeyError: 'x' 4 looks in vain" in answer.text
        assert answer.links["quiet-otter"] == f"/vms/{vm.id}"

    def test_it_answers_while_redis_is_away(
        self, page: Page, sam: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_args: object) -> None:
            raise ConnectionError

        monkeypatch.setattr(volatile, "beats", away)
        text = page.sign_in(sam).get("/admin/system/").text
        assert "Not known while Redis is away." in text
        assert "No worker and no clock was seen" in text

    def test_many_tenants_are_cut_short(
        self, page: Page, sam: User, lab: Tenant, school: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("portal.domain.vms.overview.MOST_TENANTS", 1)
        assert "1 more tenant," in page.sign_in(sam).get("/admin/system/").text


class TestTheQuietBanner:
    WORDS = "OpenStack doesn't answer since"

    def test_members_are_told_where_it_matters_and_no_longer_than_it_is_so(
        self, page: Page, ada: User, lab: Tenant, vm: Vm
    ) -> None:
        places = ["/", "/vms/", f"/vms/{vm.id}", f"/launch/{draft(ada, lab).id}/machine", "/launch/"]
        page.sign_in(ada)
        assert not any(self.WORDS in page.get(place).text for place in places)
        open_circuit(lab)
        for place in places:
            answer = page.get(place)
            assert self.WORDS in answer.text
            assert answer.one("//*[@id='silence']//time").get("data-clock") is not None
        ask = answer.one("//*[@id='silence']").get("hx-get")
        assert self.WORDS in page.get(ask, htmx=True).text
        circuits.answered(lab.id)
        quiet = page.get(ask, htmx=True)
        assert self.WORDS not in quiet.text
        assert quiet.one("//*[@id='silence']").get("hx-trigger") is None
        assert not any(self.WORDS in page.get(place).text for place in places)

    def test_one_question_in_vain_alarms_nobody(self, page: Page, ada: User, lab: Tenant) -> None:
        circuits.silent(lab.id)
        assert self.WORDS not in page.sign_in(ada).get("/").text

    def test_it_says_the_day_when_it_lasts(self, page: Page, ada: User, lab: Tenant, clock: Clock) -> None:
        open_circuit(lab)
        clock.forward(86400)
        told = page.sign_in(ada).get("/").one("//*[@id='silence']//time")
        assert told.get("data-local") is not None

    def test_another_tenants_silence_is_none_of_their_business(
        self, page: Page, eve: User, lab: Tenant
    ) -> None:
        open_circuit(lab)
        page.sign_in(eve)
        assert self.WORDS not in page.get("/").text
        assert page.get(f"/tenant/{lab.id}/silence", htmx=True).status == 404
