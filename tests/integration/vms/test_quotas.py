"""Quotas: whichever of the five binds, under any number of clicks at once, for a tenant or a member."""

import threading
from collections.abc import Callable
from dataclasses import asdict
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import insert, select

from portal.domain.catalog import catalog
from portal.domain.people import accounts
from portal.domain.people.models import Membership, Role, TenantRole, User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Forbidden, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import allowances, drafts, offers, quotas, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import LaunchDraft, State, Vm
from portal.sandbox.control import Control
from tests.support.wizard import limit
from tests.support.world import BOTH, Worker, add_person, draft, fresh, launch

DATABASES = BOTH
CLICKS, PLACES, PLENTY = 64, 10, 1_000_000


@pytest.fixture
def olga(lab: Tenant) -> User:
    """Owns Ada's tenant."""
    person = add_person("olga@example.org", Role.MEMBER)
    accounts.join(person, lab.id, TenantRole.OWNER)
    return person


def copies(pattern: LaunchDraft, times: int) -> list[UUID]:
    """As many drafts like this one, each with a name of its own."""
    facts = {"user_id": pattern.user_id, "tenant_id": pattern.tenant_id, "offering": pattern.offering}
    made = [uuid4() for _ in range(times)]
    rows = [facts | {"id": each, "answers": pattern.answers | {"name": f"vm-{each}"}} for each in made]
    with transaction():
        db.session.execute(insert(LaunchDraft), rows)
    return made


