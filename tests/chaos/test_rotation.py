"""A rotation killed at every step: another process goes on; one credential is in use, none is left over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from portal import worker
from portal.domain.people.models import User
from portal.domain.store import wake
from portal.domain.store.db import db, now
from portal.domain.store.models import AuditEntry
from portal.domain.tenants import clouds, credentials, doctor, rotation
from portal.domain.tenants.models import Credential, Standing, Tenant
from portal.openstack.cloud import Cloud
from portal.sandbox.control import Control
from tests.chaos.dying import Point, watched
from tests.chaos.stage import PROJECT, Kept, Stage
from tests.integration.conftest import Sandbox
from tests.support.world import Clock, outside

LONGEST = 3600  # virtual seconds until all is quiet after a crash
LABELS = {"free", "made by the portal"}
STEPS = {"staged", "switched", "rolled_back", "discarded", "revoked"}
# Where a rotation is written; the doctor's deaths are tests of its own.
ROOMS = {"rotation", "making", "revoking", "handover", "credentials"}


@dataclass
class World:
    """One rotation, worked on by processes that may be killed, in a world that begins anew each time."""

    stage: Stage
    root: UUID
    lab: UUID
    behind: Cloud
    old: UUID
    strangers: frozenset[str]

    def ask(self, act: Callable[[User], object], is_asked: Callable[[], bool]) -> None:
        """An admin clicks, and clicks again only where a crash took the click before it was kept."""

        def click() -> None:
            act(db.session.get_one(User, self.root))

        self.stage.ask(click, is_asked)

    def at(self, standing: Standing) -> list[Credential]:
        db.session.rollback()
        rows = select(Credential).where(Credential.tenant_id == self.lab, Credential.standing == standing)
        return list(db.session.scalars(rows))

    def make(self) -> None:
        """The one in use makes the next one, and the doctor sees it."""
        self.ask(
            lambda root: rotation.make(self.lab, unrestricted=True, by=root),
            lambda: bool(self.at(Standing.STAGED)),
        )
        self.work(lambda: self.is_fit(self.at(Standing.STAGED)[0]))

    def switch(self) -> None:
        self.ask(
            lambda root: rotation.switch(self.lab, drain=timedelta(), by=root),
            lambda: bool(self.at(Standing.DRAINING)),
        )

    def roll_back(self) -> None:
        self.ask(
            lambda root: rotation.roll_back(self.lab, by=root),
            lambda: self.at(Standing.CURRENT)[0].id == self.old,
        )

    def discard(self) -> None:
        self.ask(
            lambda root: rotation.discard(self.lab, by=root),
            lambda: not self.at(Standing.STAGED),
        )

    def drain(self) -> None:
        self.work(lambda: not self.at(Standing.DRAINING))

    def is_fit(self, credential: Credential) -> bool:
        return doctor.running(credential.id) is None and rotation.newest_word(credential) is not None

    def work(self, until: Callable[[], bool]) -> None:
        """Clock and workers, until it holds."""
        deadline = now() + timedelta(seconds=LONGEST)
        while not until():
            assert now() < deadline, f"killed {self.stage.mortal.dies_at}: it never came to its end"
            self.stage.work_once()
            db.session.rollback()
            moving = (*self.at(Standing.STAGED), *self.at(Standing.DRAINING))
            due = [moment for one in moving for moment in (one.doctor_due_at, one.handover_due_at) if moment]
            seconds = min(((moment - now()).total_seconds() for moment in due), default=1.0)
            # What is overdue waits for the end of a killed process's word that it is on the queue.
            self.stage.pass_time(seconds if seconds > 0 else wake.MARKED_SECONDS)

    def check(self, ends: tuple[Standing, ...], steps: list[str]) -> None:
        """The old one and the new one end so; Keystone knows what isn't revoked; each step was told once."""
        told = f"killed {self.stage.mortal.dies_at}"
        db.session.rollback()
        ours = [*self.at(Standing.CURRENT), *self.at(Standing.STAGED), *self.at(Standing.REVOKED)]
        mine = sorted((one for one in ours if one.label in LABELS), key=lambda one: one.id != self.old)
        assert tuple(one.standing for one in mine) == ends, told
        assert clouds.of(self.lab).nova.flavors()
        in_keystone = {one.id for one in self.behind.keystone.application_credentials()} - self.strangers
        assert in_keystone == {one.public["id"] for one in mine if one.standing is not Standing.REVOKED}, told
        rows = select(AuditEntry.action).where(AuditEntry.tenant_id == self.lab).order_by(AuditEntry.id)
        actions = [action.removeprefix("credential.") for action in db.session.scalars(rows)]
        assert [action for action in actions if action in STEPS] == steps, told
        stacks = self.stage.control.stacks(PROJECT)
        assert not [one for one in stacks if one["name"].startswith("portal-probe")], told


