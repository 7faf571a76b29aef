"""The stage in one process: a world that can be put back, and processes on it that may be killed."""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import rq
from flask import Flask
from rq.exceptions import AbandonedJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from portal import worker
from portal.domain.store import volatile, wake
from portal.domain.store.db import db, now
from portal.domain.tenants import clouds
from portal.domain.vms import polling
from portal.sandbox.control import Control
from tests.chaos.dying import Mortal, Point
from tests.support.world import Clock

PROJECT = "tenant-a"
NOTICED = 15  # seconds until a dead worker's job is found


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
        file = _file()
        file.backup(copy)
        file.close()
        return cls(now(), control.remember(), copy)

    def restore(self, clock: Clock, control: Control) -> None:
        clock.traveller.move_to(self.at)
        control.restore(self.cloud)
        volatile.client().flushdb()
        db.session.remove()
        db.engine.dispose()
        file = _file()
        self.database.backup(file)
        file.close()


def _file() -> sqlite3.Connection:
    return sqlite3.connect(str(db.engine.url.database))


@dataclass
class Stage:
    """Clock and workers, each job in a process of its own."""

    app: Flask
    control: Control
    clock: Clock
    kept: Kept
    queues: tuple[str, ...] = (wake.VMS,)
    mortal: Mortal = field(init=False)

    def begin(self, dies_at: Point | None = None) -> None:
        """The world as it was, with processes that know nothing yet."""
        self.mortal = Mortal(self.app, dies_at)
        random.seed(1)
        self.kept.restore(self.clock, self.control)
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

    def do(self, act: Callable[..., object], *given: object) -> bool:
        """In a process of its own; False: it was killed, and leaves the rest to others."""
        if self.mortal.run(act, *given):
            return True
        self.restart()
        return False

    def ask(self, click: Callable[[], object], is_asked: Callable[[], bool]) -> None:
        """A person clicks, and clicks again only where a crash took the click before it was kept."""
        self.do(click)
        if not is_asked():
            assert self.mortal.died
            self.do(click)
        assert is_asked()

    def work_once(self) -> None:
        """What is due now, and what that leads to at once."""
        self.do(polling.tick)
        while job := self._next_job():
            self._do_job(job)

    def pass_time(self, seconds: float) -> None:
        """For everybody, Redis too."""
        self.clock.forward(seconds)
        redis: Any = volatile.client()
        for key in redis.scan_iter("portal:*"):
            if (left := redis.pttl(key)) > 0:
                redis.pexpire(key, max(1, left - int(seconds * 1000)))

    def _do_job(self, job: Job) -> None:
        """A worker dies with its job; after a while another one finds that nobody does it any more."""
        job.worker_name = f"worker-{uuid4()}"
        volatile.hold_as(job.worker_name)
        if not self.do(job.perform):
            self.clock.forward(NOTICED)
            worker._abandoned(job, AbandonedJobError)

    def _next_job(self) -> Job | None:
        """Taken off the queue: a worker that is killed with it loses it."""
        redis: Any = volatile.client()
        for name in self.queues:
            if job_id := redis.lpop(rq.Queue(name, connection=redis).key):
                return Job.fetch(job_id.decode(), connection=redis, serializer=JSONSerializer)
        return None
