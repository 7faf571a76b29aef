"""Server actions: what Nova did to the servers of VMs, kept as it is told, since Nova may purge it."""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.catalog import hot
from portal.domain.store.db import db, now, transaction
from portal.domain.vms import claims, explain
from portal.domain.vms.models import HeatEvent, ServerAction, Vm
from portal.openstack.cloud import Cloud
from portal.openstack.errors import OpenStackError, Unavailable
from portal.openstack.nova import InstanceAction

logger = logging.getLogger(__name__)

# Nova tells them server by server: so many are asked for at one look at a tenant, the others at the next.
SERVERS_AT_ONCE = 5
# Of one server the newest are kept.
MOST = 200


def collect(tenant_id: UUID, cloud: Cloud) -> None:
    """Reads the actions of some servers to which something happened since they were read last."""
    for vm in _due(tenant_id):
        asked = _claim(vm)
        try:
            if server_id := server_of(vm):
                keep(vm.id, server_id, cloud.nova.instance_actions(server_id))
        except Unavailable:
            return
        except OpenStackError as error:  # a cloud that doesn't tell: there is nothing to wait for
            logger.info("no actions of a server: %s", error)
        _read(vm, asked)


def keep(vm_id: UUID, server_id: str, told: Sequence[InstanceAction]) -> None:
    """Stores what is new of it, and how it ended by now."""
    with transaction():
        known = {_key(one): one for one in of_server(server_id)}
        for each in told[:MOST]:
            row = known.get((each.request_id, each.action, each.started_at))
            if row is None:
                row = ServerAction(server_id=server_id, vm_id=vm_id, at=each.started_at)
                row.request_id, row.action = each.request_id, each.action
                db.session.add(row)
            row.updated_at, row.message = each.updated_at, explain.clean(each.message)


def of_server(server_id: str) -> Sequence[ServerAction]:
    """What is kept of one server."""
    return db.session.scalars(select(ServerAction).where(ServerAction.server_id == server_id)).all()


def of_vm(vm: Vm) -> Sequence[ServerAction]:
    """What is kept of all the servers that the VM had, oldest first."""
    chosen = select(ServerAction).where(ServerAction.vm_id == vm.id).order_by(ServerAction.at)
    return db.session.scalars(chosen).all()


def server_of(vm: Vm) -> str | None:
    """The id of the server on record, or else of the one that Heat told of last."""
    if vm.server_id:
        return vm.server_id
    types = hot.read(vm.template).resources
    servers = [name for name, kind in types.items() if kind == "OS::Nova::Server"]
    told = select(HeatEvent.physical_id).where(
        HeatEvent.vm_id == vm.id, HeatEvent.resource.in_(servers), HeatEvent.physical_id.is_not(None)
    )
    return db.session.scalar(told.order_by(HeatEvent.at.desc(), HeatEvent.position.desc()).limit(1))


def _key(row: ServerAction) -> tuple[str, str, datetime]:
    return row.request_id, row.action, row.at


def _due(tenant_id: UUID) -> Sequence[Vm]:
    due = select(Vm).where(Vm.tenant_id == tenant_id, Vm.actions_due_at <= now())
    return db.session.scalars(due.order_by(Vm.actions_due_at).limit(SERVERS_AT_ONCE)).unique().all()


def _claim(vm: Vm) -> datetime:
    """Due again later, should this worker die or the cloud be silent."""
    later = now() + claims.LEASE
    with transaction():
        db.session.execute(update(Vm).where(Vm.id == vm.id).values(actions_due_at=later))
    return later


def _read(vm: Vm, asked: datetime) -> None:
    """Done, unless something happened meanwhile."""
    with transaction():
        mine = update(Vm).where(Vm.id == vm.id, Vm.actions_due_at == asked)
        db.session.execute(mine.values(actions_due_at=None))
