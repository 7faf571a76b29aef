"""Home: what a person has, and the next step."""

import re
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update

from portal.domain.catalog import keys
from portal.domain.people import accounts
from portal.domain.people.models import Role, User
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Tenant
from portal.domain.vms import explain, findings, power, requests
from portal.domain.vms.models import FindingKind, LaunchDraft, State
from tests.integration.web.test_keys import GOOD
from tests.support import world
from tests.support.page import Page
from tests.support.world import Worker, fresh


def test_a_first_visit_teaches_the_next_steps(page: Page, ada: User, lab: Tenant) -> None:
    home = page.sign_in(ada).get("/")
    assert "Launch your first VM" in home.links
    steps = [home.links[words] for words in ("Add your key", "Pick a template", "Launch it")]
    assert steps == ["/keys/", "/catalogue/", "/launch/"]
    keys.add(ada, "laptop", GOOD)
    assert "Your SSH key is here" in page.get("/").text
    world.launch(ada, lab)
    assert "three steps" not in page.get("/").text


def test_the_hint_at_keys_goes_once_there_is_one(page: Page, ada: User, lab: Tenant) -> None:
    world.launch(ada, lab)
    assert "Add your key" in page.sign_in(ada).get("/").links
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
    assert str(draft.id) in home.links["Continue the launch of half-way"]
    home.form("/discard").submit()
    assert "Continue the launch of half-way" not in page.get("/").links


def test_every_draft_is_found_and_says_what_it_is_of(page: Page, ada: User, lab: Tenant) -> None:
    for number in range(5):
        world.draft(ada, lab, name=f"draft-{number}")
    home = page.sign_in(ada).get("/")
    assert {f"Continue the launch of draft-{number}" for number in range(5)} <= home.links.keys()
    assert home.words("//*[@id='more-drafts']/summary") == ["2 more drafts"]
    assert "Ubuntu server, m1.small ·" in home.text
    listed = page.get("/vms/")
    assert listed.words("//*[@id='drafts']/summary") == ["5 drafts to continue"]
    assert len(listed.all("//*[@id='drafts']//a")) == 5
    db.session.execute(update(LaunchDraft).values(offering="long-gone"))
    db.session.commit()
    assert "long-gone ·" in page.get("/").text


def test_what_is_of_another_tenant_names_it(page: Page, ada: User, lab: Tenant, school: Tenant) -> None:
    world.draft(ada, lab, name="there")
    accounts.join(ada, school.id)
    home = page.sign_in(ada).get("/").form(button="Teaching").submit("Teaching")
    assert "Continue the launch of there (Research Lab)" in home.links


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


def test_what_needs_somebody_stands_there_with_its_cause(
    page: Page, ada: User, root: User, lab: Tenant, record: Callable[..., None]
) -> None:
    broken = world.launch(ada, lab, name="broken")
    record(
        broken, state=State.ERROR, failure="No valid host was found. There are not enough hosts available."
    )
    leased = world.launch(ada, lab, name="leased")
    record(leased, lease_ends_at=now() + timedelta(days=2))
    asked = requests.ask(lab, {"vms": 50}, "a course", by=ada)
    requests.refuse(asked, "Next term.", by=root)
    home = page.sign_in(ada).get("/")
    assert home.links["broken failed"] == f"/vms/{broken.id}"
    assert explain.failure("No valid host was found.").cause in home.text
    assert home.links["The lease of leased ends soon"] == f"/vms/{leased.id}"
    assert "Your request for more was refused Next term." in home.text
    assert "1 failed" in home.text
    far, later = {"lease_ends_at": now() + timedelta(days=9)}, {"lease_warn_at": now() + timedelta(days=1)}
    for facts in (far, later | {"lease_ends_at": now() + timedelta(days=2)}):
        record(leased, **facts)
        assert "lease of leased" not in page.get("/").text


def test_whoever_looks_after_all_tenants_sees_what_waits(
    page: Page, ada: User, root: User, sam: User, lab: Tenant, school: Tenant
) -> None:
    requests.ask(lab, {"vms": 50}, "a course", by=ada)
    with transaction():
        for subject in ("one", "two"):
            findings.note(FindingKind.ORPHAN_STACK, school.id, subject, {})
        db.session.execute(update(Tenant).where(Tenant.id == school.id).values(refused_since=now()))
    home = page.sign_in(root).get("/")
    assert home.links["2 findings wait to be settled"] == "/admin/findings/"
    assert home.links["1 request for more waits for an answer"] == "/admin/quotas/requests"
    assert home.links["1 credential of a tenant needs an administrator"] == "/admin/credentials/"
    assert "Quota of" not in home.text
    assert "request for more" not in page.sign_in(sam).get("/").text
    assert "2 findings wait" in page.get("/").text
    assert "findings" not in page.sign_in(ada).get("/").text


def test_what_happened_lately_is_told_to_whom_it_concerns(
    page: Page, ada: User, eve: User, lab: Tenant, work: Worker, sam: User
) -> None:
    vm = world.launch(ada, lab, name="otter")
    work()
    power.ask(fresh(vm), power.Action.STOP, by=ada)
    work()
    told = "//section[.//h2='Lately']//li"
    lines = page.sign_in(ada).get("/").words(told)
    assert lines[0].startswith("otter is stopped by Ada")
    assert any(line.startswith("otter was launched by Ada") for line in lines)
    assert any(line.startswith("otter is ready") for line in lines)
    assert "1 stopped" in page.get("/").text
    assert page.sign_in(eve).get("/").all(told) == []
    assert any("otter" in line for line in page.sign_in(sam).get("/").words(told))
