"""Counts of what is said to the clouds: calls, how long they took, and questions in vain by tenant."""

from collections.abc import Collection, Iterable
from uuid import UUID

from prometheus_client.metrics_core import Metric as Family
from sqlalchemy import select

from portal.domain.store import metrics
from portal.domain.store.db import db
from portal.domain.store.metrics import Counter, Histogram
from portal.domain.tenants.models import Tenant
from portal.openstack.cloud import Call

CALLS = Counter(
    "portal_openstack_calls_total",
    "Calls to OpenStack; status none: no answer came.",
    ("service", "method", "status"),
)
CALL_SECONDS = Histogram(
    "portal_openstack_call_seconds", "How long OpenStack took to answer a call.", ("service", "method")
)
IN_VAIN = Counter(
    "portal_looks_in_vain_total",
    "Looks at a tenant's cloud that an error ended, by the error's name.",
    ("tenant", "error"),
)


def called(call: Call) -> None:
    """One call to OpenStack, answered or not."""
    metrics.record(
        CALLS.plus(call.service, call.method, str(call.status or "none")),
        CALL_SECONDS.plus(call.service, call.method, seconds=call.seconds),
    )


def in_vain(tenant_ids: Collection[UUID], error: Exception) -> None:
    """The tenants' cloud, or the way to it, gave an error instead of an answer."""
    names = db.session.scalars(select(Tenant.name).where(Tenant.id.in_(tenant_ids)))
    metrics.record(*(IN_VAIN.plus(name, type(error).__name__) for name in names))


def collect() -> Iterable[Family]:
    """All of it. Raises ConnectionError."""
    return metrics.counted(CALLS, CALL_SECONDS, IN_VAIN)
