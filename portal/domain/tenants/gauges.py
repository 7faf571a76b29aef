"""Gauges of tenants: their credentials, whether their clouds answer, how fresh their catalogues are."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric as Family
from sqlalchemy import select

from portal.domain.store.db import db, now
from portal.domain.store.metrics import Gauge
from portal.domain.tenants import circuits
from portal.domain.tenants.models import KEPT, Credential, Standing, Tenant

NO_CREDENTIAL = Gauge("portal_credential_missing", "1: the tenant has no credential in use.", ("tenant",))
REFUSED = Gauge(
    "portal_credential_refused", "1: Keystone refuses the tenant's credential; launches wait.", ("tenant",)
)
EXPIRES = Gauge(
    "portal_credential_expires_seconds",
    "Seconds until the tenant's credential ends; only for those that do.",
    ("tenant",),
)
CATALOG_AGE = Gauge(
    "portal_catalogue_age_seconds",
    "Seconds since the tenant's images, sizes and networks were last read; since its making where never.",
    ("tenant",),
)
CIRCUIT_OPEN = Gauge(
    "portal_circuit_open", "1: the tenant's cloud doesn't answer and is left alone for a while.", ("tenant",)
)


def collect() -> Iterable[Family]:
    """All tenants, in one question."""
    moment = now()
    rows = db.session.execute(
        select(
            Tenant.name,
            Tenant.created_at,
            Tenant.catalog_checked_at,
            Tenant.silent_tries,
            Tenant.refused_since,
            Credential.id,
            Credential.expires_at,
        )
        .outerjoin(
            Credential, (Credential.tenant_id == Tenant.id) & (Credential.standing == Standing.CURRENT)
        )
        .where(KEPT)
    ).all()
    yield NO_CREDENTIAL.read({(row.name,): float(row.id is None) for row in rows})
    yield REFUSED.read({(row.name,): float(row.refused_since is not None) for row in rows})
    yield EXPIRES.read(
        {(row.name,): (row.expires_at - moment).total_seconds() for row in rows if row.expires_at}
    )
    yield CIRCUIT_OPEN.read({(row.name,): float(row.silent_tries >= circuits.OPENS_AFTER) for row in rows})
    yield CATALOG_AGE.read(
        {(row.name,): (moment - (row.catalog_checked_at or row.created_at)).total_seconds() for row in rows}
    )
