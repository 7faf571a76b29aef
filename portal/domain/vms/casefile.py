"""The case file of a VM: all that the portal knows of it, for who has to find out what went wrong."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select

from portal.domain.catalog import hot
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store.db import db
from portal.domain.store.models import AuditEntry
from portal.domain.vms import acts, explain, kept, serveractions, vms
from portal.domain.vms.models import HeatEvent, ServerAction, Transition, Vm
from portal.openstack.heat import StackEvent, StackResource
from portal.openstack.nova import InstanceAction
from portal.translation import gettext

MOST_ACTS, MOST_EVENTS = 500, 2000
# A move and the audit of it are written in one transaction.
_TOGETHER = timedelta(seconds=5)
# Heat reports the stack itself as a resource of its own name.
_STACK = re.compile(r"vm-[0-9a-f-]{36}")


class Kind(StrEnum):
    """Who tells a line of the timeline."""

    MOVE = "move"
    AUDIT = "audit"
    HEAT = "heat"
    NOVA = "nova"


@dataclass(frozen=True)
class Line:
    """One line of the timeline; `raw` is all that is known, `live`: it was told just now."""

    at: datetime
    kind: Kind
    who: str
    title: str
    detail: str = ""
    failed: bool = False
    live: bool = False
    request_ids: Sequence[str] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"at": self.at.isoformat(), "kind": self.kind.value, "live": self.live, **self.raw}


@dataclass(frozen=True)
class Thing:
    """Something of the VM's in OpenStack. `name` is the resource's in the template; `type` is Heat's."""

    type: str
    name: str
    id: str
    status: str
    stack_id: str = ""


def open_(vm_id: UUID, *, by: User) -> Vm:
    """The VM whose file is opened. Raises Forbidden, NotFound."""
    access.require(by, Permission.SUPPORT_VIEW)
    return vms.get(vm_id, for_=by)


def events(vm: Vm) -> Sequence[HeatEvent]:
    """The Heat events as they are kept, oldest first."""
    chosen = select(HeatEvent).where(HeatEvent.vm_id == vm.id)
    newest = chosen.order_by(HeatEvent.at.desc(), HeatEvent.position.desc()).limit(MOST_EVENTS)
    return db.session.scalars(newest).all()[::-1]


def timeline(vm: Vm, *, nova: Sequence[InstanceAction] = ()) -> list[Line]:
    """Moves, acts, Heat's events and Nova's actions as they are kept, oldest first; `nova`: just told."""
    moves = db.session.scalars(select(Transition).where(Transition.vm_id == vm.id).order_by(Transition.id))
    newest = select(AuditEntry).where(AuditEntry.vm_id == vm.id).order_by(AuditEntry.id.desc())
    others = list(db.session.scalars(newest.limit(MOST_ACTS)))[::-1]
    lines: list[Line] = []
    for move in moves.all():
        act = next((one for one in others if _is_of(one, move)), None)
        if act:
            others.remove(act)
        lines.append(_move(move, act))
    told = {(one.request_id, one.action, one.started_at) for one in nova}
    actions = serveractions.of_vm(vm)
    lines += [*map(_act, others), *map(heat_line, events(vm))]
    lines += [_nova(one, live=(one.request_id, one.action, one.at) in told) for one in actions]
    order = list(Kind)
    return sorted(lines, key=lambda line: (line.at.replace(microsecond=0), order.index(line.kind)))


