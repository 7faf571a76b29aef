"""The audit's pages: entries are found, followed to older ones, exported and verified."""

import csv
import io
import json
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from flask import Flask

from portal import worker
from portal.domain.people.models import Role, User
from portal.domain.store import audit, chain, verification, wake
from portal.domain.store.chain import Walk
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden
from portal.domain.store.models import AuditCheck, AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import polling, trail
from portal.domain.vms.trail import Search
from tests.support.page import Answer, Page
from tests.support.tampering import tamper
from tests.support.world import BOTH, Clock, Worker, add_person, fresh, launch, only

DATABASES = BOTH


def shown(answer: Answer) -> list[str]:
    """The titles of the entries on the page."""
    return answer.words("//caption[.='Entries']/..//tbody/tr//summary")


def write(number: int, **facts: object) -> None:
    with transaction():
        for each in range(number):
            audit.record("key.added", by=None, detail={"each": each, **facts})


@pytest.fixture
def staff(page: Page, root: User) -> Page:
    return page.sign_in(root)


class TestFinding:
    def test_newest_first_with_who_where_and_what(self, staff: Page, ada: User, lab: Tenant) -> None:
        vm = launch(ada, lab, name="quiet-otter")
        answer = staff.get("/admin/audit/")
        assert shown(answer)[0] == "Launched a VM"
        row = answer.words("//tbody/tr")[0]
        for words in ("ada@example.org", "quiet-otter", "Research Lab", "vm.launch", str(vm.id)):
            assert words in row
        assert answer.links["quiet-otter"] == f"/vms/{vm.id}"

    def test_by_person_who_acted_or_was_acted_on(self, staff: Page, ada: User, eve: User) -> None:
        with transaction():
            audit.record("key.added", by=ada)
            audit.record("member.removed", by=None, detail={"email": ada.email})
            audit.record("key.removed", by=eve)
        for word in ("ada@example.org", "ADA@", "Ada"):
            found = shown(staff.get(f"/admin/audit/?person={word}"))
            assert found[:2] == ["Took a tenant from somebody (ada@example.org)", "Added an SSH key"]
            assert "Removed an SSH key" not in found
        assert shown(staff.get("/admin/audit/?person=nobody")) == []
        answer = staff.get("/admin/audit/").follow("eve@example.org")
        assert shown(answer)[0] == "Removed an SSH key"

    def test_who_has_no_account_any_more_is_found_by_the_whole_address(self, staff: Page) -> None:
        write(1, email="gone@example.org")
        assert len(shown(staff.get("/admin/audit/?person=gone@example.org"))) == 1

    def test_by_vm_its_name_its_id_and_that_of_its_stack(
        self, staff: Page, ada: User, eve: User, lab: Tenant, school: Tenant
    ) -> None:
        vm = launch(ada, lab, name="quiet-otter")
        launch(eve, school, name="loud-otter")
        for word in ("quiet-otter", str(vm.id), f"vm-{vm.id}"):
            assert shown(staff.get(f"/admin/audit/?vm={word}")) == ["Launched a VM"]
        assert shown(staff.get(f"/admin/audit/?vm={vm.id}&person=ada")) == ["Launched a VM"]
        assert shown(staff.get(f"/admin/audit/?vm={vm.id}&person=eve")) == []
        assert shown(staff.get("/admin/audit/?vm=no-such-otter")) == []

    def test_by_tenant(self, staff: Page, ada: User, eve: User, lab: Tenant, school: Tenant) -> None:
        launch(eve, school, name="loud-otter")
        assert "Launched a VM" in shown(staff.get(f"/admin/audit/?tenant={school.id}"))
        assert "Launched a VM" not in shown(staff.get(f"/admin/audit/?tenant={lab.id}"))
        answer = staff.get(f"/admin/audit/?tenant={school.id}")
        assert answer.one("//select[@name='tenant']/option[@selected]").text == "Teaching"

    def test_by_action_and_by_group(self, staff: Page, ada: User, lab: Tenant) -> None:
        launch(ada, lab)
        assert set(shown(staff.get("/admin/audit/?action=vm.launch"))) == {"Launched a VM"}
        answer = staff.get("/admin/audit/?action=tenant.")
        assert shown(answer) == ["Created a tenant"]
        assert answer.one("//select[@name='action']//option[@selected]").text == "Tenants: all"
        assert shown(staff.get("/admin/audit/?action=vm.launch&person=ada")) == ["Launched a VM"]

    def test_by_time(self, staff: Page, clock: Clock) -> None:
        write(1)
        clock.forward(7200)
        between = f"{now() - timedelta(hours=1):%Y-%m-%dT%H:%M}"
        with transaction():
            audit.record("key.removed", by=None)
        later, earlier = f"since={between}", f"until={between}"
        assert shown(staff.get(f"/admin/audit/?action=key.&{later}")) == ["Removed an SSH key"]
        assert shown(staff.get(f"/admin/audit/?action=key.&{earlier}")) == ["Added an SSH key"]
        assert shown(staff.get(f"/admin/audit/?action=key.&{later}&{earlier}")) == []

    def test_a_filter_that_means_nothing_is_none(self, staff: Page) -> None:
        write(1)
        assert "Added an SSH key" in shown(staff.get("/admin/audit/?tenant=x&since=soon&action=&before=999"))

    def test_one_goes_on_to_older_ones_and_back_and_filters_stay(self, staff: Page) -> None:
        write(trail.PER_PAGE * 2 + 3)
        seen: list[str] = []
        answer = staff.get("/admin/audit/?action=key.")
        while True:
            seen += [row.get("id") for row in answer.all("//tbody/tr")]
            if "Older" not in answer.links:
                break
            answer = answer.follow("Older")
            assert "action=key." in answer.url
        assert len(seen) == len(set(seen)) == trail.PER_PAGE * 2 + 3
        assert seen == sorted(seen, key=lambda each: -int(each.partition("-")[2]))
        assert answer.follow("Newest").url == "/admin/audit/?action=key."

    def test_entries_of_one_moment_are_all_seen_once(self, staff: Page, root: User) -> None:
        write(trail.PER_PAGE + 7)
        tamper(
            "UPDATE audit_entries SET at = '2026-01-01 00:00:00.000000+00'"
            if db.engine.dialect.name == "postgresql"
            else "UPDATE audit_entries SET at = '2026-01-01 00:00:00.000000'"
        )
        first = trail.search(Search(actions=("key.added",)), root)
        second = trail.search(Search(actions=("key.added",)), root, before=first.older)
        numbers = [entry.id for entry in (*first.entries, *second.entries)]
        assert len(set(numbers)) == len(numbers) == trail.PER_PAGE + 7
        assert second.older is None

    def test_the_detail_is_readable_and_hostile_words_are_text(self, staff: Page) -> None:
        write(1, before={"role": "member"}, after={"role": "<script>alert(1)</script>"})
        answer = staff.get("/admin/audit/?action=key.added")
        assert "Before role" in answer.text
        assert "<script>alert(1)</script>" in answer.text
        assert answer.all("//main//script") == []

    def test_support_reads_and_neither_exports_nor_verifies(self, page: Page, sam: User) -> None:
        answer = page.sign_in(sam).get("/admin/audit/")
        assert answer.status == 200
        assert answer.all("//main//form[@method='post']") == []
        assert page.get("/admin/audit/chain").all("//main//form") == []

    def test_the_domain_asks_for_the_permission_too(self, ada: User, sam: User) -> None:
        for call in (
            lambda: trail.search(Search(), ada),
            lambda: trail.last_check(ada),
            lambda: trail.check(by=sam),
            lambda: trail.export(Search(), sam, form="csv"),
        ):
            with pytest.raises(Forbidden):
                call()


