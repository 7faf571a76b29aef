"""VMs that were launched together: people are told once of all of them, machines of each."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.people import choices, deliveries, digests, hooks, members, notices, sending, wording
from portal.domain.people.models import Channel, Delivery, Kind, Notice, User
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound
from portal.domain.tenants.models import Tenant
from portal.domain.vms import launches, leases, lifecycle, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import State, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.post import Mailbox, Receiver
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH
DAY = 86400
HELD = digests.HELD.total_seconds()
BROKEN = "No valid host was found. There are not enough hosts available."


def together(ada: User, lab: Tenant, count: int = 3, lease: str = "0") -> list[Vm]:
    """So many VMs of one launch, on their way, by name."""
    first = launch(ada, lab, name="web", **{"vm:count": str(count), "vm:lease": lease})
    made = select(Vm).where(Vm.draft_id == first.draft_id).order_by(Vm.name)
    return list(db.session.scalars(made).unique())


def moves(vm: Vm, event: Event, **changes: Any) -> None:
    """As a step of a worker would say it."""
    fresh(vm)
    with transaction():
        assert lifecycle.fire(vm, event, cause="Told.", changes=changes)


def gets_there(*vms: Vm) -> None:
    for vm in vms:
        if fresh(vm).state is State.REQUESTED:
            moves(vm, Event.ACCEPTED)
        moves(vm, Event.COMPLETED, active_at=now())


def fails(vm: Vm, failure: str = BROKEN) -> None:
    moves(vm, Event.FAILED, failure=failure)


def told(person: User) -> list[tuple[str, str]]:
    """What the person sees of it, in the portal."""
    db.session.rollback()
    db.session.expire_all()
    return [
        (wording.title(each.kind, each.facts), wording.text(each.kind, each.facts))
        for each in notices.of(person).items
    ]


def subjects(box: Mailbox) -> list[str]:
    """What came by mail so far."""
    for delivery_id in deliveries.due():
        sending.step(delivery_id)
    return [letter["Subject"] for letter in box.letters]


def by_mail(person: User) -> None:
    choices.save([Kind.VM_READY], {(Kind.VM_READY, each) for each in Channel}, by=person)


def test_people_are_told_once_and_machines_of_each(
    ada: User, lab: Tenant, box: Mailbox, receiver: Receiver, work: Worker
) -> None:
    by_mail(ada)
    hooks.put(receiver.url, by=ada)
    made = together(ada, lab)
    work()
    assert told(ada) == [("3 of 3 VMs of web are ready", "")]
    assert subjects(box) == ["3 of 3 VMs of web are ready"]
    bodies = [json.loads(body) for _, body in receiver.got]
    assert [each["type"] for each in bodies] == ["vm.ready"] * 3
    assert {each["data"]["subject_id"] for each in bodies} == {str(vm.id) for vm in made}


def test_a_failure_is_told_with_the_others(
    ada: User, lab: Tenant, box: Mailbox, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault("status", "POST", "orchestration", status=400, times=1))
    made = together(ada, lab)
    work()
    [failed] = [vm.name for vm in made if fresh(vm).state is State.ERROR]
    [(title, text)] = told(ada)
    assert title == "2 of 3 VMs of web are ready, 1 failed"
    assert text.startswith(f"{failed}: ")
    assert subjects(box) == [title]
    letter = box.letters[0].get_body(["plain"])
    assert letter
    assert f"/notices/launch.failed/{made[0].draft_id}" in letter.get_content()


def test_many_failures_are_told_by_what_most_of_them_failed_of(ada: User, lab: Tenant) -> None:
    made = together(ada, lab, 6)
    fails(made[0], "Flux capacitor discharged")
    for vm in made[1:5]:
        fails(vm)
    assert told(ada) == []
    gets_there(made[5])
    [(title, text)] = told(ada)
    assert title == "1 of 6 VMs of web are ready, 5 failed"
    assert text.startswith("web-2, web-3, web-4, …: ")


def test_nobody_waits_long_for_one_that_hangs(ada: User, lab: Tenant, box: Mailbox, clock: Clock) -> None:
    by_mail(ada)
    one, other, slow = together(ada, lab)
    gets_there(one)
    clock.forward(HELD / 2)
    gets_there(other)
    assert (told(ada), notices.unread(ada)) == ([], 0)
    assert not notices.seen(launches.of(fresh(slow)) or uuid4(), by=ada)
    clock.forward(HELD / 2 + 1)
    assert told(ada) == [("2 of 3 VMs of web are ready", "1 more on the way.")]
    assert subjects(box) == ["2 of 3 VMs of web are ready"]
    notices.mark_all(by=ada)
    gets_there(slow)
    assert told(ada) == [("3 of 3 VMs of web are ready", "")]
    assert notices.unread(ada) == 1
    assert subjects(box)[1:] == ["3 of 3 VMs of web are ready"]


def test_one_that_is_deleted_on_its_way_is_not_waited_for(
    ada: User, lab: Tenant, box: Mailbox, clock: Clock
) -> None:
    by_mail(ada)
    one, other, slow = together(ada, lab)
    gets_there(one, other)
    vms.ask(fresh(slow), Event.DELETE, by=ada)
    assert told(ada) == [("2 of 3 VMs of web are ready", "")]
    notices.mark_all(by=ada)
    vms.ask(fresh(one), Event.DELETE, by=ada)
    clock.forward(HELD + 1)
    assert (notices.unread(ada), len(told(ada))) == (0, 1)


def test_what_was_told_of_one_that_hangs_is_put_right_without_telling_anew(
    ada: User, lab: Tenant, clock: Clock
) -> None:
    one, slow = together(ada, lab, 2)
    gets_there(one)
    clock.forward(HELD + 1)
    notices.mark_all(by=ada)
    vms.ask(fresh(slow), Event.DELETE, by=ada)
    assert told(ada) == [("1 of 2 VMs of web are ready", "")]
    assert notices.unread(ada) == 0


def test_nothing_is_told_of_a_launch_that_was_taken_back(
    ada: User, lab: Tenant, box: Mailbox, clock: Clock
) -> None:
    by_mail(ada)
    made = together(ada, lab)
    gets_there(made[0])
    for vm in made:
        vms.ask(fresh(vm), Event.DELETE, by=ada)
    clock.forward(HELD + 1)
    assert told(ada) == []
    assert db.session.scalars(select(Delivery.due_at)).all() == []


def test_another_try_is_told_of_with_the_others_too(
    ada: User, lab: Tenant, box: Mailbox, clock: Clock
) -> None:
    one, other, third = together(ada, lab)
    fails(one)
    vms.ask(fresh(one), Event.RETRY, by=ada)
    gets_there(other)
    fails(third)
    gets_there(one)
    title = "2 of 3 VMs of web are ready, 1 failed"
    assert [each for each, _ in told(ada)] == subjects(box) == [title]
    notices.mark_all(by=ada)
    vms.ask(fresh(third), Event.RETRY, by=ada)
    gets_there(third)
    assert told(ada) == [("3 of 3 VMs of web are ready", "")]
    assert notices.unread(ada) == 1
    assert subjects(box) == [title], "good news waits in the portal, as chosen"


def test_what_happens_to_one_later_is_told_by_itself(ada: User, lab: Tenant) -> None:
    made = together(ada, lab, 2)
    gets_there(*made)
    moves(made[0], Event.VANISHED, failure="It is gone.")
    assert [title for title, _ in told(ada)] == [
        "web-1: it is gone from the cloud",
        "2 of 2 VMs of web are ready",
    ]


def test_it_is_told_as_each_of_them_would_be(ada: User, lab: Tenant, box: Mailbox) -> None:
    choices.save([Kind.VM_READY], {(Kind.VM_READY, Channel.WEBHOOK)}, by=ada)
    gets_there(*together(ada, lab, 2))
    assert told(ada) == []
    assert choices.of(ada)[Kind.LAUNCH_READY] == {Channel.WEBHOOK}
    assert choices.of(ada)[Kind.LAUNCH_FAILED] == set(Channel)


def test_who_left_is_told_nothing_more(ada: User, lab: Tenant, root: User) -> None:
    one, other = together(ada, lab, 2)
    gets_there(one)
    members.remove(ada.id, lab.id, by=root)
    gets_there(other)
    assert db.session.scalars(select(Notice)).all() == []
    for launch_id, person in ((one.draft_id, ada), (uuid4(), root)):
        with pytest.raises(NotFound):
            launches.tenant_of(launch_id or uuid4(), for_=fresh(person))


def test_leases_that_end_together_are_told_of_once(
    ada: User, lab: Tenant, box: Mailbox, receiver: Receiver, clock: Clock
) -> None:
    made = together(ada, lab, lease="1")
    gets_there(*made)
    notices.mark_all(by=ada)
    hooks.put(receiver.url, by=ada)
    clock.forward(0.7 * DAY)
    ends_come_near()
    soon = "The leases of 3 VMs of web end soon"
    assert told(ada)[0][0] == soon
    assert told(ada)[0][1].endswith("Extend them, or they are stopped then and deleted a week later.")
    assert (notices.unread(ada), subjects(box)) == (1, [soon])
    assert [json.loads(body)["type"] for _, body in receiver.got] == ["lease.ending"] * 3
    one = fresh(made[0])
    assert one.lease_ends_at
    leases.extend(one, 1, seen=one.lease_ends_at.isoformat(), by=ada)
    clock.forward(0.4 * DAY)
    ends_come_near()
    assert told(ada)[0][0] == "The leases of 2 VMs of web are over"
    clock.forward(0.6 * DAY)
    ends_come_near()
    assert (told(ada)[0][0], notices.unread(ada)) == ("The lease of web-1 ends soon", 3)


def ends_come_near() -> None:
    for vm_id in leases.due():
        leases.step(vm_id)


def test_all_that_end_at_once_are_told_of_once(app: Flask, ada: User, lab: Tenant) -> None:
    made = together(ada, lab, 6)
    for vm in made:
        moves(vm, Event.ACCEPTED)

    def end(vm_id: UUID) -> None:
        with app.app_context(), transaction():
            lifecycle.fire(db.session.get_one(Vm, vm_id), Event.COMPLETED, cause="Told.")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(end, [vm.id for vm in made]))
    assert told(ada) == [("6 of 6 VMs of web are ready", "")]
