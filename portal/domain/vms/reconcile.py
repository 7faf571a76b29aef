"""Reconciling: every stack that bears our mark against our records, in one bulk question per tenant; then
every port and floating IP, in two more.

Proven ours is a stack with both tags, `portal` and `vm-<id>`, in the tenant's own project, whose id is a VM
of that tenant. Only such a stack is ever deleted by itself; one of a VM we never knew is shown to an admin.
"""

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import DomainError
from portal.domain.tenants import circuits, clouds
from portal.domain.tenants.models import KEPT, Tenant
from portal.domain.vms import findings, marks, strays, usage
from portal.domain.vms.marks import TAG
from portal.domain.vms.models import Finding, FindingKind, State, Vm
from portal.domain.vms.provisioning import SHOW_TIME
from portal.openstack.cloud import Cloud
from portal.openstack.errors import NotFound, OpenStackError
from portal.openstack.heat import Stack

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=5)
AFTER_TROUBLE = timedelta(minutes=1)
# So many tenants are queued at once: who waits for a console doesn't stand behind a thousand of them.
AT_ONCE = 20
_LEASE = timedelta(minutes=3)
ABOUT_STACKS = (FindingKind.ORPHAN_STACK, FindingKind.DUPLICATE_STACK, FindingKind.LEFTOVER_STACK)


def due() -> list[UUID]:
    """The tenants whose stacks should be compared now, the longest overdue first, few at once."""
    chosen = select(Tenant.id).where(Tenant.reconcile_due_at <= now(), KEPT)
    return list(db.session.scalars(chosen.order_by(Tenant.reconcile_due_at).limit(AT_ONCE)))


def sweep(tenant_id: UUID) -> bool:
    """Compares the tenant's stacks with its VMs; False: not due, or somebody else does it."""
    with transaction():
        mine = db.session.scalar(
            update(Tenant)
            .where(Tenant.id == tenant_id, Tenant.reconcile_due_at <= now())
            .values(reconcile_due_at=now() + _LEASE)
            .returning(Tenant.id)
            .execution_options(synchronize_session=False)
        )
    if mine is None:
        return False
    usage.sample(tenant_id)
    pause = EVERY
    try:
        cloud = clouds.of(tenant_id)
        strays.compare(tenant_id, cloud, with_stack=_compare(tenant_id, cloud))
    except (OpenStackError, DomainError) as error:
        logger.warning("not reconciled: %s", error, extra={"tenant_id": str(tenant_id)})
        pause = AFTER_TROUBLE
    else:
        circuits.heard(tenant_id)
    with transaction():
        db.session.execute(
            update(Tenant).where(Tenant.id == tenant_id).values(reconcile_due_at=now() + pause)
        )
    return True


def _compare(tenant_id: UUID, cloud: Cloud) -> set[UUID]:
    """Answers the VMs whose mark a live stack bears."""
    live = [stack for stack in cloud.heat.tagged(TAG) if not stack.is_deleted]
    ids = {stack.id: vm_id for stack in live if (vm_id := marks.of(stack.tags))}
    # The stacks are read before the VMs: a VM made meanwhile is in the table, its stack not yet in the list.
    vms = {vm.id: vm for vm in db.session.scalars(select(Vm).where(Vm.id.in_(set(ids.values()))))}
    on_record = {vm.stack_id for vm in vms.values()} & {stack.id for stack in live}
    differing = []
    for stack in live:
        if vm_id := ids.get(stack.id):
            vm = vms.get(vm_id)
            # A mark can be forged: another tenant's VM is as good as none.
            vm = vm if vm and vm.tenant_id == tenant_id else None
            if kind := _kind(stack, vm):
                _found(kind, tenant_id, stack, vm, cloud, recorded=bool(vm and vm.stack_id in on_record))
                differing += [stack.id] if kind is FindingKind.STATUS_DIFFERS else []
    with transaction():
        findings.settle_gone(tenant_id, [stack.id for stack in live], ABOUT_STACKS)
        findings.settle_gone(tenant_id, differing, (FindingKind.STATUS_DIFFERS,))
    return set(ids.values())


def _kind(stack: Stack, vm: Vm | None) -> FindingKind | None:
    """What is odd about a stack that bears a VM's mark; None: nothing."""
    if vm is None:
        return FindingKind.ORPHAN_STACK
    if vm.state is State.DELETED:
        return FindingKind.LEFTOVER_STACK
    if (
        vm.state is State.ACTIVE
        and stack.id == vm.stack_id
        and (stack.has_failed or stack.action == "DELETE")
    ):
        return FindingKind.STATUS_DIFFERS
    if vm.stack_id is None or stack.id in {vm.stack_id, vm.failed_stack_id}:
        broken = stack.has_failed or stack.action == "DELETE"
        return FindingKind.STATUS_DIFFERS if broken and vm.state is State.ACTIVE else None
    return FindingKind.DUPLICATE_STACK


def _found(
    kind: FindingKind, tenant_id: UUID, stack: Stack, vm: Vm | None, cloud: Cloud, *, recorded: bool
) -> None:
    """Writes the finding; deletes the stack where it is proven ours and not wanted, or an admin asked."""
    proof: dict[str, Any] = {
        "stack": stack.id,
        "name": stack.name,
        "tags": list(stack.tags),
        "status": stack.status,
        "created": stack.created_at.isoformat() if stack.created_at else None,
        "changed": stack.updated_at.isoformat() if stack.updated_at else None,
        "record": f"{vm.name}: {vm.state.value}, stack {vm.stack_id}" if vm else strays.NOBODY,
    }
    asked = _asked(kind, tenant_id, stack.id)
    proven = vm is not None and (
        kind is FindingKind.LEFTOVER_STACK or (kind is FindingKind.DUPLICATE_STACK and recorded)
    )
    young = stack.created_at is not None and now() - stack.created_at < SHOW_TIME
    if (proven and not young) or asked:
        if not stack.is_deleting:
            _delete(cloud, stack)
        settled = (
            f"The stack was deleted ({'asked by ' + asked if asked else 'proven ours, and not wanted'})."
        )
    else:
        settled = None
    with transaction():
        findings.note(kind, tenant_id, stack.id, proof, vm_id=vm.id if vm else None, settled=settled)


def _asked(kind: FindingKind, tenant_id: UUID, stack_id: str) -> str | None:
    """Who asked for the stack's deletion."""
    proof = db.session.scalar(
        select(Finding.proof).where(
            Finding.tenant_id == tenant_id,
            Finding.kind == kind,
            Finding.subject == stack_id,
            Finding.resolved_at.is_(None),
        )
    )
    return str(proof["delete_asked_by"]) if proof and "delete_asked_by" in proof else None


def _delete(cloud: Cloud, stack: Stack) -> None:
    try:
        cloud.heat.delete(stack.id, stack.name)
    except NotFound:
        logger.info("the stack is gone already")
