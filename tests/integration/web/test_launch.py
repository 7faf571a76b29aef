"""The launch wizard, as people click through it without script."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import update

from portal.config import ROOT
from portal.domain.catalog import keys, shelf
from portal.domain.catalog.models import Flavor, Image, SshKey
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import drafts
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.page import Answer, Form, Page
from tests.support.world import Worker, draft, fresh, launch, only

PUBLIC_KEY = (
    ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
).decode()


@pytest.fixture
def browser(page: Page, ada: User) -> Page:
    """Ada's browser."""
    return page.sign_in(ada)


@pytest.fixture
def templates(tmp_path: Path) -> Iterator[Path]:
    """A library of templates that a test may change."""
    folder = tmp_path / "hot_templates"
    shutil.copytree(ROOT / "hot_templates", folder)
    shelf.open_at(folder)
    yield folder
    shelf.open_at(ROOT / "hot_templates")


def begin(browser: Page, title: str = "Ubuntu server") -> Answer:
    """The second step, with that template."""
    return browser.get("/launch/").form("/launch/").submit(title)


def wizard(answer: Answer) -> Form:
    return answer.form(button="Next")


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


@pytest.mark.parametrize("place", ["", "template", "machine", "access", "review"])
def test_a_launched_draft_leads_to_its_vm(browser: Page, ada: User, lab: Tenant, place: str) -> None:
    vm = launch(ada, lab)
    assert browser.get(f"/launch/{vm.client_request_id}/{place}").url == f"/vms/{vm.id}"


def test_a_wrong_answer_is_told_at_its_field_and_kept(browser: Page) -> None:
    machine = wizard(begin(browser, "Docker host")).submit("Next", name="9 lives!")
    assert machine.status == 422
    assert "begin with a letter" in machine.errors["name"]
    assert wizard(machine)["name"] == "9 lives!"
    access = wizard(machine).submit("Next", name="fine")
    access = wizard(access).submit("Next", container="UPPER case", container_port="99999")
    assert access.errors == {
        "container": "Write the container image as in docker run, such as nginx:alpine.",
        "container_port": "A port is a number between 1 and 65535.",
    }
    assert wizard(access)["container"] == "UPPER case"


def test_a_name_that_the_tenant_has_already_is_refused(browser: Page, ada: User, lab: Tenant) -> None:
    launch(ada, lab, name="taken")
    assert "has a VM named taken" in wizard(begin(browser)).submit("Next", name="taken").errors["name"]


def test_a_size_that_does_not_fit_says_why_and_can_not_be_picked(browser: Page) -> None:
    machine = begin(browser)
    words = " ".join(machine.words("//tr[.//input[@name='flavor'][@disabled]]"))
    assert "512 MiB of memory" in words
    tiny = machine.one("//input[@name='flavor'][@disabled][ancestor::label[contains(., 'm1.tiny')]]").get(
        "value"
    )
    assert tiny not in wizard(machine).options("flavor")
    refused = wizard(machine).submit("Next", flavor=tiny)
    assert refused.status == 422
    assert "m1.tiny is too small" in refused.errors["flavor"]


def test_a_template_for_gpus_offers_sizes_with_gpus_only(browser: Page) -> None:
    sizes = wizard(begin(browser, "GPU workstation")).options("flavor")
    assert {words.split()[0][0] for words in sizes.values()} == {"g"}


def test_the_quota_is_shown_before_and_after(browser: Page, ada: User, lab: Tenant) -> None:
    launch(ada, lab)
    answer = begin(browser)
    assert re.search(r"VMs 1 then 2 of 20", _quota(answer))


def test_a_changed_answer_is_kept_and_changes_the_panels(browser: Page) -> None:
    machine = begin(browser)
    large = _value(machine, "m1.large")
    answer = wizard(machine).submit(htmx=True, flavor=large, name="typed-so-far")
    assert answer.status == 200
    assert "vCPU 0 then 4 of 100" in _quota(answer)
    assert "typed-so-far" in " ".join(answer.words("//aside[@id='summary']"))
    assert answer.all("//fieldset[@id='q-flavor'][@hx-swap-oob]")
    assert only(LaunchDraft).answers["flavor"] == large


