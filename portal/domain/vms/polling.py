"""Polling: what the clouds say of the VMs, one bulk question per tenant; and what is due at all."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import defer, lazyload

from portal.domain.catalog import catalog
from portal.domain.people import deliveries
from portal.domain.store import verification, wake
from portal.domain.store.db import db, now
from portal.domain.tenants import clouds, doctor, revoking
from portal.domain.vms import (
    changing,
    claims,
    ladder,
    leases,
    lifecycle,
    provisioning,
    reconcile,
    removals,
    serveractions,
    verdicts,
)
from portal.domain.vms.models import State, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound
from portal.openstack.nova import Server

logger = logging.getLogger(__name__)

# So many single questions are cheaper than one for all servers of a project.
FEW_SERVERS = 4
DUE_AT_ONCE = 500
# Tenants whose VMs rest are polled so many by one job, which saves most of what a job costs; and so few such
# jobs wait at once that what is on its way doesn't stand behind all of them.
IN_TURN, RESTING_JOBS = 5, 8
# So many VMs in flight of one tenant have their events read at each look; the others take turns.
FOLLOWED_AT_ONCE = 5

# Each of these two has an index of its own.
WORKS = Vm.state.in_(lifecycle.WORKING)
RESTS = or_(Vm.state == State.ACTIVE, and_(Vm.state == State.ERROR, Vm.stack_id.is_not(None)))
WANTS_POLL = or_(
    Vm.state == State.PROVISIONING,
    and_(Vm.state == State.DELETING, Vm.delete_sent_at.is_not(None)),
    RESTS,
)
# What a look at many VMs has no use for.
_UNREAD = (defer(Vm.template), defer(Vm.sealed), defer(Vm.spec), lazyload(Vm.owner), lazyload(Vm.tenant))


@dataclass(frozen=True)
class Due:
    """What somebody should look at now."""

    steps: Sequence[UUID]
    tenants: Sequence[UUID]
    resting: Sequence[UUID]
    powers: Sequence[UUID]
    changes: Sequence[UUID]
    removals: Sequence[UUID]
    leases: Sequence[UUID]
    catalogs: Sequence[UUID]
    reconciles: Sequence[UUID]
    doctors: Sequence[UUID]
    handovers: Sequence[UUID]
    verifications: Sequence[UUID]
    settles: Sequence[UUID]
    deliveries: Sequence[UUID]


def due(*, resting: int = IN_TURN * RESTING_JOBS) -> Due:
    """What is due at this moment, the longest overdue first; of tenants whose VMs rest at most so many."""
    moment = now()
    in_flight = db.session.scalars(
        select(Vm.tenant_id).where(WORKS, WANTS_POLL, Vm.look_at <= moment).distinct()
    ).all()
    return Due(
        steps=db.session.scalars(
            select(Vm.id)
            .where(WORKS, provisioning.NEEDS_STEP, Vm.look_at <= moment)
            .order_by(Vm.look_at)
            .limit(DUE_AT_ONCE)
        ).all(),
        tenants=in_flight,
        resting=[each for each in _resting(moment, resting) if each not in in_flight],
        powers=db.session.scalars(select(Vm.id).where(Vm.power_due_at <= moment).limit(DUE_AT_ONCE)).all(),
        changes=changing.due(),
        removals=removals.due(),
        leases=leases.due(),
        catalogs=catalog.due(),
        reconciles=reconcile.due(),
        doctors=doctor.due(),
        handovers=revoking.due(),
        verifications=verification.due(),
        settles=ladder.due(),
        deliveries=deliveries.due(),
    )


def _resting(moment: datetime, limit: int) -> Sequence[UUID]:
    """The tenants of the VMs at rest that are overdue longest. Looks at some of them only: more will come."""
    first = (
        select(Vm.tenant_id, Vm.look_at)
        .where(RESTS, Vm.look_at <= moment)
        .order_by(Vm.look_at)
        .limit(100 * limit)
        .subquery()
    )
    return db.session.scalars(
        select(first.c.tenant_id).group_by(first.c.tenant_id).order_by(func.min(first.c.look_at)).limit(limit)
    ).all()


def tick() -> int:
    """Puts what is due on the queue; answers how much. The clock calls it."""
    found = due(resting=IN_TURN * max(0, RESTING_JOBS - wake.backlog()))
    work = (
        (found.steps, wake.vm),
        (found.tenants, wake.tenant),
        (found.powers, wake.power),
        (found.changes, wake.change),
        (found.removals, wake.removal),
        (found.leases, wake.lease),
        (found.catalogs, wake.catalog),
        (found.reconciles, wake.reconcile),
        (found.doctors, wake.doctor),
        (found.handovers, wake.handover),
        (found.verifications, wake.verify),
        (found.settles, wake.finding),
        (found.deliveries, wake.delivery),
    )
    for ids, put in work:
        for subject in ids:
            put(subject)
    for start in range(0, len(found.resting), IN_TURN):
        wake.tenants(found.resting[start : start + IN_TURN])
    db.session.rollback()
    return sum(len(ids) for ids, _ in work) + len(found.resting)


def poll(tenant_id: UUID) -> None:
    """Asks the tenant's cloud about all its due VMs at once, and moves those that changed."""
    vms = claims.take(Vm.tenant_id == tenant_id, WANTS_POLL, options=_UNREAD)
    if not vms:
        return
    in_flight = [vm for vm in vms if vm.state in lifecycle.WORKING]
    followed = random.sample(in_flight, min(FOLLOWED_AT_ONCE, len(in_flight)))
    claimed = {vm.id: (vm.state, vm.stack_id) for vm in vms}
    unchanged: list[Vm] = []
    with claims.careful(vms), clouds.turn(tenant_id, "poll"):
        cloud = clouds.of(tenant_id)
        stacks = {stack.id: stack for stack in cloud.heat.by_ids([vm.stack_id for vm in vms if vm.stack_id])}
        servers = _servers(cloud, [vm for vm in vms if vm.state is State.ACTIVE and vm.server_id])
        for vm in vms:
            # What was seen is about the VM as it was; what a person asked meanwhile has its own next look.
            if (vm.state, vm.stack_id) != claimed[vm.id]:
                continue
            with claims.told(vm), claims.careful([vm]):
                stack = stacks.get(vm.stack_id or "")
                if not verdicts.judge(vm, stack, servers, cloud, follow=vm in followed):
                    unchanged.append(vm)
        claims.put_back(unchanged)
        serveractions.collect(tenant_id, cloud)


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
