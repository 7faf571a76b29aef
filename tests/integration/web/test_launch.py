"""The launch wizard, as people click through it without script."""

from typing import Any

import pytest
from sqlalchemy import select, update

from portal.domain.catalog import catalog
from portal.domain.catalog.models import Flavor, Image
from portal.domain.people import sessions
from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import drafts
from portal.domain.vms.models import LaunchDraft, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.page import Form, Page
from tests.support.wizard import begin, limit, wizard, write
from tests.support.world import Worker, draft, launch, only


def test_a_member_launches_with_five_clicks(browser: Page, cloud: Control, work: Worker) -> None:
    templates = browser.get("/").follow("Launch your first VM")
    machine = templates.form("/launch/").submit("Ubuntu server")
    access = wizard(machine).submit("Next")
    review = wizard(access).submit("Next")
    answer = review.form("/submit").submit("Launch")
    vm = only(Vm)
    assert answer.url == f"/vms/{vm.id}"
    assert "Waiting" in answer.text
    work()
    assert "Active" in browser.get(answer.url).text
    assert cloud.stack_names("tenant-a") == [f"vm-{vm.id}"]


def test_a_member_launches_with_three_clicks(browser: Page) -> None:
    templates = browser.get("/").follow("Launch your first VM")
    review = templates.form("/launch/").submit("Quick launch: Ubuntu server")
    assert review.url.endswith("/review")
    answer = review.form("/submit").submit("Launch")
    assert answer.url == f"/vms/{only(Vm).id}"


def test_the_quick_way_stops_where_an_answer_is_needed(browser: Page) -> None:
    write(update(NetworkProfile).values(gone=True))
    access = browser.get("/launch/").form("/launch/").submit("Quick launch: Ubuntu server")
    assert access.url.endswith("/access")


def test_the_catalogue_leads_into_the_wizard_filled_in(browser: Page, lab: Tenant) -> None:
    debian = next(one for one in catalog.images(lab.id) if one.name == "debian-12")
    large = next(one for one in catalog.flavors(lab.id) if one.name == "m1.large")
    templates = browser.get(f"/launch/?image={debian.os_id}&flavor={large.os_id}")
    assert "It is made for Ubuntu." in templates.text
    assert "From the catalogue: debian-12, m1.large." in templates.text
    assert "From the catalogue" not in browser.get("/launch/?network=nonsense").text
    machine = wizard(templates.form("/launch/").submit("Your own cloud-init"))
    assert (machine["image"], machine["flavor"]) == (debian.os_id, large.os_id)


def test_the_review_is_reached_without_the_third_step(browser: Page) -> None:
    machine = wizard(begin(browser))
    assert machine.submit("Skip to the review", name="9").errors.keys() == {"name"}
    assert machine.submit("Skip to the review").url.endswith("/review")


def test_each_step_says_where_one_is(browser: Page) -> None:
    answer = begin(browser)
    assert answer.title.startswith("Launch a VM: image and size")
    assert answer.words("//ol[@class='steps']//*[@aria-current='step']") == ["Image and size"]
    answer = wizard(answer).submit("Next")
    assert answer.words("//ol[@class='steps']//*[@aria-current='step']") == ["Network and access"]


def test_going_back_loses_no_answer(browser: Page) -> None:
    machine = begin(browser, "Docker host")
    access = wizard(machine).submit("Next", name="my-docker")
    machine = wizard(access).submit("Back", container="nginx:alpine", firewall="closed", floating_ip="true")
    assert wizard(machine)["name"] == "my-docker"
    form = wizard(wizard(machine).submit("Next"))
    assert (form["container"], form["firewall"], form["floating_ip"]) == ("nginx:alpine", "closed", "true")
    review = form.submit("Next")
    assert "my-docker" in review.text
    assert "Nothing from outside" in review.text
    assert "nginx:alpine" in review.text


def test_a_box_unticked_stays_unticked(browser: Page) -> None:
    access = wizard(begin(browser)).submit("Next")
    machine = wizard(access).submit("Back", floating_ip="true")
    access = wizard(machine).submit("Next")
    machine = wizard(access).submit("Back", floating_ip=None)
    assert "floating_ip" not in wizard(wizard(machine).submit("Next")).fields


def test_another_browser_goes_on_with_the_draft(browser: Page, ada: User) -> None:
    wizard(begin(browser)).submit("Next", name="kept-name")
    elsewhere = Page(browser._client.application).sign_in(ada)
    for url in ("/", "/vms/"):
        assert "kept-name" in elsewhere.get(url).text
    review = elsewhere.get("/vms/").follow("Continue")
    assert review.url.endswith("/review")
    assert "kept-name" in review.text


def test_a_session_that_ends_on_the_way_loses_nothing(browser: Page, ada: User) -> None:
    form = wizard(wizard(begin(browser, "Docker host")).submit("Next", name="my-docker"))
    with transaction():
        sessions.end_all(ada)
    told = form.submit(htmx=True, container="nginx:alpine")
    assert told.status == 401
    assert "What you typed is still here." in told.text
    kept = form.submit("Next", container="nginx:alpine", firewall="closed")
    assert kept.status == 401
    browser.sign_in(ada)  # in another tab
    review = browser.post(kept.url, sent_again(browser, kept.form("/access")))
    assert review.url.endswith("/review")
    for words in ("my-docker", "nginx:alpine", "Nothing from outside"):
        assert words in review.text


def sent_again(browser: Page, form: Form) -> dict[str, list[str]]:
    """What the form would send, with the token of the session that began meanwhile."""
    # A browser takes the first line end out of an area.
    fields = {name: [value.removeprefix("\n") for value in values] for name, values in form.fields.items()}
    return fields | {"csrf_token": [browser.get("/keys/").form("/make")["csrf_token"]]}


