"""A deletion that can be taken back, and leases: told, ended, extended."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.domain.people.models import Kind, Notice, User
from portal.domain.store.db import db, now
from portal.domain.store.errors import Forbidden, Refused
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import changes, leases, power, removals, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Vm
from portal.openstack.cloud import Cloud
from tests.support.settling import causes
from tests.support.world import BOTH, Clock, Worker, fresh, launch

DATABASES = BOTH
DAY = 86400


@pytest.fixture
def leased(ada: User, lab: Tenant, work: Worker) -> Vm:
    made = launch(ada, lab, **{"vm:lease": "30"})
    work()
    return fresh(made)


def told(kind: Kind) -> int:
    return db.session.scalar(select(func.count(Notice.id)).where(Notice.kind == kind)) or 0


def test_a_deletion_begins_after_its_window(vm: Vm, ada: User, behind: Cloud, work: Worker) -> None:
    removals.plan(vm, by=ada)
    removals.plan(fresh(vm), by=ada)
    work.once()
    assert fresh(vm).state is State.ACTIVE
    assert 0 < (removals.seconds_left(vm) or 0) <= 30
    assert "about to be deleted" in changes.why_not(vm, ada)
    assert not behind.heat.show(str(vm.stack_id)).is_deleting
    work()
    assert fresh(vm).state is State.DELETED
    assert causes()[-2] == "Deletion was asked for."
    removals.step(vm.id)
    assert removals.seconds_left(fresh(vm)) is None


def test_a_deletion_is_taken_back_until_it_has_begun(vm: Vm, ada: User, work: Worker, clock: Clock) -> None:
    removals.plan(vm, by=ada)
    removals.undo(fresh(vm), by=ada)
    removals.undo(fresh(vm), by=ada)
    clock.forward(60)
    work()
    assert fresh(vm).state is State.ACTIVE
    removals.plan(vm, by=ada)
    clock.forward(31)
    removals.step(vm.id)
    with pytest.raises(Refused, match="has begun"):
        removals.undo(fresh(vm), by=ada)


def test_deleting_now_goes_before_the_window(vm: Vm, ada: User) -> None:
    removals.plan(vm, by=ada)
    vms.ask(fresh(vm), Event.DELETE, by=ada)
    assert (fresh(vm).state, vm.delete_due_at) == (State.DELETING, None)
    removals.plan(vm, by=ada)
    assert fresh(vm).delete_due_at is None


def test_who_may_not_delete_plans_nothing(vm: Vm, sam: User) -> None:
    for act in (removals.plan, removals.undo):
        with pytest.raises(Forbidden):
            act(vm, by=sam)


def test_a_lease_is_told_a_week_and_a_day_before_it_ends(leased: Vm, work: Worker, clock: Clock) -> None:
    assert not leases.is_news(leased)
    for days, notices in ((22.9, 0), (0.2, 1), (5.9, 2), (0.1, 2)):
        clock.forward(days * DAY)
        work.once()
        assert told(Kind.LEASE_ENDING) == notices
    assert leases.is_news(fresh(leased))


@pytest.mark.parametrize(
    ("lease", "so_many_by_day"),
    [("7", {4.6: 0, 4.7: 1, 5.9: 1, 6.1: 2}), ("1", {0.6: 0, 0.7: 1, 0.9: 1})],
    ids=["a week", "a day"],
)
def test_a_short_lease_is_told_of_in_its_last_third(
    ada: User, lab: Tenant, work: Worker, clock: Clock, lease: str, so_many_by_day: dict[float, int]
) -> None:
    made = launch(ada, lab, **{"vm:lease": lease})
    work()
    before = 0.0
    for day, notices in so_many_by_day.items():
        clock.forward((day - before) * DAY)
        before = day
        work.once()
        assert (told(Kind.LEASE_ENDING), leases.is_news(fresh(made))) == (notices, notices > 0)
        assert made.id not in leases.due(), "it is queued at every tick"


def test_an_extension_counts_from_when_it_was_asked_for(leased: Vm, ada: User, clock: Clock) -> None:
    clock.forward(29.5 * DAY)
    leases.step(leased.id)
    assert leased.lease_ends_at
    leases.extend(fresh(leased), 1, seen=leased.lease_ends_at.isoformat(), by=ada)
    assert (leased.lease_stage, leases.is_news(leased)) == (0, False)
    clock.forward(1.1 * DAY)
    assert leases.is_news(leased)


def test_at_its_end_it_is_stopped_and_after_the_grace_deleted(
    leased: Vm, ada: User, work: Worker, clock: Clock
) -> None:
    clock.forward(31 * DAY)
    work.once()
    work.once()
    work(until=lambda: fresh(leased).power == "SHUTOFF")
    assert told(Kind.LEASE_ENDED) == 1
    assert leases.is_over(leased)
    with pytest.raises(Refused, match="Extend it first"):
        power.ask(leased, power.Action.START, by=ada)
    assert power.why_not(leased, power.Action.START, ada) == "Its lease has ended. Extend it first."
    assert removals.seconds_left(leased) is None
    removals.undo(leased, by=ada)
    assert fresh(leased).delete_due_at
    clock.forward(7 * DAY)
    work()
    assert fresh(leased).state is State.DELETED
    assert causes()[-2] == "Its lease ended."


def test_what_runs_on_after_its_lease_is_stopped_again(
    leased: Vm, behind: Cloud, work: Worker, clock: Clock
) -> None:
    clock.forward(31 * DAY)
    work.once()
    work(until=lambda: fresh(leased).power == "SHUTOFF")
    behind.nova.start(str(leased.server_id))
    work(until=lambda: fresh(leased).power == "ACTIVE")
    work(until=lambda: fresh(leased).power == "SHUTOFF")
    assert told(Kind.LEASE_ENDED) == 1


def test_an_extended_lease_undoes_its_end(leased: Vm, ada: User, work: Worker, clock: Clock) -> None:
    clock.forward(31 * DAY)
    work.once()
    work(until=lambda: fresh(leased).power == "SHUTOFF")
    seen = str(leased.lease_ends_at and leased.lease_ends_at.isoformat())
    leases.extend(leased, 7, seen=seen, by=ada)
    leases.extend(fresh(leased), 7, seen=seen, by=ada)
    assert leased.lease_ends_at
    assert timedelta(days=6.9) < leased.lease_ends_at - now() < timedelta(days=7.1)
    assert (leased.delete_due_at, leased.lease_stage) == (None, 0)
    power.ask(leased, power.Action.START, by=ada)
    actions = db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions.count("vm.lease_extended") == 1


def test_a_planned_deletion_survives_an_extension(leased: Vm, ada: User) -> None:
    removals.plan(leased, by=ada)
    seen = str(leased.lease_ends_at and leased.lease_ends_at.isoformat())
    leases.extend(fresh(leased), 1, seen=seen, by=ada)
    assert fresh(leased).delete_due_at


def test_a_deletion_that_is_planned_stays_when_the_lease_ends(
    leased: Vm, ada: User, behind: Cloud, clock: Clock, work: Worker
) -> None:
    behind.nova.stop(str(leased.server_id))
    clock.forward(5)
    work(until=lambda: fresh(leased).power == "SHUTOFF")
    clock.forward(31 * DAY)
    removals.plan(leased, by=ada)
    leases.step(leased.id)
    assert fresh(leased).delete_cause == removals.ASKED
    leases.step(leased.id)
    assert (told(Kind.LEASE_ENDED), leased.power_asked) == (1, None)


def test_what_has_no_lease_is_not_extended(vm: Vm, ada: User, sam: User) -> None:
    with pytest.raises(Refused, match="no lease"):
        leases.extend(vm, 7, seen="", by=ada)
    with pytest.raises(Refused, match="by how long"):
        leases.extend(vm, 2, seen="", by=ada)
    assert "no lease" in leases.why_not(vm, ada)
    assert "role" in leases.why_not(vm, sam)
    leases.step(vm.id)