def at_once(app: Flask, ids: list[UUID], act: Callable[[UUID], object]) -> list[str]:
    """What came of each, begun at one moment by a thread of its own: “done”, or the field that refused."""
    gate, outcomes = threading.Barrier(len(ids), timeout=60), list[str]()

    def click(each: UUID) -> None:
        gate.wait()
        with app.app_context():
            try:
                act(each)
                outcomes.append("done")
            except Refused as refusal:
                outcomes.append(refusal.field or "")

    threads = [threading.Thread(target=click, args=(each,)) for each in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return outcomes


def held(tenant: Tenant) -> quotas.Amount:
    """The sum of the VMs that are there, by the rows themselves."""
    rows = [vm for vm in db.session.scalars(select(Vm)).unique() if vm.state is not State.DELETED]
    assert {vm.tenant_id for vm in rows} <= {tenant.id}
    names = ("vcpus", "ram_mib", "gpus", "floating_ips")
    return quotas.Amount(len(rows), *(sum(getattr(vm, name) for vm in rows) for name in names))


@pytest.mark.parametrize("binding", quotas.WORDS)
def test_64_launches_at_once_get_what_each_of_the_five_quotas_has_room_for(
    binding: str, app: Flask, ada: User, lab: Tenant, work: Worker
) -> None:
    gpu = next(one for one in catalog.flavors(lab.id) if one.gpus)
    pattern = draft(ada, lab, "gpu-ubuntu", flavor=gpu.os_id, floating_ip="true")
    cost, ada_id = drafts.check(pattern).cost, ada.id
    assert all(asdict(cost).values())
    room = getattr(cost, binding) * (PLACES + 1) - 1
    limit(lab, **{f"quota_{name}": room if name == binding else PLENTY for name in quotas.WORDS})

    outcomes = at_once(
        app,
        copies(pattern, CLICKS),
        lambda each: drafts.submit(each, by=db.session.get_one(User, ada_id)),
    )
    assert sorted(outcomes) == ["done"] * PLACES + ["quota"] * (CLICKS - PLACES)
    assert quotas.usage(lab.id) == held(lab)
    assert held(lab) == quotas.Amount(*(PLACES * amount for amount in asdict(cost).values()))
    for vm in db.session.scalars(select(Vm)).unique().all():
        vms.ask(vm, Event.DELETE, by=fresh(ada))
    work()
    assert quotas.usage(lab.id) == held(lab) == quotas.Amount()


@pytest.mark.parametrize("binding", quotas.WORDS)
def test_a_member_s_own_limit_holds_for_theirs_alone(
    binding: str, app: Flask, ada: User, olga: User, lab: Tenant
) -> None:
    gpu = next(one for one in catalog.flavors(lab.id) if one.gpus)
    pattern = draft(ada, lab, "gpu-ubuntu", flavor=gpu.os_id, floating_ip="true")
    limit(lab, **{f"quota_{name}": PLENTY for name in quotas.WORDS})
    allowances.change(ada.id, lab.id, {binding: 2 * getattr(drafts.check(pattern).cost, binding)}, by=olga)
    ada_id = ada.id
    outcomes = at_once(
        app, copies(pattern, 6), lambda each: drafts.submit(each, by=db.session.get_one(User, ada_id))
    )
    assert sorted(outcomes) == ["done"] * 2 + ["quota"] * 4
    with pytest.raises(Refused, match=f"you yourself may have here .{quotas.WORDS[binding]}: .* wanted, 0"):
        drafts.submit(pattern.id, by=fresh(ada))
    launch(olga, lab, "gpu-ubuntu", flavor=gpu.os_id, floating_ip="true")


def test_both_limits_are_named_where_both_are_in_the_way(ada: User, olga: User, lab: Tenant) -> None:
    large = next(one for one in catalog.flavors(lab.id) if one.name == "m1.large")
    allowances.change(ada.id, lab.id, {"vcpus": 1}, by=olga)
    limit(lab, quota_vcpus=1)
    review = drafts.check(draft(ada, lab, flavor=large.os_id))
    words = f"vCPU: {large.vcpus} wanted, 1 of 1 left"
    assert review.problems["quota"] == (
        f"This is more than your tenant's quota has left ({words}). This is more than you yourself may have "
        f"here ({words}); an owner of the tenant or an administrator can allow more."
    )
    [why] = {size.why for size in offers.sizes(review) if size.thing.name == large.name}
    assert f"({words}; your own {words})" in why
    assert {line.name: line.binds for line in review.quota}["vcpus"] == "quota"


def test_a_retry_counts_against_whoever_launched(
    ada: User, olga: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.set_quota("tenant-a", cores=0)
    vm = launch(ada, lab)
    work()
    assert fresh(vm).state is State.ERROR
    allowances.change(ada.id, lab.id, {"vms": 0}, by=olga)
    with pytest.raises(Refused, match="may have here"):
        vms.ask(vm, Event.RETRY, by=olga)
    allowances.change(ada.id, lab.id, {"vms": 1}, by=olga)
    vms.ask(vm, Event.RETRY, by=olga)
    assert fresh(vm).state is State.REQUESTED


def test_owners_and_admins_set_limits_and_it_is_audited(
    ada: User, eve: User, olga: User, root: User, sam: User, lab: Tenant
) -> None:
    launch(ada, lab)
    assert allowances.change(ada.id, lab.id, {"vms": 0, "ram_mib": 1024 * 1024}, by=olga) == [
        "VMs: 1 used, 0 allowed"
    ]
    allowances.change(ada.id, lab.id, {"vms": 0, "ram_mib": 1024 * 1024}, by=olga)
    assert allowances.change(ada.id, lab.id, {}, by=root) == []
    member = db.session.get_one(Membership, (ada.id, lab.id))
    assert fresh(member).limits == {}
    details = db.session.scalars(
        select(AuditEntry.detail).where(AuditEntry.action == "member.limited").order_by(AuditEntry.id)
    ).all()
    given = {"vms": 0, "ram_mib": 1024 * 1024}
    assert details == [
        {"email": ada.email, "before": {}, "after": given},
        {"email": ada.email, "before": given, "after": {}},
    ]
    with pytest.raises(Refused, match="whole number"):
        allowances.change(ada.id, lab.id, {"vms": -1}, by=olga)
    with pytest.raises(Refused, match="Another owner"):
        allowances.change(olga.id, lab.id, {"vms": 1}, by=olga)
    for stranger in (ada, eve, sam):
        with pytest.raises(Forbidden):
            allowances.change(olga.id, lab.id, {"vms": 1}, by=stranger)