def test_a_draft_is_continued_where_it_needs_another_look(browser: Page, ada: User, lab: Tenant) -> None:
    made = draft(ada, lab, "docker-host", container_port="none")
    answer = browser.get(f"/launch/{made.id}/")
    assert answer.url.endswith("/access")
    assert answer.errors == {"container_port": "Enter a number."}


def test_a_draft_can_be_thrown_away(browser: Page) -> None:
    answer = begin(browser).form("/discard").submit()
    assert "thrown away" in answer.text
    assert drafts.open_of(db.session.get_one(User, only(User).id)) == []


def test_a_second_click_leads_to_the_same_vm(browser: Page, ada: User, lab: Tenant) -> None:
    review = browser.get(f"/launch/{draft(ada, lab).id}/review")
    first, again = review.form("/submit").submit("Launch"), review.form("/submit").submit("Launch")
    assert first.url == again.url == f"/vms/{only(Vm).id}"


CHANGED = "This was changed elsewhere meanwhile. Look at it again before you launch."


@pytest.mark.parametrize(
    ("change", "now"),
    [({"flavor": "m1.large"}, "m1.large"), ({"user_data": "#cloud-config\n{}\n"}, "User data")],
)
def test_what_another_tab_changed_is_shown_before_it_is_launched(
    browser: Page, lab: Tenant, change: dict[str, Any], now: str
) -> None:
    sizes = {one.name: one.os_id for one in catalog.flavors(lab.id)}
    machine = begin(browser, "Your own cloud-init")
    review = wizard(wizard(machine).submit("Next")).submit("Next")
    fields = {name: sizes.get(value, value) for name, value in change.items()}
    step = machine if "flavor" in change else browser.get(machine.url.replace("machine", "access"))
    wizard(step).submit("Next", **fields)  # in the other tab
    again = review.form("/submit").submit("Launch")
    assert (again.status, db.session.scalars(select(Vm)).all()) == (409, [])
    assert CHANGED in again.text
    assert now in again.text
    launched = again.form("/submit").submit("Launch")
    assert launched.url == review.form("/submit").submit("Launch").url == f"/vms/{only(Vm).id}"


def test_the_same_answers_kept_again_change_nothing(browser: Page) -> None:
    machine = begin(browser)
    review = wizard(wizard(machine).submit("Next")).submit("Next")
    wizard(machine).submit("Next")
    assert review.form("/submit").submit("Launch").url == f"/vms/{only(Vm).id}"


@pytest.mark.parametrize("place", ["", "template", "machine", "access", "review"])
def test_a_launched_draft_leads_to_its_vm(browser: Page, ada: User, lab: Tenant, place: str) -> None:
    vm = launch(ada, lab)
    assert browser.get(f"/launch/{vm.client_request_id}/{place}").url == f"/vms/{vm.id}"


@pytest.mark.parametrize(("model", "field", "noun"), [(Flavor, "flavor", "size"), (Image, "image", "image")])
def test_what_the_cloud_no_longer_has_is_told(
    browser: Page, ada: User, lab: Tenant, model: type[Flavor] | type[Image], field: str, noun: str
) -> None:
    made = draft(ada, lab)
    write(update(model).where(model.os_id == made.answers[field]).values(gone=True))
    words = f"The {noun} you chose is no longer offered by the cloud."
    review = browser.get(f"/launch/{made.id}/review")
    assert words in review.text
    assert review.form("/submit").submit("Launch").status == 422
    machine = browser.get(f"/launch/{made.id}/")
    assert machine.url.endswith("/machine")
    assert words in machine.errors[field]


def test_a_launch_is_taken_while_the_cloud_is_down(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "GET", "orchestration", status=503, times=0))
    review = browser.get(f"/launch/{draft(ada, lab).id}/review")
    answer = review.form("/submit").submit("Launch")
    work.once()
    answer = browser.get(answer.url)
    assert answer.status == 200
    assert "What you asked for is kept" in answer.text


def test_a_tenant_whose_cloud_was_never_asked_says_so(browser: Page, ada: User, lab: Tenant) -> None:
    write(update(Image).values(gone=True))
    limit(lab, catalog_checked_at=None)
    assert "being asked what it offers" in begin(browser).text


@pytest.mark.parametrize("place", ["", "template", "machine", "access", "review"])
def test_a_strangers_draft_is_not_there(page: Page, ada: User, eve: User, lab: Tenant, place: str) -> None:
    made = draft(ada, lab)
    assert page.sign_in(eve).get(f"/launch/{made.id}/{place}").status == 404


@pytest.mark.parametrize("place", ["template", "machine", "access", "submit", "discard"])
def test_a_strangers_draft_takes_nothing(page: Page, ada: User, eve: User, lab: Tenant, place: str) -> None:
    made = draft(ada, lab)
    page.sign_in(eve)
    token = page.get("/launch/").form("/launch/")["csrf_token"]
    assert page.post(f"/launch/{made.id}/{place}", {"csrf_token": token, "name": "mine"}).status == 404
    assert only(LaunchDraft).answers["name"] == made.answers["name"]


def test_support_launches_nothing(page: Page, sam: User) -> None:
    assert page.sign_in(sam).get("/launch/").status == 403


def test_without_a_tenant_nothing_is_launched(page: Page, root: User) -> None:
    page.sign_in(root)
    token = page.get("/launch/").form("/launch/")["csrf_token"]
    answer = page.post("/launch/", {"offering": "ubuntu-basic", "csrf_token": token})
    assert answer.status == 409
    assert "You are in no tenant yet" in answer.text
