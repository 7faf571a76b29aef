"""Notices: who is told of what, once each, in the transaction that makes it true."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.domain.people import choices, members, notices, people, wording
from portal.domain.people.models import Kind, Role, User
from portal.domain.people.notices import Fact
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import credentials, doctor, refusals
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms import requests, vms
from portal.domain.vms.lifecycle import Event
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.integration.conftest import Sandbox
from tests.support.world import BOTH, Clock, Worker, add_person, fresh, launch, only, outside

DATABASES = BOTH


def told(person: User) -> list[str]:
    """What the person was told, the newest first."""
    db.session.rollback()
    return [wording.title(each.kind, each.facts) for each in notices.of(person).items]


def texts(person: User) -> list[str]:
    return [wording.text(each.kind, each.facts) for each in notices.of(person).items]


def fact(tenant: Tenant, key: str = "it", **facts: str) -> Fact:
    return Fact(Kind.VM_READY, key, uuid4(), tenant.id, {"name": "quiet-otter", **facts})


def test_the_owner_is_told_when_a_vm_is_ready_and_nobody_else(
    ada: User, lab: Tenant, root: User, work: Worker
) -> None:
    bob = add_person("bob@example.org", Role.MEMBER, lab)
    vm = launch(ada, lab, name="quiet-otter")
    work()
    assert told(ada) == ["quiet-otter is ready"]
    assert texts(ada) == [f"It answers at {fresh(vm).private_ip}."]
    assert told(bob) == told(root) == []


def test_each_failure_is_told_with_its_cause(ada: User, lab: Tenant, cloud: Control, work: Worker) -> None:
    cloud.faults.add(Fault("status", "POST", "orchestration", status=400, times=2))
    vm = launch(ada, lab, name="too-much")
    work()
    assert told(ada) == ["too-much: the launch failed"]
    assert all(texts(ada))
    work.clock.forward(60)
    vms.ask(fresh(vm), Event.RETRY, by=ada)
    work()
    assert told(ada) == ["too-much: the launch failed"] * 2


def test_a_fact_told_twice_at_once_is_one_notice(app: Flask, ada: User, lab: Tenant) -> None:
    once = fact(lab)

    def tell(_: int) -> None:
        with app.app_context(), transaction():
            notices.tell(once, to=[db.session.get_one(User, ada.id)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(8)))
    assert told(ada) == ["quiet-otter is ready"]


def test_what_is_rolled_back_is_told_to_nobody(ada: User, lab: Tenant) -> None:
    def change_of_mind() -> None:
        with transaction():
            notices.tell(fact(lab), to=[ada])
            raise RuntimeError("not in the end")

    with pytest.raises(RuntimeError, match="not in the end"):
        change_of_mind()
    assert told(ada) == []


def test_who_left_the_tenant_or_the_portal_is_told_nothing(ada: User, lab: Tenant, root: User) -> None:
    bob = add_person("bob@example.org", Role.MEMBER, lab)
    people.deactivate(bob.id, by=root)
    members.remove(ada.id, lab.id, by=root)
    with transaction():
        notices.tell(fact(lab), to=[fresh_person(ada), fresh_person(bob)])
    assert told(ada) == told(bob) == []


def fresh_person(person: User) -> User:
    return db.session.scalars(
        select(User).where(User.id == person.id).execution_options(populate_existing=True)
    ).one()


def test_a_request_for_more_and_its_answers(ada: User, lab: Tenant, root: User, sam: User) -> None:
    asked = requests.ask(lab, {"vms": 90}, "A course of 60", by=ada)
    assert (told(root), texts(root)) == (["Ada asks for more in Research Lab"], ["A course of 60"])
    assert told(sam) == told(ada) == []
    requests.grant(asked, {"vms": 50}, "Half of it for now", by=root)
    assert told(ada) == ["Your request for more in Research Lab: granted in part"]
    assert texts(ada) == ["Half of it for now"]
    requests.refuse(requests.ask(lab, {"vms": 90}, "Still", by=ada), "No room", by=root)
    assert told(ada)[0] == "Your request for more in Research Lab: refused"


def test_admins_are_told_once_of_a_refused_credential(lab: Tenant, root: User, ada: User) -> None:
    credential = only(Credential)
    for _ in range(2):
        refusals.refused(lab.id, credential.id)
    assert told(root) == ["OpenStack refuses the credential of Research Lab"]
    assert told(ada) == []


def test_admins_are_told_of_an_end_that_comes_near_and_once_for_each_step(
    lab: Tenant, root: User, sandbox: Sandbox, work: Worker
) -> None:
    ends = now() + timedelta(days=40)
    keystone = outside("tenant-a", sandbox.auth_url).keystone
    credential = credentials.register(
        lab.id, keystone.create_application_credential("brief", expires_at=ends), label="brief"
    )
    seen = []
    for left in (40, 29, 28, 6, 1):
        work.clock.forward((ends - now()).total_seconds() - left * 86400)
        with transaction():
            db.session.execute(update(Credential).values(doctor_due_at=now()))
        while doctor.examine(credential.id):
            work.clock.forward(1)
        seen.append(len(told(root)))
    assert seen == [0, 1, 1, 2, 3]
    assert told(root)[0] == "The credential of Research Lab ends soon"
    assert "nothing can be launched there" in texts(root)[0]


def test_unread_ones_come_first_and_old_ones_go(ada: User, lab: Tenant, clock: Clock) -> None:
    for number in range(3):
        with transaction():
            notices.tell(fact(lab, str(number), name=f"vm-{number}"), to=[ada])
        clock.forward(60)
    assert told(ada) == ["vm-2 is ready", "vm-1 is ready", "vm-0 is ready"]
    notices.mark(notices.of(ada).items[0].id, by=ada)
    assert told(ada) == ["vm-1 is ready", "vm-0 is ready", "vm-2 is ready"]
    assert notices.unread(ada) == 2
    notices.mark_all(by=ada)
    assert notices.unread(ada) == 0
    clock.forward(91 * 86400)
    with transaction():
        notices.tell(fact(lab, "new"), to=[ada])
    assert told(ada) == ["quiet-otter is ready"]


def test_a_kind_concerns_those_whose_role_has_to_do_with_it(ada: User, root: User, sam: User) -> None:
    people_ = (ada, root, sam)
    of = {each.email: {kind for kind in Kind if notices.concerns(each, kind)} for each in people_}
    own = {Kind.VM_READY, Kind.VM_FAILED, Kind.LEASE_ENDING, Kind.LEASE_ENDED, Kind.QUOTA_ANSWERED}
    own |= choices.FOLLOWS.keys()
    assert of[ada.email] == own
    assert of[sam.email] == {Kind.SUPPORT_ASKED}
    assert of[root.email] == set(Kind)


def test_words_do_without_a_fact_that_is_missing() -> None:
    assert wording.title(Kind.VM_READY, {}) == "? is ready"
    assert wording.text(Kind.VM_READY, {"name": "x", "address": ""}) == ""
    assert wording.title(Kind.VM_READY, {"name": "a\r\nb {x}"}) == "a b {x} is ready"
