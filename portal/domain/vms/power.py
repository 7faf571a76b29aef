"""Power: start, stop and reboot, asked by people and done by workers; and the console's output."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, volatile, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError, Refused
from portal.domain.tenants import circuits, clouds, standing
from portal.domain.vms import claims, explain, kept, lifecycle
from portal.domain.vms.models import Change, ChangeKind, State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import Conflict, NotFound, OpenStackError
from portal.openstack.nova import Server
from portal.translation import N_, gettext, translated

PATIENCE = timedelta(minutes=3)
# The stage of a lease that has ended (see leases).
OVER = 3
PACE = timedelta(seconds=1)
_CONSOLE_KEPT = 900.0
_CONSOLE_PATIENCE = 30.0
_FOLLOWED = 300.0
CONSOLE_LINES = 300


class Action(StrEnum):
    """What a person may do with a server's power."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    RESET = "reset"


@dataclass(frozen=True)
class Console:
    """A server's console output as last fetched; `pending`: a fetch is on its way."""

    text: str
    fetched_at: datetime | None
    pending: bool
    trouble: str = ""
    following: bool = False


# Server statuses of Nova in which an action makes sense, and the one it leads to.
_FROM = {
    Action.START: {"SHUTOFF"},
    Action.STOP: {"ACTIVE"},
    Action.REBOOT: {"ACTIVE"},
    Action.RESET: {"ACTIVE", "REBOOT", "PAUSED", "ERROR"},
}
ENDS = {Action.START: "ACTIVE", Action.STOP: "SHUTOFF", Action.REBOOT: "ACTIVE", Action.RESET: "ACTIVE"}
_DOES: dict[Action, Callable[[Cloud, str], None]] = {
    Action.START: lambda cloud, server_id: cloud.nova.start(server_id),
    Action.STOP: lambda cloud, server_id: cloud.nova.stop(server_id),
    Action.REBOOT: lambda cloud, server_id: cloud.nova.reboot(server_id, hard=False),
    Action.RESET: lambda cloud, server_id: cloud.nova.reboot(server_id, hard=True),
}

# What people call it: while an action is on its way, and at rest by Nova's status.
_UNDERWAY = {
    Action.START: N_("starting"),
    Action.STOP: N_("stopping"),
    **dict.fromkeys((Action.REBOOT, Action.RESET), N_("rebooting")),
}
_AT_REST = {
    "ACTIVE": N_("running"),
    "SHUTOFF": N_("stopped"),
    "REBOOT": N_("rebooting"),
    "HARD_REBOOT": N_("rebooting"),
    "REBUILD": N_("rebuilding"),
    "PAUSED": N_("paused"),
    "SUSPENDED": N_("paused"),
    "ERROR": N_("crashed"),
}
_REFUSED = {
    Action.START: N_("%(name)s can't be started now. %(why)s"),
    Action.STOP: N_("%(name)s can't be stopped now. %(why)s"),
    Action.REBOOT: N_("%(name)s can't be restarted now. %(why)s"),
    Action.RESET: N_("%(name)s can't be restarted the hard way now. %(why)s"),
}
# Kept on the VM.
_NOT_SEEN = {
    Action.START: N_("The server didn't start within 3 minutes."),
    Action.STOP: N_("The server didn't stop within 3 minutes."),
    Action.REBOOT: N_("The server didn't reboot within 3 minutes."),
    Action.RESET: N_("The server didn't reset within 3 minutes."),
}


def word(vm: Vm, change: Change | None = None) -> str | None:
    """The server's power in one English word, such as “running”; None: there is none to tell of.

    `change`: the one that is on its way, if any; Nova is looked at again when it has ended.
    """
    if vm.state is not State.ACTIVE or not vm.power:
        return None
    if change and change.is_open and change.sent_at and change.kind is ChangeKind.REBUILD:
        return _AT_REST["REBUILD"]
    if vm.power_asked:
        return _UNDERWAY[Action(vm.power_asked)]
    return _AT_REST.get(vm.power, vm.power.replace("_", " ").lower())


def turn(vm: Vm) -> Action:
    """Which of start and stop stands in the one place they share; whether it can be had is `why_not`'s."""
    return Action.START if vm.power in _FROM[Action.START] else Action.STOP


def why_not(vm: Vm, action: Action, user: User) -> str:
    """Why the person can't have this done with the VM's power now, in plain words; empty: they can."""
    if words := access.why_not(user, Permission.VM_POWER, vm.tenant_id) or lifecycle.no_server(vm):
        return words
    if vm.power_asked or vm.power not in _FROM[action]:
        now_it_is = translated(word(vm) or N_("being looked at"))
        return gettext("It is %(power)s just now.", power=now_it_is)
    return _withheld(vm, action)


def _withheld(vm: Vm, action: Action) -> str:
    """Why it isn't started, though it could be."""
    if action is Action.START and vm.lease_stage == OVER:
        return gettext("Its lease has ended. Extend it first.")
    return (standing.refusal(vm.tenant) or "") if action is Action.START else ""


def ask(vm: Vm, action: Action, *, by: User) -> None:
    """Has it done soon. Raises Forbidden, or Refused where the VM isn't in the state for it."""
    access.require(by, Permission.VM_POWER, vm.tenant_id)
    if words := _withheld(vm, action):
        raise Refused(gettext(_REFUSED[action], name=vm.name, why=words))
    with transaction():
        asked = db.session.execute(
            update(Vm)
            .where(
                Vm.id == vm.id,
                Vm.state == State.ACTIVE,
                Vm.power_asked.is_(None),
                Vm.power.in_(_FROM[action]),
            )
            .values(
                power_asked=action.value,
                power_asked_at=now(),
                power_sent_at=None,
                power_due_at=now(),
                power_trouble=None,
            )
            .execution_options(synchronize_session=False)
        )
        if asked.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
            audit.record(f"vm.{action.value}", by=by, tenant_id=vm.tenant_id, vm_id=vm.id)
    db.session.refresh(vm)
    if vm.power_asked != action.value:
        words = why_not(vm, action, by)
        raise Refused(gettext(_REFUSED[action], name=vm.name, why=words).strip())
    wake.power(vm.id)


