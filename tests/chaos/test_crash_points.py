"""Crash at every step: the process dies at each commit, OpenStack call and enqueue of a VM's life, once
before and once after it; another goes on; nothing is lost, doubled, orphaned, miscounted or moved illegally.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from portal import worker
from portal.config import ROOT
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now
from portal.domain.tenants.models import Tenant
from portal.domain.vms import (
    changes,
    deletions,
    drafts,
    lifecycle,
    rebuilds,
    reconcile,
    remedies,
    removals,
    vms,
    wishes,
)
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Change, Finding, Vm
from portal.domain.vms.remedies import Remedy
from portal.sandbox.control import Control
from portal.sandbox.faults import Fault
from tests.chaos import zeros
from tests.chaos.dying import Point, watched
from tests.chaos.stage import PROJECT, Kept, Stage
from tests.support.world import Clock, draft, only

LONGEST = 3600  # virtual seconds until all is quiet after a crash


@dataclass
class World:
    """One life of a VM, worked on by processes that may be killed, in a world that begins anew each time."""

    stage: Stage
    ada: UUID
    root: UUID
    lab: UUID
    draft: UUID
    deleted: bool = False

    def begin(self, dies_at: Point | None = None) -> None:
        self.deleted = False
        self.stage.begin(dies_at)

    def ask(self, act: Callable[[User], object], is_asked: Callable[[], bool]) -> None:
        """A person clicks, and clicks again only where a crash took the click before it was kept."""

        def click() -> None:
            act(db.session.get_one(User, self.ada))

        self.stage.ask(click, is_asked)

    def launch(self) -> None:
        self.ask(lambda ada: drafts.submit(self.draft, by=ada), lambda: self.vm_id() is not None)

    def retry(self) -> None:
        self.ask(lambda ada: vms.ask(only(Vm), Event.RETRY, by=ada), lambda: self.state() is not State.ERROR)

    def delete(self) -> None:
        self.deleted = True
        gone = {State.DELETING, State.DELETED}
        self.ask(lambda ada: vms.ask(only(Vm), Event.DELETE, by=ada), lambda: self.state() in gone)

    def remedy(self, remedy: Remedy) -> None:
        """An admin asks for it, and a worker carries it through."""

        def is_asked() -> bool:
            return bool(only(Finding).asked or only(Finding).tried)

        def ask(_ada: User) -> None:
            root = db.session.get_one(User, self.root)
            remedies.apply(only(Finding), remedy, reason="It is time.", by=root)

        self.ask(ask, is_asked)
        self.work(until=lambda: not only(Finding).asked and self.state() not in lifecycle.WORKING)

    def change(self, wish: Callable[[Vm], changes.Wish]) -> None:
        """A person asks for a change, and it comes to its end."""

        def is_asked() -> bool:
            db.session.rollback()
            return db.session.scalar(select(Change.id)) is not None

        self.ask(lambda ada: changes.ask(only(Vm), wish(only(Vm)), by=ada), is_asked)
        self.work(until=lambda: not only(Change).is_open)

    def vm_id(self) -> UUID | None:
        db.session.rollback()
        return db.session.scalar(select(Vm.id).where(Vm.client_request_id == self.draft))

    def state(self) -> State:
        return only(Vm).state

    def work(self, until: Callable[[], bool] | None = None) -> None:
        """Until nothing is on its way any more."""
        deadline = now().timestamp() + LONGEST
        while now().timestamp() < deadline:
            self.stage.work_once()
            if until() if until else self.state() not in lifecycle.WORKING:
                return
            rows = (*db.session.scalars(select(Finding)), *db.session.scalars(select(Change)))
            due = [row.due_at for row in rows if row.due_at]
            due += [moment for moment in (only(Vm).delete_due_at, only(Vm).power_due_at) if moment]
            seconds = (min([only(Vm).look_at, *due]) - now()).total_seconds()
            # What is overdue waits for the end of a killed process's word that it is on the queue.
            self.stage.pass_time(seconds if seconds > 0 else wake.MARKED_SECONDS)
        raise AssertionError(f"still {self.state()} after {LONGEST} virtual seconds: {only(Vm).trouble}")

    def check(self, ends: State) -> None:
        """All the zeros, and what was asked for is what became."""
        stacks = self.stage.control.stacks(PROJECT, deleted=True)
        found = zeros.count(stacks, {self.draft}, {self.draft} if self.deleted else ())
        assert not found, f"killed {self.stage.mortal.dies_at}: {found}"
        assert self.state() is ends


@pytest.fixture
def world(
    app: Flask,
    cloud: Control,
    clock: Clock,
    ada: User,
    root: User,
    lab: Tenant,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(worker, "app", lambda: app)
    monkeypatch.setattr(deletions, "PAUSES", deletions.PAUSES[:1])
    cloud.configure(stack_seconds=0.9)
    ids = ada.id, root.id, lab.id, draft(ada, lab).id
    return World(Stage(app, cloud, clock, Kept.of(cloud)), *ids)


def launch(world: World) -> None:
    """A launch becomes ACTIVE."""
    world.launch()
    world.work()


def launch_fails(world: World) -> None:
    """The cloud has no room: ERROR with the reason."""
    world.stage.control.set_quota(PROJECT, instances=0)
    world.launch()
    world.work()


def retry(world: World) -> None:
    """What failed is asked for again: the failed stack is removed first, the next becomes ACTIVE."""
    world.stage.control.set_quota(PROJECT, instances=10)
    world.retry()
    world.work()


def delete(world: World) -> None:
    """What was ACTIVE becomes DELETED."""
    world.delete()
    world.work()


def delete_on_the_way(world: World) -> None:
    """Deletion is asked for while Heat still makes the stack."""
    world.launch()
    world.work(until=lambda: world.state() is not State.REQUESTED)
    world.delete()
    world.work()


def launch_with_a_lost_answer(world: World) -> None:
    """Heat makes the stack, its answer never comes."""
    world.stage.control.faults.add(Fault("drop_after", "POST", "orchestration", "/stacks$"))
    world.launch()
    world.work()


def resize(world: World) -> None:
    """Another size: Heat changes the server, which stays the same one."""
    world.change(lambda vm: wishes.resize(vm, medium(vm)))
    assert only(Vm).spec["flavor"]["name"] == "m1.medium"


def resize_fails(world: World) -> None:
    """The cloud has no room for the larger size: all is put back as it was."""
    world.stage.control.set_quota(PROJECT, cores=1)
    world.change(lambda vm: wishes.resize(vm, medium(vm)))
    assert only(Vm).spec["flavor"]["name"] == "m1.small"


def rebuild(world: World) -> None:
    """Its disk is made anew from the image it has: Nova is asked, once."""
    world.change(lambda vm: rebuilds.rebuild(vm, vm.spec["image"]["id"], typed=vm.name, seen_last=""))
    assert rebuilt(world) == 1


def rebuilt(world: World) -> int:
    """How often Nova was asked to rebuild the server."""
    server = world.stage.control.row("server", str(only(Vm).server_id))
    return [entry["action"] for entry in server["actions"]].count("rebuild")


def delete_later(world: World) -> None:
    """Deletion is asked for, and nobody takes it back."""
    world.deleted = True
    gone = {State.DELETING, State.DELETED}
    world.ask(
        lambda ada: removals.plan(only(Vm), by=ada),
        lambda: only(Vm).delete_due_at is not None or world.state() in gone,
    )
    world.work(until=lambda: world.state() is State.DELETED)


def lend(world: World) -> None:
    """A VM whose lease ends in a moment."""
    world.launch()
    world.work()
    db.session.execute(update(Vm).values(lease_ends_at=now()))
    db.session.commit()


def lease_ends(world: World) -> None:
    """The VM is stopped, once, and its deletion planned."""
    world.work(until=lambda: only(Vm).power == "SHUTOFF" and not only(Vm).power_asked)
    assert only(Vm).delete_due_at


def medium(vm: Vm) -> str:
    """The id of the larger size."""
    return next(size.thing.os_id for size in wishes.sizes(vm) if size.thing.name == "m1.medium")


def delete_fails(world: World) -> None:
    """Heat can't delete it, nor when it is asked again: ERROR with what blocks it."""
    [stack] = world.stage.control.stacks(PROJECT)
    world.stage.control.spoil_delete(stack["name"], "Port is in use.", times=9)
    world.delete()
    world.work()


