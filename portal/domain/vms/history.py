"""History: what happened to a VM, told by the portal's own transitions, by the audit and by Heat's events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from portal.domain.catalog import hot, shelf
from portal.domain.store.db import db, now, transaction
from portal.domain.vms import acts, explain
from portal.domain.vms.listed import Listed
from portal.domain.vms.models import HeatEvent, State, Transition, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.heat import Stack
from portal.translation import N_, gettext, translated

# What is done to a resource beside making it, by the names that templates give them; of other actions Heat's
# own word stands.
_UNDOING = {
    "DELETE": {
        "server": N_("Removing the server…"),
        "port": N_("Removing the network port…"),
        "access": N_("Removing the firewall…"),
        "public_address": N_("Releasing the public address…"),
    },
    "UPDATE": {
        "server": N_("Changing the server…"),
        "port": N_("Changing the network port…"),
        "access": N_("Changing the firewall…"),
        "public_address": N_("Changing the public address…"),
    },
}
_UNDOING_ANOTHER = {"DELETE": N_("Removing %(name)s…"), "UPDATE": N_("Changing %(name)s…")}


class Teller(StrEnum):
    """Who tells a line: the portal of a move, the audit of what somebody did, Heat of a part."""

    MOVE = "move"
    ACT = "act"
    HEAT = "heat"


@dataclass(frozen=True)
class Entry:
    """One line of a VM's timeline; `who` did it, empty: the portal itself, or Heat."""

    at: datetime
    teller: Teller
    who: str
    words: str
    detail: str
    failed: bool


def collect(vm: Vm, stack: Stack, cloud: Cloud) -> None:
    """Stores the Heat events that came since the last look; Heat purges them, the portal keeps them."""
    last = db.session.execute(
        select(HeatEvent.id, HeatEvent.position)
        .where(HeatEvent.vm_id == vm.id, HeatEvent.stack_id == stack.id)
        .order_by(HeatEvent.position.desc())
        .limit(1)
    ).first()
    fresh = cloud.heat.events(stack.name, stack.id, after=last.id if last else None)
    if not fresh:
        return
    position = last.position if last else 0
    with transaction():
        known = set(
            db.session.scalars(select(HeatEvent.id).where(HeatEvent.id.in_([event.id for event in fresh])))
        )
        for number, event in enumerate(fresh, start=position + 1):
            if event.id not in known:
                db.session.add(
                    HeatEvent(
                        id=event.id,
                        vm_id=vm.id,
                        stack_id=stack.id,
                        position=number,
                        at=event.at,
                        resource=event.resource,
                        status=event.status,
                        reason=explain.clean(event.reason),
                        physical_id=event.physical_id or None,
                    )
                )


def timeline(vm: Vm, events: Sequence[HeatEvent] | None = None) -> list[Entry]:
    """Transitions, acts and Heat events together, newest first. `events`: its own, where they were read."""
    events = events_of(vm) if events is None else events
    told = words(vm)
    moves = db.session.scalars(select(Transition).where(Transition.vm_id == vm.id).order_by(Transition.id))
    entries = [
        Entry(
            move.at,
            Teller.MOVE,
            move.by.name if move.by else "",
            move.new.value.capitalize(),
            translated(move.cause),
            move.new is State.ERROR,
        )
        for move in moves
    ]
    # A beginning is news only until its end is there.
    ended = {_what(event) for event in events if not event.status.endswith("IN_PROGRESS")}
    entries += [
        Entry(
            max(event.at, vm.requested_at),  # Heat tells whole seconds
            Teller.HEAT,
            "",
            _told(event, told),
            "" if event.reason == "state changed" else event.reason,
            event.status.endswith("FAILED"),
        )
        for event in events
        if event.resource != vm_stack_name(vm.id)
        and not (event.status.endswith("IN_PROGRESS") and _what(event) in ended)
    ]
    entries += [
        Entry(act.at, Teller.ACT, act.by, act.title, act.detail, act.failed) for act in acts.of_vm(vm)
    ]
    return sorted(entries, key=lambda entry: (entry.at, entry.teller is Teller.HEAT), reverse=True)


def stored(vm: Vm) -> tuple[Sequence[Transition], Sequence[HeatEvent]]:
    """The VM's moves and its Heat events as they are kept, oldest first."""
    moves = select(Transition).where(Transition.vm_id == vm.id).order_by(Transition.id)
    return db.session.scalars(moves).all(), events_of(vm)


def elapsed(vm: Vm) -> float:
    """Seconds since the VM was asked for until it was there (or until now)."""
    return ((vm.active_at or now()) - vm.requested_at).total_seconds()


def words(vm: Vm) -> Mapping[str, str]:
    """What each resource of the VM is doing while it is made; its name where the template is gone."""
    return words_of(vm.offering) or {name: name for name in hot.read(vm.template).resources}


def words_of(offering: str) -> Mapping[str, str]:
    """The same by the template's name; nothing where it is off the shelf."""
    try:
        return shelf.get(offering).resource_words
    except shelf.NoSuchTemplate:
        return {}


def undoing(name: str, action: str = "DELETE") -> str:
    """What is done to a resource that isn't being made."""
    if words := _UNDOING.get(action, {}).get(name):
        return translated(words)
    words, name = _UNDOING_ANOTHER.get(action), name.replace("_", " ")
    return gettext(words, name=name) if words else f"{action.capitalize()} {name}…"


def vm_stack_name(vm_id: UUID) -> str:
    """Heat reports the stack itself as a resource of this name."""
    return f"vm-{vm_id}"


def events_of(*vms: Vm | Listed) -> Sequence[HeatEvent]:
    """What Heat told of the VMs' stacks, oldest first."""
    told = select(HeatEvent).where(HeatEvent.vm_id.in_([vm.id for vm in vms]))
    return db.session.scalars(told.order_by(HeatEvent.at, HeatEvent.position)).all()


def _what(event: HeatEvent) -> tuple[str, str, str]:
    """What an event is about: the stack, the resource, the action."""
    return event.stack_id, event.resource, event.status.partition("_")[0]


def _told(event: HeatEvent, words: Mapping[str, str]) -> str:
    """What an event says: “Starting the server: done”, or Heat's own words for what is no creation."""
    action, _, phase = event.status.partition("_")
    making = translated(words.get(event.resource, event.resource))
    doing = making if action == "CREATE" else undoing(event.resource, action)
    what = doing.rstrip("…")
    if phase == "COMPLETE":
        return gettext("%(what)s: done", what=what)
    if phase == "FAILED":
        return gettext("%(what)s: failed", what=what)
    return doing if phase == "IN_PROGRESS" else f"{what}: {phase.lower()}"