def test_a_full_quota_is_told_before_the_launch(browser: Page, ada: User, lab: Tenant) -> None:
    made = draft(ada, lab)
    _limit(lab, quota_vms=1)
    launch(ada, lab)
    review = browser.get(f"/launch/{made.id}/review")
    assert "VMs: 1 wanted, 0 of 1 left" in review.text
    assert review.one("//form[contains(@action, '/submit')]//button").get("disabled") is not None
    refused = review.form("/submit").submit("Launch")
    assert refused.status == 422
    assert "VMs: 1 wanted, 0 of 1 left" in refused.text
    assert only(Vm)


def test_a_size_over_the_quota_can_not_be_picked(browser: Page, lab: Tenant) -> None:
    _limit(lab, quota_vcpus=2)
    sizes = wizard(begin(browser)).options("flavor")
    assert {words.split()[0] for words in sizes.values()} == {"m1.small", "m1.medium"}


def test_a_public_address_is_offered_while_the_quota_has_one(browser: Page, lab: Tenant) -> None:
    access = wizard(begin(browser)).submit("Next")
    assert "5 left in your quota" in access.text
    _limit(lab, quota_floating_ips=0)
    assert browser.get(access.url).one("//input[@name='floating_ip']").get("disabled") is not None


def test_networks_are_shown_with_their_addresses(browser: Page, lab: Tenant) -> None:
    access = wizard(begin(browser)).submit("Next")
    network = db.session.scalars(db.select(NetworkProfile)).first()
    assert network
    assert network.cidrs[0] in access.text
    db.session.rollback()
    _write(update(NetworkProfile).values(external_network_id=None, external_network_name=None))
    answer = wizard(browser.get(access.url)).submit("Next", floating_ip="true")
    assert "no way out" in answer.errors["floating_ip"]


def test_firewall_presets_are_in_words(browser: Page) -> None:
    options = wizard(wizard(begin(browser)).submit("Next")).options("firewall")
    assert options["closed"] == "Nothing from outside"


def test_a_key_is_added_on_the_way_and_chosen(browser: Page, ada: User) -> None:
    access = wizard(begin(browser, "Web server")).submit("Next")
    typed: dict[str, Any] = {"key-name": "laptop", "key-public_key": PUBLIC_KEY}
    answer = wizard(access).submit("Add this key", greeting="Hello there", **typed)
    assert "“laptop” was added" in answer.text
    form = wizard(answer)
    assert form["greeting"] == "Hello there"
    assert form["ssh_keys"] == str(keys.of(ada)[0].id)
    assert "laptop" in form.submit("Next").text


def test_a_bad_key_is_explained_and_loses_nothing(browser: Page) -> None:
    access = wizard(begin(browser, "Web server")).submit("Next")
    typed: dict[str, Any] = {"key-name": "laptop", "key-public_key": "nonsense", "greeting": "Hello there"}
    answer = wizard(access).submit("Add this key", **typed)
    assert answer.status == 422
    assert "begins with its kind" in answer.errors["key-public_key"]
    assert {name: wizard(answer)[name].strip() for name in typed} == typed


def test_only_the_chosen_keys_are_taken(browser: Page, ada: User, work: Worker) -> None:
    keys.add(ada, "laptop", PUBLIC_KEY)
    access = wizard(begin(browser)).submit("Next")
    assert "laptop" in wizard(access).submit("Next").text
    review = wizard(access).submit("Next", ssh_keys=None)
    assert "Nobody will be able to sign in" in review.text


def test_somebody_elses_key_can_not_be_taken(browser: Page, eve: User) -> None:
    keys.add(eve, "hers", PUBLIC_KEY)
    review = wizard(wizard(begin(browser)).submit("Next")).submit("Next", ssh_keys=str(only(SshKey).id))
    assert "hers" not in review.text