def make(world: World) -> None:
    """The one in use makes the next one, and the doctor sees it."""
    world.make()


def switch(world: World) -> None:
    """New work uses the new one; the earlier one drains and goes."""
    world.switch()
    world.drain()


def begin_to_switch(world: World) -> None:
    world.make()
    world.switch()


def change_ones_mind(world: World) -> None:
    """Rolled back while the earlier one drains; the new one goes."""
    world.roll_back()
    world.discard()
    world.drain()


@dataclass(frozen=True)
class Scene:
    """A part of a rotation, what happened before it, how the old and the new one end, what was told."""

    act: Callable[[World], None]
    after: Callable[[World], None] | None
    ends: tuple[Standing, ...]
    steps: list[str]

    def __str__(self) -> str:
        return self.act.__name__


SCENES = (
    Scene(make, None, (Standing.CURRENT, Standing.STAGED), ["staged"]),
    Scene(switch, make, (Standing.REVOKED, Standing.CURRENT), ["staged", "switched", "revoked"]),
    Scene(
        change_ones_mind,
        begin_to_switch,
        (Standing.CURRENT, Standing.REVOKED),
        ["staged", "switched", "rolled_back", "discarded", "revoked"],
    ),
)


@pytest.fixture
def world(
    app: Flask, cloud: Control, clock: Clock, root: User, lab: Tenant, sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> World:  # fmt: skip
    monkeypatch.setattr(worker, "app", lambda: app)
    behind = outside(PROJECT, sandbox.auth_url)
    strangers = frozenset(one.id for one in behind.keystone.application_credentials())
    free = behind.keystone.create_application_credential("free", unrestricted=True)
    old = credentials.register(lab.id, free, label="free")
    while doctor.examine(old.id) or doctor.running(old.id):
        clock.forward(1)
    root_id, lab_id, old_id = root.id, lab.id, old.id
    stage = Stage(app, cloud, clock, Kept.of(cloud), (wake.VMS, wake.CHORES))
    return World(stage, root_id, lab_id, behind, old_id, strangers)


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_a_rotation_killed_at_every_step_ends_as_asked(scene: Scene, world: World) -> None:
    if scene.after:
        world.stage.begin()
        scene.after(world)
        world.stage.kept = Kept.of(world.stage.control)
    points = {point for point in live(world, scene) if is_telling(point)}
    visited = {point for point in points if live(world, scene, point) and world.stage.mortal.died}
    print(f"\n{scene}: {len(visited)} points visited")
    assert visited == points


def is_telling(point: Point) -> bool:
    """Whether what is left there is the rotation's; a question leaves nothing, a third time nothing new."""
    return point.place.partition(".")[0] in ROOMS and not point.deed.startswith("GET ") and point.nth < 3


def live(world: World, scene: Scene, dies_at: Point | None = None) -> list[Point]:
    """That part, killed at that point; all points that were passed."""
    world.stage.begin(dies_at)
    with watched(world.stage.mortal):
        scene.act(world)
    world.check(scene.ends, scene.steps)
    return world.stage.mortal.passed
