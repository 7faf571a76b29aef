"""Overview: the portal for who looks after it: its parts, the clouds, and VMs that can't be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from portal.domain.people import access, deliveries
from portal.domain.people.access import Permission
from portal.domain.people.deliveries import Standing
from portal.domain.people.models import User
from portal.domain.store import keyring, pulse, volatile, wake
from portal.domain.store.db import db, now
from portal.domain.store.pulse import Sign
from portal.domain.tenants import circuits
from portal.domain.tenants.models import KEPT, Tenant
from portal.domain.vms import claims
from portal.domain.vms.models import Finding, State, Vm

MOST_TENANTS, MOST_VMS = 200, 50


@dataclass(frozen=True)
class Queue:
    """What waits on a queue, and what failed there within a day."""

    name: str
    waiting: int
    failed: int


@dataclass(frozen=True)
class Cloud:
    """A tenant's cloud: whether it is left alone at present, and how many findings wait there."""

    tenant: Tenant
    silent: bool
    findings: int


@dataclass(frozen=True)
class Overview:
    """`beats` are the last signs of life by worker or clock; with `queues` none while Redis is away."""

    signs: Sequence[Sign]
    beats: Mapping[str, datetime]
    queues: Sequence[Queue]
    clouds: Sequence[Cloud]
    tenants: int
    poisoned: Sequence[Vm]
    posts: Sequence[Standing]


def read(by: User) -> Overview:
    """All of it as it is now; asks no cloud. Raises Forbidden."""
    access.require(by, Permission.SYSTEM_VIEW)
    beats, queues = _redis()
    return Overview(
        signs=[*pulse.signs(), keyring.sign()],
        beats=beats,
        queues=queues,
        clouds=_clouds(),
        tenants=db.session.scalar(select(func.count(Tenant.id)).where(KEPT)) or 0,
        poisoned=list(
            db.session.scalars(
                select(Vm)
                .where(Vm.look_failures >= claims.POISONED, Vm.state != State.DELETED)
                .order_by(Vm.look_failures.desc(), Vm.look_at)
                .limit(MOST_VMS)
            )
        ),
        posts=deliveries.standings(),
    )


def _redis() -> tuple[dict[str, datetime], list[Queue]]:
    try:
        seen = volatile.beats("")
        waiting, failed = wake.waiting(), wake.failed()
    except ConnectionError:
        return {}, []
    moment = now()
    beats = {name: moment - timedelta(seconds=seen[name]) for name in sorted(seen)}
    return beats, [Queue(name, waiting[name], failed[name]) for name in waiting]


def _clouds() -> list[Cloud]:
    """The tenants, those in trouble first."""
    found: dict[UUID, int] = {
        row[0]: row[1]
        for row in db.session.execute(
            select(Finding.tenant_id, func.count())
            .where(Finding.resolved_at.is_(None))
            .group_by(Finding.tenant_id)
        )
    }
    silent = Tenant.silent_tries >= circuits.OPENS_AFTER
    tenants = db.session.scalars(
        select(Tenant)
        .where(KEPT)
        .order_by(
            Tenant.refused_since.is_(None), silent.desc(), Tenant.catalog_trouble.is_(None), Tenant.name
        )
        .limit(MOST_TENANTS)
    )
    return [Cloud(one, circuits.is_open(one), found.get(one.id, 0)) for one in tenants]
