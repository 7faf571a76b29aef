"""The past of a cloud: launches that ended there."""

from sqlalchemy import insert

from portal.domain.store.db import db, now
from portal.domain.tenants.models import Tenant
from portal.domain.vms.models import FinishedLaunch
from tests.support.wizard import write


def finished(tenant: Tenant, *seconds: float, size: str = "m1.small") -> None:
    """Plain servers of this size that took so long on the tenant's cloud."""
    cloud = f"{tenant.auth_url} {tenant.region}"
    facts = {"cloud": cloud, "offering": "ubuntu-basic", "size": size, "at": now()}
    rows = [facts | {"seconds": each, "steps": {"port": 1.0, "server": each - 1}} for each in seconds]
    write(insert(FinishedLaunch).values(rows))
    db.session.rollback()
