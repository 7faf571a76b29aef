"""Members: who belongs to a tenant, as what, and what its owners may change of it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.domain.people import access, accounts, people
from portal.domain.people.access import Permission
from portal.domain.people.models import Membership, TenantRole, User
from portal.domain.store import audit
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.translation import gettext

__all__ = ["Membership", "TenantRole", "add", "change_role", "of", "of_another", "remove"]


def of(tenant_id: UUID, *, for_: User) -> list[Membership]:
    """The members of a tenant with their persons, by name. Raises Forbidden."""
    access.require(for_, Permission.MEMBER_VIEW, tenant_id)
    return list(
        db.session.scalars(
            select(Membership)
            .join(Membership.user)
            .options(joinedload(Membership.user))
            .where(Membership.tenant_id == tenant_id)
            .order_by(User.name, User.email)
        )
    )


def add(person_id: UUID, tenant_id: UUID, role: TenantRole, *, by: User) -> None:
    """Puts a person with an account into a tenant, without asking them: for admins."""
    access.require(by, Permission.PERSON_MANAGE)
    accounts.join(people.get(person_id, for_=by), tenant_id, role, by=by)


def change_role(person_id: UUID, tenant_id: UUID, role: TenantRole, *, by: User) -> None:
    """What the person is in the tenant from now on. Raises Refused for oneself."""
    with transaction():
        membership = of_another(person_id, tenant_id, by)
        before, membership.role = membership.role, role
        if before is not role:
            detail = {"email": membership.user.email, "before": before.value, "after": role.value}
            audit.record("member.role_changed", by=by, tenant_id=tenant_id, detail=detail)


def remove(person_id: UUID, tenant_id: UUID, *, by: User) -> None:
    """Takes the person out of the tenant; their VMs stay there. Raises Refused for oneself."""
    with transaction():
        membership = of_another(person_id, tenant_id, by)
        detail = {"email": membership.user.email, "before": membership.role.value, "after": None}
        db.session.delete(membership)
        audit.record("member.removed", by=by, tenant_id=tenant_id, detail=detail)


def of_another(person_id: UUID, tenant_id: UUID, by: User) -> Membership:
    """The membership, if this person may change it. Raises Forbidden, NotFound, and Refused for oneself."""
    access.require(by, Permission.MEMBER_MANAGE, tenant_id)
    membership = db.session.get(Membership, (person_id, tenant_id))
    if membership is None:
        raise NotFound(gettext("There is no such member."))
    if person_id == by.id and not access.everywhere(by, Permission.MEMBER_MANAGE):
        raise Refused(gettext("Another owner or an administrator has to change what you are here."))
    return membership