class TestExport:
    def test_as_csv_with_the_export_itself_first(self, staff: Page, root: User) -> None:
        write(3, name="=1+1")
        answer = staff.get("/admin/audit/?action=key.added").form("/export.csv").submit()
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="audit-')
        found = list(csv.DictReader(io.StringIO(answer.response.get_data(as_text=True))))
        assert [row["action"] for row in found] == ["key.added"] * 3
        entry = db.session.query(AuditEntry).filter_by(action="audit.exported").one()
        assert (entry.actor, entry.detail) == (
            root.email,
            {"format": "csv", "sought": {"actions": ["key.added"]}},
        )

    def test_as_json_lines_from_which_the_chain_can_be_verified(
        self, staff: Page, ada: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trail, "EXPORTED_AT_ONCE", 4)
        launch(ada, lab)
        write(11)
        text = staff.get("/admin/audit/").form("/export.jsonl").submit().response.get_data(as_text=True)
        lines = [json.loads(line) for line in text.splitlines()]
        assert lines[0]["action"] == "audit.exported"
        assert [line["id"] for line in lines] == list(range(len(lines), 0, -1))
        assert all(chain.hash_of(line) == line["hash"] for line in lines)
        assert all(new["previous_hash"] == old["hash"] for new, old in pairwise(lines))

    def test_what_is_sought_by_a_tenant_and_a_time_is_noted(self, root: User, lab: Tenant) -> None:
        moment = now()
        list(trail.export(Search(tenant_id=lab.id, since=moment), root, form="jsonl"))
        entry = db.session.query(AuditEntry).filter_by(action="audit.exported").one()
        assert entry.detail["sought"] == {"tenant_id": str(lab.id), "since": str(moment)}


