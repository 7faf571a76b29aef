"""Terms: how long a tenant's VMs may be leased, as an admin set it, and from when an end is warned of."""

from datetime import datetime, timedelta
from uuid import UUID

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.domain.vms import particulars, quotas
from portal.translation import gettext, ngettext

# Days.
MOST = 3650
# A lease that would grow by less is as long as it may be.
WORTHWHILE = timedelta(hours=1)
# Whoever asks for a day knows that it ends soon: a warning begins with the last part of what was asked for.
WARNED, LAST_PART = timedelta(days=7), 3


def limit(tenant_id: UUID, days: int | None, *, by: User) -> None:
    """Sets the longest lease; None: there is none, and VMs need no lease. What is launched stays as it is.

    Raises Forbidden, or Refused with the field.
    """
    access.require(by, Permission.QUOTA_CHANGE)
    if days is not None and not 1 <= days <= MOST:
        words = gettext("Give a whole number from 1 to %(most)s, or nothing.", most=MOST)
        raise Refused(words, field="longest")
    with transaction():
        tenant = quotas.locked(tenant_id)
        before = tenant.longest_lease_days
        if days == before:
            return
        tenant.longest_lease_days = days
        audit.record(
            "quota.lease_limited", by=by, tenant_id=tenant_id, detail={"before": before, "after": days}
        )


def require(tenant_id: UUID, days: int) -> None:
    """Raises Refused unless a lease of so many days may begin; for who holds the tenant's row lock."""
    particulars.lease(str(days), longest=quotas.locked(tenant_id).longest_lease_days)


def latest_end(tenant: Tenant) -> datetime | None:
    """When a lease may end at the latest, counted from now; None: whenever."""
    days = tenant.longest_lease_days
    return now() + timedelta(days=days) if days else None


def extended(tenant: Tenant, ends_at: datetime, days: int) -> datetime:
    """The end after so many days more, from now where it is past, and at most what the tenant allows.

    Raises Refused where that is no gain.
    """
    if words := why_no_more(tenant, ends_at):
        raise Refused(words)
    wanted, latest = max(ends_at, now()) + timedelta(days=days), latest_end(tenant)
    return min(wanted, latest) if latest else wanted


def why_no_more(tenant: Tenant, ends_at: datetime) -> str:
    """Why a lease with this end can't be extended in the tenant now; empty: it can."""
    latest = latest_end(tenant)
    if latest is None or latest - ends_at >= WORTHWHILE:
        return ""
    return " ".join([rule(tenant), gettext("This one is as long as that already.")])


def warned_from(asked_at: datetime, ends_at: datetime) -> datetime:
    """From when the end of a lease that was asked for or extended then is warned of."""
    return ends_at - min(WARNED, (ends_at - asked_at) / LAST_PART)


def rule(tenant: Tenant) -> str:
    """How long leases may be, in words; empty: as long as one likes."""
    days = tenant.longest_lease_days
    return (
        ngettext(
            "A lease ends at most %(num)s day from now in %(name)s.",
            "A lease ends at most %(num)s days from now in %(name)s.",
            days,
            name=tenant.name,
        )
        if days
        else ""
    )
