"""Verdicts: what a stack (or its absence) means for its VM, written down as a move or as what was seen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import circuits
from portal.domain.vms import claims, deletions, explain, findings, history, kept, lifecycle, provisioning
from portal.domain.vms.lifecycle import PATIENCE, Event
from portal.domain.vms.models import FindingKind, State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound, OpenStackError
from portal.openstack.heat import Stack
from portal.openstack.nova import Server
from portal.translation import N_

# A stack that doesn't begin its deletion within this time is asked again.
DELETE_SHOW_TIME = timedelta(seconds=30)
# With its queue Heat loses deletions that it had begun; asked again, it goes on.
STALLED, ASKED_AGAIN = timedelta(minutes=3), timedelta(seconds=30)


@dataclass(frozen=True)
class Verdict:
    """A move with its cause and columns; or only columns; or nothing: not yet."""

    event: Event | None = None
    cause: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    finding: tuple[FindingKind, str, Mapping[str, Any]] | None = None


NOT_YET = Verdict()
_ID = re.compile(r"[0-9a-f-]{32,36}")
OUTPUTS = ("server_id", "private_ip", "public_ip")


def judge(
    vm: Vm, stack: Stack | None, servers: Mapping[str, Server | None], cloud: Cloud, *, follow: bool
) -> bool:
    """Writes what the stack means for the VM; False: nothing new. `follow`: read its events in any case."""
    judged = vm.state
    if stack is None:
        return _missing(vm, judged, cloud)
    if follow or stack.status != vm.stack_status:
        history.collect(vm, stack, cloud)
    verdict = _verdict(vm, stack, cloud)
    if verdict.event or verdict.changes:
        return _write(vm, judged, verdict, stack_status=stack.status)
    return _see(vm, stack, servers, cloud)


def _write(vm: Vm, judged: State, verdict: Verdict, **seen: Any) -> bool:
    """Only where the VM still is in the state that was judged: what a person asked meanwhile goes on."""
    columns = {"checked_at": now(), "trouble": None} | seen | dict(verdict.changes)
    with transaction():
        if verdict.event is None:
            db.session.execute(
                update(Vm)
                .where(Vm.id == vm.id, Vm.state == judged)
                .values(**columns)
                .execution_options(synchronize_session=False)
            )
            return True
        columns["actions_due_at"] = now()
        fired = vm.state is judged and lifecycle.fire(vm, verdict.event, cause=verdict.cause, changes=columns)
        if fired and verdict.finding:
            kind, subject, proof = verdict.finding
            findings.note(kind, vm.tenant_id, subject, proof, vm_id=vm.id)
    return fired


def _verdict(vm: Vm, stack: Stack, cloud: Cloud) -> Verdict:
    if vm.state is State.DELETING:
        return _deletion(vm, stack, cloud)
    if stack.is_complete and stack.action != "DELETE" and vm.state in {State.PROVISIONING, State.ERROR}:
        # A check completes also on a stack that was never whole, or that is half deleted.
        if vm.state is State.ERROR and (vm.active_at or stack.action == "CHECK"):
            return NOT_YET
        facts = {"active_at": now(), "power": "ACTIVE", "failure": None}
        seen = outputs(cloud.heat.outputs(stack.id))
        return Verdict(Event.COMPLETED, N_("Heat completed the stack."), seen | facts)
    if vm.state is State.PROVISIONING and stack.has_failed:
        failed = {"failure": explain.clean(stack.reason)} | _known_by(stack, cloud)
        return Verdict(Event.FAILED, N_("Heat failed to create the stack."), failed)
    return _impatience(vm, stack, cloud)


def _deletion(vm: Vm, stack: Stack, cloud: Cloud) -> Verdict:
    if deletions.has_failed(stack):
        return _failed_deletion(vm, stack, cloud)
    verdict, asked = _impatience(vm, stack, cloud), now() - (vm.delete_sent_at or now())
    if verdict is NOT_YET and asked > (STALLED if stack.is_deleting else DELETE_SHOW_TIME):
        cloud.heat.delete(stack.id, stack.name)
        return Verdict(changes={"look_at": now() + ASKED_AGAIN}) if stack.is_deleting else NOT_YET
    return verdict


def _failed_deletion(vm: Vm, stack: Stack, cloud: Cloud) -> Verdict:
    """Tried again after a while; in the end told with what blocks it."""
    if vm.delete_tries < len(deletions.PAUSES):
        again = f"(try {vm.delete_tries + 2} of {len(deletions.PAUSES) + 1})"
        return Verdict(
            changes={
                "delete_sent_at": None,
                "delete_tries": vm.delete_tries + 1,
                "look_at": now() + deletions.PAUSES[vm.delete_tries],
                "trouble": kept.STUCK % {"when": again, "problem": stack.reason},
            }
        )
    return Verdict(
        Event.FAILED,
        N_("Heat failed to delete the stack."),
        {"failure": explain.clean(stack.reason), "delete_sent_at": None},
        (FindingKind.STUCK_DELETE, stack.id, deletions.proof(stack, cloud)),
    )


def _impatience(vm: Vm, stack: Stack, cloud: Cloud) -> Verdict:
    patience = PATIENCE.get(vm.state)
    # What was asked in a silence has its time from the cloud's first answer (see claims).
    asked = max(vm.state_since, vm.delete_sent_at or vm.state_since)
    if patience is None or now() - asked < patience or circuits.is_open(vm.tenant):
        return NOT_YET
    words = lifecycle.overdue(vm.state)
    finding = None
    if vm.state is State.DELETING:
        found = deletions.blockers(stack, cloud)
        proof = {"stack": stack.id, "status": stack.status, "reason": words, "blockers": found}
        finding = (FindingKind.STUCK_DELETE, stack.id, proof)
    return Verdict(Event.FAILED, words, {"failure": words, "delete_sent_at": None}, finding)


def outputs(told: Mapping[str, object]) -> dict[str, Any]:
    """What a VM's record takes from the outputs of its stack."""
    seen = {name: str(told[name]) if told.get(name) else None for name in OUTPUTS}
    # Of a server that wasn't made yet Heat tells the resource's name.
    return seen | {"server_id": seen["server_id"] if _ID.fullmatch(seen["server_id"] or "") else None}


