"""Any order of asks, ticks, faults, crashes and restarts, beside a simple model of what a VM may be."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from portal import worker
from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, lifecycle, quotas, vms
from portal.domain.vms.lifecycle import Event, State, stack_name
from portal.domain.vms.models import Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.chaos import zeros
from tests.chaos.dying import watched
from tests.chaos.plan import FAULTS, GONE_CREDENTIAL
from tests.chaos.stage import PROJECT, Kept, Stage
from tests.support.world import Clock, draft

MOST = 3  # VMs of one tenant, which is its quota too
REST = 400  # rounds until nothing works any more
QUICK = [fault for fault in FAULTS if "seconds" not in fault]  # others would wait in real time

_stages: list[Stage] = []
_people: list[tuple[UUID, UUID]] = []


@dataclass
class Model:
    """What we know of a VM without looking: what was asked, and whether it ever was there."""

    draft: UUID
    deleted: bool = False
    was_active: bool = False
    was_deleted: bool = False

    def may_be(self) -> set[State]:
        if self.was_deleted:
            return {State.DELETED}
        if self.deleted:
            return {State.DELETING, State.DELETED, State.ERROR}
        if self.was_active:
            return {State.ACTIVE, State.ERROR}
        return {State.REQUESTED, State.PROVISIONING, State.ACTIVE, State.ERROR}


class Life(RuleBasedStateMachine):
    """VMs of one tenant under everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = _stages[0]
        self.models: dict[UUID, Model] = {}
        self.watching = ExitStack()

    @initialize(room=st.booleans())
    def begin(self, room: bool) -> None:
        self.stage.begin()
        self.room_in_the_cloud(room)
        self.watching.enter_context(watched(self.stage.mortal))
        self.launch(click_twice=False)

    @rule(click_twice=st.booleans())
    def launch(self, click_twice: bool) -> None:
        """A draft becomes one VM, or is refused where the quota is used up."""
        ada, lab = self.who()
        made = draft(ada, lab).id
        room = quotas.usage(lab.id).vms < MOST
        for _ in range(1 + click_twice):
            self.stage.do(lambda: self.expect(room, lambda: drafts.submit(made, by=self.who()[0])))
        db.session.rollback()
        vm_id = db.session.scalar(select(Vm.id).where(Vm.client_request_id == made))
        assert room or vm_id is None
        if vm_id:
            self.models[vm_id] = Model(made)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), event=st.sampled_from([Event.DELETE, Event.RETRY]))
    def ask(self, data: st.DataObject, event: Event) -> None:
        """Deletion may be asked for always; another try only of what failed and never was there."""
        vm = self.vm(data.draw(st.sampled_from(list(self.models))))
        model = self.models[vm.id]
        may = event is Event.DELETE or (
            vm.state is State.ERROR and not model.was_active and self.has_room(vm)
        )
        lived = self.stage.do(
            lambda: self.expect(may, lambda: vms.ask(self.vm(vm.id), event, by=self.who()[0]))
        )
        if event is Event.DELETE and (lived or self.vm(vm.id).state in {State.DELETING, State.DELETED}):
            model.deleted = True

    @rule(seconds=st.sampled_from([0.0, 1.0, 5.0, 40.0, 120.0]))
    def work(self, seconds: float) -> None:
        """Time passes, then clock and workers do what is due."""
        self.stage.pass_time(seconds)
        self.stage.work_once()

    @rule(rounds=st.integers(2, 8))
    def work_on(self, rounds: int) -> None:
        """Some seconds as they are when nobody holds anything up."""
        for _ in range(rounds):
            self.work(1.0)

    @rule(number=st.integers(1, 30))
    def crash(self, number: int) -> None:
        """Some process is killed at its how manieth deed from now."""
        self.stage.mortal.dies_in = number

    @rule(fault=st.sampled_from([*QUICK, GONE_CREDENTIAL]))
    def fault(self, fault: dict[str, Any]) -> None:
        """The cloud fails somewhere."""
        self.stage.control.faults.add(Fault(**fault))

    @rule(room=st.booleans())
    def room_in_the_cloud(self, room: bool) -> None:
        """Stacks that are made without room fail."""
        self.stage.control.set_quota(PROJECT, instances=50 if room else 0)

    @rule(mishap=st.sampled_from(["expire tokens", "lose Redis", "restart"]))
    def mishap(self, mishap: str) -> None:
        """What a portal must shrug off. Redis comes back empty."""
        if mishap == "expire tokens":
            self.stage.control.expire_tokens()
        elif mishap == "lose Redis":
            volatile.client().flushdb()
        else:
            self.stage.restart()

    @invariant()
    def holds(self) -> None:
        """Each VM is what the model allows; none has two stacks, nobody more than the quota."""
        db.session.rollback()
        alive = [stack["name"] for stack in self.stage.control.stacks(PROJECT)]
        assert len(alive) == len(set(alive)), "two stacks of one VM"
        for vm_id, model in self.models.items():
            vm = self.vm(vm_id)
            assert vm.state in model.may_be(), f"{vm.state} after {model}"
            assert list(zeros.illegal(vm)) == []
            assert vm.state is not State.DELETED or stack_name(vm_id) not in alive
            model.was_active |= vm.state is State.ACTIVE
            model.was_deleted |= vm.state is State.DELETED
        if self.models:
            assert quotas.usage(_people[0][1]).vms <= MOST
        db.session.rollback()

    def teardown(self) -> None:
        """When all is well again, everything comes to its end, and nothing was lost or doubled."""
        try:
            self.stage.mortal.dies_in = None
            self.stage.control.faults.clear()
            self.stage.control.set_quota(PROJECT, instances=50)
            for _ in range(REST):
                self.stage.work_once()
                if not any(self.vm(vm_id).state in lifecycle.WORKING for vm_id in self.models):
                    break
                self.stage.pass_time(5)
            found = zeros.count(
                self.stage.control.stacks(PROJECT, deleted=True),
                [model.draft for model in self.models.values()],
                [model.draft for model in self.models.values() if model.deleted],
            )
            assert not found, found
            self.holds()
        finally:
            self.watching.close()

    def who(self) -> tuple[User, Tenant]:
        ada, lab = _people[0]
        return db.session.get_one(User, ada), db.session.get_one(Tenant, lab)

    def vm(self, vm_id: UUID) -> Vm:
        db.session.rollback()
        return db.session.get_one(Vm, vm_id, populate_existing=True)

    def has_room(self, vm: Vm) -> bool:
        return quotas.usage(vm.tenant_id, but=vm.id).vms < MOST

    def expect(self, may: bool, act: Any) -> None:
        """It is done where it may be, and refused where it may not."""
        if may:
            act()
        else:
            with pytest.raises(Refused):
                act()


@pytest.fixture
def stage(
    app: Flask, cloud: Control, clock: Clock, ada: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    monkeypatch.setattr(worker, "app", lambda: app)
    cloud.configure(stack_seconds=2)
    with db.engine.begin() as connection:
        connection.execute(Tenant.__table__.update().values(quota_vms=MOST))  # type: ignore[attr-defined]  # a Table
    _people[:] = [(ada.id, lab.id)]
    stage = Stage(app, cloud, clock, Kept.of(cloud), (wake.VMS, wake.CHORES))
    _stages[:] = [stage]
    yield stage
    _stages.clear()


def test_any_order_of_what_may_happen_keeps_the_promises(stage: Stage) -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "25")),
            stateful_step_count=40,
            deadline=None,
            derandomize="CI" in os.environ,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
