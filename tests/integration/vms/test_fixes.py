"""Fixes: what is offered for which failure, and that another try stays the one VM it was."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select

from portal.domain.catalog import catalog
from portal.domain.catalog.models import Image
from portal.domain.people.models import Membership, Role, User
from portal.domain.store import vault
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import NetworkProfile, Tenant
from portal.domain.vms import drafts, fixes, leases, lifecycle, quotas, removals
from portal.domain.vms.explain import Fix
from portal.domain.vms.models import State, Vm
from portal.domain.vms.provisioning import sealed_place
from portal.sandbox.control import Control
from tests.support.settling import causes
from tests.support.wizard import limit, write
from tests.support.world import BOTH, Clock, Worker, add_person, fresh, launch, only

DATABASES = BOTH
Record = Callable[..., None]
NO_HOST = 'Went to status ERROR due to "Message: No valid host was found. , Code: 500"'
NO_DISK = "Flavor's disk is too small for requested image."
NO_MEMORY = "Flavor's memory is too small for requested image."
NO_FLAVOR = "Flavor 12 could not be found."
NO_IMAGE = "Image 0f0f0f0f could not be found."
NO_ADDRESS_LEFT = "No more IP addresses available on network 1234."
UNREACHABLE = "External network 1 is not reachable from subnet 2."
UNKNOWN = "Flux capacitor discharged"


def size(tenant: Tenant, name: str) -> str:
    """The id of the size of this name."""
    return next(one.os_id for one in catalog.flavors(tenant.id) if one.name == name)


def failed(ada: User, lab: Tenant, record: Record, words: str, **answers: Any) -> Vm:
    """A launch that failed with these words."""
    vm = launch(ada, lab, **answers)
    record(vm, state=State.ERROR, failure=words)
    return fresh(vm)


def words(vm: Vm, user: User) -> list[str]:
    return [offer.words for offer in fixes.offered(vm, user)]


def add_network(tenant: Tenant, name: str, **facts: object) -> None:
    with transaction():
        db.session.add(
            NetworkProfile(
                tenant_id=tenant.id,
                network_id=uuid4().hex,
                name=name,
                subnets=[{"id": uuid4().hex, "cidr": "10.9.0.0/24", "ip_version": 4}],
                **facts,
            )
        )


@pytest.mark.parametrize(
    ("said", "launched", "offered"),
    [
        (NO_HOST, "m1.large", ["Try again with the size m1.medium"]),
        (NO_HOST, "m1.small", []),
        (NO_DISK, "m1.small", ["Try again with the size m1.medium"]),
        (NO_MEMORY, "m1.small", ["Try again with the size m1.medium"]),
        (NO_FLAVOR, "m1.medium", ["Try again with the size m1.large"]),
        (NO_IMAGE, "m1.small", ["Try again with the image ubuntu-24.04-cuda"]),
        (NO_ADDRESS_LEFT, "m1.small", ["Try again on the network spare"]),
        (UNREACHABLE, "m1.small", ["Try again on the network spare"]),
        (UNKNOWN, "m1.small", []),
    ],
)
def test_each_failure_has_what_would_help(
    ada: User, lab: Tenant, record: Record, said: str, launched: str, offered: list[str]
) -> None:
    vm = failed(ada, lab, record, said, flavor=size(lab, launched))
    add_network(lab, "spare")
    assert words(vm, ada) == offered


def test_with_a_public_address_it_is_given_up_or_had_elsewhere(
    ada: User, lab: Tenant, record: Record
) -> None:
    vm = failed(ada, lab, record, UNREACHABLE, floating_ip="true")
    add_network(lab, "closed")
    assert words(vm, ada) == ["Try again without a public address"]
    add_network(lab, "open", external_network_id="public")
    assert words(vm, ada) == ["Try again without a public address", "Try again on the network open"]


def test_a_larger_size_is_offered_as_far_as_the_quota_goes_without_the_failed_one(
    ada: User, lab: Tenant, record: Record
) -> None:
    vm = failed(ada, lab, record, NO_MEMORY, flavor=size(lab, "m1.small"))
    record(vm, failed_stack_id=str(uuid4()))
    limit(lab, quota_vms=1, quota_vcpus=2)
    assert words(fresh(vm), ada) == ["Try again with the size m1.medium"]
    limit(lab, quota_vcpus=1)
    assert words(fresh(vm), ada) == []


def test_nothing_is_offered_where_nothing_can_be_had(ada: User, lab: Tenant, record: Record) -> None:
    vm = failed(ada, lab, record, NO_IMAGE)
    with transaction():
        for image in db.session.scalars(select(Image)):
            image.gone = image.os_id != vm.spec["image"]["id"]
    assert words(fresh(vm), ada) == []
    record(vm, failure=NO_ADDRESS_LEFT)
    assert words(fresh(vm), ada) == []
    record(vm, failure=NO_HOST, spec=vm.spec | {"flavor": None})
    assert words(fresh(vm), ada) == []
    record(vm, offering="gone")
    assert words(fresh(vm), ada) == []


def test_only_who_launched_it_is_offered_the_answers(
    ada: User, lab: Tenant, sam: User, record: Record
) -> None:
    vm = failed(ada, lab, record, NO_HOST, flavor=size(lab, "m1.large"))
    ben = add_person("ben@example.org", Role.MEMBER, lab)
    assert words(vm, ben) == words(vm, sam) == []
    with pytest.raises(Refused):
        fixes.begin(vm, Fix.SMALLER, by=ben)
    record(vm, active_at=vm.requested_at)
    assert words(fresh(vm), ada) == []
    with pytest.raises(Refused):
        fixes.begin(fresh(vm), Fix.SMALLER, by=ada)


def test_a_member_who_left_tries_nothing_again(ada: User, lab: Tenant, record: Record) -> None:
    vm = failed(ada, lab, record, NO_HOST, flavor=size(lab, "m1.large"))
    write(delete(Membership))
    assert words(fresh(vm), fresh(ada)) == []


def test_another_try_is_the_same_vm_with_one_stack(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.change("flavor", "m1.large", ram=600_000)
    vm = launch(ada, lab, name="calm-otter", flavor=size(lab, "m1.large"))
    work()
    first_stack, first = fresh(vm).stack_id, vm.draft_id
    assert vm.state is State.ERROR
    draft = fixes.begin(vm, Fix.SMALLER, by=ada)
    assert not drafts.check(draft).problems
    drafts.answer(draft, {"vm:tags": "again"}, by=ada)
    made = drafts.submit(draft.id, by=ada)
    assert (made.id, made.name, list(made.tags)) == (vm.id, "calm-otter", ["again"])
    assert drafts.submit(draft.id, by=ada).id == vm.id
    with pytest.raises(drafts.Launched):
        drafts.edit(draft.id, for_=ada)
    work()
    vm = only(Vm)
    assert (vm.state, vm.spec["flavor"]["name"], vm.vcpus) == (State.ACTIVE, "m1.medium", 2)
    assert (vm.draft_id, vm.client_request_id) == (draft.id, first)
    assert vm.stack_id != first_stack
    assert cloud.stack_names("tenant-a") == [lifecycle.stack_name(vm.id)]
    assert "Another try was asked for, with the size m1.medium instead of m1.large." in causes()
    assert drafts.submit(draft.id, by=ada).id == vm.id


def test_two_drafts_of_one_failure_try_it_once(ada: User, lab: Tenant, record: Record) -> None:
    vm = failed(ada, lab, record, NO_HOST, flavor=size(lab, "m1.large"), floating_ip="true")
    one, other = (fixes.begin(vm, Fix.SMALLER, by=ada) for _ in range(2))
    drafts.answer(one, {"floating_ip": "false"}, by=ada)
    drafts.submit(one.id, by=ada)
    assert (
        drafts.check(other).problems["again"] == f"{vm.name} is requested now: there is nothing to try again."
    )
    with pytest.raises(drafts.Incomplete):
        drafts.submit(other.id, by=ada)
    assert db.session.scalar(select(func.count(Vm.id))) == 1
    assert causes()[-1].endswith("instead of m1.large and no public address.")
    assert fresh(vm).floating_ips == 0


def test_another_try_begins_another_lease(ada: User, lab: Tenant, record: Record, clock: Clock) -> None:
    vm = failed(ada, lab, record, NO_HOST, flavor=size(lab, "m1.large"), **{"vm:lease": "7"})
    clock.forward(8 * 86400)
    leases.step(vm.id)
    assert fresh(vm).delete_due_at
    drafts.submit(fixes.begin(vm, Fix.SMALLER, by=ada).id, by=ada)
    assert (fresh(vm).delete_due_at, vm.delete_cause, vm.lease_stage) == (None, None, 0)
    assert vm.lease_ends_at
    assert vm.lease_ends_at > now() + timedelta(days=6)
    assert not leases.is_news(vm)


def test_another_try_leaves_a_deletion_that_a_person_planned(ada: User, lab: Tenant, record: Record) -> None:
    vm = failed(ada, lab, record, NO_HOST, flavor=size(lab, "m1.large"))
    removals.plan(vm, by=ada)
    drafts.submit(fixes.begin(vm, Fix.SMALLER, by=ada).id, by=ada)
    assert fresh(vm).delete_due_at


def test_what_moves_between_the_look_and_the_click_is_refused(
    ada: User, lab: Tenant, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = failed(ada, lab, record, NO_HOST, flavor=size(lab, "m1.large"))
    draft = fixes.begin(vm, Fix.SMALLER, by=ada)
    reserve = quotas.reserve

    def late(*given: Any, **more: Any) -> None:
        reserve(*given, **more)
        db.session.get_one(Vm, vm.id).active_at = vm.requested_at

    monkeypatch.setattr(quotas, "reserve", late)
    with pytest.raises(Refused, match="nothing to try again"):
        drafts.submit(draft.id, by=ada)
    assert fresh(vm).state is State.ERROR


def test_one_vm_is_tried_again_and_sealed_answers_go_with_it(ada: User, lab: Tenant, record: Record) -> None:
    own = "#!/bin/sh\necho sealed-words\n"
    vm = failed(
        ada, lab, record, NO_HOST, offering="own-cloud-init", user_data=own, flavor=size(lab, "m1.large")
    )
    draft = fixes.begin(vm, Fix.SMALLER, by=ada)
    assert "sealed-words" not in json.dumps(draft.answers)
    drafts.answer(draft, {"vm:count": "2"}, by=ada)
    assert drafts.check(draft).problems["vm:count"] == "One VM is tried again: launch others by themselves."
    drafts.answer(draft, {"vm:count": "1"}, by=ada)
    drafts.submit(draft.id, by=ada)
    sent = json.loads(vault.unseal(fresh(vm).sealed, place=sealed_place(vm.id)))
    assert "sealed-words" in sent["user_data"]
    assert sent["metadata"]["portal_vm"] == str(vm.id)
    assert causes()[-1] == "Another try was asked for, with the size m1.medium instead of m1.large."
