"""A launch becomes one VM, whatever is clicked twice, dropped, or lost."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.people.models import User
from portal.domain.store import volatile
from portal.domain.store.db import db
from portal.domain.store.errors import NotFound
from portal.domain.store.models import AuditEntry
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, history, progress, provisioning, quotas
from portal.domain.vms.lifecycle import State
from portal.domain.vms.models import LaunchDraft, Transition, Vm
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.support.world import BOTH, Clock, Worker, draft, fresh, launch, only

DATABASES = BOTH
STACKS = r"/stacks$"


def states(vm: Vm) -> list[str]:
    moves = db.session.scalars(select(Transition).where(Transition.vm_id == vm.id).order_by(Transition.id))
    return [move.new.value for move in moves]


def test_a_launch_becomes_active_with_its_addresses(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = launch(ada, lab, name="calm-otter", floating_ip="true")
    assert vm.state is State.REQUESTED
    work()
    vm = fresh(vm)
    [stack], [server] = cloud.stacks("tenant-a"), cloud.servers("tenant-a")
    assert states(vm) == ["requested", "provisioning", "active"]
    assert (vm.stack_id, vm.server_id) == (stack["id"], server["id"])
    assert server["name"] == "calm-otter"
    assert vm.private_ip
    assert vm.public_ip
    assert {"portal", f"vm-{vm.id}"} == set(stack["tags"])
    assert server["metadata"]["portal_vm"] == str(vm.id)
    assert vm.checked_at


def test_its_progress_goes_by_resource_and_ends_whole(
    ada: User, lab: Tenant, work: Worker, clock: Clock
) -> None:
    vm = launch(ada, lab)
    work(until=lambda: 0 < progress.of(fresh(vm)).done < progress.of(vm).known)
    halfway = progress.of(vm)
    assert {step.state for step in halfway.steps} >= {"done"}
    work()
    ended = progress.of(fresh(vm))
    assert ended.done == ended.known == len(ended.steps) == halfway.known
    told = history.timeline(vm)
    assert any(entry.teller == "heat" for entry in told)
    # Heat tells whole seconds; nothing of the launch stands before it was asked for.
    assert told[-1].detail == "Launched."


def test_without_a_floating_ip_its_step_is_not_waited_for(ada: User, lab: Tenant, work: Worker) -> None:
    without, with_one = launch(ada, lab), launch(ada, lab, floating_ip="true")
    assert progress.of(with_one).known == progress.of(without).known + 1


def test_the_same_draft_submitted_again_is_the_same_vm(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    made = draft(ada, lab)
    first, again = drafts.submit(made.id, by=ada), drafts.submit(made.id, by=ada)
    work()
    assert first.id == again.id == only(Vm).id
    assert len(cloud.stacks("tenant-a")) == 1


def test_the_same_draft_submitted_in_parallel_is_one_vm(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker
) -> None:
    draft_id, ada_id = draft(ada, lab).id, ada.id
    gate, got = threading.Barrier(6, timeout=20), list[UUID]()

    def click() -> None:
        with app.app_context():
            by = db.session.get_one(User, ada_id)
            gate.wait()
            got.append(drafts.submit(draft_id, by=by).id)

    in_parallel(click, 6)
    work()
    assert set(got) == {only(Vm).id}
    assert len(got) == 6
    assert len(cloud.stacks("tenant-a")) == 1


def test_a_twin_that_wins_while_the_answers_are_checked_is_the_answer(
    ada: User, lab: Tenant, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft_id, ada_id, check = draft(ada, lab).id, ada.id, drafts.check
    won = list[UUID]()

    def twin() -> None:
        with app.app_context():
            won.append(drafts.submit(draft_id, by=db.session.get_one(User, ada_id)).id)

    def late(slow: LaunchDraft) -> drafts.Review:
        monkeypatch.setattr(drafts, "check", check)
        in_parallel(twin, 1)
        return check(slow)

    monkeypatch.setattr(drafts, "check", late)
    assert drafts.submit(draft_id, by=ada).id == won[0] == only(Vm).id


def test_several_workers_on_one_vm_make_one_stack(
    ada: User, lab: Tenant, app: Flask, cloud: Control, work: Worker
) -> None:
    vm, gate = launch(ada, lab), threading.Barrier(4, timeout=20)
    vm_id = vm.id

    def step() -> None:
        with app.app_context():
            gate.wait()
            provisioning.step(vm_id)

    in_parallel(step, 4)
    work()
    assert len(cloud.stacks("tenant-a")) == 1
    assert fresh(vm).state is State.ACTIVE


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
def test_a_create_whose_answer_is_lost_makes_one_stack(
    kind: str, ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    cloud.faults.add(Fault(kind, "POST", "orchestration", STACKS, status=500))
    vm = launch(ada, lab)
    work()
    assert fresh(vm).state is State.ACTIVE
    assert len(cloud.stacks("tenant-a", deleted=True)) == 1


def test_a_worker_that_dies_after_the_create_leaves_one_stack(
    ada: User, lab: Tenant, cloud: Control, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    vm = launch(ada, lab)
    monkeypatch.setattr(provisioning, "_accepted", die)
    with pytest.raises(Killed):
        provisioning.step(vm.id)
    monkeypatch.undo()
    assert fresh(vm).state is State.REQUESTED
    work()
    assert fresh(vm).state is State.ACTIVE
    assert len(cloud.stacks("tenant-a", deleted=True)) == 1


def test_a_launch_survives_a_lost_redis(ada: User, lab: Tenant, work: Worker) -> None:
    away = volatile.client()
    volatile.connect("unix:///nowhere/at/all")
    try:
        vm = launch(ada, lab)
        work()
    finally:
        volatile._client[:] = [away]
    assert fresh(vm).state is State.ACTIVE


def test_a_launch_waits_for_a_silent_cloud_and_goes_out_by_itself(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.faults.add(Fault("status", "GET", "orchestration", ".*", status=503, times=40))
    vm = launch(ada, lab)
    for _ in range(5):
        work.once()
        clock.forward(30)
    vm = fresh(vm)
    assert vm.state is State.REQUESTED
    assert "goes on by itself" in (vm.trouble or "")
    cloud.faults.clear()
    work()
    assert fresh(vm).state is State.ACTIVE
    assert fresh(vm).trouble is None


def test_a_refused_credential_is_told_and_the_launch_kept(
    ada: User, lab: Tenant, cloud: Control, work: Worker, clock: Clock
) -> None:
    cloud.delete_credential("portal-tenant-a")
    cloud.expire_tokens()
    vm = launch(ada, lab)
    work.once()
    vm = fresh(vm)
    assert vm.state is State.REQUESTED
    assert "administrator has to replace it" in (vm.trouble or "")


def test_a_launch_that_heat_refuses_says_why_and_frees_the_quota(
    ada: User, lab: Tenant, cloud: Control, work: Worker
) -> None:
    vm = launch(ada, lab)
    cloud.delete_image(vm.spec["image"]["id"])
    work()
    vm = fresh(vm)
    assert vm.state is State.ERROR
    assert vm.failure
    assert quotas.usage(lab.id).vms == 0


def test_a_surprise_is_told_and_backs_off(
    ada: User, lab: Tenant, work: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = launch(ada, lab)

    def surprise(*_: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr(provisioning, "create", surprise)
    with pytest.raises(RuntimeError):
        provisioning.step(vm.id)
    monkeypatch.undo()
    vm = fresh(vm)
    assert "RuntimeError" in (vm.trouble or "")
    assert vm.look_failures == 1
    work()
    assert fresh(vm).state is State.ACTIVE


def test_a_stranger_can_neither_read_nor_submit_a_draft(ada: User, eve: User, lab: Tenant) -> None:
    made = draft(ada, lab)
    with pytest.raises(NotFound):
        drafts.get(made.id, for_=eve)
    with pytest.raises(NotFound):
        drafts.submit(made.id, by=eve)
    with pytest.raises(NotFound):
        drafts.answer(made, {"name": "mine"}, by=eve)


def test_a_draft_keeps_wrong_answers_and_says_what_is_wrong(ada: User, lab: Tenant) -> None:
    made = draft(ada, lab, name="9 wrong!", image="gone", flavor="gone", network="gone")
    problems = drafts.check(made).problems
    assert {"name", "image", "flavor", "network"} <= problems.keys()
    assert drafts.values(fresh(made))["name"] == "9 wrong!"
    with pytest.raises(drafts.Incomplete):
        drafts.submit(made.id, by=ada)
    assert db.session.scalars(select(Vm)).first() is None


def test_user_data_is_sealed_wherever_it_rests(ada: User, lab: Tenant, work: Worker) -> None:
    secret = "#cloud-config\nruncmd: [echo MARKED-SECRET]\n"
    made = draft(ada, lab, "own-cloud-init", user_data=secret)
    assert drafts.values(fresh(made))["user_data"] == secret
    vm = drafts.submit(made.id, by=ada)
    work()
    rows = [fresh(only(LaunchDraft)), fresh(vm), *db.session.scalars(select(AuditEntry))]
    stored = b" ".join(
        str({column.key: getattr(row, column.key) for column in row.__table__.columns}).encode()
        for row in rows
    )
    assert b"MARKED-SECRET" not in stored


def with_quota(tenant: Tenant, **limits: int) -> None:
    with db.engine.begin() as connection:
        connection.execute(Tenant.__table__.update().where(Tenant.id == tenant.id).values(**limits))  # type: ignore[attr-defined]
    fresh(tenant)


def in_parallel(act: Callable[[], None], times: int) -> None:
    threads = [threading.Thread(target=act) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
