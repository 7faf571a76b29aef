"""Rungs: the remedies that ask the cloud. Each looks, acts at most once, and says what came of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from portal.domain.store.db import now
from portal.domain.vms import blockers, holds, strays, verdicts
from portal.domain.vms.findings import MARKED
from portal.domain.vms.holds import Hold
from portal.domain.vms.lifecycle import Event, stack_name
from portal.domain.vms.models import Finding, FindingKind, State, Vm
from portal.domain.vms.remedies import Remedy, removable
from portal.openstack.cloud import Cloud
from portal.openstack.errors import Conflict, NotAllowed, NotFound
from portal.openstack.heat import Stack
from portal.translation import N_

# How long Heat may take to begin a check, and a check or a deletion to end.
SHOW_TIME, STEP_TIME = timedelta(seconds=30), timedelta(minutes=3)
_ANEW = {"failure": None, "delete_sent_at": None, "delete_tries": 0}


@dataclass(frozen=True)
class Ask:
    """A remedy under way: for which finding and VM, since when, and what was noted at the last look."""

    finding: Finding
    vm: Vm | None
    at: datetime
    notes: Mapping[str, Any]

    @property
    def waited(self) -> timedelta:
        """Since the last thing was sent, else since it was asked for."""
        sent = self.notes.get("sent_at")
        return now() - (datetime.fromisoformat(sent) if sent else self.at)


@dataclass(frozen=True)
class Outcome:
    """What came of it, in words; the VM's moves with their columns; whether the finding is over.

    `seen` are columns of a VM that stays active.
    """

    words: str
    moves: tuple[tuple[Event, Mapping[str, Any]], ...] = ()
    settles: bool = False
    seen: Mapping[str, Any] = field(default_factory=dict)


# What a rung answers that has to look again: notes for the next look.
Notes = Mapping[str, Any]
Rung = Callable[[Ask, Cloud], Outcome | Notes]
WAIT: Notes = {}


def sent(**more: Any) -> Notes:
    """Something was sent just now."""
    return {"sent_at": now().isoformat(), **more}


def delete_again(words: str) -> Outcome:
    """The VM's deletion is tried again, after what the words tell."""
    return Outcome(f"{words} The deletion is tried again.", ((Event.DELETE, _ANEW),))


def check_then_delete(ask: Ask, cloud: Cloud) -> Outcome | Notes:
    """Has Heat compare the stack with what is there, then delete it."""
    stack = _stack(cloud, ask.finding.subject)
    if stack is None:
        return delete_again("Its stack is gone.")
    seen = _checked(ask, cloud, stack)
    return seen if isinstance(seen, Mapping) else delete_again(seen)


def check(ask: Ask, cloud: Cloud) -> Outcome | Notes:
    """Has Heat compare the stack with what is there; a stack that turns out whole ends the finding."""
    stack = _stack(cloud, ask.finding.subject)
    if stack is None:
        return Outcome(N_("Nothing is checked: the stack is gone. The VM shows it in a moment."))
    if stack.action == "DELETE":
        return Outcome(f"Nothing is checked: somebody has Heat delete the stack ({stack.status}).")
    seen = _checked(ask, cloud, stack)
    if isinstance(seen, Mapping):
        return seen
    return Outcome(seen, settles=stack.status == "CHECK_COMPLETE")


def _checked(ask: Ask, cloud: Cloud, stack: Stack) -> str | Notes:
    """What came of the check, once it ended or didn't; asks for it first.

    The stack may show an earlier check's end until Heat begins this one: each writes its own time.
    """
    before = stack.updated_at.isoformat() if stack.updated_at else ""
    if "sent_at" not in ask.notes and not stack.is_working:
        cloud.heat.check(stack.id, stack.name)
        return sent(before=before)
    if stack.action == "CHECK" and not stack.is_working and ask.notes.get("before") != before:
        return f"Heat's check ended with {stack.status} ({stack.reason})."
    if ask.waited > (STEP_TIME if stack.is_working else SHOW_TIME):
        return f"Heat was asked for a check, but is at {stack.status} all the time."
    return WAIT