def delete_is_blocked(world: World) -> None:
    """A port is in the way of the deletion: ERROR, and an admin's turn."""
    world.launch()
    world.work()
    world.stage.control.block_delete(lifecycle.stack_name(only(Vm).id), "port", "Port is in use.")
    world.delete()
    world.work()


def check_and_delete(world: World) -> None:
    """Heat checks the stack and is asked again; what is in the way still is."""
    world.deleted = True
    world.remedy(Remedy.CHECK_DELETE)


def remove_what_blocks(world: World) -> None:
    """The port is deleted by its own, then the stack."""
    world.deleted = True
    world.remedy(Remedy.REMOVE_BLOCKERS)


def vanish(world: World) -> None:
    """Somebody deletes the stack behind the portal's back."""
    world.launch()
    world.work()
    stack = world.stage.control.row("stack", str(only(Vm).stack_id))
    gone = {"deleted_at": world.stage.control.now(), "action": "DELETE", "phase": "COMPLETE"}
    world.stage.control.put("stack", stack | gone)
    world.stage.control.delete_server(str(only(Vm).server_id))
    world.work(until=lambda: world.state() is State.ERROR)


def mark_as_gone(world: World) -> None:
    """The record is marked as OpenStack has it: nothing is left."""
    world.deleted = True
    world.remedy(Remedy.RESTORE)


