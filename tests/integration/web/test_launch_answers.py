"""The wizard's fields: what can be picked, what is wrong with an answer, and the quota."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from sqlalchemy import update

from portal.domain.catalog import catalog, keys
from portal.domain.catalog.models import SshKey
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import asked, drafts
from portal.domain.vms.models import LaunchDraft, State, Vm
from tests.support.page import Answer, Page
from tests.support.wizard import PUBLIC_KEY, begin, limit, wizard, write
from tests.support.world import Worker, draft, fresh, launch, only


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


def test_a_phone_keeps_in_sight_what_a_choice_costs(browser: Page, lab: Tenant) -> None:
    limit(lab, quota_gpus=3, quota_ram_mib=512 * 1024)
    machine = begin(browser, "GPU workstation")
    assert "VMs 0 then 1 of 20" in _in_sight(machine)
    answer = wizard(machine).submit(htmx=True, flavor=_value(machine, "g1.h200x2"), **{"vm:count": "2"})
    assert answer.all("//*[@id='cost'][@hx-swap-oob]")
    assert _in_sight(answer) == "GPUs 0 then 4 of 3 VMs 0 then 2 of 20"
    assert answer.words("//*[contains(@class, 'over')][ancestor::*[@id='cost']]")[0].startswith("GPUs")


def test_a_full_quota_is_told_before_the_launch(browser: Page, ada: User, lab: Tenant) -> None:
    made = draft(ada, lab)
    limit(lab, quota_vms=1)
    launch(ada, lab)
    review = browser.get(f"/launch/{made.id}/review")
    assert "VMs: 1 wanted, 0 of 1 left" in review.text
    assert review.one("//form[contains(@action, '/submit')]//button").get("disabled") is not None
    refused = review.form("/submit").submit("Launch")
    assert refused.status == 422
    assert "VMs: 1 wanted, 0 of 1 left" in refused.text
    assert only(Vm)


def test_three_gpu_vms_beyond_the_quota_are_refused_with_what_fits(
    browser: Page, ada: User, lab: Tenant
) -> None:
    two = next(one for one in catalog.flavors(lab.id) if one.name == "g1.h200x2")
    limit(lab, quota_gpus=3, quota_ram_mib=10**6)
    made = draft(ada, lab, "gpu-ubuntu", name="node", flavor=two.os_id, **{"vm:count": "3"})
    refused = browser.get(f"/launch/{made.id}/review").form("/submit").submit("Launch 3 VMs")
    assert refused.status == 422
    for words in ("GPUs: 6 wanted, 3 of 3 left", "1 VM of this size would fit", "g1.h200, g1.pci"):
        assert words in refused.text
    review = refused.form("/machine").submit("Take 1 instead")
    assert review.url.endswith("/review")
    answer = review.form("/submit").submit("Launch")
    assert answer.url == f"/vms/{only(Vm).id}"


def test_the_name_is_judged_as_it_is_typed(browser: Page, ada: User, lab: Tenant) -> None:
    launch(ada, lab, name="taken")
    form = wizard(begin(browser))
    said = {
        name: form.submit(htmx=True, name=name).words("//*[@id='q-name-check']")[0]
        for name in ("taken", "free-one", "")
    }
    assert said["taken"] == "Your tenant has a VM named taken already."
    assert said["free-one"] == "free-one is free"
    assert said[""] == "Give the VM a name."
    several: dict[str, Any] = {"name": "taken", "vm:count": "3"}
    assert "taken-1 to taken-3 are free" in form.submit(htmx=True, **several).text


def test_the_review_shows_how_to_do_the_same_by_hand(browser: Page, ada: User, lab: Tenant) -> None:
    made = draft(ada, lab, "own-cloud-init", name="by-hand", user_data="#!/bin/sh\necho marked-secret")
    review = browser.get(f"/launch/{made.id}/review")
    command, call, template = (each.text_content() for each in review.all("//details[@id='recipe']//pre"))
    vm = drafts.submit(made.id, by=ada)
    sent = dict(asked.of(vm)[0].parameters)
    for words in (f"--tags portal,vm-{vm.id}", "--parameter name=by-hand", f"image={sent['image']}"):
        assert words in command
    assert "--parameter-file user_data=user-data.txt" in command
    body = json.loads(shlex.split(call)[-1])
    assert body["template"] == template == vm.template
    assert body["parameters"] == sent | {"user_data": "<user_data>"}
    assert "marked-secret" not in command + call


def test_a_hidden_answer_is_not_in_the_recipe(browser: Page, templates: Path, ada: User, lab: Tenant) -> None:
    text = (templates / "ubuntu-basic.yaml").read_text()
    hidden = "parameters:\n  token: {type: string, hidden: true, default: x}\n  name:"
    (templates / "with-token.yaml").write_text(text.replace("parameters:\n  name:", hidden))
    made = draft(ada, lab, "with-token", token="marked-secret")
    review = browser.get(f"/launch/{made.id}/review")
    assert '--parameter "token=$TOKEN"' in review.text
    assert "marked-secret" not in review.text


def test_a_size_over_the_quota_can_not_be_picked(browser: Page, lab: Tenant) -> None:
    limit(lab, quota_vcpus=2)
    sizes = wizard(begin(browser)).options("flavor")
    assert {words.split()[0] for words in sizes.values()} == {"m1.small", "m1.medium"}


def test_a_public_address_is_offered_while_the_quota_has_one(browser: Page, lab: Tenant) -> None:
    access = wizard(begin(browser)).submit("Next")
    assert "5 left in your quota" in access.text
    limit(lab, quota_floating_ips=0)
    assert browser.get(access.url).one("//input[@name='floating_ip']").get("disabled") is not None


def test_networks_are_shown_with_their_addresses(browser: Page, lab: Tenant) -> None:
    access = wizard(begin(browser)).submit("Next")
    network = db.session.scalars(db.select(NetworkProfile)).first()
    assert network
    assert network.cidrs[0] in access.text
    db.session.rollback()
    write(update(NetworkProfile).values(external_network_id=None, external_network_name=None))
    answer = wizard(browser.get(access.url)).submit("Next", floating_ip="true")
    assert "no way out" in answer.errors["floating_ip"]


def test_firewall_presets_are_in_words(browser: Page) -> None:
    options = wizard(wizard(begin(browser)).submit("Next")).options("firewall")
    assert options["closed"] == "Nothing from outside"


def test_ssh_is_let_in_from_my_address_only(browser: Page, work: Worker) -> None:
    access = wizard(begin(browser)).submit("Next")
    assert wizard(access)["ssh_from"] == "127.0.0.1/32"
    wrong = wizard(access).submit("Next", firewall="mine", ssh_from="127.0.0.300")
    assert wrong.errors == {"ssh_from": "Write an address with its length, such as 203.0.113.7/32."}
    review = wizard(wrong).submit("Next", ssh_from=" 2001:db8::7")
    assert "SSH only from 2001:db8::7/128" in review.text
    review = wizard(wrong).submit("Next", ssh_from="198.51.100.0/24")
    assert "SSH only from 198.51.100.0/24" in review.text
    review.form("/submit").submit("Launch")
    work()
    assert fresh(only(Vm)).state is State.ACTIVE
    sent = asked.of(only(Vm))[0].parameters
    assert (sent["firewall"], sent["ssh_from"]) == ("mine", "198.51.100.0/24")


def test_where_ssh_comes_from_does_not_matter_when_it_comes_from_anywhere(browser: Page) -> None:
    access = wizard(begin(browser)).submit("Next")
    review = wizard(access).submit("Next", firewall="ssh", ssh_from="nonsense")
    assert "SSH from anywhere" in review.text
    assert "SSH only from" not in review.words("//dt")


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


def test_what_it_is_for_is_asked_in_a_fold_and_shown_in_the_review(browser: Page) -> None:
    several: dict[str, Any] = {"name": "node", "vm:count": "2"}
    machine = wizard(begin(browser)).submit("Next", **several)
    told: dict[str, Any] = {"vm:description": "For course 7", "vm:tags": "Web course-7", "vm:lease": "7"}
    assert not machine.all("//details[contains(@class, 'card')][@open]")
    wrong = wizard(machine).submit("Next", **(told | {"vm:tags": "#web"}))
    assert "can't be a tag" in wrong.errors["vm:tags"]
    assert wrong.all("//details[contains(@class, 'card')][@open]")
    review = wizard(wrong).submit("Next", **told)
    for words in ("node-1 to node-2", "For course 7", "Web course-7", "7 days", "VMs 0 then 2 of 20"):
        assert words in review.text or words in _quota(review)
    answer = review.form("/submit").submit("Launch 2 VMs")
    assert answer.url.startswith("/vms/?launch=")
    assert {"node-1", "node-2"} <= answer.links.keys()


def test_somebody_elses_key_can_not_be_taken(browser: Page, eve: User) -> None:
    keys.add(eve, "hers", PUBLIC_KEY)
    review = wizard(wizard(begin(browser)).submit("Next")).submit("Next", ssh_keys=str(only(SshKey).id))
    assert "hers" not in review.text


def _value(answer: Answer, size: str) -> str:
    """What picking this size sends."""
    return next(value for value, words in wizard(answer).options("flavor").items() if words.startswith(size))


def _quota(answer: Answer) -> str:
    return _with_arrows(answer.one("//aside//*[contains(@class, 'stack-sm')]"))


def _in_sight(answer: Answer) -> str:
    return _with_arrows(answer.one("//*[@id='cost']"))


def _with_arrows(text: Any) -> str:
    for icon in text.xpath(".//*[@aria-label='then']"):
        icon.text = "then"
    return " ".join(text.text_content().split())
