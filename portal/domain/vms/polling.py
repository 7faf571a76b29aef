"""Polling: what the clouds say of the VMs, one bulk question per tenant; and what is due at all."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select

from portal.domain.catalog import catalog
from portal.domain.store import wake
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants import clouds
from portal.domain.vms import claims, history, lifecycle, provisioning
from portal.domain.vms.lifecycle import PATIENCE, Event
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound
from portal.openstack.heat import Stack
from portal.openstack.nova import Server

logger = logging.getLogger(__name__)

# A stack that doesn't begin its deletion within this time is asked again.
DELETE_SHOW_TIME = timedelta(seconds=30)
# So many single questions are cheaper than one for all servers of a project.
FEW_SERVERS = 4
DUE_AT_ONCE = 500

WANTS_POLL = or_(
    Vm.state == State.PROVISIONING,
    Vm.state == State.ACTIVE,
    and_(Vm.state == State.ERROR, Vm.stack_id.is_not(None)),
    and_(Vm.state == State.DELETING, Vm.delete_sent_at.is_not(None)),
)


@dataclass(frozen=True)
class Due:
    """What somebody should look at now."""

    steps: Sequence[UUID]
    tenants: Sequence[UUID]
    powers: Sequence[UUID]
    catalogs: Sequence[UUID]


def due() -> Due:
    """What is due at this moment, the longest overdue first."""
    moment = now()
    return Due(
        steps=db.session.scalars(
            select(Vm.id)
            .where(provisioning.NEEDS_STEP, Vm.look_at <= moment)
            .order_by(Vm.look_at)
            .limit(DUE_AT_ONCE)
        ).all(),
        tenants=db.session.scalars(
            select(Vm.tenant_id).where(WANTS_POLL, Vm.look_at <= moment).distinct()
        ).all(),
        powers=db.session.scalars(select(Vm.id).where(Vm.power_due_at <= moment).limit(DUE_AT_ONCE)).all(),
        catalogs=catalog.due(),
    )


def tick() -> int:
    """Puts what is due on the queue; answers how much. The clock calls it."""
    found = due()
    for ids, put in (
        (found.steps, wake.vm),
        (found.tenants, wake.tenant),
        (found.powers, wake.power),
        (found.catalogs, wake.catalog),
    ):
        for subject in ids:
            put(subject)
    db.session.rollback()
    return sum(map(len, (found.steps, found.tenants, found.powers, found.catalogs)))


def poll(tenant_id: UUID) -> None:
    """Asks the tenant's cloud about all its due VMs at once, and moves those that changed."""
    vms = claims.take(Vm.tenant_id == tenant_id, WANTS_POLL)
    if not vms:
        return
    unchanged: list[Vm] = []
    with claims.careful(vms):
        cloud = clouds.of(tenant_id)
        stacks = {stack.id: stack for stack in cloud.heat.by_ids([vm.stack_id for vm in vms if vm.stack_id])}
        servers = _servers(cloud, [vm for vm in vms if vm.state is State.ACTIVE and vm.server_id])
        for vm in vms:
            with claims.told(vm), claims.careful([vm]):
                if not _judge(vm, stacks.get(vm.stack_id or ""), servers, cloud):
                    unchanged.append(vm)
        claims.put_back(unchanged)


def _judge(vm: Vm, stack: Stack | None, servers: Mapping[str, Server | None], cloud: Cloud) -> bool:
    """Whether something was written for the VM: a move, or what was newly seen."""
    if stack is None:
        return _missing(vm, cloud)
    if stack.status != vm.stack_status or vm.state in lifecycle.WORKING:
        history.collect(vm, stack, cloud)
    event, cause, changes = _verdict(vm, stack, cloud)
    if event:
        with transaction():
            return lifecycle.fire(
                vm,
                event,
                cause=cause,
                changes=changes | {"stack_status": stack.status, "checked_at": now(), "trouble": None},
            )
    return _see(vm, stack, servers)


