"""Mail and webhooks: as people chose, tried from the database until they arrive, and given up after a day."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal.config import Smtp
from portal.domain.people import (
    accounts,
    choices,
    deliveries,
    hooks,
    invitations,
    notices,
    outlets,
    resets,
    sending,
)
from portal.domain.people.models import Channel, Delivery, Kind, Notice, Role, TenantRole, User, Webhook
from portal.domain.people.notices import Fact
from portal.domain.store import keyring, vault
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import overview, requests
from portal.post.mail import Office
from portal.post.webhooks import Gate, Message
from tests.support import post
from tests.support.post import Mailbox, Receiver
from tests.support.world import BOTH, Clock, Worker, add_person, fresh, launch, only

DATABASES = BOTH
HOME = post.PORTAL_URL


def tell(person: User, tenant: Tenant, kind: Kind = Kind.VM_FAILED, key: str = "") -> None:
    facts = {"name": "quiet-otter", "what": "the launch failed", "cause": "The quota is full."}
    with transaction():
        notices.tell(Fact(kind, key or uuid4().hex, uuid4(), tenant.id, facts), to=[person])


def subjects(box: Mailbox) -> list[tuple[str, str]]:
    return [(letter["To"], letter["Subject"]) for letter in box.letters]


def waiting() -> list[Delivery]:
    db.session.rollback()
    rows = select(Delivery).where(Delivery.due_at.is_not(None)).order_by(Delivery.created_at)
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def bodies(receiver: Receiver) -> list[Any]:
    return [json.loads(body) for _, body in receiver.got]


def test_a_failure_comes_by_mail_and_good_news_wait_in_the_portal(
    ada: User, lab: Tenant, box: Mailbox, work: Worker
) -> None:
    tell(ada, lab)
    work.once()
    assert subjects(box) == [("ada@example.org", "quiet-otter: the launch failed")]
    text = box.letters[0].get_body(["plain"])
    assert text
    assert f"{HOME}/notices/vm.failed/" in text.get_content()
    tell(ada, lab, Kind.VM_READY)
    work.once()
    assert len(box.letters) == 1
    assert notices.unread(ada) == 2


def test_each_is_told_as_they_chose(ada: User, lab: Tenant, box: Mailbox, work: Worker) -> None:
    bob = add_person("bob@example.org", Role.MEMBER, lab)
    choices.save([Kind.VM_FAILED, Kind.VM_READY], {(Kind.VM_READY, Channel.MAIL)}, by=ada)
    for person in (ada, bob):
        tell(person, lab)
        tell(person, lab, Kind.VM_READY)
    work.once()
    assert sorted(subjects(box)) == [
        ("ada@example.org", "quiet-otter is ready"),
        ("bob@example.org", "quiet-otter: the launch failed"),
    ]
    assert (notices.unread(ada), notices.unread(bob)) == (0, 2)
    assert choices.of(ada)[Kind.VM_READY] == {Channel.MAIL}
    assert choices.of(ada)[Kind.LEASE_ENDED] == choices.DEFAULTS[Kind.LEASE_ENDED]


def test_without_a_mail_server_nothing_is_written_and_the_choice_of_mail_stays(
    ada: User, lab: Tenant, app: Flask
) -> None:
    choices.save(Kind, set(), by=ada)
    assert choices.of(ada)[Kind.VM_FAILED] == {Channel.MAIL}
    tell(ada, lab)
    assert waiting() == []


def test_a_message_to_a_webhook_is_signed_and_says_its_version(
    ada: User, lab: Tenant, receiver: Receiver, work: Worker
) -> None:
    hook, secret = hooks.put(receiver.url, by=ada)
    tell(ada, lab)
    work.once()
    [(headers, body)] = receiver.got
    message = Message(headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == message.signature(secret)
    told = json.loads(body)
    assert (told["version"], told["type"]) == (1, "vm.failed")
    assert told["data"]["title"] == "quiet-otter: the launch failed"
    assert told["data"]["url"].startswith(f"{HOME}/notices/vm.failed/")
    [delivered] = hooks.recent(hook)
    assert (delivered.outcome, delivered.due_at, delivered.tries) == ("204", None, 1)
    assert headers["webhook-id"] == f"msg_{delivered.id}"


def test_a_tenants_webhook_is_told_of_all_its_vms_and_of_nothing_else(
    ada: User, lab: Tenant, root: User, receiver: Receiver, work: Worker
) -> None:
    hooks.put(receiver.url, by=root, tenant_id=lab.id)
    launch(ada, lab, name="quiet-otter")
    work()
    requests.refuse(requests.ask(lab, {"vms": 90}, "x", by=ada), "No", by=root)
    work.once()
    assert [each["type"] for each in bodies(receiver)] == ["vm.ready", "quota.answered"]


def test_what_fails_is_tried_again_later_under_the_same_id_and_given_up_after_a_day(
    ada: User, lab: Tenant, receiver: Receiver, clock: Clock, root: User
) -> None:
    hook, _ = hooks.put(receiver.url, by=ada)
    receiver.status = 500
    hooks.test(hook.id, by=ada)
    [delivery] = waiting()
    pauses = []
    while waiting():
        sending.step(delivery.id)
        if due := fresh(delivery).due_at:
            pauses.append(round((due - now()).total_seconds()))
            sending.step(delivery.id)  # not due: not tried
            clock.forward(pauses[-1] + 1)
    assert pauses[:3] == [15, 30, 60]
    assert max(pauses) == 3600
    assert len(receiver.got) == len(pauses) + 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert fresh(delivery).given_up_at
    [_, standing] = overview.read(root).posts
    assert (standing.waiting, standing.given_up, standing.outcome) == (0, 1, "It answers 500.")


def test_a_mail_server_that_is_away_is_left_alone_for_all_letters(
    ada: User, lab: Tenant, box: Mailbox, clock: Clock
) -> None:
    outlets.configure(Office(Smtp("127.0.0.1", 1), "portal@example.org"), Gate(), HOME)
    for _ in range(3):
        tell(ada, lab)
    sending.step(waiting()[0].id)
    assert list(deliveries.due()) == []
    assert [each.tries for each in waiting()] == [1, 0, 0]
    outlets.configure(None, Gate(), HOME)
    clock.forward(16)
    sending.step(waiting()[0].id)
    assert waiting()[0].outcome == "The portal has no mail server."
    outlets.configure(Office(Smtp("127.0.0.1", box.port), "portal@example.org"), Gate(), HOME)
    clock.forward(61)
    for each in deliveries.due():
        sending.step(each)
    assert len(box.letters) == 3


def test_an_address_that_is_refused_for_good_holds_nobody_up(
    ada: User, lab: Tenant, box: Mailbox, work: Worker
) -> None:
    bob = add_person("bob@example.org", Role.MEMBER, lab)
    box.answers["RCPT"] = "550 Nobody here"
    tell(ada, lab)
    work.once()
    assert only(Delivery).given_up_at
    box.answers.clear()
    tell(bob, lab)
    work.once()
    assert subjects(box) == [("bob@example.org", "quiet-otter: the launch failed")]


def test_many_workers_send_once(app: Flask, ada: User, lab: Tenant, receiver: Receiver) -> None:
    hook, _ = hooks.put(receiver.url, by=ada)
    hooks.test(hook.id, by=ada)
    [delivery] = waiting()

    def work(_: int) -> None:
        with app.app_context():
            sending.step(delivery.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert len(receiver.got) == 1


def test_a_fact_told_twice_is_delivered_once(
    ada: User, lab: Tenant, receiver: Receiver, box: Mailbox, work: Worker
) -> None:
    hooks.put(receiver.url, by=ada)
    for _ in range(2):
        tell(ada, lab, key="once")
    work.once()
    assert (len(receiver.got), len(box.letters)) == (1, 1)


def test_a_worker_that_dies_after_sending_sends_again_under_the_same_id(
    ada: User, lab: Tenant, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = hooks.put(receiver.url, by=ada)
    hooks.test(hook.id, by=ada)
    [delivery] = waiting()
    with monkeypatch.context() as dying:
        dying.setattr(deliveries, "done", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sending.step(delivery.id)
    assert list(deliveries.due()) == []
    clock.forward(121)
    assert list(deliveries.due()) == [delivery.id]
    sending.step(delivery.id)
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [f"msg_{delivery.id}"] * 2
    assert waiting() == []


def test_a_new_secret_holds_at_once_and_a_removed_webhook_gets_nothing(
    ada: User, lab: Tenant, receiver: Receiver, work: Worker
) -> None:
    hook, first = hooks.put(receiver.url, by=ada)
    second = hooks.renew(hook.id, by=ada)
    assert first != second
    hooks.test(hook.id, by=ada)
    work.once()
    [(headers, body)] = receiver.got
    message = Message(headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == message.signature(second)
    assert bodies(receiver)[0]["data"]["title"] == "A test of this webhook"
    again, third = hooks.put(receiver.url, by=ada)
    assert (again.id, third in (first, second)) == (hook.id, False)
    hooks.test(hook.id, by=ada)
    hooks.remove(hook.id, by=ada)
    work.once()
    assert len(receiver.got) == 1
    assert hooks.mine(ada) is None


def test_only_its_owners_look_after_a_webhook(
    ada: User, eve: User, lab: Tenant, root: User, app: Flask
) -> None:
    hook, _ = hooks.put("https://hooks.example.org/x", by=ada)
    for command in (hooks.renew, hooks.remove, hooks.test):
        with pytest.raises(NotFound):
            command(hook.id, by=eve)
        with pytest.raises(NotFound):
            command(uuid4(), by=ada)
    with pytest.raises(Forbidden):
        hooks.put("https://hooks.example.org/x", by=ada, tenant_id=lab.id)
    with pytest.raises(Refused, match="https"):
        hooks.put("http://hooks.example.org/x", by=ada)
    owner = add_person("owner@example.org", Role.MEMBER)
    accounts.join(owner, lab.id, TenantRole.OWNER)
    theirs, _ = hooks.put("https://hooks.example.org/x", by=owner, tenant_id=lab.id)
    assert hooks.of_tenant(lab.id, for_=root) == theirs
    with pytest.raises(NotFound):
        hooks.test(theirs.id, by=eve)


def test_its_address_and_secret_rest_sealed_and_move_to_a_new_key(ada: User, app: Flask) -> None:
    hook, secret = hooks.put("https://hooks.example.org/services/T0/B0", by=ada)
    row = db.session.execute(select(Webhook.__table__)).mappings().one()
    assert "services" not in str(dict(row))
    assert hooks.opened(hook) == ("https://hooks.example.org/services/T0/B0", secret)
    assert {"webhooks", "deliveries"} <= {table.name for table in keyring.sealed_tables()}


def test_a_lost_key_is_the_last_word(ada: User, receiver: Receiver) -> None:
    hook, _ = hooks.put(receiver.url, by=ada)
    with transaction():
        db.session.execute(update(Webhook).values(sealed=b"\1\0\x09" + b"x" * 90))
    hooks.test(hook.id, by=ada)
    [delivery] = waiting()
    sending.step(delivery.id)
    assert "lost key" in (fresh(delivery).outcome or "")
    assert fresh(delivery).given_up_at


def test_a_link_is_mailed_to_whom_it_is_for_and_forgotten(
    root: User, ada: User, eve: User, box: Mailbox, work: Worker
) -> None:
    _, token = invitations.invite("new@example.org", by=root)
    for _ in range(2):
        invitations.send(token, f"/invitation?token={token}", "the portal", by=root)
    _, reset = resets.make(ada.id, by=root)
    resets.send(reset, f"/reset?token={reset}", by=root)
    sealed = [each.sealed for each in waiting()]
    assert all(each and token.encode() not in each for each in sealed)
    work.once()
    assert sorted(subjects(box)) == [
        ("ada@example.org", "Set your password anew"),
        ("new@example.org", "Root invites you to the portal"),
    ]
    texts = [letter.get_body(["plain"]) for letter in box.letters]
    assert sum(f"{HOME}/invitation?token={token}" in text.get_content() for text in texts if text) == 1
    db.session.rollback()
    assert db.session.scalars(select(Delivery.sealed)).all() == [None, None]
    for other in (lambda: invitations.send(token, "/", "x", by=eve), lambda: resets.send(reset, "/", by=eve)):
        with pytest.raises(NotFound):
            other()


def test_without_a_mail_server_a_link_is_handed_over_by_hand(root: User, app: Flask) -> None:
    _, token = invitations.invite("new@example.org", by=root)
    with pytest.raises(Refused, match="no mail server"):
        invitations.send(token, "/", "the portal", by=root)


def test_what_arrived_long_ago_is_forgotten(
    ada: User, lab: Tenant, box: Mailbox, work: Worker, clock: Clock
) -> None:
    tell(ada, lab)
    work.once()
    clock.forward(timedelta(days=31).total_seconds())
    tell(ada, lab)
    work.once()
    assert only(Delivery).done_at
    assert db.session.scalars(select(Notice)).all()


def test_nobody_opens_a_link_with_another_rows_seal(root: User, box: Mailbox, app: Flask) -> None:
    _, token = invitations.invite("new@example.org", by=root)
    invitations.send(token, "/invitation", "the portal", by=root)
    row = only(Delivery)
    assert vault.unseal(row.sealed or b"", place=deliveries.place(row.id)) == f"{HOME}/invitation".encode()
    with pytest.raises(vault.Unsealable):
        vault.unseal(row.sealed or b"", place=deliveries.place(uuid4()))