@pytest.mark.parametrize(
    ("user_data", "words"),
    [
        ("#cloud-config\na: " + "x" * 50_000, "too large"),
        ("#cloud-config\n\x00\x01\x02", "binary file"),
        ("just words", "first line"),
        ("#cloud-config\na: [", "line 3"),
    ],
)
def test_user_data_that_a_server_would_not_take_is_explained(
    browser: Page, user_data: str, words: str
) -> None:
    access = wizard(begin(browser, "Your own cloud-init")).submit("Next")
    answer = wizard(access).submit("Next", user_data=user_data)
    assert answer.status == 422
    assert words in answer.errors["user_data"].lower()
    assert "of 48 KiB" in answer.text


def test_user_data_is_kept_while_it_is_wrong(browser: Page) -> None:
    access = wizard(begin(browser, "Your own cloud-init")).submit("Next")
    answer = wizard(access).submit("Next", user_data="just words\nand more")
    assert wizard(answer)["user_data"].split() == ["just", "words", "and", "more"]


def test_user_data_is_shown_to_its_author_only_until_the_launch(browser: Page, work: Worker) -> None:
    access = wizard(begin(browser, "Your own cloud-init")).submit("Next")
    review = wizard(access).submit("Next", user_data="#!/bin/sh\necho marked")
    assert "echo marked" in review.text
    answer = review.form("/submit").submit("Launch")
    work()
    assert "marked" not in browser.get(answer.url).text
    assert fresh(only(Vm)).state is State.ACTIVE


def test_more_than_the_portal_reads_at_all_is_refused_in_words(browser: Page) -> None:
    access = wizard(begin(browser, "Your own cloud-init")).submit("Next")
    answer = wizard(access).submit("Next", user_data="x" * 1_100_000)
    assert answer.status == 413
    assert "48 KiB" in answer.text


def test_a_template_that_vanished_leaves_the_answers(browser: Page, templates: Path) -> None:
    machine = begin(browser, "Web server")
    wizard(machine).submit("Next", name="kept-name")
    (templates / "web-server.yaml").unlink()
    answer = browser.get(machine.url)
    assert "no longer on the shelf" in answer.text
    assert answer.url.endswith("/template")
    machine = answer.form("/template").submit("Docker host")
    assert wizard(machine)["name"] == "kept-name"


def test_a_template_that_vanished_sends_a_page_that_saves_away(browser: Page, templates: Path) -> None:
    machine = begin(browser, "Web server")
    (templates / "web-server.yaml").unlink()
    answer = wizard(machine).submit(htmx=True, name="typed")
    assert answer.headers["HX-Redirect"].endswith("/template")


def test_a_template_that_never_was_leads_to_the_shelf(browser: Page) -> None:
    page = browser.get("/launch/")
    answer = browser.post(
        "/launch/", {"offering": "nothing", "csrf_token": page.form("/launch/")["csrf_token"]}
    )
    assert "no longer on the shelf" in answer.text
    assert answer.url == "/launch/"


def test_another_template_keeps_what_both_ask(browser: Page) -> None:
    access = wizard(begin(browser)).submit("Next", name="kept-name")
    template = browser.get(access.links["Template"])
    assert template.words("//button[@aria-current]/span/strong") == ["Ubuntu server chosen"]
    machine = template.form("/template").submit("GPU workstation")
    assert wizard(machine)["name"] == "kept-name"
    assert wizard(machine)["flavor"] in wizard(machine).options("flavor")
    assert only(LaunchDraft).offering == "gpu-ubuntu"


@pytest.mark.parametrize(("model", "field", "noun"), [(Flavor, "flavor", "size"), (Image, "image", "image")])
def test_what_the_cloud_no_longer_has_is_told(
    browser: Page, ada: User, lab: Tenant, model: type[Flavor] | type[Image], field: str, noun: str
) -> None:
    made = draft(ada, lab)
    _write(update(model).where(model.os_id == made.answers[field]).values(gone=True))
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
    _write(update(Image).values(gone=True))
    _limit(lab, catalog_checked_at=None)
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


