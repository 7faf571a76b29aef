"""Support's pages: the search, a VM's case file, what OpenStack says of it now, and the bundle to take."""

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store import volatile
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import circuits, credentials
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms import bundle, casefile, live, power, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import HeatEvent, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.page import Answer, Page
from tests.support.wizard import PUBLIC_KEY
from tests.support.world import Clock, Worker, fresh, launch

USER_DATA = "#cloud-config\nruncmd:\n  - echo marked-user-data-7f3a\n"


@pytest.fixture
def support(page: Page, sam: User) -> Page:
    return page.sign_in(sam)


@pytest.fixture
def failed(ada: User, lab: Tenant, cloud: Control, work: Worker) -> Vm:
    """A launch for which no host had room, with the addresses it had got."""
    for size in ("m1.tiny", "m1.small"):
        cloud.change("flavor", size, extra_specs={"resources:VGPU": "1"})
    made = launch(ada, lab, name="lost-otter", floating_ip="true")
    work()
    return fresh(made)


def file_of(browser: Page, vm: Vm, more: str = "") -> Answer:
    return browser.get(f"/admin/vms/{vm.id}{more}")


def acts(vm: Vm) -> list[str]:
    chosen = select(AuditEntry.action).where(AuditEntry.vm_id == vm.id).order_by(AuditEntry.id)
    return list(db.session.scalars(chosen))


class TestSearch:
    def test_from_an_address_to_the_cause(self, support: Page, failed: Vm) -> None:
        form = support.get("/").form(button=None, action="/admin/search")
        answer = form.submit(q=str(failed.public_ip))
        row = answer.words("//tbody/tr")[0]
        for words in (
            "lost-otter",
            "Failed",
            "no machine with enough room",
            f"public address is {failed.public_ip}",
        ):
            assert words in row
        answer = answer.follow("lost-otter")
        assert answer.url == f"/admin/vms/{failed.id}"
        assert "The cloud has no machine with enough room for this size." in answer.text
        assert "No valid host was found" in answer.words("//details[@id='failure-raw']/pre")[0]

    def test_people_and_acts_stand_beside_the_vms(self, support: Page, vm: Vm) -> None:
        answer = support.get("/admin/search?q=ada@example")
        assert "Ada ada@example.org Member" in answer.words("//caption[.='People']/..//tbody/tr")[0]
        assert "No VM found" in support.get("/admin/search?q=nothing-like-this").text
        assert support.get("/admin/search?q=").words("//div[@id='results']") == [""]

    def test_the_request_of_an_act(self, support: Page, app: Flask, ada: User, vm: Vm) -> None:
        Page(app).sign_in(ada).get(f"/vms/{vm.id}/delete").form(f"/{vm.id}/delete").submit("Delete now")
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "vm.delete")).one()
        answer = support.get(f"/admin/search?q={entry.request_id}")
        assert "vm.delete" in answer.words("//caption[.='Acts of this request']/..//tbody/tr")[0]
        assert "request of the act vm.delete" in answer.text

    def test_a_member_has_neither_box_nor_page(self, browser: Page) -> None:
        assert not browser.get("/").all("//form[@action='/admin/search']")
        assert browser.get("/admin/search?q=x").status == 403


