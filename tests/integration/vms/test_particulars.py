"""What people tell of a VM at launch: how many, a description, tags, a lease; all of them or none."""

from datetime import timedelta
from typing import Any

import pytest

from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, launching, offers, particulars, quotas, terms
from portal.domain.vms.models import State, Vm, VmTag
from portal.domain.vms.particulars import COUNT, DESCRIPTION, LEASE, TAGS
from portal.sandbox.control import Control
from tests.support.wizard import limit
from tests.support.world import BOTH, Worker, draft, fresh, launch

DATABASES = BOTH


def vms() -> list[Vm]:
    db.session.rollback()
    return list(db.session.scalars(db.select(Vm).order_by(Vm.name)).unique())


def test_what_is_told_stays_with_the_vm(ada: User, lab: Tenant) -> None:
    told = {DESCRIPTION: " For the course \r\n", TAGS: "Web, course-7 web", LEASE: "7"}
    vm = launch(ada, lab, **told)
    assert vm.description == "For the course"
    assert list(vm.tags) == ["course-7", "web"]
    assert vm.lease_ends_at == vm.requested_at + timedelta(days=7)
    assert db.session.scalars(db.select(VmTag.vm_id).where(VmTag.tag == "web")).all() == [vm.id]


def test_a_lease_is_at_most_what_the_tenant_allows(ada: User, root: User, lab: Tenant) -> None:
    before, without = draft(ada, lab, **{LEASE: "30"}), launch(ada, lab, name="without")
    terms.limit(lab.id, 7, by=root)
    assert "a lease of at most 7 days" in drafts.check(before).problems[LEASE]
    assert LEASE in drafts.check(draft(ada, lab, **{LEASE: "0"})).problems
    assert drafts.start("ubuntu-basic", by=ada, tenant=lab).answers[LEASE] == "7"
    vm = launch(ada, lab)
    assert vm.lease_ends_at == vm.requested_at + timedelta(days=7)
    assert fresh(without).lease_ends_at is None


def test_a_limit_set_while_somebody_launches_holds(
    ada: User, root: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, vms_of = draft(ada, lab, **{LEASE: "30"}), launching.vms_of

    def after_the_limit(*args: Any) -> list[Vm]:
        terms.limit(lab.id, 7, by=root)
        return vms_of(*args)

    monkeypatch.setattr(launching, "vms_of", after_the_limit)
    with pytest.raises(Refused, match="at most 7 days"):
        drafts.submit(made.id, by=ada)
    assert vms() == []


def test_nothing_is_told_as_a_rule(ada: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    assert (vm.description, list(vm.tags), vm.lease_ends_at) == ("", [], None)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        (COUNT, "0", "from 1 to 50"),
        (COUNT, "51", "from 1 to 50"),
        (COUNT, "two", "from 1 to 50"),
        (DESCRIPTION, "x" * 501, "500 characters"),
        (TAGS, "fine #not", "“#not” can't be a tag"),
        (TAGS, " ".join(f"t{n}" for n in range(11)), "at most 10 tags"),
        (LEASE, "2", "how long"),
    ],
)
def test_what_will_not_do_is_told_why(field: str, text: str, words: str, ada: User, lab: Tenant) -> None:
    review = drafts.check(draft(ada, lab, **{field: text}))
    assert words in review.problems[field]
    assert review.told == particulars.Particulars()


def test_three_are_launched_at_once_and_once(ada: User, lab: Tenant, cloud: Control, work: Worker) -> None:
    made = draft(ada, lab, name="node", **{COUNT: "3", TAGS: "ring"})
    first, again = drafts.submit(made.id, by=ada), drafts.submit(made.id, by=ada)
    assert first.id == again.id
    assert [(vm.name, list(vm.tags)) for vm in vms()] == [(f"node-{n}", ["ring"]) for n in (1, 2, 3)]
    work()
    assert {vm.state for vm in vms()} == {State.ACTIVE}
    assert sorted(server["name"] for server in cloud.servers("tenant-a")) == ["node-1", "node-2", "node-3"]


@pytest.mark.parametrize(
    ("count", "first", "last"),
    [("9", "node-1", "node-9"), ("10", "node-01", "node-10"), ("50", "node-01", "node-50")],
)
def test_names_stand_in_order(ada: User, lab: Tenant, count: str, first: str, last: str) -> None:
    names = drafts.check(draft(ada, lab, name="node", **{COUNT: count})).names
    assert (names[0], names[-1]) == (first, last)
    assert names == sorted(names)


def test_the_quota_is_asked_for_all_of_them(ada: User, lab: Tenant) -> None:
    limit(lab, quota_vms=2)
    made = draft(ada, lab, name="node", **{COUNT: "3"})
    review = drafts.check(made)
    assert (review.cost.vms, offers.most(review)) == (3, 2)
    with pytest.raises(Refused, match="VMs: 3 wanted, 2 of 2 left"):
        drafts.submit(made.id, by=ada)
    assert vms() == []
    drafts.answer(made, {COUNT: "2"}, by=ada)
    drafts.submit(made.id, by=ada)
    assert quotas.usage(lab.id).vms == len(vms()) == 2


def test_each_name_must_be_free_and_short_enough(ada: User, lab: Tenant) -> None:
    launch(ada, lab, name="node-2")
    assert drafts.check(draft(ada, lab, name="node")).problems == {}
    problems = drafts.check(draft(ada, lab, name="node", **{COUNT: "3"})).problems
    assert problems == {"name": "Your tenant has a VM named node-2 already."}
    long = drafts.check(draft(ada, lab, name="x" * 51, **{COUNT: "10"})).problems
    assert long == {"name": "Use at most 50 characters: each VM adds its number."}
