"""Tenants: which a person may see, which one they are in, and making them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select, update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import NotFound, Refused
from portal.domain.tenants.models import KEPT, NetworkProfile, Tenant
from portal.translation import gettext

__all__ = ["Tenant", "create", "current", "get", "move", "named", "names", "networks", "of", "seen"]
__all__ += ["visible"]


def of(user: User) -> list[Tenant]:
    """The tenants the person belongs to, by name."""
    return list(
        db.session.scalars(select(Tenant).where(Tenant.id.in_(user.tenant_ids), KEPT).order_by(Tenant.name))
    )


def visible(user: User, *, limit: int | None = None) -> list[Tenant]:
    """The tenants whose VMs the person may see, by name; at most so many."""
    if access.everywhere(user, Permission.VM_VIEW):
        return list(db.session.scalars(select(Tenant).where(KEPT).order_by(Tenant.name).limit(limit)))
    return of(user)[:limit]


def seen(tenant_id: UUID | None, *, by: User) -> Tenant | None:
    """The tenant if the person may see its VMs."""
    tenant = db.session.get(Tenant, tenant_id) if tenant_id else None
    if tenant is None or tenant.archived_at:
        return None
    return tenant if access.allows(by, Permission.VM_VIEW, tenant.id) else None


def get(tenant_id: UUID, *, for_: User) -> Tenant:
    """The tenant. Raises NotFound also for a stranger, and once archived for all but staff."""
    tenant = db.session.get(Tenant, tenant_id)
    if tenant is None or not access.allows(for_, Permission.CATALOG_VIEW, tenant_id):
        raise NotFound(gettext("There is no such tenant."))
    if tenant.archived_at and not access.everywhere(for_, Permission.TENANT_VIEW):
        raise NotFound(gettext("There is no such tenant."))
    return tenant


def named(name: str) -> Tenant:
    """The tenant with this name, for the command line. Raises NotFound."""
    tenant = db.session.scalar(select(Tenant).where(Tenant.name == name))
    if tenant is None:
        raise NotFound(gettext("There is no tenant named %(name)s.", name=name))
    return tenant


def names(tenant_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What these tenants are called."""
    wanted = set(tenant_ids) - {None}
    rows = db.session.execute(select(Tenant.id, Tenant.name).where(Tenant.id.in_(wanted)))
    return {row[0]: row[1] for row in rows}


def current(user: User, wanted: UUID | None, listed: Sequence[Tenant] | None = None) -> Tenant | None:
    """The tenant the person works in: the wanted one where they may, else their first, else none.

    `listed`: those they see, by name, where these were read before.
    """
    first = visible(user, limit=1) if listed is None else listed
    known = next((tenant for tenant in first if tenant.id == wanted), None)
    return known or seen(wanted, by=user) or next(iter(first), None)


def networks(tenant_id: UUID, search: str = "") -> list[NetworkProfile]:
    """The networks members of the tenant may launch in, by name."""
    profiles = db.session.scalars(
        select(NetworkProfile)
        .where(
            NetworkProfile.tenant_id == tenant_id,
            NetworkProfile.gone.is_(False),
            NetworkProfile.offered.is_(True),
        )
        .order_by(NetworkProfile.name)
    )
    wanted = search.strip().lower()
    return [profile for profile in profiles if wanted in f"{profile.name} {' '.join(profile.cidrs)}".lower()]


def create(tenant: Tenant, *, by: User | None = None) -> Tenant:
    """Adds the tenant and has its cloud looked at. Raises Refused when the name is taken."""
    tenant.catalog_due_at = now()
    with transaction():
        require_free(tenant.name)
        db.session.add(tenant)
        db.session.flush()
        audit.record("tenant.created", by=by, tenant_id=tenant.id, detail={"name": tenant.name})
    wake.catalog(tenant.id)
    return tenant


def require_free(name: str, *, but: UUID | None = None) -> None:
    """Raises Refused where another tenant has this name, an archived one too."""
    owner = db.session.scalar(select(Tenant.id).where(Tenant.name == name))
    if owner not in (None, but):
        raise Refused(gettext("Another tenant has this name."), field="name")


def move(tenant: Tenant, auth_url: str, *, by: User | None = None) -> None:
    """Has the tenant's cloud asked at another address from now on."""
    if tenant.auth_url == auth_url:
        return
    with transaction():
        db.session.execute(
            update(Tenant).where(Tenant.id == tenant.id).values(auth_url=auth_url, catalog_due_at=now())
        )
        audit.record("tenant.moved", by=by, tenant_id=tenant.id, detail={"auth_url": auth_url})
    db.session.refresh(tenant)