class TestTheCaseFile:
    def test_it_is_found_from_the_vms_own_page(self, support: Page, vm: Vm) -> None:
        answer = support.get(f"/vms/{vm.id}").follow("Case file")
        assert answer.words("//*[@class='tag']")[0] == "reads"
        assert answer.all("//main//form") == []
        for value in (vm.stack_id, vm.server_id, vm.public_ip):
            assert answer.all(f"//button[@data-copy='{value}']")
        assert "ada@example.org" in answer.text

    def test_the_timeline_merges_who_tells_and_is_filtered(self, support: Page, vm: Vm, ada: User) -> None:
        power.ask(vm, power.Action.STOP, by=ada)
        answer = file_of(support, vm)
        rows = answer.words("//section[@id='timeline']//tbody/tr")
        assert any("Portal provisioning → active" in row for row in rows)
        assert any("Act Stop asked for" in row for row in rows)
        assert any("Heat server CREATE_COMPLETE" in row for row in rows)
        assert not any("Act vm.launch" in row for row in rows)
        heat = answer.follow(next(words for words in answer.links if words.startswith("Heat ")))
        assert {row.split()[2] for row in heat.words("//section[@id='timeline']//tbody/tr")} == {"Heat"}
        [made] = file_of(support, vm, "?kind=nova").words("//section[@id='timeline']//tbody/tr")
        assert "Nova create" in made
        assert "req-" in made

    def test_machines_get_all_of_it(self, support: Page, failed: Vm) -> None:
        told = file_of(support, failed).follow("As JSON").json
        assert told["failure"]["rule"] == "no_valid_host"
        assert told["live"] is None
        moves = [line for line in told["timeline"] if line["kind"] == "move"]
        assert [move["new"] for move in moves] == ["requested", "provisioning", "error"]
        assert moves[0]["audit"]["actor"] == "ada@example.org"
        assert "No valid host" in moves[-1]["failure"]
        assert {thing["type"] for thing in told["resources"]} >= {"OS::Nova::Server", "OS::Neutron::Port"}

    def test_dashboards_are_linked_where_there_are_some(
        self, support: Page, vm: Vm, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not any("Horizon" in words for words in file_of(support, vm).links)
        urls = {
            "horizon_url": "https://horizon.example.org/dashboard/",
            "skyline_url": "https://sky.example.org",
        }
        monkeypatch.setitem(app.config, "PORTAL", replace(app.config["PORTAL"], **urls))
        links = file_of(support, vm).links.values()
        assert f"https://horizon.example.org/dashboard/project/instances/{vm.server_id}/" in links
        assert f"https://sky.example.org/heat/stack/detail/{vm.stack_id}/vm-{vm.id}" in links

    def test_a_move_of_which_the_act_is_too_old_stands_alone(
        self, support: Page, vm: Vm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(casefile, "MOST_ACTS", 1)
        moves = [
            line for line in file_of(support, vm, "?format=json").json["timeline"] if line["kind"] == "move"
        ]
        assert [bool(move["audit"]) for move in moves] == [False, False, True]

    def test_a_server_that_heat_told_nothing_of_is_listed_too(self, support: Page, vm: Vm) -> None:
        with transaction():
            db.session.execute(update(HeatEvent).values(physical_id=None))
        things = file_of(support, vm, "?format=json").json["resources"]
        assert [(thing["name"], thing["id"]) for thing in things] == [
            (f"vm-{vm.id}", vm.stack_id),
            ("server", vm.server_id),
        ]

    def test_a_vm_without_a_stack(self, support: Page, ada: User, lab: Tenant) -> None:
        made = launch(ada, lab)
        answer = file_of(support, made)
        assert "no stack was made yet" in answer.text

    def test_a_vanished_one_shows_its_finding(
        self, support: Page, vm: Vm, cloud: Control, work: Worker, clock: Clock
    ) -> None:
        cloud.delete_server(str(vm.server_id))
        clock.forward(400)
        work(until=lambda: fresh(vm).state == "error")
        answer = file_of(support, fresh(vm))
        assert "Deleted outside the portal" in answer.text
        assert answer.follow("Look at it").url.startswith("/admin/findings/")

    def test_what_was_sent_is_shown_without_its_secrets(
        self, support: Page, ada: User, lab: Tenant, work: Worker
    ) -> None:
        made = launch(ada, lab, "own-cloud-init", user_data=USER_DATA)
        page = file_of(support, made)
        assert "marked-user-data" not in page.response.get_data(as_text=True)
        assert "[hidden], " in page.text

    def test_keys_are_shortened(self, support: Page, vm: Vm) -> None:
        page = file_of(support, vm).response.get_data(as_text=True)
        assert PUBLIC_KEY.split()[1] not in page
        assert f"ssh-ed25519 {PUBLIC_KEY.split()[1][:8]}…" in page

    def test_parameters_that_cannot_be_opened_say_so(self, support: Page, vm: Vm) -> None:
        with transaction():
            db.session.execute(update(Vm).values(sealed=b"broken"))
        assert "The parameters can't be opened." in file_of(support, vm).text

    def test_the_doctors_word_and_a_silent_cloud(self, support: Page, vm: Vm, lab: Tenant) -> None:
        assert "has not looked yet" in file_of(support, vm).text
        for _ in range(circuits.OPENS_AFTER):
            circuits.silent(lab.id)
        answer = file_of(support, vm)
        assert "no, it is left alone" in answer.text
        assert "It is left alone at present" in file_of(support, vm, "/live").text

    def test_console_output_that_is_kept_is_shown(self, support: Page, vm: Vm, ada: User) -> None:
        power.ask_console(vm, by=ada)
        power.fetch_console(vm.id)
        assert "login:" in file_of(support, vm).words("//details[@id='console-kept']")[0]

    def test_there_is_no_such_vm(self, support: Page) -> None:
        nobody = "/admin/vms/00000000-0000-4000-8000-000000000000"
        assert support.get(nobody).status == 404


class TestLive:
    def test_it_shows_what_heat_and_nova_say_now(self, support: Page, vm: Vm) -> None:
        answer = file_of(support, vm).follow("Ask OpenStack now")
        assert answer.url == f"/admin/vms/{vm.id}/live"
        assert "Stack CREATE_COMPLETE" in answer.text
        assert "Server ACTIVE" in answer.text
        assert "login:" in answer.words("//details[@id='live-console']")[0]
        assert "raw Heat events" in answer.words("//details[@id='live-events']")[0]
        nova = [row for row in answer.words("//section[@id='timeline']//tbody/tr") if "Nova" in row]
        assert "Nova live create" in nova[0]
        assert acts(vm)[-1] == "vm.looked_live"
        told = answer.follow("As JSON").json
        assert told["live"]["server"] == {"status": "ACTIVE", "fault": ""}
        assert [line["live"] for line in told["timeline"] if line["kind"] == "nova"] == [True]

    def test_of_a_failed_launch_it_finds_the_server_and_its_fault(self, support: Page, failed: Vm) -> None:
        answer = file_of(support, failed, "/live?kind=nova")
        assert "Server ERROR: No valid host was found." in answer.text
        assert "Nova live create Error, ended" in " ".join(
            answer.words("//section[@id='timeline']//tbody/tr")
        )
        assert not answer.all("//details[@id='live-console']")

    def test_without_a_server_on_record_heats_word_counts(self, support: Page, vm: Vm) -> None:
        with transaction():
            db.session.execute(update(Vm).values(server_id=None))
        assert "Server ACTIVE" in file_of(support, vm, "/live").text

    def test_of_a_deleted_vm_nova_still_knows_what_was_done(
        self, support: Page, vm: Vm, ada: User, work: Worker
    ) -> None:
        vms.ask(vm, Event.DELETE, by=ada)
        work()
        answer = file_of(support, fresh(vm), "/live?kind=nova")
        assert "Stack DELETE_COMPLETE" in answer.text
        assert "Server It is not there (any more)." in answer.text
        assert "delete" in " ".join(answer.words("//section[@id='timeline']//tbody/tr"))

    def test_a_vm_without_a_stack_has_nothing_to_ask_for(self, support: Page, ada: User, lab: Tenant) -> None:
        assert "knows of no stack" in file_of(support, launch(ada, lab), "/live").text

    def test_an_error_of_one_service_leaves_the_others(self, support: Page, vm: Vm, cloud: Control) -> None:
        cloud.faults.add(
            Fault("status", service="compute", path_regex="os-instance-actions", status=500, times=0)
        )
        cloud.faults.add(
            Fault("status", service="orchestration", path_regex="resources", status=409, times=0)
        )
        answer = file_of(support, vm, "/live")
        assert "Nova actions compute:" in answer.text
        assert "Resources OpenStack says no for now" in answer.text
        assert "Server ACTIVE" in answer.text

    def test_a_cloud_that_hangs_is_asked_once(
        self, support: Page, vm: Vm, cloud: Control, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "READ_TIMEOUT", 0.2)
        cloud.faults.add(Fault("hang", service="orchestration", times=0))
        cloud.faults.add(Fault("hang", service="compute", times=0))
        answer = file_of(support, vm, "/live")
        cloud.faults.clear()
        assert "OpenStack orchestration: The service did not answer in time." in answer.text
        assert "Portal provisioning → active" in answer.text

    def test_what_takes_too_long_is_cut_short(
        self, support: Page, vm: Vm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "PATIENCE", -1.0)
        assert "It took too long" in file_of(support, vm, "/live").text

    def test_without_a_credential_it_says_so(self, support: Page, vm: Vm) -> None:
        with transaction():
            db.session.execute(update(Credential).values(sealed=b"broken"))
        assert "doesn't hold a sealed value" in file_of(support, vm, "/live").text
        with transaction():
            db.session.query(Credential).delete()
        answer = file_of(support, vm, "/live")
        assert "has no OpenStack credential yet" in answer.text
        assert "Credential none" in answer.text


class TestTheBundle:
    def taken(self, support: Page, vm: Vm) -> dict[str, str]:
        answer = file_of(support, vm).follow("Bundle")
        assert answer.headers["Content-Disposition"].startswith(
            f'attachment; filename="case-{vm.id.hex[:8]}-'
        )
        with zipfile.ZipFile(io.BytesIO(answer.response.get_data())) as archive:
            return {name: archive.read(name).decode() for name in archive.namelist()}

    def test_a_stranger_can_tell_from_it_what_happened(self, support: Page, failed: Vm) -> None:
        files = self.taken(support, failed)
        assert "The cloud has no machine with enough room" in files["README.txt"]
        assert all(name in files["README.txt"] for name in files if name != "README.txt")
        assert "! move  portal provisioning → error" in files["timeline.txt"]
        told: dict[str, Any] = {name: json.loads(files[name]) for name in files if name.endswith(".json")}
        assert told["vm.json"]["explanation"]["rule"] == "no_valid_host"
        assert told["vm.json"]["failure"] == failed.failure
        assert told["tenant.json"]["circuit"] == "closed"
        assert told["tenant.json"]["credential"]["kind"] == "application_credential"
        assert told["versions.json"]["causes"] >= 1
        assert told["parameters.json"]["parameters"]["name"] == "lost-otter"
        assert {event["resource"] for event in told["heat-events.json"]} >= {"server", "port"}
        assert files["template.yaml"].startswith("heat_template_version")
        assert acts(failed)[-1] == "vm.bundled"

    def test_no_secret_is_in_it(
        self, support: Page, ada: User, lab: Tenant, work: Worker, app: Flask
    ) -> None:
        made = launch(ada, lab, "own-cloud-init", user_data=USER_DATA)
        work()
        secret = "marked-user-data-7f3a"
        with transaction():
            words = (
                f"user_data was: {USER_DATA} password=hunter2hunter2 token gAAAAABmarkedmarkedmarkedmarked"
            )
            db.session.execute(update(Vm).values(failure=words, trouble=f"{{'secret': '{secret}'}}"))
            db.session.execute(update(HeatEvent).values(reason=f"echo {secret} {PUBLIC_KEY}"))
            db.session.execute(update(Tenant).values(endpoint_overrides={"password": "marked-password"}))
            credential = db.session.scalars(select(Credential)).one()
        planted = [
            *("marked-user-data", "hunter2hunter2", "gAAAAABmarked", "marked-password"),
            PUBLIC_KEY.split()[1],
            getattr(credentials.reveal(credential), "secret", "-"),
            app.config["PORTAL"].secret_key,
        ]
        whole = "\n".join(self.taken(support, fresh(made)).values())
        assert [each for each in planted if each in whole] == []
        assert "[hidden]" in whole

    def test_it_has_an_end(self, support: Page, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bundle, "MOST_CHARACTERS", 40)
        assert all(len(text) < 100 for text in self.taken(support, vm).values())

    def test_of_a_vm_that_waits_it_says_why(self, support: Page, ada: User, lab: Tenant) -> None:
        made = launch(ada, lab)
        with transaction():
            db.session.execute(update(Vm).values(trouble="The cloud is slow."))
            db.session.query(Credential).delete()
        files = self.taken(support, fresh(made))
        assert "It is held up: The cloud is slow." in files["README.txt"]
        assert json.loads(files["tenant.json"])["credential"] is None
        assert json.loads(files["doctor.json"]) is None

    def test_one_that_is_well_needs_no_words(self, support: Page, vm: Vm) -> None:
        volatile.client().flushdb()
        assert "It is active since" in self.taken(support, vm)["README.txt"]


def test_a_hidden_answer_that_was_left_empty_is_shown_so(support: Page, ada: User, lab: Tenant) -> None:
    vm = launch(ada, lab, "own-cloud-init", name="bare")
    answer = support.get(f"/admin/vms/{vm.id}")
    shown = answer.one("//dt[code='user_data']/following-sibling::dd[1]")
    assert shown.text_content().strip() == ""