def things(vm: Vm, told: Iterable[HeatEvent]) -> list[Thing]:
    """The VM's stacks and what they made, with the ids that Heat told; what is gone is there too."""
    types = hot.read(vm.template).resources
    found: dict[tuple[str, str], Thing] = {}
    for stack_id in filter(None, (vm.stack_id, vm.failed_stack_id)):
        status = (vm.stack_status or "") if stack_id == vm.stack_id else ""
        found[stack_id, ""] = Thing("OS::Heat::Stack", f"vm-{vm.id}", stack_id, status, stack_id)
    for event in told:
        if not event.physical_id:
            continue
        whole = event.resource == f"vm-{vm.id}"
        kind = "OS::Heat::Stack" if whole else types.get(event.resource, "")
        thing = Thing(kind, event.resource, event.physical_id, event.status, event.stack_id)
        found[event.stack_id, "" if whole else event.resource] = thing
    if vm.server_id and vm.server_id not in {thing.id for thing in found.values()}:
        found["", "server"] = Thing("OS::Nova::Server", "server", vm.server_id, vm.power or "")
    return list(found.values())


def live_things(stack_id: str, resources: Sequence[StackResource]) -> list[Thing]:
    """The same as Heat has it now."""
    return [Thing(one.type, one.name, one.physical_id, one.status, stack_id) for one in resources]


def heat_line(event: HeatEvent | StackEvent) -> Line:
    """A Heat event as a line, kept or just told."""
    raw: dict[str, Any] = {
        "id": event.id,
        "resource": event.resource,
        "status": event.status,
        "reason": event.reason,
        "physical_id": event.physical_id or None,
    }
    if isinstance(event, HeatEvent):
        raw |= {"stack_id": event.stack_id, "position": event.position}
    detail = "" if event.reason == "state changed" else event.reason
    return Line(
        event.at,
        Kind.HEAT,
        "Heat",
        f"{'stack' if _STACK.fullmatch(event.resource) else event.resource} {event.status}",
        detail,
        event.status.endswith("FAILED"),
        isinstance(event, StackEvent),
        explain.request_ids(event.reason),
        raw,
    )


def _is_of(act: AuditEntry, move: Transition) -> bool:
    same = act.action == f"vm.{move.event}" and act.detail.get("to", move.new) == move.new
    return same and abs(act.at - move.at) < _TOGETHER


def _move(move: Transition, act: AuditEntry | None) -> Line:
    ids = explain.request_ids(move.failure or "")
    raw: dict[str, Any] = {
        "old": move.old,
        "new": move.new,
        "event": move.event,
        "cause": move.cause,
        "by": move.by.email if move.by else None,
        "failure": move.failure,
        "audit": _raw(act) if act else None,
    }
    said = f"{kept.said(move.cause)} {move.failure or ''}".strip()
    title = f"{move.old or 'new'} → {move.new}"
    who = move.by.email if move.by else "portal"
    ours = [act.request_id] if act and act.request_id else []
    return Line(move.at, Kind.MOVE, who, title, said, move.new == "error", False, [*ours, *ids], raw)


def _act(act: AuditEntry) -> Line:
    failed = act.action == "vm.change_failed"
    ours = [act.request_id] if act.request_id else []
    return Line(
        act.at,
        Kind.AUDIT,
        act.actor,
        acts.title(act.action, act.detail),
        acts.detail(act.action, act.detail),
        failed,
        False,
        ours,
        _raw(act),
    )


def _nova(action: ServerAction, *, live: bool) -> Line:
    time = f"{action.updated_at:%H:%M:%S}" if action.updated_at else ""
    ended = gettext("ended %(time)s UTC", time=time) if time else ""
    raw = {
        "action": action.action,
        "server_id": action.server_id,
        "request_id": action.request_id,
        "message": action.message or None,
        "updated_at": action.updated_at.isoformat() if action.updated_at else None,
    }
    detail = ", ".join(filter(None, (action.message, ended)))
    ids = [action.request_id] if action.request_id else []
    return Line(action.at, Kind.NOVA, "Nova", action.action, detail, bool(action.message), live, ids, raw)


def _raw(act: AuditEntry) -> dict[str, Any]:
    return {
        "action": act.action,
        "actor": act.actor,
        "address": act.address,
        "request_id": act.request_id,
        "detail": json.loads(json.dumps(act.detail, default=str)),
    }
