"""Crash at every step: the process dies at each commit, OpenStack call and enqueue of a VM's life, once
before and once after it; another goes on; nothing is lost, doubled, orphaned, miscounted or moved illegally.
"""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import rq
from flask import Flask
from rq.exceptions import AbandonedJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy import select

from portal import worker
from portal.domain.people.models import User
from portal.domain.store import volatile, wake
from portal.domain.store.db import db, now
from portal.domain.tenants import clouds
from portal.domain.tenants.models import Tenant
from portal.domain.vms import drafts, lifecycle, polling, vms
from portal.domain.vms.lifecycle import Event, State
from portal.domain.vms.models import Vm
from portal.sandbox.control import Control
from tests.chaos import zeros
from tests.chaos.dying import Mortal, Point, watched
from tests.support.world import Clock, draft, only

PROJECT = "tenant-a"
NOTICED = 15  # seconds until a dead worker's job is found
LONGEST = 3600  # virtual seconds until all is quiet after a crash


@dataclass
class World:
    """One life of a VM, worked on by processes that may be killed, in a world that begins anew each time."""

    app: Flask
    control: Control
    clock: Clock
    ada: UUID
    draft: UUID
    kept: "Kept"
    mortal: Mortal = field(init=False)
    deleted: bool = False

    def begin(self, dies_at: Point | None = None) -> None:
        """The world as it was, with processes that know nothing yet."""
        self.mortal = Mortal(self.app, dies_at)
        self.deleted = False
        random.seed(1)
        self.kept.restore(self)
        self.restart()

    def restart(self) -> None:
        """New processes: no client, no connection, and no lock but what time has ended."""
        db.session.remove()
        clouds.configure(connect_timeout=1, read_timeout=2)
        redis: Any = volatile.client()
        redis.connection_pool.disconnect()
        for lock in redis.scan_iter(
            "portal:lock:*"
        ):  # Redis has a time of its own, which doesn't stand still
            redis.delete(lock)

    def do(self, act: Callable[..., object], *given: object) -> None:
        """In a process of its own; a killed one leaves the rest to others."""
        if not self.mortal.run(act, *given):
            self.restart()

    def ask(self, act: Callable[[User], object], is_asked: Callable[[], bool]) -> None:
        """A person clicks, and clicks again only where a crash took the click before it was kept."""

        def click() -> None:
            act(db.session.get_one(User, self.ada))

        self.do(click)
        if not is_asked():
            assert self.mortal.died
            self.do(click)
        assert is_asked()

    def launch(self) -> None:
        self.ask(
            lambda ada: drafts.submit(self.draft, by=ada),
            lambda: self.vm_id() is not None,
        )

    def retry(self) -> None:
        self.ask(lambda ada: vms.ask(only(Vm), Event.RETRY, by=ada), lambda: self.state() is not State.ERROR)

    def delete(self) -> None:
        self.deleted = True
        gone = {State.DELETING, State.DELETED}
        self.ask(lambda ada: vms.ask(only(Vm), Event.DELETE, by=ada), lambda: self.state() in gone)

    def vm_id(self) -> UUID | None:
        db.session.rollback()
        return db.session.scalar(select(Vm.id).where(Vm.client_request_id == self.draft))

    def state(self) -> State:
        return only(Vm).state

    def work(self, until: Callable[[], bool] | None = None) -> None:
        """Clock and workers, each job in a process of its own, until nothing is on its way any more."""
        deadline = now().timestamp() + LONGEST
        while now().timestamp() < deadline:
            self.do(polling.tick)
            while job := self.next_job():
                self.do_job(job)
            if until() if until else self.state() not in lifecycle.WORKING:
                return
            self.pass_time()
        raise AssertionError(f"still {self.state()} after {LONGEST} virtual seconds: {only(Vm).trouble}")

    def do_job(self, job: Job) -> None:
        """A worker dies with its job; after a while another one finds that nobody does it any more."""
        job.worker_name = f"worker-{uuid4()}"
        volatile.hold_as(job.worker_name)
        if not self.mortal.run(job.perform):
            self.restart()
            self.clock.forward(NOTICED)
            worker._abandoned(job, AbandonedJobError)

    def next_job(self) -> Job | None:
        """Taken off the queue: a worker that is killed with it loses it."""
        queue = rq.Queue(wake.VMS, connection=volatile.client(), serializer=JSONSerializer)
        job_id: Any = volatile.client().lpop(queue.key)
        if job_id is None:
            return None
        return Job.fetch(job_id.decode(), connection=volatile.client(), serializer=JSONSerializer)

    def pass_time(self) -> None:
        """On to the moment when something is due, in Redis too."""
        seconds = (only(Vm).look_at - now()).total_seconds()
        if seconds <= 0:  # due, and a killed process left word that it is on the queue
            seconds = float(wake.MARKED_SECONDS)
        self.clock.forward(seconds)
        redis: Any = volatile.client()
        for key in redis.scan_iter("portal:*"):
            if (left := redis.pttl(key)) > 0:
                redis.pexpire(key, max(1, left - int(seconds * 1000)))

    def check(self, ends: State) -> None:
        """All the zeros, and what was asked for is what became."""
        found = zeros.count(
            self.control.stacks(PROJECT, deleted=True), {self.draft}, {self.draft} if self.deleted else ()
        )
        assert not found, f"killed {self.mortal.dies_at}: {found}"
        assert self.state() is ends