EVERYTHING = """
heat_template_version: 2018-08-31
description: Asks everything
parameters:
  name: {type: string}
  image: {type: string, constraints: [{custom_constraint: glance.image}]}
  flavor: {type: string, constraints: [{custom_constraint: nova.flavor}]}
  network: {type: string, constraints: [{custom_constraint: neutron.network}]}
  motto: {type: string, label: Motto, description: Any words., constraints: [{length: {min: 3, max: 9}}]}
  count: {type: number, default: 4, constraints: [{range: {min: 2, max: 8}}, {modulo: {step: 2, offset: 0}}]}
  fast: {type: boolean, default: true}
  tree: {type: json, default: {a: 1}}
  words: {type: comma_delimited_list, default: "one,two"}
  colours: {type: comma_delimited_list, default: "red", constraints: [{allowed_values: [red, green]}]}
  city: {type: string, constraints: [{allowed_values: [a, b, c, d, e, f]}]}
  token: {type: string, hidden: true, default: ""}
resources:
  server:
    type: OS::Nova::Server
    properties:
      name: {get_param: name}
      image: {get_param: image}
      flavor: {get_param: flavor}
      networks: [{network: {get_param: network}}]
      metadata:
        motto: {get_param: motto}
        city: {get_param: city}
        count: {get_param: count}
outputs:
  server_id: {value: {get_resource: server}}
  private_ip: {value: ""}
  public_ip: {value: ""}
"""


def test_a_file_dropped_in_gives_a_working_form(
    browser: Page, templates: Path, cloud: Control, work: Worker
) -> None:
    (templates / "everything.yaml").write_text(EVERYTHING)
    access = wizard(begin(browser, "Everything")).submit("Next")
    motto, count = access.one("//input[@name='motto']"), access.one("//input[@name='count']")
    assert (motto.get("minlength"), motto.get("maxlength"), motto.get("required")) == ("3", "9", "required")
    assert (count.get("type"), count.get("min"), count.get("max"), count.get("step")) == (
        "number",
        "2",
        "8",
        "2",
    )
    assert access.one("//textarea[@name='tree']").text_content().strip() == '{"a": 1}'
    assert wizard(access)["words"] == "one,two"
    assert list(wizard(access).options("city")) == ["", "a", "b", "c", "d", "e", "f"]

    wrong = wizard(access).submit("Next", motto="x", count="3", tree="{", words="one")
    assert wrong.errors.keys() == {"motto", "count", "tree", "city"}
    assert wizard(wrong)["tree"].strip() == "{"
    right: dict[str, Any] = {
        "motto": "onwards",
        "count": "6",
        "tree": "[1]",
        "city": "c",
        "token": "marked-secret",
    }
    review = wizard(wrong).submit("Next", colours=["red", "green"], **right)
    assert "red, green" in review.text
    assert "marked-secret" not in review.text
    review.form("/submit").submit("Launch")
    work()
    assert fresh(only(Vm)).state is State.ACTIVE
    metadata = cloud.servers("tenant-a")[0]["metadata"]
    assert {name: str(value) for name, value in metadata.items()} == {
        "motto": "onwards",
        "city": "c",
        "count": "6",
    }


def test_a_secret_answer_is_kept_and_never_shown(browser: Page, templates: Path) -> None:
    (templates / "everything.yaml").write_text(EVERYTHING)
    access = wizard(begin(browser, "Everything")).submit("Next")
    machine = wizard(access).submit("Back", token="marked-secret")
    access = wizard(machine).submit("Next")
    assert "marked-secret" not in access.response.get_data(as_text=True)
    wizard(access).submit("Back")
    assert drafts.values(only(LaunchDraft))["token"] == "marked-secret"


def _value(answer: Answer, size: str) -> str:
    """What picking this size sends."""
    return next(value for value, words in wizard(answer).options("flavor").items() if words.startswith(size))


def _quota(answer: Answer) -> str:
    text = answer.one("//aside//*[contains(@class, 'stack-sm')]")
    for icon in text.xpath(".//*[@aria-label='then']"):
        icon.text = "then"
    return " ".join(text.text_content().split())


def _limit(tenant: Tenant, **limits: object) -> None:
    _write(update(Tenant).where(Tenant.id == tenant.id).values(**limits))


def _write(statement: object) -> None:
    with db.engine.begin() as connection:
        connection.execute(statement)  # type: ignore[call-overload]