def hide_server(world: World) -> None:
    """Nova doesn't know the server for a while."""
    world.launch()
    world.work()
    server = world.stage.control.row("server", str(only(Vm).server_id))
    world.stage.control.delete_server(server["id"])
    world.work(until=lambda: world.state() is State.ERROR)
    world.stage.control.put("server", server)


def mark_as_there(world: World) -> None:
    """The record is marked as OpenStack has it: all of it is there."""
    world.remedy(Remedy.RESTORE)


def leave_a_port(world: World) -> None:
    """The VM is deleted after Heat forgot its stack, so its port stays, and the reconciler finds it."""
    world.launch()
    world.work()
    vm = only(Vm)
    world.stage.control.delete_server(str(vm.server_id))
    world.stage.control.abandon(lifecycle.stack_name(vm.id))
    world.delete()
    world.work()
    world.stage.pass_time(400)
    world.stage.do(reconcile.sweep, world.lab)


def delete_a_stray(world: World) -> None:
    """The port that nobody owns is deleted."""
    world.deleted = True
    world.remedy(Remedy.DELETE_STRAY)


def differ(world: World) -> None:
    """Somebody's own update of the stack failed, and the reconciler finds it."""
    world.launch()
    world.work()
    control = world.stage.control
    control.alter("stack", str(only(Vm).stack_id), action="UPDATE", phase="FAILED", updated=control.now())
    world.stage.pass_time(400)
    world.stage.do(reconcile.sweep, world.lab)


def check_what_differs(world: World) -> None:
    """Heat checks the stack, which turns out whole."""
    world.remedy(Remedy.CHECK)


def leave_what_differs(world: World) -> None:
    """The record is written as Nova has it."""
    world.remedy(Remedy.RESTORE)


def hold_a_port(world: World) -> None:
    """A server that is gone still holds the port, so the deletion fails."""
    world.launch()
    world.work()
    [port] = world.stage.control.rows("port")
    world.stage.control.alter("port", port["id"], device_id="gone", device_owner="compute:nova")
    world.delete()
    world.work()


def free_a_port(world: World) -> None:
    """The port is released and deleted, then the stack."""
    world.deleted = True
    world.remedy(Remedy.REMOVE_BLOCKERS)


@dataclass(frozen=True)
class Scene:
    """A part of a VM's life, what happened before it, and how it ends."""

    act: Callable[[World], None]
    after: Callable[[World], None] | None
    ends: State

    def __str__(self) -> str:
        return self.act.__name__