@dataclass
class Kept:
    """The world at one moment: database, cloud and time. Redis is not kept: it may be lost at any moment."""

    at: datetime
    cloud: bytes
    database: sqlite3.Connection

    @classmethod
    def of(cls, control: Control) -> "Kept":
        copy = sqlite3.connect(":memory:")
        db.session.remove()
        with _file() as file:
            file.backup(copy)
        return cls(now(), control.remember(), copy)

    def restore(self, world: World) -> None:
        world.clock.traveller.move_to(self.at)
        world.control.restore(self.cloud)
        volatile.client().flushdb()
        db.session.remove()
        db.engine.dispose()
        with _file() as file:
            self.database.backup(file)
        file.close()


def _file() -> sqlite3.Connection:
    return sqlite3.connect(str(db.engine.url.database))


@pytest.fixture
def world(
    app: Flask, cloud: Control, clock: Clock, ada: User, lab: Tenant, monkeypatch: pytest.MonkeyPatch
) -> World:
    monkeypatch.setattr(worker, "app", lambda: app)
    cloud.configure(stack_seconds=0.9)
    made = draft(ada, lab).id
    return World(app, cloud, clock, ada.id, made, Kept.of(cloud))


def launch(world: World) -> None:
    """A launch becomes ACTIVE."""
    world.launch()
    world.work()


def launch_fails(world: World) -> None:
    """The cloud has no room: ERROR with the reason."""
    world.control.set_quota(PROJECT, instances=0)
    world.launch()
    world.work()


def retry(world: World) -> None:
    """What failed is asked for again: the failed stack is removed first, the next becomes ACTIVE."""
    world.control.set_quota(PROJECT, instances=10)
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
)


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_crash_at_every_step_loses_and_doubles_nothing(scene: Scene, world: World) -> None:
    if scene.after:
        world.begin()
        scene.after(world)
        world.kept = Kept.of(world.control)
    points = live(world, scene)
    assert not world.mortal.unseen_commits, "something commits by another way than a session's"
    visited = {point for point in points if live(world, scene, point) and world.mortal.died}
    sites = sorted({point.site for point in points})
    print(f"\n{scene}: {len(visited)} points visited at {len(sites)} sites")
    for place, deed, when in sites:
        print(f"  {when:<6} {deed} in {place}")
    assert visited == set(points)


def live(world: World, scene: Scene, dies_at: Point | None = None) -> list[Point]:
    """The life, killed at that point; all points that were passed."""
    world.begin(dies_at)
    with watched(world.mortal):
        scene.act(world)
    world.check(scene.ends)
    return world.mortal.passed