def remove_blockers(ask: Ask, cloud: Cloud) -> Outcome | Notes:
    """Deletes what blocks the stack by its own API, one after the other, then the stack.

    Proven part of the stack is what the stack itself lists with that id and type.
    """
    stack = _stack(cloud, ask.finding.subject)
    if stack is None:
        return delete_again("Its stack is gone.")
    parts = {part.physical_id: part for part in cloud.heat.resources(stack.name, stack.id)}
    named = {each["id"]: each["type"] for each in removable(ask.finding)}
    proven = [part for key, part in parts.items() if named.get(key) == part.type]
    proven.sort(key=lambda part: list(blockers.WAYS).index(part.type))
    for part in proven:
        way = blockers.WAYS[part.type]
        if blockers.is_there(way, cloud, part.physical_id):
            return _remove(ask, cloud, way, part.physical_id, parts)
    removed = ", ".join(ask.notes.get("removed", ())) or "nothing, as what blocked it is gone already"
    return delete_again(f"Removed: {removed}.")


def _remove(
    ask: Ask, cloud: Cloud, way: blockers.Way, thing_id: str, parts: Collection[str]
) -> Outcome | Notes:
    name = f"{way.word} {thing_id}"
    if ask.notes.get("removing") == thing_id:
        if ask.waited < STEP_TIME:
            return WAIT
        return Outcome(f"OpenStack took the deletion of {name}, but it is still there.")
    if hold := holds.of(cloud, thing_id) if way is blockers.PORT else None:
        return _loosen(ask, cloud, hold, parts)
    if user := blockers.used_by(way, cloud, thing_id, parts):
        return Outcome(f"Not removed: {name} is used by {user}, which isn't part of the stack.")
    try:
        blockers.delete(way, cloud, thing_id)
    except NotAllowed as error:
        return Outcome(
            f"The tenant's credential may not delete {name} ({error.message}). Somebody with an admin's has "
            f"to: openstack {way.word} delete {thing_id}. Then try the deletion again."
        )
    return sent(removing=thing_id, removed=[*ask.notes.get("removed", ()), name])


def _loosen(ask: Ask, cloud: Cloud, hold: Hold, parts: Collection[str]) -> Outcome | Notes:
    """Towards a port that no server holds."""
    # A server that was deleted, and left its hold behind, is another case than it was.
    loosening = f"{hold.port_id} {hold.words}"
    if ask.notes.get("loosening") == loosening:
        if ask.waited < STEP_TIME:
            return WAIT
        return Outcome(f"OpenStack took it on to free port {hold.port_id}, but {hold.words} still holds it.")
    seen = next(
        (each.get("held_by", "") for each in removable(ask.finding) if each["id"] == hold.port_id), ""
    )
    try:
        done = holds.loosen(hold, cloud, vm_id=ask.finding.vm_id, parts=parts, seen=seen)
    except (NotAllowed, Conflict) as error:
        return Outcome(
            f"Not removed: {hold.words} holds port {hold.port_id} and doesn't let go of it "
            f"({error.message}). Whoever owns that server has to unlock, start or delete it; then try again."
        )
    if not done:
        return Outcome(
            f"Not removed: {hold.words} holds port {hold.port_id} and isn't part of the stack. Detach the "
            "port from it, or try the deletion again: then the server stands here, and may be detached."
        )
    return sent(loosening=loosening, removed=[*ask.notes.get("removed", ()), done])


def delete_stray(ask: Ask, cloud: Cloud) -> Outcome | Notes:
    """Deletes a port or floating IP that nobody owns, if that is still so and nothing uses it."""
    finding = ask.finding
    try:
        thing, ours = _stray(finding, cloud)
    except NotFound:
        return Outcome(N_("It was gone already."), settles=True)
    if thing is None:
        return Outcome(N_("Not deleted: it doesn't bear the mark any more."))
    with_stack = [thing.vm_id for one in cloud.heat.by_tag(stack_name(thing.vm_id)) if not one.is_deleted]
    owner = strays.owners(finding.tenant_id, [thing.vm_id]).get(thing.vm_id)
    if not strays.is_stray(thing, owner, with_stack):
        return Outcome(N_("Not deleted: it belongs to a VM or a stack again."))
    way = blockers.PORT if finding.kind is FindingKind.STRAY_PORT else blockers.FLOATING_IP
    if user := blockers.used_by(way, cloud, thing.id, ours):
        return Outcome(f"Not deleted: {user} uses it.")
    if way is blockers.PORT and holds.of(cloud, thing.id):
        # The server that holds it is gone, else it would be used.
        cloud.neutron.release_port(thing.id)
        return sent()
    blockers.delete(way, cloud, thing.id)
    return Outcome(f"Deleted: {way.word} {thing.address} ({thing.id}).", settles=True)


