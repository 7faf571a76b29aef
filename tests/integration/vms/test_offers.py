"""Good first answers, and what can be chosen: each with its reason where it can't be had."""

import pytest
from sqlalchemy import update

from portal.domain.catalog import catalog, keys
from portal.domain.catalog.hot import Role
from portal.domain.catalog.models import Flavor, Image
from portal.domain.people.models import User
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import drafts, offers
from portal.domain.vms.models import LaunchDraft
from portal.domain.vms.particulars import COUNT
from tests.support.wizard import limit, write
from tests.support.world import draft, fresh, launch, only


def image(tenant: Tenant, name: str) -> Image:
    return next(one for one in catalog.images(tenant.id) if one.name == name)


def size(tenant: Tenant, name: str) -> Flavor:
    return next(one for one in catalog.flavors(tenant.id) if one.name == name)


def test_the_keys_of_last_time_are_taken_else_all(ada: User, lab: Tenant) -> None:
    first, second = keys.make(ada, "first").key, keys.make(ada, "second").key
    both = [str(first.id), str(second.id)]
    assert draft(ada, lab).answers["ssh_keys"] == both
    launch(ada, lab, ssh_keys=[both[1]])
    assert draft(ada, lab).answers["ssh_keys"] == [both[1]]
    keys.remove(second.id, by=ada)
    assert draft(ada, lab).answers["ssh_keys"] == [both[0]]


def test_the_network_of_last_time_is_taken(ada: User, lab: Tenant) -> None:
    usual = draft(ada, lab).answers["network"]
    launch(ada, lab)
    write(update(LaunchDraft).values(answers={"network": "another"}))
    assert draft(ada, lab).answers["network"] == usual  # it is no longer offered
    write(update(LaunchDraft).values(offering="gone"))
    assert draft(ada, lab).answers["network"] == usual


def test_what_was_picked_has_others_that_go_with_it(ada: User, lab: Tenant) -> None:
    cuda, tiny = image(lab, "ubuntu-24.04-cuda"), size(lab, "m1.tiny")
    made = drafts.start("ubuntu-basic", by=ada, tenant=lab, picks={Role.IMAGE: cuda.os_id})
    review = drafts.check(made)
    assert review.flavor
    assert (review.image, review.flavor.name, review.problems) == (cuda, "m1.large", {})
    made = drafts.start("ubuntu-basic", by=ada, tenant=lab, picks={Role.FLAVOR: tiny.os_id})
    assert "too small" in drafts.check(made).problems["flavor"]
    made = drafts.start("gpu-ubuntu", by=ada, tenant=lab, picks={Role.FLAVOR: size(lab, "g1.h200").os_id})
    assert drafts.check(made).problems == {}


def test_an_image_that_no_size_carries_says_so(ada: User, lab: Tenant) -> None:
    def why() -> str:
        found = offers.images(drafts.check(draft(ada, lab)))
        return next(offer.why for offer in found if offer.thing.name == "ubuntu-24.04-cuda")

    assert why() == ""
    limit(lab, quota_ram_mib=4096)
    assert why() == "Over the quota (memory: 8 GiB wanted, 4 GiB of 4 GiB left)."
    write(update(Flavor).values(ram_mib=4096))
    assert why() == "No size is large enough for it."
    write(update(Flavor).values(gone=True))
    assert why() == ""


def test_a_template_says_which_image_or_size_it_does_not_go_with(lab: Tenant) -> None:
    def reasons(image_id: str = "", flavor_id: str = "") -> dict[str, str]:
        return {one.thing.name: one.why for one in offers.templates(lab, image_id, flavor_id)}

    debian = reasons(image_id=image(lab, "debian-12").os_id)
    assert debian["ubuntu-basic"] == "It is made for Ubuntu."
    assert debian["own-cloud-init"] == ""
    assert reasons(flavor_id=size(lab, "m1.large").os_id)["gpu-ubuntu"] == "It has no GPU."
    assert set(reasons("unknown", "unknown").values()) == {""}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, ""),
        ({"floating_ips_allowed": False}, "An administrator allows no floating IPs in this network."),
        (
            {"external_network_id": None, "external_network_name": None},
            "This network has no way out, so it can't have a floating IP.",
        ),
    ],
)
def test_a_network_says_why_it_gives_no_address(
    facts: dict[str, object], words: str, ada: User, lab: Tenant
) -> None:
    made = draft(ada, lab)
    if facts:
        write(update(NetworkProfile).values(**facts))
    assert offers.no_address(drafts.check(made)) == words


def test_an_address_for_each_must_be_left(ada: User, lab: Tenant) -> None:
    limit(lab, quota_floating_ips=2)
    review = drafts.check(draft(ada, lab, **{COUNT: "3"}))
    assert offers.no_address(review) == "Your quota has 2 left of 2."


def test_sizes_beyond_the_quota_say_so(ada: User, lab: Tenant) -> None:
    limit(lab, quota_vcpus=2)
    found = offers.of_tenant(fresh(lab), {}, for_=ada)
    reasons = {one.thing.name: one.why for one in found}
    assert reasons["m1.medium"] == ""
    assert reasons["m1.large"] == "Over the quota (vCPU: 4 wanted, 2 of 2 left)."


def test_the_draft_remembers_where_its_person_was(ada: User, lab: Tenant) -> None:
    drafts.start("ubuntu-basic", by=ada, tenant=lab, picks={Role.SSH_FROM: "203.0.113.7/32"})
    assert only(LaunchDraft).answers["ssh_from"] == "203.0.113.7/32"
