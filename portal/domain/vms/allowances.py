"""Allowances: what one member may have of a tenant's quota, where its owner or an administrator says so."""

from collections.abc import Mapping
from uuid import UUID

from portal.domain.people import members
from portal.domain.people.models import User
from portal.domain.store import audit
from portal.domain.store.db import transaction
from portal.domain.vms import quotas


def change(person_id: UUID, tenant_id: UUID, wanted: Mapping[str, int], *, by: User) -> list[str]:
    """Sets the member's limits by name, none for what isn't named; answers which are below what they have.

    Raises Forbidden, NotFound, Refused for oneself, or Refused with the field that has to change.
    """
    quotas.check(wanted)
    with transaction():
        # Under the lock where launches queue: what is allowed after this holds for each of them.
        quotas.locked(tenant_id)
        membership = members.of_another(person_id, tenant_id, by)
        before, membership.limits = membership.limits, dict(wanted)
        if before != membership.limits:
            detail = {"email": membership.user.email, "before": before, "after": membership.limits}
            audit.record("member.limited", by=by, tenant_id=tenant_id, detail=detail)
        return quotas.beyond(quotas.usage(tenant_id, of=person_id), wanted)
