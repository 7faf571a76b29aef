"""A transaction is all or nothing, never nested, and the only way to write; moments are in UTC."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import StatementError

from portal.domain.people.models import Role, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from tests.support.world import BOTH, fresh

DATABASES = BOTH


def entries() -> int:
    return db.session.scalar(select(func.count(AuditEntry.id))) or 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_takes_everything_back(error: type[BaseException], app: Flask) -> None:
    def fail() -> None:
        with transaction():
            audit.record("tried", by=None)
            db.session.flush()
            raise error

    with pytest.raises(error):
        fail()
    assert entries() == 0
    with transaction():
        audit.record("done", by=None)
    assert entries() == 1


def test_a_transaction_inside_a_transaction_is_a_mistake(app: Flask) -> None:
    def nest() -> None:
        with transaction():
            audit.record("lost", by=None)
            with transaction():
                pass

    with pytest.raises(RuntimeError, match="inside a transaction"):
        nest()
    assert entries() == 0


def test_a_change_made_outside_is_a_mistake_and_not_written(ada: User) -> None:
    ada.name = "Somebody else"
    with pytest.raises(RuntimeError, match="outside a transaction"), transaction():
        pass
    assert fresh(ada).name == "Ada"


def test_writing_without_a_transaction_is_a_mistake(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="open a transaction first"):
        audit.record("alone", by=None)


def rename(user_id: UUID, name: str) -> None:
    """As another process does."""
    with db.engine.begin() as other:
        other.execute(update(User).where(User.id == user_id).values(name=name))


def test_a_transaction_reads_afresh_also_right_after_another(ada: User) -> None:
    user_id = ada.id
    assert ada.name == "Ada"
    for name in ("Ada L.", "Ada Lovelace"):
        rename(user_id, name)
        with transaction():
            assert ada.name == name


def test_writers_queue_and_none_is_lost(lab: Tenant, app: Flask) -> None:
    tenant_id, gate = lab.id, threading.Barrier(5, timeout=20)

    def add() -> None:
        with app.app_context():
            gate.wait()
            for _ in range(4):
                with transaction():
                    tenant = db.session.scalars(
                        select(Tenant).where(Tenant.id == tenant_id).with_for_update()
                    ).one()
                    tenant.quota_vms += 1

    before, threads = lab.quota_vms, [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fresh(lab).quota_vms == before + 20


def test_moments_come_back_in_utc_whatever_zone_they_were_given_in(ada: User) -> None:
    there = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    with transaction():
        db.session.execute(update(User).where(User.id == ada.id).values(created_at=there))
    found = fresh(ada).created_at
    assert found == there
    assert found.tzinfo is UTC
    assert db.session.scalars(select(User).where(User.created_at == there)).all() == [ada]


def test_a_moment_without_a_zone_is_refused(ada: User) -> None:
    with pytest.raises(StatementError, match="a moment without a zone"):
        db.session.scalars(select(User).where(User.created_at == datetime(2026, 7, 1)))  # noqa: DTZ001 - that is what is refused


def test_a_word_that_is_not_on_the_list_is_refused(app: Flask) -> None:
    with pytest.raises(StatementError), transaction():
        db.session.add(User(email="x", name="X", password_hash="!", role="emperor"))
    assert {role.value for role in Role} == {"member", "support", "admin"}
