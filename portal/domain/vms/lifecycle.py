"""The life of a VM as data: states, events, moves, patience, pace; and `fire`, the only writer of a state."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import update

from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import db, now, only_writable
from portal.domain.vms import counts, durations, explain, kept, news
from portal.domain.vms.models import Finding, FindingKind, State, Transition, Vm
from portal.translation import N_, gettext, translated

__all__ = ["Event", "State", "actions", "allows", "born", "diagram", "fire", "pace", "stack_name"]


class Event(StrEnum):
    """What moves a VM: the first two are asked by people, the others told by the cloud."""

    DELETE = "delete"
    RETRY = "retry"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    FAILED = "failed"
    VANISHED = "vanished"
    GONE = "gone"


ASKED_BY_PEOPLE = frozenset({Event.DELETE, Event.RETRY})

MOVES: dict[tuple[State, Event], State] = {
    (State.REQUESTED, Event.DELETE): State.DELETING,
    (State.REQUESTED, Event.ACCEPTED): State.PROVISIONING,
    (State.REQUESTED, Event.FAILED): State.ERROR,
    (State.PROVISIONING, Event.DELETE): State.DELETING,
    (State.PROVISIONING, Event.COMPLETED): State.ACTIVE,
    (State.PROVISIONING, Event.FAILED): State.ERROR,
    (State.ACTIVE, Event.DELETE): State.DELETING,
    (State.ACTIVE, Event.VANISHED): State.ERROR,
    (State.ERROR, Event.RETRY): State.REQUESTED,
    (State.ERROR, Event.DELETE): State.DELETING,
    (State.ERROR, Event.COMPLETED): State.ACTIVE,
    (State.DELETING, Event.GONE): State.DELETED,
    (State.DELETING, Event.FAILED): State.ERROR,
}

# Working states wait for the cloud; the others rest.
WORKING = frozenset({State.REQUESTED, State.PROVISIONING, State.DELETING})
FIRST, LAST = State.REQUESTED, State.DELETED

# What they are called within a sentence.
WORDS = {
    State.REQUESTED: N_("requested"),
    State.PROVISIONING: N_("provisioning"),
    State.ACTIVE: N_("active"),
    State.ERROR: N_("error"),
    State.DELETING: N_("deleting"),
    State.DELETED: N_("deleted"),
}
# Why nothing can be asked of its server.
_NO_SERVER = {
    State.REQUESTED: N_("It isn't built yet."),
    State.PROVISIONING: N_("It isn't built yet."),
    State.ERROR: N_("It has failed."),
    State.DELETING: N_("It is being deleted already."),
    State.DELETED: N_("It is deleted already."),
}
# How findings about a VM end with it.
_ENDS = {State.ACTIVE: N_("It is active now."), State.DELETED: N_("It is deleted now.")}

# Out of the way of whoever looks for what is due.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

# Findings that end when their VM is well or gone; the others are about stacks.
ABOUT_VMS = (FindingKind.VANISHED, FindingKind.STUCK_DELETE)

# How long a working state may last before it is called a failure. A launch waits for a silent cloud as long
# as it takes, so REQUESTED has no limit.
PATIENCE = {State.PROVISIONING: timedelta(minutes=45), State.DELETING: timedelta(minutes=30)}

# How often to look, by how long the VM has been in its state: (younger than, every).
PACE: dict[State, tuple[tuple[timedelta, timedelta], ...]] = {
    state: (
        (timedelta(minutes=1), timedelta(seconds=1)),
        (timedelta(minutes=5), timedelta(seconds=3)),
        (timedelta.max, timedelta(seconds=10)),
    )
    for state in WORKING
} | {
    State.ACTIVE: ((timedelta(minutes=10), timedelta(seconds=60)), (timedelta.max, timedelta(minutes=3))),
    State.ERROR: ((timedelta(hours=1), timedelta(minutes=1)), (timedelta.max, timedelta(minutes=10))),
}


def word(state: State) -> str:
    """What the state is called within a sentence."""
    return translated(WORDS[state])


def pace(state: State, age: timedelta) -> timedelta | None:
    """How long until the next look at a VM that has been in `state` for `age`; None: never again."""
    for younger, every in PACE.get(state, ()):
        if age < younger:
            return every
    return None


def overdue(state: State) -> str:
    """What is said of a stack that lasted longer than its state may."""
    return kept.OVERDUE % {"minutes": f"{PATIENCE[state].total_seconds() / 60:.0f}"}


def allows(vm: Vm, event: Event) -> bool:
    """Whether the event would move this VM. A VM that was ACTIVE holds data: it is never rebuilt."""
    if event is Event.RETRY and vm.active_at is not None:
        return False
    return (vm.state, event) in MOVES


def no_retry(vm: Vm) -> str:
    """That it can't be tried again, since it isn't failed (any more)."""
    state = word(vm.state)
    return gettext("%(name)s is %(state)s now: there is nothing to try again.", name=vm.name, state=state)


def no_server(vm: Vm) -> str:
    """Why nothing can be asked of its server now, in plain words; empty: it has one that is up."""
    if words := _NO_SERVER.get(vm.state):
        return translated(words)
    return "" if vm.server_id else gettext("Its server isn't known just now.")


def actions(vm: Vm) -> list[Event]:
    """What a person may ask of this VM now."""
    return [event for event in (Event.RETRY, Event.DELETE) if allows(vm, event)]


def fire(
    vm: Vm, event: Event, *, cause: str, by: User | None = None, changes: dict[str, Any] | None = None
) -> bool:
    """Moves the VM by compare-and-set and writes the transition and the audit entry with it.

    Runs inside the caller's transaction. `changes` are columns written in the same UPDATE. False: the VM had
    moved on meanwhile (or the event doesn't apply), and nothing was written.
    """
    only_writable()
    old = vm.state
    if not allows(vm, event):
        return False
    new, moment = MOVES[old, event], now()
    look_at = NEVER if new is LAST else moment
    values = {"state": new, "state_since": moment, "look_at": look_at, "look_failures": 0} | (changes or {})
    moved = db.session.execute(
        update(Vm)
        .where(Vm.id == vm.id, Vm.state == old)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        return False
    failure = str(values.get("failure") or "")
    counts.moved(vm, new, moment, failure or cause)
    news.moved(vm, values)
    durations.note(vm, new, moment)
    db.session.add(
        Transition(
            vm_id=vm.id,
            at=moment,
            old=old,
            new=new,
            event=event.value,
            cause=cause,
            failure=failure or None,
            cloud_request_id=next(iter(explain.request_ids(failure)), None),
            by_id=by.id if by else None,
        )
    )
    detail = {"from": old.value, "to": new.value, "cause": cause}
    audit.record(f"vm.{event.value}", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail=detail)
    _settle_findings(vm.id, new)
    db.session.expire(vm)
    return True


def _settle_findings(vm_id: UUID, new: State) -> None:
    """What was found about the VM is over once it is there, or gone."""
    if new not in _ENDS:
        return
    db.session.execute(
        update(Finding)
        .where(Finding.vm_id == vm_id, Finding.resolved_at.is_(None), Finding.kind.in_(ABOUT_VMS))
        .values(resolved_at=now(), answer=_ENDS[new])
        .execution_options(synchronize_session=False)
    )


def born(vm: Vm, *, by: User) -> None:
    """The first state of a new VM, written with its transition and audit entry."""
    only_writable()
    db.session.add(vm)
    db.session.flush()
    db.session.add(
        Transition(
            vm_id=vm.id,
            at=vm.requested_at,
            old=None,
            new=FIRST,
            event="launch",
            cause=N_("Launched."),
            by_id=by.id,
        )
    )
    counts.launched(vm)
    audit.record("vm.launch", by=by, tenant_id=vm.tenant_id, vm_id=vm.id, detail={"name": vm.name})


def stack_name(vm_id: UUID) -> str:
    """The name (and the tag) that a VM's stack bears in Heat."""
    return f"vm-{vm_id}"


def diagram() -> str:
    """The moves as a Mermaid state diagram, for the README."""
    lines = ["stateDiagram-v2", f"    [*] --> {FIRST.name}: launch"]
    lines += [f"    {old.name} --> {new.name}: {event.value}" for (old, event), new in MOVES.items()]
    return "\n".join([*lines, f"    {LAST.name} --> [*]"])