def _known_by(stack: Stack, cloud: Cloud) -> dict[str, str]:
    """The server and the addresses that a failed stack had made: people ask for help with them."""
    try:
        told = outputs(cloud.heat.outputs(stack.id, stack.name))
    except OpenStackError:
        return {}
    return {name: value for name, value in told.items() if value}


def _missing(vm: Vm, judged: State, cloud: Cloud) -> bool:
    """The list doesn't show the stack: asks for it alone before believing that it is gone."""
    try:
        stack = cloud.heat.show(str(vm.stack_id))
    except NotFound:
        stack = None
    if stack and not stack.is_deleted:
        return False
    if stack:
        history.collect(vm, stack, cloud)
    if judged is State.DELETING:
        provisioning.gone(vm, N_("Its stack is gone."))
        return True
    words = N_("The stack was deleted in OpenStack, outside the portal.")
    if judged is State.ACTIVE:
        return _write(vm, judged, _vanished(words, "stack", str(vm.stack_id)))
    return _write(vm, judged, Verdict(Event.FAILED, words, {"failure": words, "power": None}))


def _see(vm: Vm, stack: Stack, servers: Mapping[str, Server | None], cloud: Cloud) -> bool:
    """Writes down what is newly seen of a VM that stays in its state."""
    seen: dict[str, Any] = {}
    if vm.state is State.ACTIVE and vm.server_id and vm.server_id in servers:
        server = servers[vm.server_id]
        if server is None:
            return _lost_server(vm, stack, cloud)
        if server.status != vm.power:
            seen |= {"power": server.status, "actions_due_at": now()}
    if stack.status != vm.stack_status:
        seen["stack_status"] = stack.status
    if seen:
        claims.put_back([vm], **seen)
    return bool(seen)


def _lost_server(vm: Vm, stack: Stack, cloud: Cloud) -> bool:
    """The list doesn't show the server: asks for it alone first, and Heat whether it made another."""
    if server(cloud, vm.server_id):
        return False
    seen = outputs(cloud.heat.outputs(stack.id, stack.name))
    if seen["server_id"] != vm.server_id and (made := server(cloud, seen["server_id"])):
        claims.put_back([vm], **seen, power=made.status, stack_status=stack.status)
        return True
    words = N_("The server was deleted in OpenStack, outside the portal.")
    vanished = _vanished(words, "server", str(vm.server_id))
    return _write(vm, State.ACTIVE, vanished, stack_status=stack.status)


def server(cloud: Cloud, server_id: str | None) -> Server | None:
    """The server, if it is there."""
    try:
        return cloud.nova.server(server_id) if server_id else None
    except NotFound:
        return None


def _vanished(words: str, what: str, subject: str) -> Verdict:
    return Verdict(
        Event.VANISHED,
        words,
        {"failure": words, "power": None},
        (FindingKind.VANISHED, subject, {what: subject, "said": "OpenStack answered 404"}),
    )
