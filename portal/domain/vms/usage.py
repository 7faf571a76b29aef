"""Usage: the most a tenant's VMs held on each day, noted whenever its stacks are compared, for 90 days."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store.db import db, now, transaction
from portal.domain.tenants.models import Tenant, UsageSample
from portal.domain.vms import quotas

__all__ = ["UsageSample", "history", "sample", "today"]

DAYS = 90


def sample(tenant_id: UUID) -> None:
    """Notes what is used now, where it is the most of the day, and today's limits."""
    with transaction():
        tenant = quotas.locked(tenant_id)
        used, limits, day = asdict(quotas.usage(tenant_id)), quotas.limits(tenant), today()
        row = db.session.get(UsageSample, (tenant_id, day))
        if row is None:
            db.session.add(UsageSample(tenant_id=tenant_id, day=day, used=used, limits=limits))
            beyond = UsageSample.day <= day - timedelta(days=DAYS)
            db.session.execute(delete(UsageSample).where(UsageSample.tenant_id == tenant_id, beyond))
        else:
            row.used, row.limits = _most(row, used).used, limits


def history(tenant: Tenant, *, for_: User) -> Sequence[UsageSample]:
    """The days that are known, oldest first; today's with what is used this moment. Raises Forbidden."""
    access.require(for_, Permission.QUOTA_VIEW, tenant.id)
    days = select(UsageSample).where(
        UsageSample.tenant_id == tenant.id, UsageSample.day > today() - timedelta(days=DAYS)
    )
    used = asdict(quotas.usage(tenant.id))
    return [
        _most(day, used) if day.day == today() else day
        for day in db.session.scalars(days.order_by(UsageSample.day))
    ]


def _most(day: UsageSample, used: Mapping[str, int]) -> UsageSample:
    """The day, not to be kept, with the larger of what is noted and this."""
    larger = {name: max(amount, day.used[name]) for name, amount in used.items()}
    return UsageSample(tenant_id=day.tenant_id, day=day.day, used=larger, limits=day.limits)


def today() -> date:
    """The day in UTC."""
    return now().date()
