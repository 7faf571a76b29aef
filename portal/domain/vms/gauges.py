"""Gauges of VMs, read in bulk at each scrape; and the whole of what Prometheus is told."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client.metrics_core import Metric as Family
from sqlalchemy import Row, case, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from portal.domain.people import gauges as people
from portal.domain.store import gauges as store
from portal.domain.store import metrics
from portal.domain.store.db import db, now
from portal.domain.store.metrics import Gauge
from portal.domain.tenants import counts as tenant_counts
from portal.domain.tenants import gauges as tenants
from portal.domain.tenants.models import KEPT, Tenant
from portal.domain.vms import claims, counts, polling, quotas
from portal.domain.vms.models import Finding, State, Vm

__all__ = ["collect", "exposition"]

LIVE = tuple(state for state in State if state is not State.DELETED)

UP = Gauge("portal_part_up", "1: this part answered at the scrape.", ("part",))
VMS = Gauge("portal_vms", "VMs by tenant and state; deleted ones are left out.", ("tenant", "state"))
POISONED_VMS = Gauge(
    "portal_poisoned_vms", f"VMs that were looked at {claims.POISONED} times or more in vain.", ("tenant",)
)
POLL_AGE = Gauge(
    "portal_poll_age_seconds",
    "Seconds since the VM that waited longest was last seen in its cloud.",
    ("state",),
)
OVERDUE = Gauge(
    "portal_look_overdue_seconds", "How late the look is that is due longest; 0: none is due.", ("state",)
)
POWER_OVERDUE = Gauge(
    "portal_power_overdue_seconds", "How late the start, stop or reboot is that is due longest; 0: none is."
)
FINDINGS = Gauge(
    "portal_findings_open", "Differences between clouds and our records that are open.", ("tenant", "kind")
)
USED = Gauge("portal_quota_used", "What a tenant's VMs hold; memory in MiB.", ("tenant", "resource"))
LIMIT = Gauge("portal_quota_limit", "What a tenant may have; memory in MiB.", ("tenant", "resource"))

_RESOURCES = tuple(quotas.WORDS)


def exposition() -> bytes:
    """Everything that is measured, in Prometheus' text format. Answers, whatever part is away."""
    return metrics.exposition(_everything())


def collect() -> Iterable[Family]:
    """The VMs of all tenants: one question for all figures of the rows, one for the limits."""
    moment = now()
    names, limits = _tenants()
    rows = [row for row in db.session.execute(_FIGURES).all() if row.tenant_id in names]
    counted = {(name, state.value): 0.0 for name in names.values() for state in LIVE}
    for row in rows:
        counted[names[row.tenant_id], row.state.value] += row.vms
    yield VMS.read(counted)
    yield POISONED_VMS.read(_summed(names, rows, "poisoned"))
    yield POLL_AGE.read(_ages(moment, rows, "seen_at"))
    yield OVERDUE.read(_ages(moment, rows, "due_at"))
    yield POWER_OVERDUE.read({(): _age(moment, db.session.scalar(select(func.min(Vm.power_due_at))))})
    yield FINDINGS.read(_findings(names))
    holding = [row for row in rows if row.holds]
    used = {
        (name, resource): amount
        for resource in _RESOURCES
        for (name,), amount in _summed(names, holding, resource).items()
    }
    # What a tenant neither has nor may have is left out: most have no GPUs.
    told = {key for key in limits if limits[key] or used[key]}
    yield USED.read({key: used[key] for key in told})
    yield LIMIT.read({key: limits[key] for key in told})


# Each source with the part it needs. Rooms above the tables add theirs here.
SOURCES: tuple[tuple[str, Callable[[], Iterable[Family]]], ...] = (
    ("redis", store.collect),
    ("redis", tenant_counts.collect),
    ("redis", counts.collect),
    ("redis", people.counted),
    ("database", people.collect),
    ("database", tenants.collect),
    ("database", collect),
)


def _everything() -> list[Family]:
    found: list[Family] = []
    up = {("database",): 1.0, ("redis",): 1.0}
    for part, source in SOURCES:
        try:
            found += source()
        except SQLAlchemyError:
            db.session.rollback()
            up[(part,)] = 0.0
        except ConnectionError:
            up[(part,)] = 0.0
    return [*found, UP.read(up)]


# A launch that failed without a stack is looked at no more.
_LOOKED_AT = or_(polling.WORKS, polling.RESTS)
_FIGURES = (
    select(
        Vm.tenant_id,
        Vm.state,
        func.count().label("vms"),
        func.sum(case((Vm.look_failures >= claims.POISONED, 1), else_=0)).label("poisoned"),
        func.min(
            case((_LOOKED_AT, func.coalesce(Vm.checked_at, Vm.state_since))), type_=Vm.look_at.type
        ).label("seen_at"),
        func.min(case((_LOOKED_AT, Vm.look_at)), type_=Vm.look_at.type).label("due_at"),
        quotas.COUNTS.label("holds"),
        *(func.sum(getattr(Vm, resource)).label(resource) for resource in _RESOURCES if resource != "vms"),
    )
    .where(Vm.state != State.DELETED)
    .group_by(Vm.tenant_id, Vm.state, "holds")
)


def _tenants() -> tuple[dict[UUID, str], dict[tuple[str, str], float]]:
    """(names by id, limits by name and resource)"""
    columns = [getattr(Tenant, f"quota_{resource}") for resource in _RESOURCES]
    rows = db.session.execute(select(Tenant.id, Tenant.name, *columns).where(KEPT)).all()
    limits = {
        (row.name, resource): float(limit)
        for row in rows
        for resource, limit in zip(_RESOURCES, row[2:], strict=True)
    }
    return {row.id: row.name for row in rows}, limits


def _findings(names: dict[UUID, str]) -> dict[tuple[str, str], float]:
    rows = db.session.execute(
        select(Finding.tenant_id, Finding.kind, func.count().label("open"))
        .where(Finding.resolved_at.is_(None))
        .group_by(Finding.tenant_id, Finding.kind)
    )
    return {(names[row.tenant_id], row.kind.value): row.open for row in rows if row.tenant_id in names}


def _summed(names: dict[UUID, str], rows: Sequence[Row[Any]], figure: str) -> dict[tuple[str], float]:
    sums = {(name,): 0.0 for name in names.values()}
    for row in rows:
        sums[(names[row.tenant_id],)] += getattr(row, figure)
    return sums


def _ages(moment: datetime, rows: Sequence[Row[Any]], figure: str) -> dict[tuple[str], float]:
    """By state: seconds since the earliest moment, 0 where there is none or it is still to come."""
    ages = {(state.value,): 0.0 for state in LIVE}
    for row in rows:
        key = (row.state.value,)
        ages[key] = max(ages[key], _age(moment, getattr(row, figure)))
    return ages


def _age(moment: datetime, earlier: datetime | None) -> float:
    return max(0.0, (moment - earlier).total_seconds()) if earlier else 0.0
