"""Bulk: several VMs started, stopped, deleted or kept: what will happen to each, and what came of it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.errors import DomainError
from portal.domain.vms import kept, power, quotas, removals, vms
from portal.domain.vms.lifecycle import Event
from portal.domain.vms.models import State, Vm
from portal.domain.vms.power import Action
from portal.translation import gettext

# So many at once: a page of the list holds fewer, and an address holds no more.
MOST = 100


class Act(StrEnum):
    """What may be asked of several VMs."""

    START = "start"
    STOP = "stop"
    DELETE = "delete"
    KEEP = "keep"


SWITCHES = (Act.START, Act.STOP)


@dataclass(frozen=True)
class Item:
    """One VM. `why_not`: in words why it can't be had; empty: it can, or it was asked for."""

    vm: Vm
    why_not: str = ""


@dataclass(frozen=True)
class Plan:
    """What would happen, and by how much the quota would be freed (by name, memory in MiB)."""

    act: Act
    possible: Sequence[Item]
    impossible: Sequence[Item]
    freed: dict[str, int]


class Stage(StrEnum):
    """How far one VM is with what was asked of it."""

    AHEAD = "ahead"
    UNDERWAY = "underway"
    DONE = "done"
    KEPT = "kept"


@dataclass(frozen=True)
class Outcome:
    """What came of it for one VM. `why_not`: in words why nothing did; empty: it was asked for."""

    vm: Vm
    stage: Stage
    why_not: str = ""


def may(user: User) -> bool:
    """Whether the person may ask anything of several VMs."""
    return access.allows(user, Permission.VM_DELETE)


def plan(act: Act, vm_ids: Iterable[UUID], *, by: User) -> Plan:
    """What the act would do to each of these VMs that the person may see."""
    items = [Item(vm, _why_not(act, vm, by)) for vm in _seen(vm_ids, by)]
    possible = [item for item in items if not item.why_not]
    impossible = [item for item in items if item.why_not]
    freed = asdict(quotas.held([item.vm.id for item in possible])) if act is Act.DELETE else {}
    return Plan(act, possible, impossible, {name: amount for name, amount in freed.items() if amount})


def carry_out(act: Act, vm_ids: Iterable[UUID], *, by: User, at_once: bool = False) -> list[Item]:
    """Asks it of each VM in a transaction of its own, and answers what came of it.

    One that can't be had stops no other. Asking twice is asking once. A deletion can be taken back for a
    while, by KEEP, unless it is wanted at once.
    """
    return [Item(vm, _asked(act, vm, by, at_once)) for vm in _seen(vm_ids, by)]


def outcomes(act: Act, asked: Iterable[UUID], refused: Collection[UUID], *, by: User) -> list[Outcome]:
    """What came of it as things stand now, for those it was asked of and those it was refused for."""
    return [_outcome(act, vm, vm.id in refused, by) for vm in _seen([*asked, *refused], by)]


def _outcome(act: Act, vm: Vm, refused: bool, by: User) -> Outcome:
    if refused:
        words = _why_not(act, vm, by) or gettext("It couldn't be had just then.")
        return Outcome(vm, Stage.KEPT, words)
    if act not in SWITCHES:
        return Outcome(vm, _deleted(vm))
    if vm.power_asked == act:
        return Outcome(vm, Stage.UNDERWAY)
    if vm.power_trouble:
        return Outcome(vm, Stage.DONE, kept.said(vm.power_trouble))
    if vm.state is State.ACTIVE and vm.power == power.ENDS[Action(act)]:
        return Outcome(vm, Stage.DONE)
    return Outcome(vm, Stage.KEPT, gettext("It has changed again since."))


def _deleted(vm: Vm) -> Stage:
    if removals.seconds_left(vm) is not None:
        return Stage.AHEAD
    return {State.DELETING: Stage.UNDERWAY, State.DELETED: Stage.DONE}.get(vm.state, Stage.KEPT)


def _seen(vm_ids: Iterable[UUID], by: User) -> list[Vm]:
    """Those the person may see, by name; of a stranger's nothing is told."""
    wanted = list(dict.fromkeys(vm_ids))[:MOST]
    found = db.session.scalars(select(Vm).where(Vm.id.in_(wanted)).order_by(Vm.name, Vm.id))
    return [vm for vm in found if access.allows(by, Permission.VM_VIEW, vm.tenant_id)]


def _asked(act: Act, vm: Vm, by: User, at_once: bool) -> str:
    if vm.power_asked == act:
        return ""
    try:
        if act is Act.KEEP:
            removals.undo(vm, by=by)
        elif act is Act.DELETE and at_once:
            vms.ask(vm, Event.DELETE, by=by)
        elif act is Act.DELETE:
            removals.plan(vm, by=by)
        else:
            power.ask(vm, Action(act), by=by)
    except DomainError as refusal:
        return _why_not(act, vm, by) or refusal.message
    return ""


def _why_not(act: Act, vm: Vm, by: User) -> str:
    if act in SWITCHES:
        return power.why_not(vm, Action(act), by)
    return removals.why_not(vm, by)
