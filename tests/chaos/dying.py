"""A process that can be killed at any commit, OpenStack call or enqueue, right before it and right after.

It dies by an exception that nobody catches; from then on every commit, call and command to Redis of the same
process dies as well, so that no `finally` does what a killed process could not.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests.adapters
import rq
from flask import Flask
from redis.connection import AbstractConnection
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from portal.config import ROOT
from portal.domain.store.db import db

DOMAIN = str(ROOT / "portal" / "domain")
# What every write and every wake goes through says nothing about where it comes from.
PASSED_THROUGH = {"db.py", "wake.py", "clouds.py", "volatile.py"}
_IDS = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|vm-<>")


class Killed(BaseException):
    """The end of the process."""


@dataclass(frozen=True, order=True)
class Point:
    """A place to die at: before or after which deed, from which function, for the how manieth time."""

    place: str
    deed: str
    when: str
    nth: int

    @property
    def site(self) -> tuple[str, str, str]:
        """The same however often it is passed."""
        return self.place, self.deed, self.when

    def __str__(self) -> str:
        return f"{self.when} {self.deed} in {self.place}, time {self.nth}"


@dataclass
class Mortal:
    """The processes of one run, one after the other: notes what points they pass, and dies at one of them."""

    app: Flask
    dies_at: Point | None = None
    dies_in: int | None = None  # or at its how manieth point from now
    passed: list[Point] = field(default_factory=list)
    died: bool = False
    dead: bool = False
    running: bool = False
    unseen_commits: int = 0
    _times: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def run(self, act: Callable[..., object], *given: object) -> bool:
        """Does it in a process of its own; False: the process was killed on the way."""
        self.running, self.dead = True, False
        try:
            with self.app.app_context():
                act(*given)
        except Killed:
            db.session.remove()
            return False
        finally:
            self.running = False
        return True

    def perish(self) -> None:
        """Nothing more may be done by a process that was killed."""
        if self.dead and self.running:
            raise Killed

    def deed(self, name: str, act: Callable[[], Any]) -> Any:
        """Does something that could be the last thing done."""
        if not self.running:
            return act()
        self.perish()
        place = _place()
        self._pass(place, name, "before")
        try:
            return act()
        finally:
            self._pass(place, name, "after")

    def _pass(self, place: str, name: str, when: str) -> None:
        site = (place, name, when)
        self._times[site] += 1
        point = Point(*site, self._times[site])
        self.passed.append(point)
        if self.dies_in is not None:
            self.dies_in -= 1
        if point == self.dies_at or self.dies_in == 0:
            self.dies_in = None
            self.died = self.dead = True
            raise Killed


@contextmanager
def watched(mortal: Mortal) -> Iterator[None]:
    """Every commit, OpenStack call and enqueue of this process goes through the mortal."""
    commit, send = Session.commit, requests.adapters.HTTPAdapter.send
    enqueue, redis_send = rq.Queue.enqueue_call, AbstractConnection.send_packed_command
    in_commit = False

    def dying_commit(session: Session) -> None:
        def act() -> None:
            nonlocal in_commit
            in_commit = True
            try:
                commit(session)
            finally:
                in_commit = False

        mortal.deed("commit", act)

    def dying_send(adapter: Any, request: Any, **more: Any) -> Any:
        name = f"{request.method} {_IDS.sub('<>', urlsplit(request.url).path)}"
        return mortal.deed(name, lambda: send(adapter, request, **more))

    def dying_enqueue(queue: rq.Queue, func: Any, **more: Any) -> Any:
        return mortal.deed(f"enqueue {func.rpartition('.')[2]}", lambda: enqueue(queue, func, **more))

    def dying_redis_send(connection: Any, *command: Any, **more: Any) -> None:
        mortal.perish()
        redis_send(connection, *command, **more)  # type: ignore[no-untyped-call]  # redis has no types here

    def seen(_connection: object) -> None:
        mortal.unseen_commits += mortal.running and not in_commit

    event.listen(Engine, "commit", seen)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "commit", dying_commit)
            patch.setattr(requests.adapters.HTTPAdapter, "send", dying_send)
            patch.setattr(rq.Queue, "enqueue_call", dying_enqueue)
            patch.setattr(AbstractConnection, "send_packed_command", dying_redis_send)
            yield
    finally:
        event.remove(Engine, "commit", seen)


def _place() -> str:
    """The function of the domain that does it: file and name."""
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.name not in PASSED_THROUGH and str(path).startswith(DOMAIN):
            return f"{path.stem}.{frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]  # the outermost frame has none
    return "outside"
