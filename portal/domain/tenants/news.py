"""News: what admins are told of credentials, in the transaction that makes it true."""

from datetime import datetime, timedelta
from uuid import UUID

from portal.domain.people import notices
from portal.domain.people.notices import Fact, Kind
from portal.domain.store.db import db, now
from portal.domain.tenants.models import Credential, Standing, Tenant

# So many days before the end, one notice each; the doctor comes daily.
STEPS = (2, 7, 30)


def refused(tenant_id: UUID) -> None:
    """Keystone says no to the tenant's credential from now on."""
    tenant = db.session.get_one(Tenant, tenant_id)
    _tell(Kind.CREDENTIAL_REFUSED, f"{tenant_id} {now().isoformat()}", tenant)


def ending(credential: Credential, ends: datetime | None) -> None:
    """The credential was seen, and this is when it ends."""
    left = ends - now() if ends and credential.standing is Standing.CURRENT else None
    step = next((days for days in STEPS if left is not None and left <= timedelta(days=days)), None)
    if ends and step:
        tenant = db.session.get_one(Tenant, credential.tenant_id)
        key = f"{credential.id} {ends.isoformat()} {step}"
        _tell(Kind.CREDENTIAL_ENDING, key, tenant, ends=f"{ends:%Y-%m-%d %H:%M}")


def _tell(kind: Kind, key: str, tenant: Tenant, **facts: str) -> None:
    notices.tell(Fact(kind, f"{kind} {key}", tenant.id, tenant.id, {"tenant": tenant.name, **facts}))
