"""The wizard and its templates: user data, files that come and go, and forms made from any file."""

from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import pytest

from portal.domain.catalog import catalog, shelf
from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, offers
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.sandbox.control import Control
from tests.support.page import Page
from tests.support.wizard import begin, wizard
from tests.support.world import Worker, draft, fresh, only


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


def test_the_line_that_is_wrong_is_told_to_the_editor(browser: Page) -> None:
    form = wizard(wizard(begin(browser, "Your own cloud-init")).submit("Next"))
    changed = form.submit(user_data="#cloud-config\npackages: [nginx]\n\truncmd: []", htmx=True)
    assert changed.one("//p[@id='q-user_data-error']").get("data-line") == "3"
    unknown = form.submit(user_data="what is this?", htmx=True)
    assert unknown.one("//p[@id='q-user_data-error']").get("data-line") is None


def test_user_data_is_kept_while_it_is_wrong(browser: Page) -> None:
    access = wizard(begin(browser, "Your own cloud-init")).submit("Next")
    answer = wizard(access).submit("Next", user_data="just words\nand more")
    assert wizard(answer)["user_data"].split() == ["just", "words", "and", "more"]


def test_user_data_is_changed_from_the_review(browser: Page) -> None:
    access = wizard(begin(browser, "Your own cloud-init")).submit("Next")
    blank = wizard(access).submit("Next", user_data="")
    assert blank.words("//dt[.='User data']/following-sibling::dd[1]/a") == ["none"]
    review = wizard(access).submit("Next", user_data="#!/bin/sh")
    page, place = urldefrag(review.one("//a[@aria-label='Change: user data']").get("href"))
    assert browser.get(page).one(f"//textarea[@id='{place}']").text_content().strip() == "#!/bin/sh"


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


BY_SUBNET = """
heat_template_version: 2018-08-31
description: Joins a subnet
parameters:
  name: {type: string}
  image: {type: string, constraints: [{custom_constraint: glance.image}]}
  flavor: {type: string, constraints: [{custom_constraint: nova.flavor}]}
  subnet: {type: string, label: Subnet, constraints: [{custom_constraint: neutron.subnet}]}
resources:
  port:
    type: OS::Neutron::Port
    properties:
      network: NETWORK
      fixed_ips: [{subnet: {get_param: subnet}}]
  server:
    type: OS::Nova::Server
    properties:
      name: {get_param: name}
      image: {get_param: image}
      flavor: {get_param: flavor}
      networks: [{port: {get_resource: port}}]
outputs:
  server_id: {value: {get_resource: server}}
  private_ip: {value: {get_attr: [port, fixed_ips, 0, ip_address]}}
  public_ip: {value: ""}
"""
NETWORK = "network: {type: string, constraints: [{custom_constraint: neutron.network}]}"


def test_a_template_that_joins_a_subnet_asks_which(
    browser: Page, templates: Path, cloud: Control, work: Worker
) -> None:
    (templates / "by-subnet.yaml").write_text(BY_SUBNET.replace("NETWORK", "net-a"))
    access = wizard(begin(browser, "By subnet")).submit("Next")
    choices = wizard(access).options("subnet")
    assert "net-a: 10.10.0.0/16" in choices.values()
    refused = wizard(access).submit("Next", subnet="of-another-cloud")
    assert "no longer offered" in refused.errors["subnet"]
    mine = next(value for value, words in choices.items() if words.startswith("net-a"))
    review = wizard(refused).submit("Next", subnet=mine)
    assert "net-a: 10.10.0.0/16" in review.text
    review.form("/submit").submit("Launch")
    work()
    assert fresh(only(Vm)).state is State.ACTIVE
    assert (fresh(only(Vm)).private_ip or "").startswith("10.10.")


def test_the_subnet_follows_from_the_network_where_that_is_asked(
    browser: Page, templates: Path, work: Worker
) -> None:
    asks_both = BY_SUBNET.replace("NETWORK", "{get_param: network}").replace(
        "  subnet:", f"  {NETWORK}\n  subnet:"
    )
    (templates / "by-subnet.yaml").write_text(asks_both)
    access = wizard(begin(browser, "By subnet")).submit("Next")
    assert access.all("//*[@name='network']")
    assert not access.all("//*[@name='subnet']")
    wizard(access).submit("Next").form("/submit").submit("Launch")
    work()
    assert fresh(only(Vm)).state is State.ACTIVE


def test_a_secret_answer_is_kept_and_never_shown(browser: Page, templates: Path) -> None:
    (templates / "everything.yaml").write_text(EVERYTHING)
    access = wizard(begin(browser, "Everything")).submit("Next")
    machine = wizard(access).submit("Back", token="marked-secret")
    access = wizard(machine).submit("Next")
    assert "marked-secret" not in access.response.get_data(as_text=True)
    wizard(access).submit("Back")
    assert drafts.values(only(LaunchDraft))["token"] == "marked-secret"


def test_a_template_may_be_for_some_tenants_only(
    templates: Path, ada: User, eve: User, lab: Tenant, school: Tenant
) -> None:
    before = draft(ada, lab)
    listed = (templates / "catalog.toml").read_text()
    mine = f'[templates.ubuntu-basic]\ntenants = ["{school.name}"]'
    (templates / "catalog.toml").write_text(listed.replace("[templates.ubuntu-basic]", mine))
    assert "ubuntu-basic" not in {one.thing.name for one in offers.templates(lab, "", "")}
    assert "ubuntu-basic" in {one.name for one in catalog.templates(tenant=school)}
    assert drafts.check(draft(eve, school)).problems == {}
    with pytest.raises(shelf.NoSuchTemplate):
        draft(ada, lab)
    words = f"The template “Ubuntu server” is not for {lab.name}. Choose another."
    assert drafts.check(before).problems == {"tenant": words}
