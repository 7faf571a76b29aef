"""A move is a compare-and-set: of two that fire at once, one moves."""

import pytest
from sqlalchemy import select, update

from portal.domain.people.models import User
from portal.domain.store.db import db, transaction
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import lifecycle
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Transition, Vm
from tests.support.world import fresh, launch

DATABASES = ("postgresql",)  # SQLite lets one write at a time


def test_who_comes_second_writes_nothing(ada: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    with transaction():
        assert vm.state is State.REQUESTED
        with db.engine.begin() as other:
            other.execute(update(Vm).where(Vm.id == vm.id).values(state=State.DELETING))
        assert not lifecycle.fire(vm, Event.ACCEPTED, cause="Too late.")
    assert fresh(vm).state is State.DELETING
    assert [move.new for move in db.session.scalars(select(Transition))] == [State.REQUESTED]
    assert "vm.accepted" not in db.session.scalars(select(AuditEntry.action)).all()


def test_a_move_that_the_table_does_not_have_is_none(ada: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    with transaction():
        assert not lifecycle.fire(vm, Event.GONE, cause="Never was.")
    assert fresh(vm).state is State.REQUESTED


def test_a_move_outside_a_transaction_is_a_mistake(ada: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    with pytest.raises(RuntimeError, match="open a transaction first"):
        lifecycle.fire(vm, Event.ACCEPTED, cause="Alone.")
