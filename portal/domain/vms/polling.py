"""Polling: what the clouds say of the VMs, one bulk question per tenant; and what is due at all."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, or_, select

from portal.domain.catalog import catalog
from portal.domain.store import wake
from portal.domain.store.db import db, now
from portal.domain.tenants import clouds, doctor, revoking
from portal.domain.vms import claims, lifecycle, provisioning, reconcile, verdicts
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound
from portal.openstack.nova import Server

logger = logging.getLogger(__name__)

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
    reconciles: Sequence[UUID]
    doctors: Sequence[UUID]
    handovers: Sequence[UUID]


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
        reconciles=reconcile.due(),
        doctors=doctor.due(),
        handovers=revoking.due(),
    )


def tick() -> int:
    """Puts what is due on the queue; answers how much. The clock calls it."""
    found = due()
    work = (
        (found.steps, wake.vm),
        (found.tenants, wake.tenant),
        (found.powers, wake.power),
        (found.catalogs, wake.catalog),
        (found.reconciles, wake.reconcile),
        (found.doctors, wake.doctor),
        (found.handovers, wake.handover),
    )
    for ids, put in work:
        for subject in ids:
            put(subject)
    db.session.rollback()
    return sum(len(ids) for ids, _ in work)


def poll(tenant_id: UUID) -> None:
    """Asks the tenant's cloud about all its due VMs at once, and moves those that changed."""
    vms = claims.take(Vm.tenant_id == tenant_id, WANTS_POLL)
    if not vms:
        return
    unchanged: list[Vm] = []
    with claims.careful(vms), clouds.turn(tenant_id, "poll"):
        cloud = clouds.of(tenant_id)
        stacks = {stack.id: stack for stack in cloud.heat.by_ids([vm.stack_id for vm in vms if vm.stack_id])}
        servers = _servers(cloud, [vm for vm in vms if vm.state is State.ACTIVE and vm.server_id])
        for vm in vms:
            with claims.told(vm), claims.careful([vm]):
                if not verdicts.judge(vm, stacks.get(vm.stack_id or ""), servers, cloud):
                    unchanged.append(vm)
        claims.put_back(unchanged)


def release(tenant_id: UUID) -> None:
    """The poll's process was killed: what is on its way is looked at now; what rests waits for its time."""
    claims.release(Vm.tenant_id == tenant_id, WANTS_POLL, Vm.state.in_(lifecycle.WORKING))
    wake.tenant(tenant_id)


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
