"""Strays: marked ports and floating IPs that belong to no VM any more; and the addresses that VMs have now.

Both come from the same two bulk questions to Neutron, at the end of a reconciler's sweep. Nothing is deleted
here: an admin decides (see ladder.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store import audit
from portal.domain.store.db import db, now, transaction
from portal.domain.vms import findings, marks
from portal.domain.vms.models import FindingKind, State, Vm
from portal.domain.vms.provisioning import SHOW_TIME
from portal.openstack.cloud import Cloud
from portal.openstack.neutron import FloatingIp, Port
from portal.translation import N_

# What a record says of a mark that no VM bears.
NOBODY = N_("no VM of this tenant")
KINDS = (FindingKind.STRAY_PORT, FindingKind.STRAY_FLOATING_IP)


@dataclass(frozen=True)
class Marked:
    """A port or floating IP that bears a VM's mark; `held_by` is what uses it, in words."""

    kind: FindingKind
    id: str
    address: str
    mark: tuple[str, ...]
    vm_id: UUID
    held_by: str
    created_at: datetime | None


@dataclass(frozen=True)
class Owner:
    """The VM that a mark names."""

    name: str
    state: State


def port(seen: Port) -> Marked | None:
    """The port, if it bears a VM's mark."""
    vm_id = marks.of_port(seen)
    if vm_id is None:
        return None
    held = f"{seen.device_owner or 'device'} {seen.device_id}" if seen.device_id else ""
    address, mark = ", ".join(seen.addresses), seen.tags or (seen.name,)
    return Marked(FindingKind.STRAY_PORT, seen.id, address, mark, vm_id, held, seen.created_at)


def floating_ip(seen: FloatingIp) -> Marked | None:
    """The floating IP, if it bears a VM's mark."""
    vm_id = marks.of_floating_ip(seen)
    if vm_id is None:
        return None
    held = f"port {seen.port_id} of {seen.device_id or 'nothing known'}" if seen.port_id else ""
    kind = FindingKind.STRAY_FLOATING_IP
    return Marked(kind, seen.id, seen.address, (seen.description,), vm_id, held, seen.created_at)


def compare(tenant_id: UUID, cloud: Cloud, with_stack: Collection[UUID]) -> None:
    """Asks for all ports and all floating IPs of the project. `with_stack` are the VMs with a live stack."""
    began = now()
    own = cloud.project_id
    ports = cloud.neutron.ports()
    addresses = [seen for seen in cloud.neutron.floating_ips() if seen.project_id == own]
    marked = list(filter(None, [*map(port, ports), *map(floating_ip, addresses)]))
    # Read after the cloud was: a VM that was made meanwhile is in the table.
    vms = owners(tenant_id, [thing.vm_id for thing in marked])
    strays = [thing for thing in marked if is_stray(thing, vms.get(thing.vm_id), with_stack)]
    with transaction():
        for stray in strays:
            vm = vms.get(stray.vm_id)
            proof = _proof(stray, vm)
            findings.note(stray.kind, tenant_id, stray.id, proof, vm_id=stray.vm_id if vm else None)
        findings.settle_gone(tenant_id, [stray.id for stray in strays], KINDS)
    _refresh(tenant_id, ports, addresses, began)


def is_stray(thing: Marked, vm: Owner | None, with_stack: Collection[UUID]) -> bool:
    """Whether nothing owns it: no VM that isn't deleted, no live stack; and it isn't just made."""
    if thing.vm_id in with_stack or (thing.created_at and now() - thing.created_at < SHOW_TIME):
        return False
    return vm is None or vm.state is State.DELETED


def owners(tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID, Owner]:
    """The VMs with these ids. A mark can be forged: another tenant's VM is as good as none."""
    mine = select(Vm.id, Vm.name, Vm.state).where(Vm.tenant_id == tenant_id, Vm.id.in_(set(ids)))
    return {row.id: Owner(row.name, row.state) for row in db.session.execute(mine)}


def _proof(stray: Marked, vm: Owner | None) -> dict[str, Any]:
    return {
        "port" if stray.kind is FindingKind.STRAY_PORT else "floating_ip": stray.id,
        "address": stray.address,
        "mark": list(stray.mark),
        "created": stray.created_at.isoformat() if stray.created_at else None,
        "held_by": stray.held_by or "nothing",
        "record": f"{vm.name}: {vm.state.value}" if vm else NOBODY,
    }


def _refresh(
    tenant_id: UUID, ports: Sequence[Port], addresses: Sequence[FloatingIp], began: datetime
) -> None:
    """Writes down the addresses that servers have now, where they were changed outside the portal."""
    at_server = {
        device: [seen for seen in addresses if seen.device_id == device]
        for device in {seen.device_id for seen in addresses if seen.device_id}
    }
    fixed = {seen.device_id: seen.addresses for seen in ports if seen.device_id and seen.addresses}
    # Not every cloud tells what holds the port of a floating IP.
    known = all(seen.device_id for seen in addresses if seen.port_id)
    resting = select(Vm.id, Vm.server_id, Vm.public_ip, Vm.private_ip, Vm.floating_ips).where(
        Vm.tenant_id == tenant_id, Vm.state == State.ACTIVE, Vm.server_id.is_not(None), Vm.active_at < began
    )
    for vm in db.session.execute(resting).all():
        changes = _private(vm.private_ip, fixed.get(vm.server_id, ()))
        if known:
            has = [seen.address for seen in at_server.get(vm.server_id, ())]
            free = {seen.address for seen in addresses if not seen.port_id}
            changes |= _public(vm.public_ip, has, is_ours=vm.floating_ips > 0 or vm.public_ip in free)
        if changes:
            _write(tenant_id, vm.id, vm.server_id, changes)


def _private(recorded: str | None, has: Sequence[str]) -> dict[str, str | None]:
    return {"private_ip": has[0]} if has and recorded not in has else {}


def _public(recorded: str | None, has: Sequence[str], *, is_ours: bool) -> dict[str, str | None]:
    """What a template calls public need not be a floating IP: only one that was is taken away."""
    if has:
        return {} if recorded in has else {"public_ip": has[0]}
    return {"public_ip": None} if recorded and is_ours else {}


def _write(tenant_id: UUID, vm_id: UUID, server_id: str, changes: Mapping[str, str | None]) -> None:
    with transaction():
        written = db.session.execute(
            update(Vm)
            .where(Vm.id == vm_id, Vm.state == State.ACTIVE, Vm.server_id == server_id)
            .values(**changes)
            .execution_options(synchronize_session=False)
        )
        if written.rowcount:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
            audit.record("vm.refreshed", by=None, tenant_id=tenant_id, vm_id=vm_id, detail=dict(changes))
