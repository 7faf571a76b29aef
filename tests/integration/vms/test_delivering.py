"""A call for help: support's letter and message have the VM's bundle, and arrive whatever becomes of it."""

import io
import json
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select, update

from portal.domain.people import accounts, enclosures, hooks
from portal.domain.people.models import Role, User
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import support
from portal.domain.vms.models import State, Vm
from portal.post.webhooks import Message
from tests.support.page import Page
from tests.support.post import Mailbox, Receiver
from tests.support.world import Clock, Worker, fresh, launch

REQUEST_ID = "req-0b1c2d3e-1111-4222-8333-444455556666"
RAW = f"No valid host was found. There are not enough hosts available. ({REQUEST_ID})"
Record = Callable[..., None]


@pytest.fixture
def failed(ada: User, lab: Tenant, work: Worker, record: Record, box: Mailbox) -> Vm:
    """A VM that failed, of which nobody was told yet."""
    vm = launch(ada, lab, name="lost-otter")
    record(vm, state=State.ERROR, failure=RAW)
    return fresh(vm)


def letter_of(box: Mailbox) -> tuple[str, list[EmailMessage]]:
    """What the one letter says in text, and what is attached to it."""
    [letter] = box.letters
    text, html = letter.get_body(["plain"]), letter.get_body(["html"])
    assert text
    assert html
    assert "case-" in html.get_content()
    return " ".join(text.get_content().split()), list(letter.iter_attachments())


def message_of(receiver: Receiver) -> Any:
    [(_, body)] = receiver.got
    return json.loads(body)["data"]


def sent(vm: Vm) -> list[Any]:
    """What the audit tells of bundles that went out."""
    db.session.rollback()
    rows = select(AuditEntry).where(AuditEntry.vm_id == vm.id, AuditEntry.action == "vm.bundle_sent")
    return [(entry.subject, entry.actor, entry.detail["way"]) for entry in db.session.scalars(rows)]


def test_support_gets_the_bundle_by_mail_and_webhook_and_nobody_else_does(
    page: Page, ada: User, sam: User, failed: Vm, box: Mailbox, receiver: Receiver, work: Worker
) -> None:
    hooks.put(f"{receiver.url}/ada", by=ada)
    _, secret = hooks.put(receiver.url, by=sam)
    asking = page.sign_in(ada).get(f"/vms/{failed.id}").follow("Ask support")
    assert "with the bundle attached" in asking.text
    assert "Support was told" in asking.form("/help").submit(said="It must run today.").text
    work.once()
    assert [(letter["To"], letter["Reply-To"]) for letter in box.letters] == [
        ("sam@example.org", "ada@example.org")
    ]
    text, [attached] = letter_of(box)
    name = attached.get_filename() or ""
    assert f"Attached is {name}, without secrets" in text
    assert (attached.get_content_type(), name.startswith(f"case-{failed.id.hex[:8]}-")) == (
        "application/zip",
        True,
    )
    with zipfile.ZipFile(io.BytesIO(attached.get_content())) as files:
        told = files.read("README.txt").decode()
        timeline = files.read("timeline.txt").decode()
    assert all(words in told for words in ("lost-otter", str(failed.id), RAW, "for sam@example.org"))
    assert "It must run today." in timeline
    [(headers, body)] = receiver.got
    message = Message(headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == message.signature(secret)
    bundle = json.loads(body)["data"]["bundle"]
    assert (bundle["left_out"], bundle["files"]["README.txt"][:21]) == (None, "What the portal knows")
    assert bundle["files"]["vm.json"]["id"] == str(failed.id)
    assert REQUEST_ID in bundle["files"]["vm.json"]["failure"]
    ways = [("sam@example.org", "portal", way) for way in ("mail", "webhook")]
    assert sorted(sent(failed)) == ways


def test_a_letter_that_is_tried_again_still_has_it_and_speaks_as_its_reader(
    ada: User, sam: User, failed: Vm, box: Mailbox, work: Worker, clock: Clock
) -> None:
    accounts.speak(sam, "de")
    box.answers["DATA"] = "451 Later"
    support.ask(failed, "Please look.", by=ada)
    work.once()
    assert box.letters == []
    box.answers.clear()
    clock.forward(16)
    work.once()
    text, [attached] = letter_of(box)
    assert f"Angehängt ist {attached.get_filename()}, ohne Geheimnisse" in text
    with zipfile.ZipFile(io.BytesIO(attached.get_content())) as files:
        assert files.read("README.txt").startswith(b"What the portal knows of the VM lost-otter")
    assert len(sent(failed)) == 1


@pytest.mark.parametrize("hangs_up", [False, True])
def test_where_it_isnt_taken_the_letter_and_the_message_go_at_once_without(
    ada: User, sam: User, failed: Vm, box: Mailbox, receiver: Receiver, work: Worker, hangs_up: bool
) -> None:
    hooks.put(receiver.url, by=sam)
    box.most, box.hangs_up = 4000, hangs_up
    receiver.most, receiver.too_large = 2000, 0 if hangs_up else 413
    support.ask(failed, "Please look.", by=ada)
    work.once()
    text, attached = letter_of(box)
    assert attached == []
    assert "is not attached. It was not taken with it. The portal has it: follow the link." in text
    bundle = message_of(receiver)["bundle"]
    assert (bundle["files"], bundle["left_out"]) == (None, "It was not taken with it.")


def test_one_that_is_too_large_stays_behind_with_a_word(
    ada: User,
    sam: User,
    failed: Vm,
    box: Mailbox,
    receiver: Receiver,
    work: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooks.put(receiver.url, by=sam)
    monkeypatch.setattr(enclosures, "MOST_ATTACHED", 1000)
    monkeypatch.setattr(enclosures, "MOST_EMBEDDED", 1000)
    support.ask(failed, "Please look.", by=ada)
    work.once()
    text, attached = letter_of(box)
    assert attached == []
    assert "is not attached. It is too large to go along." in text
    assert f"/notices/support.asked/{failed.id}" in text
    data = message_of(receiver)
    assert (data["bundle"]["files"], data["bundle"]["left_out"]) == (None, "It is too large to go along.")
    assert data["url"].endswith(f"/notices/support.asked/{failed.id}")
    assert sent(failed) == []


def test_one_that_cant_be_made_keeps_nobody_from_being_heard(
    ada: User, sam: User, failed: Vm, box: Mailbox, work: Worker, record: Record
) -> None:
    support.ask(failed, "Please look.", by=ada)
    record(failed, template="}: no template")
    work.once()
    text, attached = letter_of(box)
    assert attached == []
    assert "It could not be made." in text


def test_who_looks_after_nothing_any_more_gets_no_bundle(
    ada: User, sam: User, lab: Tenant, failed: Vm, receiver: Receiver, box: Mailbox, work: Worker
) -> None:
    hooks.put(receiver.url, by=sam)
    support.ask(failed, "Please look.", by=ada)
    with transaction():
        db.session.execute(update(User).where(User.id == sam.id).values(role=Role.MEMBER))
    work.once()
    [letter] = box.letters
    assert list(letter.iter_attachments()) == []
    assert "bundle" not in message_of(receiver)