def _stray(finding: Finding, cloud: Cloud) -> tuple[strays.Marked | None, list[str]]:
    """The marked thing as it is now, and the port with the same mark that holds it. Raises NotFound."""
    if finding.kind is FindingKind.STRAY_PORT:
        port = cloud.neutron.port(finding.subject)
        return (strays.port(port) if port.project_id == cloud.project_id else None), []
    address = cloud.neutron.floating_ip(finding.subject)
    thing = strays.floating_ip(address) if address.project_id == cloud.project_id else None
    if thing is None or not address.port_id:
        return thing, []
    try:
        holder = strays.port(cloud.neutron.port(address.port_id))
    except NotFound:
        return thing, []
    return thing, [address.port_id] if holder and holder.vm_id == thing.vm_id else []


def restore(ask: Ask, cloud: Cloud) -> Outcome | Notes:
    """Marks the VM as OpenStack has it: running after all, gone altogether, or a stack without its server."""
    vm = ask.vm
    if ask.finding.kind is FindingKind.STATUS_DIFFERS:
        return _accept(ask, cloud)
    if vm is None or vm.state is not State.ERROR:
        return Outcome(N_("Nothing to mark: the VM isn't in error any more."))
    stack = _stack(cloud, vm.stack_id) if vm.stack_id else None
    if stack is None:
        return _gone(vm, cloud)
    if stack.action == "DELETE":
        return Outcome(
            f"Nothing is marked: Heat deletes the stack ({stack.status}). Delete the VM here as well."
        )
    seen = verdicts.outputs(cloud.heat.outputs(stack.id, stack.name))
    server = verdicts.server(cloud, seen["server_id"] or vm.server_id)
    if server is None:
        words = "Its stack is there, its server isn't. What else the stack holds counts until it is deleted."
        return Outcome(f"{MARKED}{words}", settles=True)
    changes = seen | {"server_id": server.id, "power": server.status, "failure": None}
    words = f"{MARKED}the stack and its server are there."
    return Outcome(words, ((Event.COMPLETED, changes),), settles=True)


def _accept(ask: Ask, cloud: Cloud) -> Outcome | Notes:
    """Takes over what Nova has of an active VM whose stack isn't whole."""
    vm, stack = ask.vm, _stack(cloud, ask.finding.subject)
    if vm is None or vm.state is not State.ACTIVE:
        return Outcome(N_("Nothing is marked: the VM isn't active any more."))
    if stack is None or stack.action == "DELETE":
        return Outcome(
            N_("Nothing is marked: the stack goes, or is gone. The VM follows it, or is deleted here.")
        )
    seen = {
        name: told
        for name, told in verdicts.outputs(cloud.heat.outputs(stack.id, stack.name)).items()
        if told
    }
    server = verdicts.server(cloud, seen.get("server_id") or vm.server_id)
    if server is None:
        return Outcome(
            N_("Nothing is marked: the server is gone, which the VM shows when it is looked at next.")
        )
    words = f"{MARKED}the server is {server.status}. A stack that fails again is a finding again."
    return Outcome(words, settles=True, seen=seen | {"server_id": server.id, "power": server.status})


def _gone(vm: Vm, cloud: Cloud) -> Outcome:
    others = [stack.id for stack in cloud.heat.by_tag(stack_name(vm.id)) if not stack.is_deleted]
    if others:
        return Outcome(
            f"Nothing is marked: another stack bears the VM's mark ({', '.join(others)}). Adopt it."
        )
    if server := verdicts.server(cloud, vm.server_id):
        return Outcome(
            f"Nothing is marked: the server {server.id} ({server.status}) is there without its stack. It has "
            "to be deleted in OpenStack first, or adopted into a stack."
        )
    end = {"deleted_at": now(), "power": None, "failure": None, "trouble": None, "checked_at": now()}
    words = f"{MARKED}nothing is left of it."
    return Outcome(words, ((Event.DELETE, _ANEW), (Event.GONE, end)), settles=True)


def _stack(cloud: Cloud, stack_id: str) -> Stack | None:
    try:
        stack = cloud.heat.show(stack_id)
    except NotFound:
        return None
    return None if stack.is_deleted else stack


RUNGS: dict[Remedy, Rung] = {
    Remedy.CHECK: check,
    Remedy.CHECK_DELETE: check_then_delete,
    Remedy.REMOVE_BLOCKERS: remove_blockers,
    Remedy.DELETE_STRAY: delete_stray,
    Remedy.RESTORE: restore,
}
