"""Standing: a tenant suspended, where nobody launches while VMs stay, and resumed."""

from sqlalchemy import update

from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.people.models import User
from portal.domain.store import audit, wake
from portal.domain.store.db import db, now, transaction
from portal.domain.store.errors import Refused
from portal.domain.tenants.models import Tenant
from portal.translation import gettext


def suspend(tenant: Tenant, why: str, *, by: User) -> None:
    """Nobody launches or starts a VM there from now on; members read why. Raises Forbidden, Refused."""
    access.require(by, Permission.TENANT_MANAGE)
    why = " ".join(why.split())
    if not why:
        raise Refused(gettext("Say why, for the members to read."), field="why")
    with transaction():
        found = db.session.execute(
            update(Tenant)
            .where(Tenant.id == tenant.id, Tenant.suspended_at.is_(None), Tenant.archived_at.is_(None))
            .values(suspended_at=now(), suspended_why=why)
        )
        if found.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
            raise Refused(gettext("It was suspended or archived meanwhile."))
        audit.record("tenant.suspended", by=by, tenant_id=tenant.id, detail={"why": why})
    db.session.refresh(tenant)


def resume(tenant: Tenant, *, by: User) -> None:
    """Launches are possible again, and what waited goes on. Raises Forbidden. Twice is as good as once."""
    access.require(by, Permission.TENANT_MANAGE)
    with transaction():
        found = db.session.execute(
            update(Tenant)
            .where(Tenant.id == tenant.id, Tenant.suspended_at.is_not(None))
            .values(suspended_at=None, suspended_why=None)
        )
        if found.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE answers a CursorResult
            return
        audit.record("tenant.resumed", by=by, tenant_id=tenant.id)
    db.session.refresh(tenant)
    wake.resume(tenant.id)


def refusal(tenant: Tenant) -> str | None:
    """Why nothing new may begin there, in words for members; None: it may."""
    if tenant.archived_at:
        return gettext("%(tenant)s is archived.", tenant=tenant.name)
    if tenant.suspended_at:
        return gettext(
            "%(tenant)s is suspended, so nothing is launched or started there. "
            "An administrator says: %(why)s",
            tenant=tenant.name,
            why=tenant.suspended_why,
        )
    return None


def require_open(tenant: Tenant) -> None:
    """Raises Refused where nothing new may begin."""
    if words := refusal(tenant):
        raise Refused(words, field="tenant")