SCENES = (
    Scene(launch, None, State.ACTIVE),
    Scene(launch_fails, None, State.ERROR),
    Scene(retry, launch_fails, State.ACTIVE),
    Scene(delete, launch, State.DELETED),
    Scene(delete_on_the_way, None, State.DELETED),
    Scene(launch_with_a_lost_answer, None, State.ACTIVE),
    Scene(resize, launch, State.ACTIVE),
    Scene(resize_fails, launch, State.ACTIVE),
    Scene(rebuild, launch, State.ACTIVE),
    Scene(delete_later, launch, State.DELETED),
    Scene(lease_ends, lend, State.ACTIVE),
    Scene(delete_fails, launch, State.ERROR),
    Scene(check_and_delete, delete_is_blocked, State.ERROR),
    Scene(remove_what_blocks, delete_is_blocked, State.DELETED),
    Scene(mark_as_gone, vanish, State.DELETED),
    Scene(mark_as_there, hide_server, State.ACTIVE),
    Scene(delete_a_stray, leave_a_port, State.DELETED),
    Scene(check_what_differs, differ, State.ACTIVE),
    Scene(leave_what_differs, differ, State.ACTIVE),
    Scene(free_a_port, hold_a_port, State.DELETED),
)


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_crash_at_every_step_loses_and_doubles_nothing(scene: Scene, world: World) -> None:
    if scene.after:
        world.begin()
        scene.after(world)
        world.stage.kept = Kept.of(world.stage.control)
    points = live(world, scene)
    assert not world.stage.mortal.unseen_commits, "something commits by another way than a session's"
    visited = {point for point in points if live(world, scene, point) and world.stage.mortal.died}
    sites = sorted({point.site for point in points})
    print(f"\n{scene}: {len(visited)} points visited at {len(sites)} sites")
    for place, deed, when in sites:
        print(f"  {when:<6} {deed} in {place}")
    assert visited == set(points)


def live(world: World, scene: Scene, dies_at: Point | None = None) -> list[Point]:
    """The life, killed at that point; all points that were passed."""
    world.begin(dies_at)
    with watched(world.stage.mortal):
        scene.act(world)
    world.check(scene.ends)
    return world.stage.mortal.passed


# Where a VM's launch, retry and delete are written, and the remedies of an admin.
ROOMS = (
    *("drafts", "vms", "provisioning", "polling", "verdicts", "deletions", "claims"),
    *("remedies", "ladder", "rungs", "blockers", "holds", "changes", "changing", "ending"),
    *("removals", "leases"),
)
# What the scenes pass by, and why.
NOT_VISITED = {
    "drafts.start": "before a launch",
    "drafts.discard": "instead of a launch",
    "drafts._write": "before a launch",
    "claims._hand_back": "another worker asks the cloud: nothing was done",
    "claims._wait_for_cloud": "the circuit is open: nothing was done",
    "claims.release": "after a crash; a crash in it leaves the lease as it was",
    "provisioning.release": "the same",
    "provisioning._earlier_stuck": "asks Heat again for a deletion that failed, and counts it",
    "polling.release": "the same",
    "ladder.release": "the same",
    "changing.release": "the same",
    "removals.undo": "instead of a deletion",
    "leases.extend": "instead of a lease's end",
    "ending.unknown": "the VM is deleted, or Heat can't undo what failed",
    "verdicts._lost_server": "reads the server that isn't in the list, and outputs",
    "blockers._floating_ip_used_by": "reads",
    "verdicts._deletion": "asks Heat again for a deletion that was accepted and never began",
}


def test_every_place_that_acts_is_in_a_scene(world: World) -> None:
    """A new function that commits, calls the cloud or enqueues joins a scene, or is named with its reason."""
    visited = set()
    for scene in SCENES:
        set_out = world.stage.kept
        if scene.after:
            world.begin()
            scene.after(world)
            world.stage.kept = Kept.of(world.stage.control)
        visited |= {point.place for point in live(world, scene)}
        world.stage.kept = set_out
    assert set(places()) - visited == set(NOT_VISITED)


def places() -> Iterator[str]:
    """The functions that commit, call the cloud or enqueue by themselves: file and name."""
    for room in ROOMS:
        tree = ast.parse((ROOT / f"portal/domain/vms/{room}.py").read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(map(acts, ast.walk(function))):
                yield f"{room}.{function.name}"


def acts(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return called == "transaction" or called.startswith(("cloud.", "wake."))