class TestVerification:
    def test_a_worker_verifies_and_the_page_follows(self, staff: Page, root: User, work: Worker) -> None:
        answer = staff.get("/admin/audit/").follow("Verify")
        assert "Not verified yet" in answer.text
        answer = answer.form("/chain").submit()
        assert "Being verified" in answer.text
        assert answer.one("//*[@id='chain']").get("hx-trigger")
        work.once()
        answer = staff.get("/admin/audit/chain", htmx=True)
        assert "All entries are as they were written" in answer.text
        assert answer.one("//*[@id='chain']").get("hx-trigger") is None
        tip = Walk().to_end().tip
        assert tip in answer.text
        assert "audit.verified" in {entry.action for entry in db.session.query(AuditEntry)}

    def test_what_is_wrong_is_listed(
        self, staff: Page, root: User, work: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chain, "MOST_TOLD", 2)
        write(9)
        tamper("UPDATE audit_entries SET actor = 'mallory' WHERE id IN (4, 6, 8)")
        staff.get("/admin/audit/chain").form("/chain").submit()
        work.once()
        answer = staff.get("/admin/audit/chain")
        assert "The audit was tampered with" in answer.text
        assert [row.split()[:2] for row in answer.words("//tbody/tr")] == [["4", "changed"], ["6", "changed"]]
        assert "And 1 more." in answer.text

    def test_one_at_a_time(self, root: User) -> None:
        assert trail.check(by=root).id == trail.check(by=root).id
        only(AuditCheck)

    def test_a_long_one_goes_on_part_by_part(
        self, root: User, work: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chain, "BATCH", 5)
        monkeypatch.setattr(verification, "BATCHES", 1)
        write(12)
        check = trail.check(by=root)
        work.once()
        assert fresh(check).finished_at is None
        assert verification.walk_of(check).number == 5
        work.once()
        work.once()
        assert fresh(check).finished_at
        assert verification.walk_of(check).entries >= 12
        assert polling.due().verifications == []

    def test_two_workers_do_not_go_the_same_way(
        self, root: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        check = trail.check(by=root)
        go = Walk.go

        def killed(walk: Walk, *, batches: int = 1) -> Walk:
            verification.go_on(check.id)  # the other one finds that somebody has it
            raise KeyboardInterrupt

        monkeypatch.setattr(Walk, "go", killed)
        with pytest.raises(KeyboardInterrupt):
            verification.go_on(check.id)
        monkeypatch.setattr(Walk, "go", go)
        assert polling.due().verifications == []
        clock.forward(verification.LEASE.total_seconds() + 1)
        assert polling.due().verifications == [check.id]
        verification.go_on(check.id)
        assert fresh(check).finished_at

    def test_it_is_a_job(self, app: Flask, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(worker, "app", lambda: app)
        check = trail.check(by=root)
        assert wake.waiting()["chores"] == 1
        worker.verify(str(check.id))
        assert fresh(check).finished_at

    def test_what_is_gone_needs_no_verification(self, app: Flask) -> None:
        verification.go_on(uuid4())


def test_a_million_words_do_not_fit_a_person(app: Flask, root: User) -> None:
    """A word that many people bear finds the first of them, and the question stays short."""
    for number in range(trail.MOST_FOUND + 5):
        add_person(f"p{number}@example.org", Role.MEMBER)
    assert len(trail.search(Search(person="example.org"), root).entries) > 0
