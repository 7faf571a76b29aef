"""A failed launch tried again with a fix, from its page over the review back to its page, without script."""

from typing import Any

import pytest

from portal.domain.catalog import catalog
from portal.domain.people.models import User
from portal.domain.tenants.models import Tenant
from portal.domain.vms import launching, terms
from portal.domain.vms.models import State, Vm
from portal.sandbox.control import Control
from tests.support.page import Page
from tests.support.world import BOTH, Worker, fresh, launch, only

DATABASES = BOTH


def failed(ada: User, lab: Tenant, cloud: Control, work: Worker) -> Vm:
    """A launch whose size no machine of the cloud has room for."""
    large = next(one.os_id for one in catalog.flavors(lab.id) if one.name == "m1.large")
    cloud.change("flavor", "m1.large", ram=600_000)
    made = launch(ada, lab, name="quiet-otter", flavor=large)
    work()
    return fresh(made)


def test_the_fix_leads_over_the_review_to_a_vm(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = failed(ada, lab, cloud, work)
    card = browser.get(f"/vms/{vm.id}")
    assert (
        "no machine with enough room for this size" in card.words("//section[contains(@class, 'failure')]")[0]
    )
    assert "Launch another VM" not in card.links
    # One button stands out: the fix, and before it what can be taken back.
    primary = "//main//*[contains(concat(' ', @class, ' '), ' btn-primary ')]"
    assert card.words(primary) == ["Try again with the size m1.medium"]
    browser.get(f"/vms/{vm.id}/delete").form("/delete").submit()
    assert browser.get(f"/vms/{vm.id}").words(primary) == ["Undo"]
    browser.get(f"/vms/{vm.id}").form("/keep").submit()
    review = card.form("/retry/smaller").submit()
    assert review.url.endswith("/review")
    assert "Another try of quiet-otter" in review.text
    assert "m1.medium" in review.text
    assert review.links["What went wrong"] == f"/vms/{vm.id}"
    answer = review.form("/submit").submit()
    assert answer.url == f"/vms/{vm.id}"
    work()
    vm = only(Vm)
    assert (vm.state, vm.name) == (State.ACTIVE, "quiet-otter")
    timeline = " ".join(browser.get(f"/vms/{vm.id}").words("//ol[@class='timeline']/li"))
    assert "with the size m1.medium instead of m1.large by Ada." in timeline


def test_what_came_too_late_is_said_in_the_review(
    browser: Page, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = failed(ada, lab, cloud, work)
    card = browser.get(f"/vms/{vm.id}")
    review = card.form("/retry/smaller").submit()
    card.form("/retry").submit()
    refused = review.form("/submit").submit()
    assert refused.status == 422
    assert "there is nothing to try again" in refused.text
    late = card.form("/retry/smaller").submit()
    assert late.status == 409
    assert "Look what the VM's page offers now." in late.text


def test_a_longest_lease_that_was_set_meanwhile_is_asked_for(
    browser: Page, ada: User, root: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = failed(ada, lab, cloud, work)
    review = browser.get(f"/vms/{vm.id}").form("/retry/smaller").submit()
    terms.limit(lab.id, 7, by=root)
    refused = review.form("/submit").submit()
    assert refused.status == 422
    assert "a lease of at most 7 days" in refused.text
    assert only(Vm).state is State.ERROR
    access = browser.get(review.url.replace("review", "access"))
    assert access.form("/access").options("vm:lease") == {"1": "1 day", "7": "7 days"}
    chosen: dict[str, Any] = {"vm:lease": "7"}
    answer = access.form("/access").submit("Next", **chosen).form("/submit").submit()
    assert answer.url == f"/vms/{vm.id}"
    work()
    assert only(Vm).state is State.ACTIVE
    assert fresh(vm).lease_ends_at


def test_a_longest_lease_that_is_set_at_the_click_is_asked_for(
    browser: Page,
    ada: User,
    root: User,
    lab: Tenant,
    cloud: Control,
    work: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vm, renewed = failed(ada, lab, cloud, work), launching.renewed

    def after_the_limit(*args: Any) -> Any:
        terms.limit(lab.id, 7, by=root)
        return renewed(*args)

    monkeypatch.setattr(launching, "renewed", after_the_limit)
    refused = browser.get(f"/vms/{vm.id}").form("/retry/smaller").submit().form("/submit").submit()
    assert "a lease of at most 7 days" in refused.text
    assert only(Vm).state is State.ERROR
