"""Archiving: a tenant put out of everybody's way once none of its VMs lives, and brought back."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants import credentials
from portal.domain.tenants.credentials import Credential, Standing
from portal.domain.tenants.models import Tenant
from portal.domain.vms import quotas
from portal.domain.vms.models import Finding, State, Vm
from portal.translation import N_, gettext

MOST_NAMED = 50


@dataclass(frozen=True)
class Left:
    """What a tenant still has: the newest of its VMs, how many there are, open findings, its credential."""

    vms: Sequence[Vm]
    count: int
    findings: int
    credential: Credential | None


def left(tenant: Tenant) -> Left:
    """What there still is."""
    lives = (Vm.tenant_id == tenant.id, Vm.state != State.DELETED)
    open_ones = (Finding.tenant_id == tenant.id, Finding.resolved_at.is_(None))
    named = select(Vm).where(*lives).order_by(Vm.requested_at.desc()).limit(MOST_NAMED)
    return Left(
        vms=list(db.session.scalars(named)),
        count=db.session.scalar(select(func.count(Vm.id)).where(*lives)) or 0,
        findings=db.session.scalar(select(func.count(Finding.id)).where(*open_ones)) or 0,
        credential=credentials.standing(tenant.id, Standing.CURRENT),
    )


def archive(tenant: Tenant, *, by: User) -> None:
    """It vanishes from menus, polls and sweeps; its history stays. Raises Forbidden, or Refused: what lives.

    Its row is locked, as by a launch, so none slips in between.
    """
    access.require(by, Permission.TENANT_MANAGE)
    with transaction():
        locked = quotas.locked(tenant.id)
        if locked.archived_at:
            return
        lives = left(locked)
        if lives.count:
            raise Refused(_delete_first(lives))
        locked.archived_at = now()
        audit.record("tenant.archived", by=by, tenant_id=tenant.id, detail={"findings": lives.findings})


def _delete_first(lives: Left) -> str:
    names, more = ", ".join(vm.name for vm in lives.vms[:5]), max(0, lives.count - 5)
    some = N_("Delete its VMs first: %(names)s and %(num)s more.")
    return gettext(some if more else N_("Delete its VMs first: %(names)s."), names=names, num=more)


def restore(tenant: Tenant, *, by: User) -> None:
    """Back among the others. Raises Forbidden. Twice is as good as once."""
    access.require(by, Permission.TENANT_MANAGE)
    with transaction():
        locked = quotas.locked(tenant.id)
        if locked.archived_at is None:
            return
        locked.archived_at, locked.catalog_due_at, locked.reconcile_due_at = None, now(), now()
        audit.record("tenant.restored", by=by, tenant_id=tenant.id)
    wake.catalog(tenant.id)