def _verdict(vm: Vm, stack: Stack, cloud: Cloud) -> tuple[Event | None, str, dict[str, Any]]:
    """What the stack means for the VM: an event with its cause and columns, or not yet."""
    if vm.state is State.DELETING:
        return _deletion_verdict(vm, stack, cloud)
    if stack.is_complete and stack.action != "DELETE" and vm.state in {State.PROVISIONING, State.ERROR}:
        if vm.state is State.ERROR and vm.active_at:
            return None, "", {}
        return Event.COMPLETED, "Heat completed the stack.", _outputs(cloud.heat.outputs(stack.id))
    if vm.state is State.PROVISIONING and stack.has_failed:
        return Event.FAILED, "Heat failed to create the stack.", {"failure": stack.reason}
    return _impatience(vm)


def _deletion_verdict(vm: Vm, stack: Stack, cloud: Cloud) -> tuple[Event | None, str, dict[str, Any]]:
    if stack.action == "DELETE" and stack.has_failed:
        return (
            Event.FAILED,
            "Heat failed to delete the stack.",
            {"failure": stack.reason, "delete_sent_at": None},
        )
    if not stack.is_deleting and vm.delete_sent_at and now() - vm.delete_sent_at > DELETE_SHOW_TIME:
        cloud.heat.delete(stack.id, stack.name)
    return _impatience(vm)


def _impatience(vm: Vm) -> tuple[Event | None, str, dict[str, Any]]:
    patience = PATIENCE.get(vm.state)
    if patience is None or now() - vm.state_since < patience:
        return None, "", {}
    minutes = int(patience.total_seconds() // 60)
    words = f"The cloud didn't finish within {minutes} minutes."
    return Event.FAILED, words, {"failure": words, "delete_sent_at": None}


def _outputs(outputs: Mapping[str, object]) -> dict[str, Any]:
    def text(name: str) -> str | None:
        return str(outputs[name]) if outputs.get(name) else None

    return {
        "server_id": text("server_id"),
        "private_ip": text("private_ip"),
        "public_ip": text("public_ip"),
        "active_at": now(),
        "power": "ACTIVE",
        "failure": None,
    }


def _missing(vm: Vm, cloud: Cloud) -> bool:
    """The list doesn't show the stack: asks for it alone before believing that it is gone."""
    try:
        stack = cloud.heat.show(str(vm.stack_id))
    except NotFound:
        stack = None
    if stack and not stack.is_deleted:
        return False
    if stack:
        history.collect(vm, stack, cloud)
    if vm.state is State.DELETING:
        provisioning.gone(vm, "Its stack is gone.")
        return True
    words = "The stack was deleted in OpenStack, outside the portal."
    event = Event.VANISHED if vm.state is State.ACTIVE else Event.FAILED
    with transaction():
        return lifecycle.fire(
            vm, event, cause=words, changes={"failure": words, "power": None, "trouble": None}
        )


def _see(vm: Vm, stack: Stack, servers: Mapping[str, Server | None]) -> bool:
    """Writes down what is newly seen of a VM that stays in its state."""
    if vm.state is State.ACTIVE and vm.server_id and vm.server_id in servers:
        server = servers[vm.server_id]
        if server is None:
            words = "The server was deleted in OpenStack, outside the portal."
            with transaction():
                return lifecycle.fire(
                    vm, Event.VANISHED, cause=words, changes={"failure": words, "power": None}
                )
        if server.status != vm.power or stack.status != vm.stack_status:
            claims.put_back([vm], power=server.status, stack_status=stack.status)
            return True
    elif stack.status != vm.stack_status:
        claims.put_back([vm], stack_status=stack.status)
        return True
    return False


def _servers(cloud: Cloud, vms: Sequence[Vm]) -> dict[str, Server | None]:
    """The servers of the VMs by id; None: Nova has no such server."""
    wanted = {str(vm.server_id) for vm in vms}
    if len(wanted) > FEW_SERVERS:
        found = {server.id: server for server in cloud.nova.servers()}
        return {server_id: found.get(server_id) for server_id in wanted}
    servers: dict[str, Server | None] = {}
    for server_id in wanted:
        try:
            servers[server_id] = cloud.nova.server(server_id)
        except NotFound:
            servers[server_id] = None
    return servers
