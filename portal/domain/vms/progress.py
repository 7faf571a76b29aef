"""Progress: how far a VM's stack is, step by step, for how long, and how long that usually takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from portal.domain.store.db import db, now
from portal.domain.vms import durations, history
from portal.domain.vms.durations import Usual
from portal.domain.vms.listed import Listed
from portal.domain.vms.models import HeatEvent, State, Vm

# By resource: when what goes on with it began, and the newest event of that.
Told = Mapping[str, tuple[datetime | None, HeatEvent]]

# A step that takes longer than usual stays below its end, and the whole below its own.
_AT_MOST = 0.95
# What a step weighs at least, in seconds: Heat's clock says 0 for many.
_LEAST = 1.0
MOST_AHEAD = 99


@dataclass(frozen=True)
class Step:
    """One resource of the stack on its way: waiting, working, done or failed; `usual` in seconds."""

    resource: str
    words: str
    state: str
    since: datetime | None = None
    ended: datetime | None = None
    usual: float | None = None
    reason: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it took, by Heat's clock, which counts whole ones; None: it isn't over."""
        return (self.ended - self.since).total_seconds() if self.ended and self.since else None


@dataclass(frozen=True)
class Growth:
    """A bar in hundredths that grows by itself: from `low` at `since`, so many seconds, to `high`."""

    low: float
    high: float
    since: datetime
    seconds: float

    @property
    def now(self) -> float:
        """Where it stands."""
        part = (now() - self.since).total_seconds() / self.seconds
        return round(self.low + (self.high - self.low) * min(max(part, 0.0), 1.0), 1)


@dataclass(frozen=True)
class Progress:
    """How far a VM is: resources done of resources known, since when, and what is usual for a launch like it.

    `ahead`: so many launches of its tenant stand before it, while it waits for its turn.
    """

    steps: Sequence[Step]
    since: datetime
    usual: Usual
    bar: Growth
    ahead: int = 0

    @property
    def done(self) -> int:
        return sum(step.state == "done" for step in self.steps)

    @property
    def known(self) -> int:
        return len(self.steps)

    @property
    def current(self) -> Step | None:
        """The step to speak of: what failed, else what began last and works."""
        failed = [step for step in self.steps if step.state == "failed"]
        working = [step for step in self.steps if step.state == "working"]
        spoken_of = failed or working
        return spoken_of[-1] if spoken_of else None

    @property
    def seconds(self) -> float:
        """For how long it has been in its state."""
        return max(0.0, (now() - self.since).total_seconds())

    @property
    def is_slow(self) -> bool:
        """Whether nine of ten launches like it were there by now."""
        return self.usual.most is not None and self.seconds > self.usual.most


def of(vm: Vm, events: Sequence[HeatEvent] | None = None) -> Progress:
    """The progress, with its queue while it waits for its turn. `events`: its own, where they were read."""
    ahead = _ahead(vm) if vm.state is State.REQUESTED else 0
    told = history.events_of(vm) if events is None else events
    return _progress(vm, _latest([vm], told).get(vm.id, {}), history.words(vm), ahead)


def of_many(vms: Sequence[Listed]) -> dict[UUID, Progress]:
    """The progress of those that are being made or deleted, by id; for lists, with one question for all."""
    moving = [vm for vm in vms if vm.state in {State.PROVISIONING, State.DELETING}]
    events = _latest(moving, history.events_of(*moving)) if moving else {}
    return {vm.id: _progress(vm, events.get(vm.id, {}), history.words_of(vm.offering)) for vm in moving}


def _resources(vm: Vm | Listed) -> Sequence[str]:
    """The resources of the VM's stack by name, as its template has them."""
    return (vm.spec.get("resources") if isinstance(vm, Vm) else vm.resources) or ()


def _latest(vms: Sequence[Vm] | Sequence[Listed], events: Sequence[HeatEvent]) -> Mapping[UUID, Told]:
    """What the stored events tell of each VM's stack."""
    stacks = {vm.id: vm.stack_id for vm in vms}
    actions = {vm.id: _action(vm) for vm in vms}
    found: dict[UUID, dict[str, tuple[datetime | None, HeatEvent]]] = {}
    for event in events:
        of_stack = event.stack_id == stacks[event.vm_id] and event.resource != f"vm-{event.vm_id}"
        if not of_stack or not event.status.startswith(actions[event.vm_id]):
            continue
        known = found.setdefault(event.vm_id, {})
        began = known.get(event.resource, (None, event))[0]
        known[event.resource] = (event.at if event.status.endswith("IN_PROGRESS") else began, event)
    return found


def _action(vm: Vm | Listed) -> str:
    return "DELETE" if vm.state in {State.DELETING, State.DELETED} else "CREATE"


def _progress(vm: Vm | Listed, told: Told, words: Mapping[str, str], ahead: int = 0) -> Progress:
    creates = _action(vm) == "CREATE"
    usual = durations.of(vm) if creates else Usual()
    names = list(dict.fromkeys([*_resources(vm), *told]))
    said = words if creates else {name: history.undoing(name) for name in names}
    steps = [_step(name, said.get(name, name), told.get(name), usual) for name in names]
    return Progress(steps, vm.state_since, usual, _bar(steps, vm.state_since), ahead)


def _step(name: str, words: str, told: tuple[datetime | None, HeatEvent] | None, usual: Usual) -> Step:
    middle = usual.steps.get(name)
    if told is None:
        return Step(name, words, "waiting", usual=middle)
    began, event = told
    phase = event.status.partition("_")[2]
    state = {"COMPLETE": "done", "FAILED": "failed"}.get(phase, "working")
    ended = None if state == "working" else event.at
    return Step(name, words, state, began, ended, middle, event.reason if state == "failed" else "")


def _bar(steps: Sequence[Step], since: datetime) -> Growth:
    """Each step weighs what it usually takes; those at work grow towards their end, where that is known."""
    whole = sum(map(_weight, steps)) or _LEAST
    working = [step for step in steps if step.state == "working"]
    known = [step for step in working if step.usual is not None]
    done = sum(_weight(step) for step in steps if step.state == "done")
    high = done + _AT_MOST * sum(map(_weight, known))
    low, high = (round(100 * min(each / whole, _AT_MOST), 1) for each in (done, high))
    began = max((step.since for step in working if step.since), default=since)
    return Growth(low, high, began, max(map(_weight, working), default=_LEAST))


def _weight(step: Step) -> float:
    return max(step.usual or 0.0, _LEAST)


def _ahead(vm: Vm) -> int:
    """How many launches of the tenant were asked for before and wait as well; counted to MOST_AHEAD."""
    before = select(Vm.id).where(
        Vm.tenant_id == vm.tenant_id, Vm.state == State.REQUESTED, Vm.requested_at < vm.requested_at
    )
    return db.session.scalar(select(func.count()).select_from(before.limit(MOST_AHEAD).subquery())) or 0
