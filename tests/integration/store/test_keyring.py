"""Master keys: all rows move to the newest while others write; a lost one is named with its rows."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import select, text, update

from portal.domain.people.models import User
from portal.domain.store import keyring, vault
from portal.domain.store.db import db
from portal.domain.store.models import MasterKey
from portal.domain.tenants import credentials
from portal.domain.tenants.models import Credential, Tenant
from portal.domain.vms import provisioning
from portal.domain.vms.models import LaunchDraft, Vm
from tests.support.page import Page
from tests.support.wizard import write
from tests.support.world import BOTH, Worker, draft, launch

DATABASES = BOTH
OLD, NEW, OTHER = b"m" * 32, b"n" * 32, b"x" * 32
OWN = "#cloud-config\nruncmd: [echo hello]\n"


@pytest.fixture(autouse=True)
def usual_key(app: Flask) -> Iterator[None]:
    yield
    vault.unlock({1: OLD})


def versions() -> set[int]:
    """The versions that wrap the sealed rows."""
    db.session.rollback()
    return {
        vault.Vault.version(bytes(sealed))
        for table in keyring.sealed_tables()
        for sealed in db.session.scalars(select(table.c.sealed))
        if sealed
    }


@pytest.fixture
def rows(ada: User, lab: Tenant) -> Vm:
    """A sealed row of each kind: a credential, a VM, a draft with user data."""
    draft(ada, lab, "own-cloud-init", user_data=OWN)
    return launch(ada, lab)


def test_every_sealed_column_is_known_and_bears_the_name() -> None:
    known = {"credentials", "vms", "launch_drafts", "webhooks", "deliveries"}
    assert {table.name for table in keyring.sealed_tables()} == known
    binary = {
        f"{table.name}.{column.name}"
        for table in db.metadata.sorted_tables
        for column in table.columns
        if str(column.type) in ("BLOB", "BYTEA") and column.name != "sealed"
    }
    assert binary <= {"master_keys.proof"}


def test_everything_moves_to_the_newest_key_and_still_opens(
    rows: Vm, lab: Tenant, app: Flask, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "BATCH", 1)
    flask = FlaskCliRunner(app)
    before = credentials.reveal(credentials.current(lab.id))
    vault.unlock({1: OLD, 2: NEW})
    said = flask.invoke(args=["reseal"])
    assert said.exit_code == 0, said.output
    assert "Master key 2 is enough" in said.output
    assert versions() == {2}
    vault.unlock({2: NEW})
    assert keyring.check() == []
    assert credentials.reveal(credentials.current(lab.id)) == before
    work()
    assert "0 moved" in flask.invoke(args=["reseal"]).output


def test_an_interrupted_run_is_taken_up_again(rows: Vm) -> None:
    vault.unlock({1: OLD, 2: NEW})
    moving = keyring.reseal()
    next(moving)
    moving.close()
    assert versions() == {1, 2}
    assert [(table, stuck) for table, _, stuck in keyring.reseal()] == [
        (table.name, []) for table in keyring.sealed_tables()
    ]
    assert versions() == {2}


def test_what_is_sealed_anew_meanwhile_is_left_as_it_is(
    rows: Vm, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.unlock({1: OLD, 2: NEW})
    credential = credentials.current(lab.id)
    secret, batch = credentials.reveal(credential), keyring._batch
    newer = credentials.seal(credential.id, secret)

    def overtaken(table: object, last: object) -> object:
        found = batch(table, last)  # type: ignore[arg-type]
        write(update(Credential).values(sealed=newer))
        return found

    monkeypatch.setattr(keyring, "_batch", overtaken)
    moved = {table: count for table, count, _ in keyring.reseal()}
    assert moved["credentials"] == 0
    db.session.rollback()
    assert bytes(db.session.execute(text("SELECT sealed FROM credentials")).scalar_one()) == newer


def test_a_lost_key_is_told_at_the_start_with_its_rows(
    rows: Vm, root: User, page: Page, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring.tell()
    assert caplog.records == []
    vault.unlock({2: NEW})
    keyring.tell()
    [record] = caplog.records
    assert record.levelname == "CRITICAL"
    assert "Master key 1 is lost" in record.getMessage()
    assert f"vms/{rows.id}" in record.getMessage()
    assert "Master key 1 is lost" in page.sign_in(root).get("/admin/system/").text
    monkeypatch.setattr(keyring, "NAMED", 1)
    [lost] = keyring.check()
    assert (len(lost.rows), lost.count) == (1, 3)
    assert str(lost).count("…") == 1


def test_another_key_under_the_same_number_is_told(rows: Vm) -> None:
    keyring.check()
    vault.unlock({1: OTHER})
    [lost] = keyring.check()
    assert lost.version == 1


def test_a_key_that_no_row_needs_may_go(app: Flask) -> None:
    keyring.check()
    vault.unlock({2: NEW})
    assert keyring.check() == []


def test_rows_that_do_not_open_are_named_and_the_old_keys_kept(rows: Vm, app: Flask) -> None:
    keyring.check()
    vault.unlock({2: NEW})
    said = FlaskCliRunner(app).invoke(args=["reseal"])
    assert said.exit_code == 1
    assert "3 values don't open; keep the old master keys." in said.output
    assert f"{provisioning.sealed_place(rows.id)} is sealed with master key 1" in said.output
    assert {row.version for row in db.session.scalars(select(MasterKey))} == {1, 2}


def test_two_that_start_at_once_write_a_key_down_once(app: Flask) -> None:
    keyring.check()
    keyring._enrol(vault.opened(), 1)
    assert [row.version for row in db.session.scalars(select(MasterKey))] == [1]


def test_a_database_that_is_away_keeps_nobody_from_starting(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    write(text("ALTER TABLE master_keys RENAME TO away"))
    try:
        keyring.tell()
    finally:
        write(text("ALTER TABLE away RENAME TO master_keys"))
    assert "could not be checked" in caplog.records[-1].getMessage()


def test_drafts_are_sealed_for_the_place_that_the_keyring_expects(rows: Vm) -> None:
    found = db.session.scalars(select(LaunchDraft).where(LaunchDraft.sealed.is_not(None))).first()
    assert found
    assert found.sealed
    assert vault.unseal(found.sealed, place=f"launch_drafts.sealed/{found.id}")
