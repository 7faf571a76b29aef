"""`flask reseal` beside a portal at work: others seal, change and poll rows while it moves them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import Table, insert, select, update

from portal.domain.people.models import User, Webhook
from portal.domain.store import keyring, vault, volatile
from portal.domain.store.db import db, transaction
from portal.domain.store.models import MasterKey
from portal.domain.store.vault import MasterKeys, Vault
from portal.domain.tenants import credentials
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms import claims, drafts
from portal.domain.vms.models import LaunchDraft, Vm
from portal.openstack.cloud import ApplicationCredential
from tests.support.page import Page
from tests.support.post import Mailbox
from tests.support.wizard import limit, write
from tests.support.world import BOTH, draft, launch, only

DATABASES = BOTH
OLD, NEW = {1: b"m" * 32}, {2: b"n" * 32}
# So many rows of a kind wait for the reseal: enough that the others meet it on its way.
MANY = 40


@pytest.fixture(autouse=True)
def usual_key(app: Flask) -> Iterator[None]:
    yield
    vault.unlock(OLD)


@pytest.fixture
def rows(ada: User, lab: Tenant) -> list[UUID]:
    """What the old key sealed: a credential, VMs, and drafts with user data; answers the drafts' ids."""
    limit(lab, quota_vms=900, quota_vcpus=9000, quota_ram_mib=9000000)
    pattern = draft(ada, lab, "own-cloud-init", user_data=said(0))
    for _ in range(20):
        launch(ada, lab)
    ids = sorted(uuid4() for _ in range(MANY))
    facts = {name: getattr(pattern, name) for name in ("user_id", "tenant_id", "offering", "answers")}
    sealed = json.dumps({"user_data": said(0)}).encode()
    made = [
        facts | {"id": each, "sealed": vault.seal(sealed, place=place("launch_drafts", each))} for each in ids
    ]
    with transaction():
        db.session.execute(insert(LaunchDraft), made)
    return ids


def said(number: int) -> str:
    return f"#cloud-config\nruncmd: [echo {number}]\n"


def place(table: str, row_id: UUID) -> str:
    return f"{table}.sealed/{row_id}"


def sealed_rows() -> dict[str, bytes]:
    """Every sealed value, by its place."""
    db.session.rollback()
    return {
        place(table.name, row.id): bytes(row.sealed)
        for table in keyring.sealed_tables()
        for row in db.session.execute(select(table.c.id, table.c.sealed))
        if row.sealed
    }


@contextmanager
def beside(app: Flask, *tasks: Callable[[int], object]) -> Iterator[None]:
    """Each task again and again, by a thread of its own with the number of its turn, while the body runs."""
    over, begun, wrong = threading.Event(), threading.Barrier(len(tasks) + 1, timeout=60), list[Exception]()

    def go_on(task: Callable[[int], object]) -> None:
        with app.app_context():
            turn = 0
            begun.wait()
            while not over.is_set() or not turn:
                try:
                    task(turn := turn + 1)
                except Exception as error:
                    wrong.append(error)
                    return

    threads = [threading.Thread(target=go_on, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        begun.wait()
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_everything_moves_beside_those_who_write(
    app: Flask, page: Page, ada: User, lab: Tenant, rows: list[UUID], box: Mailbox
) -> None:
    ada_id, lab_id = ada.id, lab.id
    launched, edited, secrets, renewed = list[str](), dict[UUID, str](), list[str](), list[str]()
    browser, other = Page(app).sign_in(ada), Page(app).sign_in(ada)
    address = "https://127.0.0.1:1/here"
    other.get("/account/").form("/account/webhook").submit(url=address)

    def launches(turn: int) -> None:
        review = browser.get("/launch/").form("/launch/").submit("Quick launch: Ubuntu server")
        launched.append(review.form("/submit").submit("Launch").url.rpartition("/")[2])

    def edits(turn: int) -> None:
        # Each once, so that nothing written later hides what was lost; the last first, as those are met.
        if turn <= len(rows):
            mine = db.session.get_one(LaunchDraft, rows[-turn])
            drafts.answer(mine, {"user_data": said(turn)}, by=db.session.get_one(User, ada_id))
            edited[mine.id] = said(turn)

    def registers(turn: int) -> None:
        secrets.append(f"secret-{turn}")
        made = ApplicationCredential(id=f"key-{turn}", secret=secrets[-1])
        credentials.register(lab_id, made, label=f"turn {turn}")

    def renews(turn: int) -> None:
        shown = other.get("/account/").form("/secret").submit("New secret")
        renewed.append(shown.one("//main//code[starts-with(text(), 'whsec_')]").text_content() or "")

    def keeps(turn: int) -> None:
        volatile.keep("token/test", str(turn), seconds=60)
        assert volatile.recall("token/test") == str(turn)

    def polls(turn: int) -> None:
        claims.put_back(list(db.session.scalars(select(Vm)).unique()))

    vault.unlock(OLD | NEW)
    with beside(app, launches, edits, registers, renews, keeps, polls):
        outcome = app.test_cli_runner().invoke(args=["reseal"])
    assert outcome.exit_code == 0, outcome.output
    assert {row.version for row in db.session.scalars(select(MasterKey))} == {2}
    before = sealed_rows()
    again = app.test_cli_runner().invoke(args=["reseal"])
    assert (again.exit_code, sealed_rows()) == (0, before)
    vault.unlock(NEW)
    opened = {where: vault.unseal(sealed, place=where) for where, sealed in before.items()}
    assert keyring.check() == []
    assert {f"vms.sealed/{vm_id}" for vm_id in launched} <= opened.keys()
    for row_id in rows:
        kept = json.loads(opened[place("launch_drafts", row_id)])
        assert kept == {"user_data": edited.get(row_id, said(0))}
    held = [json.loads(value) for where, value in opened.items() if where.startswith("credentials.")]
    assert [each["secret"] for each in held] == secrets[-1:]
    assert json.loads(opened[place("webhooks", only(Webhook).id)])["secret"] == renewed[-1]


def test_what_an_older_process_seals_meanwhile_is_told_and_its_key_kept(
    app: Flask, ada: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was forgotten at the restart has the old key alone."""
    credential, tables = credentials.current(lab.id), keyring.sealed_tables()
    older = Vault(MasterKeys(OLD)).seal(b"{}", place=place("credentials", credential.id))

    def overtaken() -> Iterator[Table]:
        yield from tables
        write(update(Credential).values(sealed=older))

    vault.unlock(OLD | NEW)
    monkeypatch.setattr(keyring, "sealed_tables", overtaken)
    outcome = app.test_cli_runner().invoke(args=["reseal"])
    monkeypatch.undo()
    assert outcome.exit_code == 1
    assert "1 values were sealed with master key 1 meanwhile" in outcome.output
    vault.unlock(NEW)
    assert [(lost.version, lost.count) for lost in keyring.check()] == [(1, 1)]
    vault.unlock(OLD | NEW)
    assert app.test_cli_runner().invoke(args=["reseal"]).exit_code == 0
    vault.unlock(NEW)
    assert keyring.check() == []