def step(vm_id: UUID) -> None:
    """Does what was asked, once, and waits for the server to show it."""
    moment = now()
    with transaction():
        taken = db.session.execute(
            update(Vm)
            .where(Vm.id == vm_id, Vm.power_due_at <= moment)
            .values(power_due_at=moment + claims.LEASE)
            .execution_options(synchronize_session=False)
        )
    if not taken.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
        return
    vm = db.session.get_one(Vm, vm_id, populate_existing=True)
    with claims.told(vm):
        try:
            _advance(vm, Action(str(vm.power_asked)))
        except NotFound:
            _done(vm, trouble=N_("The server is gone from OpenStack."))
        except (OpenStackError, DomainError) as error:
            _later(vm, explain.trouble(error))
        else:
            circuits.heard(vm.tenant_id)


def _advance(vm: Vm, action: Action) -> None:
    cloud = clouds.of(vm.tenant_id)
    server = cloud.nova.server(str(vm.server_id))
    if vm.power_sent_at is None and server.status in _FROM[action]:
        _write(vm, power_sent_at=now())
        try:
            _DOES[action](cloud, server.id)
        except Conflict as error:
            _done(vm, trouble=kept.CLOUD_SAYS % {"problem": error.message}, power=server.status)
            return
        _write(vm, power=server.status, power_due_at=now() + PACE / 2)
    elif _settled(server, action):
        _done(vm, power=server.status)
    elif vm.power_asked_at and now() - vm.power_asked_at > PATIENCE:
        _done(vm, trouble=_NOT_SEEN[action], power=server.status)
    else:
        _write(vm, power=server.status, power_due_at=now() + PACE)


def _settled(server: Server, action: Action) -> bool:
    return server.status == ENDS[action] and not server.task_state


def _done(vm: Vm, *, trouble: str | None = None, **seen: Any) -> None:
    _write(
        vm,
        power_asked=None,
        power_due_at=None,
        power_sent_at=None,
        power_trouble=trouble,
        actions_due_at=now(),
        look_at=now(),
        **seen,
    )


def _later(vm: Vm, trouble: str) -> None:
    if vm.power_asked_at and now() - vm.power_asked_at > PATIENCE:
        _done(vm, trouble=kept.NOT_DONE % {"why": trouble})
    else:
        _write(vm, power_trouble=trouble, power_due_at=now() + 5 * PACE)


def _write(vm: Vm, **facts: Any) -> None:
    with transaction():
        db.session.execute(
            update(Vm).where(Vm.id == vm.id).values(**facts).execution_options(synchronize_session=False)
        )


def why_no_console(vm: Vm, user: User) -> str:
    """Why the person can't have the VM's console, output or screen, now, in plain words; empty: they can."""
    return access.why_not(user, Permission.VM_CONSOLE, vm.tenant_id) or lifecycle.no_server(vm)


def require_console(vm: Vm, user: User) -> None:
    """Raises Forbidden, or Refused where the VM has no console now."""
    access.require(user, Permission.VM_CONSOLE, vm.tenant_id)
    if words := why_no_console(vm, user):
        raise Refused(gettext("%(name)s has no console now. %(why)s", name=vm.name, why=words))


def ask_console(vm: Vm, *, by: User, follow: bool = False) -> None:
    """Has the console output fetched, or followed for some minutes while somebody looks.

    Raises Forbidden, or Refused where there is no server.
    """
    require_console(vm, by)
    with transaction():
        audit.record("vm.console", by=by, tenant_id=vm.tenant_id, vm_id=vm.id)
    volatile.keep(f"console-asked:{vm.id}", "1", seconds=_CONSOLE_PATIENCE)
    if follow:
        volatile.keep(f"console-follow:{vm.id}", "1", seconds=_FOLLOWED)
    wake.console(vm.id)


def look_again(vm: Vm) -> None:
    """Has the output fetched anew where it is followed and nobody is at it."""
    seen = console(vm)
    if seen.following and not seen.pending:
        volatile.keep(f"console-asked:{vm.id}", "1", seconds=_CONSOLE_PATIENCE)
        wake.console(vm.id)


def fetch_console(vm_id: UUID) -> None:
    """Fetches the console output and keeps it for a quarter of an hour."""
    vm = db.session.get_one(Vm, vm_id)
    kept: dict[str, str] = {"at": now().isoformat()}
    with claims.told(vm):
        try:
            cloud = clouds.of(vm.tenant_id)
            kept["text"] = cloud.nova.console_output(str(vm.server_id), lines=CONSOLE_LINES)
        except (OpenStackError, DomainError) as error:
            kept["trouble"] = explain.trouble(error)
    volatile.keep(f"console:{vm_id}", json.dumps(kept), seconds=_CONSOLE_KEPT)
    volatile.forget(f"console-asked:{vm_id}")


def console(vm: Vm) -> Console:
    """The console output as last fetched, if it still is kept."""
    pending = volatile.recall(f"console-asked:{vm.id}") is not None
    kept = json.loads(volatile.recall(f"console:{vm.id}") or "{}")
    fetched_at = datetime.fromisoformat(kept["at"]).astimezone(UTC) if kept else None
    following = volatile.recall(f"console-follow:{vm.id}") is not None
    return Console(kept.get("text", ""), fetched_at, pending, kept.get("trouble", ""), following)
